//! Tidewaiter's rules beside those of `rsigma-eval`, which nobody here wrote.
//!
//! The rules are taken in by path, as the fuzz targets do, so that nothing of Kafka or SQLite has
//! to be built. The peer is right on streams in order; nothing else is compared.

#[path = "../../../fuzz/src/engine.rs"]
#[allow(dead_code)]
pub mod engine;

use std::collections::BTreeSet;

use engine::detect::rules::{
    Fields, GroupScratch, GroupState, Groups, LogSource, RuleSet, Scope, Scratch,
};
use engine::detect::state::Table;
use engine::model::EventTime;
use rsigma_eval::{CorrelationConfig, CorrelationEngine, Engine, JsonEvent};
use serde_json::Value as Json;

/// A firing: rule, group, second, value.
pub type Fired = (String, String, i64, f64);

/// Ours, over records of one log source.
pub struct Ours {
    set: RuleSet,
    scope: Scope,
    scratch: Scratch,
    groups: GroupScratch,
    table: Table<GroupState>,
    matched: Vec<u32>,
    fired: Vec<engine::detect::rules::Firing>,
}

impl Ours {
    pub fn new(text: &str, product: &str, category: &str) -> Result<Self, String> {
        let set = RuleSet::load([("rules.yml", text)], &Default::default());
        let set = set.map_err(|errors| format!("{errors:?}"))?;
        let categories = [category].into_iter().collect();
        let scope = set.scope(&[LogSource { product: Some(product), service: None, categories }]);
        Ok(Self {
            set,
            scope,
            scratch: Scratch::default(),
            groups: GroupScratch::default(),
            table: Table::new(1_000_000),
            matched: Vec::new(),
            fired: Vec::new(),
        })
    }

    /// Matches and correlates one event; says how much came of it.
    pub fn take<F: Fields>(&mut self, event: &F, at_ms: i64) -> usize {
        self.matched.clear();
        self.fired.clear();
        self.set.matches(&self.scope, event, &mut self.scratch, &mut self.matched);
        let at = EventTime::from_millis(at_ms).unwrap_or_default();
        let table = &mut self.table;
        let (watermark, held) = (Some(at), None);
        let mut groups = Groups { table, at, watermark, lateness_ms: 600_000, seed: 7, held };
        let (matched, fired) = (&self.matched, &mut self.fired);
        self.set.correlate(matched, event, &(), &mut groups, &mut self.groups, fired);
        self.matched.len() + self.fired.len()
    }

    /// Ids of the rules that matched the event last taken.
    pub fn matched(&self) -> BTreeSet<String> {
        let rules = self.matched.iter().filter_map(|index| self.set.rule(*index));
        rules.map(|rule| rule.id.clone()).collect()
    }

    /// What fired on the event last taken.
    pub fn fired(&self) -> Vec<Fired> {
        let mut fired: Vec<Fired> = self
            .fired
            .iter()
            .map(|firing| {
                let rule = &self.set.correlations()[firing.correlation as usize].rule;
                let group = firing.group.iter().filter_map(|(name, value)| {
                    value.as_ref().map(|value| format!("{name}={value}"))
                });
                let group = group.collect::<Vec<_>>().join(",");
                (rule.id.clone(), group, firing.at.millis() / 1_000, firing.value)
            })
            .collect();
        fired.sort_by(|a, b| a.0.cmp(&b.0));
        fired
    }
}

/// The peer's detection rules.
pub fn peer_engine(text: &str) -> Result<Engine, String> {
    let rules = rsigma_parser::parse_sigma_yaml(text).map_err(|error| error.to_string())?;
    let mut engine = Engine::new();
    engine.add_collection(&rules).map_err(|error| error.to_string())?;
    Ok(engine)
}

/// The peer's correlations, which tell a group again after `quiet_s`.
pub fn peer_correlations(text: &str, quiet_s: u64) -> Result<CorrelationEngine, String> {
    let rules = rsigma_parser::parse_sigma_yaml(text).map_err(|error| error.to_string())?;
    let config = CorrelationConfig {
        suppress: Some(quiet_s),
        max_state_entries: 10_000_000,
        ..CorrelationConfig::default()
    };
    let mut engine = CorrelationEngine::new(config);
    engine.add_collection(&rules).map_err(|error| error.to_string())?;
    Ok(engine)
}

/// Ids of the peer's rules that match.
pub fn peer_matched(engine: &Engine, event: &Json) -> BTreeSet<String> {
    let results = engine.evaluate(&JsonEvent::borrow(event));
    results
        .into_iter()
        .filter_map(|result| result.header.rule_id.map(|id| id.to_string()))
        .collect()
}

/// What fires in the peer.
pub fn peer_fired(engine: &mut CorrelationEngine, event: &Json, second: i64) -> Vec<Fired> {
    let results = engine.process_event_at(&JsonEvent::borrow(event), second);
    let mut fired: Vec<Fired> = results
        .iter()
        .filter_map(|result| {
            let body = result.as_correlation()?;
            let group = body.group_key.iter().map(|(name, value)| format!("{name}={value}"));
            let group = group.collect::<Vec<_>>().join(",");
            let id = result.header.rule_id.clone().unwrap_or_default().to_string();
            Some((id, group, second, body.aggregated_value))
        })
        .collect();
    fired.sort_by(|a, b| a.0.cmp(&b.0));
    fired
}
