//! Sigma rules as a detector: a match becomes a finding, repeats are held back.

use smallvec::SmallVec;

use super::baseline::mark;
use super::detector::Judged;
use super::rule_noise::RuleNoise;
use super::rules::{EventFields, Known, RuleIndex, RuleSet, Scope, Scratch};
use crate::engine::model::{EventTime, Finding, Format, Kind, Severity};

/// A rule set with what each kind of event needs of it, worked out once.
#[derive(Debug, Default)]
pub struct Rules {
    set: RuleSet,
    scopes: [[Scope; 3]; 4],
}

/// The same rule on the same key is told once within this time.
const REPEAT_MS: i64 = 600_000;
/// Rules remembered as told, a key.
const TOLD_MAX: usize = 64;

/// Which rules were told of a key, and when.
#[derive(Default)]
pub struct RuleState {
    told: SmallVec<[(RuleIndex, EventTime); 1]>,
}

impl RuleState {
    pub fn heap_bytes(&self) -> usize {
        if self.told.spilled() {
            self.told.capacity() * size_of::<(RuleIndex, EventTime)>()
        } else {
            0
        }
    }

    fn told_at(&self, rule: RuleIndex) -> Option<EventTime> {
        self.told.iter().find(|(seen, _)| *seen == rule).map(|&(_, told)| told)
    }

    fn is_news(&mut self, rule: RuleIndex, at: EventTime) -> bool {
        if let Some((_, told)) = self.told.iter_mut().find(|(seen, _)| *seen == rule) {
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

/// Working memory of matching, kept by each shard.
#[derive(Debug, Default)]
pub struct RuleScratch {
    scratch: Scratch,
    matched: Vec<RuleIndex>,
}

impl Rules {
    pub const NAME: &str = "rule";

    pub fn new(set: RuleSet) -> Self {
        let formats = [Format::Native, Format::Ocsf, Format::CloudTrail, Format::Zeek];
        let scopes = formats.map(|format| Kind::ALL.map(|kind| set.scope_of_event(format, kind)));
        Self { set, scopes }
    }

    pub fn len(&self) -> usize {
        self.set.rules().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Matches one event; `raw` parses its record, should a rule ask for a field of it.
    pub fn observe(
        &self,
        judged: &Judged<'_>,
        raw: &dyn Fn() -> serde_json::Value,
        scratch: &mut RuleScratch,
        state: &mut RuleState,
        noise: &mut RuleNoise,
        findings: &mut Vec<Finding>,
    ) {
        let scope = &self.scopes[judged.event.format as usize][judged.event.kind as usize];
        let known = Known {
            tier: Some(judged.facts.tier),
            case_required: Some(judged.facts.case_required),
        };
        let fields = EventFields::new(judged.event, known, raw);
        scratch.matched.clear();
        self.set.matches(scope, &fields, &mut scratch.scratch, &mut scratch.matched);
        for &index in &scratch.matched {
            let before = state.told_at(index);
            if state.is_news(index, judged.at) {
                let day = |at: EventTime| at.millis().div_euclid(86_400_000);
                let first_today = before.is_none_or(|told| day(told) != day(judged.at));
                findings.extend(self.finding(index, judged, noise, first_today));
            }
        }
    }

    fn finding(
        &self,
        index: RuleIndex,
        judged: &Judged<'_>,
        noise: &mut RuleNoise,
        first_today: bool,
    ) -> Option<Finding> {
        let rule = self.set.rule(index)?;
        let about = rule.description.split(['.', '\n']).next().unwrap_or("").trim();
        let why =
            if about.is_empty() { rule.title.clone() } else { format!("{}: {about}", rule.title) };
        let mut finding = judged.finding(Self::NAME, &rule.id, score(rule.level), why);
        finding.severity = rule.level;
        if let Some(one_in) = noise.went_off(mark(&rule.id), first_today)
            && rule.level < Severity::Critical
        {
            finding.severity = Severity::Informational;
            finding.score = score(Severity::Informational);
            finding.why += &format!("; only noted, since it goes off on one actor-day in {one_in}");
        }
        finding.rule = Some(rule.id.clone());
        finding.unit = "matches".into();
        finding.attack = rule.attack.iter().map(|id| id.clone().into()).collect();
        Some(finding)
    }
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
