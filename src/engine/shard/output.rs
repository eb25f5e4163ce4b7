//! What a shard says.

use serde::{Deserialize, Serialize};

use crate::engine::detect::baseline::{Figures, Leaving};
use crate::engine::model::{Entry, EventTime, Finding, Key};

/// What became of an event. Every event gets exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Scored,
    /// Recorded, judged by the certain detectors, in no window.
    Late,
    /// Seen before; nothing was done.
    Duplicate,
}

/// What the evidence topic holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EvidenceRecord {
    Evidence(Box<Evidence>),
    /// Event time has got this far in some shard.
    Progress {
        progress: EventTime,
        /// Reads since the last such record.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        reads: Vec<HourReads>,
    },
}

/// Reads of one category in one hour of event time, none of them later than `progress`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourReads {
    /// Hours since 1970.
    pub hour: i64,
    pub category: String,
    pub reads: u64,
}

/// A line for the timelines of whatever incident `key` belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    pub key: Key,
    pub entry: Entry,
    /// Sent because somebody waited for this one thing ([`Watch::first_read`]): no line of a
    /// timeline, which has it with everything around it once it is asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
}

/// Asks the shards for the past of an actor or a source, and for what follows.
/// The watch topic's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    pub key: Key,
    /// How far back the recorder is read.
    pub since: EventTime,
    /// Until when further events are sent as they come.
    pub until: EventTime,
    /// Asks for one thing instead: the actor's first read allowed between `since` and `until`, of
    /// this tier or above. It leaves what else is asked of the actor as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_read: Option<u8>,
}

/// Filled by a shard, emptied by whoever drives it.
#[derive(Default)]
pub struct Output {
    pub findings: Vec<Finding>,
    pub evidence: Vec<Evidence>,
    /// Detectors whose findings were held back by an exception, once for each finding.
    pub suppressed: Vec<std::borrow::Cow<'static, str>>,
    /// For the shards in which subjects are counted.
    pub lookups: Leaving,
    /// For all other shards: the shard's own figures as a day turned.
    pub figures: Vec<Figures>,
}

impl Output {
    pub fn clear(&mut self) {
        self.findings.clear();
        self.evidence.clear();
        self.suppressed.clear();
        self.lookups.clear();
        self.figures.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.findings.is_empty() && self.evidence.is_empty()
    }
}
