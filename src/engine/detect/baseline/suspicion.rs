//! What is kept of an actor that was told of or ruled on: what it had learned before, and which of
//! its time was a breach.
//!
//! An alert is a suspicion: what the actor shows for some days teaches little. People say what it was.
//! A breach taught nothing: what was learned since it was first told of is taken back, and what is
//! still to come of it passes. Honest work ends the suspicion.

use serde::{Deserialize, Serialize};

use super::actor::{Baseline, Told};
use super::actor_day::ActorDay;
use super::habits::Habits;
use super::hours::Hours;
use super::lane::{LANES, Lane};
use super::lanes::Lanes;
use super::rate::Rate;
use super::role::{DRIFTS, KINDS, SPANS};
use super::roll::NOVEL_MIN;
use super::sequence::Sequence;
use super::session::Session;
use super::slow::Slow;
use crate::engine::detect::Ruling;
use crate::engine::model::EventTime;

/// Copies of what was learned, of one actor.
const COPIES_MAX: usize = 3;
/// Days after which a copy is dropped: what was learned before has faded by then.
const COPY_DAYS: u16 = 30;
/// Breaches kept of one actor.
const BREACHES_MAX: usize = 8;

const DAY_MIN: u32 = 1_440;
/// Minutes after a copy in which no other is made but where a suspicion begins: ten days.
const EPISODE_MIN: u32 = 10 * DAY_MIN;

/// Made with an actor's first alert or ruling, and let go when nothing of it matters any more.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Suspicion {
    /// What was told of each lane.
    told_of: [Told; LANES],
    /// The last day something was told at medium or above, and the most beyond.
    told_day: u16,
    told_beyond: f32,
    /// Oldest first.
    before: Vec<Before>,
    /// First and last minute of confirmed breaches.
    breaches: Vec<(u32, u32)>,
    /// Minute of the last alert.
    told: u32,
    /// People have said what was told of, and it is over.
    lifted: bool,
}

/// What an actor had learned by a minute.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Before {
    minute: u32,
    shifts: u16,
    rates: [[Rate; KINDS]; SPANS],
    bursts: [[f32; KINDS]; SPANS],
    session: Session,
    hours: Option<Box<Hours>>,
    habits: Habits,
    novel_shifts: f32,
    novelty_cusum: f32,
    slow: [Slow; DRIFTS],
    usual_exposure: f32,
    sequence: Sequence,
}

impl Suspicion {
    pub fn heap_bytes(&self) -> usize {
        let of = |before: &Before| {
            before.session.heap_bytes()
                + before.habits.heap_bytes()
                + before.hours.as_ref().map_or(0, |_| size_of::<Hours>())
        };
        size_of::<Self>()
            + self.before.capacity() * size_of::<Before>()
            + self.before.iter().map(of).sum::<usize>()
            + self.breaches.capacity() * size_of::<(u32, u32)>()
    }

    /// Of an actor as it was saved when no more was kept.
    pub fn of(told_of: [Told; LANES], told_day: u16, told_beyond: f32) -> Self {
        Self { told_of, told_day, told_beyond, ..Self::default() }
    }

    /// Whether nothing of it matters from that day on.
    fn is_over(&self, day: u16) -> bool {
        let is_over = |told: &Told| told.day == 0 || day.saturating_sub(told.day) >= COPY_DAYS;
        let last = Told { day: self.told_day, ..Told::default() };
        self.before.is_empty()
            && self.breaches.is_empty()
            && self.told_of.iter().chain([&last]).all(is_over)
    }
}

impl Before {
    fn of(actor: &Baseline, minute: u32) -> Self {
        Self {
            minute,
            shifts: actor.shifts,
            rates: actor.spans.each_ref().map(|span| span.rates),
            bursts: actor.spans.each_ref().map(|span| span.bursts),
            session: actor.session.clone(),
            hours: actor.hours.clone(),
            habits: actor.habits.clone(),
            novel_shifts: actor.novel_shifts,
            novelty_cusum: actor.novelty_cusum,
            slow: *actor.slow,
            usual_exposure: actor.usual_exposure,
            sequence: actor.sequence.clone(),
        }
    }

    /// The windows, session and shift at hand go on, and what they showed so far teaches nothing.
    fn put_back(self, actor: &mut Baseline) {
        actor.shifts = self.shifts;
        for ((span, rates), bursts) in actor.spans.iter_mut().zip(self.rates).zip(self.bursts) {
            (span.rates, span.bursts) = (rates, bursts);
        }
        actor.session.unlearn(self.session);
        actor.hours = self.hours;
        actor.habits = self.habits;
        (actor.novel_shifts, actor.novelty_cusum) = (self.novel_shifts, self.novelty_cusum);
        *actor.slow = self.slow;
        actor.slow.iter_mut().for_each(Slow::told);
        actor.usual_exposure = self.usual_exposure;
        actor.sequence = self.sequence;
        actor.pass();
    }
}

impl Baseline {
    /// Whether what it shows teaches little.
    pub fn is_suspect(&self, day: u16) -> bool {
        day <= self.suspect_until && !self.suspicion.as_ref().is_some_and(|of| of.lifted)
    }

    /// Whether some of the time from minute `from` to minute `to` is a confirmed breach's: that
    /// teaches nothing.
    pub fn is_breach(&self, from: u32, to: u32) -> bool {
        let overlaps = |&(first, last): &(u32, u32)| from <= last && to >= first;
        self.suspicion.as_ref().is_some_and(|of| of.breaches.iter().any(overlaps))
    }

    /// What was told of a lane.
    pub fn told(&self, lane: Lane) -> Told {
        self.suspicion.as_ref().map(|of| of.told_of[lane as usize]).unwrap_or_default()
    }

    pub fn set_told(&mut self, lane: Lane, told: Told) {
        self.suspicion.get_or_insert_default().told_of[lane as usize] = told;
    }

    /// The last day something was told at medium or above, and the most beyond.
    pub fn told_last(&self) -> Told {
        let last = |of: &Suspicion| Told { day: of.told_day, beyond: of.told_beyond };
        self.suspicion.as_deref().map(last).unwrap_or_default()
    }

    /// An alert of another detector is told of the actor: what was learned so far is kept, where
    /// that was not done for a while.
    pub fn keep_before(&mut self, minute: u32) {
        let kept = self.suspicion.as_ref().and_then(|of| of.before.last());
        let lately = |last: &Before| minute.saturating_sub(last.minute) < EPISODE_MIN;
        if !kept.is_some_and(lately) {
            self.copy(minute);
        }
    }

    /// An alert of the learned detectors is told: likewise, and where a suspicion begins.
    pub fn suspect(&mut self, minute: u32, told: Told, days: u16) {
        if self.is_suspect((minute / DAY_MIN) as u16) {
            self.keep_before(minute);
        } else {
            self.copy(minute);
        }
        self.suspect_until = self.suspect_until.max(told.day.saturating_add(days));
        let of = self.suspicion.get_or_insert_default();
        (of.told_day, of.told_beyond) = (told.day, told.beyond);
        (of.told, of.lifted) = (of.told.max(minute), false);
    }

    fn copy(&mut self, minute: u32) {
        let copy = Before::of(self, minute);
        let of = self.suspicion.get_or_insert_default();
        if of.before.len() == COPIES_MAX {
            of.before.remove(0);
        }
        of.before.push(copy);
    }

    /// A day has begun: what is too old is let go.
    pub fn let_go(&mut self, day: u16) {
        let Some(of) = &mut self.suspicion else { return };
        let oldest = u32::from(day.saturating_sub(COPY_DAYS)) * DAY_MIN;
        of.before.retain(|before| before.minute >= oldest);
        of.breaches.retain(|&(_, last)| last >= oldest);
        if of.is_over(day) && day > self.suspect_until {
            self.suspicion = None;
        }
    }

    /// What people decided of the actor is `now`, and was `before`.
    pub fn rule(&mut self, before: &[Ruling], now: &[Ruling], lanes: &mut Lanes) {
        if now.is_empty() && self.suspicion.is_none() {
            return;
        }
        let of = self.suspicion.get_or_insert_default();
        let told = of.told.max(u32::from(of.told_day) * DAY_MIN);
        let is_over = |ruling: &Ruling| ruling.until.is_some_and(|until| minute_of(until) >= told);
        of.lifted = told > 0 && now.iter().any(is_over);
        let mut breaches: Vec<(u32, u32)> =
            now.iter().filter(|ruling| ruling.confirmed).map(span_of).collect();
        breaches.sort_unstable_by_key(|&(first, last)| (last, first));
        breaches.drain(..breaches.len().saturating_sub(BREACHES_MAX));
        of.breaches = breaches;
        for ruling in now.iter().filter(|ruling| ruling.confirmed && !before.contains(ruling)) {
            let (first, last) = span_of(ruling);
            let same = |of: &Ruling| (of.confirmed, &of.incident) == (true, &ruling.incident);
            let was_so = before.iter().any(|of| same(of) && of.from <= ruling.from);
            self.take_back(first, last, was_so);
            let today = u32::from(self.day.day) * DAY_MIN;
            if first < today + DAY_MIN && last >= today {
                lanes.leave_breach(&mut self.day);
            }
        }
    }

    /// Puts back what was learned before the breach was first told of, or else what a suspicion
    /// that reached into it began with, unless that was done: only its end is another.
    fn take_back(&mut self, first: u32, last: u32, was_so: bool) {
        let Some(of) = &mut self.suspicion else { return };
        let within = of.before.iter().position(|b| (first..=last).contains(&b.minute));
        let reaching = || {
            let before = |b: &Before| b.minute < first && first - b.minute < EPISODE_MIN;
            of.before.iter().rposition(before).filter(|_| !was_so)
        };
        let Some(place) = within.or_else(reaching) else { return };
        let copy = of.before.drain(place..).next();
        if let Some(copy) = copy {
            copy.put_back(self);
        }
    }

    /// What the shift has shown so far is not to be learned from.
    pub fn pass(&mut self) {
        self.spans.iter_mut().for_each(|span| span.pending = [0; KINDS]);
        (self.novelty, self.novelty_gate) = (0.0, NOVEL_MIN);
        self.habits.pass();
        self.sequence.pass();
        self.slow_gates = [0.0; DRIFTS];
    }

    /// Another role: what was learned before is another's.
    pub fn forget_before(&mut self) {
        if let Some(of) = &mut self.suspicion {
            of.before.clear();
        }
    }
}

impl Lanes {
    /// The actor's day is a breach's, and no more among those of today.
    fn leave_breach(&mut self, actor: &mut ActorDay) {
        if self.counts(actor) {
            self.set_apart(actor);
        }
    }
}

/// First and last minute of what was ruled on.
fn span_of(ruling: &Ruling) -> (u32, u32) {
    (minute_of(ruling.from), ruling.until.map_or(u32::MAX, minute_of))
}

fn minute_of(time: EventTime) -> u32 {
    (time.millis() / 60_000).clamp(0, i64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::super::actor::{ALL, HOUR, SHIFT, TEN};
    use super::super::peers::Peers;
    use super::*;

    /// The first day of a breach, of twenty that were honest.
    const FIRST: u32 = 20_021;

    struct World {
        actor: Baseline,
        peers: Peers,
        places: (u16, u16),
        rulings: Vec<Ruling>,
    }

    impl World {
        /// Twenty days of a hundred reads or so, on which the actor was told of nothing.
        fn new() -> Self {
            let mut peers = Peers::default();
            let places = peers.places(1, 2, 100);
            let mut world = Self { actor: Baseline::default(), peers, places, rulings: Vec::new() };
            (FIRST - 20..FIRST).for_each(|day| world.day(day, 96 + day % 3 * 24));
            world
        }

        /// Eight hours of reads, evenly.
        fn day(&mut self, day: u32, reads: u32) {
            for minute in (day * DAY_MIN + 480..day * DAY_MIN + 960).step_by(10) {
                self.peers.advance(minute / 10, 5.0);
                self.actor.roll(minute, &mut self.peers, self.places);
                let place = reads / 100 + 7;
                self.actor.come_from(place, minute, &mut self.peers, self.places.0);
                for which in [TEN, HOUR, SHIFT] {
                    self.actor.spans[which].counts[ALL] += reads as f32 / 48.0;
                }
            }
        }

        /// A week of twice as many reads, told of at ten o'clock of each day.
        fn breach(mut self, mut each: impl FnMut(&mut Self, u32)) -> Self {
            for day in FIRST..FIRST + 7 {
                self.day(day, 240);
                self.alert(day);
                each(&mut self, day);
            }
            self.day(FIRST + 7, 120);
            self.day(FIRST + 8, 120);
            self
        }

        /// At ten o'clock.
        fn alert(&mut self, day: u32) {
            let told = Told { day: day as u16, beyond: 0.7 };
            self.actor.suspect(day * DAY_MIN + 600, told, 10);
        }

        /// People say what the days from the first on were, or take it back.
        fn rule(&mut self, confirmed: Option<bool>, last: Option<u32>) {
            let time = |minute: u32| EventTime::default().plus_ms(i64::from(minute) * 60_000);
            let now: Vec<Ruling> = confirmed
                .map(|confirmed| Ruling {
                    incident: "i".into(),
                    actor: "ann".into(),
                    confirmed,
                    from: time(FIRST * DAY_MIN + 480),
                    until: last.map(|day| time(day * DAY_MIN + 950)),
                })
                .into_iter()
                .collect();
            self.actor.rule(&self.rulings, &now, &mut self.peers.lanes);
            self.rulings = now;
        }

        /// Reads of a shift, an hour and ten minutes that the actor's own past leads one to expect.
        fn expected(&self) -> [f32; SPANS] {
            self.actor.spans.each_ref().map(|span| span.rates[ALL].num / span.rates[ALL].den)
        }
    }

    /// How far what is expected of a shift is from what was expected before the breach, as a share.
    fn moved(each: impl FnMut(&mut World, u32)) -> f32 {
        let before = World::new().expected();
        let after = World::new().breach(each).expected();
        after[SHIFT] / before[SHIFT] - 1.0
    }

    #[test]
    fn a_confirmed_breach_teaches_nothing_one_that_nobody_ruled_on_little_and_honest_work_in_full()
    {
        let last = FIRST + 6;
        let when = |day: u32, confirmed: bool, until: Option<u32>| {
            move |world: &mut World, now: u32| {
                if now == day {
                    world.rule(Some(confirmed), until);
                }
            }
        };
        let after = moved(when(last, true, Some(last)));
        assert!(after.abs() < 0.03, "confirmed once it was over: {after}");
        let early = moved(when(FIRST + 2, true, None));
        assert!(early.abs() < 0.01, "confirmed while it went on: {early}");
        let nobody = moved(|_, _| {});
        assert!((0.05..0.2).contains(&nobody), "nobody said anything: {nobody}");
        let honest = moved(|world, now| world.rule(Some(false), Some(now)));
        assert!(honest > 0.25, "dismissed: {honest}");
        let told_to_nobody = {
            let before = World::new().expected()[SHIFT];
            let mut world = World::new();
            (FIRST..FIRST + 7).for_each(|day| world.day(day, 240));
            (FIRST + 7..FIRST + 9).for_each(|day| world.day(day, 120));
            world.expected()[SHIFT] / before - 1.0
        };
        assert!((honest - told_to_nobody).abs() < 0.1, "{honest} {told_to_nobody}");
    }

    /// What is learned from a breach's days goes, and with it where its sessions came from.
    #[test]
    fn what_was_learned_since_the_first_alert_is_taken_back_and_what_was_learned_before_is_not() {
        let learned = |actor: &Baseline| {
            let of = Before::of(actor, 0);
            postcard::to_stdvec(&(of.rates, of.bursts, of.hours, of.shifts, of.usual_exposure))
        };
        let mut world = World::new();
        world.day(FIRST, 240);
        world.alert(FIRST);
        let at_first = learned(&world.actor);
        world.day(FIRST + 1, 240);
        assert_ne!(learned(&world.actor), at_first);
        world.rule(Some(true), Some(FIRST + 1));
        assert_eq!(learned(&world.actor), at_first);
        let shift = |actor: &Baseline| actor.spans[SHIFT].rates[ALL].den;
        let before = shift(&world.actor);
        world.day(FIRST + 2, 120);
        assert_eq!(shift(&world.actor), before, "the shift that ended was the breach's");
        world.day(FIRST + 3, 120);
        assert!(shift(&world.actor) > before, "it is over");
        assert!(!world.actor.is_suspect(FIRST as u16 + 3));
    }

    #[test]
    fn a_breach_that_comes_to_an_end_takes_back_nothing_from_before_it() {
        let mut world = World::new();
        world.actor.keep_before(FIRST * DAY_MIN - 300);
        world.day(FIRST, 240);
        world.alert(FIRST);
        world.rule(Some(true), None);
        let learned = world.expected();
        world.rule(Some(true), Some(FIRST));
        assert_eq!(world.expected(), learned);
    }

    #[test]
    fn a_day_of_a_breach_is_no_longer_among_those_thresholds_rest_on() {
        let mut world = World::new();
        world.day(FIRST, 240);
        let day = world.actor.day.clone();
        assert!(world.peers.lanes.counts(&day));
        world.rule(Some(false), Some(FIRST));
        assert!(world.peers.lanes.counts(&world.actor.day));
        world.rule(Some(true), Some(FIRST));
        assert!(!world.peers.lanes.counts(&world.actor.day));
        world.day(FIRST + 1, 120);
        assert!(world.peers.lanes.counts(&world.actor.day), "the day after is honest");
    }

    #[test]
    fn a_ruling_on_an_earlier_incident_does_not_lift_the_suspicion_of_a_later_one() {
        let mut world = World::new();
        let day = FIRST as u16;
        world.alert(FIRST);
        world.rule(Some(false), Some(FIRST));
        assert!(!world.actor.is_suspect(day + 1));
        world.alert(FIRST + 1);
        assert!(world.actor.is_suspect(day + 1), "told anew");
        world.rule(Some(true), Some(FIRST));
        assert!(world.actor.is_suspect(day + 1), "still");
        world.rule(None, None);
        world.rule(Some(false), Some(FIRST + 1));
        assert!(!world.actor.is_suspect(day + 1));
        world.rule(None, None);
        assert!(world.actor.is_suspect(day + 1), "taken back: it was reopened");
    }

    #[test]
    fn copies_are_few_and_let_go() {
        let mut world = World::new();
        for day in FIRST..FIRST + 60 {
            world.day(day, 100);
            (0..50).for_each(|n| world.actor.keep_before(day * DAY_MIN + 600 + n));
            world.alert(day);
            let of = world.actor.suspicion.as_ref().expect("told of");
            assert!(of.before.len() <= COPIES_MAX && of.heap_bytes() < 6_000, "{day}");
        }
        for day in FIRST + 60..FIRST + 95 {
            world.day(day, 100);
        }
        assert!(world.actor.suspicion.is_none());
    }

    #[test]
    fn it_is_saved_as_it_is() {
        let world = World::new().breach(|world, day| {
            if day == FIRST + 3 {
                world.rule(Some(true), Some(day));
            }
        });
        let of = |actor: &Baseline| {
            let mut bytes = Vec::new();
            crate::engine::terse::write(actor, &mut bytes).expect("is written");
            bytes
        };
        let saved = of(&world.actor);
        let read: Baseline = crate::engine::terse::from_bytes(&saved).expect("is read");
        assert!(read.suspicion.is_some());
        assert_eq!(of(&read), saved);
    }
}
