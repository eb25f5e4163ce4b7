//! An honest day: pieces of work, spread over a shift.

use rand::RngExt;

use crate::engine::model::Outcome;

use super::super::chance::{
    Chance, Purpose, around, below, burstiness, chance, count, happens, hash, unit, wait,
};
use super::super::sites::{SITES, busy, surge};
use super::calendar::{Calendar, HOUR_MS, MINUTE_MS, SiteDay};
use super::dataset::{self, Dataset, PNR, WATCHLIST};
use super::draft::{Act, Draft};
use super::person::{Person, Shift};
use super::role::{self, Hours, Role};

/// How the logarithm of a day's work differs from day to day within one person.
const DAY_SIGMA: f64 = 0.36;
/// The same, for everybody at a site together.
const SITE_SIGMA: f64 = 0.12;
/// Shape of the hours' own gamma: bursts beyond those that pieces of work make.
const HOUR_SHAPE: f64 = 4.0;
/// A list is so many times as long as an ordinary piece of work.
const LIST_FACTOR: f64 = 2.5;
const STEP_MS: i64 = 10 * MINUTE_MS;
/// Desks of a site that nobody owns, and the first one's number.
const SHARED_DESKS: u64 = 12;
const SHARED_DESKS_FROM: u32 = 60_000;
/// Popular records: those many look at again and again.
const POPULAR: u64 = 3_000;

/// What a day's work needs to know.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub seed: u64,
    pub cases: bool,
    pub lost_case_share: f64,
    pub attack_case_share: f64,
    pub scale: f64,
    pub calendar: &'a Calendar,
}

/// A person's events of one local day, in the order they were thought of.
pub(super) struct Desk<'a> {
    pub setting: Setting<'a>,
    pub person: &'a mut Person,
    pub day: SiteDay,
    pub rng: Chance,
    pub out: &'a mut Vec<Draft>,
    pub order: u32,
    pub session: u32,
    pub ip: u32,
    pub deed: u16,
}

impl<'a> Desk<'a> {
    pub(super) fn new(
        setting: Setting<'a>,
        person: &'a mut Person,
        day: SiteDay,
        out: &'a mut Vec<Draft>,
    ) -> Self {
        let number = u64::from(person.number);
        let mut rng = chance(setting.seed, Purpose::Work, number, u64::from(day.day) + 1_000);
        let session = rng.random();
        let ip = person.ip;
        Self { setting, person, day, rng, out, order: 0, session, ip, deed: 0 }
    }

    /// A whole day. Says when the person was at work, where they were.
    pub(super) fn honest_day(&mut self) -> Option<Shift> {
        let shift = self.person.shift(&self.day, &mut self.rng)?;
        let facts = role::facts(self.person.post.role);
        if facts.hours == Hours::Machine {
            self.machine_day(shift);
            return Some(shift);
        }
        if facts.actor_type == "person" && self.deed == 0 {
            self.take_a_place();
        }
        let expected =
            self.expected_day() * around(&mut self.rng, 1.0, DAY_SIGMA) * self.site_mood();
        let hours = ((shift.end_ms - shift.start_ms) as f64 / HOUR_MS as f64).max(1.0);
        let mut at = shift.start_ms;
        while at < shift.end_ms {
            let hour = burstiness(&mut self.rng, HOUR_SHAPE) * expected / hours;
            for step in 0..6 {
                let from = at + step * STEP_MS;
                let pieces = hour / 6.0 * self.season(from) / self.piece_mean();
                for _ in 0..count(&mut self.rng, pieces) {
                    let start = from + below(&mut self.rng, STEP_MS as u64) as i64;
                    self.piece(start);
                }
            }
            if happens(&mut self.rng, 0.1) {
                self.session = self.rng.random();
            }
            at += HOUR_MS;
        }
        self.batch(shift);
        Some(shift)
    }

    /// Reads of an ordinary day like this one.
    pub(super) fn expected_day(&self) -> f64 {
        let day = &self.day;
        let role = self.person.post.role;
        let floor = matches!(role, role::BORDER | role::CUSTOMS);
        let mut factor = match (floor, day.weekday) {
            (true, _) => 1.0,
            (false, 0) => 1.15,
            (false, 4) => 0.85,
            (false, 5..) => 0.4,
            _ => 1.0,
        };
        if day.holiday {
            factor *= if role == role::BORDER { 1.25 } else { 0.6 };
        }
        if day.month_end {
            factor *= match role {
                role::DUTY_CLERK => 1.9,
                role::CUSTOMS | role::ANALYST => 1.25,
                _ => 1.0,
            };
        }
        self.person.rate * factor
    }

    fn site_mood(&self) -> f64 {
        let site = u64::from(self.day.site) + 500;
        let mut rng = chance(self.setting.seed, Purpose::Site, site, u64::from(self.day.day));
        around(&mut rng, 1.0, SITE_SIGMA)
    }

    /// How busy it is at this moment, 1 being an average working hour.
    fn season(&self, at_ms: i64) -> f64 {
        let local_ms = at_ms - self.day.midnight_ms;
        let site = &SITES[usize::from(self.day.site)];
        match self.person.post.role {
            role::BORDER | role::CUSTOMS => {
                let since_monday = self.day.weekday * 24 * HOUR_MS + local_ms;
                // The first Monday after the epoch was on its fifth day.
                let busy = busy(site.kind, 4 * 24 * HOUR_MS + since_monday);
                busy * surge(self.setting.seed, self.day.site, at_ms)
            }
            _ => match (local_ms / (HOUR_MS / 2)).rem_euclid(48) {
                24 | 25 => 0.35,
                0..17 | 35.. => 0.8,
                19..24 => 1.2,
                _ => 1.0,
            },
        }
    }

    /// Reads of a piece of work, on average.
    fn piece_mean(&self) -> f64 {
        let list = self.person.list_share;
        let facts = role::facts(self.person.post.role);
        facts.piece * (1.0 - list) + list * facts.piece * LIST_FACTOR
    }

    /// Mostly the usual one; now and then a shared desk, or home where the work allows it.
    fn take_a_place(&mut self) {
        let luck = self.rng.random::<f64>();
        let at_home = role::facts(self.person.post.role).hours == Hours::Office
            && self.person.works_from_home
            && luck < 0.2;
        if at_home {
            self.ip = self.person.remote();
        } else if luck > 0.92 {
            self.ip = self.elsewhere();
        }
    }

    /// One of the site's shared desks.
    pub(super) fn elsewhere(&mut self) -> u32 {
        let number = SHARED_DESKS_FROM + below(&mut self.rng, SHARED_DESKS) as u32;
        self.person.desk(number)
    }

    /// One piece of work: a traveler at the counter, an application, a list.
    fn piece(&mut self, start_ms: i64) {
        let facts = role::facts(self.person.post.role);
        let list = happens(&mut self.rng, self.person.list_share);
        let mean = if list { facts.piece * LIST_FACTOR } else { facts.piece };
        let size = 1 + wait(&mut self.rng, mean - 1.0).round() as u32;
        let dataset = self.some_dataset();
        let case = self.case_for(dataset);
        let source = self.rng.random::<f64>();
        let mut at = start_ms;
        let mut position = self.start_of_piece(dataset, source, list, start_ms);
        let companion = (facts.mix.len() > 1 && !list && happens(&mut self.rng, 0.2))
            .then(|| self.person.dataset(&mut self.rng));
        if happens(&mut self.rng, 0.07) {
            let rows = 1 + wait(&mut self.rng, 6.0) as u32;
            self.push(at, dataset, 0, case, if list { Act::List } else { Act::Search }, rows);
            at += 1_500 + wait(&mut self.rng, 4_000.0) as i64;
        }
        for n in 0..size {
            if n > 0 {
                position = self.next_in_piece(dataset, position, source, list, at);
            }
            let cited =
                if happens(&mut self.rng, self.setting.lost_case_share * 0.4) { 0 } else { case };
            self.push(at, dataset, position, cited, Act::Read, 1);
            if let Some(other) = companion.filter(|&other| other != dataset) {
                at += 800 + wait(&mut self.rng, 2_500.0) as i64;
                self.push(at, other, position, cited, Act::Read, 1);
            }
            if happens(&mut self.rng, 0.15) {
                self.person.remember(dataset, position);
            }
            at += 400 + wait(&mut self.rng, facts.gap_s * 1_000.0) as i64;
        }
        if list {
            self.person.frontier = position + 1;
        }
    }

    /// Rarely one that the posting's work does not include.
    fn some_dataset(&mut self) -> Dataset {
        if happens(&mut self.rng, 0.002) {
            let mix = role::facts(self.person.post.role).mix;
            let n = below(&mut self.rng, mix.len() as u64 + 2) as usize;
            return mix.get(n).map_or([PNR, WATCHLIST][n % 2], |&(dataset, _)| dataset);
        }
        self.person.dataset(&mut self.rng)
    }

    /// The case a piece of work cites; 0 where it is not for one, or the stream has lost it.
    pub(super) fn case_for(&mut self, dataset: Dataset) -> u32 {
        let share = role::facts(self.person.post.role).for_case
            * f64::from(dataset::facts(dataset).for_case)
            * self.person.case_habit
            * (1.0 - self.setting.lost_case_share * 0.6);
        if self.setting.cases && happens(&mut self.rng, share) {
            self.person.case(&mut self.rng)
        } else {
            0
        }
    }

    fn start_of_piece(&mut self, dataset: Dataset, source: f64, list: bool, at_ms: i64) -> u64 {
        if list && source < 0.6 {
            return self.person.frontier;
        }
        self.somewhere(dataset, source, at_ms)
    }

    /// A record that work leads to: seen before, popular, old, or among today's.
    fn somewhere(&mut self, dataset: Dataset, source: f64, at_ms: i64) -> u64 {
        if source < 0.12 {
            let n = below(&mut self.rng, self.person.recent.len() as u64) as usize;
            let (kept, position) = self.person.recent[n];
            if position > 0 && kept == dataset {
                return position;
            }
        }
        if source < 0.16 {
            return self.popular();
        }
        if source < 0.34 {
            return self.historic();
        }
        self.of_today(at_ms)
    }

    /// Some are looked at far more often than others (Zipf with exponent near 1).
    pub(super) fn popular(&mut self) -> u64 {
        let rank = (POPULAR as f64).powf(self.rng.random::<f64>()) as u64;
        let h = hash(self.setting.seed, Purpose::Subject, 1, rank);
        1 + h % self.setting.calendar.records_before(0)
    }

    /// The older, the rarer.
    pub(super) fn historic(&mut self) -> u64 {
        let known = self.setting.calendar.records_before(self.day.day);
        let age = self.rng.random::<f64>().powi(2);
        known - (known as f64 * age * 0.999) as u64 - 1
    }

    /// Numbers are given as the day goes on, so those at work at a site see the same ones.
    pub(super) fn of_today(&mut self, at_ms: i64) -> u64 {
        let (first, length) = self.setting.calendar.block(self.day.site, self.day.day);
        let passed = (at_ms - self.day.midnight_ms) as f64 / (24 * HOUR_MS) as f64;
        let spread = passed + (self.rng.random::<f64>() - 0.6) * 0.12;
        first + (spread.clamp(0.0, 0.9999) * length as f64) as u64
    }

    fn next_in_piece(
        &mut self,
        dataset: Dataset,
        position: u64,
        source: f64,
        list: bool,
        at_ms: i64,
    ) -> u64 {
        let luck = self.rng.random::<f64>();
        if list {
            let step = if luck < 0.75 { 1 } else { 1 + below(&mut self.rng, 6) };
            return position + step;
        }
        match luck {
            // A family, a group booking, the next container of the same bill.
            ..0.15 => position + 1,
            0.15..0.25 => position,
            0.25..0.45 => {
                position.saturating_add(below(&mut self.rng, 40)).saturating_sub(20).max(1)
            }
            _ => self.somewhere(dataset, (source + luck) % 1.0, at_ms),
        }
    }

    /// A list worked off at one go: reports, checks, the month's figures.
    fn batch(&mut self, shift: Shift) {
        let role = self.person.post.role;
        let facts = role::facts(role);
        let urgent =
            self.day.month_end && [role::DUTY_CLERK, role::CUSTOMS, role::ANALYST].contains(&role);
        let share = self.person.batch_share * if urgent { 4.0 } else { 1.0 };
        if !happens(&mut self.rng, share.min(0.8)) {
            return;
        }
        let size = around(&mut self.rng, facts.batch_reads * self.setting.scale, 0.6) as u32;
        let dataset = self.person.main_dataset();
        let luck = self.rng.random::<f64>();
        let lost = luck > 0.97 || !self.setting.cases;
        let ticket = if lost { 0 } else { self.person.case(&mut self.rng) };
        let in_order = happens(&mut self.rng, 0.6);
        let gap = around(&mut self.rng, 5_000.0, 0.4);
        let length = (shift.end_ms - shift.start_ms).max(1);
        let mut at = shift.start_ms + below(&mut self.rng, length as u64 * 3 / 4) as i64;
        let mut position = self.historic();
        for _ in 0..size.max(10) {
            position =
                if in_order { position + 1 + below(&mut self.rng, 3) } else { self.historic() };
            let own = luck > 0.7 && !lost;
            let case = if own { self.case_for(dataset) } else { ticket };
            self.push(at, dataset, position, case, Act::Read, 1);
            at += 300 + wait(&mut self.rng, gap) as i64;
        }
    }

    /// A service: so much every minute, and its night run.
    fn machine_day(&mut self, shift: Shift) {
        let per_step = self.person.rate / 144.0;
        let number = u64::from(self.person.number);
        let of = |n: u64| unit(hash(self.setting.seed, Purpose::Shift, number, n));
        let (in_sequence, night) = (of(901) < 0.5, of(902));
        let dataset = self.person.main_dataset();
        let mut at = shift.start_ms;
        while at < shift.end_ms {
            let local = (at - shift.start_ms) as f64 / (24 * HOUR_MS) as f64;
            let day = 1.0 + 0.25 * (std::f64::consts::TAU * (local - 0.3)).sin();
            let run = (local - night * 0.25).abs() < 0.01;
            let mean =
                per_step * day * burstiness(&mut self.rng, 60.0) * if run { 8.0 } else { 1.0 };
            for _ in 0..count(&mut self.rng, mean) {
                let from = at + below(&mut self.rng, STEP_MS as u64) as i64;
                let dataset = if run { dataset } else { self.person.dataset(&mut self.rng) };
                self.person.frontier += 1;
                let position = if in_sequence { self.person.frontier } else { self.of_today(from) };
                self.push(from, dataset, position, 0, Act::Read, 1);
            }
            at += STEP_MS;
        }
    }

    pub(super) fn push(
        &mut self,
        at_ms: i64,
        dataset: Dataset,
        position: u64,
        case: u32,
        act: Act,
        records: u32,
    ) {
        let refused = self.rng.random::<u32>() % 300 == 0;
        let role: Role = self.person.post.role;
        let purpose = role << 2 | [0, 0, 1, 2][(self.rng.random::<u32>() & 3) as usize];
        self.out.push(Draft {
            at_ms,
            position,
            actor: self.person.number,
            order: self.order,
            session: self.session,
            ip: self.ip,
            case: if self.setting.cases { case } else { 0 },
            records: if refused { 0 } else { records },
            deed: self.deed,
            dataset,
            act,
            outcome: if refused { Outcome::Denied } else { Outcome::Allowed },
            site: self.day.site,
            purpose,
        });
        self.order += 1;
    }
}
