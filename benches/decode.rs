//! What decoding costs, beside what others charge for less: nanoseconds an event, over generated
//! access events of about 450 bytes.
//!
//! `cargo bench --bench decode`. Every contender gets the bytes as they come from Kafka, so each
//! pays for checking UTF-8. The structs take only the contract's fields; they do not give them
//! their meaning (times stay text), so they do less than the decoder.

use std::borrow::Cow;
use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::Deserialize;
use tidewaiter::engine::decode::{Decoder, Expected};
use tidewaiter::engine::model::Format;

const EVENTS: usize = 4_096;

/// Access events as a gateway would log them, all different.
fn records() -> Vec<String> {
    const DATASETS: [(&str, &str); 4] = [
        ("pnr", "travel"),
        ("entry_exit", "movement"),
        ("manifests", "cargo"),
        ("visa", "identity"),
    ];
    (0..EVENTS)
        .map(|n| {
            let (dataset, category) = DATASETS[n % DATASETS.len()];
            let mut record = String::new();
            let _ = write!(
                record,
                r#"{{"kind":"access","id":"01JQ7Y{n:020}","time":"2026-03-02T{:02}:{:02}:{:02}.{:03}Z","actor":{{"id":"off-{:05}","role":"border_officer","unit":"AMS-T{}","type":"person"}},"session":"s-{:06x}","source":{{"ip":"10.20.{}.{}","host":"ws-{:03}","site":"AMS"}},"system":"{dataset}-gateway","action":"read","outcome":"allowed","resource":{{"dataset":"{dataset}","category":"{category}","record":"REC-{:07}","subject":"T-{:06}"}},"records":{},"bytes":{},"case":"C-2026-{:05}","purpose":"secondary_inspection"}}"#,
                6 + n % 12,
                n % 60,
                n * 7 % 60,
                n * 13 % 1_000,
                n * 31 % 3_000,
                n % 4,
                n * 2_654_435_761 % 0xff_ffff,
                n % 32,
                n % 250,
                n % 400,
                n * 97 % 9_999_999,
                n * 89 % 999_999,
                1 + n % 40,
                500 + n * 37 % 90_000,
                n % 99_999,
            );
            record
        })
        .collect()
}

/// The contract's access fields, text owned.
#[derive(Deserialize)]
#[allow(dead_code)]
struct Owned {
    kind: String,
    id: Option<String>,
    time: String,
    actor: OwnedActor,
    session: Option<String>,
    source: Option<OwnedEndpoint>,
    system: Option<String>,
    action: Option<String>,
    outcome: Option<String>,
    resource: Option<OwnedResource>,
    records: Option<u64>,
    bytes: Option<u64>,
    case: Option<String>,
    purpose: Option<String>,
    mfa: Option<bool>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct OwnedActor {
    id: Option<String>,
    role: Option<String>,
    unit: Option<String>,
    r#type: Option<String>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct OwnedEndpoint {
    ip: Option<String>,
    host: Option<String>,
    site: Option<String>,
    port: Option<u16>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct OwnedResource {
    dataset: Option<String>,
    category: Option<String>,
    record: Option<String>,
    subject: Option<String>,
    subjects: Option<Vec<String>>,
}

/// Text that borrows where it can, also behind an `Option`.
#[derive(Deserialize)]
#[serde(transparent)]
#[allow(dead_code)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The same, borrowed.
#[derive(Deserialize)]
#[allow(dead_code)]
struct Borrowed<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    id: Option<Text<'a>>,
    time: Text<'a>,
    actor: BorrowedActor<'a>,
    session: Option<Text<'a>>,
    source: Option<BorrowedEndpoint<'a>>,
    system: Option<Text<'a>>,
    action: Option<Text<'a>>,
    outcome: Option<Text<'a>>,
    resource: Option<BorrowedResource<'a>>,
    records: Option<u64>,
    bytes: Option<u64>,
    case: Option<Text<'a>>,
    purpose: Option<Text<'a>>,
    mfa: Option<bool>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct BorrowedActor<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    role: Option<Text<'a>>,
    unit: Option<Text<'a>>,
    r#type: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct BorrowedEndpoint<'a> {
    #[serde(borrow)]
    ip: Option<Text<'a>>,
    host: Option<Text<'a>>,
    site: Option<Text<'a>>,
    port: Option<u16>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct BorrowedResource<'a> {
    #[serde(borrow)]
    dataset: Option<Text<'a>>,
    category: Option<Text<'a>>,
    record: Option<Text<'a>>,
    subject: Option<Text<'a>>,
    subjects: Option<Vec<Text<'a>>>,
}

fn decode(criterion: &mut Criterion) {
    let records = records();
    let total: usize = records.iter().map(String::len).sum();
    println!("{EVENTS} events of {} bytes on average", total / EVENTS);
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(EVENTS as u64));
    for (name, expected) in
        [("native", Expected::Only(Format::Native)), ("native, told by content", Expected::Auto)]
    {
        group.bench_function(name, |bencher| {
            let mut decoder = Decoder::new(expected);
            bencher.iter(|| {
                for record in &records {
                    let decoded = decoder.decode(black_box(record.as_bytes()));
                    assert!(black_box(&decoded).is_ok());
                }
            });
        });
    }
    group.bench_function("serde_json, borrowed struct, after one UTF-8 check", |bencher| {
        bencher.iter(|| {
            for record in &records {
                let text = std::str::from_utf8(black_box(record.as_bytes()));
                let decoded = text.map(serde_json::from_str::<Borrowed<'_>>);
                assert!(black_box(&decoded).as_ref().is_ok_and(Result::is_ok));
            }
        });
    });
    group.bench_function("serde_json, borrowed struct", |bencher| {
        bencher.iter(|| {
            for record in &records {
                let decoded = serde_json::from_slice::<Borrowed<'_>>(black_box(record.as_bytes()));
                assert!(black_box(&decoded).is_ok());
            }
        });
    });
    group.bench_function("serde_json, owned struct", |bencher| {
        bencher.iter(|| {
            for record in &records {
                let decoded = serde_json::from_slice::<Owned>(black_box(record.as_bytes()));
                assert!(black_box(&decoded).is_ok());
            }
        });
    });
    group.bench_function("serde_json, Value", |bencher| {
        bencher.iter(|| {
            for record in &records {
                let decoded =
                    serde_json::from_slice::<serde_json::Value>(black_box(record.as_bytes()));
                assert!(black_box(&decoded).is_ok());
            }
        });
    });
    group.bench_function("sonic-rs, borrowed struct", |bencher| {
        bencher.iter(|| {
            for record in &records {
                let decoded = sonic_rs::from_slice::<Borrowed<'_>>(black_box(record.as_bytes()));
                assert!(black_box(&decoded).is_ok());
            }
        });
    });
    group.bench_function("UTF-8 check alone", |bencher| {
        bencher.iter(|| {
            for record in &records {
                assert!(std::str::from_utf8(black_box(record.as_bytes())).is_ok());
            }
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(40);
    targets = decode
}
criterion_main!(benches);
