//! Logs nobody on this project wrote, where they are at hand: `../shared/data` beside the
//! checkout. Where they are not, these tests say what they left unchecked.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Decoder, Expected, Refusal};
use crate::engine::model::{Event, Kind, Outcome};

const ZEEK: [&str; 5] = [
    "zeek/rita_proxy_rolling_15h.log.gz",
    "zeek/rita_proxy_rolling_16h.log.gz",
    "zeek/slips_portscan_horizontal.json.log",
    "zeek/slips_portscan_vertical.json.log",
    "zeek/slips_test9_mixed.json.log",
];

const CLOUDTRAIL: [&str; 2] =
    ["cloudtrail/invictus_stratus.raw.ndjson.gz", "cloudtrail/grimoire_stratus.raw.ndjson.gz"];

/// The file's contents; says so and gives nothing where it is not there.
fn contents(name: &str, unchecked: &str) -> Option<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = ["../shared/data", "../../shared/data"];
    let found: Option<PathBuf> =
        places.iter().map(|place| root.join(place).join(name)).find(|path| path.is_file());
    let Some(path) = found else {
        eprintln!("NOT CHECKED, ../shared/data/{name} is not here: {unchecked}");
        return None;
    };
    let bytes = std::fs::read(&path).expect("a file that is there can be read");
    if path.extension().is_none_or(|extension| extension != "gz") {
        return Some(bytes);
    }
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes.as_slice())
        .read_to_end(&mut text)
        .expect("a gzip file unpacks");
    Some(text)
}

/// Decodes every line; `visit` gets each event. Lines and events are counted.
fn decode_all(bytes: &[u8], expected: Expected, mut visit: impl FnMut(&Event<'_>)) -> usize {
    let mut decoder = Decoder::new(expected);
    let mut events = 0;
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        match decoder.decode(line) {
            Ok(Some(event)) => {
                events += 1;
                visit(&event);
                assert!(decoder.raw_value(line).is_some_and(|value| value.is_object()));
            }
            Ok(None) => {}
            Err(refusal) => panic!("line {} refused: {refusal}", index + 1),
        }
    }
    events
}

#[test]
fn refuses_no_zeek_line() {
    let expected = [(7_550, 2), (41, 1), (50, 1), (576, 1)];
    let mut counted = Vec::new();
    for name in ZEEK {
        let Some(bytes) = contents(name, "that no Zeek line is refused") else { return };
        let auto =
            decode_all(&bytes, Expected::Auto, |event| assert_eq!(event.kind, Kind::Network));
        let told = Expected::Only(crate::engine::model::Format::Zeek);
        assert_eq!(auto, decode_all(&bytes, told, |_| {}));
        counted.push(auto);
    }
    assert_eq!(counted[0] + counted[1], expected[0].0);
    assert_eq!(counted[2..], [expected[1].0, expected[2].0, expected[3].0]);
}

#[test]
fn gives_the_published_flow_sums() {
    let (mut flows, mut ip_bytes, mut duration_ms) = (0, 0, 0);
    for name in &ZEEK[..2] {
        let Some(bytes) = contents(name, "the flow and byte sums of zeek/labels.json") else {
            return;
        };
        decode_all(&bytes, Expected::Auto, |event| {
            let flow = event.flow.as_ref().expect("a network event has a flow");
            if event.source_ip() == Some("10.0.0.238")
                && flow.destination.ip.as_deref() == Some("75.75.75.75")
            {
                flows += 1;
                ip_bytes += flow.ip_bytes_out.unwrap_or(0) + flow.ip_bytes_in.unwrap_or(0);
                duration_ms += flow.duration_ms;
            }
        });
    }
    assert_eq!((flows, ip_bytes), (1_160, 319_107));
    // Published: 595.7216 s. Each flow is rounded to the millisecond.
    assert!(duration_ms.abs_diff(595_722) <= 2, "{duration_ms}");
}

#[test]
fn bounds_payload_nobody_saw() {
    let (mut payload, mut saturated) = (0_u64, 0);
    for name in ZEEK {
        let Some(bytes) = contents(name, "that payload is bounded by IP bytes") else { return };
        decode_all(&bytes, Expected::Auto, |event| {
            let flow = event.flow.as_ref().expect("a network event has a flow");
            assert!(flow.ip_bytes_out.is_none_or(|seen| flow.bytes_out <= seen));
            assert!(flow.ip_bytes_in.is_none_or(|seen| flow.bytes_in <= seen));
            payload += flow.bytes_out;
            saturated += event.saturated;
        });
    }
    assert_eq!(saturated, 98);
    assert!(payload > 0);
}

#[test]
fn refuses_no_cloudtrail_line() {
    for (name, expected) in CLOUDTRAIL.into_iter().zip([2_900, 250]) {
        let Some(bytes) = contents(name, "that no CloudTrail line is refused") else { return };
        let events = decode_all(&bytes, Expected::Auto, |event| {
            assert_eq!(event.format, crate::engine::model::Format::CloudTrail);
            assert!(event.id.is_some() && event.actor.id.is_some());
        });
        assert_eq!(events, expected, "{name}");
    }
}

/// What a labelled episode looks like once normalised.
#[derive(Debug, Default, PartialEq)]
struct Episode {
    events: usize,
    denied: usize,
    records: u64,
    secret_reads: usize,
    secret_subjects: usize,
    denied_secrets: usize,
    shares: usize,
    log_changes: usize,
}

/// Counts the events of `actor` (by how the ARN ends) from `start` to `end`, both included.
fn episode(bytes: &[u8], actor: &str, start: &str, end: &str) -> Episode {
    let mut seen = Episode::default();
    let mut subjects = std::collections::BTreeSet::new();
    decode_all(bytes, Expected::Auto, |event| {
        let time = event.time.to_string();
        let time = &time[..19];
        if !(start..=end).contains(&time) || !event.actor_id().is_some_and(|id| id.contains(actor))
        {
            return;
        }
        let category = event.resource.category.as_deref();
        let secret = matches!(category, Some("secret" | "userdata"));
        seen.events += 1;
        seen.denied += usize::from(event.outcome == Outcome::Denied);
        seen.records += event.records;
        seen.denied_secrets += usize::from(secret && event.outcome == Outcome::Denied);
        seen.shares += usize::from(event.action.name() == "share");
        seen.log_changes += usize::from(category == Some("log"));
        if secret && event.outcome == Outcome::Allowed {
            seen.secret_reads += 1;
            subjects.extend(event.resource.subjects.iter().map(ToString::to_string));
        }
    });
    seen.secret_subjects = subjects.len();
    seen
}

#[test]
fn labelled_episodes_stand_out() {
    let Some(bytes) = contents(CLOUDTRAIL[1], "what the labelled episodes look like") else {
        return;
    };
    let parameters = episode(&bytes, "christophe", "2024-08-01T15:26:55", "2024-08-01T15:26:58");
    let expected = Episode {
        events: 10,
        records: 47,
        secret_reads: 5,
        secret_subjects: 42,
        ..Episode::default()
    };
    assert_eq!(parameters, expected);
    let passwords = episode(&bytes, "", "2024-07-30T21:31:10", "2024-07-30T21:31:21");
    let expected =
        Episode { events: 34, denied: 32, denied_secrets: 30, records: 2, ..Episode::default() };
    assert_eq!(passwords, expected);
    let secrets = episode(&bytes, "christophe", "2024-07-31T12:36:48", "2024-07-31T12:36:52");
    let expected = Episode {
        events: 21,
        records: 21,
        secret_reads: 20,
        secret_subjects: 20,
        ..Episode::default()
    };
    assert_eq!(secrets, expected);
    let shares = episode(&bytes, "christophe", "2024-08-01T12:25:57", "2024-08-01T12:38:06");
    assert_eq!((shares.shares, shares.events), (3, 3));
    let trail = episode(&bytes, "christophe", "2024-07-31T12:46:41", "2024-07-31T15:07:49");
    assert_eq!(trail.log_changes, trail.events);
}

#[test]
fn a_refused_line_names_no_value() {
    let record = br#"{"kind":"access","time":"secret-value","actor":{"id":"a"}}"#;
    let refusal = Decoder::new(Expected::Auto).decode(record);
    assert_eq!(refusal, Err(Refusal::BadTime));
    assert!(!Refusal::BadTime.to_string().contains("secret"));
}
