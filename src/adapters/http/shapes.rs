//! The served shapes, for the API's description. The engine's types are what is served; a test
//! holds these to them, field by field.

#![allow(dead_code, reason = "these are read by the description's macros only")]

use utoipa::ToSchema;

use super::case_shapes::{Case, ServedIncident};

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum Severity {
    Informational,
    Low,
    Medium,
    High,
    Critical,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Status {
    Signal,
    Open,
    Quiet,
    Merged,
}

#[derive(ToSchema)]
pub struct DatasetScope {
    pub dataset: String,
    pub category: String,
    /// 0 to 3, T0 to T3.
    pub tier: u8,
    pub records: u64,
    pub subjects: u64,
    /// Relative standard error of `subjects`, 0 while it is exact.
    pub subjects_error: f64,
}

#[derive(ToSchema)]
pub struct ScoreTerm {
    pub term: String,
    /// Points of the 100.
    pub points: f64,
    pub why: String,
}

#[derive(ToSchema)]
pub struct Incident {
    pub id: String,
    /// Event time at which it first reached medium; null while it is a signal.
    #[schema(format = DateTime)]
    pub opened: Option<String>,
    #[schema(format = DateTime)]
    pub updated: String,
    pub severity: Severity,
    /// 0 to 100.
    pub score: u8,
    pub status: Status,
    pub title: String,
    pub why: String,
    pub actors: Vec<String>,
    pub sources: Vec<String>,
    pub datasets: Vec<DatasetScope>,
    /// Distinct people and consignments.
    pub subjects: u64,
    /// Relative standard error of `subjects`, 0 while it is exact.
    pub subjects_error: f64,
    pub records: u64,
    pub bytes: u64,
    #[schema(format = DateTime)]
    pub first_event: String,
    #[schema(format = DateTime)]
    pub last_event: String,
    #[schema(format = DateTime)]
    pub first_finding: String,
    /// As of when the score is: the last finding that was not taken in from another day.
    #[schema(format = DateTime)]
    pub scored_at: String,
    /// ATT&CK technique ids.
    pub attack: Vec<String>,
    pub findings: Vec<String>,
    pub timeline_length: u64,
    pub score_terms: Vec<ScoreTerm>,
    /// The incident that absorbed this one.
    pub merged_into: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Stage {
    Reconnaissance,
    Collection,
    Staging,
    Exfiltration,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Verdict {
    NoSign,
    Possible,
    Likely,
}

/// Whether what was read has left the network.
#[derive(ToSchema)]
pub struct LeftNetwork {
    pub verdict: Verdict,
    /// The finding that says so, in its words.
    pub why: String,
}

/// An incident, and its findings in full.
#[derive(ToSchema)]
pub struct IncidentDetail {
    #[serde(flatten)]
    pub incident: Incident,
    pub case: Case,
    /// The farthest stage the findings speak of; null where they name no technique.
    pub stage: Option<Stage>,
    pub left_network: LeftNetwork,
    /// The last first.
    pub finding_details: Vec<Finding>,
}

#[derive(ToSchema)]
pub struct IncidentPage {
    pub items: Vec<ServedIncident>,
    /// Where the next page begins; null on the last.
    pub next: Option<String>,
    /// How many match in all.
    pub total: u64,
}

#[derive(ToSchema)]
pub struct FindingPage {
    pub items: Vec<Finding>,
    /// Where the next page begins; null on the last.
    pub next: Option<String>,
    /// How many match in all.
    pub total: u64,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum KeyKind {
    Actor,
    Source,
    Dataset,
    Subject,
    System,
}

#[derive(ToSchema)]
pub struct Key {
    pub kind: KeyKind,
    pub value: String,
}

#[derive(ToSchema)]
pub struct Window {
    #[schema(format = DateTime)]
    pub start: String,
    #[schema(format = DateTime)]
    pub end: String,
}

/// Where a record can be looked up again: a Kafka record, a line of a file, or the monitor.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum Source {
    Kafka { topic: String, partition: i32, offset: u64 },
    File { file: String, line: u64 },
    Monitor { monitor: String },
}

#[derive(ToSchema)]
pub struct Finding {
    pub id: String,
    #[schema(format = DateTime)]
    pub time: String,
    pub detector: String,
    /// The Sigma rule's id, where a rule fired.
    pub rule: Option<String>,
    pub severity: Severity,
    /// 0 to 100.
    pub score: u8,
    pub key: Key,
    pub actor: Option<String>,
    pub source_ip: Option<String>,
    pub session: Option<String>,
    pub dataset: Option<String>,
    pub category: Option<String>,
    /// 0 to 3, T0 to T3.
    pub tier: u8,
    pub window: Window,
    pub observed: f64,
    pub expected: f64,
    /// Of `observed` and `expected`.
    pub unit: String,
    pub subjects: u64,
    pub records: u64,
    pub bytes: u64,
    /// ATT&CK technique ids.
    pub attack: Vec<String>,
    pub why: String,
    /// Ids of the events it rests on, the trigger last.
    pub evidence: Vec<String>,
    pub source: Source,
    /// What the actor was expected to read, hour by hour up to this one; left out where that is
    /// not learned.
    #[schema(required = false)]
    pub usual: Vec<UsualHour>,
}

/// Distinct subjects in an hour in which anything is read at all.
#[derive(ToSchema)]
pub struct UsualHour {
    #[schema(format = DateTime)]
    pub start: String,
    pub median: f64,
    pub p99: f64,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum EntryKind {
    Access,
    Auth,
    Flow,
    Finding,
    Severity,
    Act,
}

/// A timeline entry, or several like ones summed.
#[derive(ToSchema)]
pub struct Line {
    pub id: String,
    /// How many entries it stands for.
    pub folded: u64,
    /// Time of the last of them.
    #[schema(format = DateTime)]
    pub until: String,
    /// What `open` takes, where it stands for more than one.
    pub fold: Option<String>,
    #[schema(format = DateTime)]
    pub time: String,
    pub kind: EntryKind,
    /// The id its producer gave the event; not there where it gave none.
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
    /// True of a flow that leaves the agency's networks, and else not there.
    pub leaves: Option<bool>,
    pub records: u64,
    pub bytes: u64,
    pub subjects: u32,
    /// The first of the subjects.
    pub tokens: Vec<String>,
    pub case: bool,
    pub severity: Option<Severity>,
    pub finding: Option<String>,
    /// The sentence a person reads.
    pub text: String,
    pub source: Source,
}

/// Of the past as the input topics hold it.
#[derive(ToSchema)]
pub struct PastPage {
    pub lines: Vec<Line>,
    pub total: u64,
    /// Records looked at.
    pub records: u64,
    /// Nothing of the span was left out that the topics hold.
    pub complete: bool,
}

#[derive(ToSchema)]
pub struct TimelinePage {
    pub incident: String,
    /// Entries behind all the lines asked for, folds counted in full.
    pub total: u64,
    pub lines: Vec<Line>,
    /// Where the next page begins; null on the last.
    pub next: Option<String>,
}
