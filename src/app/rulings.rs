//! What people decided of incidents, on its way to the detectors: the one correlator tells the topic of
//! rulings what the store says, and withdraws what no longer stands.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::correlate::{CorrelateError, CorrelateRole, PUBLISH};
use crate::adapters::store::{RulingKey, Store, StoreError, ruling_key};
use crate::engine::detect::{RULINGS_MAX, Ruling, Rulings};
use crate::engine::model::EventTime;

/// What was learned so long ago has faded: older incidents need not be told of.
const TOLD_FOR_MS: i64 = 60 * 86_400_000;
/// How often incidents are looked at for having become older, or being gone.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// What the topic holds, as far as is known.
#[derive(Default)]
pub struct RulingsTold {
    /// By key; none of what was told by somebody else. None before the store was asked.
    told: Option<BTreeMap<RulingKey, Option<Ruling>>>,
    /// The act up to which rulings were told.
    upto: i64,
    looked_at: Option<Instant>,
}

impl CorrelateRole {
    /// Told to the detectors' topic, acknowledged, and only then noted as told. That a record may be
    /// there is noted before, so that whoever takes over can withdraw it.
    pub(super) fn tell_rulings(&mut self) -> Result<(), CorrelateError> {
        if !self.parts.link.is_connected() {
            return Ok(());
        }
        let (store, runtime) = (self.parts.store.clone(), self.parts.runtime.clone());
        let rulings = &mut self.cases.rulings;
        let last = runtime.block_on(store.last_act())?;
        let looked = rulings.looked_at.is_some_and(|at| at.elapsed() < LOOK_EVERY);
        if looked && !runtime.block_on(store.has_ruled_since(rulings.upto))? {
            rulings.upto = rulings.upto.max(last);
            return Ok(());
        }
        let told = match &mut rulings.told {
            Some(told) => told,
            told => {
                let keys = runtime.block_on(store.rulings_told())?;
                told.insert(keys.into_iter().map(|key| (key, None)).collect())
            }
        };
        let wanted = runtime.block_on(wanted(&store, self.correlator.now()))?;
        let (news, gone) = changes(told, &wanted);
        if !news.is_empty() || !gone.is_empty() {
            let keys: Vec<RulingKey> = news.iter().map(|ruling| ruling_key(ruling)).collect();
            runtime.block_on(store.note_rulings(&keys))?;
            let (sender, topic) = (&self.cases.sender, &self.topics.rulings);
            for (ruling, key) in news.iter().zip(&keys) {
                sender.send(topic, &record_key(key), &serde_json::to_vec(ruling)?)?;
            }
            for key in &gone {
                sender.withdraw(topic, &record_key(key))?;
            }
            if let Err(error) = sender.flush(PUBLISH) {
                tracing::warn!(%error, "rulings on incidents wait to be told to the detectors");
                return Ok(());
            }
            let (told_now, withdrawn) = (news.len(), gone.len());
            told.extend(news.into_iter().map(|ruling| (ruling_key(ruling), Some(ruling.clone()))));
            gone.iter().for_each(|key| drop(told.remove(key)));
            runtime.block_on(store.forget_rulings(&gone))?;
            tracing::info!(told = told_now, withdrawn, "rulings told to the detectors");
        }
        (rulings.upto, rulings.looked_at) = (last, Some(Instant::now()));
        Ok(())
    }
}

/// Key of the topic's record.
fn record_key((incident, actor): &RulingKey) -> String {
    format!("{incident}/{actor}")
}

/// What stands, of incidents that are not too old, and no more than the detectors take.
async fn wanted(store: &Store, now: EventTime) -> Result<Vec<Ruling>, StoreError> {
    let mut rulings = Vec::new();
    for (incident, case, acts) in store.ruled_on(now.minus_ms(TOLD_FOR_MS)).await? {
        if let Some(ruled) = case.ruled(&acts) {
            rulings.extend(ruled.rulings(&incident));
        }
    }
    if rulings.len() > RULINGS_MAX {
        let most = RULINGS_MAX;
        tracing::warn!(most, "there are more rulings than detectors take; the latest are told");
    }
    Ok(Rulings::new(rulings).list().to_vec())
}

/// What is to be told, and withdrawn.
fn changes<'w>(
    told: &BTreeMap<RulingKey, Option<Ruling>>,
    wanted: &'w [Ruling],
) -> (Vec<&'w Ruling>, Vec<RulingKey>) {
    let by_key: BTreeMap<RulingKey, &Ruling> =
        wanted.iter().map(|ruling| (ruling_key(ruling), ruling)).collect();
    let is_told = |key: &RulingKey, ruling: &Ruling| {
        told.get(key).is_some_and(|before| before.as_ref() == Some(ruling))
    };
    let gone = told.keys().filter(|key| !by_key.contains_key(*key)).cloned().collect();
    let news = by_key.into_iter().filter(|(key, ruling)| !is_told(key, ruling));
    (news.map(|(_, ruling)| ruling).collect(), gone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::store::StoreBatch;
    use crate::adapters::telemetry::now;
    use crate::engine::cases::{Act, Resolution};
    use crate::engine::model::Incident;

    fn ruling(incident: &str, confirmed: bool) -> Ruling {
        let (from, until) = (EventTime::default(), Some(EventTime::default()));
        let (incident, actor) = (incident.to_owned(), "ann".to_owned());
        Ruling { incident, actor, confirmed, from, until }
    }

    #[test]
    fn what_differs_is_told_and_what_no_longer_stands_is_withdrawn() {
        let key = |incident: &str| (incident.to_owned(), "ann".to_owned());
        let told = BTreeMap::from([
            (key("same"), Some(ruling("same", true))),
            (key("other"), Some(ruling("other", true))),
            (key("gone"), Some(ruling("gone", true))),
            (key("somebody's"), None),
            (key("lost"), None),
        ]);
        let wanted =
            ["same", "other", "somebody's", "new"].map(|name| ruling(name, name != "other"));
        let (news, gone) = changes(&told, &wanted);
        let news: Vec<&str> = news.iter().map(|ruling| ruling.incident.as_str()).collect();
        assert_eq!(news, ["new", "other", "somebody's"]);
        assert_eq!(gone, [key("gone"), key("lost")]);
    }

    #[tokio::test]
    async fn the_store_says_what_was_ruled_on_and_of_what_the_topic_may_hold_a_record() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("test.db")).await.expect("a store");
        let office = store.take_office().await.expect("in office");
        let text = include_str!("../../tests/golden/incident.json");
        let incident: Incident = serde_json::from_str(text).expect("reads");
        let batch = StoreBatch { incidents: vec![incident.clone()], ..StoreBatch::default() };
        store.apply(&batch, office).await.expect("applied");
        let last = incident.last_event;
        let stands = async |now: EventTime| wanted(&store, now).await.expect("read");
        let act = async |act: Act| {
            let done = store.act(&incident.id, "ann", now(), act, None).await.expect("done");
            done.act.number
        };
        let begun = act(Act::Acknowledge {}).await;
        assert_eq!(stands(last).await, []);
        assert!(!store.has_ruled_since(0).await.expect("asked"));
        let resolution = Resolution::TruePositive;
        let resolved = act(Act::Resolve { resolution, note: None }).await;
        assert!(store.has_ruled_since(begun).await.expect("asked"));
        assert!(!store.has_ruled_since(resolved).await.expect("asked"));
        let ruled = stands(last).await;
        let actors: Vec<&str> = ruled.iter().map(|ruling| ruling.actor.as_str()).collect();
        assert!(!actors.is_empty() && actors == incident.actors);
        assert_eq!(stands(last.plus_ms(TOLD_FOR_MS + 1)).await, [], "it is too old");

        let keys: Vec<RulingKey> = ruled.iter().map(ruling_key).collect();
        store.note_rulings(&keys).await.expect("noted");
        store.note_rulings(&keys).await.expect("noted again");
        assert_eq!(store.rulings_told().await.expect("read"), keys);
        act(Act::Reopen { reason: "too early".into() }).await;
        assert_eq!(stands(last).await, []);
        store.forget_rulings(&keys).await.expect("forgotten");
        assert_eq!(store.rulings_told().await.expect("read"), []);
        act(Act::Resolve { resolution: Resolution::Benign, note: None }).await;
        assert!(stands(last).await.iter().all(|ruling| !ruling.confirmed));
    }
}
