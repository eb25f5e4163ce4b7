//! What sinks are sent, against receivers in this process.

mod clocks;
mod crowd;
mod email;
mod messages;
mod queue;
mod routes;
mod settings;
mod smtp;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;

use super::{Attempt, Facts, NotifyConfig};
use crate::engine::model::{EventTime, Problems, Severity};

const NOW: i64 = 1_700_000_000_000;
const DAY: i64 = 86_400_000;

fn facts(kind: &str) -> Facts {
    Facts {
        kind: kind.to_owned(),
        incident: "4f3c".into(),
        title: "Bulk read: passenger data (apis) by off-10442".into(),
        severity: Severity::High,
        score: 71,
        time: EventTime::from_millis(NOW - 60_000).unwrap(),
        link: Some("https://console.example/incidents/4f3c".into()),
        count: 1,
        ..Facts::default()
    }
}

fn attempt(facts: &Facts) -> Attempt {
    Attempt { key: "key-1".into(), payload: facts.json(), before: None, now_ms: NOW }
}

/// `[notify]` from what goes below it.
fn config(text: &str) -> NotifyConfig {
    toml::from_str(text).unwrap()
}

/// Everything that is wrong with it.
fn problems(text: &str) -> String {
    let mut problems = Problems::default();
    config(text).check(&mut problems);
    problems.into_result().err().map(|problems| problems.to_string()).unwrap_or_default()
}

type Requests = Arc<Mutex<Vec<(HeaderMap, serde_json::Value)>>>;

/// Takes JSON at `path`.
async fn receiver(path: &str) -> (String, Requests) {
    let seen = Requests::default();
    let kept = Arc::clone(&seen);
    let take = move |headers: HeaderMap, body: String| async move {
        kept.lock().unwrap().push((headers, serde_json::from_str(&body).unwrap()));
        StatusCode::OK
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().route(path, post(take));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (address, seen)
}
