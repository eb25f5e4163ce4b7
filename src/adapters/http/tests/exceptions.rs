//! Exceptions: proposed, added, refused, revoked; what feedback says of detectors.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::world::{World, id};
use crate::engine::detect::{Exceptions, Rules};

/// An exception for what canaries say about off-1.
fn exception(parts: Value) -> Value {
    let mut all = json!({"owner": "ann", "reason": "an audit", "expires": expires()});
    for (name, value) in parts.as_object().expect("parts") {
        all[name] = value.clone();
    }
    json!({"exception": all, "by": "ann"})
}

/// In a hundred days, whenever this runs.
fn expires() -> String {
    crate::adapters::telemetry::now().plus_ms(100 * 86_400_000).to_string()
}

async fn adds(world: &World, parts: Value) -> Value {
    let answer = world.post("/api/v1/exceptions", exception(parts)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json()
}

async fn refuses(world: &World, parts: Value, status: u16, named: &str) {
    let answer = world.post("/api/v1/exceptions", exception(parts.clone())).await;
    assert_eq!(answer.status.as_u16(), status, "{parts}: {}", answer.text());
    assert!(answer.text().contains(named), "{named} not in {}", answer.text());
}

#[tokio::test]
async fn one_is_added_listed_revoked_and_audited() {
    let world = World::new().await;
    let added = adds(&world, json!({"detector": "canary", "actor": "off-9"})).await;
    assert_eq!((&added["state"], &added["published"]), (&json!("holding"), &json!(false)));
    let path = format!("/api/v1/exceptions/{}/revoke", added["id"].as_str().expect("an id"));
    let waiting = world.app.store.unpublished_exceptions().await.expect("read");
    world.app.store.exceptions_published(&waiting).await.expect("noted");
    assert!(world.app.store.unpublished_exceptions().await.expect("read").is_empty());
    let revoked = world.post(&path, json!({"reason": "the audit is over", "by": "ben"})).await;
    assert_eq!((revoked.status, &revoked.json()["state"]), (StatusCode::OK, &json!("revoked")));
    let waiting = world.app.store.unpublished_exceptions().await.expect("read");
    assert_eq!(waiting.len(), 1, "the end has to be told too");
    let again = world.post(&path, json!({"reason": "again", "by": "ben"})).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let listed = world.json("/api/v1/exceptions").await;
    assert_eq!(listed["exceptions"][0]["state"], "revoked");
    let audit = world.json("/api/v1/audit").await;
    let done: Vec<(&str, &str)> = audit["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|i| (i["by"].as_str().expect("who"), i["act"]["kind"].as_str().expect("what")))
        .collect();
    assert_eq!(done, [("ben", "revoke_exception"), ("ann", "add_exception")]);
    let none =
        world.post("/api/v1/exceptions/none/revoke", json!({"reason": "x", "by": "ben"})).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_wrong_with_one_is_named() {
    let world = World::new().await;
    refuses(&world, json!({"detector": "luck", "actor": "off-1"}), 400, "no detector").await;
    refuses(&world, json!({"rule": "none", "actor": "off-1"}), 400, "no rule").await;
    refuses(&world, json!({"detector": "canary"}), 400, "at least one of key").await;
    refuses(&world, json!({"actor": "off-1"}), 400, "a rule or a detector").await;
    refuses(&world, json!({"detector": "canary", "actor": "a", "owner": ""}), 400, "owner").await;
    refuses(
        &world,
        json!({"detector": "canary", "actor": "a", "expires": "2020-01-01T00:00:00Z"}),
        400,
        "future",
    )
    .await;
    refuses(
        &world,
        json!({"detector": "canary", "actor": "a", "expires": "2099-01-01T00:00:00Z"}),
        400,
        "366",
    )
    .await;
    refuses(&world, json!({"detector": "canary", "actor": "a", "until": "2027"}), 400, "until")
        .await;
    adds(&world, json!({"detector": "canary", "actor": "off-9"})).await;
    refuses(&world, json!({"detector": "canary", "actor": "off-9"}), 409, "same").await;
}

#[tokio::test]
async fn one_that_would_have_hidden_a_confirmed_breach_is_refused() {
    let world = World::new().await;
    // Findings of incidents 1 and 2 are about off-1; those of 2 are f-10 and f-11, by bulk_read.
    world.act(1, json!({"kind": "resolve", "resolution": "true_positive"})).await;
    let narrow = json!({"detector": "bulk_read", "actor": "off-1"});
    refuses(&world, narrow, 409, &id(1)).await;
    adds(&world, json!({"detector": "bulk_read", "actor": "off-1", "dataset": "cargo"})).await;
    let undone = world.json(&format!("/api/v1/incidents/{}/acts", id(1))).await;
    let number = undone["acts"][0]["number"].clone();
    world.act(1, json!({"kind": "undo", "act": number})).await;
    adds(&world, json!({"detector": "bulk_read", "actor": "off-1"})).await;
}

#[tokio::test]
async fn a_benign_incident_proposes_the_narrowest_that_fits() {
    let world = World::new().await;
    let done = world.act(2, json!({"kind": "resolve", "resolution": "benign"})).await;
    let path = done["proposal"].as_str().expect("a path").to_owned();
    let proposal = world.json(&path).await;
    let only = &proposal["proposals"][0];
    assert_eq!(proposal["proposals"].as_array().map(Vec::len), Some(1));
    let wanted =
        json!({"detector": "bulk_read", "actor": "off-1", "source": "10.0.0.1", "dataset": "pnr"});
    for (name, value) in wanted.as_object().expect("parts") {
        assert_eq!(only["exception"][name], *value, "{name}");
    }
    assert_eq!(only["exception"]["owner"], "ann");
    // 8 findings by bulk_read in all: 6 of incident 1 and 2 of this one.
    assert_eq!(only["hidden"]["findings"], 8);
    assert_eq!(only["hidden"]["incidents"][id(1)], 6);
    assert_eq!(only["refused"], Value::Null);
    world.act(1, json!({"kind": "resolve", "resolution": "true_positive"})).await;
    let refused = world.get(&path).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text().contains(&id(1)), "{}", refused.text());
}

#[tokio::test]
async fn feedback_tells_how_often_a_detector_was_right() {
    let world = World::new().await;
    world.act(1, json!({"kind": "resolve", "resolution": "true_positive"})).await;
    world.act(2, json!({"kind": "resolve", "resolution": "benign"})).await;
    let of = |list: &Value, name: &str| {
        let all = list["detectors"].as_array().expect("detectors");
        all.iter().find(|d| d["name"] == name).expect(name)["feedback"].clone()
    };
    let list = world.json("/api/v1/detectors").await;
    assert_eq!(of(&list, "bulk_read")["precision"], 0.5);
    assert_eq!(
        of(&list, "canary"),
        json!({"true_positive": 1, "benign": 0, "false_positive": 0, "test": 0, "precision": 1.0})
    );
    assert_eq!(of(&list, "leaver")["precision"], Value::Null);
    assert_eq!(list["detectors"][0]["mode"], "on");
    world.act(2, json!({"kind": "reopen", "reason": "not so sure"})).await;
    let list = world.json("/api/v1/detectors").await;
    assert_eq!(of(&list, "bulk_read")["precision"], 1.0, "what is open says nothing");
}

#[tokio::test]
async fn an_expired_one_is_noted_once() {
    let world = World::new().await;
    adds(&world, json!({"detector": "canary", "actor": "off-9"})).await;
    let later = crate::adapters::telemetry::now().plus_ms(101 * 86_400_000);
    for _ in 0..2 {
        world.app.store.note_expired_exceptions(later).await.expect("noted");
    }
    let audit = world.json("/api/v1/audit?kind=exception_expired").await;
    assert_eq!(audit["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(audit["items"][0]["by"], "tidewaiter");
}

#[tokio::test]
async fn those_of_the_file_are_listed_apart() {
    let world = World::new().await;
    let added = adds(&world, json!({"detector": "canary", "actor": "off-9"})).await;
    let text = "[[exception]]\nrule=\"r\"\nkey=\"off-1\"\nowner=\"ann\"\nreason=\"audit\"\nexpires=\"2026-04-01T00:00:00Z\"\n";
    let mut in_force = Exceptions::parse(text).expect("an exception");
    // As in a process that detects too: the API's have joined.
    let kept = world.app.store.exceptions().await.expect("read");
    in_force.join(kept.into_iter().map(|kept| kept.exception)).expect("joined");
    let mut rules = Rules::default();
    rules.except(in_force);
    world.app.telemetry.rules(&rules, crate::adapters::telemetry::now());
    let listed = world.json("/api/v1/exceptions").await;
    assert_eq!(listed["exceptions"][0]["id"], added["id"]);
    assert_eq!(listed["file"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["file"][0]["rule"], "r");
    assert_eq!(listed["file"][0]["state"], "expired");
}
