//! Clocks, drafts and reports.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::world::{World, id};

fn path(n: u32, what: &str) -> String {
    format!("/api/v1/incidents/{}/{what}", id(n))
}

#[tokio::test]
async fn clocks_run_from_the_decision_until_somebody_is_told() {
    let world = World::new().await;
    assert_eq!(world.json(&path(1, "clocks")).await["clocks"], json!([]));
    let now = crate::adapters::telemetry::now();
    let at = now.minus_ms(70 * 3_600_000).to_string();
    let aware =
        json!({"kind": "aware", "at": at, "regimes": ["gdpr", "nis2"], "reason": "certain"});
    world.act(1, aware).await;
    let states = |clocks: &Value| -> Vec<String> {
        let all = clocks["clocks"].as_array().expect("clocks").iter();
        all.map(|c| {
            format!("{} {}", c["phase"].as_str().unwrap_or(""), c["state"].as_str().unwrap_or(""))
        })
        .collect()
    };
    let clocks = world.json(&path(1, "clocks")).await;
    let expected = [
        "notification warned",
        "early_warning overdue",
        "notification warned",
        "final_report waiting",
    ];
    assert_eq!(states(&clocks), expected);
    let left = clocks["clocks"][0]["seconds_left"].as_i64().expect("seconds");
    assert!((7_100..=7_200).contains(&left), "{left}");
    assert!(clocks["clocks"][1]["seconds_left"].as_i64().expect("seconds") < 0);
    world.act(1, json!({"kind": "notified", "regime": "gdpr", "phase": "notification", "reference": "A-7"})).await;
    assert_eq!(states(&world.json(&path(1, "clocks")).await)[0], "notification met");
    let future =
        json!({"kind": "aware", "at": "2999-01-01T00:00:00Z", "regimes": ["led"], "reason": "x"});
    let refused = world.post(&path(1, "acts"), json!({"act": future, "by": "ann"})).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text());
    let aware_at = |at: &str| {
        let act = json!({"kind": "aware", "at": at, "regimes": ["led"], "reason": "x"});
        json!({"act": act, "by": "ann"})
    };
    for at in ["1970-01-01T00:00:00Z", "2025-03-01T08:59:59Z"] {
        let refused = world.post(&path(1, "acts"), aware_at(at)).await;
        let said = refused.text();
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{said}");
        for named in ["`at`", &at[..19], "2025-03-01T09:00:00", "2026-03-02T09:00:00"] {
            assert!(said.contains(named), "{named} in {said}");
        }
    }
    let early = world.post(&path(2, "acts"), aware_at("2025-03-01T09:00:00Z")).await;
    assert_eq!(early.status, StatusCode::CREATED, "{}", early.text());
    let phase = json!({"kind": "notified", "regime": "gdpr", "phase": "final"});
    let refused = world.post(&path(1, "acts"), json!({"act": phase, "by": "ann"})).await;
    assert!(refused.text().contains("notification"), "{}", refused.text());
    let regimes = world.json("/api/v1/regimes").await;
    assert_eq!(regimes["regimes"].as_array().map(Vec::len), Some(6));
}

#[tokio::test]
async fn a_draft_asks_for_what_its_regime_alone_wants_told() {
    let world = World::new().await;
    for (regime, gaps) in [("gdpr", None), ("nis2", Some(3)), ("us_federal", Some(5))] {
        let asked = path(1, &format!("notification?regime={regime}&format=json"));
        let draft = world.json(&asked).await;
        let items = draft["items"].as_array().expect("items").iter();
        let further = items.filter(|item| item["title"] == "Further contents under this regime");
        let mut further = further.map(|item| item["gaps"].as_array().expect("gaps").len());
        assert_eq!(further.next(), gaps, "{regime}");
    }
}

#[tokio::test]
async fn a_draft_is_filled_from_the_incident_and_marks_its_gaps() {
    let world = World::new().await;
    world.act(1, json!({"kind": "acknowledge"})).await;
    world.act(1, json!({"kind": "assign", "to": "ben <b>"})).await;
    let draft = |format: &str| path(1, &format!("notification?regime=gdpr&format={format}"));
    let before = world.json(&draft("json")).await;
    let titles: Vec<&str> = before["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter_map(|i| i["title"].as_str())
        .collect();
    assert_eq!(titles.len(), 6, "{titles:?}");
    world.act(1, json!({"kind": "aware", "regimes": ["gdpr"], "reason": "certain"})).await;
    let after = world.json(&draft("json")).await;
    let acts = world.json(&path(1, "acts")).await;
    let last = acts["acts"].as_array().and_then(|acts| acts.last()).expect("an act");
    assert_eq!(last["text"], "ann decided that we are aware (GDPR): certain");
    let gaps = |draft: &Value| draft["gaps"].as_u64().expect("gaps");
    assert_eq!(gaps(&after), gaps(&before) - 1, "awareness is no gap any more");
    let page = world.get(&draft("html")).await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(
        page.text().contains("ben &lt;b&gt;") && !page.text().contains("<b>"),
        "{}",
        page.text()
    );
    let text = world.get(&draft("md")).await.text();
    for part in [
        "TO BE COMPLETED",
        "4 people and consignments",
        "10 records",
        "ann acknowledged",
        "Article 33",
        "due 20",
    ] {
        assert!(text.contains(part), "{part} not in {text}");
    }
    let refused = world.get(&path(1, "notification?regime=hipaa")).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.text().contains("gdpr"), "{}", refused.text());
}

#[tokio::test]
async fn a_report_counts_everybody_once() {
    let mut world = World::new().await;
    let settings =
        crate::adapters::http::HttpSettings { subjects_exact_max: 1_000, ..Default::default() };
    world.app.settings = settings.into();
    world.router = crate::adapters::http::routes::router(
        world.app.clone(),
        crate::adapters::http::guard::Hosts::Loopback,
    );
    let office = world.app.store.take_office().await.expect("in office");
    // Incident 2 read half of what incident 1 read, and one more.
    let entries = world.app.store.entries(&id(1)).await.expect("read");
    let tiered = |entry: &crate::engine::model::Entry| crate::engine::model::Entry {
        tier: 2,
        ..entry.clone()
    };
    let half = entries.iter().filter(|e| e.tokens.iter().any(|t| t.0[0] % 2 == 0)).map(tiered);
    let mut second: Vec<_> = half.map(|entry| (id(2), entry)).collect();
    let mut one_more = second[0].clone();
    one_more.1.tokens = vec![crate::engine::model::SubjectToken([200; 16])];
    second.push(one_more);
    let first = entries.iter().map(tiered).map(|entry| (id(3), entry));
    let batch = crate::adapters::store::StoreBatch {
        entries: first.chain(second).collect(),
        ..Default::default()
    };
    world.app.store.apply(&batch, office).await.expect("applied");
    let both = world.json(&format!("/api/v1/report?incidents={},{},{}", id(2), id(3), id(2))).await;
    assert_eq!((&both["subjects"], &both["subjects_error"]), (&json!(41), &json!(0.0)), "{both}");
    assert_eq!(both["incidents"].as_array().map(Vec::len), Some(2));
    assert_eq!(both["datasets"][0]["dataset"], "pnr");
    let alone = world.json(&format!("/api/v1/report?incidents={}", id(3))).await;
    assert_eq!(alone["subjects"], 40);
    assert_eq!(world.get("/api/v1/report").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(world.get("/api/v1/report?incidents=none").await.status, StatusCode::NOT_FOUND);
}
