//! OCSF 1.x: Datastore, API, Web Resources and File Hosting Activity, Authentication, Account
//! Change, Event Log and Network Activity.
//!
//! Field table: OCSF schema 1.8.0, <https://schema.ocsf.io/1.8.0/>. What the schema has no
//! attribute for (rows returned, subjects, case, purpose) is read from `unmapped`.

#[cfg(test)]
mod tests;

use super::{
    Refusal, SUBJECTS_MAX, Str,
    document::Node,
    number::Counts,
    words::{self, says_denied},
};
use crate::engine::model::{
    Action, Actor, ActorType, Blanks, Endpoint, Event, EventTime, Flow, Format, Kind, Outcome,
    Resource,
};

/// The classes that are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Datastore,
    Api,
    WebResources,
    FileHosting,
    Authentication,
    AccountChange,
    EventLog,
    Network,
}

impl Class {
    fn from_uid(uid: i64) -> Result<Self, Refusal> {
        Ok(match uid {
            6005 => Self::Datastore,
            6003 => Self::Api,
            6001 => Self::WebResources,
            6006 => Self::FileHosting,
            3002 => Self::Authentication,
            3001 => Self::AccountChange,
            1008 => Self::EventLog,
            4001 => Self::Network,
            _ => return Err(Refusal::UnsupportedClass),
        })
    }

    fn kind(self) -> Kind {
        match self {
            Self::Authentication | Self::AccountChange => Kind::Auth,
            Self::Network => Kind::Network,
            _ => Kind::Access,
        }
    }
}

/// Reads one OCSF event.
pub fn decode(text: &str) -> Result<Event<'_>, Refusal> {
    let record = Node::record(text)?;
    let uid = match record.get("class_uid") {
        None => return Err(Refusal::MissingField("class_uid")),
        Some(_) => record.integer_at("class_uid").ok_or(Refusal::WrongType("class_uid"))?,
    };
    let class = Class::from_uid(uid)?;
    if record.text_at("metadata.version").is_some_and(|version| !version.starts_with("1.")) {
        return Err(Refusal::UnsupportedVersion);
    }
    let mut counts = Counts::default();
    let activity = record.integer_at("activity_id").ok_or(Refusal::MissingField("activity_id"))?;
    let mut event = Event {
        kind: class.kind(),
        format: Format::Ocsf,
        time: time(&record)?,
        id: record.first_text(&["metadata.uid", "metadata.original_event_uid"]),
        actor: actor(&record, class)?,
        session: record.first_text(&["actor.session.uid", "session.uid"]),
        source: endpoint(&record, &SOURCE, &mut counts)?,
        system: record.first_text(&SYSTEM),
        action: action(&record, class, activity),
        outcome: outcome(&record, class, activity),
        resource: resource(&record, class),
        records: record.count_at("unmapped.records_returned", &mut counts)?.unwrap_or(1),
        bytes: bytes(&record, class, &mut counts)?,
        case: record.text_at("unmapped.case_ref"),
        purpose: record.text_at("unmapped.purpose_code"),
        query: record.text_at("query_info.query_string"),
        note: record.first_text(&["comment", "message"]),
        user_agent: record.text_at("http_request.user_agent"),
        blanks: Blanks::default(),
        mfa: record.flag_at("is_mfa").or_else(|| record.flag_at("actor.session.is_mfa")),
        flow: None,
        saturated: 0,
    };
    if class == Class::Network {
        event.flow = Some(flow(&record, &mut counts)?);
    }
    event.saturated = counts.saturated;
    Ok(event)
}

/// Where the name of the accessed system may stand, best first.
const SYSTEM: [&str; 8] = [
    "dst_endpoint.svc_name",
    "dst_endpoint.hostname",
    "dst_endpoint.name",
    "service.name",
    "api.service.name",
    "metadata.product.name",
    "metadata.log_name",
    "dst_endpoint.ip",
];

/// Integer milliseconds; the `datetime` profile's text where they are missing.
fn time(record: &Node<'_>) -> Result<EventTime, Refusal> {
    if record.get("time").is_some() {
        let millis = record.integer_at("time").ok_or(Refusal::WrongType("time"))?;
        return EventTime::from_millis(millis).map_err(|_| Refusal::BadTime);
    }
    let text = record.text_at("time_dt").ok_or(Refusal::MissingField("time"))?;
    EventTime::parse(&text).map_err(|_| Refusal::BadTime)
}

/// Who logs on in an authentication event, whose account is changed, who acts in the others. An application that acts
/// without a user is a service.
fn actor<'a>(record: &Node<'a>, class: Class) -> Result<Actor<'a>, Refusal> {
    let user = match class {
        Class::Authentication | Class::AccountChange => {
            record.get("user").or_else(|| record.at("actor.user"))
        }
        _ => record.at("actor.user"),
    };
    let holder = record.get("actor");
    let may_lack = matches!(class, Class::Network | Class::EventLog);
    if holder.is_none() && user.is_none() && !may_lack {
        return Err(Refusal::MissingField("actor"));
    }
    let groups = user.and_then(|user| user.get("groups"));
    let role = groups.and_then(|groups| groups.elements().first()?.first_text(&["name", "uid"]));
    let unit = user.and_then(|user| user.first_text(&["org.ou_name", "org.name"]));
    let id = user.and_then(|user| user.first_text(&["uid", "name", "email_addr"]));
    let kind = match user.and_then(|user| user.integer_at("type_id")) {
        Some(3 | 4) => ActorType::Service,
        _ => ActorType::Person,
    };
    let mut actor = Actor {
        id,
        role: record.text_at("unmapped.role").or(role),
        unit: record.text_at("unmapped.unit").or(unit),
        kind,
    };
    if actor.id.is_none()
        && let Some(application) =
            holder.and_then(|holder| holder.first_text(&["app_uid", "app_name", "invoked_by"]))
    {
        actor.id = Some(application);
        actor.kind = ActorType::Service;
    }
    Ok(actor)
}

/// Where one endpoint's fields stand.
struct EndpointPaths {
    ip: &'static str,
    host: [&'static str; 3],
    site: [&'static str; 3],
    port: &'static str,
}

const SOURCE: EndpointPaths = EndpointPaths {
    ip: "src_endpoint.ip",
    host: ["src_endpoint.hostname", "src_endpoint.name", "src_endpoint.uid"],
    site: ["src_endpoint.zone", "src_endpoint.location.desc", "src_endpoint.location.city"],
    port: "src_endpoint.port",
};

const DESTINATION: EndpointPaths = EndpointPaths {
    ip: "dst_endpoint.ip",
    host: ["dst_endpoint.hostname", "dst_endpoint.name", "dst_endpoint.uid"],
    site: ["dst_endpoint.zone", "dst_endpoint.location.desc", "dst_endpoint.location.city"],
    port: "dst_endpoint.port",
};

fn endpoint<'a>(
    record: &Node<'a>,
    paths: &EndpointPaths,
    counts: &mut Counts,
) -> Result<Endpoint<'a>, Refusal> {
    Ok(Endpoint {
        ip: record.text_at(paths.ip),
        host: record.first_text(&paths.host),
        site: record.first_text(&paths.site),
        port: record.port_at(paths.port, counts)?,
    })
}

/// Activities the contract has a word for; any other keeps its own name.
fn action<'a>(record: &Node<'a>, class: Class, activity: i64) -> Action<'a> {
    match (class, activity) {
        (Class::Network, _) => Action::Flow,
        (Class::Datastore, 1) => Action::Read,
        (Class::Datastore, 4) => Action::Search,
        (Class::Datastore, 2 | 5 | 6) => Action::Update,
        (Class::Datastore, 7) => Action::Delete,
        (Class::Datastore, 8) => Action::List,
        (Class::Datastore, 10) => Action::Unmask,
        (Class::Api | Class::WebResources, 1 | 3) | (Class::WebResources, 6) => Action::Update,
        (Class::Api | Class::WebResources, 2) => Action::Read,
        (Class::Api | Class::WebResources, 4) => Action::Delete,
        (Class::WebResources, 5) => Action::Search,
        (Class::WebResources, 7) => Action::Export,
        (Class::WebResources, 8) => Action::Share,
        (Class::FileHosting, 2) => Action::Export,
        (Class::FileHosting, 9 | 14) => Action::Read,
        (Class::FileHosting, 1 | 3 | 5 | 7 | 8) => Action::Update,
        (Class::FileHosting, 4) => Action::Delete,
        (Class::FileHosting, 12) => Action::Share,
        (Class::Authentication, 1) => Action::Login,
        (Class::Authentication, 2) => Action::Logout,
        (Class::AccountChange, 5) => Action::AccountDisabled,
        (Class::AccountChange, 7) => Action::RoleGranted,
        (Class::AccountChange, 8) => Action::RoleRevoked,
        (Class::AccountChange, 11) => Action::MfaRemoved,
        // Whatever the source calls it: a rule goes by these words.
        (Class::EventLog, 1..=10) => Action::Other(Str::Borrowed(caption(class, activity))),
        _ => Action::Other(
            record.text_at("activity_name").unwrap_or(Str::Borrowed(caption(class, activity))),
        ),
    }
}

/// The schema's own caption of an activity that the contract has no word for.
fn caption(class: Class, activity: i64) -> &'static str {
    match (class, activity) {
        (Class::Datastore, 3) => "connect",
        (Class::Datastore, 9) => "encrypt",
        (Class::FileHosting, 6) => "copy",
        (Class::FileHosting, 10) => "lock",
        (Class::FileHosting, 11) => "unlock",
        (Class::FileHosting, 13) => "unshare",
        (Class::FileHosting, 15) => "sync",
        (Class::FileHosting, 16) => "unsync",
        (Class::FileHosting, 17) => "access_check",
        (Class::Authentication, 3) => "authentication_ticket",
        (Class::Authentication, 4) => "service_ticket",
        (Class::Authentication, 5) => "ticket_renewal",
        (Class::Authentication, 6) => "preauthentication",
        (Class::Authentication, 7) => "account_switch",
        (Class::AccountChange, 1) => "account_created",
        (Class::AccountChange, 2) => "account_enabled",
        (Class::AccountChange, 3) => "password_changed",
        (Class::AccountChange, 4) => "password_reset",
        (Class::AccountChange, 6) => "account_deleted",
        (Class::AccountChange, 9) => "account_locked",
        (Class::AccountChange, 10) => "mfa_enabled",
        (Class::AccountChange, 12) => "account_unlocked",
        (Class::EventLog, 1) => "log_cleared",
        (Class::EventLog, 2) => "log_deleted",
        (Class::EventLog, 3) => "log_exported",
        (Class::EventLog, 4) => "log_archived",
        (Class::EventLog, 5) => "log_rotated",
        (Class::EventLog, 6) => "log_started",
        (Class::EventLog, 7) => "log_stopped",
        (Class::EventLog, 8) => "log_restarted",
        (Class::EventLog, 9) => "log_enabled",
        (Class::EventLog, 10) => "log_disabled",
        (_, 0) => "unknown",
        _ => "other",
    }
}

/// What a control decided comes before what the status says. A failed logon is a refusal; a
/// failure elsewhere is one only where its detail or code says so.
fn outcome(record: &Node<'_>, class: Class, activity: i64) -> Outcome {
    // `disposition_id` 2 Blocked, 26 Unauthorized, 27 Error; `action_id` 2 Denied.
    if record.integer_at("action_id") == Some(2) {
        return Outcome::Denied;
    }
    match record.integer_at("disposition_id") {
        Some(2 | 26) => return Outcome::Denied,
        Some(27) => return Outcome::Error,
        _ => {}
    }
    match (class, activity) {
        (Class::Network, 5) => return Outcome::Denied,
        (Class::Network, 4) => return Outcome::Error,
        _ => {}
    }
    let failed = match record.integer_at("status_id") {
        Some(1) => return Outcome::Allowed,
        Some(2) => true,
        _ => match record.text_at("status") {
            Some(word) => words::outcome(&word) == Outcome::Denied,
            None => false,
        },
    };
    if !failed {
        return Outcome::Allowed;
    }
    let reasons = ["status_detail", "status_code", "api.response.error", "api.response.message"];
    let denied = class == Class::Authentication
        || reasons.iter().any(|path| {
            record.text_at(path).is_some_and(|reason| {
                says_denied(&reason) || matches!(reason.as_ref(), "401" | "403")
            })
        })
        || matches!(record.integer_at("http_response.code"), Some(401 | 403));
    if denied { Outcome::Denied } else { Outcome::Error }
}

fn resource<'a>(record: &Node<'a>, class: Class) -> Resource<'a> {
    let first_of =
        |list: &str, keys: &[&str]| record.get(list)?.elements().first()?.first_text(keys);
    let dataset = record
        .first_text(&["database.name", "table.name", "databucket.name"])
        .or_else(|| record.first_text(&["database.uid", "table.uid", "databucket.uid"]))
        .or_else(|| match class {
            Class::WebResources => first_of("web_resources", &["name", "type", "uid"]),
            Class::FileHosting => record.first_text(&["file.parent_folder", "file.type"]),
            Class::Api => record.text_at("api.service.name"),
            Class::EventLog => record.first_text(&["log_name", "log_file.name", "log_provider"]),
            _ => None,
        });
    let classified = ["database", "databucket"].iter().find_map(|store| {
        let list = record.get(store)?.get("data_classifications")?;
        list.elements().first()?.text_at("category")
    });
    let record_uid = first_of("resources", &["uid", "name"]).or_else(|| match class {
        Class::WebResources => first_of("web_resources", &["uid", "url_string"]),
        Class::FileHosting => record.first_text(&["file.uid", "file.path", "file.name"]),
        _ => None,
    });
    let mut found = Resource {
        dataset,
        category: record.text_at("unmapped.category").or(classified),
        record: record_uid,
        ..Resource::default()
    };
    match record.at("unmapped.subject_refs") {
        Some(Node::Array(references)) => {
            references.iter().filter_map(Node::text).for_each(|text| add_subject(&mut found, text));
        }
        Some(reference) => {
            reference.text().into_iter().for_each(|text| add_subject(&mut found, text));
        }
        None => {
            let listed = record.get("resources").map_or(&[][..], Node::elements);
            let uids = listed.iter().filter_map(|resource| resource.text_at("uid"));
            uids.for_each(|text| add_subject(&mut found, text));
        }
    }
    found
}

fn add_subject<'a>(resource: &mut Resource<'a>, subject: Str<'a>) {
    resource.subjects_total = resource.subjects_total.saturating_add(1);
    if resource.subjects.len() < SUBJECTS_MAX {
        resource.subjects.push(subject);
    }
}

fn bytes(record: &Node<'_>, class: Class, counts: &mut Counts) -> Result<u64, Refusal> {
    if class == Class::Network {
        return Ok(0);
    }
    for path in ["query_info.bytes", "traffic.bytes_out", "http_response.length"] {
        if let Some(bytes) = record.count_at(path, counts)? {
            return Ok(bytes);
        }
    }
    Ok(0)
}

fn flow<'a>(record: &Node<'a>, counts: &mut Counts) -> Result<Flow<'a>, Refusal> {
    let mut count = |path| record.count_at(path, counts).map(Option::unwrap_or_default);
    let (bytes_out, bytes_in) = (count("traffic.bytes_out")?, count("traffic.bytes_in")?);
    let (packets_out, packets_in) = (count("traffic.packets_out")?, count("traffic.packets_in")?);
    let duration_ms = count("duration")?;
    Ok(Flow {
        duration_ms,
        destination: endpoint(record, &DESTINATION, counts)?,
        protocol: record.text_at("connection_info.protocol_name"),
        application: record.first_text(&["app_name", "dst_endpoint.svc_name"]),
        bytes_out,
        bytes_in,
        packets_out,
        packets_in,
        ip_bytes_out: None,
        ip_bytes_in: None,
    })
}
