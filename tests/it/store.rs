//! What the store keeps, and for how long.

use serde_json::Value;
use tidewaiter::adapters::secrets::Secret;
use tidewaiter::adapters::store::{IncidentFilter, Span, Store, StoreBatch, StoreError};
use tidewaiter::engine::cases::Act;
use tidewaiter::engine::model::{Entry, EntryKind, EventTime, Finding, Incident, Source};
use tidewaiter::engine::timeline::sort;

use crate::monitor::tidewaiter;
use crate::postgres::{Database, PASSWORD, TlsServer};
use crate::replayed::{config_of, replay_files, scenarios};

/// The incident of a scenario under another id, with its findings and entries, moved to `last`.
pub fn put(batch: &mut StoreBatch, id: &str, last: EventTime) {
    let folder = scenarios().join("canary");
    let mut config = config_of(&folder);
    // One finding makes one incident here.
    config.correlate.goes_on_s = 0;
    let said = replay_files(&config, &[("events", &folder.join("events.ndjson"))]);
    let first = &said.incidents[0];
    let mut body = serde_json::to_value(first).unwrap();
    body["id"] = Value::from(id);
    let mut incident: Incident = serde_json::from_value(body).unwrap();
    incident.last_event = last;
    for finding in said.findings.iter().filter(|finding| first.findings.contains(&finding.id)) {
        let mut finding: Finding = finding.clone();
        finding.id = format!("{id}-{}", finding.id);
        batch.findings.push((id.to_owned(), finding));
    }
    batch.entries.extend(said.story(first).into_iter().map(|entry| (id.to_owned(), entry)));
    batch.incidents.push(incident);
}

/// A new store in a file.
pub async fn in_a_file(folder: &tempfile::TempDir) -> Store {
    Store::open(&folder.path().join("store.db")).await.unwrap()
}

/// An incident that had opened may go on for days, a signal only for hours.
#[tokio::test]
async fn opened_incidents_are_taken_back_for_longer_than_signals() {
    let folder = tempfile::tempdir().unwrap();
    taken_back(in_a_file(&folder).await).await;
    taken_back(Database::new().open().await).await;
}

async fn taken_back(store: Store) {
    let mut batch = StoreBatch::default();
    put(&mut batch, "opened", EventTime::default());
    put(&mut batch, "signal", EventTime::default());
    batch.incidents[1].opened = None;
    let office = store.take_office().await.unwrap();
    store.apply(&batch, office).await.unwrap();
    let last = EventTime::default();
    let later = last.plus_ms(1);
    let ids = async |since, opened_since| -> Vec<String> {
        let kept = store.restorable(since, opened_since).await.unwrap();
        let mut ids: Vec<String> = kept.into_iter().map(|kept| kept.incident.id).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(last, later).await, ["opened", "signal"]);
    assert_eq!(ids(later, last).await, ["opened"]);
    assert_eq!(ids(later, later).await, [""; 0]);
    store.close().await;
}

/// Reads of a few seconds, stored in no order, more than a page of them in one of the milliseconds.
#[tokio::test]
async fn a_story_comes_in_its_order_whole_and_by_spans() {
    let folder = tempfile::tempdir().unwrap();
    comes_in_order(in_a_file(&folder).await).await;
    comes_in_order(Database::new().open().await).await;
}

async fn comes_in_order(store: Store) {
    const STORY: u64 = 7_000;
    let at = |ms: u64| EventTime::from_millis(1_800_000_000_000 + ms as i64).unwrap();
    let mut batch = StoreBatch::default();
    put(&mut batch, "one", at(0));
    batch.entries.clear();
    for n in 0..STORY {
        let place = n * 3_701 % STORY;
        let source = Source::Kafka { topic: "access".into(), partition: 0, offset: place };
        // A third of them at once.
        let time = at(if place.is_multiple_of(3) { 2_000 } else { place });
        batch.entries.push(("one".into(), Entry { time, ..Entry::at(source) }));
    }
    let office = store.take_office().await.unwrap();
    store.apply(&batch, office).await.unwrap();
    let mut expected: Vec<Entry> = batch.entries.iter().map(|(_, entry)| entry.clone()).collect();
    let act = Entry {
        time: at(3_000),
        kind: EntryKind::Act,
        ..Entry::at(Source::Monitor { monitor: "test".into() })
    };
    expected.push(act.clone());
    sort(&mut expected);
    let read = async |span: Span| {
        let story = store.story("one", vec![act.clone()], span);
        let all = tokio::task::spawn_blocking(move || story.collect::<Result<Vec<_>, _>>());
        all.await.unwrap().unwrap()
    };
    assert_eq!(read((None, None)).await, expected);
    let (from, to) = (at(2_000), at(3_001));
    let inside = expected.iter().filter(|entry| (from..to).contains(&entry.time));
    assert_eq!(read((Some(from), Some(to))).await, inside.cloned().collect::<Vec<_>>());
    assert_eq!(read((Some(at(9_000)), None)).await, []);
    store.close().await;
}

#[tokio::test]
async fn a_database_is_reached_over_tls_and_none_that_another_authority_vouches_for() {
    let server = TlsServer::start();
    let connect = async |tls: &str| {
        Store::connect(&server.url(tls), Some(&Secret::new(PASSWORD.into()))).await
    };
    let by = |ca: &std::path::Path| format!("sslmode=verify-full&sslrootcert={}", ca.display());
    let store = connect(&by(&server.ca)).await.unwrap();
    store.take_office().await.unwrap();
    let stranger = connect(&by(&server.stranger_ca)).await.err();
    assert!(matches!(stranger, Some(StoreError::Open { .. })), "{stranger:?}");
    // The server itself takes nobody without TLS.
    let plain = connect("sslmode=disable").await.err();
    assert!(matches!(plain, Some(StoreError::Open { .. })), "{plain:?}");
}

#[tokio::test]
async fn what_is_older_than_is_kept_goes_with_all_it_had_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    goes_when_old(in_a_file(&folder).await).await;
    goes_when_old(Database::new().open().await).await;
}

async fn goes_when_old(store: Store) {
    let day = |n: i64| EventTime::from_millis(1_800_000_000_000 + n * 86_400_000).unwrap();
    let mut batch = StoreBatch::default();
    put(&mut batch, "old", day(0));
    put(&mut batch, "new", day(10));
    assert!(batch.findings.len() >= 2 && batch.entries.len() >= 2);
    let office = store.take_office().await.unwrap();
    store.apply(&batch, office).await.unwrap();

    let said = |text: &str| Act::Comment { text: text.to_owned() };
    for id in ["old", "new"] {
        store.act(id, "ann", day(11), said("seen"), None).await.unwrap();
    }
    store.forget_acts().await.unwrap();
    assert_eq!(store.acts("old").await.unwrap().len(), 1, "what is kept keeps its acts");

    assert_eq!(store.forget(day(5)).await.unwrap(), 1);
    assert_eq!(store.forget(day(5)).await.unwrap(), 0);
    store.forget_acts().await.unwrap();
    assert_eq!(store.acts("old").await.unwrap(), []);
    assert_eq!(store.acts("new").await.unwrap().len(), 1);
    let left = store.incidents(&IncidentFilter::default(), 10, None).await.unwrap();
    assert_eq!(left.items.iter().map(|i| i.id.as_str()).collect::<Vec<_>>(), ["new"]);
    assert!(store.entries("old").await.unwrap().is_empty());
    let half = batch.entries.len() / 2;
    assert_eq!(store.entries("new").await.unwrap().len(), half);
    let findings = store.findings(&Default::default(), 100, None).await.unwrap();
    assert_eq!(findings.total as usize, batch.findings.len() / 2);
    store.close().await;
}

/// What a log's writer chose to be called must not reach a terminal as it stands.
#[tokio::test]
async fn what_a_terminal_would_obey_is_shown_and_not_printed() {
    const NAME: &str = "a\u{1b}]0;owned\u{7}\nb\u{202e}c\u{9b}2J";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Store::open(&path).await.unwrap();
    let mut batch = StoreBatch::default();
    put(&mut batch, "0123456789abcdef", EventTime::from_millis(1_800_000_000_000).unwrap());
    batch.incidents[0].title = format!("{NAME} read a canary");
    batch.incidents[0].actors = vec![NAME.to_owned()];
    for (_, entry) in &mut batch.entries {
        entry.actor = Some(NAME.to_owned());
        entry.text = format!("{NAME}: read");
    }
    let office = store.take_office().await.unwrap();
    store.apply(&batch, office).await.unwrap();
    store.close().await;
    for command in
        ["incidents list", "incidents list --json", "incidents show 0123", "timeline 0123"]
    {
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.extend(["--store", path.to_str().unwrap()]);
        let output = tidewaiter(&arguments);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && said.contains("owned"), "{command}: {said:?}");
        let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!said.contains(bad), "{command}: {said:?}");
        assert!(!said.contains("\nb"), "{command}: a name breaks a line: {said:?}");
    }
}

#[tokio::test]
async fn only_the_correlator_that_took_office_last_can_write() {
    let folder = tempfile::tempdir().unwrap();
    only_the_last_writes(in_a_file(&folder).await).await;
    only_the_last_writes(Database::new().open().await).await;
}

async fn only_the_last_writes(store: Store) {
    let mut batch = StoreBatch::default();
    put(&mut batch, "one", EventTime::from_millis(1_800_000_000_000).unwrap());
    let before = store.take_office().await.unwrap();
    let after = store.take_office().await.unwrap();
    let refused = store.apply(&batch, before).await.unwrap_err();
    assert!(matches!(refused, StoreError::Superseded), "{refused}");
    assert!(store.incident("one").await.unwrap().is_none());
    store.apply(&batch, after).await.unwrap();
    assert!(store.incident("one").await.unwrap().is_some());
    store.close().await;
}

/// Whatever a log's writer puts into a name is found again, and stops nothing.
#[tokio::test]
async fn lists_are_narrowed_by_what_stands_in_them_and_merged_incidents_say_so() {
    let folder = tempfile::tempdir().unwrap();
    is_found(in_a_file(&folder).await).await;
    is_found(Database::new().open().await).await;
}

async fn is_found(store: Store) {
    const NAME: &str = "a\0b%c_d\\'e";
    let mut batch = StoreBatch::default();
    for (id, day) in [("one", 1), ("two", 2)] {
        put(&mut batch, id, EventTime::from_millis(1_800_000_000_000 + day).unwrap());
    }
    batch.incidents[0].title = format!("{NAME} read");
    batch.incidents[0].actors = vec![NAME.to_owned()];
    batch.positions.push(("findings".into(), 3, 17));
    let token =
        batch.entries.iter().find_map(|(_, entry)| entry.tokens.first()).unwrap().to_string();
    batch.entries[0].1.session = Some(NAME.to_owned());
    let office = store.take_office().await.unwrap();
    store.apply(&batch, office).await.unwrap();
    store.apply(&batch, office).await.unwrap();
    let count =
        async |filter: IncidentFilter| store.incidents(&filter, 10, None).await.unwrap().total;
    assert_eq!(count(IncidentFilter::default()).await, 2);
    let text = |text: &str| IncidentFilter { text: Some(text.into()), ..Default::default() };
    assert_eq!(count(text("B%C_D\\'")).await, 1);
    assert_eq!(count(text("b%c%d")).await, 0, "a wildcard is a letter like any other");
    let actor = IncidentFilter { actor: Some(NAME.into()), ..Default::default() };
    assert_eq!(count(actor).await, 1);
    let subject = || IncidentFilter { subject: Some(token.clone()), ..Default::default() };
    let session = || IncidentFilter { session: Some(NAME.into()), ..Default::default() };
    assert_eq!((count(subject()).await, count(session()).await), (2, 1));
    let first = store.incidents(&IncidentFilter::default(), 1, None).await.unwrap();
    let rest = store.incidents(&IncidentFilter::default(), 1, first.next.as_deref()).await.unwrap();
    assert_ne!(first.items[0].id, rest.items[0].id);
    assert!(rest.next.is_none());
    assert_eq!(store.positions().await.unwrap()[&("findings".into(), 3)], 17);
    assert_eq!(store.incidents_beginning("on").await.unwrap().len(), 1);
    let near = store.findings_beginning("one-").await.unwrap();
    assert!(!near.is_empty() && near.iter().all(|(incident, _)| incident == "one"), "{near:?}");
    assert_eq!(store.findings_beginning(&near[0].1.id).await.unwrap().len(), 1);
    assert_eq!(store.findings_beginning("one_").await.unwrap().len(), 0, "no wildcard");
    let before = store.revision().await.unwrap();
    let merged = StoreBatch { merged: vec![("one".into(), "two".into())], ..StoreBatch::default() };
    store.apply(&merged, office).await.unwrap();
    let named = store.incidents(&session(), 10, None).await.unwrap().items;
    assert_eq!(named.iter().map(|incident| &*incident.id).collect::<Vec<_>>(), ["two"]);
    assert_eq!(count(subject()).await, 1);
    let one = serde_json::to_value(store.incident("one").await.unwrap()).unwrap();
    assert_eq!((&one["status"], &one["merged_into"]), (&"merged".into(), &"two".into()));
    assert_eq!(store.changes(before).await.unwrap().incidents.len(), 1);
    store.close().await;
}

/// What is away may be back and is tried again; what is wrong is told at once.
#[tokio::test]
async fn a_database_that_is_away_is_told_from_one_that_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("postgres://tidewaiter@localhost/tide?host={}", folder.path().display());
    let away = Store::connect(&url, None).await.unwrap_err();
    assert!(away.is_away(), "{away}");
    let wrong = Secret::new("low-tide-4711".into());
    let refused = Store::connect(&Database::new().url, Some(&wrong)).await.unwrap_err();
    assert!(!refused.is_away() && !refused.to_string().contains("4711"), "{refused}");
}

/// Both databases have the same tables: the second folder differs in nothing but types.
#[test]
fn the_two_schemas_are_in_step() {
    let read = |folder: &str| -> Vec<(std::ffi::OsString, String)> {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/adapters/store");
        let mut files: Vec<_> = std::fs::read_dir(root.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name(), std::fs::read_to_string(entry.path()).unwrap()))
            .collect();
        files.sort();
        files
    };
    let postgres = read("migrations_postgres").into_iter().map(|(name, text)| {
        let number = "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY";
        let text = text.replace(number, "INTEGER PRIMARY KEY").replace(" COLLATE \"C\"", "");
        (name, text)
    });
    assert_eq!(read("migrations"), postgres.collect::<Vec<_>>());
}

#[test]
fn processes_that_start_at_once_make_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(async {
                    in_a_file(&folder).await.close().await;
                    database.open().await.close().await;
                });
            });
        }
    });
}

/// Four correlators take office in turns and write: each batch counts or is refused, none is lost.
#[tokio::test]
async fn offices_taken_at_once_leave_every_revision_to_one_writer() {
    let database = Database::new();
    let first = database.open().await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let store = database.open().await;
        writers.spawn(async move {
            let mut written = 0_i64;
            for round in 0..20 {
                let office = store.take_office().await.unwrap();
                let mut batch = StoreBatch::default();
                let time = EventTime::from_millis(1_800_000_000_000).unwrap();
                if round == 0 {
                    put(&mut batch, &format!("w{writer}"), time);
                }
                batch.positions.push((format!("t{writer}"), 0, round));
                match store.apply(&batch, office).await {
                    Ok(()) => written += i64::from(round == 0),
                    Err(StoreError::Superseded) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            store.close().await;
            written
        });
    }
    let written: i64 = writers.join_all().await.into_iter().sum();
    assert_eq!(first.revision().await.unwrap(), written);
    first.close().await;
}

#[tokio::test]
async fn a_timeline_and_its_manifest_are_verified() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Store::open(&path).await.unwrap();
    let time = EventTime::from_millis(1_800_000_000_000).unwrap();
    let mut batch = StoreBatch::default();
    put(&mut batch, "0123456789abcdef", time);
    let office = store.take_office().await.unwrap();
    store.apply(&batch, office).await.unwrap();
    let act = Act::Comment { text: "asked the unit".into() };
    store.act("0123456789abcdef", "ann", time, act, None).await.unwrap();
    store.close().await;
    let place = |name: &str| folder.path().join(name).display().to_string();
    let (manifest, file, store) =
        (place("m.json"), place("story.html"), path.display().to_string());
    let told = tidewaiter([
        "timeline",
        "0123",
        "--store",
        &store,
        "--format",
        "html",
        "--manifest",
        &manifest,
    ]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    assert!(String::from_utf8_lossy(&told.stdout).contains("ann commented: asked the unit"));
    std::fs::write(&file, &told.stdout).unwrap();
    let verified = tidewaiter(["timeline", "verify", &manifest, &file]);
    assert_eq!(verified.status.code(), Some(0), "{}", String::from_utf8_lossy(&verified.stderr));
    let mut changed = told.stdout;
    changed.push(b' ');
    std::fs::write(&file, &changed).unwrap();
    let refused = tidewaiter(["timeline", "verify", &manifest, &file]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("SHA-256"));
    assert_eq!(tidewaiter(["timeline", "verify", &file, &manifest]).status.code(), Some(4));
}
