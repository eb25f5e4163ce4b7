//! A correlator that stops and takes its incidents back from the store goes on as if it never had.

use tidewaiter::adapters::secrets::Secret;
use tidewaiter::adapters::store::{Store, StoreBatch};
use tidewaiter::app::load_settings;
use tidewaiter::engine::correlate::{Correlated, Correlator};
use tidewaiter::engine::decode::{Decoder, Expected};
use tidewaiter::engine::detect::Stream;
use tidewaiter::engine::model::{Entry, EventTime, Incident, Origin};
use tidewaiter::engine::shard::{Incoming, Output, Shard};

use crate::determinism::{Agency, agency};

/// What the store holds in the end.
struct Stored {
    incidents: Vec<Incident>,
    /// By incident, in the order of the story.
    stories: Vec<Vec<Entry>>,
}

/// One shard, one correlator and the store, as `run` joins them; the correlator is begun anew
/// from the store before each of the events in `stops`.
async fn run(agency: &Agency, stops: &[usize]) -> Stored {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db")).await.unwrap();
    let config = &agency.config;
    let (settings, _) = load_settings(config, &Secret::new(vec![7; 32])).unwrap();
    let mut decoder = Decoder::new(Expected::Auto);
    let topic = Stream::Partition { topic: "events".into(), partition: 0 };
    let mut shard = Shard::new(vec![topic], &config.shard());
    let mut correlator = Correlator::new(config.correlate.clone());
    let office = store.take_office().await.unwrap();
    let (mut out, mut correlated) = (Output::default(), Correlated::default());
    for (i, line) in agency.lines.iter().enumerate() {
        if stops.contains(&i) {
            correlator = restored(&store, agency).await;
        }
        let event = decoder.decode(line.as_bytes()).unwrap().unwrap();
        let raw = || serde_json::from_str(line).unwrap();
        let origin = Origin { stream: 0, position: i as u64 };
        let incoming = Incoming { event: &event, raw: &raw, origin, broker_time: None };
        shard.judge(&incoming, &settings, &mut out);
        while !out.is_empty() {
            for finding in out.findings.drain(..) {
                correlator.take_finding(finding, &mut correlated);
            }
            for evidence in out.evidence.drain(..) {
                correlator.take_evidence(evidence, &mut correlated);
            }
            for watch in std::mem::take(&mut correlated.watches) {
                shard.watch(&watch, &mut out);
            }
        }
        if i % 500 == 0 || stops.contains(&(i + 1)) || i + 1 == agency.lines.len() {
            if let Some(mark) = shard.watermark() {
                correlator.advance(mark, &mut correlated);
            }
            correlator.flush(&mut correlated);
            let batch = batch(&correlator, std::mem::take(&mut correlated));
            store.apply(&batch, office).await.unwrap();
        }
    }
    let mut stored = Stored { incidents: Vec::new(), stories: Vec::new() };
    for kept in store.restorable(EventTime::MIN, EventTime::MIN).await.unwrap() {
        stored.incidents.push(kept.incident);
    }
    stored.incidents.sort_by(|a, b| a.id.cmp(&b.id));
    for incident in &stored.incidents {
        let mut entries = store.entries(&incident.id).await.unwrap();
        tidewaiter::engine::timeline::sort(&mut entries);
        stored.stories.push(entries);
    }
    store.close().await;
    stored
}

fn batch(correlator: &Correlator, out: Correlated) -> StoreBatch {
    let changed = out.changed.iter().filter_map(|id| correlator.incident(id));
    StoreBatch {
        incidents: changed.chain(&out.let_go).cloned().collect(),
        findings: out.findings,
        entries: out.entries,
        merged: out.merged,
        ..StoreBatch::default()
    }
}

async fn restored(store: &Store, agency: &Agency) -> Correlator {
    let mut correlator = Correlator::new(agency.config.correlate.clone());
    if let Some(newest) = store.newest().await.unwrap() {
        let since = newest.minus_ms(i64::from(agency.config.correlate.keep_s) * 1_000);
        for kept in store.restorable(since, since).await.unwrap() {
            correlator.restore(kept.incident, &kept.findings, &kept.entries);
        }
    }
    correlator
}

fn check(agency: &Agency, stops: impl Fn(usize) -> Vec<usize>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let without = runtime.block_on(run(agency, &[]));
    let with = runtime.block_on(run(agency, &stops(agency.lines.len())));
    assert!(without.incidents.len() >= 10, "{}", without.incidents.len());
    for ((a, b), (mine, theirs)) in
        without.incidents.iter().zip(&with.incidents).zip(without.stories.iter().zip(&with.stories))
    {
        assert_eq!(a, b);
        assert_eq!(mine.len(), theirs.len(), "{}", a.title);
        assert!(mine == theirs, "{}: another story", a.title);
        assert_eq!(a.timeline_length as usize, mine.len(), "{}", a.title);
    }
    assert_eq!(without.incidents.len(), with.incidents.len());
}

#[test]
fn one_restart_changes_nothing() {
    check(&agency(), |events| vec![events * 3 / 4]);
}

#[test]
fn many_restarts_change_nothing() {
    check(&agency(), |events| (1..20).map(|n| n * events / 20).collect());
}

/// A record from the next century is taken back with the rest, not instead of it.
#[test]
fn a_clock_in_the_future_keeps_nothing_from_being_taken_back() {
    let mut agency = agency();
    let directory =
        std::fs::read_to_string(agency.config.data.directory.as_ref().unwrap()).unwrap();
    let canary = directory.split("[[canary]]").nth(1).unwrap().split('"').nth(1).unwrap();
    let stray = format!(
        r#"{{"kind":"access","id":"stray","time":"2100-01-01T00:00:00Z","actor":{{"id":"stray"}},"action":"read","resource":{{"dataset":"pnr","subject":"{canary}"}}}}"#
    );
    agency.lines.insert(agency.lines.len() / 2, stray);
    check(&agency, |events| vec![events * 3 / 4]);
}
