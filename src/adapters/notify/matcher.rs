//! Which notices a route or a silence is about.

use serde::Deserialize;

use super::facts::Facts;
use crate::engine::model::{Problems, Severity};

/// Every list that is given must fit; one of its values is enough.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Matcher {
    pub severity: Vec<Severity>,
    pub category: Vec<String>,
    pub detector: Vec<String>,
    pub sink: Vec<String>,
}

const VALUES_MAX: usize = 100;

impl Matcher {
    /// For routes: some of it fits. What is about nothing in particular, such as a test, always does.
    pub fn touches(&self, facts: &Facts, sink: &str) -> bool {
        let among = |list: &[String], value: &str| list.iter().any(|v| v == value);
        (self.severity.is_empty() || self.severity.contains(&facts.severity))
            && (self.category.is_empty()
                || facts.scope.iter().any(|part| among(&self.category, &part.category)))
            && (self.detector.is_empty()
                || facts.detectors.iter().any(|name| among(&self.detector, name)))
            && (self.sink.is_empty() || among(&self.sink, sink))
    }

    /// For silences: all of it fits, so that a silence on one category hides no incident that is
    /// about another one too. What is critical is hidden by those alone that name it.
    pub fn covers(&self, facts: &Facts, sink: &str) -> bool {
        let other = |list: &[String], value: &str| !list.iter().any(|v| v == value);
        self.touches(facts, sink)
            && (facts.severity < Severity::Critical || !self.severity.is_empty())
            && (self.category.is_empty()
                || !facts.scope.iter().any(|part| other(&self.category, &part.category)))
            && (self.detector.is_empty()
                || !facts.detectors.iter().any(|name| other(&self.detector, name)))
    }

    fn is_empty(&self) -> bool {
        self.severity.is_empty()
            && self.category.is_empty()
            && self.detector.is_empty()
            && self.sink.is_empty()
    }

    pub fn check(&self, key: &str, problems: &mut Problems) {
        for (name, list) in
            [("category", &self.category), ("detector", &self.detector), ("sink", &self.sink)]
        {
            problems.require(list.len() <= VALUES_MAX, &format!("{key}.{name}"), || {
                format!("must be at most {VALUES_MAX} values, got {}", list.len())
            });
        }
    }

    /// The same for a silence, which must not hide everything by an oversight.
    pub fn check_silence(&self, key: &str, sinks: &[&str], problems: &mut Problems) {
        problems.require(!self.is_empty(), key, || {
            "must name at least one of severity, category, detector, sink".into()
        });
        self.check(key, problems);
        for sink in self.sink.iter().filter(|sink| !sinks.contains(&sink.as_str())) {
            problems.add(
                format!("{key}.sink"),
                format!("there is no sink `{sink}`; there are: {}", sinks.join(", ")),
            );
        }
    }
}
