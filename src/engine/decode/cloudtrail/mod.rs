//! AWS CloudTrail: one record of the `Records` array a line.
//!
//! In: one record as text. Out: an [`Event`], or a [`Refusal`]. [`calls`] knows what an API call
//! means; this file reads who, when, from where and with what success. The user agent is never
//! looked at: whoever calls chooses it.

mod calls;
#[cfg(test)]
mod tests;

use super::{
    Refusal, SUBJECTS_MAX, Str,
    document::Node,
    number::Counts,
    words::{self, says_denied},
};
use crate::engine::model::{
    Actor, ActorType, Blanks, Endpoint, Event, EventTime, Format, Outcome, Resource,
};
use calls::Call;

/// Reads one CloudTrail record.
pub fn decode(text: &str) -> Result<Event<'_>, Refusal> {
    let record = Node::record(text)?;
    let required = |field: &'static str| match record.get(field) {
        None => Err(Refusal::MissingField(field)),
        Some(node) => node.text().ok_or(Refusal::WrongType(field)),
    };
    let name = required("eventName")?;
    let source = required("eventSource")?;
    let time = EventTime::parse(&required("eventTime")?).map_err(|_| Refusal::BadTime)?;
    let identity = match record.get("userIdentity") {
        None => return Err(Refusal::MissingField("userIdentity")),
        Some(node @ Node::Object(_)) => node,
        Some(_) => return Err(Refusal::WrongType("userIdentity")),
    };
    let service = service_of(&source);
    let call = calls::read(&service, name, &record, identity);
    let outcome = outcome(&record);
    let mut counts = Counts::default();
    let bytes = record.count_at("additionalEventData.bytesTransferredOut", &mut counts)?;
    let records = if outcome == Outcome::Allowed { call.records } else { 0 };
    Ok(Event {
        kind: call.kind,
        format: Format::CloudTrail,
        time,
        id: record.text_at("eventID"),
        actor: actor(identity),
        session: identity.text_at("accessKeyId"),
        source: caller(&record),
        system: Some(service.clone()),
        outcome,
        records,
        bytes: bytes.unwrap_or(0),
        query: record.text_at("requestParameters.queryString"),
        user_agent: record.text_at("userAgent"),
        blanks: Blanks::default(),
        mfa: mfa(&record, identity),
        resource: resource(&record, service, &call),
        action: call.action,
        saturated: counts.saturated,
        ..Event::default()
    })
}

/// `ssm` of `ssm.amazonaws.com`.
fn service_of<'a>(source: &Str<'a>) -> Str<'a> {
    match source {
        Str::Borrowed(text) => Str::Borrowed(text.strip_suffix(".amazonaws.com").unwrap_or(text)),
        Str::Owned(text) => {
            Str::Owned(text.strip_suffix(".amazonaws.com").unwrap_or(text).to_owned())
        }
    }
}

/// The ARN where there is one: for an assumed role it names role and session. AWS's own services
/// are told by `invokedBy` alone.
fn actor<'a>(identity: &Node<'a>) -> Actor<'a> {
    let kind_word = identity.text_at("type");
    let service = match kind_word.as_deref() {
        Some("AWSService") => true,
        Some(_) => false,
        None => identity.get("arn").is_none() && identity.get("invokedBy").is_some(),
    };
    let id = if service {
        identity.first_text(&["invokedBy", "principalId", "type"])
    } else {
        identity.first_text(&["arn", "principalId", "userName", "invokedBy", "accountId", "type"])
    };
    let role = match kind_word.as_deref() {
        Some("Root") => Some(Str::Borrowed("root")),
        _ => identity.text_at("sessionContext.sessionIssuer.userName"),
    };
    Actor {
        id,
        role,
        unit: identity.text_at("accountId"),
        kind: if service { ActorType::Service } else { ActorType::Person },
    }
}

/// `sourceIPAddress` holds an address, or the name of the service that made the call.
fn caller<'a>(record: &Node<'a>) -> Endpoint<'a> {
    let Some(text) = record.text_at("sourceIPAddress") else { return Endpoint::default() };
    let dotted = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let colons = text.contains(':')
        && text.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
    if dotted || colons {
        Endpoint { ip: Some(text), ..Endpoint::default() }
    } else {
        Endpoint { host: Some(text), ..Endpoint::default() }
    }
}

/// What the call came to. Error codes that do not speak of permission are errors.
fn outcome(record: &Node<'_>) -> Outcome {
    if let Some(code) = record.text_at("errorCode") {
        return if refuses(&code) { Outcome::Denied } else { Outcome::Error };
    }
    let answer = record
        .first_text(&["responseElements.ConsoleLogin", "responseElements.CheckMfa"])
        .map(|word| words::outcome(&word));
    answer.unwrap_or(Outcome::Allowed)
}

fn refuses(code: &str) -> bool {
    const CREDENTIALS: [&str; 6] = [
        "AuthFailure",
        "AuthorizationError",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        "ExpiredToken",
    ];
    says_denied(code) || CREDENTIALS.iter().any(|known| code.contains(known))
}

fn mfa(record: &Node<'_>, identity: &Node<'_>) -> Option<bool> {
    match record.text_at("additionalEventData.MFAUsed").as_deref() {
        Some("Yes") => Some(true),
        Some("No") => Some(false),
        _ => identity.flag_at("sessionContext.attributes.mfaAuthenticated"),
    }
}

fn resource<'a>(record: &Node<'a>, service: Str<'a>, call: &Call<'a>) -> Resource<'a> {
    let listed = record.get("resources").map_or(&[][..], Node::elements);
    let named = listed.first().and_then(|entry| entry.first_text(&["ARN", "arn"]));
    let kept: usize = call.subjects.len().min(SUBJECTS_MAX);
    Resource {
        dataset: Some(service),
        category: Some(Str::Borrowed(call.category)),
        record: call.record.clone().or(named),
        subjects: call.subjects[..kept].iter().cloned().collect(),
        subjects_total: u32::try_from(call.subjects.len()).unwrap_or(u32::MAX),
    }
}
