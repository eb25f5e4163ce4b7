//! Timelines: pages, folds, files.

use axum::http::StatusCode;
use serde_json::Value;

use super::world::{World, id};
use crate::engine::timeline::export::Manifest;

fn path(query: &str) -> String {
    format!("/api/v1/incidents/{}/timeline{query}", id(1))
}

fn differences(manifest: &Manifest, mut file: &[u8]) -> Vec<String> {
    manifest.differences(&mut file).expect("memory reads")
}

/// Kinds and folds in order, as `access x20`.
async fn check(query: &str, total: u64, expected: &str) {
    let world = World::new().await;
    let page = world.json(&path(query)).await;
    let lines = page["lines"].as_array().expect("a list");
    let shown: Vec<String> = lines
        .iter()
        .map(|line| format!("{} x{}", line["kind"].as_str().unwrap_or("?"), line["folded"]))
        .collect();
    assert_eq!(shown.join(", "), expected, "{query}");
    assert_eq!(page["total"], total, "{query}");
    assert_eq!(page["incident"], id(1));
}

#[tokio::test]
async fn folds_like_entries_unless_told_not_to() {
    check("", 42, "access x20, finding x1, severity x1, access x20").await;
    check("?kinds=finding,severity", 2, "finding x1, severity x1").await;
    check("?kinds=access", 40, "access x20, access x20").await;
    check("?fold=false&limit=2", 42, "access x1, access x1").await;
}

#[tokio::test]
async fn a_span_takes_lines_that_begin_in_it_and_folds_keep_their_names() {
    check("?from=2026-03-02T09:00:30Z", 22, "finding x1, severity x1, access x20").await;
    check("?to=2026-03-02T09:00:30Z", 20, "access x20").await;
    let second = "?from=2026-03-02T09:00:05Z&to=2026-03-02T09:00:06Z";
    check(second, 0, "").await;
    check(&format!("{second}&fold=false"), 2, "access x1, access x1").await;
    let world = World::new().await;
    let all = world.json(&path("?kinds=access")).await;
    let late = world.json(&path("?kinds=access&from=2026-03-02T09:00:30Z")).await;
    assert_eq!(late["lines"][0], all["lines"][1]);
    let answer = world.get(&path("?from=yesterday")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let csv = world.get(&path("?format=csv&from=2026-03-02T09:00:30Z")).await;
    assert_eq!(String::from_utf8_lossy(&csv.body).lines().count(), 1 + 22);
}

#[tokio::test]
async fn a_fold_sums_its_entries_and_opens_into_them() {
    let world = World::new().await;
    let folded = world.json(&path("?kinds=access")).await;
    let line = &folded["lines"][1];
    assert_eq!((line["records"].as_u64(), line["subjects"].as_u64()), (Some(20), Some(20)));
    assert_eq!(line["until"], "2026-03-02T09:01:59.000Z");
    let fold = line["fold"].as_str().expect("a fold");
    let query = format!("?open={}", fold.replace('@', "%40"));
    let opened = world.pages(&path(&query), "lines", "id", 7).await;
    let expected: Vec<String> = (20..40).map(|n| format!("access:access/0@{n}")).collect();
    assert_eq!(opened, expected);
    let answer = world.get(&path("?open=access:none")).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pages_of_lines_leave_nothing_out_and_repeat_nothing() {
    let world = World::new().await;
    let whole = world.json(&path("?fold=false&limit=1000")).await;
    let lines = whole["lines"].as_array().expect("a list");
    let whole: Vec<&str> = lines.iter().filter_map(|line| line["id"].as_str()).collect();
    assert_eq!(whole.len(), 42);
    for limit in [1, 2, 3, 5, 41, 42, 43] {
        let paged = world.pages(&path("?fold=false"), "lines", "id", limit).await;
        assert_eq!(paged, whole, "by {limit}");
    }
}

#[tokio::test]
async fn every_file_has_its_name_its_type_and_all_of_the_story() {
    let world = World::new().await;
    let name = format!("incident-{}", &id(1)[..12]);
    for (format, ending, media_type, lines) in [
        ("csv", "csv", "text/csv; charset=utf-8", 43),
        ("csv&fold=true", "csv", "text/csv; charset=utf-8", 5),
        ("timesketch", "jsonl", "application/x-ndjson", 42),
        ("timesketch&kinds=finding", "jsonl", "application/x-ndjson", 1),
        // Beside the 42 lines: an account, author, marking, incident, technique and its link, group.
        ("stix", "stix.json", "application/stix+json;version=2.1", 49),
        // The incident before them.
        ("ocsf", "ocsf.ndjson", "application/x-ndjson", 43),
    ] {
        let answer = world.get(&path(&format!("?format={format}"))).await;
        assert_eq!(answer.status, StatusCode::OK, "{format}");
        assert_eq!(answer.header("content-type"), media_type);
        let disposition = format!("attachment; filename=\"{name}.{ending}\"");
        assert_eq!(answer.header("content-disposition"), disposition);
        assert_eq!(answer.text().lines().count(), lines, "{format}");
    }
    let sketch = world.get(&path("?format=timesketch")).await.text();
    for line in sketch.lines() {
        let row: Value = serde_json::from_str(line).expect("JSON");
        for key in ["message", "datetime", "timestamp_desc"] {
            assert!(row[key].is_string(), "{key} in {line}");
        }
    }
    let markdown = world.get(&path("?format=markdown")).await;
    assert_eq!(markdown.header("content-type"), "text/markdown; charset=utf-8");
    assert!(markdown.header("content-disposition").contains(".md\""));
    assert!(markdown.text().starts_with("# off-1 read"), "{}", markdown.text());
    assert!(markdown.text().contains("in 20 requests"), "markdown is folded by default");
}

#[tokio::test]
async fn a_page_to_print_stands_alone_and_obeys_nobody() {
    let world = World::new().await;
    let said = serde_json::json!({"kind": "comment", "text": "<script>alert(1)</script>"});
    world.act(1, said).await;
    let page = world.get(&path("?format=html")).await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let text = page.text();
    for never in ["<script", "http://", "https://", "src=", "href="] {
        assert!(!text.contains(never), "{never} in {text}");
    }
    assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(text.contains("in 20 requests"), "folded by default");
}

#[tokio::test]
async fn a_manifest_says_what_the_file_holds() {
    let world = World::new().await;
    for format in ["csv", "html", "markdown", "timesketch", "stix", "ocsf"] {
        let file = world.get(&path(&format!("?format={format}"))).await.body;
        let told = world.json(&path(&format!("?format={format}&manifest=true"))).await;
        let manifest: Manifest = serde_json::from_value(told).expect("a manifest");
        assert_eq!(differences(&manifest, &file), [""; 0], "{format}");
        assert_eq!(manifest.entries, 42, "{format}");
        assert_eq!(manifest.sources["access/0"].0, 0, "{format}");
        let mut changed = file.clone();
        changed[10] ^= 1;
        assert_eq!(differences(&manifest, &changed).len(), 1, "{format}: one bit");
        assert_eq!(differences(&manifest, &file[1..]).len(), 2, "{format}: one byte less");
    }
}

#[tokio::test]
async fn what_makes_no_sense_together_is_refused() {
    let world = World::new().await;
    for query in [
        "?format=pdf",
        "?manifest=true",
        "?format=csv&manifest=perhaps",
        "?fold=maybe",
        "?kinds=access,rumour",
        "?cursor=12",
        "?cursor=12:x",
        "?format=csv&limit=10",
        "?format=markdown&open=access:x",
    ] {
        let answer = world.get(&path(query)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
    }
}
