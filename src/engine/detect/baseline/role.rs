//! What actors of one role, and those of one unit in it, have in common.

use serde::{Deserialize, Serialize};

use super::part::Clumps;
use super::rate::Prior;
use super::residuals::Residuals;
use super::season::{Season, Starts};
use super::session::RoleSessions;
use super::shares::Shares;
use super::sums::{Context, Moments, RateSums, Sizes};

/// Ten minutes, an hour, a shift's day.
pub const SPANS: usize = 3;
/// All reads; those no case explains.
pub const KINDS: usize = 2;
/// What may drift over days: both, and the share of the second in the first.
pub const DRIFTS: usize = 3;

/// One role of one type of actor.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Role {
    pub rates: [[RateSums; KINDS]; SPANS],
    pub priors: [[Prior; KINDS]; SPANS],
    pub season: Season,
    pub bursts: [[Sizes; KINDS]; SPANS],
    /// How reads without a case come together.
    pub clumps: [Clumps; SPANS],
    pub context: Context,
    pub(super) context_now: f32,
    pub starts: Starts,
    pub start_shares: [f32; 24],
    pub sessions: RoleSessions,
    pub habits: Shares,
    pub cases: Shares,
    pub novel_days: Sizes,
    pub slow: [Residuals; DRIFTS],
    pub slow_moments: [Moments; DRIFTS],
    /// Shifts by the largest case of each.
    pub case_sizes: Residuals,
    pub(super) drifts: [Drift; DRIFTS],
    /// Most evidence of a walk down a range of ids, by shift, in nats.
    pub walks: Moments,
}

/// What the shifts that ended today and yesterday have in common.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Drift {
    day: u16,
    today: (f32, f32),
    yesterday: (f32, f32),
}

/// Shifts at the usual behind those seen.
const DRIFT_SHRINK: f32 = 15.0;

impl Role {
    /// Adds `times` what another shard has counted. What is of the moment stays each shard's own.
    pub fn add_up(&mut self, more: &Self, times: f32) {
        add_rates(&mut self.rates, &more.rates, times);
        self.season.add_up(&more.season, times);
        let sizes = self.bursts.as_flattened_mut().iter_mut().zip(more.bursts.as_flattened());
        sizes.for_each(|(sizes, more)| sizes.add_up(more, times));
        let clumps = self.clumps.iter_mut().zip(&more.clumps);
        clumps.for_each(|(clumps, more)| clumps.add_up(more, times));
        self.starts.add_up(&more.starts, times);
        self.sessions.add_up(&more.sessions, times);
        self.habits.add_up(&more.habits, times);
        self.cases.add_up(&more.cases, times);
        self.novel_days.add_up(&more.novel_days, times);
        let slow = self.slow.iter_mut().zip(&more.slow);
        slow.for_each(|(residuals, more)| residuals.add_up(more, times));
        let moments = self.slow_moments.iter_mut().zip(&more.slow_moments);
        moments.for_each(|(moments, more)| moments.add_up(more, times));
        self.case_sizes.add_up(&more.case_sizes, times);
        self.walks.add_up(&more.walks, times);
    }

    pub fn decay(&mut self, keep: f32) {
        self.rates.as_flattened_mut().iter_mut().for_each(|sums| sums.decay(keep));
        self.season.decay(keep);
        self.bursts.as_flattened_mut().iter_mut().for_each(|sizes| sizes.decay(keep));
        self.clumps.iter_mut().for_each(|clumps| clumps.decay(keep));
        self.novel_days.decay(keep);
        self.case_sizes.turn(keep);
        self.walks.decay(keep);
        self.starts.decay(keep);
        self.sessions.turn(keep);
        self.habits.decay(keep);
        self.cases.decay(keep);
        self.slow.iter_mut().for_each(|residuals| residuals.turn(keep));
        self.slow_moments.iter_mut().for_each(|moments| moments.decay(keep));
    }

    /// Ten-minute windows it rests on.
    pub fn windows(&self) -> f32 {
        self.rates[0][0].windows()
    }

    pub fn add_drift(&mut self, kind: usize, day: u16, residual: f32) {
        let drift = &mut self.drifts[kind];
        if day != drift.day {
            drift.yesterday = drift.today;
            drift.today = (0.0, 0.0);
            drift.day = day;
        }
        drift.today.0 += residual.clamp(-3.0, 3.0);
        drift.today.1 += 1.0;
    }

    /// Mean residual of the last days' shifts, never below the usual.
    pub fn drift(&self, kind: usize) -> f32 {
        let drift = &self.drifts[kind];
        let (sum, count) = (drift.today.0 + drift.yesterday.0, drift.today.1 + drift.yesterday.1);
        (sum / (count + DRIFT_SHRINK)).max(0.0)
    }
}

/// Actors of one role in one unit.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Group {
    pub role: u16,
    pub rates: [[RateSums; KINDS]; SPANS],
    pub priors: [[Prior; KINDS]; SPANS],
    pub season: Season,
    pub context: Context,
    pub(super) context_now: f32,
    pub starts: Starts,
    pub start_shares: [f32; 24],
}

impl Group {
    /// Adds `times` what another shard has counted.
    pub fn add_up(&mut self, more: &Self, times: f32) {
        add_rates(&mut self.rates, &more.rates, times);
        self.season.add_up(&more.season, times);
        self.starts.add_up(&more.starts, times);
    }

    pub fn decay(&mut self, keep: f32) {
        self.rates.as_flattened_mut().iter_mut().for_each(|sums| sums.decay(keep));
        self.season.decay(keep);
        self.starts.decay(keep);
    }

    /// Ten-minute windows it rests on.
    pub fn windows(&self) -> f32 {
        self.rates[0][0].windows()
    }

    /// How much more than expected everybody reads just now, 0.8 to 2.5.
    pub fn context(&self) -> f32 {
        self.context_now
    }
}

type Rates = [[RateSums; KINDS]; SPANS];

fn add_rates(rates: &mut Rates, more: &Rates, times: f32) {
    let rates = rates.as_flattened_mut().iter_mut().zip(more.as_flattened());
    rates.for_each(|(sums, more)| sums.add_up(more, times));
}
