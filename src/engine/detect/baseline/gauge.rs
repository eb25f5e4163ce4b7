//! How improbable windows were as they ended, for whoever measures whether probabilities are true.
//! Nothing is written down unless that was asked for, and nothing that is judged rests on it.

use super::actor::{ALL, Baseline, HOUR, TEN};
use super::peers::Peers;
use super::role::KINDS;
use super::suite::{CASE_SHARE_MIN, SHOWN_SHRINK, ln_p};

/// One window of one actor, at its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowP {
    /// Minute since 1970 in which it began.
    pub minute: u32,
    /// `10 min`, `1 h` or `shift`.
    pub window: &'static str,
    /// `all` or `unexplained`.
    pub reads: &'static str,
    /// `ln` of the probability of so many reads or more.
    pub ln_p: f64,
}

/// Written down since it was last asked for; none where nobody asks.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Option<Vec<WindowP>>);

impl Gauge {
    /// From now on windows are written down.
    pub fn begin(&mut self) {
        self.0.get_or_insert_default();
    }

    pub fn take(&mut self) -> impl Iterator<Item = WindowP> {
        self.0.as_mut().map(|windows| windows.drain(..)).into_iter().flatten()
    }
}

impl Baseline {
    /// Writes the window down before anything is learned from it.
    pub fn measure(&self, which: usize, peers: &mut Peers, role: u16) {
        let span = &self.spans[which];
        if peers.gauge.0.is_none() || span.index == 0 || span.counts[ALL] <= 0.0 {
            return;
        }
        let (window, minutes) = match which {
            TEN => ("10 min", 10),
            HOUR => ("1 h", 60),
            _ => ("shift", 1),
        };
        let counts = peers.role(role).cases.part_of_all() >= CASE_SHARE_MIN;
        for kind in 0..KINDS {
            // Where no case is cited, none is missed.
            if kind != ALL && !counts {
                continue;
            }
            let ln_p = ln_p(self, peers, role, (which, kind), SHOWN_SHRINK).min(0.0);
            let reads = if kind == ALL { "all" } else { "unexplained" };
            let written = WindowP { minute: span.index * minutes, window, reads, ln_p };
            peers.gauge.0.get_or_insert_default().push(written);
        }
    }
}
