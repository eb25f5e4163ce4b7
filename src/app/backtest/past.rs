//! Incidents that people have closed, to hold a rule's findings against.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::adapters::store::{IncidentFilter, Store, StoreError};
use crate::engine::cases::Resolution;
use crate::engine::model::{EventTime, Finding, Incident, IncidentId, KeyKind};

/// Behind an incident's last event, a finding still speaks of it.
const AFTER_MS: i64 = 1_800_000;
const PAGE: u32 = 1_000;

/// What a rule's findings met.
#[derive(Clone, Debug, Default)]
pub struct PastIncidents {
    closed: Vec<(Incident, Resolution)>,
    /// Places in `closed` by actor and by source.
    of: HashMap<(KeyKind, String), Vec<usize>>,
    /// Incidents on whose actor or source, in whose time, there was a finding.
    met: BTreeSet<IncidentId>,
    /// Findings by what the incident they met turned out to be.
    findings: BTreeMap<&'static str, u64>,
}

impl PastIncidents {
    pub fn new(closed: Vec<(Incident, Resolution)>) -> Self {
        let mut of: HashMap<_, Vec<usize>> = HashMap::new();
        for (place, (incident, _)) in closed.iter().enumerate() {
            let actors = incident.actors.iter().map(|actor| (KeyKind::Actor, actor.clone()));
            let sources = incident.sources.iter().map(|source| (KeyKind::Source, source.clone()));
            actors.chain(sources).for_each(|key| of.entry(key).or_default().push(place));
        }
        Self { closed, of, ..Self::default() }
    }

    pub(super) fn take(&mut self, finding: &Finding) {
        let key = Some((finding.key.kind, finding.key.value.clone()));
        let actor = finding.actor.clone().map(|actor| (KeyKind::Actor, actor));
        let of = |key| self.of.get(&key).into_iter().flatten();
        let about = key.into_iter().chain(actor).flat_map(of).filter_map(|p| self.closed.get(*p));
        // What was a breach in anybody's eyes counts as one.
        let mut made_of_it = None;
        for (incident, resolution) in about {
            let end = incident.last_event.plus_ms(AFTER_MS);
            if !(incident.first_event..=end).contains(&finding.time) {
                continue;
            }
            self.met.insert(incident.id.clone());
            if made_of_it != Some(Resolution::TruePositive) {
                made_of_it = Some(*resolution);
            }
        }
        *self.findings.entry(made_of_it.map_or("none", Resolution::name)).or_default() += 1;
    }

    /// Findings by what the incident they met turned out to be, `none` where they met none.
    pub fn findings(&self) -> &BTreeMap<&'static str, u64> {
        &self.findings
    }

    /// Incidents closed so, those of them that were met, and the ids of the others.
    pub fn of(&self, resolution: Resolution) -> (usize, usize, Vec<&str>) {
        let of = || self.closed.iter().filter(|(_, made)| *made == resolution);
        let missed = of().filter(|(incident, _)| !self.met.contains(&incident.id));
        let missed: Vec<&str> = missed.map(|(incident, _)| incident.id.as_str()).collect();
        (of().count(), of().count() - missed.len(), missed)
    }
}

/// Incidents that are resolved, whose events lie between the bounds.
pub async fn closed_incidents(
    store: &Store,
    (from, to): (Option<EventTime>, Option<EventTime>),
) -> Result<Vec<(Incident, Resolution)>, StoreError> {
    let filter = IncidentFilter { states: vec!["resolved"], ..IncidentFilter::default() };
    let mut closed = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = store.incidents(&filter, PAGE, cursor.as_deref()).await?;
        let ids: Vec<&str> = page.items.iter().map(|incident| incident.id.as_str()).collect();
        let cases = store.cases(&ids).await?;
        for incident in page.items {
            let resolution = cases.get(&incident.id).and_then(|case| case.resolution);
            let before = from.is_some_and(|from| incident.last_event < from);
            let after = to.is_some_and(|to| incident.first_event >= to);
            if let Some(resolution) = resolution.filter(|_| !before && !after) {
                closed.push((incident, resolution));
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(closed);
        }
    }
}
