//! What a notice says, whichever the sink: stored as JSON, which is what a webhook is sent.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::NotifyConfig;
use super::clocks::{Deadline, RAN_OUT, SOON};
use crate::adapters::store::{Leaves, NoticeState, StoredNotice};
use crate::engine::cases::Noticed;
use crate::engine::correlate::{Involved, Notice, NoticeKind};
use crate::engine::model::{EventTime, IdHasher, Incident, Severity};

/// Field order is the wire order. Fields that came later have defaults, for notices stored before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// `opened`, `severity_raised`, `quiet`, `still_open`, `clock_warned`, `clock_ran_out`, `backlog`,
    /// `flood` or `test`.
    pub kind: String,
    /// Empty where it is about none, or several.
    #[serde(default)]
    pub incident: String,
    pub title: String,
    #[serde(default)]
    pub severity: Severity,
    #[serde(default)]
    pub score: u8,
    #[serde(default)]
    pub time: EventTime,
    #[serde(default)]
    pub scope: Vec<Scope>,
    #[serde(default)]
    pub link: Option<String>,
    #[serde(default)]
    pub opened: Option<EventTime>,
    #[serde(default)]
    pub first_event: EventTime,
    #[serde(default)]
    pub last_event: EventTime,
    /// Detectors that had a part in it.
    #[serde(default)]
    pub detectors: Vec<String>,
    /// Of its findings and of its scope: findings come first, what was read is counted after them.
    #[serde(default)]
    pub categories: Vec<String>,
    #[serde(default)]
    pub datasets: Vec<String>,
    #[serde(default)]
    pub records: u64,
    /// Distinct people and consignments.
    #[serde(default)]
    pub subjects: u64,
    /// How many incidents it is about.
    #[serde(default)]
    pub count: u64,
    /// Of those, by severity.
    #[serde(default)]
    pub severities: BTreeMap<String, u64>,
    /// Of those, the worst.
    #[serde(default)]
    pub worst: Vec<Brief>,
    /// The deadline it is about, where it is about one.
    #[serde(default)]
    pub clock: Option<Deadline>,
}

/// One incident among several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brief {
    pub incident: String,
    pub severity: Severity,
    pub title: String,
    pub link: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    pub category: String,
    pub records: u64,
    pub subjects: u64,
}

impl Facts {
    pub fn of(incident: &Incident, kind: &str, time: EventTime, config: &NotifyConfig) -> Self {
        let scope = incident.datasets.iter().map(|d| Scope {
            category: d.category.clone(),
            records: d.records,
            subjects: d.subjects,
        });
        Self {
            kind: kind.to_owned(),
            incident: incident.id.clone(),
            title: incident.title.clone(),
            severity: incident.severity,
            score: incident.score,
            time,
            scope: scope.collect(),
            link: config.link(&format!("incidents/{}", incident.id)),
            opened: incident.opened,
            first_event: incident.first_event,
            last_event: incident.last_event,
            detectors: Vec::new(),
            categories: in_order(incident.datasets.iter().map(|d| d.category.clone())),
            datasets: in_order(incident.datasets.iter().map(|d| d.dataset.clone())),
            records: incident.records,
            subjects: incident.subjects,
            count: 1,
            severities: BTreeMap::from([(incident.severity.name().to_owned(), 1)]),
            worst: Vec::new(),
            clock: None,
        }
    }

    /// With what its findings say.
    pub fn with(self, involved: Involved) -> Self {
        Self {
            detectors: involved.detectors,
            categories: in_order(self.categories.into_iter().chain(involved.categories)),
            datasets: in_order(self.datasets.into_iter().chain(involved.datasets)),
            ..self
        }
    }

    /// What an earlier notice of the incident knew of its findings.
    pub fn involved(self) -> Involved {
        let Self { detectors, categories, datasets, .. } = self;
        Involved { detectors, datasets, categories }
    }

    /// What routes and silences look at. The stored facts do not say who and where: the incident does.
    pub fn noticed<'a>(&'a self, incident: Option<&'a Incident>, sink: &'a str) -> Noticed<'a> {
        let of = |list: fn(&Incident) -> &Vec<String>| -> Vec<&'a str> {
            incident.into_iter().flat_map(list).map(String::as_str).collect()
        };
        let scope = incident.into_iter().flat_map(|incident| &incident.datasets);
        let parts = self.scope.iter().map(|part| part.category.as_str());
        Noticed {
            incident: &self.incident,
            actors: of(|incident| &incident.actors),
            sources: of(|incident| &incident.sources),
            datasets: scope
                .map(|scope| scope.dataset.as_str())
                .chain(self.datasets.iter().map(String::as_str))
                .collect(),
            categories: parts.chain(self.categories.iter().map(String::as_str)).collect(),
            detectors: self.detectors.iter().map(String::as_str).collect(),
            severity: self.severity,
            sink,
        }
    }

    /// What `notify test` sends.
    pub fn test(now: EventTime, config: &NotifyConfig) -> Self {
        Self {
            kind: "test".to_owned(),
            title: "A test of this sink".to_owned(),
            time: now,
            first_event: now,
            last_event: now,
            link: config.link(""),
            ..Self::default()
        }
    }

    /// Whether a sink need not remember the incident after this.
    pub fn ends(&self) -> bool {
        self.kind == NoticeKind::Quiet.name()
    }

    /// What stands afterwards as the last a sink was told of the incident.
    pub fn leaves(&self) -> Leaves {
        match (self.ends(), &self.clock) {
            (true, _) => Leaves::Nothing,
            (false, Some(_)) => Leaves::Beside,
            (false, None) => Leaves::Itself,
        }
    }

    /// Whether it says that an incident opened or became worse.
    pub fn begins(&self) -> bool {
        [NoticeKind::Opened, NoticeKind::SeverityRaised].iter().any(|kind| self.kind == kind.name())
    }

    /// The kind in words.
    pub fn what(&self) -> &'static str {
        match self.kind.as_str() {
            "opened" => "Incident opened",
            "severity_raised" => "Severity raised",
            "quiet" => "Gone quiet",
            "still_open" => "Still open",
            "backlog" => "Found in the backlog",
            "flood" => "Many at once",
            SOON => "Legal deadline runs out soon",
            RAN_OUT => "Legal deadline has run out",
            _ => "Test",
        }
    }

    /// What was said, for the incident's own timeline.
    pub fn said(&self) -> String {
        let what = self.what().to_lowercase();
        match &self.clock {
            None => format!("{what}, severity {}", self.severity.name()),
            Some(clock) => {
                let Deadline { regime_name, phase_name, time_left, .. } = clock;
                format!("{what}: {regime_name}, {phase_name}, {time_left}")
            }
        }
    }

    pub fn json(&self) -> String {
        // Strings and numbers only: it does not fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl NotifyConfig {
    pub(super) fn link(&self, to: &str) -> Option<String> {
        self.console_url.as_ref().map(|url| format!("{}/{to}", url.trim_end_matches('/')))
    }
}

/// One notice for each sink that wants it. Old news of what opened or rose waits to be told in one.
pub fn notices(
    config: &NotifyConfig,
    incident: &Incident,
    involved: Involved,
    notice: &Notice,
    now_ms: i64,
) -> Vec<StoredNotice> {
    let kind = notice.kind.name();
    let key = IdHasher::new("notice")
        .part(incident.id.as_bytes())
        .part(kind.as_bytes())
        .part(notice.severity.name().as_bytes())
        .part(&notice.time.millis().to_le_bytes())
        .finish();
    let mut facts = Facts::of(incident, kind, notice.time, config).with(involved);
    facts.severity = notice.severity;
    facts.severities = BTreeMap::from([(notice.severity.name().to_owned(), 1)]);
    let payload = facts.json();
    let wanting = config.sink.iter().filter(|sink| {
        notice.severity >= sink.severity_min
            && sink.only.touches(&facts.noticed(Some(incident), &sink.name))
    });
    let old = is_old(config, notice.time, now_ms);
    let state = match notice.kind {
        NoticeKind::Opened | NoticeKind::SeverityRaised if old => NoticeState::Folding,
        _ => NoticeState::Waiting,
    };
    wanting
        .map(|sink| {
            let (key, payload) = (key.clone(), payload.clone());
            let waiting = StoredNotice::waiting(&sink.name, key, &incident.id, payload, now_ms);
            StoredNotice { state, ..waiting }
        })
        .collect()
}

/// Whether what happened then is told with others of its age.
pub(super) fn is_old(config: &NotifyConfig, time: EventTime, now_ms: i64) -> bool {
    let older_than_ms = i64::from(config.fold_older_than_s) * 1_000;
    older_than_ms > 0 && now_ms - time.millis() > older_than_ms
}

fn in_order(names: impl Iterator<Item = String>) -> Vec<String> {
    names.collect::<BTreeSet<String>>().into_iter().collect()
}
