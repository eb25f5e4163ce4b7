//! Why a rule was refused. Read by the person who wrote it.

use std::{fmt, sync::Arc};

/// One thing wrong with one rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    pub file: Arc<str>,
    /// From 1.
    pub line: u32,
    /// Title of the rule, empty where the file did not get that far.
    pub rule: String,
    /// The words in the file that are at fault.
    pub construct: String,
    pub problem: Problem,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if !self.rule.is_empty() {
            write!(f, "rule `{}`: ", self.rule)?;
        }
        if !self.construct.is_empty() {
            write!(f, "`{}`: ", self.construct)?;
        }
        self.problem.fmt(f)
    }
}

impl std::error::Error for RuleError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.problem)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("not valid YAML: {0}")]
    Yaml(String),
    #[error("too many {what}: {found}, at most {max} are accepted")]
    TooMany { what: &'static str, found: usize, max: usize },
    #[error("missing `{0}`")]
    Missing(&'static str),
    #[error("must be {0}")]
    Expected(&'static str),
    #[error("{0} not supported")]
    Unsupported(&'static str),
    #[error("correlations refer to one another in a circle")]
    Circle,
    #[error("is the name of several rules; use an id")]
    Ambiguous,
    #[error("appears twice")]
    Repeated,
    #[error("unknown, expected one of {0}")]
    Unknown(&'static str),
    #[error("unknown modifier `{modifier}`, known are {known}")]
    UnknownModifier { modifier: String, known: &'static str },
    #[error("modifier `{modifier}` {reason}")]
    Modifier { modifier: &'static str, reason: &'static str },
    #[error("no value is given for placeholder `%{0}%`")]
    Placeholder(String),
    #[error("not a usable regular expression: {0}")]
    Regex(String),
    #[error("not an IP network in CIDR notation")]
    Network,
    #[error("condition: {reason} at column {column}")]
    Condition { reason: &'static str, column: usize },
    #[error("condition uses `{name}`, but only {known} are defined")]
    UnknownSelection { name: String, known: String },
    #[error("condition uses `{name}`, which fits none of {known}")]
    EmptyPattern { name: String, known: String },
    #[error("who a record is about is not readable by rules; `subjects_total` counts them")]
    Private,
    #[error("id is already used by {0}")]
    DuplicateId(String),
    #[error("no rule loaded has this id or name")]
    NoSuchRule,
    #[error("is a rule of another log source than the filter")]
    OtherLogSource,
}

/// A problem before it is known which file and rule it is in.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub line: u32,
    pub construct: String,
    pub problem: Problem,
}

impl Fault {
    pub fn new(line: u32, construct: impl Into<String>, problem: Problem) -> Self {
        Self { line, construct: shorten(construct.into()), problem }
    }

    pub fn within(self, file: &Arc<str>, rule: &str) -> RuleError {
        RuleError {
            file: Arc::clone(file),
            line: self.line,
            rule: rule.to_owned(),
            construct: self.construct,
            problem: self.problem,
        }
    }
}

/// Characters of a faulty construct that are shown.
const CONSTRUCT_MAX: usize = 120;

fn shorten(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(CONSTRUCT_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}
