//! From the store to the sinks, one task a sink.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Attempt, Facts, NotifyConfig, Sink};
use crate::adapters::store::{NoticeCount, NoticeState, Office, Store, StoreError, StoredNotice};
use crate::adapters::telemetry::{NoticeCounts, NoticesKept, Telemetry, now};
use crate::engine::model::IdHasher;

const LOOK_EVERY: Duration = Duration::from_secs(1);
const PART_MAX: u32 = 50;
/// Between two attempts: doubled from the first to the last.
const PAUSE_MIN_MS: i64 = 2_000;
const PAUSE_MAX_MS: i64 = 600_000;
/// How often a sink is brought up to date on what is open and what is over.
const TELL_AGAIN_EVERY: Duration = Duration::from_secs(60);

/// How often the store is looked through for what is no sink's, and counted.
const COUNT_EVERY: Duration = Duration::from_secs(5);
/// Why a notice is a dead letter whose sink is not configured.
pub const SINK_GONE: &str = "the sink is no longer in the configuration";

/// Runs until dropped, or until another process has taken over.
pub struct Deliveries {
    _tasks: JoinSet<()>,
    telemetry: Arc<Telemetry>,
}

impl Drop for Deliveries {
    /// Another process counts from now on.
    fn drop(&mut self) {
        self.telemetry.notices_kept(&BTreeMap::new());
    }
}

/// What every sink's task works with.
#[derive(Clone)]
struct Desk {
    config: Arc<NotifyConfig>,
    store: Store,
    office: Office,
    telemetry: Arc<Telemetry>,
}

impl Deliveries {
    pub fn start(
        config: &NotifyConfig,
        store: &Store,
        office: Office,
        telemetry: &Arc<Telemetry>,
        runtime: &Handle,
    ) -> Self {
        telemetry.sinks(config.sink.iter().map(|sink| sink.name.as_str()));
        let desk = Desk {
            config: Arc::new(config.clone()),
            store: store.clone(),
            office,
            telemetry: Arc::clone(telemetry),
        };
        let mut tasks = JoinSet::new();
        for place in 0..config.sink.len() {
            tasks.spawn_on(desk.clone().serve(place), runtime);
        }
        tasks.spawn_on(desk.count(), runtime);
        Self { _tasks: tasks, telemetry: Arc::clone(telemetry) }
    }
}

impl Desk {
    async fn serve(self, place: usize) {
        let Some(config) = self.config.sink.get(place) else { return };
        let mut sink = Sink::or_refusing(config);
        let mut told_again: Option<Instant> = None;
        loop {
            let mut counts = NoticeCounts::default();
            let mut done = self.deliver(&sink, &mut counts).await;
            self.telemetry.notices_done(&sink.name, counts);
            if told_again.is_none_or(|at| at.elapsed() >= TELL_AGAIN_EVERY) {
                told_again = Some(Instant::now());
                // A secret may be there by now.
                if !sink.is_usable() {
                    sink = Sink::or_refusing(config);
                }
                let now_ms = now().millis();
                done = done.and(tell_again(&sink, &self.store, self.office, now_ms).await);
            }
            match done {
                Ok(()) => {}
                Err(StoreError::Superseded) => return,
                Err(error) => tracing::warn!(sink = sink.name, %error, "notices wait"),
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn deliver(&self, sink: &Sink, counts: &mut NoticeCounts) -> Result<(), StoreError> {
        let age_max_ms = i64::from(self.config.age_max_s) * 1_000;
        deliver_due(sink, &self.store, self.office, age_max_ms, now().millis(), counts).await
    }

    /// Gives up what waits for no sink, and tells the telemetry what there is.
    async fn count(self) {
        let names: Vec<String> = self.config.sink.iter().map(|sink| sink.name.clone()).collect();
        loop {
            match self.store.give_up_others(&names, SINK_GONE, self.office).await {
                Ok(gone) if gone.is_empty() => {}
                Ok(gone) => {
                    tracing::warn!(sinks = ?gone, "notices of sinks that are no longer configured were given up")
                }
                Err(StoreError::Superseded) => return,
                Err(error) => tracing::warn!(%error, "notices were not looked through"),
            }
            match self.store.notice_counts().await {
                Ok(counts) => self.telemetry.notices_kept(&kept(&counts, now().millis())),
                Err(error) => tracing::warn!(%error, "notices were not counted"),
            }
            tokio::time::sleep(COUNT_EVERY).await;
        }
    }
}

fn kept(counts: &[NoticeCount], now_ms: i64) -> BTreeMap<String, NoticesKept> {
    let mut kept = BTreeMap::<String, NoticesKept>::new();
    for count in counts {
        let of = kept.entry(count.sink.clone()).or_default();
        match count.state {
            NoticeState::Waiting => {
                of.waiting = count.count;
                of.oldest_s = (now_ms - count.oldest_ms).max(0) as f64 / 1e3;
            }
            NoticeState::Dead => of.dead = count.count,
            NoticeState::Silenced | NoticeState::Folding | NoticeState::Folded => {}
        }
    }
    kept
}

/// One attempt at everything that is due at `now_ms`; `counts` grows by what it came to.
pub async fn deliver_due(
    sink: &Sink,
    store: &Store,
    office: Office,
    age_max_ms: i64,
    now_ms: i64,
    counts: &mut NoticeCounts,
) -> Result<(), StoreError> {
    for notice in store.notices_due(&sink.name, now_ms, PART_MAX).await? {
        let Err(error) = attempt(sink, store, &notice, now_ms).await? else {
            store.notice_delivered(&notice, ends(&notice), now_ms, office).await?;
            counts.delivered += 1;
            continue;
        };
        let next_ms = now_ms + pause_ms(&notice);
        let next = (next_ms - notice.created_ms <= age_max_ms).then_some(next_ms);
        tracing::warn!(sink = sink.name, error, given_up = next.is_none(), "a notice failed");
        store.notice_failed(&notice, &error, next, office).await?;
        counts.failed += 1;
        counts.dead += u64::from(next.is_none());
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
