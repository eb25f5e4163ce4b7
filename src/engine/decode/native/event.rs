//! The contract's fields given their meaning.

use super::super::{
    Refusal, SUBJECTS_MAX, Str,
    json::Scalar,
    number::{Counts, integer_text},
    words,
};
use super::slots::{ActorSlots, EndpointSlots, Part, ResourceSlots, Slots};
use crate::engine::model::{
    Action, Actor, ActorType, Blank, Blanks, Endpoint, Event, EventTime, Flow, Format, Kind,
    Outcome, Resource,
};

/// Makes the event, or names the first field that stands in its way.
pub fn event_of(slots: Slots<'_>) -> Result<Event<'_>, Refusal> {
    if slots.repeats {
        return Err(Refusal::DuplicateKey);
    }
    let record = slots.record;
    let mut counts = Counts::default();
    let kind = kind(&slots.kind.read(record))?;
    let time = time(&slots.time.read(record))?;
    let actor = actor(slots.actor, kind, record)?;
    let source = endpoint(slots.source, &SOURCE, record, &mut counts)?;
    let resource = resource(slots.resource, record)?;
    let outcome = text(slots.outcome.read(record), "outcome")?;
    let action = text(slots.action.read(record), "action")?;
    let id = text(slots.id.read(record), "id")?;
    let session = text(slots.session.read(record), "session")?;
    let system = text(slots.system.read(record), "system")?;
    let action = action_of(action, kind)?;
    let mut outcome = outcome.as_deref().map_or(Outcome::Allowed, words::outcome);
    let records = counts.read(&slots.records.read(record), "records", 1)?;
    let bytes = counts.read(&slots.bytes.read(record), "bytes", 0)?;
    let case = text(slots.case.read(record), "case")?;
    let purpose = text(slots.purpose.read(record), "purpose")?;
    let (query, no_query) = free_text(slots.query.read(record));
    let (note, no_note) = free_text(slots.note.read(record));
    let (user_agent, no_user_agent) = free_text(slots.user_agent.read(record));
    let mfa = flag(&slots.mfa.read(record), "mfa")?;
    let mut flow = None;
    if kind == Kind::Network {
        if let Some(verdict) = text(slots.verdict.read(record), "verdict")? {
            outcome = words::outcome(&verdict);
        }
        flow = Some(Flow {
            duration_ms: counts.read(&slots.duration_ms.read(record), "duration_ms", 0)?,
            destination: endpoint(slots.destination, &DESTINATION, record, &mut counts)?,
            protocol: text(slots.protocol.read(record), "protocol")?,
            application: text(slots.application.read(record), "application")?,
            bytes_out: counts.read(&slots.bytes_out.read(record), "bytes_out", 0)?,
            bytes_in: counts.read(&slots.bytes_in.read(record), "bytes_in", 0)?,
            packets_out: counts.read(&slots.packets_out.read(record), "packets_out", 0)?,
            packets_in: counts.read(&slots.packets_in.read(record), "packets_in", 0)?,
            ip_bytes_out: None,
            ip_bytes_in: None,
        });
    }
    Ok(Event {
        kind,
        format: Format::Native,
        time,
        id,
        actor,
        session,
        source,
        system,
        action,
        outcome,
        resource,
        records,
        bytes,
        case,
        purpose,
        query,
        note,
        user_agent,
        blanks: Blanks { query: no_query, note: no_note, user_agent: no_user_agent },
        mfa,
        flow,
        saturated: counts.saturated,
    })
}

fn kind(scalar: &Scalar<'_>) -> Result<Kind, Refusal> {
    match scalar {
        Scalar::Absent | Scalar::Null => Err(Refusal::MissingField("kind")),
        Scalar::Text(word) => Kind::ALL
            .into_iter()
            .find(|kind| kind.name() == word.text())
            .ok_or(Refusal::UnknownKind),
        _ => Err(Refusal::WrongType("kind")),
    }
}

/// RFC 3339 with a zone, or integer milliseconds since 1970.
fn time(scalar: &Scalar<'_>) -> Result<EventTime, Refusal> {
    match scalar {
        Scalar::Absent | Scalar::Null => Err(Refusal::MissingField("time")),
        Scalar::Text(text) => EventTime::parse(&text.text()).map_err(|_| Refusal::BadTime),
        Scalar::Number(number) => integer_text(number)
            .and_then(|digits| digits.parse().ok())
            .and_then(|millis| EventTime::from_millis(millis).ok())
            .ok_or(Refusal::BadTime),
        _ => Err(Refusal::WrongType("time")),
    }
}

/// Text or an integer's digits; absent, null and empty are all none.
#[inline]
fn text<'a>(scalar: Scalar<'a>, field: &'static str) -> Result<Option<Str<'a>>, Refusal> {
    match scalar {
        Scalar::Absent | Scalar::Null => Ok(None),
        Scalar::Text(text) if text.is_empty() => Ok(None),
        Scalar::Text(text) => Ok(Some(text.text())),
        Scalar::Number(number) => integer_text(number).map(Some).ok_or(Refusal::WrongType(field)),
        Scalar::Bool(_) | Scalar::Container => Err(Refusal::WrongType(field)),
    }
}

/// Text that nothing rests on: whatever else stands there is passed over, but told.
#[inline]
fn free_text<'a>(scalar: Scalar<'a>) -> (Option<Str<'a>>, Blank) {
    match scalar {
        Scalar::Absent => (None, Blank::Absent),
        Scalar::Null => (None, Blank::Null),
        Scalar::Text(text) if text.is_empty() => (None, Blank::Empty),
        Scalar::Text(text) => (Some(text.text()), Blank::Absent),
        Scalar::Number(_) | Scalar::Bool(_) | Scalar::Container => (None, Blank::Other),
    }
}

fn flag(scalar: &Scalar<'_>, field: &'static str) -> Result<Option<bool>, Refusal> {
    match scalar {
        Scalar::Absent | Scalar::Null => Ok(None),
        Scalar::Bool(value) => Ok(Some(*value)),
        _ => Err(Refusal::WrongType(field)),
    }
}

/// An access without an action is taken as a read, the safe reading; an auth record without one
/// says nothing and is refused.
fn action_of(word: Option<Str<'_>>, kind: Kind) -> Result<Action<'_>, Refusal> {
    match (kind, word) {
        (Kind::Network, _) => Ok(Action::Flow),
        (_, Some(word)) => Ok(Action::from_word(word)),
        (Kind::Access, None) => Ok(Action::Read),
        (Kind::Auth, None) => Err(Refusal::MissingField("action")),
    }
}

/// Access and auth records must say who, if only by a null id.
fn actor(part: Part<ActorSlots>, kind: Kind, record: &str) -> Result<Actor<'_>, Refusal> {
    let slots = match part {
        Part::Wrong => return Err(Refusal::WrongType("actor")),
        Part::Present(slots) => slots,
        Part::Absent | Part::Null => ActorSlots::default(),
    };
    if kind != Kind::Network && slots.id.is_absent() {
        return Err(Refusal::MissingField("actor.id"));
    }
    let word = text(slots.kind.read(record), "actor.type")?;
    Ok(Actor {
        id: text(slots.id.read(record), "actor.id")?,
        role: text(slots.role.read(record), "actor.role")?,
        unit: text(slots.unit.read(record), "actor.unit")?,
        kind: match word.as_deref() {
            Some("service") => ActorType::Service,
            Some("partner") => ActorType::Partner,
            _ => ActorType::Person,
        },
    })
}

/// How an endpoint's fields are called in refusals.
struct EndpointFields {
    whole: &'static str,
    ip: &'static str,
    host: &'static str,
    site: &'static str,
    port: &'static str,
}

const SOURCE: EndpointFields = EndpointFields {
    whole: "source",
    ip: "source.ip",
    host: "source.host",
    site: "source.site",
    port: "source.port",
};

const DESTINATION: EndpointFields = EndpointFields {
    whole: "destination",
    ip: "destination.ip",
    host: "destination.host",
    site: "destination.site",
    port: "destination.port",
};

fn endpoint<'a>(
    part: Part<EndpointSlots>,
    fields: &EndpointFields,
    record: &'a str,
    counts: &mut Counts,
) -> Result<Endpoint<'a>, Refusal> {
    match part {
        Part::Absent | Part::Null => Ok(Endpoint::default()),
        Part::Wrong => Err(Refusal::WrongType(fields.whole)),
        Part::Present(slots) => Ok(Endpoint {
            ip: text(slots.ip.read(record), fields.ip)?,
            host: text(slots.host.read(record), fields.host)?,
            site: text(slots.site.read(record), fields.site)?,
            port: counts.port(&slots.port.read(record), fields.port)?,
        }),
    }
}

fn resource<'a>(part: Part<ResourceSlots<'a>>, record: &'a str) -> Result<Resource<'a>, Refusal> {
    let slots = match part {
        Part::Absent | Part::Null => return Ok(Resource::default()),
        Part::Wrong => return Err(Refusal::WrongType("resource")),
        Part::Present(slots) => slots,
    };
    if slots.subject.wrong {
        return Err(Refusal::WrongType("resource.subject"));
    }
    if slots.subjects.wrong {
        return Err(Refusal::WrongType("resource.subjects"));
    }
    let subjects_total = slots.subject.total.saturating_add(slots.subjects.total);
    let mut subjects = slots.subject.kept;
    let room = SUBJECTS_MAX - subjects.len();
    subjects.extend(slots.subjects.kept.into_iter().take(room));
    Ok(Resource {
        dataset: text(slots.dataset.read(record), "resource.dataset")?,
        category: text(slots.category.read(record), "resource.category")?,
        record: text(slots.record.read(record), "resource.record")?,
        subjects: subjects.into_iter().collect(),
        subjects_total,
    })
}
