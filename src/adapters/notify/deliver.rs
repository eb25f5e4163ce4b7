//! From the store to the sinks, one task a sink.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::crowd::{Crowd, MANY};
use super::gather::{self, First, first_word};
use super::{
    Attempt, Facts, NotifyConfig, Sink, SinkConfig, fold_due, kept_back, kept_now, let_go_due,
};
use crate::adapters::store::{
    HeldBack, KeptSilence, Leaves, NoticeCount, NoticeState, Office, Store, StoreError,
    StoredNotice,
};
use crate::adapters::telemetry::{AlertLoad, NoticeCounts, NoticesKept, Telemetry, now};
use crate::engine::model::{EventTime, IdHasher};

const LOOK_EVERY: Duration = Duration::from_secs(1);
const PART_MAX: u32 = 50;
/// No attempt is begun later than this in a look.
const ROUND_MAX: Duration = Duration::from_secs(5);
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
            let mut done = self.look(config, &sink, &mut counts).await;
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

    /// One round of everything a sink's notices wait for.
    async fn look(
        &self,
        config: &SinkConfig,
        sink: &Sink,
        counts: &mut NoticeCounts,
    ) -> Result<(), StoreError> {
        let (store, office, now_ms) = (&self.store, self.office, now().millis());
        let let_go = let_go_due(&self.config, &sink.name, store, office, now_ms).await;
        let folded = fold_due(&self.config, &sink.name, store, office, now_ms).await;
        let repeated = repeat_due(&self.config, config, store, office, now_ms).await;
        let delivered = deliver_due(&self.config, sink, store, office, now_ms, counts).await;
        // What goes wrong with one of these keeps none of the others from being done.
        for told_in_one in [&let_go, &folded] {
            counts.folded += told_in_one.as_ref().copied().unwrap_or_default();
        }
        let_go.and(folded).and(repeated).and(delivered)
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
            match self.store.silence_counts(now()).await {
                Ok(stored) => self.telemetry.silences(kept_now(&self.config, stored, now())),
                Err(error) => tracing::warn!(%error, "silences were not counted"),
            }
            match self.store.day_load(now()).await {
                Ok(load) => self.telemetry.alert_load(AlertLoad {
                    opened: load.opened,
                    analysts: match self.config.analysts {
                        0 => load.people,
                        analysts => u64::from(analysts),
                    },
                }),
                Err(error) => tracing::warn!(%error, "the alert load was not counted"),
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
            NoticeState::Silenced => of.silenced = count.count,
            NoticeState::Folding => of.folding = count.count,
            NoticeState::Folded => {}
        }
    }
    kept
}

/// One attempt at what is due at `now_ms`; `counts` grows by what it came to. Where the sink is slow,
/// some of it is left to the next look, by which others may be due, and silences made or ended.
pub async fn deliver_due(
    config: &NotifyConfig,
    sink: &Sink,
    store: &Store,
    office: Office,
    now_ms: i64,
    counts: &mut NoticeCounts,
) -> Result<(), StoreError> {
    let started = Instant::now();
    let due = store.notices_due(&sink.name, now_ms, PART_MAX).await?;
    if due.is_empty() {
        return Ok(());
    }
    let silences = store.silences_at(now_ms).await?;
    let told = Crowd::of(config, &sink.name, store, now_ms).await?;
    let tried = BTreeSet::new();
    let mut round = Round { config, sink, store, office, now_ms, silences, told, tried };
    for notice in due {
        // Where it has waited for an earlier one of its incident for long, that one is tried with it.
        let before = store.notices_before(&notice).await?;
        for notice in before.into_iter().chain([notice]) {
            if round.tried.insert(notice.key.clone()) {
                round.take(notice, counts).await?;
            }
            if started.elapsed() >= ROUND_MAX {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// One look at what is due at a sink.
struct Round<'a> {
    config: &'a NotifyConfig,
    sink: &'a Sink,
    store: &'a Store,
    office: Office,
    now_ms: i64,
    silences: Vec<KeptSilence>,
    told: Crowd,
    /// Keys of what was looked at.
    tried: BTreeSet<String>,
}

impl Round<'_> {
    async fn take(
        &mut self,
        mut notice: StoredNotice,
        counts: &mut NoticeCounts,
    ) -> Result<(), StoreError> {
        let Self { config, sink, store, office, now_ms, .. } = *self;
        if let Some(facts) = gather::read(&notice) {
            let incident = store.incident(&notice.incident).await?;
            let silences = &self.silences;
            let by = kept_back(config, silences, &facts, incident.as_ref(), &sink.name, now_ms);
            if let Some(kept) = by {
                let (silence, until_ms) = (kept.silence.as_deref(), kept.until_ms);
                let held = HeldBack { silence, until_ms, reason: &kept.reason };
                store.hold_notice_back(&notice, held, now_ms, office).await?;
                counts.silenced += 1;
                return Ok(());
            }
            if facts.ends() && follows(store, &notice, office, counts).await? {
                return Ok(());
            }
            if let Some(of) = config.sink.iter().find(|of| of.name == sink.name) {
                match first_word(config, of, store, notice, now_ms, office, counts).await? {
                    First::Waits => return Ok(()),
                    First::Goes(first) => notice = first,
                }
            }
            if notice.attempts == 0 && facts.begins() && !notice.incident.is_empty() {
                let is_known = store.told(&sink.name, &notice.incident).await?.is_some();
                if !is_known && !self.told.has_room(facts.severity) {
                    let state = NoticeState::Folding;
                    return store.keep_notice_back(&notice, state, MANY, None, office).await;
                }
            }
        }
        self.attempt(notice, counts).await
    }

    async fn attempt(
        &self,
        mut notice: StoredNotice,
        counts: &mut NoticeCounts,
    ) -> Result<(), StoreError> {
        let Self { config, sink, store, office, now_ms, .. } = *self;
        let before = match notice.incident.as_str() {
            "" => None,
            incident => store.told(&sink.name, incident).await?,
        };
        let before = before.and_then(|facts| serde_json::from_str::<Facts>(&facts).ok());
        let mut facts = gather::read(&notice);
        // The sink was told something later meanwhile: nobody is to go by what was true before.
        let is_late = |(facts, before): (&Facts, &Facts)| {
            facts.begins() && before.time > facts.time && before.severity != facts.severity
        };
        if facts.as_ref().zip(before.as_ref()).is_some_and(is_late) {
            notice.payload = gather::up_to_date(config, &notice, store).await?;
            facts = gather::read(&notice);
        }
        let Err(error) = send(sink, &notice, before, now_ms).await else {
            let leaves = facts.as_ref().map_or(Leaves::Itself, Facts::leaves);
            let what = facts.map_or_else(String::new, |facts| facts.said());
            store.notice_delivered(&notice, leaves, &what, now_ms, office).await?;
            counts.delivered += 1;
            return Ok(());
        };
        let next_ms = now_ms + pause_ms(&notice);
        let age_max_ms = i64::from(config.age_max_s) * 1_000;
        let next = (next_ms - notice.created_ms <= age_max_ms).then_some(next_ms);
        tracing::warn!(sink = sink.name, error, given_up = next.is_none(), "a notice failed");
        store.notice_failed(&notice, &error, next, office).await?;
        counts.failed += 1;
        counts.dead += u64::from(next.is_none());
        Ok(())
    }
}

/// Whether nobody needs to hear that an incident is quiet, having been kept from hearing of it.
async fn follows(
    store: &Store,
    notice: &StoredNotice,
    office: Office,
    counts: &mut NoticeCounts,
) -> Result<bool, StoreError> {
    let Some(state) = store.kept_back_before(&notice.sink, &notice.incident).await? else {
        return Ok(false);
    };
    let reason = "the sink was not told of the incident by itself";
    store.keep_notice_back(notice, state, reason, None, office).await?;
    match state {
        NoticeState::Silenced => counts.silenced += 1,
        _ => counts.folded += 1,
    }
    Ok(true)
}

/// Incidents that are open and nobody has taken up are told of again.
pub async fn repeat_due(
    config: &NotifyConfig,
    sink: &SinkConfig,
    store: &Store,
    office: Office,
    now_ms: i64,
) -> Result<(), StoreError> {
    if sink.repeat_s == 0 {
        return Ok(());
    }
    let until_ms = now_ms - i64::from(sink.repeat_s) * 1_000;
    let silences = store.silences_at(now_ms).await?;
    for told in store.told_until(&sink.name, until_ms, PART_MAX).await? {
        let Some(incident) = store.incident(&told.incident).await? else { continue };
        let time = EventTime::from_millis(now_ms).unwrap_or_default();
        let before = serde_json::from_str::<Facts>(&told.payload).unwrap_or_default();
        let facts = Facts::of(&incident, "still_open", time, config).with(before.involved());
        let silenced = kept_back(config, &silences, &facts, Some(&incident), &sink.name, now_ms);
        if silenced.is_some() {
            // It is not owed afterwards for each time it was not told, but once.
            store.told_at(&sink.name, &told.incident, now_ms, office).await?;
            continue;
        }
        let key = IdHasher::new("still_open")
            .part(told.incident.as_bytes())
            .part(&told.time_ms.to_le_bytes())
            .finish();
        let (incident, payload) = (&told.incident, facts.json());
        let notice = StoredNotice::waiting(&sink.name, key, incident, payload, now_ms);
        store.repeat_notice(&told, &notice, now_ms, office).await?;
    }
    Ok(())
}

/// What the sink said against it, where it did.
async fn send(
    sink: &Sink,
    notice: &StoredNotice,
    before: Option<Facts>,
    now_ms: i64,
) -> Result<(), String> {
    let (key, payload) = (notice.key.clone(), notice.payload.clone());
    let attempt = Attempt { key, payload, before, now_ms };
    let to = sink.clone();
    match tokio::task::spawn_blocking(move || to.send(&attempt)).await {
        Ok(sent) => sent.map_err(|error| error.to_string()),
        Err(_) => Err("sending broke off".to_owned()),
    }
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
