//! What the store says of all cases, for the figures. Whoever correlates counts as it works on them;
//! who serves, or stands by, has only these.

use std::collections::BTreeMap;

use crate::adapters::store::{Judged, Store, StoreError};
use crate::adapters::telemetry::{CaseNumbers, Feedback, now};
use crate::engine::cases::{Clock, Regimes, State};

/// The figures as last counted.
#[derive(Default)]
pub(super) struct CaseFigures {
    /// Number of the last act when they were counted; none before.
    counted: Option<i64>,
    numbers: CaseNumbers,
}

impl CaseFigures {
    /// Whether an act has come since, or nothing was counted yet.
    pub fn is_behind(&self, last: i64) -> bool {
        self.counted != Some(last)
    }

    /// Counts where somebody has acted since the last time. Clocks are another's: they run by themselves.
    pub async fn count(&mut self, store: &Store) -> Result<(), StoreError> {
        let last = store.last_act().await?;
        if self.is_behind(last) {
            self.numbers = count(store).await?;
            self.counted = Some(last);
        }
        Ok(())
    }

    /// With these seconds left of each regime's first clock.
    pub fn with(&mut self, clocks: BTreeMap<String, i64>) -> CaseNumbers {
        self.numbers.clocks = clocks;
        self.numbers.clone()
    }

    /// For who does not work on cases: everything, clocks included.
    pub async fn look(
        &mut self,
        store: &Store,
        regimes: &Regimes,
    ) -> Result<CaseNumbers, StoreError> {
        self.count(store).await?;
        let mut least = BTreeMap::new();
        for (_, case) in store.cases_with_clocks().await? {
            regimes.clocks(&case, now()).iter().for_each(|clock| note_least(clock, &mut least));
        }
        Ok(self.with(least))
    }
}

/// Notes the clock where it is its regime's first to run out.
pub(super) fn note_least(clock: &Clock, least: &mut BTreeMap<String, i64>) {
    if let (Some(left), Some(_)) = (clock.seconds_left, clock.due) {
        let first = least.entry(clock.regime.clone()).or_insert(left);
        *first = left.min(*first);
    }
}

fn named(judged: Judged) -> BTreeMap<String, Feedback> {
    judged.into_iter().map(|(name, incidents)| (name, Feedback { incidents })).collect()
}

/// Everything but the clocks.
async fn count(store: &Store) -> Result<CaseNumbers, StoreError> {
    let (detectors, rules) = store.feedback().await?;
    let states = store.cases_by_state().await?;
    let of = |state: State| states.get(state.name()).copied().unwrap_or_default();
    Ok(CaseNumbers {
        by_state: State::ALL.map(of),
        by_detector: named(detectors),
        by_rule: named(rules),
        ..CaseNumbers::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::store::StoreBatch;
    use crate::engine::cases::{Act, Resolution};
    use crate::engine::model::{Finding, Incident};

    #[tokio::test]
    async fn who_only_looks_counts_what_was_judged_and_the_clocks_that_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("test.db")).await.expect("a store");
        let office = store.take_office().await.expect("in office");
        let text = include_str!("../../tests/golden/incident.json");
        let incident: Incident = serde_json::from_str(text).expect("the golden incident reads");
        let id = incident.id.clone();
        let findings = include_str!("../../tests/golden/findings.json");
        let mut findings: Vec<Finding> = serde_json::from_str(findings).expect("findings read");
        findings[0].rule = Some("night_reads".to_owned());
        let findings = findings.into_iter().map(|finding| (id.clone(), finding)).collect();
        let batch = StoreBatch { incidents: vec![incident], findings, ..StoreBatch::default() };
        store.apply(&batch, office).await.expect("applied");
        let (mut figures, regimes) = (CaseFigures::default(), Regimes::default());
        let before = figures.look(&store, &regimes).await.expect("looked");
        assert_eq!((before.by_state, before.clocks.len()), ([0; 5], 0));
        let act = async |act: Act| store.act(&id, "ann", now(), act, None).await.expect("done");
        let at = Some(now().minus_ms(3_600_000));
        let (reason, named) = ("certain".to_owned(), vec!["gdpr".to_owned()]);
        act(Act::Aware { at, regimes: named, reason }).await;
        let running = figures.look(&store, &regimes).await.expect("looked");
        let hours = running.clocks.get("gdpr").map(|left| left.div_euclid(3_600));
        assert_eq!(hours, Some(70));
        act(Act::Resolve { resolution: Resolution::TruePositive, note: None }).await;
        let judged = figures.look(&store, &regimes).await.expect("looked");
        assert_eq!(judged.by_state, [0, 0, 0, 0, 1]);
        let of = |judged: Option<&Feedback>| judged.and_then(|judged| judged.precision());
        assert_eq!(of(judged.by_rule.get("night_reads")), Some(1.0));
        assert_eq!(of(judged.by_detector.get("outbound_bytes")), Some(1.0));
    }
}
