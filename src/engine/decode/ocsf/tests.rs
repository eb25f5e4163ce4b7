//! OCSF events by class, after the field table.

use super::super::{Decoder, Expected, shown::shown};
use crate::engine::model::Format;

fn check(record: &str, expected: &str) {
    let decoded = Decoder::new(Expected::Only(Format::Ocsf)).decode(record.as_bytes());
    assert_eq!(shown(&decoded), expected, "{record}");
}

/// A minimal event of a class and activity, with `more` members.
fn check_class(class: u32, activity: u32, more: &str, expected: &str) {
    let record = format!(
        r#"{{"class_uid":{class},"activity_id":{activity},"time":0,"metadata":{{"version":"1.8.0"}},"actor":{{"user":{{"uid":"u"}}}}{more}}}"#
    );
    let decoded = Decoder::new(Expected::Only(Format::Ocsf)).decode(record.as_bytes());
    let line = shown(&decoded).replacen(" 1970-01-01T00:00:00.000Z actor=u", "", 1);
    assert_eq!(line, expected, "{record}");
}

#[test]
fn reads_a_datastore_event() {
    check(
        r#"{"class_uid":6005,"category_uid":6,"activity_id":1,"type_uid":600501,"severity_id":1,
 "time":1772442847123,"status_id":1,"is_mfa":true,
 "metadata":{"version":"1.8.0","uid":"e-1","original_event_uid":"o-1","product":{"name":"gateway"}},
 "actor":{"user":{"uid":"off-1","name":"Ann","type_id":1,"groups":[{"name":"border_officer"}],"org":{"ou_name":"AMS-T2"}},"session":{"uid":"s-1"}},
 "src_endpoint":{"ip":"10.20.3.17","hostname":"ws-113","zone":"AMS","port":51544},
 "dst_endpoint":{"svc_name":"pnr-gateway"},
 "database":{"name":"pnr","data_classifications":[{"category":"travel"}]},"table":{"name":"t"},
 "query_info":{"bytes":1834},
 "unmapped":{"records_returned":3,"subject_refs":["T-1",2,"T-3"],"case_ref":"C-1","purpose_code":"secondary"}}"#,
        "access 2026-03-02T09:14:07.123Z id=e-1 actor=off-1 role=border_officer unit=AMS-T2 \
         session=s-1 from=10.20.3.17/ws-113/AMS/51544 system=pnr-gateway action=read dataset=pnr \
         category=travel subjects=T-1,2,T-3 records=3 bytes=1834 case=C-1 purpose=secondary mfa=yes",
    );
}

#[test]
fn reads_authentication_and_network_events() {
    check(
        r#"{"class_uid":3002,"activity_id":1,"time":0,"status_id":2,"user":{"name":"ann"},"service":{"name":"sso"},"session":{"uid":"s"},"is_mfa":false,"src_endpoint":{"ip":"192.0.2.7","location":{"city":"Oslo"}}}"#,
        "auth 1970-01-01T00:00:00.000Z actor=ann session=s from=192.0.2.7/Oslo system=sso \
         action=login outcome=denied mfa=no",
    );
    check(
        r#"{"class_uid":4001,"activity_id":6,"time":0,"duration":5230,"src_endpoint":{"ip":"10.0.0.1","port":51544},"dst_endpoint":{"ip":"203.0.113.9","port":70000,"hostname":"h"},"traffic":{"bytes_out":7,"bytes_in":-1,"packets_out":2,"packets_in":1},"connection_info":{"protocol_name":"tcp"},"app_name":"tls"}"#,
        "network 1970-01-01T00:00:00.000Z from=10.0.0.1/51544 system=h action=flow \
         to=203.0.113.9/h protocol=tcp application=tls flow=5230ms out 7B/2p in 0B/1p saturated=2",
    );
    check_class(4001, 5, "", "network action=flow outcome=denied flow=0ms out 0B/0p in 0B/0p");
    check_class(4001, 4, "", "network action=flow outcome=error flow=0ms out 0B/0p in 0B/0p");
}

#[test]
fn activities_become_actions() {
    let datastore = [
        "read", "update", "connect", "search", "update", "update", "delete", "list", "encrypt",
        "unmask",
    ];
    for (activity, action) in (1..).zip(datastore) {
        check_class(6005, activity, "", &format!("access action={action}"));
    }
    let web = ["update", "read", "update", "delete", "search", "update", "export", "share"];
    for (activity, action) in (1..).zip(web) {
        check_class(6001, activity, "", &format!("access action={action}"));
    }
    for (activity, action) in (1..).zip(["update", "read", "update", "delete"]) {
        check_class(6003, activity, "", &format!("access action={action}"));
    }
    let files = [
        "update",
        "export",
        "update",
        "delete",
        "update",
        "copy",
        "update",
        "update",
        "read",
        "lock",
        "unlock",
        "share",
        "unshare",
        "read",
        "sync",
        "unsync",
        "access_check",
    ];
    for (activity, action) in (1..).zip(files) {
        check_class(6006, activity, "", &format!("access action={action}"));
    }
    check_class(3002, 2, "", "auth action=logout");
    check_class(3002, 7, "", "auth action=account_switch");
    let changes = [
        "account_created",
        "account_enabled",
        "password_changed",
        "password_reset",
        "account_disabled",
        "account_deleted",
        "role_granted",
        "role_revoked",
        "account_locked",
        "mfa_enabled",
        "mfa_removed",
        "account_unlocked",
    ];
    for (activity, action) in (1..).zip(changes) {
        check_class(3001, activity, "", &format!("auth action={action}"));
    }
    let logs = [
        "cleared",
        "deleted",
        "exported",
        "archived",
        "rotated",
        "started",
        "stopped",
        "restarted",
        "enabled",
        "disabled",
    ];
    for (activity, action) in (1..).zip(logs) {
        check_class(1008, activity, "", &format!("access action=log_{action}"));
    }
    check_class(6005, 99, r#","activity_name":"Compact""#, "access action=Compact");
    check_class(6005, 99, "", "access action=other");
}

#[test]
fn outcome_weighs_control_status_and_reason() {
    let access = |more: &str, outcome: &str| {
        check_class(6005, 1, more, &format!("access action=read{outcome}"));
    };
    access(r#","status_id":1"#, "");
    access(r#","status_id":0"#, "");
    access(r#","status_id":2"#, " outcome=error");
    access(r#","status_id":2,"status_detail":"Access denied by policy""#, " outcome=denied");
    access(r#","status_id":2,"status_code":"403""#, " outcome=denied");
    access(r#","status_id":2,"http_response":{"code":401}"#, " outcome=denied");
    access(r#","status_id":1,"action_id":2"#, " outcome=denied");
    access(r#","status_id":1,"disposition_id":26"#, " outcome=denied");
    access(r#","status":"Failure""#, " outcome=error");
}

#[test]
fn says_who_or_what_acts() {
    let by = |actor: &str, expected: &str| {
        check(
            &format!(r#"{{"class_uid":6003,"activity_id":2,"time":0{actor}}}"#),
            &expected.replace("AT", "access 1970-01-01T00:00:00.000Z"),
        );
    };
    by(r#","actor":{"user":{"uid":"svc","type_id":4}}"#, "AT actor=svc type=service action=read");
    by(r#","actor":{"user":{"name":"ann"}}"#, "AT actor=ann action=read");
    by(r#","actor":{"user":{"uid":null}}"#, "AT action=read");
    by(r#","actor":{"app_name":"etl"}"#, "AT actor=etl type=service action=read");
    by(r#","actor":{"session":{"uid":"s"}}"#, "AT session=s action=read");
    by("", "missing_field actor");
    by(
        r#","actor":{"user":{"uid":"u"}},"unmapped":{"role":"r","unit":"n"}"#,
        "AT actor=u role=r unit=n action=read",
    );
}

/// Whose account it is counts, not who changed it; a log may be stopped by nobody known.
#[test]
fn changes_to_accounts_and_logs_say_whose_and_which() {
    check_class(
        3001,
        11,
        r#","user":{"uid":"ann"}"#,
        "auth 1970-01-01T00:00:00.000Z actor=ann action=mfa_removed",
    );
    check(
        r#"{"class_uid":1008,"activity_id":7,"activity_name":"Stop","time":0,"log_name":"audit","metadata":{"product":{"name":"pnr-gateway"}}}"#,
        "access 1970-01-01T00:00:00.000Z system=pnr-gateway action=log_stopped dataset=audit",
    );
    check(r#"{"class_uid":3001,"activity_id":11,"time":0}"#, "missing_field actor");
}

#[test]
fn says_what_was_accessed() {
    check_class(
        6003,
        2,
        r#","api":{"service":{"name":"records"}},"resources":[{"uid":"a"},{"uid":"b"}]"#,
        "access system=records action=read dataset=records record=a subjects=a,b",
    );
    check_class(
        6001,
        7,
        r#","web_resources":[{"name":"report","url_string":"https://x/1"}],"http_response":{"length":9}"#,
        "access action=export dataset=report record=https://x/1 bytes=9",
    );
    check_class(
        6006,
        2,
        r#","file":{"name":"f.csv","parent_folder":"/exports"},"unmapped":{"subject_refs":"T-1"}"#,
        "access action=export dataset=/exports record=f.csv subjects=T-1",
    );
    check_class(6005, 1, r#","databucket":{"name":"b"}"#, "access action=read dataset=b");
}

#[test]
fn refuses_what_it_cannot_stand_for() {
    check(r#"{"activity_id":1,"time":0}"#, "missing_field class_uid");
    check(r#"{"class_uid":"6005"}"#, "wrong_type class_uid");
    check(r#"{"class_uid":1001,"activity_id":1,"time":0}"#, "unsupported_class");
    check(
        r#"{"class_uid":6005,"activity_id":1,"time":0,"metadata":{"version":"2.0.0"}}"#,
        "unsupported_version",
    );
    check(r#"{"class_uid":6005,"time":0,"actor":{}}"#, "missing_field activity_id");
    check(r#"{"class_uid":6005,"activity_id":1,"actor":{}}"#, "missing_field time");
    check(
        r#"{"class_uid":6005,"activity_id":1,"time_dt":"2026-03-02T09:14:07Z","actor":{}}"#,
        "access 2026-03-02T09:14:07.000Z action=read",
    );
    check(r#"{"class_uid":6005,"activity_id":1,"time":"x","actor":{}}"#, "wrong_type time");
    check(r#"{"class_uid":6005,"activity_id":1,"time":1e15,"actor":{}}"#, "wrong_type time");
    check_class(
        6005,
        1,
        r#","unmapped":{"records_returned":"3"}"#,
        "wrong_type unmapped.records_returned",
    );
    check_class(
        6005,
        1,
        r#","unmapped":{"records_returned":-3}"#,
        "access action=read records=0 saturated=1",
    );
}
