//! Notices in the store, in both databases.

use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use serde_json::Value;
use tidewaiter::adapters::notify::{
    NotifyConfig, SINK_GONE, Sink, deliver_due, fold_due, let_go_due, notices, repeat_due,
};
use tidewaiter::adapters::store::{NoticeState, Office, Store, StoreBatch, StoredNotice};
use tidewaiter::adapters::telemetry::NoticeCounts;
use tidewaiter::engine::cases::Act;
use tidewaiter::engine::correlate::{Involved, Notice, NoticeKind};
use tidewaiter::engine::model::{EventTime, Incident, Severity, Status};

use crate::postgres::Database;
use crate::store::{in_a_file, put};

const NOW: i64 = 1_700_000_000_000;

fn notice(sink: &str, key: &str, incident: &str) -> StoredNotice {
    StoredNotice {
        sink: sink.to_owned(),
        key: key.to_owned(),
        incident: incident.to_owned(),
        payload: "{\"kind\":\"opened\",\"title\":\"one\"}".into(),
        created_ms: NOW,
        attempts: 0,
        next_attempt_ms: NOW,
        last_error: String::new(),
        state: NoticeState::Waiting,
    }
}

async fn keys(store: &Store, state: NoticeState) -> Vec<String> {
    let kept = store.notices_in(state).await.unwrap();
    kept.into_iter().map(|notice| format!("{} {}", notice.sink, notice.key)).collect()
}

#[tokio::test]
async fn notices_of_a_sink_that_was_removed_are_dead_letters_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    of_a_removed_sink(in_a_file(&folder).await).await;
    of_a_removed_sink(Database::new().open().await).await;
}

async fn of_a_removed_sink(store: Store) {
    let office = store.take_office().await.unwrap();
    let notices =
        vec![notice("desk", "a", "1"), notice("gone", "a", "1"), notice("gone", "b", "2")];
    store.apply(&StoreBatch { notices, ..StoreBatch::default() }, office).await.unwrap();
    let desk = ["desk".to_owned()];
    assert_eq!(store.give_up_others(&desk, SINK_GONE, office).await.unwrap(), ["gone"]);
    assert!(store.give_up_others(&desk, SINK_GONE, office).await.unwrap().is_empty());
    assert_eq!(keys(&store, NoticeState::Waiting).await, ["desk a"]);
    assert_eq!(keys(&store, NoticeState::Dead).await, ["gone a", "gone b"]);
    let dead = store.notices_in(NoticeState::Dead).await.unwrap();
    assert_eq!(dead[0].last_error, "the sink is no longer in the configuration");
    let mut counts: Vec<(String, &str, u64)> = store
        .notice_counts()
        .await
        .unwrap()
        .into_iter()
        .map(|count| (count.sink, count.state.name(), count.count))
        .collect();
    counts.sort();
    assert_eq!(counts, [("desk".into(), "waiting", 1), ("gone".into(), "dead", 2)]);

    assert_eq!(store.retry_notices(&desk, NOW + 1).await.unwrap(), 0, "it is still gone");
    assert_eq!(store.retry_notices(&["gone".to_owned()], NOW + 1).await.unwrap(), 2);
    assert_eq!(store.notices_due("gone", NOW + 1, 9).await.unwrap().len(), 2);
}

const HOUR: i64 = 3_600_000;

/// What a receiver took.
type Heard = Arc<Mutex<Vec<Value>>>;
/// `KIND INCIDENT` of what a receiver answers with 500; `*` for everything.
type Refused = Arc<Mutex<Vec<String>>>;

/// A receiver that takes everything but what it is told to refuse.
async fn receiver() -> (String, Heard, Refused) {
    let (seen, refused) = (Heard::default(), Refused::default());
    let (kept, refusing) = (Arc::clone(&seen), Arc::clone(&refused));
    let take = move |body: String| async move {
        let notice: Value = serde_json::from_str(&body).unwrap();
        if refusing.lock().unwrap().iter().any(|one| one == "*" || *one == words(&notice)) {
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        kept.lock().unwrap().push(notice);
        StatusCode::OK
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let app = axum::Router::new().route("/hook", axum::routing::post(take));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, seen, refused)
}

/// Kind and incident of a notice.
fn words(notice: &Value) -> String {
    let word = |field: &str| notice[field].as_str().unwrap_or_default();
    format!("{} {}", word("kind"), word("incident"))
}

/// A correlator's side of the story: incidents into the store, notices with them.
pub struct World {
    pub store: Store,
    pub office: Office,
    config: NotifyConfig,
    sink: Sink,
    pub heard: Heard,
    refused: Refused,
    _folder: tempfile::TempDir,
}

impl World {
    pub async fn new(store: Store, rest: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "a secret of the test's own").unwrap();
        let (url, heard, refused) = receiver().await;
        let config: NotifyConfig = toml::from_str(&format!(
            "console_url = \"https://console.example\"\n[[sink]]\nname = \"desk\"\n\
             kind = \"webhook\"\nurl = \"{url}\"\nsecret = {{ file = {secret:?} }}\n{rest}"
        ))
        .unwrap();
        let sink = Sink::new(&config.sink[0]).unwrap();
        let office = store.take_office().await.unwrap();
        Self { store, office, config, sink, heard, refused, _folder: folder }
    }

    /// An incident opens at `event_ms`, as it is found at `now_ms`.
    pub async fn opens(&self, id: &str, severity: Severity, event_ms: i64, now_ms: i64) {
        self.settles(id, severity, Status::Open, NoticeKind::Opened, event_ms, now_ms).await;
    }

    pub async fn settles(
        &self,
        id: &str,
        severity: Severity,
        status: Status,
        kind: NoticeKind,
        event_ms: i64,
        now_ms: i64,
    ) {
        let time = EventTime::from_millis(event_ms).unwrap();
        let mut batch = StoreBatch::default();
        put(&mut batch, id, time);
        let incident: &mut Incident = &mut batch.incidents[0];
        (incident.severity, incident.status, incident.opened) = (severity, status, Some(time));
        let notice = Notice { incident: id.to_owned(), kind, severity, time };
        let involved = Involved { detectors: vec!["canary".to_owned()], ..Involved::default() };
        batch.notices = notices(&self.config, &batch.incidents[0], involved, &notice, now_ms);
        self.store.apply(&batch, self.office).await.unwrap();
    }

    /// A look of the sink's task; what it came to.
    pub async fn look(&self, now_ms: i64) -> NoticeCounts {
        let (store, office) = (&self.store, self.office);
        let mut counts = NoticeCounts::default();
        counts.folded += let_go_due(&self.config, "desk", store, office, now_ms).await.unwrap();
        counts.folded += fold_due(&self.config, "desk", store, office, now_ms).await.unwrap();
        repeat_due(&self.config, &self.config.sink[0], store, office, now_ms).await.unwrap();
        deliver_due(&self.config, &self.sink, store, office, now_ms, &mut counts).await.unwrap();
        counts
    }

    /// Kind and incident of what was heard since the last time.
    pub fn heard(&self) -> Vec<String> {
        self.told().iter().map(words).collect()
    }

    /// What was heard since the last time.
    pub fn told(&self) -> Vec<Value> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }

    /// From now on the receiver refuses these, `KIND INCIDENT`; `*` for everything.
    pub fn refuses(&self, these: &[&str]) {
        *self.refused.lock().unwrap() = these.iter().map(|one| (*one).to_owned()).collect();
    }
}

#[tokio::test]
async fn a_week_of_backlog_is_told_in_one_and_what_is_fresh_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    a_backlog(in_a_file(&folder).await).await;
    a_backlog(Database::new().open().await).await;
}

async fn a_backlog(store: Store) {
    let world = World::new(store, "repeat_s = 604800\n").await;
    // A cold start over a week, an incident a day; one goes quiet, one rises.
    for day in (1..=7_i64).rev() {
        let severity = if day == 3 { Severity::High } else { Severity::Medium };
        let found = NOW + (7 - day) * 1_000;
        world.opens(&format!("old-{day}"), severity, NOW - day * 24 * HOUR, found).await;
    }
    let (quiet, raised) = (NoticeKind::Quiet, NoticeKind::SeverityRaised);
    let two_days_ago = NOW - 48 * HOUR;
    let critical = Severity::Critical;
    world.settles("old-2", critical, Status::Open, raised, two_days_ago + 9, NOW + 7_000).await;
    let medium = Severity::Medium;
    world.settles("old-7", medium, Status::Quiet, quiet, NOW - 7 * 24 * HOUR, NOW + 7_000).await;
    world.opens("fresh", Severity::High, NOW - HOUR / 2, NOW + 8_000).await;

    let counts = world.look(NOW + 9_000).await;
    assert_eq!(world.heard(), ["opened fresh"], "the rest waits for more of its kind");
    assert_eq!(counts.folded, 1, "that an incident of the backlog is quiet is part of it");
    let counts = world.look(NOW + 40_000).await;
    assert_eq!(counts.folded, 8);
    let told = world.heard.lock().unwrap().clone();
    assert_eq!(world.heard(), ["backlog "]);
    assert_eq!(told[0]["count"], 7);
    assert_eq!(told[0]["severity"], "critical");
    assert_eq!(told[0]["link"], "https://console.example/incidents");
    assert_eq!(
        told[0]["title"],
        "7 incidents from 2023-11-07T22:13:20.000Z to 2023-11-13T22:13:20.000Z found in the backlog"
    );
    let severities = serde_json::json!({"critical": 1, "high": 1, "medium": 5});
    assert_eq!(told[0]["severities"], severities);
    assert_eq!(told[0]["worst"][0]["incident"], "old-2");
    assert_eq!(told[0]["worst"].as_array().unwrap().len(), 7);

    world.look(NOW + 80_000).await;
    assert!(world.heard().is_empty(), "told twice");
    assert_eq!(world.store.notices_in(NoticeState::Folded).await.unwrap().len(), 9);
}

#[tokio::test]
async fn old_news_is_told_under_one_key_by_whoever_is_in_office() {
    let folder = tempfile::tempdir().unwrap();
    by_whoever_is_in_office(in_a_file(&folder).await).await;
    by_whoever_is_in_office(Database::new().open().await).await;
}

async fn by_whoever_is_in_office(store: Store) {
    let mut world = World::new(store, "").await;
    world.opens("one", Severity::High, NOW - 48 * HOUR, NOW).await;
    world.opens("two", Severity::High, NOW - 24 * HOUR, NOW).await;
    let before = world.office;
    world.office = world.store.take_office().await.unwrap();
    let late = NOW + 60_000;
    let refused = fold_due(&world.config, "desk", &world.store, before, late).await;
    assert!(refused.is_err(), "somebody else is in office");
    assert_eq!(world.store.notices_in(NoticeState::Folding).await.unwrap().len(), 2);
    // Folded, and stopped before it was sent: the next goes on with the same notice.
    let folded = fold_due(&world.config, "desk", &world.store, world.office, late).await;
    assert_eq!(folded.unwrap(), 2);
    let key = world.store.notices_in(NoticeState::Waiting).await.unwrap().remove(0).key;
    let members = world.store.notices_in(NoticeState::Folded).await.unwrap();
    assert!(members.iter().all(|old| old.last_error == format!("told in notice {key}")));
    world.office = world.store.take_office().await.unwrap();
    world.look(late + 1_000).await;
    world.look(late + 60_000).await;
    assert_eq!(world.heard(), ["backlog "]);
}

#[tokio::test]
async fn what_is_silenced_is_kept_and_told_afterwards_where_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    silenced(in_a_file(&folder).await).await;
    silenced(Database::new().open().await).await;
}

async fn silenced(store: Store) {
    let from = EventTime::from_millis(NOW - HOUR).unwrap();
    let until = EventTime::from_millis(NOW + HOUR).unwrap();
    let world = World::new(
        store,
        &format!(
            "[[silence]]\nowner = \"ann\"\nreason = \"drill\"\nfrom = \"{from}\"\n\
             until = \"{until}\"\nmatch = {{ severity = [\"medium\"] }}\n"
        ),
    )
    .await;
    let medium = Severity::Medium;
    for id in ["goes-on", "over", "resolved"] {
        world.opens(id, medium, NOW, NOW).await;
    }
    world.opens("loud", Severity::High, NOW, NOW).await;
    let counts = world.look(NOW + 1_000).await;
    assert_eq!((counts.silenced, counts.delivered), (3, 1));
    assert_eq!(world.heard(), ["opened loud"]);
    let kept = world.store.notices_in(NoticeState::Silenced).await.unwrap();
    assert_eq!(kept.len(), 3);
    assert_eq!(kept[0].last_error, format!("silenced by ann until {until}: drill"));

    let quiet = NoticeKind::Quiet;
    world.settles("over", medium, Status::Quiet, quiet, NOW + HOUR / 2, NOW + 2 * HOUR).await;
    let resolve = serde_json::json!({"kind": "resolve", "resolution": "benign"});
    let resolve: Act = serde_json::from_value(resolve).unwrap();
    world.store.act("resolved", "ann", until, resolve, None).await.unwrap();
    world.look(NOW + 2 * HOUR).await;
    assert_eq!(world.heard(), ["opened goes-on"], "what is over is not told, nor that it is");
    world.look(NOW + 3 * HOUR).await;
    assert!(world.heard().is_empty());
    let kept = keys(&world.store, NoticeState::Silenced).await;
    assert_eq!(kept.len(), 3, "opened and quiet of one, opened of the other: {kept:?}");
}

#[tokio::test]
async fn what_is_open_is_told_again_until_somebody_takes_it_up() {
    let folder = tempfile::tempdir().unwrap();
    repeated(in_a_file(&folder).await).await;
    repeated(Database::new().open().await).await;
}

async fn repeated(store: Store) {
    let world = World::new(store, "repeat_s = 3600\n").await;
    world.opens("a", Severity::High, NOW, NOW).await;
    world.opens("b", Severity::High, NOW, NOW).await;
    world.look(NOW).await;
    let mut heard = world.heard();
    heard.sort();
    assert_eq!(heard, ["opened a", "opened b"]);
    world.look(NOW + HOUR - 1).await;
    assert!(world.heard().is_empty());
    let time = EventTime::from_millis(NOW).unwrap();
    world.store.act("b", "ann", time, Act::Acknowledge {}, None).await.unwrap();
    world.look(NOW + HOUR).await;
    assert_eq!(world.heard(), ["still_open a"]);
    world.look(NOW + HOUR + 1).await;
    assert!(world.heard().is_empty());
    world.look(NOW + 2 * HOUR).await;
    assert_eq!(world.heard(), ["still_open a"]);
    let quiet = NoticeKind::Quiet;
    world.settles("a", Severity::High, Status::Quiet, quiet, NOW, NOW + 2 * HOUR + 1).await;
    world.look(NOW + 4 * HOUR).await;
    assert_eq!(world.heard(), ["quiet a"]);
    assert_eq!(world.store.told("desk", "a").await.unwrap(), None);
}

#[tokio::test]
async fn the_load_of_a_day_counts_what_opened_and_who_worked() {
    let folder = tempfile::tempdir().unwrap();
    a_day(in_a_file(&folder).await).await;
    a_day(Database::new().open().await).await;
}

async fn a_day(store: Store) {
    let world = World::new(store, "").await;
    world.opens("yesterday", Severity::High, NOW - 25 * HOUR, NOW).await;
    world.opens("night", Severity::High, NOW - 12 * HOUR, NOW).await;
    world.opens("now", Severity::Medium, NOW, NOW).await;
    world.opens("ahead", Severity::Medium, NOW + HOUR, NOW).await;
    let act = |who: &'static str, ago_ms: i64| {
        let time = EventTime::from_millis(NOW - ago_ms).unwrap();
        let said = Act::Comment { text: "seen".into() };
        let store = world.store.clone();
        async move { store.act("now", who, time, said, None).await.map(drop).unwrap() }
    };
    act("ann", 30 * HOUR).await;
    act("ben", HOUR).await;
    act("ben", 1).await;
    act("cas", 2).await;
    let load = world.store.day_load(EventTime::from_millis(NOW).unwrap()).await.unwrap();
    assert_eq!((load.opened, load.people), (2, 2));
}
