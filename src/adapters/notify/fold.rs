//! Old news, such as of a backlog that is read after a long stop, told in one notice; and so is what
//! nobody could read one by one, such as of a flood of accounts that somebody makes up.

use std::collections::BTreeMap;

use super::NotifyConfig;
use super::facts::{Brief, Facts, is_old};
use crate::adapters::store::{Office, OldNews, Store, StoreError, StoredNotice};
use crate::engine::model::{EventTime, IdHasher, Incident};

/// Old news waits no longer than this for more of its kind.
const WAIT_MAX_MS: i64 = 900_000;
/// Incidents the notice names, the worst first.
const NAMED_MAX: usize = 10;

/// Tells a sink's old news in one, once no more has come for `notify.fold_wait_s`. Says how many
/// notices went into it.
pub async fn fold_due(
    config: &NotifyConfig,
    sink: &str,
    store: &Store,
    office: Office,
    now_ms: i64,
) -> Result<u64, StoreError> {
    let Some((first_ms, last_ms)) = store.old_news_span(sink).await? else { return Ok(0) };
    let wait_ms = i64::from(config.fold_wait_s) * 1_000;
    if now_ms - last_ms < wait_ms && now_ms - first_ms < WAIT_MAX_MS {
        return Ok(0);
    }
    let news = store.old_news(sink).await?;
    store.fold(&news, &folded(config, sink, &news, now_ms), office).await?;
    Ok(news.len() as u64)
}

/// The key is made of the keys of what it tells: the same news makes the same notice.
fn folded(config: &NotifyConfig, sink: &str, news: &[OldNews], now_ms: i64) -> StoredNotice {
    let mut keys: Vec<&str> = news.iter().map(|old| old.notice.key.as_str()).collect();
    keys.sort_unstable();
    let key = keys.iter().fold(IdHasher::new("backlog"), |hash, key| hash.part(key.as_bytes()));
    let facts = tell(config, news, EventTime::from_millis(now_ms).unwrap_or_default());
    StoredNotice::waiting(sink, key.finish(), "", facts.json(), now_ms)
}

fn tell(config: &NotifyConfig, news: &[OldNews], now: EventTime) -> Facts {
    // As the incidents are now: one that was absorbed since counts as the one that has it.
    let mut incidents = BTreeMap::<String, Facts>::new();
    for old in news {
        let Ok(told) = serde_json::from_str::<Facts>(&old.notice.payload) else { continue };
        let body = old.incident.as_deref();
        let present = body.and_then(|body| serde_json::from_str::<Incident>(body).ok());
        let (id, facts) = match present {
            Some(Incident { merged_into: Some(by), .. }) => (by, told),
            Some(incident) => {
                (incident.id.clone(), Facts::of(&incident, "opened", told.time, config))
            }
            None => (told.incident.clone(), told),
        };
        match incidents.get(&id) {
            Some(known) if known.severity >= facts.severity => {}
            _ => drop(incidents.insert(id, facts)),
        }
    }
    let mut severities = BTreeMap::<String, u64>::new();
    for facts in incidents.values() {
        *severities.entry(facts.severity.name().to_owned()).or_default() += 1;
    }
    let opened = |facts: &Facts| facts.opened.unwrap_or(facts.time);
    let first = incidents.values().map(opened).min().unwrap_or(now);
    let last = incidents.values().map(opened).max().unwrap_or(now);
    let count = incidents.len() as u64;
    let noun = if count == 1 { "incident" } else { "incidents" };
    let old = incidents.values().all(|facts| is_old(config, facts.time, now.millis()));
    let (kind, title) = match old {
        true => ("backlog", format!("{count} {noun} from {first} to {last} found in the backlog")),
        false => ("flood", format!("{count} more {noun} from {first} to {last}, told together")),
    };
    let mut worst: Vec<(String, Facts)> = incidents.into_iter().collect();
    worst.sort_by(|(a, x), (b, y)| (y.severity, y.score, a).cmp(&(x.severity, x.score, b)));
    Facts {
        kind: kind.to_owned(),
        title,
        severity: worst.first().map(|(_, facts)| facts.severity).unwrap_or_default(),
        score: worst.iter().map(|(_, facts)| facts.score).max().unwrap_or_default(),
        time: now,
        link: config.link("incidents"),
        first_event: first,
        last_event: last,
        count,
        severities,
        worst: worst
            .into_iter()
            .take(NAMED_MAX)
            .map(|(incident, facts)| Brief {
                link: config.link(&format!("incidents/{incident}")),
                incident,
                severity: facts.severity,
                title: facts.title,
            })
            .collect(),
        ..Facts::default()
    }
}
