//! Names of Tidewaiter's own topics.

/// All under one prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    /// Findings, keyed by actor or source.
    pub findings: String,
    /// Timeline entries for open incidents, keyed likewise.
    pub evidence: String,
    /// Requests for evidence to all shards.
    pub watch: String,
    /// OCSF 2004 and 2005.
    pub alerts: String,
    /// Records no event could be made of.
    pub dead_letter: String,
    /// Exceptions made through the API, keyed by id, compacted.
    pub exceptions: String,
    /// Who looked up whom, without a case; the subjects are shared out over its partitions.
    pub lookups: String,
    /// What else is set through the API, keyed by its name, compacted.
    pub settings: String,
    /// What people decided of actors, keyed by incident and actor, compacted.
    pub rulings: String,
    /// What shards tell each other of their actors, keyed by shard and day, compacted.
    pub peers: String,
    /// First part of the changelogs' names.
    changelog: String,
}

impl Topics {
    pub fn new(prefix: &str) -> Self {
        let name = |what: &str| format!("{prefix}.{what}");
        Self {
            findings: name("findings"),
            evidence: name("evidence"),
            watch: name("watch"),
            alerts: name("alerts"),
            dead_letter: name("deadletter"),
            exceptions: name("exceptions"),
            lookups: name("lookups"),
            settings: name("settings"),
            rulings: name("rulings"),
            peers: name("peers"),
            changelog: name("changelog"),
        }
    }

    /// The changelog of an input topic: same partitions, compacted.
    pub fn changelog(&self, input: &str) -> String {
        format!("{}.{input}", self.changelog)
    }

    /// Whether the monitor itself writes to a topic of that name.
    pub fn is_own(&self, topic: &str) -> bool {
        let changelog = topic.strip_prefix(&self.changelog);
        self.all().contains(&topic) || changelog.is_some_and(|rest| rest.starts_with('.'))
    }

    pub fn all(&self) -> [&str; 10] {
        let Self { findings, evidence, watch, alerts, dead_letter, .. } = self;
        let Self { exceptions, settings, rulings, lookups, peers, .. } = self;
        [
            findings,
            evidence,
            watch,
            alerts,
            dead_letter,
            exceptions,
            settings,
            rulings,
            lookups,
            peers,
        ]
    }
}
