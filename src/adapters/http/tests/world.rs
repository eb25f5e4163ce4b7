//! A store with a few incidents, and someone who asks.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::adapters::http::guard::Hosts;
use crate::adapters::http::routes::router;
use crate::adapters::http::state::App;
use crate::adapters::store::{Store, StoreBatch};
use crate::adapters::telemetry::Telemetry;
use crate::engine::model::{
    DatasetScope, Entry, EntryKind, EventTime, Finding, Incident, Key, KeyKind, ScoreTerm,
    Severity, Source, Status, SubjectToken, UsualHour, Window,
};

pub struct World {
    pub app: App,
    pub router: Router,
    pub stop: watch::Sender<bool>,
    _folder: TempDir,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}

impl World {
    /// With nothing in the store.
    pub async fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("test.db")).await.expect("a store");
        let telemetry = Telemetry::new(&["access".to_owned()], ["travel".to_owned()]);
        let (stop, stopping) = watch::channel(false);
        let app = App::new(store, Arc::clone(&telemetry), Arc::default(), stopping);
        Self { router: router(app.clone(), Hosts::Loopback), app, stop, _folder: folder }
    }

    /// With the incidents and the story below.
    pub async fn new() -> Self {
        let world = Self::empty().await;
        let office = world.app.store.take_office().await.expect("in office");
        world.app.store.apply(&batch(), office).await.expect("applied");
        world
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 100_000_000).await.expect("a body").to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(post(path, &body)).await
    }

    /// Does an act to incident `n`, as ann; it must be done.
    pub async fn act(&self, n: u32, act: Value) -> Value {
        let body = serde_json::json!({"act": act, "by": "ann"});
        let answer = self.post(&format!("/api/v1/incidents/{}/acts", id(n)), body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{act}: {}", answer.text());
        answer.json()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(get(path)).await
    }

    /// The JSON of an answer that must be 200.
    pub async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        answer.json()
    }

    /// A field of every item over all pages of so many, with `total` checked on each.
    pub async fn pages(&self, path: &str, list: &str, field: &str, limit: usize) -> Vec<String> {
        let sign = if path.contains('?') { '&' } else { '?' };
        let (mut all, mut cursor) = (Vec::new(), String::new());
        for _ in 0..1_000 {
            let page = self.json(&format!("{path}{sign}limit={limit}&cursor={cursor}")).await;
            let items = page[list].as_array().expect("a list");
            assert!(items.len() <= limit);
            all.extend(items.iter().map(|item| item[field].as_str().expect("text").to_owned()));
            match page["next"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => return all,
            }
        }
        panic!("{path} never ends");
    }
}

pub fn get(path: &str) -> Request<Body> {
    Request::get(path).header("host", "localhost:9464").body(Body::empty()).expect("a request")
}

pub fn post(path: &str, body: &Value) -> Request<Body> {
    Request::post(path)
        .header("host", "localhost:9464")
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .expect("a request")
}

pub fn at(second: i64) -> EventTime {
    EventTime::parse("2026-03-02T09:00:00Z").expect("a time").plus_ms(second * 1_000)
}

/// `n` names the incident: 32 hex digits.
pub fn id(n: u32) -> String {
    format!("{n:032x}")
}

pub fn incident(n: u32, status: Status, severity: Severity, actor: &str) -> Incident {
    Incident {
        id: id(n),
        opened: (status != Status::Signal).then(|| at(i64::from(n))),
        // Pairs share their time, so that a page may end between equals.
        updated: at(i64::from(n / 2) * 60),
        severity,
        score: (n % 100) as u8,
        status,
        title: format!("{actor} read 100% of \"pnr\""),
        why: "read far more than before".into(),
        actors: vec![actor.into()],
        sources: vec![format!("10.0.0.{n}")],
        datasets: vec![DatasetScope {
            dataset: "pnr".into(),
            category: "travel".into(),
            tier: 3,
            records: 10,
            subjects: 4,
            subjects_error: 0.0,
        }],
        subjects: 4,
        subjects_error: 0.0,
        records: 10,
        bytes: 1_000,
        first_event: at(0),
        last_event: at(600),
        first_finding: at(300),
        scored_at: at(300),
        attack: vec!["T1213".into()],
        findings: vec![format!("f{n}")],
        timeline_length: 0,
        score_terms: vec![ScoreTerm { term: "severity".into(), points: 50.0, why: "high".into() }],
        merged_into: None,
    }
}

pub fn finding(name: &str, second: i64, detector: &'static str) -> Finding {
    Finding {
        id: name.into(),
        time: at(second),
        detector: detector.into(),
        rule: None,
        severity: Severity::High,
        score: 70,
        key: Key { kind: KeyKind::Actor, value: "off-1".into() },
        actor: Some("off-1".into()),
        source_ip: Some("10.0.0.1".into()),
        session: None,
        dataset: Some("pnr".into()),
        category: Some("travel".into()),
        tier: 3,
        window: Window { start: at(0), end: at(second) },
        observed: 40.0,
        expected: 2.0,
        unit: "records".into(),
        subjects: 40,
        records: 40,
        bytes: 4_000,
        attack: vec!["T1213".into()],
        why: "read 40 records in 5 min".into(),
        evidence: vec!["e1".into()],
        source: Source::Kafka { topic: "access".into(), partition: 0, offset: 7 },
        usual: vec![UsualHour { start: at(0), median: 3.0, p99: 11.0 }],
        source_actors: 0,
    }
}

fn entry(second: i64, kind: EntryKind, offset: u64) -> Entry {
    let source = Source::Kafka { topic: "access".into(), partition: 0, offset };
    Entry {
        time: at(second),
        kind,
        event: (kind == EntryKind::Access).then(|| format!("e-{offset}")),
        leaves: kind == EntryKind::Flow,
        action: if kind == EntryKind::Access { "read" } else { "tell" }.into(),
        outcome: "allowed".into(),
        actor: Some("off-1".into()),
        dataset: Some("pnr".into()),
        records: 1,
        subjects: 1,
        tokens: vec![SubjectToken([offset as u8; 16])],
        text: "told".into(),
        finding: (kind == EntryKind::Finding).then(|| "f-0".to_owned()),
        ..Entry::at(source)
    }
}

/// Incident 1 with 20 reads, a finding, a change of severity and 20 reads more; two of each at one
/// time. 24 more incidents and three that are listed on request only. 12 findings.
fn batch() -> StoreBatch {
    let mut batch = StoreBatch::default();
    batch.incidents.push(incident(1, Status::Open, Severity::Critical, "off-1"));
    for n in 2..26 {
        let status = if n % 2 == 0 { Status::Open } else { Status::Quiet };
        batch.incidents.push(incident(n, status, Severity::Medium, &format!("off-{n}")));
    }
    batch.incidents.push(incident(30, Status::Signal, Severity::Low, "off-30"));
    batch.incidents.push(incident(31, Status::Merged, Severity::High, "off-31"));
    for n in 0..12 {
        let detector = if n % 3 == 0 { "canary" } else { "bulk_read" };
        let owner = if n < 10 { 1 } else { 2 };
        batch.findings.push((id(owner), finding(&format!("f-{n}"), n / 3, detector)));
    }
    let story = (0..40).map(|n| {
        let second = i64::from(n) / 2 + if n < 20 { 0 } else { 100 };
        entry(second, EntryKind::Access, n as u64)
    });
    let told = [entry(50, EntryKind::Finding, 19), entry(50, EntryKind::Severity, 19)];
    // As evidence comes: not in order.
    batch.entries = story.chain(told).rev().map(|entry| (id(1), entry)).collect();
    batch
}
