//! Other people's names for log sources and fields, and ours for them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::logsource::LogSourceFilter;
use crate::engine::model::Problems;

/// Entries of one mapping, and fields of one entry.
const ENTRIES_MAX: usize = 1_000;
const FIELDS_MAX: usize = 10_000;

/// Renames log sources and fields of rules as they are loaded, in the spirit of pySigma's
/// processing pipelines. The first entry that fits a rule's log source holds for the rule.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    entries: Vec<Entry>,
}

/// One `[[mapping]]`: for rules whose log source says this, and nothing else in these places.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    product: Option<String>,
    service: Option<String>,
    category: Option<String>,
    /// Stands for the rule's log source from then on.
    to: Option<To>,
    /// A rule's name of a field, and the name it is looked up by.
    #[serde(default)]
    fields: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct To {
    product: Option<String>,
    service: Option<String>,
    category: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    mapping: Vec<Entry>,
}

impl Mapping {
    /// Reads a file's text (TOML, `[[mapping]]` tables).
    pub fn parse(text: &str) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let entries = match toml::from_str::<File>(text) {
            Ok(file) => file.mapping,
            Err(error) => {
                let line = error.span().map_or(0, |span| {
                    text.get(..span.start).unwrap_or(text).matches('\n').count() + 1
                });
                problems.add("mapping", format!("line {line}: {}", error.message()));
                return Err(problems);
            }
        };
        problems.require(entries.len() <= ENTRIES_MAX, "mapping", || {
            format!("at most {ENTRIES_MAX} entries, got {}", entries.len())
        });
        for (i, entry) in entries.iter().enumerate() {
            let at = format!("mapping[{i}]");
            let Entry { product, service, category, to, fields } = entry;
            let names = [product, service, category];
            problems.require(names.iter().any(|name| name.is_some()), &at, || {
                "must name a product, service or category".into()
            });
            problems.require(to.is_some() || !fields.is_empty(), &at, || {
                "must have `to` or `fields`".into()
            });
            let nowhere = |to: &To| {
                [&to.product, &to.service, &to.category].iter().all(|name| name.is_none())
            };
            problems.require(!to.as_ref().is_some_and(nowhere), &format!("{at}.to"), || {
                "must name a product, service or category".into()
            });
            problems.require(fields.len() <= FIELDS_MAX, &format!("{at}.fields"), || {
                format!("at most {FIELDS_MAX} fields, got {}", fields.len())
            });
            problems.require(
                fields.iter().all(|(from, to)| !from.is_empty() && !to.is_empty()),
                &format!("{at}.fields"),
                || "a field's name must not be empty".into(),
            );
            let twin = |other: &Entry| {
                [&other.product, &other.service, &other.category] == [product, service, category]
            };
            problems.require(!entries.iter().take(i).any(twin), &at, || {
                "the same log source stands above".into()
            });
        }
        problems.into_result()?;
        Ok(Self { entries })
    }

    /// The entry for a rule's log source, by its place.
    pub(super) fn find(&self, source: &LogSourceFilter) -> Option<usize> {
        let is = |wanted: &Option<String>, word: &Option<Box<str>>| {
            wanted.as_ref().is_none_or(|wanted| {
                word.as_ref().is_some_and(|word| word.eq_ignore_ascii_case(wanted))
            })
        };
        self.entries.iter().position(|entry| {
            is(&entry.product, &source.product)
                && is(&entry.service, &source.service)
                && is(&entry.category, &source.category)
        })
    }

    /// The log source that the entry puts in place of another.
    pub(super) fn source(&self, entry: Option<usize>) -> Option<LogSourceFilter> {
        let to = self.entries.get(entry?)?.to.as_ref()?;
        let word = |name: &Option<String>| name.as_ref().map(|name| name.to_lowercase().into());
        Some(LogSourceFilter {
            product: word(&to.product),
            service: word(&to.service),
            category: word(&to.category),
        })
    }

    /// The name a field is looked up by under the entry.
    pub(super) fn field<'n>(&'n self, entry: Option<usize>, name: &'n str) -> &'n str {
        let entry = entry.and_then(|entry| self.entries.get(entry));
        entry.and_then(|entry| entry.fields.get(name)).map_or(name, String::as_str)
    }
}
