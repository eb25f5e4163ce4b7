//! Silences: proposed, added, refused, ended, resumed, audited.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::world::{World, id};
use crate::adapters::http::state::HttpSettings;
use crate::adapters::http::{guard::Hosts, routes::router};
use crate::adapters::telemetry::now;

const HOUR_MS: i64 = 3_600_000;

fn hours(n: i64) -> String {
    now().plus_ms(n * HOUR_MS).to_string()
}

fn silence(parts: Value) -> Value {
    let mut all = json!({"reason": "a drill", "until": hours(2), "match": {"actor": ["off-1"]}});
    for (name, value) in parts.as_object().expect("parts") {
        all[name] = value.clone();
    }
    json!({"silence": all, "by": "ann"})
}

async fn adds(world: &World, parts: Value) -> Value {
    let answer = world.post("/api/v1/silences", silence(parts)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json()
}

/// For another test: one that is there, made for an incident.
pub async fn one(world: &World, incident: &str) {
    let mut asked = silence(json!({"match": {"incident": [incident]}}));
    asked["incident"] = json!(incident);
    let answer = world.post("/api/v1/silences", asked).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
}

async fn refuses(world: &World, parts: Value, status: u16, named: &[&str]) {
    let answer = world.post("/api/v1/silences", silence(parts.clone())).await;
    assert_eq!(answer.status.as_u16(), status, "{parts}: {}", answer.text());
    for named in named {
        assert!(answer.text().contains(named), "{named} not in {}", answer.text());
    }
}

async fn states(world: &World, query: &str) -> Vec<String> {
    let list = world.json(&format!("/api/v1/silences{query}")).await;
    let all = list["silences"].as_array().expect("silences").iter();
    all.map(|s| {
        format!("{} {}", s["reason"].as_str().unwrap_or(""), s["state"].as_str().unwrap_or(""))
    })
    .collect()
}

#[tokio::test]
async fn one_is_added_listed_ended_resumed_and_audited() {
    let world = World::new().await;
    let added = adds(&world, json!({})).await;
    assert_eq!((&added["state"], &added["owner"]), (&json!("active"), &json!("ann")));
    adds(&world, json!({"reason": "tonight", "from": hours(5), "until": hours(6)})).await;
    assert_eq!(states(&world, "").await, ["tonight pending", "a drill active"]);
    assert_eq!(states(&world, "?state=pending").await, ["tonight pending"]);
    assert_eq!(states(&world, "?state=expired,active").await, ["a drill active"]);

    let path =
        |what: &str| format!("/api/v1/silences/{}/{what}", added["id"].as_str().expect("an id"));
    let early = world.post(&path("resume"), json!({"by": "ben"})).await;
    assert_eq!(early.status, StatusCode::CONFLICT, "{}", early.text());
    let ended = world.post(&path("end"), json!({"reason": "over", "by": "ben"})).await;
    assert_eq!((ended.status, &ended.json()["state"]), (StatusCode::OK, &json!("expired")));
    assert_eq!(ended.json()["ended_by"], "ben");
    assert_eq!(states(&world, "?state=expired").await, ["a drill expired"]);
    let again = world.post(&path("end"), json!({"by": "ben"})).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let resumed = world.post(&path("resume"), json!({"by": "ann"})).await;
    assert_eq!((resumed.status, &resumed.json()["state"]), (StatusCode::OK, &json!("active")));
    assert_eq!(resumed.json()["ended_by"], Value::Null);

    let audit = world.json("/api/v1/audit?kind=add_silence,end_silence,resume_silence").await;
    let done: Vec<&str> = audit["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter_map(|i| i["text"].as_str())
        .collect();
    assert_eq!(done.len(), 4);
    assert!(
        done[0].starts_with("ann let silence ") && done[0].ends_with(" hold again"),
        "{done:?}"
    );
    assert!(done[1].starts_with("ben ended silence ") && done[1].ends_with(": over"), "{done:?}");
    assert!(done[3].starts_with("ann silenced actor off-1 until "), "{done:?}");
    let none = world.post("/api/v1/silences/none/end", json!({"by": "ben"})).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn one_made_for_an_incident_stands_in_its_timeline() {
    let world = World::new().await;
    one(&world, &id(1)).await;
    let acts = world.json(&format!("/api/v1/incidents/{}/acts", id(1))).await;
    assert_eq!(acts["acts"][0]["act"]["kind"], "add_silence");
    assert_eq!(acts["case"]["revision"], 1);
    let story = world.json(&format!("/api/v1/incidents/{}/timeline?kinds=act", id(1))).await;
    let text = story.to_string();
    assert!(text.contains("ann silenced incident"), "{text}");
}

#[tokio::test]
async fn what_is_wrong_with_one_is_named() {
    let world = World::new().await;
    refuses(&world, json!({"match": {}}), 400, &["silence.match", "at least one of severity"])
        .await;
    refuses(&world, json!({"match": {"who": ["a"]}}), 400, &["who", "incident"]).await;
    refuses(&world, json!({"match": {"actor": [""]}}), 400, &["silence.match.actor", "1 to 400"])
        .await;
    refuses(&world, json!({"match": {"detector": ["luck"]}}), 400, &["`luck`", "bulk_read"]).await;
    refuses(&world, json!({"match": {"severity": ["bad"]}}), 400, &["bad", "critical"]).await;
    refuses(&world, json!({"match": {"incident": ["none"]}}), 404, &["none", "/api/v1/incidents"])
        .await;
    refuses(&world, json!({"reason": " "}), 400, &["silence.reason", "got 0"]).await;
    refuses(&world, json!({"owner": "x".repeat(101)}), 400, &["silence.owner", "got 101"]).await;
    refuses(&world, json!({"until": "2020-01-01T00:00:00Z"}), 400, &["silence.until", "future"])
        .await;
    refuses(&world, json!({"until": hours(93 * 24)}), 400, &["silence.until", "92 days"]).await;
    refuses(&world, json!({"until": "soon"}), 400, &["RFC 3339"]).await;
    refuses(&world, json!({"from": hours(3)}), 400, &["silence.until", "after `from`"]).await;
    let both = json!({"reason": "", "match": {}});
    refuses(&world, both, 400, &["silence.reason", "silence.match"]).await;
    assert!(states(&world, "").await.is_empty(), "something wrong was added");
}

#[tokio::test]
async fn sinks_are_held_against_the_configured_ones() {
    let mut world = World::new().await;
    let sinks = vec!["desk".to_owned(), "duty".to_owned()];
    world.app.settings = Arc::new(HttpSettings { sinks, ..HttpSettings::default() });
    world.router = router(world.app.clone(), Hosts::Loopback);
    refuses(&world, json!({"match": {"sink": ["disk"]}}), 400, &["`disk`", "desk, duty"]).await;
    adds(&world, json!({"match": {"sink": ["desk"]}})).await;
    assert_eq!(world.json("/api/v1/silences").await["sinks"], json!(["desk", "duty"]));
}

#[tokio::test]
async fn an_incident_proposes_the_narrowest_first() {
    let world = World::new().await;
    let path = format!("/api/v1/incidents/{}/silence-proposal", id(2));
    let proposals = world.json(&path).await["proposals"].clone();
    assert_eq!(proposals[0]["match"]["incident"], json!([id(2)]));
    assert_eq!(proposals[0]["match"]["severity"], json!(["informational", "low", "medium"]));
    assert_eq!(proposals[1]["match"]["actor"], json!(["off-2"]));
    assert_eq!(proposals[1]["match"]["detector"], json!(["bulk_read"]));
    assert_eq!(proposals[1]["match"]["dataset"], json!(["pnr"]));
    assert_eq!(proposals[2]["match"]["source"], json!(["10.0.0.2"]));
    for proposal in proposals.as_array().expect("proposals") {
        adds(&world, json!({"match": proposal["match"]})).await;
    }
    let none = world.get("/api/v1/incidents/none/silence-proposal").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn those_that_hold_and_those_that_will_are_counted_apart() {
    let world = World::new().await;
    let count = async || world.app.store.silence_counts(now()).await.expect("counted");
    assert_eq!(count().await, (0, 0));
    let id = adds(&world, json!({})).await["id"].as_str().expect("an id").to_owned();
    adds(&world, json!({"from": hours(1)})).await;
    assert_eq!(count().await, (1, 1));
    let ended = world.post(&format!("/api/v1/silences/{id}/end"), json!({"by": "ann"})).await;
    assert_eq!(ended.status, StatusCode::OK, "{}", ended.text());
    assert_eq!(count().await, (0, 1));
}
