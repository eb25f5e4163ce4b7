//! CloudTrail records as the engine sees them.

use super::super::{Decoder, Expected, shown::shown};
use crate::engine::model::Format;

fn decoded(record: &str) -> String {
    let decoded = Decoder::new(Expected::Only(Format::CloudTrail)).decode(record.as_bytes());
    shown(&decoded)
}

/// A call by a named user: what it comes to after who, when and from where.
fn check(service: &str, name: &str, rest: &str, expected: &str) {
    let record = format!(
        r#"{{"eventTime":"2026-03-02T09:14:07Z","eventSource":"{service}.amazonaws.com","eventName":"{name}","sourceIPAddress":"192.0.2.7","userIdentity":{{"type":"IAMUser","arn":"arn:u","userName":"ann"}}{rest}}}"#
    );
    let line = decoded(&record);
    let head = format!("2026-03-02T09:14:07.000Z actor=arn:u from=192.0.2.7 system={service} ");
    assert_eq!(line.replacen(&head, "", 1), expected, "{record}");
}

/// The same record by somebody else, from elsewhere.
fn check_who(identity: &str, address: &str, expected: &str) {
    let record = format!(
        r#"{{"eventTime":"2026-03-02T09:14:07Z","eventSource":"sts.amazonaws.com","eventName":"AssumeRole","sourceIPAddress":"{address}","userIdentity":{identity}}}"#
    );
    let line = decoded(&record);
    let tail = " system=sts action=AssumeRole dataset=sts category=metadata";
    let who = line
        .strip_prefix("access 2026-03-02T09:14:07.000Z")
        .and_then(|line| line.split_once(tail).map(|(who, rest)| format!("{who}{rest}")));
    assert_eq!(who.unwrap_or(line), expected, "{record}");
}

#[test]
fn says_who_and_from_where() {
    check_who(
        r#"{"type":"IAMUser","arn":"arn:u","accountId":"12"}"#,
        "06.237.252.245",
        " actor=arn:u unit=12 from=06.237.252.245",
    );
    check_who(
        r#"{"type":"AWSService","invokedBy":"ec2.amazonaws.com"}"#,
        "ec2.amazonaws.com",
        " actor=ec2.amazonaws.com type=service from=ec2.amazonaws.com",
    );
    check_who(
        r#"{"accountId":"12","invokedBy":"ec2.amazonaws.com"}"#,
        "AWS Internal",
        " actor=ec2.amazonaws.com unit=12 type=service from=AWS Internal",
    );
    check_who(
        r#"{"type":"AssumedRole","arn":"arn:s","accessKeyId":"K","sessionContext":{"sessionIssuer":{"userName":"auditor"},"attributes":{"mfaAuthenticated":"false"}}}"#,
        "2001:db8::1",
        " actor=arn:s role=auditor session=K from=2001:db8::1 mfa=no",
    );
    check_who(
        r#"{"type":"Root","arn":"arn:root"}"#,
        "192.0.2.7",
        " actor=arn:root role=root from=192.0.2.7",
    );
    check_who(r#"{"type":"IAMUser","principalId":"P"}"#, "", " actor=P");
    check_who(r#"{"type":"Unknown"}"#, "", " actor=Unknown");
    check_who("{}", "", "");
    check_who("null", "", "missing_field userIdentity");
    check_who("[]", "", "wrong_type userIdentity");
}

#[test]
fn reads_of_secrets_name_each_secret() {
    check(
        "secretsmanager",
        "GetSecretValue",
        r#","requestParameters":{"secretId":"s1"}"#,
        "access action=read dataset=secretsmanager category=secret record=s1 subjects=s1",
    );
    check(
        "ssm",
        "GetParameters",
        r#","requestParameters":{"names":["/a","/b"],"withDecryption":true}"#,
        "access action=read dataset=ssm category=secret subjects=/a,/b records=2",
    );
    check(
        "ssm",
        "GetParameter",
        r#","requestParameters":{"name":"/a"}"#,
        "access action=read dataset=ssm category=parameter record=/a subjects=/a",
    );
    check(
        "secretsmanager",
        "BatchGetSecretValue",
        r#","requestParameters":{"filters":[]}"#,
        "access action=read dataset=secretsmanager category=secret",
    );
    check(
        "secretsmanager",
        "DescribeSecret",
        r#","requestParameters":{"secretId":"s1"}"#,
        "access action=list dataset=secretsmanager category=metadata record=s1",
    );
    check(
        "ec2",
        "GetPasswordData",
        r#","errorCode":"Client.UnauthorizedOperation","requestParameters":{"instanceId":"i1"}"#,
        "access action=read outcome=denied dataset=ec2 category=secret record=i1 subjects=i1 records=0",
    );
    check(
        "ec2",
        "DescribeInstanceAttribute",
        r#","requestParameters":{"instanceId":"i1","attribute":"userData"}"#,
        "access action=read dataset=ec2 category=userdata record=i1 subjects=i1",
    );
    check(
        "ec2",
        "DescribeInstanceAttribute",
        r#","requestParameters":{"instanceId":"i1","attribute":"kernel"}"#,
        "access action=list dataset=ec2 category=metadata record=i1",
    );
}

#[test]
fn decrypting_for_a_service_is_no_second_read() {
    check(
        "kms",
        "Decrypt",
        r#","resources":[{"ARN":"arn:k"}]"#,
        "access action=unmask dataset=kms category=secret record=arn:k",
    );
    let record = r#"{"eventTime":"2026-03-02T09:14:07Z","eventSource":"kms.amazonaws.com","eventName":"Decrypt","userIdentity":{"arn":"arn:u","invokedBy":"ssm.amazonaws.com"}}"#;
    assert_eq!(
        decoded(record),
        "access 2026-03-02T09:14:07.000Z actor=arn:u system=kms action=Decrypt dataset=kms \
         category=key"
    );
}

#[test]
fn reads_of_objects_count_bytes() {
    check(
        "s3",
        "GetObject",
        r#","requestParameters":{"bucketName":"b","key":"k/1"},"additionalEventData":{"bytesTransferredOut":512}"#,
        "access action=read dataset=s3 category=object record=b/k/1 subjects=b/k/1 bytes=512",
    );
    check(
        "s3",
        "GetObject",
        r#","additionalEventData":{"bytesTransferredOut":-1}"#,
        "access action=read dataset=s3 category=object saturated=1",
    );
    check(
        "s3",
        "GetBucketAcl",
        r#","requestParameters":{"bucketName":"b"}"#,
        "access action=list dataset=s3 category=metadata record=b",
    );
}

#[test]
fn shares_exports_and_log_changes_stand_out() {
    check(
        "ec2",
        "ModifySnapshotAttribute",
        r#","requestParameters":{"snapshotId":"snap","createVolumePermission":{"add":{"items":[{"userId":"1"}]}}}"#,
        "access action=share dataset=ec2 category=snapshot record=snap",
    );
    check(
        "ec2",
        "ModifySnapshotAttribute",
        r#","requestParameters":{"snapshotId":"snap","createVolumePermission":{"remove":{"items":[{"userId":"1"}]}}}"#,
        "access action=update dataset=ec2 category=metadata record=snap",
    );
    check(
        "rds",
        "ModifyDBSnapshotAttribute",
        r#","requestParameters":{"dBSnapshotIdentifier":"d","valuesToAdd":["1"]}"#,
        "access action=share dataset=rds category=snapshot record=d",
    );
    check("rds", "StartExportTask", "", "access action=export dataset=rds category=snapshot");
    check(
        "cloudtrail",
        "StopLogging",
        r#","requestParameters":{"name":"t"}"#,
        "access action=update dataset=cloudtrail category=log record=t",
    );
    check(
        "cloudtrail",
        "DeleteTrail",
        r#","errorCode":"TrailNotFoundException""#,
        "access action=delete outcome=error dataset=cloudtrail category=log records=0",
    );
    check(
        "cloudtrail",
        "LookupEvents",
        "",
        "access action=list dataset=cloudtrail category=metadata",
    );
    check(
        "ec2",
        "DeleteFlowLogs",
        r#","requestParameters":{"DeleteFlowLogsRequest":{"FlowLogId":{"content":"fl"}}}"#,
        "access action=delete dataset=ec2 category=log record=fl",
    );
}

#[test]
fn sign_ins_are_auth_events() {
    check(
        "signin",
        "ConsoleLogin",
        r#","responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"MFAUsed":"No"}"#,
        "auth action=login dataset=signin category=metadata mfa=no",
    );
    check(
        "signin",
        "ConsoleLogin",
        r#","responseElements":{"ConsoleLogin":"Failure"}"#,
        "auth action=login outcome=denied dataset=signin category=metadata records=0",
    );
    check(
        "iam",
        "AttachUserPolicy",
        r#","requestParameters":{"userName":"ann"}"#,
        "auth action=role_granted dataset=iam category=metadata record=ann",
    );
    check(
        "iam",
        "AttachUserPolicy",
        r#","requestParameters":{"userName":"bob"}"#,
        "access action=update dataset=iam category=metadata record=bob",
    );
    check(
        "iam",
        "DeactivateMFADevice",
        "",
        "auth action=mfa_removed dataset=iam category=metadata",
    );
}

#[test]
fn error_codes_tell_refusal_from_failure() {
    let with = |code: &str| format!(r#","errorCode":"{code}""#);
    let denied = "access action=list outcome=denied dataset=iam category=metadata records=0";
    let failed = "access action=list outcome=error dataset=iam category=metadata records=0";
    for code in [
        "AccessDenied",
        "AccessDeniedException",
        "Client.UnauthorizedOperation",
        "NotAuthorizedException",
        "403 Forbidden",
        "InvalidClientTokenId",
        "AuthFailure",
    ] {
        check("iam", "ListUsers", &with(code), denied);
    }
    for code in ["ThrottlingException", "NoSuchBucketPolicy", "Client.InvalidPermission.NotFound"] {
        check("iam", "ListUsers", &with(code), failed);
    }
}

#[test]
fn refuses_what_lacks_its_frame() {
    let refused = |record: &str, expected: &str| assert_eq!(decoded(record), expected, "{record}");
    refused(r#"{"eventName":"a","eventSource":"b"}"#, "missing_field eventTime");
    refused(r#"{"eventName":"a","eventSource":"b","eventTime":"c"}"#, "bad_time");
    refused(r#"{"eventName":"a"}"#, "missing_field eventSource");
    refused(r#"{"eventName":["a"]}"#, "wrong_type eventName");
    refused(r#"{"Records":[]}"#, "missing_field eventName");
}
