//! How often a score is reached: one decayed histogram of actor-days.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::sums::add_up;

/// Scores are decades (`-log10` of a probability) in steps of a twentieth, up to 30.
pub const STEPS: usize = 600;
const PER_DECADE: f32 = 20.0;
/// How the tail goes on where actor-days are few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Heavier than its body: what was seen is believed as far as it goes.
    Heavy,
    /// As a heavy one, of a score known to fall by a decade a decade or so: where nobody's actor-days
    /// are enough to say how the tail goes on, it goes on nearly so.
    Steep,
    /// As its body. What stands out of it is not believed to be honest, so breaches that nobody
    /// noticed do not make the next ones ordinary.
    Straight,
    /// Of so few actors that breaches among them would be most of what stands out, and of strengths that
    /// are rarities already: from one decade on it goes on nearly so, whatever was seen.
    Rarity,
}

impl Tail {
    /// Shares of actor-days between which the slope is read off; above the second the tail is
    /// continued as an exponential.
    const fn shares(self) -> (f64, f64) {
        match self {
            Self::Heavy | Self::Steep => (0.02, 0.002),
            Self::Straight | Self::Rarity => (0.1, 0.01),
        }
    }

    /// Actor-days that must be left where the tail begins.
    const fn days_min(self) -> f64 {
        match self {
            Self::Heavy | Self::Steep => 30.0,
            Self::Straight | Self::Rarity => 15.0,
        }
    }

    /// Decades of share a decade of score, at least and most.
    const fn slopes(self) -> (f64, f64) {
        match self {
            Self::Heavy | Self::Steep => (0.3, 1.2),
            Self::Straight => (0.25, 2.0),
            Self::Rarity => (RARITY, RARITY),
        }
    }
}

/// Actor-days of everybody's that stand behind those of a part.
const SHRINK_DAYS: f32 = 40.0;

/// A score as it is remembered of an actor's day. 0 is nothing.
pub fn step_of(score: f32) -> u16 {
    if score.is_finite() { (score * PER_DECADE).clamp(0.0, STEPS as f32 - 1.0) as u16 } else { 0 }
}

/// The lowest score of a step.
pub fn score_of(step: u16) -> f32 {
    f32::from(step) / PER_DECADE
}

/// Actor-days by the highest score they reached: today's, kept exactly as scores rise, and the
/// past, forgotten at a fixed rate. Two shards' histograms add up.
#[derive(Clone, Serialize, Deserialize)]
pub struct Scores {
    #[serde(with = "sparse")]
    today: Vec<i32>,
    #[serde(with = "sparse")]
    past: Vec<f32>,
    /// Days that do not count among the past yet, the oldest first.
    waiting: VecDeque<Day>,
    /// `-log10` of the share of past actor-days at or above each step. Follows from the past.
    #[serde(skip)]
    rarity: Vec<f32>,
}

/// A day that waits.
#[derive(Clone, Serialize, Deserialize)]
pub struct Day(#[serde(with = "sparse")] Vec<f32>);

/// Today's part of a histogram, as it is saved.
#[derive(Serialize)]
pub struct Today<'a>(#[serde(with = "sparse")] &'a [i32]);

/// The past of a histogram, as it is saved: it changes as the day turns.
#[derive(Serialize)]
pub struct Past<'a>(#[serde(with = "sparse")] &'a [f32]);

/// Either, as it is read back.
#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de> + Copy + Default")]
pub struct Steps<T>(#[serde(deserialize_with = "sparse::deserialize")] Vec<T>);

/// Most steps hold nothing: what is saved are the others.
mod sparse {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<T, S>(steps: &[T], serializer: S) -> Result<S::Ok, S::Error>
    where
        T: Serialize + Copy + Default + PartialEq,
        S: Serializer,
    {
        let held = (0_u16..).zip(steps).filter(|&(_, value)| *value != T::default());
        serializer.collect_seq(held.collect::<Vec<_>>())
    }

    pub fn deserialize<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
    where
        T: Deserialize<'de> + Copy + Default,
        D: Deserializer<'de>,
    {
        let mut steps = vec![T::default(); super::STEPS];
        for (step, value) in Vec::<(u16, T)>::deserialize(deserializer)? {
            if let Some(place) = steps.get_mut(usize::from(step)) {
                *place = value;
            }
        }
        Ok(steps)
    }
}

impl Default for Scores {
    fn default() -> Self {
        Self {
            today: vec![0; STEPS],
            past: vec![0.0; STEPS],
            waiting: VecDeque::new(),
            rarity: Vec::new(),
        }
    }
}

impl Scores {
    pub fn today(&self) -> Today<'_> {
        Today(&self.today)
    }

    pub fn past(&self) -> Past<'_> {
        Past(&self.past)
    }

    pub fn waiting(&self) -> &VecDeque<Day> {
        &self.waiting
    }

    pub fn set_waiting(&mut self, days: VecDeque<Day>) {
        self.waiting = days;
    }

    pub fn set_today(&mut self, steps: Steps<i32>) {
        self.today = steps.0;
    }

    pub fn set_past(&mut self, steps: Steps<f32>) {
        self.past = steps.0;
    }

    /// An actor's day rose from one step to another. Step 0 is not kept: it is what remains.
    pub fn rise(&mut self, from: u16, to: u16) {
        self.today[usize::from(from)] -= 1;
        self.today[usize::from(to)] += 1;
    }

    /// An actor's day is no longer to be counted.
    pub fn leave(&mut self, at: u16) {
        self.today[usize::from(at)] -= 1;
    }

    /// Adds `times` another shard's past; [`Scores::rank`] follows.
    pub fn add_up(&mut self, more: &Self, times: f32) {
        add_up(&mut self.past, &more.past, times);
    }

    /// The past without today.
    pub fn past_alone(&self) -> Self {
        Self { past: self.past.clone(), ..Self::default() }
    }

    /// Forgets that part of the past; [`Scores::rank`] follows.
    pub fn fade(&mut self, keep: f32) {
        self.past.iter_mut().for_each(|past| *past *= keep);
    }

    /// A day ends, and counts among the past so many `days` later; [`Scores::rank`] follows.
    pub fn turn(&mut self, keep: f32, days: usize) {
        if keep == 0.0 {
            self.waiting.clear();
        }
        let counted = self.today.iter().map(|today| (*today).max(0) as f32);
        self.waiting.push_back(Day(counted.collect()));
        self.today.fill(0);
        self.fade(keep);
        while self.waiting.len() > days {
            let Some(Day(day)) = self.waiting.pop_front() else { break };
            add_up(&mut self.past, &day, 1.0);
        }
    }

    /// Keeps that part of the past and of today.
    pub fn scale(&mut self, keep: f32) {
        self.fade(keep);
        let waiting = self.waiting.iter_mut().flat_map(|day| &mut day.0);
        waiting.for_each(|reached| *reached *= keep);
        self.today.iter_mut().for_each(|today| *today = (*today as f32 * keep).round() as i32);
    }

    /// Ranks the past anew, `days` actor-days in all.
    pub fn rank(&mut self, days: f32, tail: Tail) {
        self.rarity = rarity(&self.past, days, tail, None);
    }

    /// The same for a part of the actors: where it is few, it is taken to be like `all` of them,
    /// whose past is of `all_days` actor-days.
    pub fn rank_within(&mut self, days: f32, tail: Tail, (all, all_days): (&Self, f32)) {
        let weight = SHRINK_DAYS / all_days.max(SHRINK_DAYS);
        let blended: Vec<f32> =
            self.past.iter().zip(&all.past).map(|(own, all)| own + weight * all).collect();
        let like = (&*all.past, f64::from(all_days.max(1.0)));
        self.rarity = rarity(&blended, days + weight * all_days, tail, Some(like));
    }

    /// `-log10` of the share of actor-days that reach `step`; `None` before anything is known.
    pub fn rarity(&self, step: u16) -> Option<f32> {
        self.rarity.get(usize::from(step)).copied()
    }

    /// The lowest step that at most `share` of actor-days reach.
    pub fn step_at(&self, share: f64) -> Option<u16> {
        let wanted = -share.log10() as f32;
        let step = self.rarity.partition_point(|&rarity| rarity < wanted);
        (!self.rarity.is_empty()).then(|| step.clamp(1, STEPS - 1) as u16)
    }
}

/// Actor-days that reach each step.
struct Reached {
    above: Vec<f64>,
    days: f64,
}

/// Where the tail begins, and the decades of share a step from there on.
#[derive(Clone, Copy)]
struct Begin {
    end: usize,
    slope: f64,
    /// There were actor-days enough to look as far out as one should.
    sound: bool,
}

impl Reached {
    fn new(past: &[f32], days: f64) -> Self {
        let mut above = vec![0.0_f64; STEPS + 1];
        for step in (1..STEPS).rev() {
            above[step] = above[step + 1] + f64::from(past[step]);
        }
        above[0] = days;
        Self { above, days }
    }

    fn share(&self, step: usize) -> f64 {
        ((self.above[step] + 0.5) / (self.days + 1.0)).min(1.0)
    }

    fn at(&self, step: usize) -> f64 {
        -self.share(step).log10()
    }

    fn tail(&self, tail: Tail) -> Begin {
        let find = |wanted: f64| (1..STEPS).find(|&s| self.share(s) <= wanted).unwrap_or(STEPS - 1);
        // With few actor-days the tail begins where some are left.
        let (body_share, wanted) = tail.shares();
        let tail_share = wanted.max(tail.days_min() / self.days).min(0.2);
        let body_share = body_share.max(tail_share * 8.0).min(0.9);
        let (body, end) = match tail {
            Tail::Rarity => (1, RARE),
            _ => (find(body_share), find(tail_share)),
        };
        let (least, most) = tail.slopes();
        let slope = (self.at(end) - self.at(body)) / (end - body).max(1) as f64;
        let slope = slope.clamp(least / f64::from(PER_DECADE), most / f64::from(PER_DECADE));
        Begin { end, slope, sound: tail_share <= wanted * SOUND }
    }
}

/// Times the share where a tail should begin at which its slope is still taken for its own.
const SOUND: f64 = 1.5;

/// The step of one decade.
const RARE: usize = 20;

/// Decades of share a decade of a steep score, while nothing better is known: in a small agency more
/// would take ordinary sessions for rare ones, and keep on doing so.
const STEEP: f64 = 0.5;

/// The same of a strength that is a rarity.
const RARITY: f64 = 0.75;

/// Few actor-days say where their tail begins, and hardly how it goes on: a heavy one goes half as
/// in `like`.
fn rarity(past: &[f32], days: f32, tail: Tail, like: Option<(&[f32], f64)>) -> Vec<f32> {
    let reached = Reached::new(past, f64::from(days.max(1.0)));
    let Begin { end, mut slope, sound } = reached.tail(tail);
    if !sound && matches!(tail, Tail::Heavy | Tail::Steep) {
        let all = like.map(|(all, all_days)| Reached::new(all, all_days).tail(tail));
        slope = slope.max(match all {
            Some(all) if all.sound => (slope + all.slope) / 2.0,
            _ if tail == Tail::Steep => STEEP / f64::from(PER_DECADE),
            _ => slope,
        });
    }
    (0..STEPS)
        .map(|step| {
            let seen = reached.at(step);
            let continued = reached.at(end) + slope * step.saturating_sub(end) as f64;
            // Where there are actor-days to count, a heavy tail's count is believed.
            let believed = matches!(tail, Tail::Heavy | Tail::Steep);
            let counted = believed && reached.above[step] >= 5.0;
            (match step <= end || counted {
                true => seen,
                false if believed => seen.max(continued).min(continued + 0.5),
                false => continued,
            }) as f32
        })
        .scan(0.0_f32, |highest, rarity| {
            *highest = highest.max(rarity);
            Some(*highest)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A day on which one actor-day in ten reaches each further decade.
    fn day(scores: &mut Scores, actor_days: u32) {
        for i in 0..actor_days {
            let score = -((f64::from(i) + 0.5) / f64::from(actor_days)).log10();
            scores.rise(0, step_of(score as f32));
        }
    }

    #[test]
    fn the_rarity_of_an_honest_p_value_is_the_p_value() {
        let mut scores = Scores::default();
        day(&mut scores, 20_000);
        scores.turn(0.9, 0);
        scores.rank(20_000.0, Tail::Heavy);
        for decades in [1.0_f32, 2.0, 3.0, 5.0] {
            let rarity = scores.rarity(step_of(decades)).expect("known");
            assert!((rarity - decades).abs() < 0.2, "{decades}: {rarity}");
        }
        let step = scores.step_at(1e-3).expect("known");
        assert!((score_of(step) - 3.0).abs() < 0.15, "{}", score_of(step));
    }

    #[test]
    fn breaches_nobody_noticed_do_not_make_the_next_ones_ordinary() {
        let rarity = |tail| {
            let mut scores = Scores::default();
            day(&mut scores, 20_000);
            (0..80).for_each(|_| scores.rise(0, step_of(6.0)));
            scores.turn(0.9, 0);
            scores.rank(20_000.0, tail);
            scores.rarity(step_of(6.0)).expect("known")
        };
        assert!(rarity(Tail::Straight) > 5.0, "{}", rarity(Tail::Straight));
        assert!(rarity(Tail::Heavy) < 3.0);
    }

    #[test]
    fn a_rarity_goes_on_as_one_whatever_stands_out() {
        let mut scores = Scores::default();
        // Two hundred newcomers among 20,000, and a tenth as many who do as a breach does.
        day(&mut scores, 200);
        (0..20).for_each(|_| scores.rise(0, step_of(6.0)));
        scores.turn(0.9, 0);
        scores.rank(20_000.0, Tail::Rarity);
        // A tenth of them, and the twenty, are beyond a decade.
        let beyond_one = -(40.0_f32 / 20_000.0).log10();
        for decades in [2.0_f32, 4.0, 6.0] {
            let rarity = scores.rarity(step_of(decades)).expect("known");
            let expected = beyond_one + 0.75 * (decades - 1.0);
            assert!((rarity - expected).abs() < 0.1, "{decades}: {rarity} {expected}");
        }
    }

    #[test]
    fn a_day_that_waits_counts_once_it_has_waited() {
        let mut scores = Scores::default();
        let reach = |scores: &mut Scores| {
            (0..50).for_each(|_| scores.rise(0, 100));
            scores.turn(1.0, 2);
            scores.rank(1_000.0, Tail::Heavy);
            scores.rarity(100).expect("known")
        };
        assert!(reach(&mut scores) > 3.0);
        assert!(reach(&mut scores) > 3.0);
        let waited = reach(&mut scores);
        assert!((1.2..1.4).contains(&waited), "{waited}");
    }

    #[test]
    fn days_are_forgotten_and_leavers_uncounted() {
        let mut scores = Scores::default();
        scores.rise(0, 100);
        scores.leave(100);
        scores.turn(0.5, 0);
        scores.rank(1_000.0, Tail::Heavy);
        assert!(scores.rarity(100).expect("known") > 3.0);
        assert!(Scores::default().step_at(0.001).is_none());
    }
}
