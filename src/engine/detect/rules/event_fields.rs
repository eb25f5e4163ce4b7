//! A normalised event as rules see it.

use std::cell::OnceCell;

use serde_json::Value as Json;

use super::{
    fields::{self, Field, Fields},
    slot::{self, Slot},
    value::{Leaf, Value},
};
use crate::engine::model::{Blank, Endpoint, Event, Flow, Format, SubjectToken};

/// What enrichment knows about an event and rules may ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// 0 to 3, T0 to T3; `None` where the catalogue does not have the dataset.
    pub tier: Option<u8>,
    /// Whether a read of the dataset needs a case; `None` as above.
    pub case_required: Option<bool>,
    /// Of an event about one subject alone.
    pub subject: Option<SubjectToken>,
}

/// The normalised fields of an event, and behind them its raw record, which is parsed on the
/// first question only it can answer.
///
/// Who or what the record is about is not to be had, neither by name nor by keywords; only the token
/// that stands for it is.
pub struct EventFields<'r, 'e> {
    event: &'r Event<'e>,
    known: Known,
    parse: &'r dyn Fn() -> Json,
    raw: OnceCell<Json>,
    token: OnceCell<String>,
}

impl<'r, 'e> EventFields<'r, 'e> {
    /// `parse` gives the raw record, `Json::Null` where there is none. Called once at most.
    pub fn new(event: &'r Event<'e>, known: Known, parse: &'r dyn Fn() -> Json) -> Self {
        Self { event, known, parse, raw: OnceCell::new(), token: OnceCell::new() }
    }

    fn raw(&self) -> &Json {
        self.raw.get_or_init(self.parse)
    }

    /// Subjects go by these keys in the formats we define or map; elsewhere the same words mean
    /// other things (a certificate's subject).
    fn has_private_keys(&self) -> bool {
        matches!(self.event.format, Format::Native | Format::Ocsf)
    }

    /// What decoding passes over is here what the record says.
    fn free_text<'v>(&'v self, slot: Slot, text: Option<&'v str>, blank: Blank) -> Value<'v> {
        match (text, blank) {
            (Some(text), _) => Value::text(text),
            (None, Blank::Absent) => Value::Absent,
            (None, Blank::Null) => Value::Leaf(Leaf::Null),
            (None, Blank::Empty) => Value::text(""),
            (None, Blank::Other) => fields::find(self.raw(), slot.name()),
        }
    }

    fn slot(&self, slot: Slot) -> Value<'_> {
        let event = self.event;
        let flow = event.flow.as_ref();
        match slot {
            Slot::Kind => Value::text(event.kind.name()),
            Slot::Id => text(event.id.as_deref()),
            Slot::Time => Value::Leaf(Leaf::Time(event.time)),
            Slot::ActorId => text(event.actor.id.as_deref()),
            Slot::ActorRole => text(event.actor.role.as_deref()),
            Slot::ActorUnit => text(event.actor.unit.as_deref()),
            Slot::ActorType => Value::text(event.actor.kind.name()),
            Slot::Session => text(event.session.as_deref()),
            Slot::SourceIp => text(event.source.ip.as_deref()),
            Slot::SourceHost => text(event.source.host.as_deref()),
            Slot::SourceSite => text(event.source.site.as_deref()),
            Slot::SourcePort => port(&event.source),
            Slot::System => text(event.system.as_deref()),
            Slot::Action => Value::text(event.action.name()),
            Slot::Outcome | Slot::Verdict => Value::text(event.outcome.name()),
            Slot::Dataset => text(event.resource.dataset.as_deref()),
            Slot::Category => text(event.resource.category.as_deref()),
            Slot::Record => text(event.resource.record.as_deref()),
            Slot::SubjectsTotal => Value::count(u64::from(event.resource.subjects_total)),
            Slot::SubjectToken => self.known.subject.map_or(Value::Absent, |token| {
                Value::text(self.token.get_or_init(|| token.to_string()))
            }),
            Slot::Records => Value::count(event.records),
            Slot::Bytes => Value::count(event.bytes),
            Slot::Case => text(event.case.as_deref()),
            Slot::Purpose => text(event.purpose.as_deref()),
            Slot::Query => self.free_text(slot, event.query.as_deref(), event.blanks.query),
            Slot::Note => self.free_text(slot, event.note.as_deref(), event.blanks.note),
            Slot::UserAgent => {
                self.free_text(slot, event.user_agent.as_deref(), event.blanks.user_agent)
            }
            Slot::Mfa => event.mfa.map_or(Value::Absent, truth),
            Slot::Tier => self.known.tier.map_or(Value::Absent, |tier| Value::count(tier.into())),
            Slot::CaseRequired => self.known.case_required.map_or(Value::Absent, truth),
            Slot::DestinationIp => text(flow.and_then(|flow| flow.destination.ip.as_deref())),
            Slot::DestinationHost => text(flow.and_then(|flow| flow.destination.host.as_deref())),
            Slot::DestinationPort => flow.map_or(Value::Absent, |flow| port(&flow.destination)),
            Slot::Protocol => text(flow.and_then(|flow| flow.protocol.as_deref())),
            Slot::Application => text(flow.and_then(|flow| flow.application.as_deref())),
            Slot::BytesOut => of_flow(flow, |flow| flow.bytes_out),
            Slot::BytesIn => of_flow(flow, |flow| flow.bytes_in),
            Slot::PacketsOut => of_flow(flow, |flow| flow.packets_out),
            Slot::PacketsIn => of_flow(flow, |flow| flow.packets_in),
            Slot::DurationMs => of_flow(flow, |flow| flow.duration_ms),
        }
    }
}

impl Fields for EventFields<'_, '_> {
    fn value(&self, field: &Field) -> Value<'_> {
        match field.slot() {
            Some(slot) => self.slot(slot),
            None if self.has_private_keys() && slot::is_private_path(field.name()) => Value::Absent,
            None => fields::find(self.raw(), field.name()),
        }
    }

    fn each_text(&self, visit: &mut dyn FnMut(&str) -> bool) -> bool {
        let mut buffer = String::new();
        let hides = self.has_private_keys();
        fields::each_text(self.raw(), &mut buffer, &|key| hides && slot::is_private_key(key), visit)
    }
}

fn text(text: Option<&str>) -> Value<'_> {
    text.map_or(Value::Absent, Value::text)
}

fn truth<'v>(truth: bool) -> Value<'v> {
    Value::Leaf(Leaf::Bool(truth))
}

fn port<'v>(endpoint: &Endpoint<'_>) -> Value<'v> {
    endpoint.port.map_or(Value::Absent, |port| Value::count(port.into()))
}

fn of_flow<'v>(flow: Option<&Flow<'_>>, count: impl Fn(&Flow<'_>) -> u64) -> Value<'v> {
    flow.map_or(Value::Absent, |flow| Value::count(count(flow)))
}
