//! What the store keeps, and for how long.

use serde_json::Value;
use tidewaiter::adapters::store::{IncidentFilter, Store, StoreBatch, StoreError};
use tidewaiter::engine::cases::Act;
use tidewaiter::engine::model::{EventTime, Finding, Incident};

use crate::monitor::tidewaiter;
use crate::replayed::{config_of, replay_files, scenarios};

/// The incident of a scenario under another id, with its findings and entries, moved to `last`.
fn put(batch: &mut StoreBatch, id: &str, last: EventTime) {
    let folder = scenarios().join("canary");
    let said = replay_files(&config_of(&folder), &[("events", &folder.join("events.ndjson"))]);
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

#[tokio::test]
async fn what_is_older_than_is_kept_goes_with_all_it_had_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db")).await.unwrap();
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
    let store = Store::open(&folder.path().join("store.db")).await.unwrap();
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

#[test]
fn processes_that_start_at_once_make_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let opened: Vec<_> = (0..4)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(async {
                    let store = Store::open(&path).await.map_err(|error| error.to_string())?;
                    store.close().await;
                    Ok::<(), String>(())
                })
            })
        })
        .collect();
    for store in opened {
        store.join().unwrap().unwrap();
    }
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
