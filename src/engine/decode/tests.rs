//! Which decoder a record is given to, and what is refused before any.

use super::{Decoder, Expected, Refusal, shown::shown};
use crate::engine::model::Format;

fn check(format: &str, payload: &[u8], expected: &str) {
    let format: Expected = format.parse().expect("a known format");
    let decoded = Decoder::new(format).with_record_bytes_max(400).decode(payload);
    let line = shown(&decoded);
    let told = match &decoded {
        Ok(Some(event)) => event.format.name(),
        _ => &line,
    };
    assert_eq!(told, expected, "{}", String::from_utf8_lossy(payload));
}

const NATIVE: &[u8] = br#"{"time":0,"actor":{"id":1},"kind":"access","class_uid":6005}"#;
const OCSF: &[u8] = br#"{"class_uid":6005,"activity_id":1,"time":0,"actor":{}}"#;
const CLOUDTRAIL: &[u8] = br#"{"eventTime":"2026-03-02T09:14:07Z","eventName":"ListUsers","eventSource":"iam.amazonaws.com","userIdentity":{}}"#;
const ZEEK: &[u8] =
    br#"{"ts":1,"uid":"C","id.orig_h":"10.0.0.1","id.resp_h":"10.0.0.2","conn_state":"SF"}"#;

#[test]
fn tells_the_format_by_content() {
    check("auto", NATIVE, "native");
    check("auto", OCSF, "ocsf");
    check("auto", CLOUDTRAIL, "cloudtrail");
    check("auto", ZEEK, "zeek");
    check("auto", b"1\tC\t::1\t1\t::2\t2\ttcp\t-\t-\t-\t-\tSF\t-\t-\t-\t-\t-\t-\t-\t-\t-", "zeek");
    check("auto", br#"{"a":1}"#, "unknown_format");
    check("auto", br#"{"kind":"other"}"#, "unknown_kind");
    check("auto", br#"{"eventName":"a"}"#, "unknown_format");
    check("auto", b"just text", "not_json");
    check("auto", b"[1,\t2]", "not_an_object");
    check("auto", b"#separator \\x09", "none");
    check("auto", b"\n", "none");
}

#[test]
fn a_byte_order_mark_costs_no_record() {
    for record in [NATIVE, OCSF, CLOUDTRAIL, ZEEK] {
        let marked = [b"\xef\xbb\xbf", record].concat();
        let plain = Decoder::new(Expected::Auto).decode(record).map(|e| e.map(|e| e.format));
        let seen = Decoder::new(Expected::Auto).decode(&marked).map(|e| e.map(|e| e.format));
        assert_eq!(seen, plain);
        assert!(Decoder::new(Expected::Auto).raw_value(&marked).is_some());
    }
}

#[test]
fn keeps_to_the_format_it_is_told() {
    check("native", OCSF, "missing_field kind");
    check("ocsf", NATIVE, "missing_field activity_id");
    check("cloudtrail", NATIVE, "missing_field eventName");
    check("zeek", NATIVE, "not_conn");
    check("native", b"#separator \\x09", "not_json");
    check("ocsf", b"[]", "not_an_object");
    for (format, record) in
        [("native", NATIVE), ("ocsf", OCSF), ("cloudtrail", CLOUDTRAIL), ("zeek", ZEEK)]
    {
        check(format, record, format);
    }
}

#[test]
fn refuses_what_is_too_large_or_no_text() {
    check("auto", &[b' '; 401], "too_large");
    check("auto", &[b' '; 400], "none");
    check("auto", b"{\"kind\":\"\xff\"}", "not_utf8");
    check("zeek", b"1\t\xff", "not_utf8");
}

#[test]
fn names_the_formats_it_knows() {
    let error = "csv".parse::<Expected>().map_err(|error| error.to_string());
    assert_eq!(
        error,
        Err("unknown format `csv`: use auto, native, ocsf, cloudtrail or zeek".to_owned())
    );
}

#[test]
fn raw_value_shows_the_record_as_it_stands() {
    let decoder = Decoder::new(Expected::Auto);
    let value = decoder.raw_value(NATIVE).expect("JSON has a value");
    assert_eq!(value["actor"]["id"], 1);
    assert_eq!(decoder.raw_value(b"#path\tconn"), None);
    assert_eq!(decoder.raw_value(b"{"), None);
    assert_eq!(decoder.raw_value(b"  "), None);
}

#[test]
fn labels_are_a_closed_set_without_repeats() {
    let mut labels = Refusal::LABELS.to_vec();
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels.len(), Refusal::LABELS.len());
    assert!(labels.iter().all(|label| {
        label.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'0'..=b'9'))
    }));
}

/// Of what nests, no object may name a key twice, however many it has and however it writes them.
#[test]
fn a_key_that_stands_twice_in_a_document_is_refused() {
    let many = |count: usize, again: &str| {
        let keys: Vec<String> = (0..count).map(|i| format!("\"k{i}\":{i}")).collect();
        format!("{{{}{again}}}", keys.join(","))
    };
    let zeek = r#""ts":1.5,"uid":"C","id.orig_h":"10.0.0.1","id.resp_h":"10.0.0.2","proto":"udp","conn_state":"SF""#;
    let cases = [
        (r#""x":1"#.to_owned(), false),
        (r#""proto":"tcp""#.to_owned(), true),
        (r#""pr\u006fto":"tcp""#.to_owned(), true),
        (r#""proto":null"#.to_owned(), true),
        (r#""x":{"a":1,"b":{"a":2}}"#.to_owned(), false),
        (r#""x":{"":1,"":2}"#.to_owned(), true),
        (r#""x":[{"a":1},{"b":1,"b":1}]"#.to_owned(), true),
        (format!("\"x\":{}", many(47, "")), false),
        (format!("\"x\":{}", many(47, ",\"k0\":1")), true),
        (format!("\"x\":{}", many(500, "")), false),
        (format!("\"x\":{}", many(500, ",\"k3\":1")), true),
        (format!("\"x\":{}", many(500, ",\"k499\":1")), true),
    ];
    for (more, refused) in cases {
        let record = format!("{{{zeek},{more}}}");
        for expected in [Expected::Auto, Expected::Only(Format::Zeek)] {
            let decoded = Decoder::new(expected).decode(record.as_bytes());
            match refused {
                true => assert_eq!(decoded, Err(Refusal::DuplicateKey), "{record}"),
                false => assert!(matches!(decoded, Ok(Some(_))), "{record}: {decoded:?}"),
            }
        }
    }
    for record in [
        r#"{"class_uid":6005,"class_uid":6005,"activity_id":1,"time":1,"actor":{"user":{"uid":"a"}}}"#,
        r#"{"userIdentity":{"type":"IAMUser","arn":"a","arn":"b"},"eventTime":"2026-03-02T09:14:07Z","eventSource":"ssm.amazonaws.com","eventName":"GetParameters"}"#,
    ] {
        let decoded = Decoder::new(Expected::Auto).decode(record.as_bytes());
        assert_eq!(decoded, Err(Refusal::DuplicateKey), "{record}");
    }
}
