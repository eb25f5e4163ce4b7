//! Findings of a rule that somebody has answered for: this rule, this key, until then.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::engine::model::{EventTime, Finding, Problems};

/// Exceptions in force at once.
const EXCEPTIONS_MAX: usize = 10_000;

/// One `[[exception]]`: a rule or a detector, whom or what it is silent about, and who answers
/// for it. Owner, reason and end are required: whoever silences something says why, and until
/// when. Of `key`, `actor`, `source` and `dataset` those given must all fit the finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// Id of the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Or the detector's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detector: Option<String>,
    /// The finding's key: an actor, or a source address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The source address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// Who answers for it.
    pub owner: String,
    pub reason: String,
    /// Findings of windows that end from then on are told again.
    pub expires: EventTime,
}

/// Read from a file and from the API's topic, looked at before a finding is told.
#[derive(Clone, Debug, Default)]
pub struct Exceptions {
    list: Vec<Exception>,
    /// Places in `list` by rule or detector, then by one of the values a finding must have.
    places: HashMap<String, HashMap<String, Vec<usize>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    exception: Vec<Exception>,
}

impl Exception {
    /// Adds what is wrong with it to `problems`, under `place`.
    pub fn check(&self, place: &str, problems: &mut Problems) {
        let given = [
            ("rule", self.rule.as_ref()),
            ("detector", self.detector.as_ref()),
            ("key", self.key.as_ref()),
            ("actor", self.actor.as_ref()),
            ("source", self.source.as_ref()),
            ("dataset", self.dataset.as_ref()),
            ("owner", Some(&self.owner)),
            ("reason", Some(&self.reason)),
        ];
        for (name, text) in given {
            problems.require(
                text.is_none_or(|text| !text.trim().is_empty()),
                &format!("{place}.{name}"),
                || "must not be empty".into(),
            );
        }
        problems.require(self.rule.is_some() != self.detector.is_some(), place, || {
            "needs a rule or a detector, and not both".into()
        });
        problems.require(self.value().is_some(), place, || {
            "needs at least one of key, actor, source and dataset".into()
        });
    }

    /// What it is silent, be it rule or detector.
    pub fn of(&self) -> &str {
        self.rule.as_deref().or(self.detector.as_deref()).unwrap_or_default()
    }

    /// True where it is about this finding, whatever the time.
    pub fn fits(&self, finding: &Finding) -> bool {
        let of = match (&self.rule, &self.detector) {
            (Some(rule), _) => finding.rule.as_ref() == Some(rule),
            (None, Some(detector)) => finding.detector == *detector,
            (None, None) => false,
        };
        let fits = |wanted: &Option<String>, has: Option<&String>| {
            wanted.as_ref().is_none_or(|wanted| has == Some(wanted))
        };
        of && self.value().is_some()
            && fits(&self.key, Some(&finding.key.value))
            && fits(&self.actor, finding.actor.as_ref())
            && fits(&self.source, finding.source_ip.as_ref())
            && fits(&self.dataset, finding.dataset.as_ref())
    }

    fn value(&self) -> Option<&String> {
        let first = self.key.as_ref().or(self.actor.as_ref());
        first.or(self.source.as_ref()).or(self.dataset.as_ref())
    }

    /// True where it is about the same, whoever answers for it and until when.
    pub fn is_like(&self, other: &Self) -> bool {
        let parts = |e: &'_ Self| {
            [&e.rule, &e.detector, &e.key, &e.actor, &e.source, &e.dataset].map(Clone::clone)
        };
        parts(self) == parts(other)
    }
}

impl Exceptions {
    /// Reads a file's text (TOML, `[[exception]]` tables).
    pub fn parse(text: &str) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let list = match toml::from_str::<File>(text) {
            Ok(file) => file.exception,
            Err(error) => {
                let line = error.span().map_or(0, |span| {
                    text.get(..span.start).unwrap_or(text).matches('\n').count() + 1
                });
                problems.add("exceptions", format!("line {line}: {}", error.message()));
                return Err(problems);
            }
        };
        let mut exceptions = Self::default();
        for (i, exception) in list.into_iter().enumerate() {
            let place = format!("exception[{i}]");
            exception.check(&place, &mut problems);
            if exceptions.like(&exception).is_some() {
                problems.add(place, "the same rule and key stand above");
            }
            exceptions.put(exception);
        }
        exceptions.check_number(&mut problems);
        problems.into_result()?;
        Ok(exceptions)
    }

    /// Adds those made through the API, all or none. One that stands here already may be longer.
    pub fn join(&mut self, more: impl IntoIterator<Item = Exception>) -> Result<(), Problems> {
        let mut problems = Problems::default();
        let mut joined = self.clone();
        for exception in more {
            exception.check(&format!("exception on {}", exception.of()), &mut problems);
            joined.put(exception);
        }
        joined.check_number(&mut problems);
        problems.into_result()?;
        *self = joined;
        Ok(())
    }

    fn check_number(&self, problems: &mut Problems) {
        problems.require(self.list.len() <= EXCEPTIONS_MAX, "exception", || {
            format!("at most {EXCEPTIONS_MAX} exceptions, got {}", self.list.len())
        });
    }

    fn like(&self, exception: &Exception) -> Option<&Exception> {
        let places = self.places.get(exception.of())?.get(exception.value()?)?;
        let mut near = places.iter().filter_map(|&place| self.list.get(place));
        near.find(|near| near.is_like(exception))
    }

    fn put(&mut self, exception: Exception) {
        if let Some(value) = exception.value() {
            let of = self.places.entry(exception.of().to_owned()).or_default();
            of.entry(value.clone()).or_default().push(self.list.len());
        }
        self.list.push(exception);
    }

    pub fn list(&self) -> &[Exception] {
        &self.list
    }

    /// Those that no longer hold at `now`.
    pub fn expired(&self, now: EventTime) -> impl Iterator<Item = &Exception> {
        self.list.iter().filter(move |exception| exception.expires <= now)
    }

    /// Whether the finding of a window that ends at `at` is held back.
    pub fn cover(&self, finding: &Finding, at: EventTime) -> bool {
        if self.list.is_empty() {
            return false;
        }
        let rule = finding.rule.as_deref();
        let names = [rule, Some(finding.detector.as_ref())];
        let values = [
            Some(&finding.key.value),
            finding.actor.as_ref(),
            finding.source_ip.as_ref(),
            finding.dataset.as_ref(),
        ];
        names.into_iter().flatten().filter_map(|name| self.places.get(name)).any(|of| {
            let places = values.into_iter().flatten().filter_map(|value| of.get(value)).flatten();
            let mut near = places.filter_map(|&place| self.list.get(place));
            near.any(|exception| at < exception.expires && exception.fits(finding))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = match Exceptions::parse(text) {
            Ok(exceptions) => format!("{} exceptions", exceptions.list().len()),
            Err(problems) => problems.to_string(),
        };
        assert_eq!(shown, expected);
    }

    const ONE: &str = "[[exception]]\nrule=\"r\"\nkey=\"off-1\"\nowner=\"ann\"\nreason=\"audit\"\nexpires=\"2026-04-01T00:00:00Z\"\n";

    #[test]
    fn every_part_is_required() {
        check(ONE, "1 exceptions");
        check("", "0 exceptions");
        check(&ONE.replace("owner=\"ann\"\n", ""), "exceptions: line 1: missing field `owner`");
        check(&ONE.replace("ann", " "), "exception[0].owner: must not be empty");
        check(&format!("{ONE}{ONE}"), "exception[1]: the same rule and key stand above");
        let told = Exceptions::parse(&ONE.replace("T00:00:00Z", "")).expect_err("no instant");
        assert!(told.to_string().contains("line 6"), "{told}");
    }

    #[test]
    fn ends_when_it_says() {
        let exceptions = Exceptions::parse(ONE).expect("an exception");
        let end = EventTime::parse("2026-04-01T00:00:00Z").expect("a time");
        assert_eq!(exceptions.expired(end).count(), 1);
        assert_eq!(exceptions.expired(end.minus_ms(1)).count(), 0);
    }

    #[test]
    fn says_what_it_is_silent_about() {
        check(
            &ONE.replace("rule=\"r\"\n", ""),
            "exception[0]: needs a rule or a detector, and not both",
        );
        check(
            &format!("{ONE}detector=\"canary\"\n"),
            "exception[0]: needs a rule or a detector, and not both",
        );
        check(
            &ONE.replace("key=\"off-1\"\n", ""),
            "exception[0]: needs at least one of key, actor, source and dataset",
        );
        check(&ONE.replace("key=\"off-1\"", "actor=\"off-1\"\ndataset=\"pnr\""), "1 exceptions");
    }

    /// `exception` holds the finding of `detector` about off-1 reading `pnr` back, or not.
    fn covers(exception: &str, at: &str, expected: bool) {
        let text = format!(
            "[[exception]]\n{exception}\nowner=\"ann\"\nreason=\"audit\"\nexpires=\"2026-04-01T00:00:00Z\"\n"
        );
        let exceptions = Exceptions::parse(&text).expect(exception);
        let finding: Finding =
            serde_json::from_str(include_str!("exceptions_finding.json")).expect("a finding");
        let at = EventTime::parse(at).expect("a time");
        assert_eq!(exceptions.cover(&finding, at), expected, "{exception} at {at}");
    }

    #[test]
    fn every_part_given_must_fit() {
        let (before, after) = ("2026-03-31T23:59:59Z", "2026-04-01T00:00:00Z");
        covers("detector=\"bulk_read\"\nactor=\"off-1\"", before, true);
        covers("detector=\"bulk_read\"\nactor=\"off-1\"", after, false);
        covers("detector=\"bulk_read\"\nkey=\"off-1\"", before, true);
        covers("detector=\"bulk_read\"\nactor=\"off-1\"\ndataset=\"pnr\"", before, true);
        covers("detector=\"bulk_read\"\nactor=\"off-1\"\ndataset=\"cargo\"", before, false);
        covers("detector=\"bulk_read\"\nsource=\"10.0.0.1\"", before, true);
        covers("detector=\"bulk_read\"\nsource=\"10.0.0.2\"", before, false);
        covers("detector=\"canary\"\nactor=\"off-1\"", before, false);
        covers("rule=\"bulk_read\"\nactor=\"off-1\"", before, false);
    }

    #[test]
    fn those_of_the_api_join_all_or_none() {
        let mut exceptions = Exceptions::parse(ONE).expect("an exception");
        let one = exceptions.list()[0].clone();
        let wrong = Exception { owner: " ".into(), ..one.clone() };
        let told = exceptions.join([one.clone(), wrong]).expect_err("no owner").to_string();
        assert_eq!(told, "exception on r.owner: must not be empty");
        assert_eq!(exceptions.list().len(), 1);
        exceptions.join([one]).expect("joined");
        assert_eq!(exceptions.list().len(), 2);
    }
}
