//! What one sink is to hear of one incident at about the same time, told in one notice.

use super::facts::Facts;
use super::{NotifyConfig, SinkConfig};
use crate::adapters::store::{Office, Store, StoreError, StoredNotice};
use crate::adapters::telemetry::NoticeCounts;
use crate::engine::model::Incident;

/// Notices of one sink whose silence has ended that are looked at together.
const PART_MAX: u32 = 500;

/// After a silence, what still goes on is told, each incident in one notice and as it is now; the
/// rest stays as it is, for whoever lists it. What is about several incidents is told anyway.
/// Says how many notices went into others.
pub async fn let_go_due(
    config: &NotifyConfig,
    sink: &str,
    store: &Store,
    office: Office,
    now_ms: i64,
) -> Result<u64, StoreError> {
    let mut stories: Vec<Vec<StoredNotice>> = Vec::new();
    for (notice, goes_on) in store.silences_ended(sink, now_ms, PART_MAX).await? {
        if notice.incident.is_empty() {
            stories.push(vec![notice]);
        } else if goes_on && !read(&notice).is_some_and(|facts| facts.ends()) {
            match stories.iter_mut().find(|story| story[0].incident == notice.incident) {
                Some(story) => story.push(notice),
                None => stories.push(vec![notice]),
            }
        } else {
            store.stays_held_back(&notice, office).await?;
        }
    }
    let mut folded = 0;
    // A millisecond apart, so that they are told in the order in which they were made.
    for (wait_ms, mut story) in (now_ms..).zip(stories) {
        let rest = story.split_off(1);
        let Some(mut first) = story.pop() else { continue };
        first.payload = up_to_date(config, &first, store).await?;
        store.tell_in_one(&first, &rest, Some(wait_ms), office).await?;
        folded += rest.len() as u64;
    }
    Ok(folded)
}

/// What becomes of a notice before the first attempt at it.
pub(super) enum First {
    /// It waits for what follows at once.
    Waits,
    Goes(StoredNotice),
}

/// The first a sink hears of an incident waits for `group_wait_s`, and what has followed by then
/// goes along with it.
pub(super) async fn first_word(
    config: &NotifyConfig,
    sink: &SinkConfig,
    store: &Store,
    notice: StoredNotice,
    now_ms: i64,
    office: Office,
    counts: &mut NoticeCounts,
) -> Result<First, StoreError> {
    let waits = sink.group_wait_s > 0
        && notice.attempts == 0
        && read(&notice).is_some_and(|facts| facts.begins())
        && store.told(&sink.name, &notice.incident).await?.is_none();
    if !waits {
        return Ok(First::Goes(notice));
    }
    let due_ms = notice.created_ms + i64::from(sink.group_wait_s) * 1_000;
    if now_ms < due_ms {
        store.postpone_notice(&notice, due_ms, office).await?;
        return Ok(First::Waits);
    }
    let mut along = store.notices_behind(&notice).await?;
    along.retain(|other| read(other).is_some_and(|facts| facts.begins()));
    if along.is_empty() {
        return Ok(First::Goes(notice));
    }
    let payload = up_to_date(config, &notice, store).await?;
    let notice = StoredNotice { payload, ..notice };
    store.tell_in_one(&notice, &along, None, office).await?;
    counts.folded += along.len() as u64;
    Ok(First::Goes(notice))
}

/// The payload, of the incident as it is now.
pub(super) async fn up_to_date(
    config: &NotifyConfig,
    notice: &StoredNotice,
    store: &Store,
) -> Result<String, StoreError> {
    let incident = match notice.incident.as_str() {
        "" => None,
        incident => store.incident(incident).await?,
    };
    Ok(match (read(notice), incident) {
        (Some(facts), Some(incident)) => as_it_is(facts, &incident, config).json(),
        _ => notice.payload.clone(),
    })
}

fn as_it_is(facts: Facts, incident: &Incident, config: &NotifyConfig) -> Facts {
    Facts::of(incident, &facts.kind, facts.time, config).with(facts.involved())
}

pub(super) fn read(notice: &StoredNotice) -> Option<Facts> {
    serde_json::from_str(&notice.payload).ok()
}
