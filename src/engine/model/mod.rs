//! The words of the engine: what an event, a finding and an incident are.
//!
//! Parsed at the door, trusted inside. No behaviour beyond reading, comparing and printing
//! themselves; nothing here knows a detector, a file or a topic.

mod event;
mod finding;
mod hash;
mod incident;
mod near;
mod problems;
mod severity;
mod subject;
mod time;
mod timeline;

pub use event::{
    Action, Actor, ActorType, Blank, Blanks, Endpoint, Event, Flow, Format, Kind, Origin, Outcome,
    Resource, SUBJECTS_MAX, Str,
};
pub use finding::{Finding, FindingId, Key, KeyKind, UsualHour, Window};
pub use hash::IdHasher;
pub use incident::{DatasetScope, Incident, IncidentId, ScoreTerm, Status};
pub use near::near;
pub use problems::{Problem, Problems};
pub use severity::Severity;
pub use subject::SubjectToken;
pub use time::{EventTime, TimeError};
pub use timeline::{Entry, EntryKind, Source};
