//! Records of every format, spoiled at random, thrown at every decoder: none may panic, and
//! every refusal must be one of the closed set.

use proptest::prelude::*;

use super::{Decoder, Expected, Refusal};
use crate::engine::model::{Format, SUBJECTS_MAX};

/// One sound record of each format and kind.
pub const SAMPLES: [&str; 10] = [
    r#"{"kind":"access","id":"01JQ7Y2E6W","time":"2026-03-02T09:14:07.123Z","actor":{"id":"off-10442","role":"border_officer","unit":"AMS-T2","type":"person"},"session":"s-7f3a","source":{"ip":"10.20.3.17","host":"ws-113","site":"AMS"},"system":"pnr-gateway","action":"read","outcome":"allowed","resource":{"dataset":"pnr","category":"travel","record":"PNR-8842013","subject":"T-55120"},"records":1,"bytes":1834,"case":"C-2026-0012","purpose":"secondary_inspection"}"#,
    r#"{"kind":"network","id":"n","time":1772443200000,"duration_ms":5230,"source":{"ip":"10.20.3.17","port":51544},"destination":{"ip":"203.0.113.9","port":443},"protocol":"tcp","application":"tls","bytes_out":73400320,"bytes_in":91022,"packets_out":52000,"packets_in":1900,"verdict":"allowed","actor":{"id":"off-10442"}}"#,
    r#"{"kind":"auth","time":"2026-03-02T08:55:00Z","actor":{"id":"off-10442"},"source":{"ip":"10.20.3.17","site":"AMS"},"system":"sso","action":"login","outcome":"denied","mfa":true}"#,
    r#"{"class_uid":6005,"activity_id":1,"time":1772442847123,"metadata":{"version":"1.8.0","uid":"e1"},"actor":{"user":{"uid":"off-1","groups":[{"name":"officer"}]},"session":{"uid":"s"}},"src_endpoint":{"ip":"10.0.0.1"},"database":{"name":"pnr"},"status_id":1,"unmapped":{"records_returned":3,"subject_refs":["a","b"]}}"#,
    r#"{"class_uid":4001,"activity_id":6,"time":1,"metadata":{"version":"1.8.0"},"src_endpoint":{"ip":"10.0.0.1","port":1},"dst_endpoint":{"ip":"203.0.113.9","port":443},"traffic":{"bytes_out":5,"bytes_in":6}}"#,
    r#"{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::1:user/ann"},"eventTime":"2026-03-02T09:14:07Z","eventSource":"ssm.amazonaws.com","eventName":"GetParameters","sourceIPAddress":"06.237.252.245","requestParameters":{"names":["/a","/b"],"withDecryption":true},"responseElements":null,"eventID":"c1"}"#,
    r#"{"userIdentity":{"type":"AWSService","invokedBy":"ec2.amazonaws.com"},"eventTime":"2026-03-02T09:14:07Z","eventSource":"sts.amazonaws.com","eventName":"AssumeRole","sourceIPAddress":"ec2.amazonaws.com","errorCode":"AccessDenied","resources":[{"ARN":"arn:aws:iam::1:role/r"}]}"#,
    r#"{"ts":22.335172,"uid":"C6ce9","id.orig_h":"fe80::1","id.orig_p":61099,"id.resp_h":"ff02::1:3","id.resp_p":5355,"proto":"udp","service":"dns","duration":0.096,"orig_bytes":50,"resp_bytes":0,"conn_state":"S0","missed_bytes":0,"orig_pkts":2,"orig_ip_bytes":146,"resp_pkts":0,"resp_ip_bytes":0}"#,
    "1714417137.321305\tCLQ\t10.0.0.11\t60570\t239.255.255.250\t1900\tudp\t-\t3.012643\t700\t0\tS0\tT\tF\t0\tD\t4\t812\t0\t0\t-",
    "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tconn_state",
];

/// Changes to make to a record, one after the other.
#[derive(Clone, Debug)]
pub struct Mutations(Vec<(Mutation, prop::sample::Index, prop::sample::Index)>);

#[derive(Clone, Debug)]
enum Mutation {
    Flip(u8),
    Truncate,
    Remove,
    Insert(Vec<u8>),
    /// Another record's middle in place of what stands there.
    Splice(&'static str, prop::sample::Index),
    Repeat(u16),
}

pub fn mutations() -> impl Strategy<Value = Mutations> {
    let telling = &[
        "\"",
        "\\",
        "\\u",
        "\\ud800",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "null",
        "true",
        "-",
        "0",
        "1e",
        "1e999",
        ".",
        "99999999999999999999",
        "\t",
        "\n",
        "#",
        "\u{0}",
        "é",
        "-",
        "(empty)",
        "\\x09",
        "\"time\":",
        "\"actor\":null,",
        "\"kind\":\"auth\",",
    ][..];
    let mutation = prop_oneof![
        3 => any::<u8>().prop_map(Mutation::Flip),
        1 => Just(Mutation::Truncate),
        2 => Just(Mutation::Remove),
        3 => prop::sample::select(telling)
            .prop_map(|text| Mutation::Insert(text.as_bytes().to_vec())),
        1 => prop::collection::vec(any::<u8>(), 1..6).prop_map(Mutation::Insert),
        2 => (prop::sample::select(&SAMPLES[..]), any::<prop::sample::Index>())
            .prop_map(|(sample, from)| Mutation::Splice(sample, from)),
        1 => (1..200_u16).prop_map(Mutation::Repeat),
    ];
    let place = any::<prop::sample::Index>;
    prop::collection::vec((mutation, place(), place()), 1..5).prop_map(Mutations)
}

impl Mutations {
    pub fn applied_to(&self, record: &[u8]) -> Vec<u8> {
        let mut bytes = record.to_vec();
        for (mutation, from, to) in &self.0 {
            let (a, b) = (from.index(bytes.len() + 1), to.index(bytes.len() + 1));
            let (a, b) = (a.min(b), a.max(b));
            match mutation {
                Mutation::Flip(bits) => {
                    if let Some(byte) = bytes.get_mut(a) {
                        *byte ^= bits;
                    }
                }
                Mutation::Truncate => bytes.truncate(b),
                Mutation::Remove => drop(bytes.drain(a..b.min(a + 40))),
                Mutation::Insert(text) => drop(bytes.splice(a..a, text.iter().copied())),
                Mutation::Splice(sample, start) => {
                    let tail = &sample.as_bytes()[start.index(sample.len())..];
                    drop(bytes.splice(a..b, tail.iter().copied()));
                }
                Mutation::Repeat(times) => {
                    let piece = bytes[a..b.min(a + 20)].to_vec();
                    let repeated = piece.repeat(usize::from(*times));
                    drop(bytes.splice(b..b, repeated));
                }
            }
        }
        bytes
    }
}

/// Every decoder takes `payload`, each after a Zeek header that `header` may have spoiled.
fn check(header: &[u8], payload: &[u8]) {
    let formats = [Format::Native, Format::Ocsf, Format::CloudTrail, Format::Zeek];
    let expected = formats.map(Expected::Only).into_iter().chain([Expected::Auto]);
    for expected in expected {
        let mut decoder = Decoder::new(expected);
        let noted = decoder.decode(header).map(drop);
        assert!(noted.is_ok() || noted.is_err_and(|refusal| in_closed_set(&refusal)));
        let raw = decoder.raw_value(payload);
        match decoder.decode(payload) {
            Ok(Some(event)) => {
                assert!(event.resource.subjects.len() <= SUBJECTS_MAX);
                assert!(event.resource.subjects.len() <= event.resource.subjects_total as usize);
                assert!(raw.is_some_and(|value| value.is_object()));
            }
            Ok(None) => {}
            Err(refusal) => assert!(in_closed_set(&refusal)),
        }
    }
}

fn in_closed_set(refusal: &Refusal) -> bool {
    Refusal::LABELS.contains(&refusal.label()) && !refusal.to_string().is_empty()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn survives_spoiled_records(
        sample in prop::sample::select(&SAMPLES[..]),
        mutations in mutations(),
        spoil_header in prop::option::of(super::mutation::mutations()),
    ) {
        let header = SAMPLES[9].as_bytes();
        let header = spoil_header.map_or(header.to_vec(), |spoil| spoil.applied_to(header));
        check(&header, &mutations.applied_to(sample.as_bytes()));
    }

    #[test]
    fn survives_noise(header in any::<Vec<u8>>(), payload in any::<Vec<u8>>()) {
        check(&header, &payload);
    }
}

#[test]
fn samples_are_sound() {
    for (sample, format) in SAMPLES[..9].iter().zip([0, 0, 0, 1, 1, 2, 2, 3, 3]) {
        let event = Decoder::new(Expected::Auto).decode(sample.as_bytes());
        let event = event.expect("a sample decodes").expect("a sample is an event");
        let formats = [Format::Native, Format::Ocsf, Format::CloudTrail, Format::Zeek];
        assert_eq!(event.format, formats[format], "{sample}");
    }
}
