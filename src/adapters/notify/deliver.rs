//! From the store to the sinks, one task a sink.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::{NotifyConfig, Webhook};
use crate::adapters::store::{Office, Store, StoreError, StoredNotice};
use crate::adapters::telemetry::now;
use crate::engine::model::IdHasher;

const LOOK_EVERY: Duration = Duration::from_secs(1);
const PART_MAX: u32 = 50;
/// Between two attempts: doubled from the first to the last.
const PAUSE_MIN_MS: i64 = 2_000;
const PAUSE_MAX_MS: i64 = 600_000;

/// Runs until dropped, or until another process has taken over.
pub struct Deliveries {
    _tasks: JoinSet<()>,
}

impl Deliveries {
    pub fn start(config: &NotifyConfig, store: &Store, office: Office, runtime: &Handle) -> Self {
        let mut tasks = JoinSet::new();
        let age_max_ms = i64::from(config.age_max_s) * 1_000;
        for sink in &config.sink {
            match Webhook::new(sink) {
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

async fn serve(sink: Webhook, store: Store, office: Office, age_max_ms: i64) {
    loop {
        match deliver_due(&sink, &store, office, age_max_ms, now().millis()).await {
            Ok(()) => {}
            Err(StoreError::Superseded) => return,
            Err(error) => tracing::warn!(sink = sink.name, %error, "notices wait"),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// One attempt at everything that is due at `now_ms`.
pub async fn deliver_due(
    sink: &Webhook,
    store: &Store,
    office: Office,
    age_max_ms: i64,
    now_ms: i64,
) -> Result<(), StoreError> {
    for notice in store.notices_due(&sink.name, now_ms, PART_MAX).await? {
        let (to, key, body) = (sink.clone(), notice.key.clone(), notice.payload.clone());
        let sent = tokio::task::spawn_blocking(move || to.send(&key, &body, now_ms)).await;
        let error = match sent {
            Ok(Ok(())) => {
                store.notice_delivered(&notice, office).await?;
                continue;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "sending broke off".to_owned(),
        };
        let next_ms = now_ms + pause_ms(&notice);
        let next = (next_ms - notice.created_ms <= age_max_ms).then_some(next_ms);
        tracing::warn!(sink = sink.name, error, given_up = next.is_none(), "a notice failed");
        store.notice_failed(&notice, &error, next, office).await?;
    }
    Ok(())
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
