//! Sigma rules as a detector: a match becomes a finding, repeats are held back.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::baseline::mark;
use super::detector::Judged;
use super::exceptions::Exceptions;
use super::rule_noise::RuleNoise;
use super::rules::{
    Correlation, EventFields, Firing, GroupScratch, Groups, Known, Released, Rule, RuleIndex,
    RuleSet, Scope, Scratch, Slot, Spokesman, Ticks,
};
use super::state::Later;
use crate::engine::model::{EventTime, Finding, Format, IdHasher, Key, KeyKind, Kind, Severity};

/// A rule set with what each kind of event needs of it, worked out once.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    set: Arc<RuleSet>,
    /// In the order of `ids`: what stands for the rule in the state.
    keys: Vec<u64>,
    /// Ids of the rules, then of the correlations: what counts are told by.
    ids: Arc<[String]>,
    /// In the same order: counts, and tells nobody.
    shadow: Vec<bool>,
    exceptions: Exceptions,
    scopes: [[Scope; 3]; 4],
}

/// The same rule on the same key is told once within this time.
const REPEAT_MS: i64 = 600_000;
/// Rules remembered as told, a key.
const TOLD_MAX: usize = 64;

/// Which rules were told of a key, and when.
#[derive(Default, Serialize, Deserialize)]
pub struct RuleState {
    /// By a hash of the rule's id, which outlives a reload as its index does not.
    told: Later<Vec<(u64, EventTime)>>,
}

impl RuleState {
    pub fn heap_bytes(&self) -> usize {
        self.told.heap_bytes() + self.told.capacity() * size_of::<(u64, EventTime)>()
    }

    fn told_at(&self, rule: u64) -> Option<EventTime> {
        self.told.iter().find(|(seen, _)| *seen == rule).map(|&(_, told)| told)
    }

    /// Marks it as told at `at`; true for the first of that day.
    pub fn is_first_today(&mut self, rule: u64, at: EventTime) -> bool {
        let before = self.told_at(rule);
        self.is_news(rule, at);
        before.is_none_or(|told| day(told) != day(at))
    }

    fn is_news(&mut self, rule: u64, at: EventTime) -> bool {
        if let Some(place) = self.told.iter().position(|(seen, _)| *seen == rule) {
            let (_, told) = &mut self.told[place];
            let news = at.since(*told).abs() >= REPEAT_MS;
            if news {
                *told = at;
            }
            return news;
        }
        if self.told.len() >= TOLD_MAX {
            self.told.remove(0);
        }
        self.told.push((rule, at));
        true
    }
}

/// What one rule did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleCounts {
    /// Events whose fields its condition was held against; the prefilter passed over the others. Of
    /// a correlation, those its books took and its condition was held against.
    pub evaluated: u64,
    /// Events that match, or windows in which a correlation's condition held.
    pub matched: u64,
    pub findings: u64,
    /// Findings held back by an exception.
    pub suppressed: u64,
    /// Findings that would have been told, were the rule not in the shadow.
    pub shadow: u64,
    /// Nanoseconds, from one event in some.
    pub spent_ns: u64,
}

impl RuleCounts {
    pub fn add(&mut self, other: Self) {
        self.evaluated += other.evaluated;
        self.matched += other.matched;
        self.findings += other.findings;
        self.suppressed += other.suppressed;
        self.shadow += other.shadow;
        self.spent_ns += other.spent_ns;
    }
}

/// Everything that rules keep books in.
pub struct RuleBooks<'b, 'g> {
    /// Of the event's actor or source.
    pub told: &'b mut RuleState,
    pub groups: &'b mut Groups<'g>,
    /// Of the whole shard.
    pub noise: &'b mut RuleNoise,
}

/// Working memory of matching, kept by each shard.
#[derive(Debug, Default)]
pub struct RuleScratch {
    scratch: Scratch,
    groups: GroupScratch,
    matched: Vec<RuleIndex>,
    fired: Vec<Firing>,
    /// Counts of the rules in use, and whose they are.
    counts: Vec<RuleCounts>,
    ids: Arc<[String]>,
    /// How many of them are no correlations; those come after.
    detections: usize,
    /// Counts of rules that were in use before a reload.
    left: Vec<(Arc<[String]>, Vec<RuleCounts>)>,
}

impl RuleScratch {
    /// Has the rules timed, by one event in some.
    pub fn time_with(&mut self, ticks: Ticks) {
        self.scratch.time_with(ticks);
        self.groups.time_with(ticks);
    }

    /// Hands out all counts by rule id, and starts them anew.
    pub fn take_counts(&mut self, mut of: impl FnMut(&str, RuleCounts)) {
        self.settle();
        let now = (Arc::clone(&self.ids), std::mem::take(&mut self.counts));
        self.counts = vec![RuleCounts::default(); self.ids.len()];
        for (ids, counts) in self.left.drain(..).chain([now]) {
            for (id, counts) in ids.iter().zip(counts) {
                if counts != RuleCounts::default() {
                    of(id, counts);
                }
            }
        }
    }

    /// Moves what the matcher counted to the rules' counts.
    fn settle(&mut self) {
        let counts = &mut self.counts;
        self.scratch.take_evaluated(|rule, times| {
            if let Some(counts) = counts.get_mut(rule) {
                counts.evaluated += u64::from(times);
            }
        });
        self.scratch.take_spent(|rule, ns| count(counts, rule, |counts| counts.spent_ns += ns));
        let detections = self.detections;
        self.groups.take_evaluated(|correlation, times| {
            count(counts, detections + correlation, |counts| {
                counts.evaluated += u64::from(times);
            });
        });
        self.groups.take_spent(|correlation, ns| {
            count(counts, detections + correlation, |counts| counts.spent_ns += ns);
        });
    }

    fn follow(&mut self, ids: &Arc<[String]>, detections: usize) {
        if !Arc::ptr_eq(&self.ids, ids) {
            self.settle();
            self.detections = detections;
            let counts = std::mem::replace(&mut self.counts, vec![Default::default(); ids.len()]);
            self.left.push((std::mem::replace(&mut self.ids, Arc::clone(ids)), counts));
        }
    }
}

impl Rules {
    pub const NAME: &str = "rule";

    pub fn new(set: RuleSet) -> Self {
        let formats = [Format::Native, Format::Ocsf, Format::CloudTrail, Format::Zeek];
        let scopes = formats.map(|format| Kind::ALL.map(|kind| set.scope_of_event(format, kind)));
        let key = |id: &String| IdHasher::new("rule").part(id.as_bytes()).finish_u64();
        let correlations = set.correlations().iter().map(|correlation| &correlation.rule);
        let ids: Arc<[String]> =
            set.rules().iter().chain(correlations).map(|rule| rule.id.clone()).collect();
        let keys = ids.iter().map(key).collect();
        let shadow = vec![false; ids.len()];
        let set = Arc::new(set);
        Self { set, keys, ids, shadow, exceptions: Exceptions::default(), scopes }
    }

    /// The rules of these ids count and tell nobody. Gives the ids that no rule has.
    pub fn put_in_shadow<'i>(&mut self, ids: &'i [String]) -> Vec<&'i str> {
        for (id, shadow) in self.ids.iter().zip(&mut self.shadow) {
            *shadow = ids.contains(id);
        }
        ids.iter().filter(|id| !self.ids.contains(*id)).map(String::as_str).collect()
    }

    pub fn except(&mut self, exceptions: Exceptions) {
        self.exceptions = exceptions;
    }

    pub fn exceptions(&self) -> &Exceptions {
        &self.exceptions
    }

    pub fn set(&self) -> &RuleSet {
        &self.set
    }

    /// Every rule and correlation, and whether it is in the shadow.
    pub fn all(&self) -> impl Iterator<Item = (&Rule, Option<&Correlation>, bool)> {
        let rules = self.set.rules().iter().map(|rule| (rule, None));
        let correlations = self
            .set
            .correlations()
            .iter()
            .map(|correlation| (&correlation.rule, Some(correlation)));
        let all = rules.chain(correlations).zip(&self.shadow);
        all.map(|((rule, correlation), shadow)| (rule, correlation, *shadow))
    }

    /// Detection rules and correlations.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Matches one event; `raw` parses its record, should a rule ask for a field of it. A late
    /// event takes part in no correlation.
    pub fn observe(
        &self,
        judged: &Judged<'_>,
        raw: &dyn Fn() -> serde_json::Value,
        scratch: &mut RuleScratch,
        books: RuleBooks<'_, '_>,
        findings: &mut Vec<Finding>,
    ) {
        let RuleBooks { told: state, groups, noise } = books;
        scratch.follow(&self.ids, self.set.rules().len());
        let scope = &self.scopes[judged.event.format as usize][judged.event.kind as usize];
        let known = Known {
            tier: Some(judged.facts.tier),
            case_required: Some(judged.facts.case_required),
            subject: match judged.facts.tokens.as_slice() {
                [only] if judged.event.resource.subjects_total == 1 => Some(*only),
                _ => None,
            },
        };
        let fields = EventFields::new(judged.event, known, raw);
        let RuleScratch { scratch, groups: group_scratch, matched, fired, counts, .. } = scratch;
        matched.clear();
        self.set.matches(scope, &fields, scratch, matched);
        for &index in matched.iter() {
            let place = index as usize;
            count(counts, place, |counts| counts.matched += 1);
            let key = self.keys.get(place).copied().unwrap_or_default();
            let before = state.told_at(key);
            if self.set.tells(index) && state.is_news(key, judged.at) {
                let first_today = before.is_none_or(|told| day(told) != day(judged.at));
                let told = || self.finding(index, judged, noise, first_today);
                self.tell(place, judged.at, counts, findings, told);
            }
        }
        if matched.is_empty() || judged.late {
            return;
        }
        fired.clear();
        let event = Spoken { rules: self, judged };
        self.set.correlate(matched, &fields, &event, groups, group_scratch, fired);
        for firing in fired.iter() {
            let place = self.set.rules().len() + firing.correlation as usize;
            count(counts, place, |counts| counts.matched += 1);
            if self.set.correlation_tells(firing.correlation) {
                let key = self.keys.get(place).copied().unwrap_or_default();
                let first_today = state.is_first_today(key, judged.at);
                let told = || {
                    let about = self.outline(firing, judged)?;
                    self.fired(about, firing, noise, first_today)
                };
                self.tell(place, firing.at, counts, findings, told);
            }
        }
    }

    /// Counts events that have waited, of instants before `until` or all, and tells what comes of
    /// it. `is_first_today` asks the state of whom a finding is about, by the rule's key.
    pub fn let_go(
        &self,
        until: Option<EventTime>,
        scratch: &mut RuleScratch,
        groups: &mut Groups<'_>,
        noise: &mut RuleNoise,
        is_first_today: &mut dyn FnMut(&Finding, u64) -> bool,
        findings: &mut Vec<Finding>,
    ) {
        scratch.follow(&self.ids, self.set.rules().len());
        let mut released = Vec::new();
        self.set.release(until, groups, &mut scratch.groups, &mut released);
        for Released { firing, about } in released {
            let place = self.set.rules().len() + firing.correlation as usize;
            count(&mut scratch.counts, place, |counts| counts.matched += 1);
            let Some(about) = about.filter(|_| self.set.correlation_tells(firing.correlation))
            else {
                continue;
            };
            let key = self.keys.get(place).copied().unwrap_or_default();
            let first_today = is_first_today(&about, key);
            let told = || self.fired(*about, &firing, noise, first_today);
            self.tell(place, firing.at, &mut scratch.counts, findings, told);
        }
    }

    /// Tells, unless the rule is in the shadow or an exception stands against it.
    fn tell(
        &self,
        place: usize,
        at: EventTime,
        counts: &mut [RuleCounts],
        findings: &mut Vec<Finding>,
        finding: impl FnOnce() -> Option<Finding>,
    ) {
        if self.shadow.get(place).copied().unwrap_or(false) {
            return count(counts, place, |counts| counts.shadow += 1);
        }
        let Some(finding) = finding() else { return };
        if self.exceptions.cover(&finding, at) {
            return count(counts, place, |counts| counts.suppressed += 1);
        }
        count(counts, place, |counts| counts.findings += 1);
        findings.push(finding);
    }

    fn finding(
        &self,
        index: RuleIndex,
        judged: &Judged<'_>,
        noise: &mut RuleNoise,
        first_today: bool,
    ) -> Option<Finding> {
        let rule = self.set.rule(index)?;
        let finding = judged.finding(Self::NAME, &rule.id, score(rule.level), about(rule));
        let mut finding = Finding { unit: "matches".into(), ..told(finding, rule) };
        noise.judge(mark(&rule.id), first_today, &mut finding);
        Some(finding)
    }

    /// What an event says about a firing that it brings about.
    fn outline(&self, firing: &Firing, judged: &Judged<'_>) -> Option<Finding> {
        let rule = &self.set.correlations().get(firing.correlation as usize)?.rule;
        // A late event may complete two windows.
        let variant = format!("{} until {}", rule.id, firing.at.millis());
        let (score, why) = (score(rule.level), about(rule));
        let finding = match source_of(firing) {
            Some(ip) => {
                let key = Key { kind: KeyKind::Source, value: ip.to_owned() };
                judged.finding_on(key, Self::NAME, &variant, score, why)
            }
            None => judged.finding(Self::NAME, &variant, score, why),
        };
        Some(told(finding, rule))
    }

    fn fired(
        &self,
        about: Finding,
        firing: &Firing,
        noise: &mut RuleNoise,
        first_today: bool,
    ) -> Option<Finding> {
        let correlation = self.set.correlations().get(firing.correlation as usize)?;
        let mut finding = about;
        finding.why = format!(
            "{}; {} {} in {}, told from {}",
            finding.why,
            shown(firing.value),
            correlation.kind.unit(),
            span(correlation.timespan_ms),
            shown(correlation.threshold()),
        );
        finding.window.start = firing.window_start;
        finding.window.end = firing.at;
        finding.observed = firing.value;
        finding.expected = correlation.threshold();
        finding.unit = correlation.kind.unit().into();
        noise.judge(mark(&correlation.rule.id), first_today, &mut finding);
        Some(finding)
    }
}

/// An event that has to wait, as rules speak of it.
struct Spoken<'s, 'e> {
    rules: &'s Rules,
    judged: &'s Judged<'e>,
}

impl Spokesman for Spoken<'_, '_> {
    fn hash(&self) -> u64 {
        IdHasher::new("turn").part(self.judged.event_id().as_bytes()).finish_u64()
    }

    fn finding(&self, firing: &Firing) -> Option<Finding> {
        let tells = self.rules.set.correlation_tells(firing.correlation);
        tells.then(|| self.rules.outline(firing, self.judged)).flatten()
    }
}

fn day(at: EventTime) -> i64 {
    at.millis().div_euclid(86_400_000)
}

fn count(counts: &mut [RuleCounts], place: usize, add: impl FnOnce(&mut RuleCounts)) {
    if let Some(counts) = counts.get_mut(place) {
        add(counts);
    }
}

fn told(mut finding: Finding, rule: &Rule) -> Finding {
    finding.severity = rule.level;
    finding.rule = Some(rule.id.clone());
    finding.attack = rule.attack.iter().map(|id| id.clone().into()).collect();
    finding
}

fn about(rule: &Rule) -> String {
    let about = first_sentence(&rule.description);
    if about.is_empty() { rule.title.clone() } else { format!("{}: {about}", rule.title) }
}

/// However its lines are broken; without its full stop.
fn first_sentence(text: &str) -> String {
    let paragraph = text.trim_start().split("\n\n").next().unwrap_or("");
    let mut sentence = String::new();
    for word in paragraph.split_whitespace() {
        if !sentence.is_empty() {
            sentence.push(' ');
        }
        sentence += word;
        if sentence.ends_with('.') {
            sentence.pop();
            break;
        }
    }
    sentence
}

/// The source address a group is, where it is one and not an actor's too.
fn source_of(firing: &Firing) -> Option<&str> {
    let names = |name: &str| Slot::named(name);
    if firing.group.iter().any(|(name, _)| names(name) == Some(Slot::ActorId)) {
        return None;
    }
    let is_source = |name: &str| {
        names(name) == Some(Slot::SourceIp) || matches!(name, "id.orig_h" | "src_endpoint.ip")
    };
    firing.group.iter().find(|(name, _)| is_source(name)).and_then(|(_, ip)| ip.as_deref())
}

/// A number for a sentence: whole, or with two decimals.
fn shown(number: f64) -> String {
    if number.fract() == 0.0 { format!("{number:.0}") } else { format!("{number:.2}") }
}

fn span(milliseconds: u32) -> String {
    let seconds = milliseconds / 1_000;
    let units: [(u32, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let whole = units.into_iter().find(|(size, _)| seconds.is_multiple_of(*size));
    let (size, unit) = whole.unwrap_or((1, "s"));
    format!("{} {unit}", seconds / size)
}

const fn score(level: Severity) -> u8 {
    match level {
        Severity::Informational => 8,
        Severity::Low => 28,
        Severity::Medium => 48,
        Severity::High => 66,
        Severity::Critical => 88,
    }
}
