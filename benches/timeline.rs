//! Timelines at size, from a store in a file: pages of a long one through the HTTP API, and a very
//! long one written in every format, with its manifest, and checked against it.
//!
//! `cargo bench --bench timeline -- [ENTRIES] [LONG]`: a page's story has ENTRIES entries, 10,000 by
//! default, and an export's LONG, a million by default. One such story folds to few lines, another
//! to none.
//!
//! With names of formats behind it, such as `stix ocsf`, only these are written, and no page is asked for.
//! With `serve` behind it measures nothing and serves the stories, and 50,000 incidents beside them,
//! until its input ends: for a browser (`dashboards/console/dev/open.mjs`).

#![allow(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use std::io::{BufWriter, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tidewaiter::adapters::http::{HttpSettings, HttpState, serve};
use tidewaiter::adapters::store::{Store, StoreBatch};
use tidewaiter::adapters::telemetry::{Telemetry, peak_rss_bytes};
use tidewaiter::engine::enrich::Pseudonyms;
use tidewaiter::engine::model::{Entry, EventTime, Incident, Severity, Source};
use tidewaiter::engine::timeline::export::{ExportFormat, Manifest, write};
use tidewaiter::engine::timeline::tell;

const ENTRIES: u64 = 10_000;
const LONG: u64 = 1_000_000;
/// Requests of each kind.
const ROUNDS: usize = 60;
const BATCH: u64 = 10_000;
/// Incidents without a story, where they are served to a browser.
const INCIDENTS: u64 = 50_000;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|word| word.parse::<u64>().ok());
    let entries = numbers.next().unwrap_or(ENTRIES);
    let long = numbers.next().unwrap_or(LONG);
    let serves = std::env::args().any(|word| word == "serve");
    let named: Vec<ExportFormat> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let long = if serves { 0 } else { long };
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (store, address) = runtime.block_on(async {
        let store = Store::open(&folder.path().join("store.db")).await.expect("a store");
        let started = Instant::now();
        fill(&store, "page", entries, 5_000).await;
        fill(&store, "apart", entries, 1).await;
        fill(&store, "long", long, 5_000).await;
        if serves {
            others(&store).await;
        }
        let stored = 2 * entries + long;
        println!("{stored} entries stored in {:.1} s", started.elapsed().as_secs_f64());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = HttpState {
            store: Some(store.clone()),
            telemetry: Telemetry::new(&[], []),
            settings: Arc::new(HttpSettings::default()),
        };
        tokio::spawn(serve(listener, state, std::future::pending()));
        (store, address)
    });
    if serves {
        println!("http://{address}/");
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).expect("input");
        return;
    }
    let path =
        |id: &str, query: &str| format!("http://{address}/api/v1/incidents/{id}/timeline{query}");

    if named.is_empty() {
        pages(&path, entries);
    }

    println!(
        "\na story of {long} entries in each format: streamed by the API; written here with its manifest; checked"
    );
    let formats = if named.is_empty() { ExportFormat::ALL.to_vec() } else { named };
    for format in formats {
        let query = format!("?format={}&fold=false", format.name());
        let (bytes, served) = timed(|| get(&path("long", &query)));
        let file = folder.path().join(format!("long.{}", format.extension()));
        let (manifest, wrote) = timed(|| runtime.block_on(export(&store, format, &file)));
        let mut opened = std::fs::File::open(&file).expect("the file");
        let (differences, checked) = timed(|| manifest.differences(&mut opened).expect("it reads"));
        assert_eq!(differences, [""; 0], "{format:?}");
        assert_eq!(manifest.entries, long, "{format:?} is cut");
        println!(
            "{:10} {:7.1} MB  {:6.1} s  {:6.1} s  {:5.2} s",
            format.name(),
            bytes as f64 / 1e6,
            served.as_secs_f64(),
            wrote.as_secs_f64(),
            checked.as_secs_f64()
        );
        std::fs::remove_file(&file).expect("the file");
    }
    let peak = peak_rss_bytes().unwrap_or(0) as f64 / f64::from(1 << 20);
    println!("peak memory {peak:.0} MiB");
}

/// How long pages of the two shorter stories take.
fn pages(path: &dyn Fn(&str, &str) -> String, entries: u64) {
    println!("\na story of {entries} entries, {ROUNDS} requests each: p50, p95, most");
    let middle = start().plus_ms(entries as i64 * 500);
    let last = start().plus_ms(entries as i64 * 1_000 - 300_000);
    for (what, id, query) in [
        ("folded, as the console opens it", "page", "?limit=10000".to_owned()),
        ("the same where nothing folds", "apart", "?limit=10000".to_owned()),
        ("the first 200 of these lines", "apart", "?limit=200".to_owned()),
        ("10,000 single lines", "page", "?fold=false&limit=10000".to_owned()),
        ("the last five minutes", "page", format!("?fold=false&from={last}")),
        ("folded, from its middle on", "page", format!("?limit=1000&from={middle}")),
        ("findings alone", "page", "?kinds=finding,severity,act".to_owned()),
        ("all of it, as a file", "page", "?format=json&fold=false".to_owned()),
    ] {
        let mut took: Vec<Duration> =
            (0..ROUNDS).map(|_| timed(|| get(&path(id, &query))).1).collect();
        took.sort();
        let ms = |at: usize| took[at].as_secs_f64() * 1_000.0;
        let most = ms(ROUNDS - 1);
        println!(
            "{what:34} {:7.1} ms {:7.1} ms {most:7.1} ms",
            ms(ROUNDS / 2),
            ms(ROUNDS * 95 / 100)
        );
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    (work(), started.elapsed())
}

/// Bytes of the answer, read to its end.
fn get(url: &str) -> u64 {
    let answer = ureq::get(url).call().expect("an answer");
    let mut body = answer.into_body().into_with_config().limit(u64::MAX).reader();
    let (mut part, mut bytes) = (vec![0; 256 << 10], 0);
    loop {
        match body.read(&mut part).expect("all of it") {
            0 => return bytes,
            n => bytes += n as u64,
        }
    }
}

async fn export(store: &Store, format: ExportFormat, file: &std::path::Path) -> Manifest {
    let incident = store.incident("long").await.expect("read").expect("the incident");
    let story = store.story("long", Vec::new(), (None, None));
    let mut out = BufWriter::new(std::fs::File::create(file).expect("a file"));
    let written = tokio::task::spawn_blocking(move || {
        write(format, &incident, &mut tell(story, false), &mut out).expect("written")
    });
    written.await.expect("it ends")
}

fn start() -> EventTime {
    EventTime::from_millis(1_772_442_000_000).expect("a time")
}

fn incident(id: &str, entries: u64) -> Incident {
    let mut incident: Value =
        serde_json::from_str(include_str!("../tests/golden/incident.json")).expect("an incident");
    incident["id"] = json!(id);
    incident["timeline_length"] = json!(entries);
    serde_json::from_value(incident).expect("an incident")
}

/// Incidents of many actors, severities and times.
async fn others(store: &Store) {
    let office = store.take_office().await.expect("the office");
    let severities = [Severity::Medium, Severity::High, Severity::Critical];
    for first in (0..INCIDENTS).step_by(BATCH as usize) {
        let incidents = (first..(first + BATCH).min(INCIDENTS)).map(|n| {
            let mut other = incident(&format!("{n:032x}"), 0);
            other.title = format!("off-{} read {} records of pnr", n % 4_000, n % 977);
            other.actors = vec![format!("off-{}", n % 4_000)];
            other.severity = severities[(n % 3) as usize];
            other.score = 40 + (n % 60) as u8;
            other.updated = start().plus_ms(n as i64 * 1_000);
            other
        });
        let batch = StoreBatch { incidents: incidents.collect(), ..StoreBatch::default() };
        store.apply(&batch, office).await.expect("stored");
    }
}

/// Reads a second apart by one actor, each of somebody else, so many in a session.
async fn fill(store: &Store, id: &str, entries: u64, session: u64) {
    let office = store.take_office().await.expect("the office");
    let incident = incident(id, entries);
    let pseudonyms = Pseudonyms::new(b"a key for the bench alone, 32 bytes");
    for first in (0..entries).step_by(BATCH as usize) {
        let mut batch = StoreBatch { incidents: vec![incident.clone()], ..StoreBatch::default() };
        for n in first..(first + BATCH).min(entries) {
            let source = Source::Kafka { topic: "access".into(), partition: 0, offset: n };
            let entry = Entry {
                time: start().plus_ms(n as i64 * 1_000),
                action: "read".into(),
                outcome: "allowed".into(),
                actor: Some("off-10442".into()),
                session: Some(format!("s-{}", n / session)),
                source_ip: Some("10.20.3.17".into()),
                host: Some("ws-113".into()),
                site: Some("AMS".into()),
                system: Some("pnr-gateway".into()),
                dataset: Some(["pnr", "watchlist", "visa"][(n / 40 % 3) as usize].into()),
                category: Some("travel".into()),
                tier: 2,
                records: 1,
                bytes: 1_834,
                subjects: 1,
                tokens: vec![pseudonyms.subject(&format!("T-{n}"))],
                ..Entry::at(source)
            };
            batch.entries.push((id.to_owned(), entry));
        }
        store.apply(&batch, office).await.expect("stored");
    }
}
