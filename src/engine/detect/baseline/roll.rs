//! Windows, sessions and shifts end and begin. What ended is learned from.

use super::actor::{ALL, Baseline, HOUR, SHARE, SHIFT, Span, TEN, UNEXPLAINED};
use super::part;
use super::peers::Peers;
use super::rate::Expected;
use super::role::{DRIFTS, KINDS, SPANS};
use super::season::{Season, hour_of_week};
use super::slow::{Peered, Slow};
use super::sums::Context;

/// Idle minutes after which a read begins a session, and a shift.
const SESSION_GAP_MIN: u32 = 180;
const SHIFT_GAP_MIN: u32 = 300;
const SHIFT_MAX_MIN: u32 = 1_440;
/// What a window keeps of the past: half after 600 ten minutes, 110 hours, 12 shifts.
/// Source: DETECTORS section 2.
const KEEP: [f32; SPANS] = [0.998_845, 0.993_718, 0.943_874];
/// Standard deviations above the mean at which the tail is computed.
const GATE_SD: f32 = 2.5;
/// Beyond so many the window was batch work, or worse.
const BURST_SD: f32 = 4.0;
/// A machine's days before it is known.
const SETTLED_SHIFTS: u16 = 5;
/// Before so many shifts there is no slow evidence of an actor.
pub const NEWCOMER_SHIFTS: u16 = 3;
/// Weight of what follows on a burst in the same shift.
const BURST_WEIGHT: f32 = 0.3;
/// Weight of what a suspect shows.
const SUSPECT_WEIGHT: f32 = 0.2;
/// A session's beginning this improbable has all its windows looked at.
pub const START_UNUSUAL: f32 = 0.05;

impl Baseline {
    /// Time has reached `minute`, in minutes since 1970.
    pub fn roll(&mut self, minute: u32, peers: &mut Peers, places: (u16, u16)) {
        let gap = minute.saturating_sub(self.last);
        let first = self.last == 0;
        let day = (minute / 1_440) as u16;
        if first {
            self.since = day;
            self.session.start = 1.0;
        }
        let turn = minute.saturating_sub(self.spans[SHIFT].index);
        let aged = turn >= SHIFT_MAX_MIN;
        if minute / 60 > self.spans[HOUR].index {
            self.end_window(HOUR, day, peers, places);
        }
        if minute / 10 > self.spans[TEN].index {
            self.end_window(TEN, day, peers, places);
        }
        if first || gap >= SHIFT_GAP_MIN || aged {
            self.end_shift(day, peers, places);
            self.begin_window(SHIFT, minute, 1.0, peers, places);
        }
        if first || gap >= SESSION_GAP_MIN {
            self.begin_session(minute, (!first).then_some(turn), peers, places);
        }
        if minute / 60 > self.spans[HOUR].index {
            let season = peers.group(places.1).season.factor(hour_of_week(minute / 60));
            self.exposure += season;
            self.begin_window(HOUR, minute / 60, season, peers, places);
        }
        if minute / 10 > self.spans[TEN].index {
            let season = peers.group(places.1).season.factor(hour_of_week(minute / 60));
            self.begin_window(TEN, minute / 10, season, peers, places);
        }
        self.last = self.last.max(minute);
        if day > self.day.day {
            self.let_go(day);
            let counted = !self.is_suspect(day) && !self.is_breach(minute, minute);
            peers.lanes.begin(&mut self.day, day, places.0, counted);
            let known = peers.lanes.knows_who_is_new_from();
            self.day.is_newcomer = self.shifts < NEWCOMER_SHIFTS && self.since >= known;
        }
    }

    fn begin_window(
        &mut self,
        which: usize,
        index: u32,
        season: f32,
        peers: &Peers,
        (_, group): (u16, u16),
    ) {
        let group = peers.group(group);
        let eager = self.session.start < START_UNUSUAL;
        let own = match (which, &self.hours) {
            (TEN, Some(hours)) => hours.factor(index as usize / 6, self.service),
            (HOUR, Some(hours)) => hours.factor(index as usize, self.service),
            _ => 1.0,
        };
        let span = &mut self.spans[which];
        span.index = index;
        span.counts = [0.0; KINDS];
        span.context = if which == SHIFT { 1.0 } else { group.context() };
        span.own = own;
        span.factor = season * span.context * own;
        let priors = &group.priors[which];
        let own_sums = [span.rates[ALL].num, span.rates[UNEXPLAINED].num];
        span.share = part::usual(own_sums, [priors[ALL].mean, priors[UNEXPLAINED].mean]);
        for kind in 0..KINDS {
            let expected = span.rates[kind].forecast(&group.priors[which][kind], span.factor);
            let gate = expected.mu + GATE_SD * expected.sd();
            (span.gates[kind], span.expected[kind]) = (gate, expected);
        }
        if eager {
            span.look_early();
        }
        span.bits.restart(span.expected[ALL].mu);
    }

    fn end_window(&mut self, which: usize, day: u16, peers: &mut Peers, places: (u16, u16)) {
        self.measure(which, peers, places.0);
        let (from, to) = self.window(which);
        if self.is_breach(from, to) {
            return;
        }
        let suspect = self.is_suspect(day);
        // A machine's nightly run is no batch work once its hours are known.
        let settled = !self.service || self.shifts >= SETTLED_SHIFTS;
        let span = &mut self.spans[which];
        if span.index == 0 || span.counts[ALL] <= 0.0 {
            return;
        }
        let weight = if suspect { SUSPECT_WEIGHT } else { 1.0 };
        let bursts = span.learn(KEEP[which], weight, settled);
        if suspect {
            return;
        }
        let (counts, span_expected, expected) = (span.counts, span.expected, span.expected[ALL]);
        let count = counts[ALL];
        let (factor, context, own) = (span.factor, span.context, span.own.max(0.05));
        if which == HOUR && self.shifts > 0 {
            let hours = self.hours.get_or_insert_default();
            hours.add(span.index as usize, count * own / expected.mu.max(0.1), self.service);
        }
        let span = &self.spans[which];
        let role = peers.role_mut(places.0);
        role.clumps[which].add(counts[UNEXPLAINED], count, span.share);
        for kind in 0..KINDS {
            role.rates[which][kind].add_window(span.counts[kind], &span.expected[kind], factor);
        }
        for kind in 0..KINDS {
            role.bursts[which][kind].windows += 1.0;
            if bursts[kind] {
                role.bursts[which][kind].add(relative(counts[kind], &span_expected[kind]));
            }
        }
        let ratio = count / (expected.mu / context).max(0.1);
        let rate = expected.mu / factor.max(0.05);
        let seasonal = count / (rate * context * own).max(0.1);
        let index = span.index;
        let compare = |context: &mut Context, season: &mut Season| match which {
            TEN => context.add(index, ratio),
            HOUR => season.add(hour_of_week(index), seasonal),
            _ => {}
        };
        compare(&mut role.context, &mut role.season);
        let group = peers.group_mut(places.1);
        for kind in 0..KINDS {
            group.rates[which][kind].add_window(span.counts[kind], &span.expected[kind], factor);
        }
        compare(&mut group.context, &mut group.season);
    }

    /// First and last minute of the window that is being filled.
    fn window(&self, which: usize) -> (u32, u32) {
        let index = self.spans[which].index;
        match which {
            TEN => (index.saturating_mul(10), index.saturating_mul(10).saturating_add(9)),
            HOUR => (index.saturating_mul(60), index.saturating_mul(60).saturating_add(59)),
            _ => (index, self.last),
        }
    }

    fn begin_session(
        &mut self,
        minute: u32,
        turn: Option<u32>,
        peers: &mut Peers,
        (role, group): (u16, u16),
    ) {
        let hour = (minute / 60 % 24) as usize;
        let is_breach = self.is_breach(minute, minute);
        let before = is_breach.then(|| self.session.clone());
        let learn = !is_breach && !self.is_suspect((minute / 1_440) as u16);
        let starts = peers.group(group).start_shares;
        let of = peers.role_mut(role);
        self.session.begin(hour, turn, &starts, &mut of.sessions, learn);
        if let Some(before) = before {
            self.session.unlearn(before);
        }
        if learn {
            of.starts.add(hour);
            peers.group_mut(group).starts.add(hour);
        }
    }

    /// The read comes from the address with this mark.
    pub fn come_from(&mut self, place: u32, minute: u32, peers: &mut Peers, role: u16) {
        let is_breach = self.is_breach(minute, minute);
        let before = (is_breach && !self.session.is_at(place)).then(|| self.session.clone());
        let learn = !is_breach && !self.is_suspect((minute / 1_440) as u16);
        let is_new = self.session.come_from(place, &mut peers.role_mut(role).sessions, learn);
        if let Some(before) = before {
            self.session.unlearn(before);
        }
        if is_new && self.session.start < START_UNUSUAL {
            self.spans[TEN].look_early();
            self.spans[HOUR].look_early();
        }
    }

    fn end_shift(&mut self, day: u16, peers: &mut Peers, places: (u16, u16)) {
        if self.spans[SHIFT].index == 0 || self.spans[SHIFT].counts[ALL] <= 0.0 {
            return;
        }
        self.end_window(SHIFT, day, peers, places);
        let (from, to) = self.window(SHIFT);
        if self.is_breach(from, to) {
            self.pass();
            self.cases.end_shift(None);
            self.exposure = 0.0;
            return;
        }
        for span in &mut self.spans {
            for (bursts, pending) in span.bursts.iter_mut().zip(&mut span.pending) {
                *bursts += f32::from(std::mem::take(pending));
            }
        }
        let suspect = self.is_suspect(day);
        self.shifts = self.shifts.saturating_add(1);
        self.end_slow(day, suspect, peers, places);
        self.end_novelty(day, suspect, peers, places);
        let sizes = &mut peers.role_mut(places.0).case_sizes;
        self.cases.end_shift((!suspect).then_some(sizes));
        let taught = self.sequence.end_shift(if suspect { SUSPECT_WEIGHT } else { 1.0 });
        if !suspect {
            peers.role_mut(places.0).walks.add(taught.ln_1p());
        }
        if suspect {
            return;
        }
        for which in 0..SPANS {
            for kind in 0..KINDS {
                let rate = self.spans[which].rates[kind];
                if rate.den > 2.0 {
                    let rate = rate.num / rate.den;
                    peers.role_mut(places.0).rates[which][kind].add_actor(rate);
                }
            }
        }
    }

    fn end_slow(&mut self, day: u16, suspect: bool, peers: &mut Peers, (role, _): (u16, u16)) {
        for kind in 0..DRIFTS {
            let x = self.drifting(kind, self.exposure);
            let role = peers.role_mut(role);
            let prior = role.slow_moments[kind].mean(1.0, 1.0);
            let mut moments = role.slow_moments[kind];
            let peered = Peered {
                group_mean: prior,
                role_within: moments.within(),
                ranks: &role.slow[kind],
                drift: role.drift(kind),
            };
            let residual = self.slow[kind].close(x, &peered, !suspect, &mut moments);
            if !suspect {
                moments.add(x);
                role.slow_moments[kind] = moments;
                if self.shifts > 3 {
                    role.slow[kind].add(residual);
                    role.add_drift(kind, day, residual);
                }
            }
            self.slow_gates[kind] = 0.0;
        }
        let step = 1.0 / f32::from(self.shifts.min(10));
        self.usual_exposure += step * (self.exposure - self.usual_exposure);
        self.exposure = 0.0;
    }

    /// What is watched for drift, as of now.
    pub fn drifting(&self, kind: usize, exposure: f32) -> f32 {
        let [all, unexplained] = self.spans[SHIFT].counts;
        match kind {
            SHARE => ((unexplained + 1.0) / ((all - unexplained).max(0.0) + 1.0)).ln(),
            _ => Slow::log_rate([all, unexplained][kind], exposure),
        }
    }

    fn end_novelty(&mut self, day: u16, suspect: bool, peers: &mut Peers, places: (u16, u16)) {
        let score = self.novelty_score(peers, places);
        self.novelty_cusum = (self.novelty_cusum + score.min(4.0) - NOVELTY_DRIFT).clamp(0.0, 12.0);
        let novel = self.novelty > NOVEL_MIN;
        self.novel_shifts = self.novel_shifts * 0.97 + f32::from(u8::from(novel));
        let role = peers.role_mut(places.0);
        // While a role's habits are not known, everything is new to everybody.
        if !suspect && self.shifts > NOVEL_SHIFTS {
            role.novel_days.windows += 1.0;
            if novel {
                role.novel_days.add(self.novelty);
            }
        }
        let habits = &mut role.habits;
        let weight = if suspect { SUSPECT_WEIGHT } else { 1.0 };
        self.habits.close(day, weight, |kind, weight| {
            if !suspect {
                habits.add(kind, weight, 0.0);
            }
        });
        self.novelty = 0.0;
        self.novelty_gate = NOVEL_MIN;
    }

    /// Decades: that this actor has a novel shift at all, times that of so much in the role.
    pub fn novelty_score(&self, peers: &Peers, (role, _): (u16, u16)) -> f32 {
        if self.novelty <= NOVEL_MIN {
            return 0.0;
        }
        let days = &peers.role(role).novel_days;
        let own_days = f32::from(self.shifts.min(30));
        let any = (self.novel_shifts + 3.0 * days.share().min(1.0)) / (own_days + 3.0);
        let much = days.tail(self.novelty).unwrap_or_else(|| 1.0 / (1.0 + f64::from(self.novelty)));
        -((any.clamp(1e-4, 1.0)).log10() + much.max(1e-12).log10() as f32)
    }
}

/// How large batch work is, over what is usual: a service's hundreds and a clerk's tens compare.
pub fn relative(count: f32, expected: &Expected) -> f32 {
    1.0 + count / (expected.mu + 3.0)
}

/// Shifts before an actor's novelty says what is usual.
const NOVEL_SHIFTS: u16 = 3;
/// Surprise below which a shift is as any other, in decades.
pub const NOVEL_MIN: f32 = 2.0;
/// What each shift takes from the novelty's CUSUM.
pub const NOVELTY_DRIFT: f32 = 0.8;

impl Span {
    /// Whatever is read in an unusual session is looked at.
    fn look_early(&mut self) {
        for (gate, expected) in self.gates.iter_mut().zip(&self.expected) {
            *gate = gate.min((expected.mu * 0.5).max(3.0));
        }
    }

    /// By kind, true where the window was batch work, or worse.
    fn learn(&mut self, keep: f32, weight: f32, settled: bool) -> [bool; KINDS] {
        let mut bursts = [false; KINDS];
        for (kind, burst) in bursts.iter_mut().enumerate() {
            let (count, expected) = (self.counts[kind], self.expected[kind]);
            *burst = settled && count > expected.mu + BURST_SD * expected.sd() + 3.0;
            self.bursts[kind] *= keep;
            let weight = if self.pending[kind] > 0 { BURST_WEIGHT * weight } else { weight };
            self.pending[kind] = self.pending[kind].saturating_add(u8::from(*burst));
            self.rates[kind].learn(count, &expected, self.factor, keep, weight);
        }
        bursts
    }
}
