//! The past as it is asked for; what Kafka holds is tested where there is one.

use std::sync::Arc;

use axum::http::StatusCode;

use super::world::{World, at};
use crate::adapters::http::past::{Past, Remembered, Rereader, Wanted};
use crate::adapters::http::state::HttpSettings;
use crate::adapters::http::{guard::Hosts, routes::router};
use crate::engine::model::{Entry, Source};

/// Ten reads of two actors, the last first.
struct Ten;

impl Past for Ten {
    fn read(&self, wanted: &Wanted) -> Result<Remembered, String> {
        if wanted.about.actor.as_deref() == Some("nobody") {
            return Err("the broker is away".into());
        }
        let reads = (0..10).rev().map(|n| Entry {
            time: at(n),
            action: "read".into(),
            outcome: "allowed".into(),
            actor: Some(format!("off-{}", n % 2)),
            ..Entry::at(Source::Kafka { topic: "access".into(), partition: 0, offset: n as u64 })
        });
        let fitting: Vec<Entry> = reads.filter(|entry| wanted.fits(entry)).collect();
        let complete = fitting.len() <= wanted.entries_max;
        let entries = fitting.into_iter().take(wanted.entries_max).collect();
        Ok(Remembered { entries, records: 10, complete })
    }
}

async fn world() -> World {
    let mut world = World::empty().await;
    let past = Rereader(Some(Arc::new(Ten)));
    world.app.settings = Arc::new(HttpSettings { past, ..HttpSettings::default() });
    world.router = router(world.app.clone(), Hosts::Loopback);
    world
}

const HOUR: &str = "from=2026-03-02T09:00:00Z&to=2026-03-02T10:00:00Z";

#[tokio::test]
async fn it_comes_in_order_and_says_whether_it_is_all() {
    let world = world().await;
    for (query, times, complete) in [
        (format!("actor=off-1&{HOUR}"), 5, true),
        (format!("actor=off-1&{HOUR}&limit=2"), 2, false),
        ("actor=off-1&from=2026-03-02T09:00:00Z&to=2026-03-02T09:00:05Z".into(), 2, true),
        (format!("actor=off-7&{HOUR}"), 0, true),
    ] {
        let told = world.json(&format!("/api/v1/past/timeline?{query}")).await;
        let lines = told["lines"].as_array().expect("lines");
        let at: Vec<&str> = lines.iter().map(|line| line["time"].as_str().expect("time")).collect();
        assert!(at.is_sorted(), "{query}: {at:?}");
        assert_eq!((at.len(), &told["complete"]), (times, &complete.into()), "{query}");
        assert_eq!((&told["total"], &told["records"]), (&times.into(), &10.into()), "{query}");
    }
}

#[tokio::test]
async fn what_is_not_asked_well_or_cannot_be_read_is_refused() {
    let world = world().await;
    for (query, status) in [
        (HOUR.to_owned(), 400),
        ("actor=off-1".into(), 400),
        ("actor=off-1&from=2026-03-02T09:00:00Z".into(), 400),
        ("actor=off-1&from=2026-03-02T09:00:00Z&to=2026-03-02T09:00:00Z".into(), 400),
        ("actor=off-1&from=2025-03-02T09:00:00Z&to=2026-03-02T09:00:00Z".into(), 400),
        (format!("actor=nobody&{HOUR}"), 503),
    ] {
        let answer = world.get(&format!("/api/v1/past/timeline?{query}")).await;
        assert_eq!(answer.status.as_u16(), status, "{query}: {}", answer.text());
    }
    // A process that reads no topics has nobody to ask.
    let none = World::empty().await;
    let answer = none.get(&format!("/api/v1/past/timeline?actor=off-1&{HOUR}")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}
