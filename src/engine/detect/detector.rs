//! What a detector is, and what it is shown.

use std::borrow::Cow;

use super::state::cut;
use crate::engine::enrich::Facts;
use crate::engine::model::{
    Event, EventTime, Finding, IdHasher, Key, KeyKind, Origin, Severity, Source, Window,
};

/// Watches events one by one and reports what looks like a breach, keeping its books in `S`.
///
/// No I/O, no clock, no locks. Time arrives with the event, so the same events always give the
/// same findings.
pub trait Detector<S>: Send + Sync {
    /// Names the detector in findings, metric labels and checkpoints.
    fn name(&self) -> &'static str;
    /// Takes the event into account; appends what it gives rise to.
    fn observe(&self, judged: &Judged<'_>, state: &mut S, findings: &mut Vec<Finding>);
    /// False for detectors whose windows a late event would falsify.
    fn judges_late(&self) -> bool {
        false
    }
    /// True of whom it goes on to watch once others have learned, where it else stands in for them.
    fn watches_on(&self, _judged: &Judged<'_>) -> bool {
        false
    }
}

/// One event as the detectors see it.
#[derive(Clone, Copy)]
pub struct Judged<'e> {
    pub event: &'e Event<'e>,
    pub facts: &'e Facts<'e>,
    /// Event time, bounded by the broker's clock where one is known and by the shard's, so that a
    /// clock in the future can neither drag windows along nor keep an incident open. What findings
    /// and entries carry as their time; the event's own for every honest clock.
    pub at: EventTime,
    /// Behind the watermark by more than the allowed lateness.
    pub late: bool,
    pub origin: Origin,
    /// Names of the streams `origin` speaks of.
    pub streams: &'e [Stream],
}

/// A topic partition or a file: what an [`Origin`]'s stream number stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stream {
    Partition { topic: String, partition: i32 },
    File { name: String },
}

impl Stream {
    pub fn source(&self, position: u64) -> Source {
        match self {
            Self::Partition { topic, partition } => {
                Source::Kafka { topic: topic.clone(), partition: *partition, offset: position }
            }
            Self::File { name } => Source::File { file: name.clone(), line: position },
        }
    }

    /// The topic or the file.
    pub fn topic(&self) -> &str {
        match self {
            Self::Partition { topic, .. } => topic,
            Self::File { name } => name,
        }
    }

    /// As a sentence names it.
    pub fn name(&self) -> String {
        match self {
            Self::Partition { topic, partition } => format!("{topic}, partition {partition}"),
            Self::File { name } => name.clone(),
        }
    }

    /// Where `origin` points to, among the streams it counts.
    pub fn source_of(streams: &[Self], origin: Origin) -> Source {
        match streams.get(usize::from(origin.stream)) {
            Some(stream) => stream.source(origin.position),
            None => Source::Monitor { monitor: "unknown stream".into() },
        }
    }
}

impl<'e> Judged<'e> {
    /// The producer's id, or the place in the stream where it gave none.
    pub fn event_id(&self) -> Cow<'e, str> {
        match &self.event.id {
            Some(id) => Cow::Borrowed(id.as_ref()),
            None => Cow::Owned(self.source().to_string()),
        }
    }

    pub fn source(&self) -> Source {
        Stream::source_of(self.streams, self.origin)
    }

    /// An access that showed data to somebody.
    pub fn is_disclosure(&self) -> bool {
        use crate::engine::model::{Kind, Outcome};
        self.event.kind == Kind::Access
            && self.event.outcome == Outcome::Allowed
            && self.event.action.discloses()
    }

    /// Why the case it cites explains nothing, at the end of a sentence; empty where it does, or
    /// where none is cited.
    pub fn case_words(&self) -> String {
        let failure = self.facts.case.failure();
        failure.map_or_else(String::new, |failure| format!("; the case cited last {failure}"))
    }

    /// How a sentence names the actor: by role where it is known.
    pub fn role_words(&self) -> &'e str {
        if self.facts.role.is_empty() { "actor without a known role" } else { self.facts.role }
    }

    /// A finding on this event's actor, or on its source address where it has none, with
    /// everything filled in that the event tells.
    pub fn finding(
        &self,
        detector: &'static str,
        variant: &str,
        score: u8,
        why: String,
    ) -> Finding {
        let event = self.event;
        let key = match (event.actor_id(), event.source_ip()) {
            (Some(actor), _) => Key { kind: KeyKind::Actor, value: actor.to_owned() },
            (None, ip) => Key { kind: KeyKind::Source, value: ip.unwrap_or("unknown").to_owned() },
        };
        self.finding_on(key, detector, variant, score, why)
    }

    /// The same on a key of the detector's choosing. `variant` tells findings apart that one
    /// event may give rise to in one detector.
    pub fn finding_on(
        &self,
        key: Key,
        detector: &'static str,
        variant: &str,
        score: u8,
        why: String,
    ) -> Finding {
        let event = self.event;
        let event_id = self.event_id();
        let id = IdHasher::new("finding")
            .part(detector.as_bytes())
            .part(variant.as_bytes())
            .part(key.kind.name().as_bytes())
            .part(key.value.as_bytes())
            .part(event_id.as_bytes())
            .finish();
        Finding {
            id,
            time: self.at,
            detector: Cow::Borrowed(detector),
            rule: None,
            severity: severity_of(score),
            score: score.min(100),
            key: Key { kind: key.kind, value: cut(&key.value).to_owned() },
            actor: event.actor_id().map(cut).map(str::to_owned),
            source_ip: event.source_ip().map(cut).map(str::to_owned),
            session: event.session.as_deref().map(cut).map(str::to_owned),
            dataset: Some(self.facts.dataset).filter(|d| !d.is_empty()).map(str::to_owned),
            category: event.resource.dataset.is_some().then(|| self.facts.category.to_owned()),
            tier: self.facts.tier,
            window: Window { start: self.at, end: self.at },
            observed: 1.0,
            expected: 0.0,
            unit: Cow::Borrowed("events"),
            subjects: u64::from(event.resource.subjects_total),
            records: event.records,
            bytes: event.bytes,
            attack: Vec::new(),
            why,
            evidence: vec![event_id.into_owned()],
            source: self.source(),
            usual: Vec::new(),
            source_actors: 0,
        }
    }
}

/// Scores fall into severities in steps of twenty.
pub const fn severity_of(score: u8) -> Severity {
    match score {
        0..20 => Severity::Informational,
        20..40 => Severity::Low,
        40..60 => Severity::Medium,
        60..80 => Severity::High,
        _ => Severity::Critical,
    }
}

/// `base` at the limit, ten points more for each doubling beyond it.
pub fn score_for_ratio(base: u8, observed: u64, limit: u64) -> u8 {
    let ratio = observed as f64 / limit.max(1) as f64;
    (f64::from(base) + 10.0 * ratio.max(1.0).log2()).min(100.0) as u8
}
