//! What the one correlator does about cases: brings acts along where incidents merge, reopens
//! what goes on, works off what people say about grouping, warns of clocks, and tells the
//! detectors of exceptions. What people ruled on is told by [`super::rulings`].

use std::collections::BTreeMap;
use std::sync::Arc;

use super::case_figures::{CaseFigures, note_least};
use super::correlate::{CorrelateError, CorrelateRole, PUBLISH};
use super::live::{BUDGET_KEY, BudgetRecord, ExceptionRecord};
use super::rulings::RulingsTold;
use crate::adapters::kafka::Sender;
use crate::adapters::notify::{NotifyConfig, clock_notices};
use crate::adapters::store::{
    ActError, Done, FindingFilter, Office, REQUESTS, Store, StoreError, StoredNotice,
};
use crate::adapters::telemetry::now;
use crate::engine::cases::{Act, Clock, ClockState, MONITOR, Recorded, Regimes};
use crate::engine::correlate::{Correlated, Involved, split_id};

/// Findings looked at to say what an incident is about.
const FINDINGS_MAX: u32 = 1_000;

/// What is kept between two looks.
pub struct CaseWork {
    pub regimes: Arc<Regimes>,
    /// The store's revision up to which resolved incidents were looked at.
    pub looked: i64,
    pub figures: CaseFigures,
    pub rulings: RulingsTold,
    /// Its own: a refused alert must not pass for a refused exception.
    pub sender: Sender,
}

impl CorrelateRole {
    /// Once a second. What is written here is written once, whoever does it again.
    pub(super) fn case_work(&mut self) -> Result<(), CorrelateError> {
        self.regroup()?;
        let (store, regimes) = (self.parts.store.clone(), Arc::clone(&self.cases.regimes));
        let looked = self.cases.looked;
        let figures = &mut self.cases.figures;
        let (notify, office) = (&self.parts.notify, self.office);
        let (newest, clocks) = self.parts.runtime.block_on(async {
            let newest = store.revision().await?;
            // An act may have come to an incident just absorbed: then that is looked at again.
            if newest != looked || figures.is_behind(store.last_act().await?) {
                store.follow_merges(now()).await?;
            }
            if newest != looked {
                reopen(&store, looked).await?;
            }
            let clocks = warn(&store, &regimes, notify, office).await?;
            store.note_expired_exceptions(now()).await?;
            figures.count(&store).await?;
            Ok::<_, StoreError>((newest, clocks))
        })?;
        self.cases.looked = newest;
        self.parts.telemetry.cases(self.cases.figures.with(clocks));
        self.tell_exceptions()?;
        self.tell_budget()?;
        self.tell_rulings()
    }

    /// The alert budget likewise.
    fn tell_budget(&mut self) -> Result<(), CorrelateError> {
        if !self.parts.link.is_connected() {
            return Ok(());
        }
        let store = &self.parts.store;
        let kept = self.parts.runtime.block_on(store.budget())?;
        let Some(kept) = kept.filter(|kept| !kept.published) else { return Ok(()) };
        let record = BudgetRecord { budget_per_1000_actors_day: kept.budget };
        let payload = serde_json::to_vec(&record)?;
        self.cases.sender.send(&self.topics.settings, BUDGET_KEY, &payload)?;
        match self.cases.sender.flush(PUBLISH) {
            Ok(()) => self.parts.runtime.block_on(store.budget_published(&kept))?,
            Err(error) => {
                tracing::warn!(%error, "the alert budget waits to be told to the detectors")
            }
        }
        Ok(())
    }

    /// Told to the detectors' topic, acknowledged, and only then noted as told.
    fn tell_exceptions(&mut self) -> Result<(), CorrelateError> {
        if !self.parts.link.is_connected() {
            return Ok(());
        }
        let store = &self.parts.store;
        let waiting = self.parts.runtime.block_on(store.unpublished_exceptions())?;
        if waiting.is_empty() {
            return Ok(());
        }
        for kept in &waiting {
            let record = ExceptionRecord {
                id: kept.id.clone(),
                exception: kept.exception.clone(),
                revoked: !kept.is_told(now()),
            };
            let payload = serde_json::to_vec(&record)?;
            self.cases.sender.send(&self.topics.exceptions, &record.id, &payload)?;
        }
        match self.cases.sender.flush(PUBLISH) {
            Ok(()) => self.parts.runtime.block_on(store.exceptions_published(&waiting))?,
            Err(error) => tracing::warn!(%error, "exceptions wait to be told to the detectors"),
        }
        Ok(())
    }

    /// Works off requests to absorb and to split, in their order.
    fn regroup(&mut self) -> Result<(), CorrelateError> {
        let place = (REQUESTS.to_owned(), 0);
        let last = self.positions.get(&place).copied().unwrap_or(0);
        let store = self.parts.store.clone();
        let requests = self.parts.runtime.block_on(store.regroupings_after(last))?;
        for request in requests {
            // What is stored and what is at hand are the same from here on.
            self.settle()?;
            let done = match &request.act {
                Act::Absorb { incident } => self.absorb(&request, incident)?,
                Act::Split { finding } => self.split(&request, finding)?,
                _ => true,
            };
            if !done {
                tracing::warn!(
                    act = request.number,
                    "a request to regroup incidents could not be followed: one is no longer there"
                );
            }
            self.positions.insert(place.clone(), request.number);
            self.moved = true;
            self.settle()?;
        }
        Ok(())
    }

    fn absorb(&mut self, request: &Recorded, other: &str) -> Result<bool, CorrelateError> {
        let Some(into) = request.incident.clone() else { return Ok(false) };
        let at_hand = self.fetch(&into)? && self.fetch(other)?;
        let other = other.to_owned();
        Ok(at_hand && self.correlator.absorb_by_hand(&other, &into, &mut self.out))
    }

    fn split(&mut self, request: &Recorded, finding: &str) -> Result<bool, CorrelateError> {
        let Some(id) = request.incident.clone() else { return Ok(false) };
        if !self.fetch(&id)? {
            return Ok(false);
        }
        let (store, runtime) = (self.parts.store.clone(), self.parts.runtime.clone());
        let Some(whole) = runtime.block_on(store.whole(&id))? else { return Ok(false) };
        let mut made = Correlated::default();
        let divided = self.correlator.split_by_hand(
            &id,
            finding,
            split_id(request.number),
            &whole.restored.findings,
            &whole.restored.entries,
            &mut made,
        );
        let Some(divided) = divided else { return Ok(false) };
        let numbers: Vec<i64> =
            divided.entries.iter().filter_map(|&place| whole.numbers.get(place)).copied().collect();
        runtime.block_on(store.divide(
            &divided,
            finding,
            &numbers,
            &made.entries,
            request.number,
            self.office,
        ))?;
        self.out.notices.append(&mut made.notices);
        self.out.changed.append(&mut made.changed);
        Ok(true)
    }

    /// Takes an incident back from the store where it was let go. False where it is not there.
    fn fetch(&mut self, id: &str) -> Result<bool, CorrelateError> {
        if self.correlator.incident(id).is_none() {
            let whole = self.parts.runtime.block_on(self.parts.store.whole(id))?;
            if let Some(whole) = whole.filter(|w| w.restored.incident.merged_into.is_none()) {
                let kept = whole.restored;
                self.correlator.restore(kept.incident, &kept.findings, &kept.entries);
            }
        }
        Ok(self.correlator.incident(id).is_some())
    }

    /// After a start: what was split off stays so.
    pub(super) fn keep_apart(&mut self) -> Result<(), CorrelateError> {
        let last = self.positions.get(&(REQUESTS.to_owned(), 0)).copied().unwrap_or(0);
        let mut after = 0;
        loop {
            let acts = self.parts.store.regroupings_after(after);
            let acts = self.parts.runtime.block_on(acts)?;
            let Some(end) = acts.last().map(|act| act.number) else { return Ok(()) };
            for act in acts.iter().filter(|act| act.number <= last) {
                if let (Act::Split { .. }, Some(from)) = (&act.act, &act.incident) {
                    self.correlator.keep_apart(&split_id(act.number), from);
                }
            }
            after = end;
        }
    }
}

/// Reopens resolved incidents that go on.
async fn reopen(store: &Store, looked: i64) -> Result<(), StoreError> {
    for incident in store.grown_after_resolution(looked).await? {
        let reason = "new findings came after it was resolved".to_owned();
        monitors(store, &incident, Act::Reopen { reason }).await?;
    }
    Ok(())
}

/// Warns of clocks, once when they run out soon and once when they have: on the incident's timeline
/// and to the sinks, or neither. Seconds left of each regime's first.
async fn warn(
    store: &Store,
    regimes: &Regimes,
    notify: &NotifyConfig,
    office: Office,
) -> Result<BTreeMap<String, i64>, StoreError> {
    let mut least = BTreeMap::new();
    for (incident, case) in store.cases_with_clocks().await? {
        for clock in regimes.clocks(&case, now()) {
            note_least(&clock, &mut least);
            let Some(due) = clock.due else { continue };
            let (regime, phase) = (clock.regime.clone(), clock.phase.clone());
            let act = match clock.state {
                ClockState::Warned if !case.was_warned(&regime, &phase) => {
                    Act::ClockWarned { regime, phase, due }
                }
                ClockState::Overdue if !case.has_run_out(&regime, &phase) => {
                    Act::ClockRanOut { regime, phase, due }
                }
                _ => continue,
            };
            let told = tell_clock(store, notify, &incident, &clock).await?;
            let done = store.act_and_tell(&incident, MONITOR, now(), act, &told, office).await;
            needed(&incident, done)?;
        }
    }
    Ok(least)
}

/// What the sinks are told of a clock.
async fn tell_clock(
    store: &Store,
    notify: &NotifyConfig,
    id: &str,
    clock: &Clock,
) -> Result<Vec<StoredNotice>, StoreError> {
    if notify.sink.is_empty() {
        return Ok(Vec::new());
    }
    let Some(incident) = store.incident(id).await? else { return Ok(Vec::new()) };
    let filter = FindingFilter { incident: Some(id.to_owned()), ..FindingFilter::default() };
    let findings = store.findings(&filter, FINDINGS_MAX, None).await?.items;
    let involved = Involved::of(&findings);
    Ok(clock_notices(notify, &incident, involved, clock, now()))
}

/// An act of the monitor's own. One that has become impossible since is not needed.
async fn monitors(store: &Store, incident: &str, act: Act) -> Result<(), StoreError> {
    needed(incident, store.act(incident, MONITOR, now(), act, None).await)
}

fn needed(incident: &str, done: Result<Done, ActError>) -> Result<(), StoreError> {
    match done {
        Ok(_) => Ok(()),
        Err(ActError::Store(error)) => Err(error),
        Err(error) => {
            tracing::info!(incident, %error, "the monitor's own act was not needed");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::store::{NoticeState, StoreBatch};
    use crate::engine::model::Incident;

    fn incident() -> Incident {
        let text = include_str!("../../tests/golden/incident.json");
        serde_json::from_str(text).expect("the golden incident reads")
    }

    #[tokio::test]
    async fn a_clock_is_warned_of_once_and_told_until_somebody_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("test.db")).await.expect("a store");
        let office = store.take_office().await.expect("in office");
        let batch = StoreBatch { incidents: vec![incident()], ..StoreBatch::default() };
        store.apply(&batch, office).await.expect("applied");
        let (id, regimes) = (incident().id, Regimes::default());
        let sink = "[[sink]]\nname = \"desk\"\nkind = \"slack\"\nsecret = { env = \"X\" }\n";
        let notify: NotifyConfig = toml::from_str(sink).expect("a configuration");
        let act = async |act: Act| store.act(&id, "ann", now(), act, None).await.expect("done");
        let at = Some(now().minus_ms(65 * 3_600_000));
        let (reason, named) = ("certain".to_owned(), vec!["gdpr".to_owned(), "nis2".to_owned()]);
        act(Act::Aware { at, regimes: named, reason }).await;
        for _ in 0..3 {
            let least = warn(&store, &regimes, &notify, office).await.expect("looked");
            let hours: Vec<i64> = least.values().map(|left| left.div_euclid(3_600)).collect();
            assert_eq!(hours, [6, -42], "the first of each regime");
        }
        let warned = |acts: &[Recorded]| -> Vec<String> {
            let of = |act: &Recorded| match &act.act {
                Act::ClockWarned { regime, phase, .. } => Some(format!("{regime}/{phase}")),
                Act::ClockRanOut { regime, phase, .. } => Some(format!("{regime}/{phase} ran out")),
                _ => None,
            };
            acts.iter().filter_map(of).collect()
        };
        let told = warned(&store.acts(&id).await.expect("read"));
        let once = ["gdpr/notification", "nis2/early_warning ran out", "nis2/notification"];
        assert_eq!(told, once);
        let waiting = store.notices_in(NoticeState::Waiting).await.expect("read");
        let facts = |notice: &StoredNotice| -> serde_json::Value {
            serde_json::from_str(&notice.payload).expect("facts")
        };
        let of_one = |notice: &StoredNotice| {
            let facts = facts(notice);
            let word = |field: &str| facts[field].as_str().unwrap_or_default().to_owned();
            let of_clock = |field: &str| facts["clock"][field].as_str().unwrap_or_default();
            assert_eq!(word("incident"), incident().id);
            let clock = format!("{}, {}", of_clock("regime_name"), of_clock("phase_name"));
            let (kind, left) = (word("kind"), of_clock("time_left").replace(" left", ""));
            // The clocks of the test go on while it runs.
            let left = left.split_once(" h").map_or(left.as_str(), |(hours, _)| hours);
            format!("{} {kind} {clock}, {left}", notice.sink)
        };
        let mut heard: Vec<String> = waiting.iter().map(of_one).collect();
        heard.sort();
        assert_eq!(
            heard,
            [
                "desk clock_ran_out NIS2, Early warning, overdue by 1 d 17",
                "desk clock_warned GDPR, Notification, 6",
                "desk clock_warned NIS2, Incident notification, 6",
            ],
            "each once, whoever looks again"
        );
        let keys: std::collections::BTreeSet<_> = waiting.iter().map(|n| n.key.clone()).collect();
        assert_eq!(keys.len(), 3, "each has a key of its own");
        let (regime, phase) = ("gdpr".to_owned(), "notification".to_owned());
        act(Act::Notified { regime, phase, at: None, reference: None }).await;
        let least = warn(&store, &regimes, &notify, office).await.expect("looked");
        assert_eq!(least.keys().collect::<Vec<_>>(), ["nis2"]);
        let told = CaseFigures::default().look(&store, &regimes).await.expect("looked");
        assert_eq!(told.by_state, [1, 0, 0, 0, 0]);
        assert_eq!(told.clocks.keys().collect::<Vec<_>>(), ["nis2"]);
    }
}
