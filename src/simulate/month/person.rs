//! One account: what it usually does, and what it remembers from day to day.

use rand::RngExt;

use super::super::chance::{Chance, around, below, burstiness, happens};
use super::super::sites::SITES;
use super::calendar::{MINUTE_MS, SiteDay};
use super::dataset::{DATASETS, Dataset};
use super::role::{self, Hours, Role};

/// Records an account goes back to.
const RECENT: usize = 24;
/// Cases an account works on at a time.
const OPEN_CASES: usize = 6;

/// A posting: where, and as what. Most people keep one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Post {
    pub role: Role,
    pub site: u8,
    /// Terminal, quay or section.
    pub section: u8,
}

#[derive(Clone, Debug)]
pub(super) struct Person {
    pub number: u32,
    /// As which the account was opened: its name keeps it.
    pub opened_as: Role,
    pub post: Post,
    /// From this day on another posting.
    pub change: Option<(u32, Post)>,
    /// First day, counted from the simulation's; 0 for those who were there before.
    pub hired: u32,
    /// First and last day of a longer absence.
    pub leave: Option<(u32, u32)>,
    /// Reads of an ordinary working day.
    pub rate: f64,
    /// Days into the rotation, or nothing.
    pub phase: u32,
    /// When an office day begins, minutes after midnight.
    pub begins_min: i64,
    /// Share of work in each dataset, added up.
    pub mix: [f32; DATASETS.len()],
    pub list_share: f64,
    pub batch_share: f64,
    /// Share of work done for a case, as a factor.
    pub case_habit: f64,
    pub catch_all: Option<u32>,
    /// Now and then, from one address.
    pub works_from_home: bool,
    /// Network address of the usual place.
    pub ip: u32,
    pub recent: [(Dataset, u64); RECENT],
    pub recent_next: usize,
    pub cases: [u32; OPEN_CASES],
    /// Where a list is being worked off.
    pub frontier: u64,
}

/// When somebody is at work on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shift {
    pub start_ms: i64,
    pub end_ms: i64,
}

impl Person {
    /// Somebody new in `post`; the account's number tells workstations apart.
    pub(super) fn new(number: u32, post: Post, scale: f64, rng: &mut Chance) -> Self {
        let facts = role::facts(post.role);
        let sigma = facts.between_sigma;
        let factor = around(rng, 1.0, sigma).clamp(0.02, 12.0);
        let mut person = Self {
            number,
            opened_as: post.role,
            post,
            change: None,
            hired: 0,
            leave: None,
            rate: facts.reads_a_day * factor * scale,
            phase: rng.random_range(0..8),
            begins_min: 450 + rng.random_range(0..13) * 10,
            mix: [0.0; DATASETS.len()],
            list_share: 0.0,
            batch_share: 0.0,
            case_habit: 1.0,
            catch_all: None,
            works_from_home: happens(rng, 0.4),
            ip: 0,
            recent: [(0, 0); RECENT],
            recent_next: 0,
            cases: std::array::from_fn(|_| new_case(rng)),
            frontier: rng.random_range(1..1 << 20),
        };
        person.settle(rng);
        person
    }

    /// Takes on the habits of the posting.
    pub(super) fn settle(&mut self, rng: &mut Chance) {
        let facts = role::facts(self.post.role);
        let mut weights = [0.0; DATASETS.len()];
        let narrow = facts.hours == Hours::Machine;
        let kept = if narrow { 1 + below(rng, 2) as usize } else { facts.mix.len() };
        let first = if narrow { below(rng, facts.mix.len() as u64) as usize } else { 0 };
        for n in 0..kept {
            let (dataset, weight) = facts.mix[(first + n) % facts.mix.len()];
            let own = burstiness(rng, 1.2) as f32;
            // What somebody hardly uses is not used at all.
            let used = n == 0 || own > 0.12;
            weights[usize::from(dataset)] = if used { weight * own.max(0.05) } else { 0.0 };
        }
        let total: f32 = weights.iter().sum();
        let mut sum = 0.0;
        for (to, weight) in self.mix.iter_mut().zip(weights) {
            sum += weight / total;
            *to = sum;
        }
        self.list_share = (facts.list_share * burstiness(rng, 0.7)).min(0.9);
        self.batch_share = (facts.batch_share * burstiness(rng, 0.6)).min(0.6);
        self.case_habit = (1.03 - 0.06 * burstiness(rng, 0.5)).clamp(0.4, 1.0);
        self.catch_all = happens(rng, facts.catch_all).then(|| new_case(rng));
        self.ip = match facts.hours {
            Hours::Machine => 0x0afa_0000 | (self.number & 0xffff),
            _ if facts.actor_type == "partner" => 0xc633_6400 | (self.number & 0xff),
            _ => self.desk(self.number),
        };
    }

    /// A workstation at the site of the posting.
    pub(super) fn desk(&self, number: u32) -> u32 {
        (10 << 24) | ((20 + u32::from(self.post.site)) << 16) | (number & 0xffff)
    }

    /// The address a remote session comes from.
    pub(super) fn remote(&self) -> u32 {
        0x0ac8_0000 | (self.number & 0xffff)
    }

    /// True where the posting's work includes this dataset.
    pub(super) fn uses(&self, dataset: Dataset) -> bool {
        let at = usize::from(dataset);
        let before = if at == 0 { 0.0 } else { self.mix[at - 1] };
        self.mix[at] - before > 1e-6
    }

    pub(super) fn dataset(&self, rng: &mut Chance) -> Dataset {
        let at = rng.random::<f32>();
        let found = self.mix.iter().position(|&sum| at < sum);
        found.unwrap_or_else(|| self.main_dataset().into()) as Dataset
    }

    /// The one used most.
    pub(super) fn main_dataset(&self) -> Dataset {
        let mut best = (0, 0.0);
        let mut before = 0.0;
        for (n, &sum) in self.mix.iter().enumerate() {
            if sum - before > best.1 {
                best = (n as Dataset, sum - before);
            }
            before = sum;
        }
        best.0
    }

    pub(super) fn remember(&mut self, dataset: Dataset, position: u64) {
        self.recent[self.recent_next] = (dataset, position);
        self.recent_next = (self.recent_next + 1) % RECENT;
    }

    /// One of those being worked on, or a new one that joins them.
    pub(super) fn case(&mut self, rng: &mut Chance) -> u32 {
        if let Some(case) = self.catch_all.filter(|_| happens(rng, 0.7)) {
            return case;
        }
        let slot = below(rng, OPEN_CASES as u64) as usize;
        if happens(rng, 0.55) {
            self.cases[slot] = new_case(rng);
        }
        self.cases[slot]
    }

    pub(super) fn is_employed(&self, day: u32) -> bool {
        day >= self.hired
    }

    pub(super) fn is_on_leave(&self, day: u32) -> bool {
        self.leave.is_some_and(|(first, last)| (first..=last).contains(&day))
    }

    /// Whether the rotation or the week has this person at work.
    pub(super) fn usually_works(&self, day: u32, weekday: i64) -> bool {
        match role::facts(self.post.role).hours {
            Hours::Machine => true,
            Hours::Rotating => (day + self.phase) % 8 < 6,
            Hours::Office => weekday < 5,
        }
    }

    /// When this person works on a day; none when they do not.
    pub(super) fn shift(&self, day: &SiteDay, rng: &mut Chance) -> Option<Shift> {
        let luck = rng.random::<f64>();
        let jitter = rng.random_range(-8..=8) * MINUTE_MS;
        if !self.is_employed(day.day) || self.is_on_leave(day.day) {
            return None;
        }
        let (begin_min, length_min) = match role::facts(self.post.role).hours {
            Hours::Machine => return Some(whole(day)),
            Hours::Rotating => match (day.day + self.phase) % 8 {
                turn @ 0..6 if luck > 0.04 => (i64::from(turn / 2) * 480 + 360, 490),
                6 | 7 if luck < 0.03 => (360, 480),
                _ => return None,
            },
            Hours::Office => {
                let works = if day.weekday >= 5 || day.holiday { luck < 0.02 } else { luck > 0.06 };
                works.then_some((self.begins_min, 510))?
            }
        };
        let start_ms = day.midnight_ms + begin_min * MINUTE_MS + jitter;
        Some(Shift { start_ms, end_ms: start_ms + length_min * MINUTE_MS })
    }

    /// The hours this person would work on a day, were it an ordinary one.
    pub(super) fn usual_hours(&self, day: &SiteDay) -> Shift {
        let begin_min = match role::facts(self.post.role).hours {
            Hours::Machine => return whole(day),
            Hours::Rotating => i64::from(((day.day + self.phase) % 8).min(5) / 2) * 480 + 360,
            Hours::Office => self.begins_min,
        };
        let start_ms = day.midnight_ms + begin_min * MINUTE_MS;
        Shift { start_ms, end_ms: start_ms + 480 * MINUTE_MS }
    }

    pub(super) fn id(&self) -> String {
        format!("{}{}", role::facts(self.opened_as).prefix, 10_000 + self.number)
    }

    pub(super) fn unit(&self) -> String {
        let site = SITES[usize::from(self.post.site)].code;
        let section = self.post.section;
        match self.post.role {
            role::BORDER => format!("{site}-T{section}"),
            role::CUSTOMS => format!("{site}-C{section}"),
            role::VISA_CLERK => format!("{site}-VISA"),
            role::DUTY_CLERK => format!("{site}-DUTY"),
            role::ANALYST => format!("{site}-ANALYSIS-{section}"),
            role::SUPERVISOR => format!("{site}-LEAD"),
            role::ADMIN => format!("{site}-IT"),
            role::PARTNER => format!("PARTNER-{section}"),
            _ => format!("{site}-SYSTEMS"),
        }
    }
}

fn whole(day: &SiteDay) -> Shift {
    Shift { start_ms: day.midnight_ms, end_ms: day.midnight_ms + 1_440 * MINUTE_MS }
}

pub(super) fn new_case(rng: &mut Chance) -> u32 {
    rng.random_range(1_000_000..90_000_000)
}
