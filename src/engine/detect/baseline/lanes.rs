//! Scores into alerts: nine lanes, each with a threshold that follows from the alert budget.
//!
//! A detector's score says how unusual something is by its own book; here it is ranked among the
//! last weeks' actor-days, and the rank is what counts. Thresholds are set from the past alone and
//! move at the turn of the day.

use serde::{Deserialize, Serialize};

use super::actor_day::{ActorDay, Peak};
use super::book::RoleBook;
use super::doubt::{Apart, Doubts};
use super::lane::{LANES, Lane, PARTS, Part, is_straight, threshold};
use super::pages::Pages;
use super::scores::{Scores, score_of, step_of};
use super::strength::Shown;

/// Days at which a histogram's memory has fallen to a third.
pub(super) const MEMORY_DAYS: f32 = 20.0;
/// Before this many days and actor-days the thresholds are fixed.
const LEARNING_DAYS: u16 = 7;
const LEARNING_ACTOR_DAYS: f32 = 300.0;
/// First days whose scores are forgotten.
const BLIND_DAYS: u16 = 4;
/// First days whose strengths are: while few scores are known, whatever stands out is taken for rarer
/// than it will be once they are, and a threshold among such strengths stands too high for weeks.
const UNSETTLED_DAYS: u16 = 8;
/// Days after which strengths that take days count among the past, but no more than half of the days
/// there are.
const WAIT_DAYS: u16 = 7;
/// Times its share that a lane may tell before it is made stricter: breaches are told too.
const EXCESS_LET_PASS: f64 = 6.0;
/// Lanes overlap by less than what is told outside them and by who stays out of the past; where no
/// read cites a case, they tell less of what is honest.
const OVERLAP: f64 = 0.55;
const OVERLAP_UNCASED: f64 = 0.8;
/// Batches and lists have tails heavier than they are continued: below this budget the lanes that know
/// them get less than in proportion, by that power.
pub(super) const PROPORTIONATE: f64 = 5.0;
const BELOW: f64 = 0.8;
/// An actor-day this many decades rarer than the threshold says nothing of honest work.
const BEYOND_DOUBT: f32 = 1.0;

/// Roles with a book of their own; the others are held against everybody.
const ROLES_MAX: usize = 24;

/// The calibration of a shard.
#[derive(Clone, Serialize, Deserialize)]
pub struct Lanes {
    pub(super) parts: Vec<Scores>,
    /// By the role's place among the peers.
    pub(super) roles: Pages<RoleBook, 1>,
    pub(super) lanes: Vec<Scores>,
    pub(super) numbers: Numbers,
    /// The pasts are saved as they are: they change as the day turns.
    #[serde(skip)]
    pub(super) pasts_saved: bool,
    /// By lane: what is doubtful. Follows from the past.
    #[serde(skip)]
    pub(super) doubts: Doubts,
    #[serde(skip)]
    pub(super) apart: Apart,
}

/// All but the histograms.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Numbers {
    today: u16,
    pub(super) first_day: u16,
    pub(super) days: u16,
    actor_days_today: i32,
    pub(super) actor_days: f32,
    thresholds: [f32; LANES],
    told_today: [u32; LANES],
    pub(super) told: [f32; LANES],
    alerted_today: u32,
    pub(super) alerted: f32,
    has_cases: bool,
}

/// Parts of the actor-days.
#[derive(Clone, Copy)]
pub struct Settled([f32; 2]);

impl Settled {
    pub fn of(self, lane: Lane) -> f32 {
        self.0[usize::from(lane.waits())]
    }
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            parts: vec![Scores::default(); PARTS],
            roles: Pages::default(),
            lanes: vec![Scores::default(); LANES],
            numbers: Numbers {
                today: 0,
                first_day: 0,
                days: 0,
                actor_days_today: 0,
                actor_days: 0.0,
                thresholds: [f32::MAX; LANES],
                told_today: [0; LANES],
                told: [0.0; LANES],
                alerted_today: 0,
                alerted: 0.0,
                has_cases: false,
            },
            pasts_saved: false,
            doubts: Doubts::default(),
            apart: Apart::default(),
        }
    }
}

impl Lanes {
    /// True once thresholds follow the budget.
    pub fn is_learned(&self) -> bool {
        self.numbers.days >= LEARNING_DAYS && self.numbers.actor_days >= LEARNING_ACTOR_DAYS
    }

    /// The day from which on who appears is new: at first everybody is.
    pub fn knows_who_is_new_from(&self) -> u16 {
        self.numbers.first_day.saturating_add(LEARNING_DAYS)
    }

    /// Event time has reached `day`; thresholds are set anew from what lies before it.
    /// What is kept of the past: of scores, and of lanes' strengths.
    pub fn turn(&mut self, day: u16, budget: f64, has_cases: bool) -> (f32, f32) {
        if day <= self.numbers.today {
            return (1.0, 1.0);
        }
        if self.numbers.first_day == 0 {
            (self.numbers.first_day, self.numbers.today) = (day, day);
            return (1.0, 1.0);
        }
        self.numbers.days = day - self.numbers.first_day;
        self.numbers.today = day;
        self.numbers.has_cases = has_cases;
        // What is scored before anything is known says nothing.
        let keep = if self.numbers.days <= BLIND_DAYS { 0.0 } else { (-1.0 / MEMORY_DAYS).exp() };
        self.numbers.actor_days = self.numbers.actor_days * keep + self.actor_days_today();
        self.apart.turn(keep, self.actor_days_today());
        self.numbers.actor_days_today = 0;
        let keep_strengths = if self.numbers.days <= UNSETTLED_DAYS { 0.0 } else { keep };
        let wait = usize::from(self.wait());
        let turn = |parts: &mut [Scores], lanes: &mut [Scores]| {
            parts.iter_mut().for_each(|scores| scores.turn(keep, 0));
            for (scores, lane) in lanes.iter_mut().zip(Lane::ALL) {
                scores.turn(keep_strengths, if lane.waits() { wait } else { 0 });
            }
        };
        turn(&mut self.parts, &mut self.lanes);
        for book in self.roles.iter_mut() {
            book.numbers.actor_days =
                book.numbers.actor_days * keep + book.numbers.actor_days_today.max(0) as f32;
            book.numbers.actor_days_today = 0;
            book.turned = true;
            turn(&mut book.parts, &mut book.lanes);
        }
        self.pasts_saved = false;
        self.rank();
        for (told, today) in self.numbers.told.iter_mut().zip(&mut self.numbers.told_today) {
            *told = *told * keep + *today as f32;
            *today = 0;
        }
        self.numbers.alerted = self.numbers.alerted * keep + self.numbers.alerted_today as f32;
        self.numbers.alerted_today = 0;
        self.set_thresholds(budget);
        (keep, keep_strengths)
    }

    /// Days that strengths wait for now.
    fn wait(&self) -> u16 {
        (self.numbers.days.saturating_sub(UNSETTLED_DAYS) / 2).min(WAIT_DAYS)
    }

    /// The part of the actor-days in the memory whose strengths are in it too: of a lane that waits,
    /// and of the others.
    pub(super) fn settled(&self) -> Settled {
        let weight = |first: u16| {
            let days = self.numbers.days.saturating_sub(first).saturating_add(1);
            1.0 - (-f32::from(days) / MEMORY_DAYS).exp()
        };
        Settled([0, self.wait()].map(|wait| weight(UNSETTLED_DAYS + wait) / weight(BLIND_DAYS)))
    }

    pub(super) fn make_book(&mut self, place: usize) {
        if place < ROLES_MAX && place >= self.roles.len() {
            (self.roles.len()..=place).for_each(|_| self.roles.push(RoleBook::default()));
        }
    }

    /// The budget has changed within a day: thresholds follow from the same past.
    pub fn dial(&mut self, budget: f64) {
        if self.numbers.days > 0 {
            self.set_thresholds(budget);
        }
    }

    /// Whether the lane has anything to go by.
    pub(super) fn speaks(&self, lane: Lane) -> bool {
        self.numbers.has_cases || !lane.needs_cases()
    }

    /// The lane's share of the budget: a part of the actor-days.
    pub(super) fn share(&self, lane: Lane, budget: f64) -> f64 {
        let overlap = if self.numbers.has_cases { OVERLAP } else { OVERLAP_UNCASED };
        let weights = Lane::ALL.into_iter().filter(|lane| self.speaks(*lane));
        let even = overlap * budget / 1_000.0 / weights.map(Lane::weight).sum::<f64>();
        let lower = (budget / PROPORTIONATE).min(1.0).powf(BELOW);
        lane.weight() * even * if lane.is_of_batches() { lower } else { 1.0 }
    }

    fn set_thresholds(&mut self, budget: f64) {
        for lane in Lane::ALL {
            let share = self.share(lane, budget);
            // A lane that tells far more than its share has a past unlike the present, or breaches are
            // many: it is made stricter.
            let told = f64::from(self.numbers.told[lane as usize])
                / f64::from(self.numbers.actor_days.max(1.0));
            let excess = lane.weight() * told / share / EXCESS_LET_PASS;
            let excess = excess.clamp(1.0, lane.stricter_at_most());
            let share = (share / excess).min(0.5);
            self.numbers.thresholds[lane as usize] = threshold(lane, share, &self.lanes);
            for book in self.roles.iter_mut() {
                book.numbers.thresholds[lane as usize] = threshold(lane, share, &book.lanes);
            }
        }
    }

    /// The least that may be kept of the past for thresholds to stand.
    pub fn least_keep(&self) -> f32 {
        (1.5 * LEARNING_ACTOR_DAYS / self.numbers.actor_days.max(1.0)).min(1.0)
    }

    /// Keeps that part of all that was counted.
    pub fn scale(&mut self, keep: f32) {
        let books = self.roles.iter_mut();
        let books = books.flat_map(|book| book.parts.iter_mut().chain(&mut book.lanes));
        for scores in books.chain(&mut self.parts).chain(&mut self.lanes) {
            scores.scale(keep);
        }
        let today = |days: i32| (days as f32 * keep).round() as i32;
        for book in self.roles.iter_mut() {
            book.numbers.actor_days *= keep;
            book.numbers.actor_days_today = today(book.numbers.actor_days_today);
        }
        let numbers = &mut self.numbers;
        numbers.actor_days *= keep;
        numbers.actor_days_today = today(numbers.actor_days_today);
        (numbers.alerted, numbers.alerted_today) = (numbers.alerted * keep, 0);
        numbers.told.iter_mut().for_each(|told| *told *= keep);
        numbers.told_today = [0; LANES];
        self.pasts_saved = false;
        self.rank();
    }

    /// Has everything ranked that was learned, whenever that was begun.
    pub fn rank_learned(&mut self) {
        self.roles.iter_mut().for_each(|book| book.turned = true);
        self.rank();
    }

    /// Brings what follows from the past up to date: when a day turns, and after a restart. What
    /// was begun since the day turned has no past to rank by.
    pub fn rank(&mut self) {
        if self.numbers.days == 0 {
            return;
        }
        let (days, settled) = (self.numbers.actor_days, self.settled());
        for (scores, part) in self.parts.iter_mut().zip(Part::ALL) {
            scores.rank(days, part.tail());
        }
        for (scores, lane) in self.lanes.iter_mut().zip(Lane::ALL) {
            scores.rank(days * settled.of(lane), lane.tail());
        }
        for book in self.roles.iter_mut().filter(|book| book.turned) {
            book.rank((&self.parts, &self.lanes), days, settled);
        }
        self.set_doubts();
    }

    /// The first event of a day of an actor of the role at `role`. `counted` leaves out who is
    /// under suspicion.
    pub fn begin(&mut self, actor: &mut ActorDay, day: u16, role: u16, counted: bool) {
        let mut peaks = std::mem::take(&mut actor.peaks);
        for ((n, &step), lane) in actor.lanes.iter().enumerate().zip(Lane::ALL) {
            let peak = peaks[n];
            let gone = day.saturating_sub(peak.day) >= lane.memory_days();
            if (gone || step >= peak.step) && (step, peak.step) != (0, 0) {
                peaks[n] = Peak { day: actor.day, step };
            }
        }
        *actor = ActorDay { day, role, counted, peaks, ..ActorDay::default() };
        let place = usize::from(role);
        self.make_book(place);
        self.count(actor, i32::from(counted));
    }

    fn count(&mut self, actor: &ActorDay, days: i32) {
        self.numbers.actor_days_today += days;
        if let Some(book) = self.roles.get_mut(usize::from(actor.role)) {
            book.numbers.actor_days_today += days;
        }
    }

    /// A part's score of an actor's day; true where it is the highest so far.
    pub fn raise(&mut self, actor: &mut ActorDay, part: Part, score: f32) -> bool {
        let step = step_of(score);
        let before = actor.parts[part as usize];
        if step <= before {
            return false;
        }
        actor.parts[part as usize] = step;
        if self.counts(actor) {
            self.parts[part as usize].rise(before, step);
            if let Some(book) = self.roles.get_mut(usize::from(actor.role)) {
                book.parts[part as usize].rise(before, step);
            }
        }
        for lane in Lane::ALL {
            self.raise_lane(actor, lane);
        }
        true
    }

    /// How rare the lane's strength is, and whether it is above the threshold.
    pub fn verdict(&self, actor: &ActorDay, lane: Lane) -> (f32, bool) {
        let strength = score_of(actor.lanes[lane as usize]);
        // Until then the detectors with fixed limits stand watch.
        if !self.is_learned() {
            return (0.0, false);
        }
        if !self.speaks(lane) {
            return (0.0, false);
        }
        let threshold = self.threshold(actor.role, lane);
        let rarity = |strength: f32| self.lane_rarity(actor.role, lane, strength);
        (rarity(strength) - rarity(threshold), strength >= threshold && strength > 0.0)
    }

    /// `-log10` of the share of actor-days that reach the part's score.
    pub fn part_rarity(&self, actor: &ActorDay, part: Part) -> f32 {
        let book = self.roles.get(usize::from(actor.role)).map_or(&self.parts, |book| &book.parts);
        book[part as usize].rarity(actor.parts[part as usize]).unwrap_or(0.0)
    }

    /// `-log10` of the share of actor-days that reach the lane's strength.
    pub fn rarity(&self, actor: &ActorDay, lane: Lane) -> f32 {
        self.lane_rarity(actor.role, lane, score_of(actor.lanes[lane as usize]))
    }

    fn lane_rarity(&self, role: u16, lane: Lane, strength: f32) -> f32 {
        let book = self.roles.get(usize::from(role)).filter(|_| lane.is_by_role());
        rarity(lane, strength, book.map_or(&self.lanes, |book| &book.lanes))
    }

    /// The rarity at which actors of the role are told of.
    pub fn threshold_rarity(&self, actor: &ActorDay, lane: Lane) -> f32 {
        self.lane_rarity(actor.role, lane, self.threshold(actor.role, lane))
    }

    fn threshold(&self, role: u16, lane: Lane) -> f32 {
        let book = self.roles.get(usize::from(role)).filter(|_| lane.is_by_role());
        book.map_or(&self.numbers.thresholds, |book| &book.numbers.thresholds)[lane as usize]
    }

    /// An alert was told on this actor's day.
    pub fn told(&mut self, actor: &mut ActorDay, lane: Lane, beyond: f32, first_of_day: bool) {
        self.numbers.told_today[lane as usize] += 1;
        self.numbers.alerted_today += u32::from(first_of_day);
        // What is beyond doubt would only teach that breaches are ordinary.
        if beyond > BEYOND_DOUBT {
            self.leave_out(actor, lane);
        }
    }

    pub(super) fn actor_days_today(&self) -> f32 {
        self.numbers.actor_days_today.max(0) as f32
    }

    /// Whether the actor's day is among those of today.
    pub(super) fn counts(&self, actor: &ActorDay) -> bool {
        actor.counted && actor.day == self.numbers.today
    }

    /// It is no longer.
    pub(super) fn set_apart(&mut self, actor: &mut ActorDay) {
        let role = self.roles.get_mut(usize::from(actor.role));
        let books = role.into_iter().map(|book| &mut book.parts).chain([&mut self.parts]);
        for (scores, &step) in books.flat_map(|book| book.iter_mut().zip(&actor.parts)) {
            scores.leave(step);
        }
        let role = self.roles.get_mut(usize::from(actor.role));
        let books = role.into_iter().map(|book| &mut book.lanes).chain([&mut self.lanes]);
        for (scores, lane) in books.flat_map(|book| book.iter_mut().zip(Lane::ALL)) {
            scores.leave(actor.fresh(lane, actor.lanes[lane as usize]));
        }
        self.count(actor, -1);
        actor.counted = false;
    }

    /// Alerts told by the lane, over the remembered past.
    pub fn told_by(&self, lane: Lane) -> f32 {
        self.numbers.told[lane as usize]
    }

    /// Actor-days alerted on, over the remembered past.
    pub fn alerted(&self) -> f32 {
        self.numbers.alerted
    }

    /// Actor-days in the memory.
    pub fn actor_days(&self) -> f32 {
        self.numbers.actor_days
    }

    /// The rarity at which actors without a role's own book are told of.
    pub fn common_threshold(&self, lane: Lane) -> f32 {
        self.lane_rarity(u16::MAX, lane, self.numbers.thresholds[lane as usize])
    }

    fn raise_lane(&mut self, actor: &mut ActorDay, lane: Lane) {
        let strength = Shown {
            rarity: |part| self.part_rarity(actor, part),
            score: |part| actor.part(part),
            is_newcomer: actor.is_newcomer,
        }
        .strength(lane);
        let (before, step) = (actor.lanes[lane as usize], step_of(strength));
        if step > before {
            actor.lanes[lane as usize] = step;
            let (from, to) = (actor.fresh(lane, before), actor.fresh(lane, step));
            if self.counts(actor) && to > from {
                self.lanes[lane as usize].rise(from, to);
                if let Some(book) = self.roles.get_mut(usize::from(actor.role)) {
                    book.lanes[lane as usize].rise(from, to);
                }
            }
        }
    }
}

/// How rare a lane's strength is among those it is ranked with.
pub(super) fn rarity(lane: Lane, strength: f32, ranked: &[Scores]) -> f32 {
    if is_straight(lane) {
        return strength;
    }
    ranked[lane as usize].rarity(step_of(strength)).unwrap_or(0.0)
}
