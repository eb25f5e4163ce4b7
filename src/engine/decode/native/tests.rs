//! The contract's table, row by row.

use super::super::{Decoder, Expected, shown::shown};
use crate::engine::model::Format;

fn check(record: &str, expected: &str) {
    let decoded = Decoder::new(Expected::Only(Format::Native)).decode(record.as_bytes());
    assert_eq!(shown(&decoded), expected, "{record}");
}

/// An access record with `more` members after the required ones.
fn access(more: &str) -> String {
    format!(r#"{{"kind":"access","time":"2026-03-02T09:14:07Z","actor":{{"id":"off-1"}},{more}}}"#)
}

const READ: &str = "access 2026-03-02T09:14:07.000Z actor=off-1 action=read";

fn check_access(more: &str, expected: &str) {
    let expected = expected.replace("READ", READ);
    check(&access(more), &expected);
}

#[test]
fn reads_the_contract_s_examples() {
    check(
        r#"{"kind":"access","id":"01JQ7Y2E6W","time":"2026-03-02T09:14:07.123Z",
 "actor":{"id":"off-10442","role":"border_officer","unit":"AMS-T2","type":"person"},
 "session":"s-7f3a","source":{"ip":"10.20.3.17","host":"ws-113","site":"AMS"},
 "system":"pnr-gateway","action":"read","outcome":"allowed",
 "resource":{"dataset":"pnr","category":"travel","record":"PNR-8842013","subject":"T-55120"},
 "records":1,"bytes":1834,"case":"C-2026-0012","purpose":"secondary_inspection"}"#,
        "access 2026-03-02T09:14:07.123Z id=01JQ7Y2E6W actor=off-10442 role=border_officer \
         unit=AMS-T2 session=s-7f3a from=10.20.3.17/ws-113/AMS system=pnr-gateway action=read \
         dataset=pnr category=travel record=PNR-8842013 subjects=T-55120 bytes=1834 \
         case=C-2026-0012 purpose=secondary_inspection",
    );
    check(
        r#"{"kind":"network","id":"01JQ7Y2E6X","time":"2026-03-02T09:20:00Z","duration_ms":5230,
 "source":{"ip":"10.20.3.17","host":"ws-113","port":51544},
 "destination":{"ip":"203.0.113.9","port":443,"host":"files.example.net"},
 "protocol":"tcp","application":"tls","bytes_out":73400320,"bytes_in":91022,
 "packets_out":52000,"packets_in":1900,"verdict":"blocked","actor":{"id":"off-10442"}}"#,
        "network 2026-03-02T09:20:00.000Z id=01JQ7Y2E6X actor=off-10442 \
         from=10.20.3.17/ws-113/51544 action=flow outcome=denied \
         to=203.0.113.9/files.example.net/443 protocol=tcp application=tls \
         flow=5230ms out 73400320B/52000p in 91022B/1900p",
    );
    check(
        r#"{"kind":"auth","id":"01JQ7Y2E6Y","time":"2026-03-02T08:55:00Z","actor":{"id":"off-10442"},
 "source":{"ip":"10.20.3.17","site":"AMS"},"system":"sso","action":"login","outcome":"allowed","mfa":true}"#,
        "auth 2026-03-02T08:55:00.000Z id=01JQ7Y2E6Y actor=off-10442 from=10.20.3.17/AMS \
         system=sso action=login mfa=yes",
    );
}

#[test]
fn time_is_required_and_an_instant() {
    let at = |time: &str| format!(r#"{{"kind":"access","actor":{{"id":1}},"time":{time}}}"#);
    check(&at("1772442847123"), "access 2026-03-02T09:14:07.123Z actor=1 action=read");
    check(&at("0"), "access 1970-01-01T00:00:00.000Z actor=1 action=read");
    check(&at("-1"), "access 1969-12-31T23:59:59.999Z actor=1 action=read");
    check(
        &at("\"2100-06-01T00:00:00+14:00\""),
        "access 2100-05-31T10:00:00.000Z actor=1 action=read",
    );
    check(&at("\"2026-03-02T09:14:07\""), "bad_time");
    check(&at("\"soon\""), "bad_time");
    check(&at("1772442847.5"), "bad_time");
    check(&at("9223372036854775807"), "bad_time");
    check(&at("1e12"), "bad_time");
    check(&at("null"), "missing_field time");
    check(&at("[]"), "wrong_type time");
    check(r#"{"kind":"access","actor":{"id":1}}"#, "missing_field time");
}

#[test]
fn an_access_says_who_if_only_by_null() {
    let by = |actor: &str| format!(r#"{{"kind":"access","time":0{actor}}}"#);
    check(&by(r#","actor":{"id":null}"#), "access 1970-01-01T00:00:00.000Z action=read");
    check(&by(r#","actor":{"id":""}"#), "access 1970-01-01T00:00:00.000Z action=read");
    check(
        &by(r#","actor":{"id":10442,"type":"service"}"#),
        "access 1970-01-01T00:00:00.000Z actor=10442 type=service action=read",
    );
    check(&by(r#","actor":{"role":"r"}"#), "missing_field actor.id");
    check(&by(r#","actor":null"#), "missing_field actor.id");
    check(&by(""), "missing_field actor.id");
    check(&by(r#","actor":"off-1""#), "wrong_type actor");
    check(&by(r#","actor":{"id":1.5}"#), "wrong_type actor.id");
    check(
        r#"{"kind":"network","time":0}"#,
        "network 1970-01-01T00:00:00.000Z action=flow flow=0ms out 0B/0p in 0B/0p",
    );
}

#[test]
fn kind_is_required() {
    check(r#"{"time":0,"actor":{"id":1}}"#, "missing_field kind");
    check(r#"{"kind":null}"#, "missing_field kind");
    check(r#"{"kind":"read"}"#, "unknown_kind");
    check(r#"{"kind":"Access"}"#, "unknown_kind");
    check(r#"{"kind":1}"#, "wrong_type kind");
}

#[test]
fn words_outside_the_contract_are_kept_or_mapped() {
    check_access(r#""action":"stamp""#, &READ.replace("read", "stamp"));
    check_access(r#""outcome":"Success""#, "READ");
    check_access(r#""outcome":"REJECTED""#, "READ outcome=denied");
    check_access(r#""outcome":"timeout""#, "READ outcome=error");
    check_access(r#""outcome":false"#, "wrong_type outcome");
    check_access(r#""mfa":"yes""#, "wrong_type mfa");
    check(r#"{"kind":"auth","time":0,"actor":{"id":1}}"#, "missing_field action");
}

#[test]
fn counts_are_brought_into_range_and_counted() {
    check_access(r#""records":12.9,"bytes":1.5e3"#, "READ records=12 bytes=1500");
    check_access(r#""records":-4,"bytes":-0.5"#, "READ records=0 saturated=2");
    check_access(r#""bytes":1e300"#, "READ bytes=9007199254740992 saturated=1");
    check_access(r#""records":null"#, "READ");
    check_access(r#""records":"12""#, "wrong_type records");
    check_access(r#""bytes":{}"#, "wrong_type bytes");
    check_access(r#""bytes":1e999"#, "not_json");
    check_access(
        r#""source":{"ip":"::1","port":70000}"#,
        "access 2026-03-02T09:14:07.000Z actor=off-1 from=::1 action=read saturated=1",
    );
    check_access(r#""source":{"port":"443"}"#, "wrong_type source.port");
    check_access(r#""source":"10.0.0.1""#, "wrong_type source");
}

#[test]
fn subjects_come_one_or_many() {
    check_access(
        r#""resource":{"subject":55120,"subjects":["a",7,null,""]}"#,
        "READ subjects=55120,a,7",
    );
    check_access(r#""resource":{"subjects":[]}"#, "READ");
    check_access(r#""resource":{"subjects":[["a"]]}"#, "wrong_type resource.subjects");
    check_access(r#""resource":{"subject":true}"#, "wrong_type resource.subject");
    check_access(r#""resource":[]"#, "wrong_type resource");
    let many = vec!["\"s\""; 1_200].join(",");
    let kept = vec!["s"; 1_000].join(",");
    check_access(
        &format!(r#""resource":{{"subjects":[{many}]}}"#),
        &format!("READ subjects={kept} subjects_total=1200"),
    );
}

#[test]
fn unescapes_keys_and_values_and_skips_the_rest() {
    check_access(
        r#""c\u0061se":"C-\u00e9\"","extra":{"deep":[1,{"a":"\n"}]},"system":"a\/b""#,
        "access 2026-03-02T09:14:07.000Z actor=off-1 system=a/b action=read case=C-é\"",
    );
    check_access(r#""extra":"\ud800""#, "not_json");
    check_access(r#""extra":[1,]"#, "not_json");
    check_access(r#""extra":"#, "not_json");
}

#[test]
fn a_field_that_stands_there_twice_is_refused() {
    check_access(r#""case":"first","case":"second""#, "duplicate_key");
    check_access(r#""case":"first","c\u0061se":"first""#, "duplicate_key");
    check_access(r#""case":null,"case":"second""#, "duplicate_key");
    check_access(r#""records":"12","records":3"#, "duplicate_key");
    check_access(r#""actor":{"id":"off-2"}"#, "duplicate_key");
    check_access(r#""source":null,"source":{"ip":"10.0.0.1"}"#, "duplicate_key");
    check_access(r#""source":{"ip":"10.0.0.1","ip":null}"#, "duplicate_key");
    let resource = |members: &str| format!(r#""resource":{{{members}}}"#);
    check_access(&resource(r#""subject":"T-777000","subject":"T-1""#), "duplicate_key");
    check_access(&resource(r#""subjects":[],"subjects":["T-1"]"#), "duplicate_key");
    check_access(r#""case":"first","case":"#, "not_json");
}

#[test]
fn free_text_is_read_where_it_is_text() {
    check_access(
        r#""query":"name = \"x\"","note":"by hand","user_agent":"curl""#,
        "READ query=name = \"x\" note=by hand user_agent=curl",
    );
    check_access(r#""query":{"all":[]},"note":7,"user_agent":null"#, "READ");
    check_access(r#""query":"a","query":"b""#, "duplicate_key");
}

#[test]
fn what_is_not_read_may_repeat() {
    check_access(r#""extra":1,"extra":2,"resource":{"more":{"subject":1},"more":3}"#, "READ");
}

#[test]
fn what_is_no_record_is_refused() {
    check("", "none");
    check(" \r\n", "none");
    check("[]", "not_an_object");
    check("null", "not_an_object");
    check("3 4", "not_json");
    check("{\"kind\":\"access\"", "not_json");
    let deep = |levels: usize| format!("\"x\":{}{}", "[".repeat(levels), "]".repeat(levels));
    check_access(&deep(63), "READ");
    check_access(&deep(64), "too_deep");
    check_access(&deep(100_000), "too_deep");
}
