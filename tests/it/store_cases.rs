//! What people do is kept alike on both databases.

use std::collections::BTreeMap;

use tidewaiter::adapters::store::{ExceptionError, IncidentFilter, Store, StoreBatch, ToDo};
use tidewaiter::engine::cases::{Act, Resolution};
use tidewaiter::engine::detect::Exception;
use tidewaiter::engine::model::{EventTime, Severity, Status};

use crate::postgres::Database;
use crate::store::{in_a_file, put};

const ANN: &str = "ann\0 o'neil";

fn at(minute: i64) -> EventTime {
    EventTime::from_millis(1_800_000_000_000 + minute * 60_000).unwrap()
}

async fn filled(store: &Store, ids: &[&str]) -> StoreBatch {
    let mut batch = StoreBatch::default();
    for id in ids {
        put(&mut batch, id, at(0));
    }
    let office = store.take_office().await.unwrap();
    store.apply(&batch, office).await.unwrap();
    batch
}

/// Quiet or not, an incident is to do until somebody has resolved it.
#[tokio::test]
async fn what_is_to_do_is_counted_by_what_people_did() {
    let folder = tempfile::tempdir().unwrap();
    to_do(in_a_file(&folder).await).await;
    to_do(Database::new().open().await).await;
}

async fn to_do(store: Store) {
    let mut batch = filled(&store, &["one", "two", "three"]).await;
    for (incident, severity) in
        batch.incidents.iter_mut().zip([Severity::Critical, Severity::Critical, Severity::Medium])
    {
        (incident.status, incident.severity) = (Status::Quiet, severity);
    }
    batch.findings.clear();
    batch.entries.clear();
    let office = store.take_office().await.unwrap();
    store.apply(&batch, office).await.unwrap();
    let check = async |all: [u64; 3], new: [u64; 3]| {
        assert_eq!(store.to_do().await.unwrap(), ToDo { all, new });
    };
    check([1, 0, 2], [1, 0, 2]).await;
    let act = async |id: &str, act: Act| store.act(id, ANN, at(1), act, None).await.unwrap();
    act("one", Act::Acknowledge {}).await;
    check([1, 0, 2], [1, 0, 1]).await;
    act("two", Act::Resolve { resolution: Resolution::Benign, note: None }).await;
    check([1, 0, 1], [1, 0, 0]).await;
    act("two", Act::Reopen { reason: "it goes on".into() }).await;
    check([1, 0, 2], [1, 0, 0]).await;
    assert_eq!(store.silence_counts(at(0)).await.unwrap(), (0, 0));
}

#[tokio::test]
async fn acts_make_cases_that_lists_are_narrowed_by() {
    let folder = tempfile::tempdir().unwrap();
    acts_make_cases(in_a_file(&folder).await).await;
    acts_make_cases(Database::new().open().await).await;
}

async fn acts_make_cases(store: Store) {
    filled(&store, &["one", "two", "three"]).await;
    let act = async |id: &str, act: Act| store.act(id, ANN, at(1), act, None).await.unwrap();
    act("one", Act::Acknowledge {}).await;
    act("one", Act::Assign { to: Some("ben\0".into()) }).await;
    act("two", Act::Resolve { resolution: Resolution::TruePositive, note: None }).await;
    let count =
        async |filter: IncidentFilter| store.incidents(&filter, 9, None).await.unwrap().total;
    let state = |state| IncidentFilter { states: vec![state], ..Default::default() };
    let assignee =
        |name: &str| IncidentFilter { assignee: Some(name.into()), ..Default::default() };
    for (name, expected) in [("new", 1), ("acknowledged", 1), ("resolved", 1), ("contained", 0)] {
        assert_eq!(count(state(name)).await, expected, "{name}");
    }
    assert_eq!((count(assignee("-")).await, count(assignee("ben\0")).await), (2, 1));
    assert_eq!(store.cases(&["one", "two", "three"]).await.unwrap().len(), 2);
    assert_eq!(
        store.cases_by_state().await.unwrap(),
        BTreeMap::from([("acknowledged".to_owned(), 1), ("resolved".to_owned(), 1)])
    );
    let (detectors, _) = store.feedback().await.unwrap();
    assert_eq!(detectors["canary"].iter().sum::<u64>(), 1);
    let kinds = store.acts_after(0, &["assign", "resolve"], 9).await.unwrap();
    assert_eq!(kinds.len(), 2);
    let audit = store.acts_before(i64::MAX, Some(ANN), &[], 2).await.unwrap();
    assert_eq!(audit.len(), 2, "the newest two of three");
    assert!(audit[0].number > audit[1].number);
    // Resolved, and nothing has come since.
    assert!(store.grown_after_resolution(0).await.unwrap().is_empty());
    let mut more = StoreBatch::default();
    put(&mut more, "two", at(9));
    more.findings.iter_mut().for_each(|(_, finding)| finding.id.push_str("-again"));
    let office = store.take_office().await.unwrap();
    store.apply(&more, office).await.unwrap();
    assert_eq!(store.grown_after_resolution(0).await.unwrap(), ["two"]);
    store.close().await;
}

#[tokio::test]
async fn acts_follow_when_an_incident_is_absorbed() {
    let folder = tempfile::tempdir().unwrap();
    acts_follow(in_a_file(&folder).await).await;
    acts_follow(Database::new().open().await).await;
}

async fn acts_follow(store: Store) {
    filled(&store, &["one", "two"]).await;
    let said = Act::Comment { text: "seen at the gate".into() };
    store.act("one", ANN, at(1), said, None).await.unwrap();
    let office = store.take_office().await.unwrap();
    let merged = StoreBatch { merged: vec![("one".into(), "two".into())], ..Default::default() };
    store.apply(&merged, office).await.unwrap();
    assert_eq!(store.follow_merges(at(2)).await.unwrap(), 1);
    assert_eq!(store.follow_merges(at(3)).await.unwrap(), 0);
    let acts = store.acts("two").await.unwrap();
    assert_eq!(acts.iter().map(|act| act.act.name()).collect::<Vec<_>>(), ["comment", "absorbed"]);
    assert!(acts[0].by.starts_with("ann") && acts[0].by.ends_with("o'neil"));
    let whole = store.whole("two").await.unwrap().unwrap();
    assert_eq!(whole.numbers.len(), whole.restored.entries.len());
    assert!(!whole.restored.findings.is_empty());
    assert!(store.last_finding_time().await.unwrap().is_some());
    store.close().await;
}

#[tokio::test]
async fn exceptions_are_made_revoked_and_expire_on_record() {
    let folder = tempfile::tempdir().unwrap();
    exceptions_are_kept(in_a_file(&folder).await).await;
    exceptions_are_kept(Database::new().open().await).await;
}

async fn exceptions_are_kept(store: Store) {
    let batch = filled(&store, &["one"]).await;
    let actor = batch.findings[0].1.actor.clone().unwrap();
    let exception = |actor: &str, expires| Exception {
        rule: None,
        detector: Some("canary".into()),
        key: None,
        actor: Some(actor.into()),
        source: None,
        dataset: None,
        owner: "ann".into(),
        reason: "a drill".into(),
        expires,
    };
    let made =
        store.add_exception(exception(&actor, at(60)), Some("one"), ANN, at(1)).await.unwrap();
    let twice = store.add_exception(exception(&actor, at(90)), None, ANN, at(1)).await;
    assert!(matches!(twice, Err(ExceptionError::Twice(id)) if id == made.id));
    let hidden = store.hidden_by(&made.exception, at(-600_000_000)).await.unwrap();
    assert_eq!((hidden.findings, hidden.incidents["one"], hidden.confirmed.len()), (1, 1, 0));
    let open = store.unpublished_exceptions().await.unwrap();
    assert_eq!(open.len(), 1);
    store.exceptions_published(&open).await.unwrap();
    assert!(store.unpublished_exceptions().await.unwrap().is_empty());
    store.publish_settings_anew().await.unwrap();
    let short = store.add_exception(exception("zoe", at(5)), None, ANN, at(1)).await.unwrap();
    store.note_expired_exceptions(at(6)).await.unwrap();
    store.note_expired_exceptions(at(7)).await.unwrap();
    store.revoke_exception(&made.id, "over", ANN, at(8)).await.unwrap();
    let again = store.revoke_exception(&made.id, "over", ANN, at(8)).await;
    assert!(matches!(again, Err(ExceptionError::Revoked)));
    let kept = store.exceptions().await.unwrap();
    assert!(kept.iter().all(|kept| kept.revoked == (kept.id != short.id)));
    let said: Vec<String> = store
        .acts_after(0, &[], 99)
        .await
        .unwrap()
        .into_iter()
        .map(|act| act.act.name().to_owned())
        .collect();
    assert_eq!(said, ["add_exception", "add_exception", "exception_expired", "revoke_exception"]);
    store.close().await;
}
