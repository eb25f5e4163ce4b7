//! Findings of a rule that somebody has answered for: this rule, this key, until then.

use std::collections::HashMap;

use serde::Deserialize;

use crate::engine::model::{EventTime, Finding, Problems};

/// Exceptions of one file.
const EXCEPTIONS_MAX: usize = 10_000;

/// One `[[exception]]`. Everything is required: whoever silences a rule says why, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// Id of the rule.
    pub rule: String,
    /// The finding's key: an actor, or a source address.
    pub key: String,
    /// Who answers for it.
    pub owner: String,
    pub reason: String,
    /// Findings of windows that end from then on are told again.
    pub expires: EventTime,
}

/// Read from a file, looked at before a finding is told.
#[derive(Clone, Debug, Default)]
pub struct Exceptions {
    list: Vec<Exception>,
    /// By rule, then key: until when.
    until: HashMap<String, HashMap<String, EventTime>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    exception: Vec<Exception>,
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
        problems.require(list.len() <= EXCEPTIONS_MAX, "exception", || {
            format!("at most {EXCEPTIONS_MAX} exceptions, got {}", list.len())
        });
        let mut until: HashMap<String, HashMap<String, EventTime>> = HashMap::new();
        for (i, exception) in list.iter().enumerate() {
            let Exception { rule, key, owner, reason, expires } = exception;
            for (name, text) in [("rule", rule), ("key", key), ("owner", owner), ("reason", reason)]
            {
                problems.require(
                    !text.trim().is_empty(),
                    &format!("exception[{i}].{name}"),
                    || "must not be empty".into(),
                );
            }
            let of_rule = until.entry(rule.clone()).or_default();
            if of_rule.insert(key.clone(), *expires).is_some() {
                problems.add(format!("exception[{i}]"), "the same rule and key stand above");
            }
        }
        problems.into_result()?;
        Ok(Self { list, until })
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
        let Some(of_rule) = finding.rule.as_ref().and_then(|rule| self.until.get(rule)) else {
            return false;
        };
        of_rule.get(&finding.key.value).is_some_and(|until| at < *until)
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
}
