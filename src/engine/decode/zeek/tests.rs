//! `conn.log` in both of its forms.

use super::super::{Decoder, Expected, shown::shown};
use crate::engine::model::Format;

/// Decodes the lines as one stream; what the last one gives is compared.
fn check(lines: &[&str], expected: &str) {
    let mut decoder = Decoder::new(Expected::Only(Format::Zeek));
    let mut last = String::new();
    for line in lines {
        last = shown(&decoder.decode(line.as_bytes()));
    }
    assert_eq!(last, expected, "{lines:?}");
}

const JSON: &str = r#"{"ts":22.335172,"uid":"C6ce9","id.orig_h":"fe80::1","id.orig_p":61099,"id.resp_h":"ff02::1:3","id.resp_p":5355,"proto":"udp","service":"dns","duration":0.0962819,"orig_bytes":50,"resp_bytes":0,"conn_state":"S0","orig_pkts":2,"orig_ip_bytes":146,"resp_pkts":0,"resp_ip_bytes":0}"#;
const LINE: &str = "1714417137.321305\tCLQ\t10.0.0.11\t60570\t10.0.0.9\t80\ttcp\t-\t3.012643\t700\t9\tREJ\tT\tF\t0\tD\t4\t812\t1\t40\t(empty)";
const FIELDS: &str = "#fields\t_node_name\tts\tuid\tid.orig_h\tid.resp_h\tproto\torig_bytes\tlocal_orig\tconn_state\ttunnel_parents";
const TYPES: &str =
    "#types\tstring\ttime\tstring\taddr\taddr\tenum\tcount\tbool\tstring\tset[string]";

#[test]
fn reads_json() {
    check(
        &[JSON],
        "network 1970-01-01T00:00:22.335Z id=C6ce9 from=fe80::1/61099 action=flow \
         to=ff02::1:3/5355 protocol=udp application=dns flow=96ms out 50B/2p in 0B/0p \
         ip_out=146 ip_in=0",
    );
    check(
        &[r#"{"ts":"2026-03-02T09:14:07.5Z","id.orig_h":"a","id.resp_h":"b","_path":"conn"}"#],
        "network 2026-03-02T09:14:07.500Z from=a action=flow to=b flow=0ms out 0B/0p in 0B/0p",
    );
    check(&[r#"{"ts":1,"uid":"C","id.orig_h":"a","id.resp_h":"b","query":"x"}"#], "not_conn");
    check(&[r#"{"ts":1,"_path":"dns","id.orig_h":"a","id.resp_h":"b","history":"x"}"#], "not_conn");
    check(&[r#"{"id.orig_h":"a","id.resp_h":"b","history":"D"}"#], "missing_field ts");
    check(&[r#"{"ts":1,"id.resp_h":"b","history":"D"}"#], "missing_field id.orig_h");
    check(&[r#"{"ts":1e300,"id.orig_h":"a","id.resp_h":"b","history":"D"}"#], "bad_time");
    check(&[&JSON.replace("\"orig_bytes\":50", "\"orig_bytes\":\"50\"")], "wrong_type orig_bytes");
}

#[test]
fn bounds_payload_by_what_the_ip_layer_carried() {
    let hostile = JSON.replace("\"orig_bytes\":50", "\"orig_bytes\":4294967295");
    check(
        &[&hostile],
        "network 1970-01-01T00:00:22.335Z id=C6ce9 from=fe80::1/61099 action=flow \
         to=ff02::1:3/5355 protocol=udp application=dns flow=96ms out 146B/2p in 0B/0p \
         ip_out=146 ip_in=0 saturated=1",
    );
}

#[test]
fn reads_lines_by_the_default_columns() {
    let expected = "network 2024-04-29T18:58:57.321Z id=CLQ from=10.0.0.11/60570 action=flow \
         outcome=denied to=10.0.0.9/80 protocol=tcp flow=3013ms out 700B/4p in 9B/1p \
         ip_out=812 ip_in=40";
    check(&[LINE], expected);
    check(&[&format!("{LINE}\r")], expected);
    check(&[&format!("{LINE}\t6")], expected);
    check(&[&format!("worker-1\t{LINE}")], expected);
    check(&["1\t2\t3"], "unknown_format");
    check(&["a\tb"], "unknown_format");
    check(&["no tabs at all"], "unknown_format");
}

#[test]
fn reads_lines_by_their_header() {
    let header = ["#separator \\x09", "#unset_field\t-", "#path\tconn", FIELDS, TYPES];
    let stream = |line: &'static str| [&header[..], &[line]].concat();
    check(
        &stream("w1\t5.0\tC1\t10.0.0.1\t10.0.0.2\ttcp\t7\tT\tS0\t-"),
        "network 1970-01-01T00:00:05.000Z id=C1 from=10.0.0.1 action=flow outcome=error \
         to=10.0.0.2 protocol=tcp flow=0ms out 7B/0p in 0B/0p",
    );
    check(&stream("w1\t5.0\tC1"), "column_count");
    check(&stream("w1\tx\tC1\t10.0.0.1\t10.0.0.2\ttcp\t7\tT\tS0\t-"), "bad_time");
    check(&stream("w1\t5\tC1\t10.0.0.1\t10.0.0.2\ttcp\tx\tT\tS0\t-"), "wrong_type orig_bytes");
    check(&stream("#close\t2026-03-02-09-14-07"), "none");
}

#[test]
fn a_new_header_replaces_the_old() {
    let next = "#fields,ts,id.orig_h,id.resp_h,conn_state";
    check(
        &[
            "#separator \\x09",
            FIELDS,
            TYPES,
            "#separator \\x2c",
            "#unset_field,~",
            next,
            "#types,time,addr,addr,string",
            "5,10.0.0.1,10.0.0.2,~",
        ],
        "network 1970-01-01T00:00:05.000Z from=10.0.0.1 action=flow to=10.0.0.2 \
         flow=0ms out 0B/0p in 0B/0p",
    );
    check(&["#path\tdns", "#fields\tts\tid.orig_h\tid.resp_h\thistory", "1\ta\tb\tD"], "not_conn");
    check(&["#fields\tts\tid.orig_h\tid.resp_h\tquery", "1\ta\tb\tD"], "not_conn");
}

/// On a topic anybody's record may come between.
#[test]
fn a_stray_header_spoils_no_flow_with_the_default_columns() {
    let flow = "network 2024-04-29T18:58:57.321Z id=CLQ from=10.0.0.11/60570 action=flow \
         outcome=denied to=10.0.0.9/80 protocol=tcp flow=3013ms out 700B/4p in 9B/1p \
         ip_out=812 ip_in=40";
    for stray in ["#path\tdns", "#fields\tts", "#fields\tts\tid.orig_h\tid.resp_h\tquery"] {
        check(&[LINE, stray, LINE], flow);
    }
    let dns = LINE.replace("REJ", "query");
    check(&["#path\tdns", &dns], "not_conn");
    check(&["#fields\tts", &dns], "column_count");
}

#[test]
fn undoes_zeek_s_escapes() {
    check(
        &[
            "#fields\tts\tuid\tid.orig_h\tid.resp_h\thistory",
            "#types\ttime\tstring\taddr\taddr\tstring",
            "5\tC\\x09\\xc3\\xa9\\xzz\ta\tb\tD",
        ],
        "network 1970-01-01T00:00:05.000Z id=C\té\\xzz from=a action=flow to=b \
         flow=0ms out 0B/0p in 0B/0p",
    );
}

#[test]
fn raw_value_types_columns() {
    let mut decoder = Decoder::new(Expected::Auto);
    for line in [FIELDS, TYPES] {
        assert_eq!(decoder.decode(line.as_bytes()), Ok(None));
    }
    let line = "w1\t5.5\tC1\t10.0.0.1\t10.0.0.2\ttcp\t7\tT\t-\tCa,Cb";
    let value = decoder.raw_value(line.as_bytes()).expect("a line has a value");
    assert_eq!(
        value.to_string(),
        r#"{"_node_name":"w1","id.orig_h":"10.0.0.1","id.resp_h":"10.0.0.2","local_orig":true,"orig_bytes":7,"proto":"tcp","ts":5.5,"tunnel_parents":["Ca","Cb"],"uid":"C1"}"#
    );
}
