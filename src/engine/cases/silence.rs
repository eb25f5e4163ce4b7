//! Silences: what nobody is told of, from when until when. Judged by the wall clock, which is
//! handed in.

use serde::{Deserialize, Serialize};

use crate::engine::model::{EventTime, Problems, Severity};

/// Longest a silence may hold.
pub const SILENCE_DAYS_MAX: i64 = 92;
const DAY_MS: i64 = 86_400_000;
const OWNER_MAX: usize = 100;
const REASON_MAX: usize = 500;
/// Values of one list, and characters of one value.
const VALUES_MAX: usize = 100;
const VALUE_MAX: usize = 400;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Silence {
    /// Who answers for it, and why.
    pub owner: String,
    pub reason: String,
    pub from: EventTime,
    /// The first moment at which it holds no more.
    pub until: EventTime,
    #[serde(rename = "match")]
    pub matcher: Matcher,
}

/// Every list that is given must fit; one of its values is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Matcher {
    pub incident: Vec<String>,
    pub actor: Vec<String>,
    pub source: Vec<String>,
    pub dataset: Vec<String>,
    pub category: Vec<String>,
    pub detector: Vec<String>,
    pub severity: Vec<Severity>,
    pub sink: Vec<String>,
}

/// What a notice is about, and for whom it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noticed<'a> {
    /// Empty for none, and for several.
    pub incident: &'a str,
    pub actors: Vec<&'a str>,
    pub sources: Vec<&'a str>,
    pub datasets: Vec<&'a str>,
    pub categories: Vec<&'a str>,
    pub detectors: Vec<&'a str>,
    pub severity: Severity,
    pub sink: &'a str,
}

/// Where a silence stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SilenceState {
    Pending,
    Active,
    Expired,
}

impl SilenceState {
    pub const ALL: [Self; 3] = [Self::Pending, Self::Active, Self::Expired];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Expired => "expired",
        }
    }

    pub fn at(now: EventTime, from: EventTime, ends: EventTime) -> Self {
        if ends <= now {
            Self::Expired
        } else if from <= now {
            Self::Active
        } else {
            Self::Pending
        }
    }
}

impl Silence {
    /// What is wrong with it by itself; `sinks` are those there are.
    pub fn check(&self, key: &str, sinks: &[&str], problems: &mut Problems) {
        signed(&self.owner, &self.reason, key, problems);
        let length_ms = self.until.since(self.from);
        problems.require(
            (1..=SILENCE_DAYS_MAX * DAY_MS).contains(&length_ms),
            &format!("{key}.until"),
            || {
                format!(
                    "must be after `from` ({}), by at most {SILENCE_DAYS_MAX} days; got {}",
                    self.from, self.until
                )
            },
        );
        self.matcher.check_silence(&format!("{key}.match"), sinks, problems);
    }
}

/// Whoever keeps notices back says who they are, and why.
pub fn signed(owner: &str, reason: &str, key: &str, problems: &mut Problems) {
    for (name, text, chars_max) in [("owner", owner, OWNER_MAX), ("reason", reason, REASON_MAX)] {
        let length = text.trim().chars().count();
        problems.require((1..=chars_max).contains(&length), &format!("{key}.{name}"), || {
            format!("must be 1 to {chars_max} characters, got {length}")
        });
    }
}

fn among(list: &[String], value: &str) -> bool {
    list.iter().any(|known| known == value)
}

impl Matcher {
    /// The lists of words, each by its key and with what it is held against.
    fn words<'m>(&'m self, noticed: &'m Noticed) -> [(&'m [String], &'m [&'m str]); 7] {
        let one = std::slice::from_ref;
        [
            (&self.incident, one(&noticed.incident)),
            (&self.actor, &noticed.actors),
            (&self.source, &noticed.sources),
            (&self.dataset, &noticed.datasets),
            (&self.category, &noticed.categories),
            (&self.detector, &noticed.detectors),
            (&self.sink, one(&noticed.sink)),
        ]
    }

    fn lists(&self) -> [(&'static str, &[String]); 7] {
        [
            ("incident", &self.incident),
            ("actor", &self.actor),
            ("source", &self.source),
            ("dataset", &self.dataset),
            ("category", &self.category),
            ("detector", &self.detector),
            ("sink", &self.sink),
        ]
    }

    /// For routes: some of it fits. What is about nothing in particular, such as a test, always does.
    pub fn touches(&self, noticed: &Noticed) -> bool {
        let fits = |(list, values): &(&[String], &[&str])| {
            list.is_empty() || values.iter().any(|value| among(list, value))
        };
        (self.severity.is_empty() || self.severity.contains(&noticed.severity))
            && self.words(noticed).iter().all(fits)
    }

    /// For silences: all of it fits, so that a silence on one category or actor hides no incident
    /// that is about another one too. What is critical is hidden by those alone that name it.
    pub fn covers(&self, noticed: &Noticed) -> bool {
        let whole = |(list, values): &(&[String], &[&str])| {
            list.is_empty() || values.iter().all(|value| among(list, value))
        };
        self.touches(noticed)
            && (noticed.severity < Severity::Critical || !self.severity.is_empty())
            && self.words(noticed).iter().all(whole)
    }

    pub fn check(&self, key: &str, problems: &mut Problems) {
        for (name, list) in self.lists() {
            problems.require(list.len() <= VALUES_MAX, &format!("{key}.{name}"), || {
                format!("must be at most {VALUES_MAX} values, got {}", list.len())
            });
            for value in list {
                let length = value.chars().count();
                let fits = !value.trim().is_empty() && length <= VALUE_MAX;
                problems.require(fits, &format!("{key}.{name}"), || {
                    format!("each value must be 1 to {VALUE_MAX} characters, got {length}")
                });
            }
        }
    }

    /// The same for a silence, which must not hide everything by an oversight. Where no sinks are
    /// known, none is refused.
    pub fn check_silence(&self, key: &str, sinks: &[&str], problems: &mut Problems) {
        let names = self.lists().map(|(name, _)| name).join(", ");
        let some = !self.severity.is_empty() || self.lists().iter().any(|(_, l)| !l.is_empty());
        problems.require(some, key, || format!("must name at least one of severity, {names}"));
        self.check(key, problems);
        for sink in self.sink.iter().filter(|sink| !sinks.contains(&sink.as_str())) {
            problems.add(
                format!("{key}.sink"),
                format!("there is no sink `{sink}`; there are: {}", sinks.join(", ")),
            );
        }
    }
}

impl std::fmt::Display for Matcher {
    /// `actor off-1, severity medium or high`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let severities: Vec<String> = self.severity.iter().map(|s| s.name().to_owned()).collect();
        let lists = self.lists().into_iter().chain([("severity", severities.as_slice())]);
        let parts: Vec<String> = lists
            .filter(|(_, list)| !list.is_empty())
            .map(|(name, list)| format!("{name} {}", list.join(" or ")))
            .collect();
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(text: &str) -> Matcher {
        serde_json::from_str(text).expect("a matcher")
    }

    fn noticed() -> Noticed<'static> {
        Noticed {
            incident: "4f3c",
            actors: vec!["off-1", "off-2"],
            sources: vec!["10.0.0.1"],
            datasets: vec!["pnr"],
            categories: vec!["travel"],
            detectors: vec!["bulk_read"],
            severity: Severity::High,
            sink: "desk",
        }
    }

    #[track_caller]
    fn check(text: &str, touches: bool, covers: bool) {
        let (matcher, noticed) = (matcher(text), noticed());
        assert_eq!(
            (matcher.touches(&noticed), matcher.covers(&noticed)),
            (touches, covers),
            "{text}"
        );
    }

    #[test]
    fn a_silence_covers_what_it_names_as_a_whole() {
        check(r#"{"actor": ["off-1"]}"#, true, false);
        check(r#"{"actor": ["off-1", "off-2", "off-3"]}"#, true, true);
        check(r#"{"actor": ["off-3"]}"#, false, false);
        check(r#"{"incident": ["4f3c"], "severity": ["medium", "high"]}"#, true, true);
        check(r#"{"incident": ["4f3d"]}"#, false, false);
        check(r#"{"source": ["10.0.0.1"], "dataset": ["pnr"], "sink": ["desk"]}"#, true, true);
        check(r#"{"source": ["10.0.0.1"], "sink": ["duty"]}"#, false, false);
    }

    #[test]
    fn one_that_grew_worse_is_covered_no_more() {
        let matcher = matcher(r#"{"incident": ["4f3c"], "severity": ["medium", "high"]}"#);
        let worse = Noticed { severity: Severity::Critical, ..noticed() };
        assert!(matcher.covers(&noticed()) && !matcher.covers(&worse));
        let silent = super::Matcher { severity: Vec::new(), ..matcher };
        assert!(!silent.covers(&worse), "what is critical has to be named");
    }

    #[test]
    fn one_on_actors_covers_nothing_that_has_none() {
        let nobody = Noticed { actors: Vec::new(), ..noticed() };
        assert!(!matcher(r#"{"actor": ["off-1"]}"#).covers(&nobody));
    }

    #[test]
    fn it_holds_from_its_beginning_to_before_its_end() {
        let at = |ms: i64| EventTime::from_millis(ms).expect("a time");
        let state = |now: i64| SilenceState::at(at(now), at(10), at(20)).name();
        assert_eq!(
            [state(9), state(10), state(19), state(20)],
            ["pending", "active", "active", "expired"]
        );
        assert_eq!(SilenceState::at(at(5), at(10), at(5)), SilenceState::Expired, "ended before");
    }

    #[test]
    fn what_it_is_about_can_be_read() {
        let matcher = matcher(r#"{"severity": ["medium", "high"], "actor": ["off-1"]}"#);
        assert_eq!(matcher.to_string(), "actor off-1, severity medium or high");
    }
}
