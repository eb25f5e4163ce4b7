//! Silences from the API to the sinks: one process serves, another notifies, one store between
//! them, in both databases.

use std::sync::Arc;

use serde_json::{Value, json};
use tidewaiter::adapters::http::{HttpSettings, HttpState, serve};
use tidewaiter::adapters::store::{NoticeState, Store};
use tidewaiter::adapters::telemetry::{Telemetry, now};
use tidewaiter::engine::correlate::NoticeKind;
use tidewaiter::engine::model::{Severity, Status};

use crate::postgres::Database;
use crate::store::in_a_file;
use crate::store_notices::World;

const MINUTE: i64 = 60_000;

/// The API of another process on the same store.
struct Desk {
    url: String,
}

impl Desk {
    async fn open(store: Store) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = HttpState {
            store: Some(store),
            telemetry: Telemetry::new(&[], []),
            settings: Arc::new(HttpSettings::default()),
        };
        tokio::spawn(serve(listener, state, std::future::pending()));
        Self { url }
    }

    async fn get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.url);
        let asked = tokio::task::spawn_blocking(move || {
            let text = ureq::get(url).call().unwrap().body_mut().read_to_string().unwrap();
            serde_json::from_str(&text).unwrap()
        });
        asked.await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let url = format!("{}{path}", self.url);
        let asked = tokio::task::spawn_blocking(move || {
            let sent = ureq::post(url).content_type("application/json").send(body.to_string());
            let text = sent.unwrap().body_mut().read_to_string().unwrap();
            serde_json::from_str(&text).unwrap()
        });
        asked.await.unwrap()
    }

    async fn silences(&self, matching: Value, until_ms: i64, incident: Option<&str>) -> String {
        let until = now().plus_ms(until_ms).to_string();
        let silence = json!({"reason": "a drill", "until": until, "match": matching});
        let body = json!({"silence": silence, "by": "ann", "incident": incident});
        let kept = self.post("/api/v1/silences", body).await;
        assert_eq!(kept["state"], "active", "{kept}");
        kept["id"].as_str().unwrap().to_owned()
    }

    /// What the incident's timeline says of what people did and were told.
    async fn told(&self, incident: &str) -> Vec<String> {
        let story = self.get(&format!("/api/v1/incidents/{incident}/timeline?kinds=act")).await;
        let lines = story["lines"].as_array().unwrap().iter();
        let mut told: Vec<String> =
            lines.map(|line| line["text"].as_str().unwrap_or_default().to_owned()).collect();
        // The looks of whoever notifies are made up, and lie ahead of the clock.
        told.sort();
        told
    }

    async fn notices(&self, id: &str) -> u64 {
        let list = self.get("/api/v1/silences").await;
        let mut all = list["silences"].as_array().unwrap().iter();
        all.find(|silence| silence["id"] == id).unwrap()["notices"].as_u64().unwrap()
    }
}

#[tokio::test]
async fn what_the_api_silences_another_process_keeps_back_until_it_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    keeps_back(in_a_file(&folder).await, in_a_file(&folder).await).await;
    let database = Database::new();
    keeps_back(database.open().await, database.open().await).await;
}

async fn keeps_back(store: Store, other: Store) {
    let (world, desk) = (World::new(store, "").await, Desk::open(other).await);
    let start = now().millis();
    world.opens("held", Severity::High, start, start).await;
    world.opens("loud", Severity::High, start, start).await;
    let matching = json!({"incident": ["held"], "severity": ["medium", "high"]});
    let id = desk.silences(matching, 60 * MINUTE, Some("held")).await;
    let counts = world.look(start + MINUTE).await;
    assert_eq!((counts.silenced, counts.delivered), (1, 1));
    assert_eq!(world.heard(), ["opened loud"]);
    assert_eq!(desk.notices(&id).await, 1);
    let told = desk.told("held").await;
    assert!(told[0].starts_with("ann silenced incident held, severity medium or high until"));
    let held = format!("tidewaiter did not tell desk, held back by silence {}: ", &id[..8]);
    assert!(told[1].starts_with(&held) && told[1].ends_with(": a drill"), "{told:?}");
    assert_eq!(desk.told("loud").await, ["tidewaiter told desk: incident opened, severity high"]);
    // Nobody's view of the case is out of date because a sink was told.
    assert_eq!(desk.get("/api/v1/incidents/loud/acts").await["case"]["revision"], 0);

    // One that grows worse is told.
    let (critical, raised) = (Severity::Critical, NoticeKind::SeverityRaised);
    world.settles("held", critical, Status::Open, raised, start + 1, start + 2 * MINUTE).await;
    world.look(start + 2 * MINUTE).await;
    assert_eq!(world.heard(), ["severity_raised held"]);

    // Ended: what it kept back is told at the next look, since the incident goes on.
    let path = format!("/api/v1/silences/{id}/end");
    desk.post(&path, json!({"by": "ben", "reason": "the drill is over"})).await;
    world.look(start + 3 * MINUTE).await;
    assert_eq!(world.heard(), ["opened held"]);
    assert_eq!(desk.notices(&id).await, 0);
    let told = desk.told("held").await;
    let kinds: Vec<&str> =
        told.iter().map(|text| text.split(' ').take(2).last().unwrap()).collect();
    assert_eq!(kinds, ["silenced", "ended", "did", "told", "told"], "{told:?}");

    // Taken back: it holds again.
    desk.post(&format!("/api/v1/silences/{id}/resume"), json!({"by": "ben"})).await;
    let high = Severity::High;
    world.settles("held", high, Status::Open, raised, start + 9, start + 4 * MINUTE).await;
    assert_eq!(world.look(start + 4 * MINUTE).await.silenced, 1);
    assert!(world.heard().is_empty());
}

#[tokio::test]
async fn at_its_own_end_what_goes_on_is_told_and_what_is_over_is_not() {
    let folder = tempfile::tempdir().unwrap();
    ends(in_a_file(&folder).await, in_a_file(&folder).await).await;
    let database = Database::new();
    ends(database.open().await, database.open().await).await;
}

async fn ends(store: Store, other: Store) {
    let (world, desk) = (World::new(store, "").await, Desk::open(other).await);
    let (start, medium) = (now().millis(), Severity::Medium);
    let canary = json!({"detector": ["canary"], "severity": ["medium"]});
    let id = desk.silences(canary, 60 * MINUTE, None).await;
    for incident in ["goes-on", "over"] {
        world.opens(incident, medium, start, start).await;
    }
    for later in [1, 2] {
        world.look(start + later * MINUTE).await;
    }
    assert!(world.heard().is_empty());
    assert_eq!(desk.told("over").await.len(), 1, "it is said once");
    let quiet = NoticeKind::Quiet;
    world.settles("over", medium, Status::Quiet, quiet, start, start + 30 * MINUTE).await;
    world.look(start + 61 * MINUTE).await;
    assert_eq!(world.heard(), ["opened goes-on"]);
    world.look(start + 62 * MINUTE).await;
    assert!(world.heard().is_empty(), "told twice");
    assert_eq!(world.store.notices_in(NoticeState::Silenced).await.unwrap().len(), 2);
    assert_eq!(desk.notices(&id).await, 1, "that it opened; that it is quiet followed from that");
}

#[tokio::test]
async fn one_ended_while_a_notice_is_being_held_back_holds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    meanwhile(in_a_file(&folder).await, in_a_file(&folder).await).await;
    let database = Database::new();
    meanwhile(database.open().await, database.open().await).await;
}

async fn meanwhile(store: Store, other: Store) {
    use tidewaiter::adapters::store::HeldBack;
    let (world, desk) = (World::new(store, "").await, Desk::open(other).await);
    let start = now().millis();
    world.opens("one", Severity::High, start, start).await;
    let id = desk.silences(json!({"incident": ["one"]}), 60 * MINUTE, None).await;
    let notice = world.store.notices_due("desk", start, 1).await.unwrap().remove(0);
    desk.post(&format!("/api/v1/silences/{id}/end"), json!({"by": "ben"})).await;
    // Whoever notifies had read the silence before it was ended.
    let held =
        HeldBack { silence: Some(&id), until_ms: start + 60 * MINUTE, reason: "silenced by ann" };
    let later = now().millis() + 1;
    world.store.hold_notice_back(&notice, held, later, world.office).await.unwrap();
    world.look(later).await;
    assert_eq!(world.heard(), ["opened one"]);
    let told = desk.told("one").await;
    assert_eq!(told, ["tidewaiter told desk: incident opened, severity high"]);
}
