//! Sigma rules: rule files in, the rules that match an event out, and what many matches make.
//!
//! Comes in: rule texts (Sigma 2.1) and what placeholders stand for, at load; then events, through
//! the trait [`Fields`]. Goes out: the indices of the rules that match.
//!
//! All is worked out at load. Comparisons are shared between rules and made once an event; a
//! prefilter a log source passes over rules that cannot match; conditions are jump programs. What
//! a rule says and we do not do is refused at load, with file, line, rule and construct: a rule
//! never matches less than it says. Everything a rule file can make large has a limit.
//!
//! Uses `engine::model`, and for correlations the tables and windows of `detect`. Never reads files, never keeps an event, and never lets a rule see
//! whom a record is about.
//!
//! Where Sigma leaves room:
//! - A list in an event matches when any element does; a path goes through lists on its way.
//! - `null` matches null and absence; `exists` tells the two apart: a field that is null exists.
//! - `neq` is NOT: it also matches an event without the field.
//! - A number in a rule equals a number, or a text that is one; a text in a rule is compared with
//!   numbers as they are printed.
//! - In regular expressions `$` is the very end of the text (PCRE also takes it before a last line
//!   break), and `\d`, `\w` and `\s` know all of Unicode. What else PCRE reads otherwise is refused.
//! - Keywords are looked for anywhere in any text, number or truth of the event, not in its keys.

mod atom;
mod compile;
mod condition;
mod correlation;
mod error;
mod event_fields;
mod expression;
mod fields;
mod fold;
mod lint;
mod logsource;
mod mapping;
mod matcher;
mod meter;
mod modifier;
mod networks;
mod pairs;
mod pattern;
mod prefilter;
mod regex_dialect;
mod rule;
mod scratch;
mod set;
mod slot;
mod testing;
#[cfg(test)]
mod tests;
mod text_set;
mod time_part;
mod value;
mod vocabulary;
mod yaml;

pub use compile::{Dialect, Placeholders};
pub use correlation::{
    Correlation, CorrelationKind, Firing, GroupOfEight, GroupScratch, GroupState, Groups, Held,
    HeldSaving, Noting, Released, Spokesman, Turn,
};
pub use error::{Problem, RuleError};
pub use event_fields::{EventFields, Known};
pub use fields::{Field, Fields};
pub use lint::{Hint, lint, lint_set};
pub use logsource::{LogSource, LogSourceFilter};
pub use mapping::Mapping;
pub use meter::Ticks;
pub use rule::{Rule, Status};
pub use scratch::Scratch;
pub use set::{FILE_BYTES_MAX, RULES_MAX, RuleIndex, RuleSet, Scope};
pub use slot::Slot;
pub use testing::{TestReport, run_tests};
pub use value::{Leaf, Number, Value};
