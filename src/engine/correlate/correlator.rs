//! Grouping, and everything an incident sets in motion.

use std::collections::BTreeSet;

use hashbrown::{HashMap, HashSet};

use super::entries::{finding_entry, is_evidence, severity_entry};
use super::goes_on::went_on;
use super::group::{Group, key_of};
use super::shared_subjects::SharedSubjects;
use super::sharing::Sharing;
use super::{Chains, CorrelateConfig, Correlated, FactorReads, Involved, Notice, NoticeKind};
use crate::engine::model::{
    Entry, EventTime, Finding, FindingId, IdHasher, Incident, IncidentId, Key, KeyKind, Source,
    Status,
};
use crate::engine::shard::Evidence;

/// Findings remembered against repeats: at least the last so many.
const FINDINGS_KNOWN_MAX: usize = 500_000;
/// Incidents looked at for one key.
const PER_KEY_MAX: usize = 8;
/// Holds the incidents that may still grow.
pub struct Correlator {
    pub(super) config: CorrelateConfig,
    pub(super) groups: HashMap<IncidentId, Group>,
    pub(super) by_key: HashMap<Key, Vec<IncidentId>>,
    pub(super) by_session: HashMap<String, Vec<IncidentId>>,
    sharing: Sharing,
    pub(super) readers: SharedSubjects,
    /// Two generations, so that the older half is forgotten and never the newest.
    known: HashSet<FindingId>,
    known_before: HashSet<FindingId>,
    chains: Chains,
    pub(super) factor_reads: FactorReads,
    /// Incidents whose scope has grown since their numbers were last brought up to date.
    pub(super) stale: Vec<IncidentId>,
    /// Event time as far as the shards' watermarks have said. A finding's own time does not move
    /// it: one clock in the future would end every incident.
    pub(super) now: EventTime,
    /// Incidents let go for want of room.
    pub(super) shed: u64,
}

impl Correlator {
    pub fn new(config: CorrelateConfig) -> Self {
        let chains = Chains::new(config.chain_s, config.read_then_outflow);
        let factor_reads = FactorReads::new(config.factor_removed_then_read);
        Self {
            sharing: Sharing::new(&config),
            readers: SharedSubjects::new(&config),
            config,
            groups: HashMap::new(),
            by_key: HashMap::new(),
            by_session: HashMap::new(),
            known: HashSet::new(),
            known_before: HashSet::new(),
            chains,
            factor_reads,
            stale: Vec::new(),
            now: EventTime::MIN,
            shed: 0,
        }
    }

    /// Takes one finding. A repeat (same id) changes nothing.
    pub fn take_finding(&mut self, finding: Finding, out: &mut Correlated) {
        if !self.remember(&finding.id) {
            return;
        }
        let mut chains = self.chains.take(&finding);
        chains.extend(self.factor_reads.take(&finding));
        out.watches.extend(self.factor_reads.watch(&finding));
        self.place(finding, out);
        chains.into_iter().for_each(|chain| self.place_chain(chain, out));
    }

    fn place_chain(&mut self, chain: Finding, out: &mut Correlated) {
        if self.remember(&chain.id) {
            out.chains.push(chain.clone());
            self.place(chain, out);
        }
    }

    /// Takes one piece of evidence for the incidents that asked for it.
    pub fn take_evidence(&mut self, evidence: Evidence, out: &mut Correlated) {
        let Evidence { key, entry, alone } = evidence;
        let chain = self.factor_reads.take_read(&entry);
        if !alone {
            self.take_entry(key, entry, out);
        }
        if let Some(chain) = chain {
            self.place_chain(chain, out);
        }
    }

    /// Brings the numbers of incidents up to date that only gained evidence, and makes those one
    /// that it shows to be. To be called before what changed is stored or served.
    pub fn flush(&mut self, out: &mut Correlated) {
        self.join_readers(out);
        for id in std::mem::take(&mut self.stale) {
            if let Some(group) = self.groups.get_mut(&id) {
                group.refresh();
                out.change(&id);
            }
        }
    }

    /// Event time has reached `time`, and there is no need yet to look through the incidents.
    pub fn reach(&mut self, time: EventTime) {
        self.now = self.now.max(time);
    }

    /// Event time has reached `time`: incidents without a finding for the quiet gap go quiet, and
    /// those quiet for long are let go.
    pub fn advance(&mut self, time: EventTime, out: &mut Correlated) {
        self.now = self.now.max(time);
        let gap_ms = self.config.quiet_gap_ms();
        let keep_ms = i64::from(self.config.keep_s) * 1_000 + gap_ms;
        let now = self.now;
        let mut quiet = BTreeSet::new();
        for (id, group) in &mut self.groups {
            // Heard of before there was any time.
            if group.heard == EventTime::MIN {
                group.heard = now;
            }
            if !group.is_placed && group.is_quiet(now, gap_ms) {
                quiet.insert(id.clone());
            }
        }
        for id in &quiet {
            let Some(group) = self.groups.get_mut(id) else { continue };
            group.is_placed = true;
            if group.incident.status == Status::Open {
                group.incident.status = Status::Quiet;
                out.notices.push(notice(&group.incident, NoticeKind::Quiet, now));
                out.change(id);
            }
        }
        self.join_days(quiet, out);
        let over = self.groups.iter().filter(|(_, group)| {
            group.is_placed
                && now.since(group.last_finding) > keep_ms
                && now > group.waits_until(gap_ms)
                && now > self.may_go_on_until(group)
        });
        let mut gone: BTreeSet<IncidentId> = over.map(|(id, _)| id.clone()).collect();
        self.shed(&mut gone);
        self.forget(&gone, out);
    }

    /// Takes an incident back from the store, with its findings and evidence, oldest first.
    pub fn restore(&mut self, incident: Incident, findings: &[Finding], entries: &[Entry]) {
        let Some(first) = findings.first() else { return };
        let id = incident.id.clone();
        let mut group = Group::new(id.clone(), first, &self.config);
        group.take_back(&incident, findings.iter());
        for finding in findings {
            self.remember(&finding.id);
            self.sharing.note(finding);
            self.chains.take(finding);
            self.factor_reads.resume(finding);
            self.readers.alert(&id, finding);
            self.index(finding, &id);
            let asked = self.asked(finding);
            self.keys(finding).into_iter().for_each(|key| group.ask(key, asked));
        }
        for entry in entries {
            group.went_on = group.went_on.max(went_on(entry));
            if let Some(key) = key_of(entry).filter(|_| is_evidence(entry)) {
                group.take_entry(&key, entry);
                self.readers.take(&id, &key, entry);
                self.factor_reads.note(entry);
                // Counted along, so that the score is next looked at when it would have been.
                group.settles_on_evidence();
            }
        }
        group.resume(incident);
        for entry in entries.iter().filter(|entry| is_evidence(entry)) {
            if let Some(key) = key_of(entry) {
                group.follow(&key, entry, self.config.quiet_gap_ms());
            }
        }
        // When it was heard of is not stored; for honest clocks it was then.
        group.heard = group.last_finding;
        self.groups.insert(id, group);
    }

    pub fn incident(&self, id: &str) -> Option<&Incident> {
        self.groups.get(id).map(|group| &group.incident)
    }

    /// What an incident's findings say it is about.
    pub fn involved(&self, id: &str) -> Involved {
        self.groups.get(id).map(Group::involved).unwrap_or_default()
    }

    /// Every incident at hand, in no order.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.groups.values().map(|group| &group.incident)
    }

    pub fn now(&self) -> EventTime {
        self.now
    }

    fn remember(&mut self, id: &FindingId) -> bool {
        if self.known_before.contains(id) || !self.known.insert(id.clone()) {
            return false;
        }
        if self.known.len() >= FINDINGS_KNOWN_MAX {
            self.known_before = std::mem::take(&mut self.known);
        }
        true
    }

    fn place(&mut self, finding: Finding, out: &mut Correlated) {
        self.sharing.note(&finding);
        let finding = Finding { source_actors: 0, ..finding };
        let id = self.home(&finding, out);
        self.index(&finding, &id);
        self.request(&finding, &id, out);
        let Some(group) = self.groups.get_mut(&id) else { return };
        group.take_finding(&finding);
        group.heard = group.heard.max(self.now);
        self.readers.alert(&id, &finding);
        out.entries.push((id.clone(), finding_entry(&finding)));
        let (time, source) = (finding.time, finding.source.clone());
        out.findings.push((id.clone(), finding));
        self.settle(&id, time, &source, out);
    }

    /// The incident a finding belongs to: the one it shares a key with, several of them made one,
    /// or a new one.
    fn home(&mut self, finding: &Finding, out: &mut Correlated) -> IncidentId {
        let gap_ms = self.config.quiet_gap_ms();
        let mut near: Vec<&IncidentId> = Vec::new();
        let keys = self.keys(finding);
        let ip = finding.source_ip.as_ref();
        let of_key = |key| {
            let ids = self.by_key.get(key).into_iter().flatten();
            ids.filter(|id| self.groups.get(*id).is_some_and(|group| self.joins(key, ip, group)))
        };
        let session = finding.session.iter().filter(|_| !is_shared(finding));
        let by_session = session.filter_map(|session| self.by_session.get(session));
        for id in keys.iter().flat_map(of_key).chain(by_session.flatten()) {
            let is_near = self.groups.get(id).is_some_and(|group| {
                group.is_near(finding.time, gap_ms) || group.waits_for(finding)
            });
            if is_near && !near.contains(&id) {
                near.push(id);
            }
        }
        let of_actor = finding.actor.iter().filter_map(|actor| {
            self.by_key.get(&Key { kind: KeyKind::Actor, value: actor.clone() })
        });
        let of_actor: Vec<&IncidentId> = of_actor.flatten().collect();
        near = self.without_split(near, |id| of_actor.contains(&id));
        near.sort_by_key(|id| {
            (self.groups.get(*id).map(|g| g.incident.first_finding), (*id).clone())
        });
        let near: Vec<IncidentId> = near.into_iter().cloned().collect();
        let Some((first, others)) = near.split_first() else {
            let id = IdHasher::new("incident").part(finding.id.as_bytes()).finish();
            let group = Group::new(id.clone(), finding, &self.config);
            self.groups.insert(id.clone(), group);
            return id;
        };
        for other in others {
            self.merge(other, first, out);
        }
        first.clone()
    }

    pub(super) fn merge(&mut self, from: &IncidentId, into: &IncidentId, out: &mut Correlated) {
        let Some(absorbed) = self.groups.remove(from) else { return };
        if let Some(group) = self.groups.get_mut(into) {
            group.absorb(absorbed);
        }
        self.follow(from, into, out);
    }

    /// Whatever led to an incident leads to the one that has absorbed it.
    pub(super) fn follow(&mut self, from: &IncidentId, into: &IncidentId, out: &mut Correlated) {
        self.readers.follow(from, into);
        self.follow_origin(from, into);
        for ids in self.by_key.values_mut().chain(self.by_session.values_mut()) {
            if let Some(place) = ids.iter().position(|id| id == from) {
                if ids.contains(into) {
                    ids.remove(place);
                } else {
                    ids[place].clone_from(into);
                }
            }
        }
        out.changed.retain(|id| id != from);
        for notice in out.notices.iter_mut().filter(|notice| notice.incident == *from) {
            notice.incident.clone_from(into);
        }
        let entries = out.entries.iter_mut().map(|(id, _)| id);
        for id in entries.chain(out.findings.iter_mut().map(|(id, _)| id)) {
            if id == from {
                id.clone_from(into);
            }
        }
        out.merged.push((from.clone(), into.clone()));
    }

    /// What joins a finding to others: its actor, and its source unless that is a gateway.
    pub(super) fn keys(&self, finding: &Finding) -> Vec<Key> {
        if is_shared(finding) {
            return vec![finding.key.clone()];
        }
        let actor = finding.actor.iter().map(|a| Key { kind: KeyKind::Actor, value: a.clone() });
        let source = finding
            .source_ip
            .iter()
            .filter(|ip| !self.sharing.is_gateway(ip))
            .map(|ip| Key { kind: KeyKind::Source, value: ip.clone() });
        // A topic that falls silent does so in each of its partitions.
        let system = Some(&finding.key).filter(|key| key.kind == KeyKind::System).cloned();
        actor.chain(source).chain(system).collect()
    }

    /// Whether what came from `ip` may join the group by `key`: not by an account that several
    /// use, unless it came from one of the group's addresses.
    pub(super) fn joins(&self, key: &Key, ip: Option<&String>, group: &Group) -> bool {
        !self.is_shared_account(key) || ip.is_none_or(|ip| group.has_source(ip))
    }

    pub(super) fn is_shared_account(&self, key: &Key) -> bool {
        key.kind == KeyKind::Actor && self.sharing.is_shared(&key.value)
    }

    pub(super) fn index(&mut self, finding: &Finding, id: &IncidentId) {
        for key in self.keys(finding) {
            push(self.by_key.entry(key).or_default(), id);
        }
        if let Some(session) = finding.session.as_ref().filter(|_| !is_shared(finding)) {
            push(self.by_session.entry(session.clone()).or_default(), id);
        }
    }

    /// Recomputes an incident and tells what that changed.
    pub(super) fn settle(
        &mut self,
        id: &IncidentId,
        time: EventTime,
        source: &Source,
        out: &mut Correlated,
    ) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let was_open = group.incident.opened.is_some();
        let before = group.settle(time);
        let incident = &group.incident;
        let after = incident.severity;
        if !was_open && incident.opened.is_some() {
            self.readers.opened(id);
        }
        if before != after {
            let entry = severity_entry(incident, before, time, source.clone());
            group.incident.timeline_length += 1;
            out.entries.push((id.clone(), entry));
            let incident = &group.incident;
            if !was_open && incident.opened.is_some() {
                out.notices.push(notice(incident, NoticeKind::Opened, time));
            } else if after > before && incident.opened.is_some() {
                out.notices.push(notice(incident, NoticeKind::SeverityRaised, time));
            }
        }
        out.change(id);
    }
}

fn push(ids: &mut Vec<IncidentId>, id: &IncidentId) {
    if ids.last() == Some(id) {
        return;
    }
    ids.retain(|other| other != id);
    if ids.len() >= PER_KEY_MAX {
        ids.remove(0);
    }
    ids.push(id.clone());
}

fn notice(incident: &Incident, kind: NoticeKind, time: EventTime) -> Notice {
    Notice { incident: incident.id.clone(), kind, severity: incident.severity, time }
}

/// True of a finding on what many actors share, a subject or a range of records: it is one story
/// with those on the same, and none with whatever else its actors did.
fn is_shared(finding: &Finding) -> bool {
    matches!(finding.key.kind, KeyKind::Subject | KeyKind::Dataset)
}
