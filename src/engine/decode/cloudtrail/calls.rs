//! What an AWS API call means: which calls show data, which change who may do what, and which
//! only look at or arrange the account.

use smallvec::SmallVec;

use super::super::{Str, document::Node};
use crate::engine::model::{Action, Kind};

/// Values of secrets, parameters asked for decrypted, passwords.
pub const SECRET: &str = "secret";
/// Parameters that are not decrypted.
pub const PARAMETER: &str = "parameter";
/// Tokens and keys handed out for use elsewhere.
pub const CREDENTIAL: &str = "credential";
/// What an instance was told at its start.
pub const USER_DATA: &str = "userdata";
/// Contents of stored objects.
pub const OBJECT: &str = "object";
/// Rows of databases.
pub const ROWS: &str = "data";
/// Images and snapshots: whole disks and databases.
pub const SNAPSHOT: &str = "snapshot";
/// Keys at work on another service's behalf.
pub const KEY: &str = "key";
/// The audit trail itself.
pub const LOG: &str = "log";
/// The account's own arrangement.
pub const METADATA: &str = "metadata";

/// An API call in the engine's words.
pub struct Call<'a> {
    pub kind: Kind,
    pub action: Action<'a>,
    pub category: &'static str,
    /// What it read or changed, where there is one such thing.
    pub record: Option<Str<'a>>,
    /// What of value it showed, one by one; empty for calls on the account's arrangement.
    pub subjects: SmallVec<[Str<'a>; 1]>,
    /// How many things it returns if it succeeds, as far as the request tells; at least 1.
    pub records: u64,
}

/// Reads the call `name` of `service`.
pub fn read<'a>(service: &str, name: Str<'a>, record: &Node<'a>, identity: &Node<'a>) -> Call<'a> {
    let request = Request { node: record.get("requestParameters") };
    if let Some(call) = sign_in(service, &name, &request, identity) {
        return call;
    }
    if let Some(call) = data_read(service, &name, &request, identity) {
        return call;
    }
    let (action, category) = if shares(service, &name, &request) {
        (Action::Share, SNAPSHOT)
    } else if exports(&name) {
        (Action::Export, SNAPSHOT)
    } else if concerns_log(service, &name) {
        (by_verb(name), LOG)
    } else {
        (by_verb(name), METADATA)
    };
    let record = request.first(&OBJECT_KEYS);
    Call { kind: Kind::Access, action, category, record, subjects: SmallVec::new(), records: 1 }
}

/// Where requests name the one thing they are about, the more telling first.
const OBJECT_KEYS: [&str; 18] = [
    "secretId",
    "snapshotId",
    "imageId",
    "dBSnapshotIdentifier",
    "dBClusterSnapshotIdentifier",
    "instanceId",
    "tableName",
    "bucketName",
    "functionName",
    "trailName",
    "keyId",
    "roleArn",
    "roleName",
    "userName",
    "policyArn",
    "groupId",
    "DeleteFlowLogsRequest.FlowLogId.content",
    "name",
];

struct Request<'n, 'a> {
    node: Option<&'n Node<'a>>,
}

impl<'n, 'a> Request<'n, 'a> {
    fn text(&self, path: &str) -> Option<Str<'a>> {
        self.node?.text_at(path)
    }

    fn first(&self, paths: &[&str]) -> Option<Str<'a>> {
        self.node?.first_text(paths)
    }

    fn list(&self, path: &str) -> &'n [Node<'a>] {
        self.node.and_then(|node| node.at(path)).map_or(&[], Node::elements)
    }

    fn texts(&self, path: &str) -> SmallVec<[Str<'a>; 1]> {
        self.list(path).iter().filter_map(Node::text).collect()
    }

    fn flag(&self, path: &str) -> bool {
        self.node.and_then(|node| node.flag_at(path)) == Some(true)
    }
}

/// A read that shows `subjects`; where the request names none, it still showed something.
fn shown<'a>(
    action: Action<'a>,
    category: &'static str,
    subjects: SmallVec<[Str<'a>; 1]>,
) -> Call<'a> {
    let record = match subjects.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    };
    let records = (subjects.len() as u64).max(1);
    Call { kind: Kind::Access, action, category, record, subjects, records }
}

fn data_read<'a>(
    service: &str,
    name: &str,
    request: &Request<'_, 'a>,
    identity: &Node<'a>,
) -> Option<Call<'a>> {
    let one = |path: &str| request.text(path).into_iter().collect();
    let parameters = if request.flag("withDecryption") { SECRET } else { PARAMETER };
    let call = match (service, name) {
        ("secretsmanager", "GetSecretValue") => shown(Action::Read, SECRET, one("secretId")),
        ("secretsmanager", "BatchGetSecretValue") => {
            shown(Action::Read, SECRET, request.texts("secretIdList"))
        }
        ("ssm", "GetParameter" | "GetParameterHistory") => {
            shown(Action::Read, parameters, one("name"))
        }
        ("ssm", "GetParameters") => shown(Action::Read, parameters, request.texts("names")),
        ("ssm", "GetParametersByPath") => shown(Action::Read, parameters, one("path")),
        // A service that decrypts for the caller repeats a read already seen in its own log line.
        ("kms", "Decrypt") if identity.get("invokedBy").is_none() => {
            shown(Action::Unmask, SECRET, one("keyId"))
        }
        ("kms", "Decrypt") => shown(Action::Other("Decrypt".into()), KEY, SmallVec::new()),
        ("ec2", "GetPasswordData") => shown(Action::Read, SECRET, one("instanceId")),
        ("ec2", "DescribeInstanceAttribute")
            if request.text("attribute").as_deref() == Some("userData") =>
        {
            shown(Action::Read, USER_DATA, one("instanceId"))
        }
        ("ec2", "GetConsoleOutput" | "GetConsoleScreenshot") => {
            shown(Action::Read, USER_DATA, one("instanceId"))
        }
        ("ec2", "GetLaunchTemplateData") => shown(Action::Read, USER_DATA, one("instanceId")),
        ("s3", "GetObject" | "GetObjectTorrent" | "SelectObjectContent") => {
            shown(Action::Read, OBJECT, object_key(request).into_iter().collect())
        }
        ("dynamodb", "GetItem" | "BatchGetItem") => {
            shown(Action::Read, ROWS, SmallVec::new()).about(request.text("tableName"))
        }
        ("dynamodb", "Query" | "Scan" | "ExecuteStatement" | "BatchExecuteStatement")
        | ("rds-data" | "redshift-data", "ExecuteStatement" | "BatchExecuteStatement")
        | ("athena", "StartQueryExecution") => shown(Action::Search, ROWS, SmallVec::new())
            .about(request.first(&["tableName", "database", "queryExecutionContext.database"])),
        ("athena" | "redshift-data", "GetQueryResults" | "GetStatementResult") => {
            shown(Action::Read, ROWS, SmallVec::new())
                .about(request.first(&["queryExecutionId", "id"]))
        }
        ("rds", "DownloadDBLogFilePortion" | "DownloadCompleteDBLogFile") => {
            shown(Action::Read, LOG, SmallVec::new()).about(request.text("dBInstanceIdentifier"))
        }
        ("redshift", "GetClusterCredentials" | "GetClusterCredentialsWithIAM")
        | ("ecr" | "codeartifact", "GetAuthorizationToken")
        | ("sts", "GetSessionToken" | "GetFederationToken")
        | ("lightsail", "DownloadDefaultKeyPair" | "GetInstanceAccessDetails") => {
            shown(Action::Read, CREDENTIAL, SmallVec::new())
        }
        _ => return None,
    };
    Some(call)
}

impl<'a> Call<'a> {
    fn about(mut self, record: Option<Str<'a>>) -> Self {
        self.record = record;
        self
    }
}

/// `bucket/key`, the version too where one is asked for.
fn object_key<'a>(request: &Request<'_, 'a>) -> Option<Str<'a>> {
    let bucket = request.text("bucketName")?;
    let key = request.text("key")?;
    Some(Str::Owned(format!("{bucket}/{key}")))
}

/// Sign-ins, and changes an identity makes to its own factors and rights. Changes to others are
/// an administrator's work on the account and stay access events.
fn sign_in<'a>(
    service: &str,
    name: &str,
    request: &Request<'_, 'a>,
    identity: &Node<'a>,
) -> Option<Call<'a>> {
    let action = match (service, name) {
        ("signin", "ConsoleLogin") => Action::Login,
        ("signin", "CheckMfa") => Action::MfaChallenge,
        ("iam", "DeactivateMFADevice") => Action::MfaRemoved,
        ("iam", "AttachUserPolicy" | "PutUserPolicy" | "AddUserToGroup") => Action::RoleGranted,
        ("iam", "DetachUserPolicy" | "DeleteUserPolicy" | "RemoveUserFromGroup") => {
            Action::RoleRevoked
        }
        _ => return None,
    };
    let target = request.text("userName");
    if service == "iam" && target.is_some() && target != identity.text_at("userName") {
        return None;
    }
    Some(Call {
        kind: Kind::Auth,
        action,
        category: METADATA,
        record: target,
        subjects: SmallVec::new(),
        records: 1,
    })
}

/// Gives another account the use of an image, a snapshot or a resource.
fn shares(service: &str, name: &str, request: &Request<'_, '_>) -> bool {
    match (service, name) {
        ("ec2", "ModifyImageAttribute") => !request.list("launchPermission.add.items").is_empty(),
        ("ec2", "ModifySnapshotAttribute") => {
            !request.list("createVolumePermission.add.items").is_empty()
        }
        ("rds", "ModifyDBSnapshotAttribute" | "ModifyDBClusterSnapshotAttribute") => {
            !request.list("valuesToAdd").is_empty()
        }
        ("ram", "CreateResourceShare" | "AssociateResourceShare") => true,
        ("redshift", "AuthorizeSnapshotAccess" | "AuthorizeDataShare") => true,
        _ => false,
    }
}

/// Writes a whole disk or database out to storage.
fn exports(name: &str) -> bool {
    matches!(
        name,
        "StartExportTask"
            | "ExportTableToPointInTime"
            | "CreateInstanceExportTask"
            | "ExportImage"
            | "CreateStoreImageTask"
    )
}

/// Starts, stops, redirects or deletes what records the account.
fn concerns_log(service: &str, name: &str) -> bool {
    let reads = ["Get", "List", "Describe", "Lookup"].iter().any(|verb| name.starts_with(verb));
    match service {
        "cloudtrail" => !reads,
        "ec2" => matches!(name, "CreateFlowLogs" | "DeleteFlowLogs"),
        "logs" => {
            name.starts_with("DeleteLog")
                || matches!(name, "PutRetentionPolicy" | "DeleteSubscriptionFilter")
        }
        "route53resolver" => name.ends_with("QueryLogConfig") && !reads,
        "guardduty" => {
            matches!(name, "DeleteDetector" | "UpdateDetector" | "StopMonitoringMembers")
        }
        "config" => name.starts_with("Delete") || matches!(name, "StopConfigurationRecorder"),
        _ => false,
    }
}

/// Plain reads of the arrangement list it, plain writes update it; any other verb is kept.
fn by_verb(name: Str<'_>) -> Action<'_> {
    const LISTS: [&str; 8] =
        ["Get", "List", "Describe", "Lookup", "Head", "BatchGet", "Search", "Check"];
    const DELETES: [&str; 4] = ["Delete", "Terminate", "Deregister", "Purge"];
    const UPDATES: [&str; 24] = [
        "Put",
        "Update",
        "Modify",
        "Create",
        "Attach",
        "Detach",
        "Add",
        "Remove",
        "Set",
        "Tag",
        "Untag",
        "Enable",
        "Disable",
        "Associate",
        "Disassociate",
        "Authorize",
        "Revoke",
        "Restore",
        "Register",
        "Import",
        "StartLogging",
        "StopLogging",
        "Upload",
        "Replace",
    ];
    let begins = |verbs: &[&str]| verbs.iter().any(|verb| name.starts_with(verb));
    if begins(&LISTS) {
        Action::List
    } else if begins(&DELETES) {
        Action::Delete
    } else if begins(&UPDATES) {
        Action::Update
    } else {
        Action::Other(name)
    }
}
