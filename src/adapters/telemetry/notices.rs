//! What became of notices, sink by sink.

use std::collections::BTreeMap;

use super::exposition::Exposition;
use super::{OTHER, Telemetry};

/// What one look at a sink's notices came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoticeCounts {
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Given up.
    pub dead: u64,
    /// Kept back by silences and maintenance windows.
    pub silenced: u64,
    /// Told with others in one.
    pub folded: u64,
}

/// Notices of one sink as the store has them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NoticesKept {
    pub waiting: u64,
    pub dead: u64,
    pub silenced: u64,
    pub folding: u64,
    /// Age of the oldest that waits, 0 where none does.
    pub oldest_s: f64,
}

#[derive(Default)]
pub struct NoticeFigures {
    /// By the names in the configuration, which are few.
    done: BTreeMap<String, NoticeCounts>,
    /// Also of sinks that are no longer configured, as one.
    kept: BTreeMap<String, NoticesKept>,
    load: AlertLoad,
    silences: SilencesKept,
}

/// What keeps notices back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SilencesKept {
    pub active: u64,
    pub pending: u64,
    /// Maintenance windows that are open.
    pub windows: u64,
}

/// How much there is to do, of the last 24 hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlertLoad {
    pub opened: u64,
    /// Who works on incidents.
    pub analysts: u64,
}

impl NoticeFigures {
    pub(super) fn render(&self, to: &mut Exposition) {
        // A series that is always there tells that there is no sink from nobody counting.
        let none = BTreeMap::from([("none".to_owned(), NoticeCounts::default())]);
        let done = if self.done.is_empty() { &none } else { &self.done };
        let mut family = to.counters(
            "tidewaiter_notices_total",
            "Notices by what became of them, and attempts that failed, by sink.",
        );
        for (sink, counts) in done {
            for (outcome, n) in [
                ("delivered", counts.delivered),
                ("failed", counts.failed),
                ("dead", counts.dead),
                ("silenced", counts.silenced),
                ("folded", counts.folded),
            ] {
                family.put(&[("sink", sink), ("outcome", outcome)], n as f64);
            }
        }
        let kept = |sink: &String| self.kept.get(sink).copied().unwrap_or_default();
        let other = Some(OTHER.to_owned()).filter(|other| self.kept.contains_key(other));
        let sinks: Vec<&String> = done.keys().chain(&other).collect();
        let mut family = to
            .gauges("tidewaiter_notices", "Notices in the store, by sink. Told by who correlates.");
        for sink in &sinks {
            let kept = kept(sink);
            for (state, n) in [
                ("waiting", kept.waiting),
                ("dead", kept.dead),
                ("silenced", kept.silenced),
                ("folding", kept.folding),
            ] {
                family.put(&[("sink", sink), ("state", state)], n as f64);
            }
        }
        let mut family = to.gauges(
            "tidewaiter_notice_oldest_seconds",
            "Age of the oldest notice that waits for a sink; 0 where none does.",
        );
        for sink in &sinks {
            family.put(&[("sink", sink)], kept(sink).oldest_s);
        }
        let SilencesKept { active, pending, windows } = self.silences;
        let mut family = to.gauges(
            "tidewaiter_silences",
            "Silences that hold now, or will, and maintenance windows that are open. Told by who correlates.",
        );
        for (state, n) in [("active", active), ("pending", pending), ("maintenance", windows)] {
            family.put(&[("state", state)], n as f64);
        }
        let AlertLoad { opened, analysts } = self.load;
        to.gauges("tidewaiter_incidents_opened_day", "Incidents opened in the last 24 hours.")
            .put(&[], opened as f64);
        to.gauges(
            "tidewaiter_analysts",
            "People who work on incidents: as configured, or who did in the last 24 hours.",
        )
        .put(&[], analysts as f64);
        to.gauges(
            "tidewaiter_incidents_per_analyst_day",
            "Alert load: incidents opened in the last 24 hours for each analyst; for one where there is none.",
        )
        .put(&[], opened as f64 / analysts.max(1) as f64);
    }
}

impl Telemetry {
    /// The sinks there are; only they have series of their own.
    pub fn sinks<'a>(&self, names: impl Iterator<Item = &'a str>) {
        let mut figures = self.figures();
        for name in names {
            figures.notices.done.entry(name.to_owned()).or_default();
        }
    }

    pub fn notices_done(&self, sink: &str, more: NoticeCounts) {
        if let Some(counts) = self.figures().notices.done.get_mut(sink) {
            counts.delivered += more.delivered;
            counts.failed += more.failed;
            counts.dead += more.dead;
            counts.silenced += more.silenced;
            counts.folded += more.folded;
        }
    }

    pub fn silences(&self, kept: SilencesKept) {
        self.figures().notices.silences = kept;
    }

    pub fn alert_load(&self, load: AlertLoad) {
        self.figures().notices.load = load;
    }

    /// What the store has, by sink; nothing from a process that no longer correlates.
    pub fn notices_kept(&self, kept: &BTreeMap<String, NoticesKept>) {
        let mut figures = self.figures();
        let mut named = BTreeMap::<String, NoticesKept>::new();
        for (sink, more) in kept {
            let known = figures.notices.done.contains_key(sink);
            let sum = named.entry(if known { sink } else { OTHER }.to_owned()).or_default();
            sum.waiting += more.waiting;
            sum.dead += more.dead;
            sum.silenced += more.silenced;
            sum.folding += more.folding;
            sum.oldest_s = sum.oldest_s.max(more.oldest_s);
        }
        figures.notices.kept = named;
    }
}
