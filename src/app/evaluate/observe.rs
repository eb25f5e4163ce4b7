//! Notes what was said about a month while it is replayed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;

use super::calibration::ByRole;
use crate::app::replay::Listener;
use crate::engine::correlate::{Correlated, Correlator};
use crate::engine::detect::baseline::WindowP;
use crate::engine::model::{EventTime, Finding, Incident, KeyKind};
use crate::simulate::{Told, Truth, event_id};

/// An incident reached medium. Noted once, when it first did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    pub time: EventTime,
    pub actors: Vec<String>,
    /// Whose events it rests on where it is about a range of records, a dataset or a person instead
    /// of somebody's account: an index into the truth's entries.
    pub about: Option<u16>,
    /// The detector that spoke last before, or the rule's id.
    pub by: String,
    /// Whether an incident that had opened before took it in: it went on on another day.
    pub taken_in: bool,
}

/// An incident of medium or above first names an account that is part of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naming {
    pub time: EventTime,
    /// Index into the truth's entries.
    pub entry: u16,
    /// None where it names what all accounts of the entry read.
    pub actor: Option<String>,
    /// Rows the entry's events had returned by then.
    pub records: u64,
}

/// What a replay of one month at one budget said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    pub openings: Vec<Opening>,
    pub namings: Vec<Naming>,
    /// Findings on accounts that are part of no entry, by detector.
    pub findings_elsewhere: BTreeMap<String, u64>,
    /// Findings on accounts that are: detector, time, entry.
    pub findings: Vec<(String, EventTime, u16)>,
    /// Probabilities of windows of accounts that are part of no entry, in the second half.
    pub calibration: ByRole,
}

/// Told of every event and of everything the engine says.
pub(super) struct Observer {
    pub observed: Observed,
    now: EventTime,
    /// Account to entry.
    entry_of: HashMap<String, u16>,
    /// Ids of the events of entries that many accounts share.
    shared: HashMap<String, u16>,
    is_shared: Vec<bool>,
    records: Vec<u64>,
    /// Places among the openings.
    opened: HashMap<String, usize>,
    named: HashSet<(String, String)>,
    /// Incidents about something shared: the entry, by incident.
    about: HashMap<String, u16>,
    /// Minute since 1970 from which on windows count.
    counts_from: u32,
}

impl Observer {
    pub(super) fn new(truth: &Truth) -> Self {
        let mut entry_of = HashMap::new();
        let half = truth.start.plus_ms(i64::from(truth.days / 2) * 86_400_000);
        for (n, entry) in truth.entries.iter().enumerate() {
            entry_of.extend(entry.actors.iter().map(|actor| (actor.clone(), n as u16)));
        }
        Self {
            observed: Observed::default(),
            now: truth.start,
            entry_of,
            shared: HashMap::new(),
            is_shared: truth.entries.iter().map(|entry| entry.actors.len() > 1).collect(),
            records: vec![0; truth.entries.len()],
            opened: HashMap::new(),
            named: HashSet::new(),
            about: HashMap::new(),
            counts_from: (half.millis() / 60_000).clamp(0, i64::from(u32::MAX)) as u32,
        }
    }

    /// The event that is judged next.
    pub(super) fn event(&mut self, told: &Told) {
        self.now = told.time;
        let Some(entry) = told.entry else { return };
        let n = usize::from(entry);
        if let Some(records) = self.records.get_mut(n) {
            *records += u64::from(told.records);
        }
        if self.is_shared.get(n) == Some(&true) {
            self.shared.insert(event_id(told.number), entry);
        }
    }

    fn note_incident(&mut self, incident: &Incident, by: &str) {
        let about = self.about.get(&incident.id).copied();
        if !self.opened.contains_key(&incident.id) {
            self.opened.insert(incident.id.clone(), self.observed.openings.len());
            let (actors, by) = (incident.actors.clone(), by.to_owned());
            let opening = Opening { time: self.now, actors, about, by, taken_in: false };
            self.observed.openings.push(opening);
        }
        let named = incident.actors.iter().filter_map(|actor| {
            let entry = *self.entry_of.get(actor)?;
            let new = self.named.insert((incident.id.clone(), actor.clone()));
            new.then(|| (entry, Some(actor.clone())))
        });
        let named: Vec<_> = named.collect();
        let whole = about.filter(|_| self.named.insert((incident.id.clone(), String::new())));
        for (entry, actor) in named.into_iter().chain(whole.map(|entry| (entry, None))) {
            let records = self.records.get(usize::from(entry)).copied().unwrap_or(0);
            self.observed.namings.push(Naming { time: self.now, entry, actor, records });
        }
    }

    /// The entry that most of a finding's evidence belongs to.
    fn entry_of_evidence(&self, finding: &Finding) -> Option<u16> {
        let mut counts = BTreeMap::<u16, usize>::new();
        for entry in finding.evidence.iter().filter_map(|id| self.shared.get(id)) {
            *counts.entry(*entry).or_default() += 1;
        }
        let (entry, most) = counts.into_iter().max_by_key(|&(_, count)| count)?;
        (most * 2 >= finding.evidence.len()).then_some(entry)
    }
}

impl Listener for Observer {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        let entry = finding.actor.as_ref().and_then(|actor| self.entry_of.get(actor));
        let detector = finding.detector.to_string();
        match entry {
            Some(&entry) => self.observed.findings.push((detector, finding.time, entry)),
            None => *self.observed.findings_elsewhere.entry(detector).or_default() += 1,
        }
        Ok(())
    }

    fn window(&mut self, actor: &str, role: &str, window: &WindowP) {
        if window.minute >= self.counts_from && !self.entry_of.contains_key(actor) {
            self.observed.calibration.add(role, window);
        }
    }

    fn correlated(&mut self, correlator: &Correlator, out: &Correlated) -> io::Result<()> {
        for (incident, finding) in &out.findings {
            if matches!(finding.key.kind, KeyKind::Subject | KeyKind::Dataset)
                && let Some(entry) = self.entry_of_evidence(finding)
            {
                self.about.insert(incident.clone(), entry);
            }
        }
        for (absorbed, by) in &out.merged {
            let places = [absorbed, by].map(|id| self.opened.get(id).copied());
            if let [Some(place), Some(before)] = places
                && before < place
                && let Some(opening) = self.observed.openings.get_mut(place)
            {
                opening.taken_in = true;
            }
        }
        for id in &out.changed {
            if let Some(incident) = correlator.incident(id)
                && incident.opened.is_some()
                && incident.merged_into.is_none()
            {
                let mut said = out.findings.iter().filter(|(to, _)| to == id);
                let last = said.next_back().map(|(_, finding)| finding);
                let by = last.map_or("", |f| f.rule.as_deref().unwrap_or(&f.detector));
                self.note_incident(incident, by);
            }
        }
        Ok(())
    }
}
