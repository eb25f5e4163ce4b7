//! From the store to the sinks, one task a sink.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Attempt, Facts, NotifyConfig, Sink};
use crate::adapters::store::{Office, Store, StoreError, StoredNotice};
use crate::adapters::telemetry::now;
use crate::engine::model::IdHasher;

const LOOK_EVERY: Duration = Duration::from_secs(1);
const PART_MAX: u32 = 50;
/// Between two attempts: doubled from the first to the last.
const PAUSE_MIN_MS: i64 = 2_000;
const PAUSE_MAX_MS: i64 = 600_000;
/// How often a sink is brought up to date on what is open and what is over.
const TELL_AGAIN_EVERY: Duration = Duration::from_secs(60);

/// Runs until dropped, or until another process has taken over.
pub struct Deliveries {
    _tasks: JoinSet<()>,
}

impl Deliveries {
    pub fn start(config: &NotifyConfig, store: &Store, office: Office, runtime: &Handle) -> Self {
        let mut tasks = JoinSet::new();
        let age_max_ms = i64::from(config.age_max_s) * 1_000;
        for sink in &config.sink {
            match Sink::new(sink) {
                Ok(hook) => {
                    let served = serve(hook, store.clone(), office, age_max_ms);
                    tasks.spawn_on(served, runtime);
                }
                // Incidents go on being made; the notices wait.
                Err(error) => {
                    tracing::error!(sink = sink.name, %error, "a sink is not served");
                }
            }
        }
        Self { _tasks: tasks }
    }
}

async fn serve(sink: Sink, store: Store, office: Office, age_max_ms: i64) {
    let mut told_again: Option<Instant> = None;
    loop {
        let mut done = deliver_due(&sink, &store, office, age_max_ms, now().millis()).await;
        if told_again.is_none_or(|at| at.elapsed() >= TELL_AGAIN_EVERY) {
            told_again = Some(Instant::now());
            done = done.and(tell_again(&sink, &store, office, now().millis()).await);
        }
        match done {
            Ok(()) => {}
            Err(StoreError::Superseded) => return,
            Err(error) => tracing::warn!(sink = sink.name, %error, "notices wait"),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// One attempt at everything that is due at `now_ms`.
pub async fn deliver_due(
    sink: &Sink,
    store: &Store,
    office: Office,
    age_max_ms: i64,
    now_ms: i64,
) -> Result<(), StoreError> {
    for notice in store.notices_due(&sink.name, now_ms, PART_MAX).await? {
        let Err(error) = attempt(sink, store, &notice, now_ms).await? else {
            store.notice_delivered(&notice, ends(&notice), now_ms, office).await?;
            continue;
        };
        let next_ms = now_ms + pause_ms(&notice);
        let next = (next_ms - notice.created_ms <= age_max_ms).then_some(next_ms);
        tracing::warn!(sink = sink.name, error, given_up = next.is_none(), "a notice failed");
        store.notice_failed(&notice, &error, next, office).await?;
    }
    Ok(())
}

/// What the sink said against it, where it did.
async fn attempt(
    sink: &Sink,
    store: &Store,
    notice: &StoredNotice,
    now_ms: i64,
) -> Result<Result<(), String>, StoreError> {
    let before = match notice.incident.as_str() {
        "" => None,
        incident => store.told(&sink.name, incident).await?,
    };
    let attempt = Attempt {
        key: notice.key.clone(),
        payload: notice.payload.clone(),
        before: before.and_then(|facts| serde_json::from_str(&facts).ok()),
        now_ms,
    };
    let to = sink.clone();
    let sent = tokio::task::spawn_blocking(move || to.send(&attempt)).await;
    Ok(match sent {
        Ok(sent) => sent.map_err(|error| error.to_string()),
        Err(_) => Err("sending broke off".to_owned()),
    })
}

/// Whether the sink need not remember the incident after this.
fn ends(notice: &StoredNotice) -> bool {
    serde_json::from_str::<Facts>(&notice.payload).is_ok_and(|facts| facts.kind == "quiet")
}

/// Brings a sink up to date on the incidents it knows of: Alertmanager is told again what is open
/// and what is over; what is over is then forgotten.
pub async fn tell_again(
    sink: &Sink,
    store: &Store,
    office: Office,
    now_ms: i64,
) -> Result<(), StoreError> {
    let mut last = String::new();
    loop {
        let told = store.told_after(&sink.name, &last, PART_MAX).await?;
        let Some(end) = told.last() else { return Ok(()) };
        last.clone_from(&end.incident);
        if let Some(to) = sink.alertmanager() {
            let facts = told.iter().filter_map(|t| {
                Some((serde_json::from_str(&t.payload).ok()?, t.key.clone(), t.over))
            });
            let facts: Vec<(Facts, String, bool)> = facts.collect();
            let sent = tokio::task::spawn_blocking(move || to.tell_again(&facts, now_ms)).await;
            let error = match sent {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("sending broke off".to_owned()),
            };
            if let Some(error) = error {
                tracing::warn!(sink = sink.name, error, "what is open was not told again");
                return Ok(());
            }
        }
        let over: Vec<String> = told.into_iter().filter(|t| t.over).map(|t| t.incident).collect();
        store.told_ends(&sink.name, &over, office).await?;
    }
}

/// Spread over the upper half, so that notices that failed together do not come back together.
fn pause_ms(notice: &StoredNotice) -> i64 {
    let whole = (PAUSE_MIN_MS << notice.attempts.clamp(0, 20)).min(PAUSE_MAX_MS);
    let hash = IdHasher::new("pause")
        .part(notice.key.as_bytes())
        .part(&notice.attempts.to_le_bytes())
        .finish_u64();
    whole / 2 + (hash % (whole as u64 / 2 + 1)) as i64
}
