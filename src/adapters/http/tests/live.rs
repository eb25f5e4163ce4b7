//! The live stream, health and figures; the server over a real socket.

use std::time::Duration;

use axum::http::StatusCode;
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tower::ServiceExt;

use super::world::{World, finding, get, id, incident};
use crate::adapters::http::state::STREAMS_MAX;
use crate::adapters::http::{HttpState, serve, stream};
use crate::adapters::store::StoreBatch;
use crate::adapters::telemetry::BatchCounts;
use crate::engine::cases::Act;
use crate::engine::model::{Severity, Status};

const PATIENCE: Duration = Duration::from_secs(20);

/// An incident with a finding, new.
fn change() -> StoreBatch {
    StoreBatch {
        incidents: vec![incident(99, Status::Open, Severity::High, "off-99")],
        findings: vec![(id(99), finding("f-99", 5, "canary"))],
        ..StoreBatch::default()
    }
}

/// Reads until `until` was seen.
async fn read_until(socket: &mut TcpStream, seen: &mut String, until: &str) {
    let reading = async {
        let mut buffer = [0; 65_536];
        while !seen.contains(until) {
            let n = socket.read(&mut buffer).await.expect("readable");
            assert!(n > 0, "ended before {until:?}: {seen}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
    };
    assert!(tokio::time::timeout(PATIENCE, reading).await.is_ok(), "no {until:?} in: {seen}");
}

async fn ask(address: std::net::SocketAddr, host: &str, path: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.expect("connected");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\naccept-encoding: gzip\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("written");
    socket
}

#[tokio::test]
async fn a_change_arrives_live_and_the_server_ends_when_told() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (end, ended) = oneshot::channel::<()>();
    let store = world.app.store.clone();
    let state = HttpState {
        store: Some(store.clone()),
        telemetry: world.app.telemetry.clone(),
        settings: world.app.settings.clone(),
    };
    let server = tokio::spawn(serve(listener, state, async {
        let _ = ended.await;
    }));

    let mut live = ask(address, "localhost", "/api/v1/stream").await;
    let mut seen = String::new();
    read_until(&mut live, &mut seen, "event: stats\ndata: {\"version\":").await;
    assert!(seen.starts_with("HTTP/1.1 200"), "{seen}");
    assert!(seen.contains("content-type: text/event-stream"), "{seen}");
    assert!(seen.contains("cache-control: no-store"), "{seen}");
    assert!(!seen.contains("content-encoding"), "a stream is not compressed: {seen}");
    let office = store.take_office().await.expect("in office");
    store.apply(&change(), office).await.expect("applied");
    read_until(&mut live, &mut seen, "\"f-99\",\"time\"").await;
    assert!(seen.contains("event: finding\ndata: {\"id\":\"f-99\""), "{seen}");
    assert!(seen.contains(&format!("event: incident\ndata: {{\"id\":\"{}\"", id(99))), "{seen}");
    assert!(!seen.contains(&id(7)), "what was there before is no change");

    let said = Act::Comment { text: "seen".into() };
    store.act(&id(99), "ann", super::world::at(0), said, None).await.expect("done");
    read_until(&mut live, &mut seen, "ann commented: seen").await;
    let (_, told) = seen.rsplit_once("event: act\ndata: ").expect("an act");
    assert!(told.contains("\"case\":{\"state\":\"new\""), "{told}");

    let mut elsewhere = ask(address, "rebound.example", "/api/v1/stats").await;
    let mut refused = String::new();
    read_until(&mut elsewhere, &mut refused, "Host header").await;
    assert!(refused.starts_with("HTTP/1.1 421"), "{refused}");
    drop(elsewhere);

    end.send(()).expect("still serving");
    let ended = tokio::time::timeout(PATIENCE, server).await.expect("ends in time");
    ended.expect("no panic").expect("no error");
    let mut rest = Vec::new();
    live.read_to_end(&mut rest).await.expect("the stream ends properly");
    assert!(TcpStream::connect(address).await.is_err(), "nothing listens any more");
}

#[tokio::test]
async fn open_incidents_are_counted_from_the_store() {
    let world = World::new().await;
    let watching = tokio::spawn(stream::watch(world.app.clone()));
    let response = world.router.clone().oneshot(get("/api/v1/stream")).await.expect("an answer");
    let mut body = response.into_body().into_data_stream();
    let mut seen = String::new();
    // Those that have gone quiet are still to do, and nobody has acknowledged any.
    let counted = "\"incidents\":{\"critical\":1,\"high\":0,\"medium\":12,\"signals\":1,\
        \"to_do\":{\"critical\":1,\"high\":0,\"medium\":24},\
        \"unacknowledged\":{\"critical\":1,\"high\":0,\"medium\":24}}";
    let reading = async {
        while !seen.contains(counted) {
            let chunk = body.next().await.expect("goes on").expect("readable");
            seen.push_str(&String::from_utf8_lossy(&chunk));
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("counted");
    world.stop.send(true).expect("someone listens");
    tokio::time::timeout(PATIENCE, watching).await.expect("ends").expect("no panic");
}

#[tokio::test]
async fn one_client_too_many_is_told_to_come_back() {
    let world = World::new().await;
    let mut clients = Vec::new();
    for _ in 0..STREAMS_MAX {
        let response = world.router.clone().oneshot(get("/api/v1/stream")).await.expect("answer");
        assert_eq!(response.status(), StatusCode::OK);
        clients.push(response);
    }
    let refused = world.get("/api/v1/stream").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.json()["error"]["code"], "unavailable");
    assert_eq!(refused.header("retry-after"), "5");
    clients.pop();
    let response = world.router.clone().oneshot(get("/api/v1/stream")).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK, "a place that was given up is free");
}

#[tokio::test]
async fn health_and_readiness_differ() {
    let world = World::new().await;
    let alive = world.get("/healthz").await;
    assert_eq!((alive.status, alive.text().as_str()), (StatusCode::OK, "ok"));
    let unready = world.get("/readyz").await;
    assert_eq!(unready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(unready.text(), r#"{"ready":false,"reasons":["starting"]}"#);
    world.app.telemetry.ready(Vec::new());
    let ready = world.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::OK);
    assert_eq!(ready.text(), r#"{"ready":true,"reasons":[]}"#);
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let world = World::new().await;
    let counts = BatchCounts { records_in: 4, scored: 4, ..BatchCounts::default() };
    world.app.telemetry.topic("access").batch(&counts);
    world.app.telemetry.topic("access").latency_ms(3, 4);
    let answer = world.get("/metrics").await;
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
    let text = answer.text();
    let (mut described, mut samples) = ("", 0);
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a type");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            described = name;
        } else if !line.starts_with("# HELP ") {
            let (series, value) = line.rsplit_once(' ').expect("a series and a value");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let name = series.split('{').next().expect("a name");
            assert!(name.starts_with(described), "{line} is not of {described}");
            assert_eq!(series.contains('{'), series.ends_with('}'), "{line}");
            samples += 1;
        }
    }
    assert!(samples > 100, "{samples} samples");
    assert!(text.contains("tidewaiter_records_in_total{topic=\"access\"} 4\n"));
}

#[tokio::test]
async fn stats_are_the_telemetrys() {
    let world = World::new().await;
    let counts = BatchCounts { records_in: 9, scored: 8, late: 1, ..BatchCounts::default() };
    world.app.telemetry.topic("access").batch(&counts);
    let stats = world.json("/api/v1/stats").await;
    assert_eq!(stats["records"]["in"], 9);
    assert_eq!(stats["topics"][0]["late"], 1);
    assert_eq!(stats["kafka"], "disconnected");
}
