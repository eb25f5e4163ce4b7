//! The shapes of silences, for the API's description, as in `shapes`.

#![allow(dead_code, reason = "these are read by the description's macros only")]

use utoipa::ToSchema;

use super::shapes::Severity;

/// Whom or what notices are kept back about: all lists given must fit, as a whole. A critical
/// incident is covered only where `severity` names it.
#[derive(ToSchema)]
pub struct Matcher {
    #[schema(required = false)]
    pub incident: Vec<String>,
    #[schema(required = false)]
    pub actor: Vec<String>,
    #[schema(required = false)]
    pub source: Vec<String>,
    #[schema(required = false)]
    pub dataset: Vec<String>,
    #[schema(required = false)]
    pub category: Vec<String>,
    #[schema(required = false)]
    pub detector: Vec<String>,
    #[schema(required = false)]
    pub severity: Vec<Severity>,
    #[schema(required = false)]
    pub sink: Vec<String>,
}

/// Left out: `owner` is who asks, `from` is now.
#[derive(ToSchema)]
pub struct AskedSilence {
    pub owner: Option<String>,
    pub reason: String,
    #[schema(format = DateTime)]
    pub from: Option<String>,
    /// At most 92 days after `from`.
    #[schema(format = DateTime)]
    pub until: String,
    pub r#match: Matcher,
}

#[derive(ToSchema)]
pub struct AddSilence {
    pub silence: AskedSilence,
    /// The incident it is for, whose timeline then has it.
    pub incident: Option<String>,
    /// Who does it; left out where a proxy names who is logged in.
    pub by: Option<String>,
}

/// A silence of the API.
#[derive(ToSchema)]
pub struct KeptSilence {
    pub id: String,
    #[serde(flatten)]
    pub silence: Silence,
    #[schema(format = DateTime)]
    pub created: String,
    pub created_by: String,
    pub incident: Option<String>,
    /// When and by whom it was ended before its time.
    #[schema(format = DateTime)]
    pub ended: Option<String>,
    pub ended_by: Option<String>,
    /// Notices it keeps back now; once it has ended, those that were never told.
    pub notices: u64,
    /// When it holds no more.
    #[schema(format = DateTime)]
    pub ends: String,
    /// `pending`, `active` or `expired`.
    pub state: String,
}

#[derive(ToSchema)]
pub struct Silence {
    pub owner: String,
    pub reason: String,
    #[schema(format = DateTime)]
    pub from: String,
    #[schema(format = DateTime)]
    pub until: String,
    pub r#match: Matcher,
}

/// A silence of the configuration.
#[derive(ToSchema)]
pub struct ConfiguredSilence {
    #[serde(flatten)]
    pub silence: Silence,
    pub state: String,
}

/// A window of the configuration that comes again.
#[derive(ToSchema)]
pub struct Maintenance {
    pub owner: String,
    pub reason: String,
    /// None for every day.
    pub days: Vec<String>,
    pub from: String,
    pub until: String,
    pub zone: String,
    pub r#match: Matcher,
}

#[derive(ToSchema)]
pub struct SilenceList {
    #[schema(format = DateTime)]
    pub now: String,
    pub silences: Vec<KeptSilence>,
    /// Those of the configuration, which the API cannot change.
    pub file: Vec<ConfiguredSilence>,
    pub maintenance: Vec<Maintenance>,
    pub sinks: Vec<String>,
}

#[derive(ToSchema)]
pub struct ProposedSilence {
    pub r#match: Matcher,
    /// What it keeps back, and what not.
    pub why: String,
}

#[derive(ToSchema)]
pub struct SilenceProposals {
    pub incident: String,
    pub proposals: Vec<ProposedSilence>,
}
