//! Lists, filters, pages, and what is refused.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::json;

use super::world::{World, id};

/// The list has these incidents, in this order.
async fn check(query: &str, expected: &[u32]) {
    let world = World::new().await;
    let page = world.json(&format!("/api/v1/incidents?limit=1000{query}")).await;
    let items = page["items"].as_array().expect("a list");
    let ids: Vec<&str> = items.iter().filter_map(|item| item["id"].as_str()).collect();
    let expected: Vec<String> = expected.iter().map(|n| id(*n)).collect();
    assert_eq!(ids, expected, "{query}");
    assert_eq!(page["total"], expected.len());
}

/// Refused, with words that name these.
async fn refuses(path: &str, named: &[&str]) {
    let world = World::new().await;
    let answer = world.get(path).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {}", answer.text());
    let error = &answer.json()["error"];
    assert_eq!(error["code"], "bad_request");
    let message = error["message"].as_str().expect("words");
    named.iter().for_each(|word| assert!(message.contains(word), "{word} not in: {message}"));
}

#[tokio::test]
async fn lists_open_and_quiet_ones_last_changed_first() {
    let expected: Vec<u32> = (1..26).rev().collect();
    check("", &expected).await;
}

#[tokio::test]
async fn narrows_by_every_filter() {
    check("&status=signal", &[30]).await;
    check("&status=merged,signal", &[31, 30]).await;
    check("&severity=critical,high", &[1]).await;
    check("&actor=off-7", &[7]).await;
    check("&source=10.0.0.9", &[9]).await;
    check("&dataset=cargo", &[]).await;
    check("&q=OFF-12%20READ", &[12]).await;
    check("&q=100%25", &(1..26).rev().collect::<Vec<u32>>()).await;
    check("&from=2026-03-02T09:11:00Z&to=2026-03-02T09:12:00Z", &[23, 22]).await;
    check("&actor=&q=&severity=critical", &[1]).await;
}

#[tokio::test]
async fn sorts_both_ways() {
    check("&sort=score", &(1..26).collect::<Vec<u32>>()).await;
    check("&sort=-opened", &(1..26).rev().collect::<Vec<u32>>()).await;
}

#[tokio::test]
async fn pages_leave_nothing_out_and_repeat_nothing() {
    let world = World::new().await;
    for limit in [1, 3, 24, 25, 26] {
        for sort in ["-updated", "score", "opened"] {
            let path = format!("/api/v1/incidents?sort={sort}");
            let ids = world.pages(&path, "items", "id", limit).await;
            let distinct: BTreeSet<&String> = ids.iter().collect();
            assert_eq!((ids.len(), distinct.len()), (25, 25), "{sort} by {limit}");
        }
        let ids = world.pages("/api/v1/findings", "items", "id", limit).await;
        let distinct: BTreeSet<&String> = ids.iter().collect();
        assert_eq!((ids.len(), distinct.len()), (12, 12), "findings by {limit}");
    }
}

#[tokio::test]
async fn one_incident_comes_with_its_findings() {
    let world = World::new().await;
    let one = world.json(&format!("/api/v1/incidents/{}", id(1))).await;
    assert_eq!(one["severity"], "critical");
    assert_eq!(one["finding_details"].as_array().expect("a list").len(), 10);
    assert_eq!(
        (&one["stage"], &one["left_network"]["verdict"]),
        (&json!("collection"), &json!("no_sign"))
    );
    assert_eq!(one["updated"], "2026-03-02T09:00:00.000Z");
}

#[tokio::test]
async fn findings_are_narrowed() {
    let world = World::new().await;
    for (query, expected) in [
        ("", 12),
        ("?detector=canary", 4),
        ("?detector=rule", 0),
        ("?actor=off-1&source=10.0.0.1", 12),
        ("?severity=critical", 0),
        ("?from=2026-03-02T09:00:01Z&to=2026-03-02T09:00:02Z", 3),
    ] {
        let page = world.json(&format!("/api/v1/findings{query}")).await;
        assert_eq!(page["total"], expected, "{query}");
        assert_eq!(page["items"].as_array().expect("a list").len(), expected, "{query}");
    }
    let of_two = world.json(&format!("/api/v1/findings?incident={}", id(2))).await;
    assert_eq!(of_two["total"], 2);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let world = World::new().await;
    for path in [
        "/api/v1/incidents/none",
        "/api/v1/incidents/none/timeline",
        "/api/v1/incidents/none/timeline?format=csv",
        "/api/v1/nothing",
        "/api",
        "/assets/none.js",
        "/none.txt",
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.json()["error"]["code"], "not_found", "{path}");
    }
}

#[tokio::test]
async fn a_wrong_parameter_is_named_with_what_is_allowed() {
    refuses("/api/v1/incidents?stauts=open", &["`stauts`", "status", "severity"]).await;
    refuses("/api/v1/incidents?status=open,closed", &["`status`", "`closed`", "quiet"]).await;
    refuses("/api/v1/incidents?severity=dire", &["`severity`", "`dire`", "critical"]).await;
    refuses("/api/v1/incidents?sort=-name", &["`sort`", "`-name`", "-updated"]).await;
    refuses("/api/v1/incidents?from=yesterday", &["`from`", "`yesterday`", "RFC 3339"]).await;
    refuses("/api/v1/incidents?limit=many", &["`limit`", "`many`", "from 1"]).await;
    refuses("/api/v1/incidents?limit=-1", &["`limit`", "`-1`"]).await;
    refuses("/api/v1/incidents?limit=0", &["`limit`", "`0`", "from 1"]).await;
    refuses("/api/v1/incidents?cursor=elsewhere", &["`cursor`", "`elsewhere`"]).await;
    refuses("/api/v1/incidents?limit=1&limit=2", &["`limit`", "twice"]).await;
    refuses("/api/v1/incidents?q=%FF", &["UTF-8"]).await;
    refuses("/api/v1/incidents/%FF", &["UTF-8"]).await;
    refuses("/api/v1/incidents/%FF/timeline", &["UTF-8"]).await;
    refuses("/api/v1/findings?detector=luck", &["`detector`", "`luck`", "bulk_read"]).await;
    refuses("/api/v1/stats?fast=1", &["`fast`", "none"]).await;
    refuses("/api/v1/stream?since=1", &["`since`"]).await;
    refuses(&format!("/api/v1/incidents?q={}", "x".repeat(600)), &["`q`", "600", "512"]).await;
    refuses(&format!("/api/v1/incidents/{}?full=1", id(1)), &["`full`"]).await;
}

#[tokio::test]
async fn more_than_a_page_holds_is_not_given() {
    let world = World::new().await;
    for (limit, expected) in [("1", 1), ("1001", 25), ("99999999999", 25)] {
        let page = world.json(&format!("/api/v1/incidents?limit={limit}")).await;
        assert_eq!(page["items"].as_array().expect("a list").len(), expected, "{limit}");
    }
}
