//! One line of an incident's story.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{EventTime, FindingId, Severity, SubjectToken};

/// Where an entry can be looked up again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Source {
    Kafka {
        topic: String,
        partition: i32,
        offset: u64,
    },
    File {
        file: String,
        line: u64,
    },
    /// Tidewaiter itself.
    Monitor {
        monitor: String,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kafka { topic, partition, offset } => write!(f, "{topic}/{partition}@{offset}"),
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Monitor { monitor } => f.write_str(monitor),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Any disclosure or change of a record: the `action` says which.
    Access,
    /// Login, multi-factor and role changes.
    Auth,
    Flow,
    Finding,
    /// The incident opened, or its severity changed.
    Severity,
    /// What somebody did about it, or the monitor by itself.
    Act,
}

impl EntryKind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Auth => "auth",
            Self::Flow => "flow",
            Self::Finding => "finding",
            Self::Severity => "severity",
            Self::Act => "act",
        }
    }
}

/// One event, finding or change, as evidence. Also the record on the evidence topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub time: EventTime,
    pub kind: EntryKind,
    /// The id its producer gave the event, by which findings name it; where it gave none, the
    /// place serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    pub action: String,
    pub outcome: String,
    pub actor: Option<String>,
    pub session: Option<String>,
    pub source_ip: Option<String>,
    pub host: Option<String>,
    pub site: Option<String>,
    pub system: Option<String>,
    pub dataset: Option<String>,
    pub category: Option<String>,
    /// 0 to 3, T0 to T3.
    pub tier: u8,
    /// Far end of a flow.
    pub destination: Option<String>,
    /// A flow that leaves the agency's networks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaves: bool,
    pub records: u64,
    pub bytes: u64,
    /// How many subjects the event named; `tokens` holds the first of them.
    pub subjects: u32,
    pub tokens: Vec<SubjectToken>,
    pub case: bool,
    pub severity: Option<Severity>,
    pub finding: Option<FindingId>,
    /// The sentence a person reads.
    pub text: String,
    pub source: Source,
}

impl Entry {
    /// An empty entry at its place, for building the real one from.
    pub fn at(source: Source) -> Self {
        Self {
            time: EventTime::default(),
            kind: EntryKind::Access,
            event: None,
            action: String::new(),
            outcome: String::new(),
            actor: None,
            session: None,
            source_ip: None,
            host: None,
            site: None,
            system: None,
            dataset: None,
            category: None,
            tier: 0,
            destination: None,
            leaves: false,
            records: 0,
            bytes: 0,
            subjects: 0,
            tokens: Vec::new(),
            case: false,
            severity: None,
            finding: None,
            text: String::new(),
            source,
        }
    }

    /// How a finding's evidence names the event.
    pub fn event_id(&self) -> Cow<'_, str> {
        match &self.event {
            Some(id) => Cow::Borrowed(id),
            None => Cow::Owned(self.source.to_string()),
        }
    }
}
