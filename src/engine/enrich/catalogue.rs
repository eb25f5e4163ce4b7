//! The catalogue: dataset → category, tier, and whether a read needs a case.

use std::sync::Arc;

use hashbrown::HashMap;
use serde::Deserialize;

use crate::engine::model::Problems;

/// Datasets a catalogue may list.
pub const DATASETS_MAX: usize = 10_000;

/// What is known of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    pub name: String,
    pub category: String,
    /// 0 to 3, T0 (aggregates) to T3 (biometrics, watch lists, release PINs).
    pub tier: u8,
    /// A read that names no case is a finding.
    #[serde(default)]
    pub case_required: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    dataset: Vec<Dataset>,
}

/// Look-up by dataset name. Datasets it does not list are judged by their category.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    datasets: HashMap<String, Arc<Dataset>, foldhash::fast::RandomState>,
}

/// Tiers of categories that need no catalogue, after the usual sensitivity of such data.
/// A category not named here is T1.
const TIERS: [(&str, u8); 14] = [
    ("aggregate", 0),
    ("metadata", 0),
    ("statistics", 0),
    ("biometric", 3),
    ("credential", 3),
    ("secret", 3),
    ("security", 3),
    ("watchlist", 3),
    ("identity", 2),
    ("immigration", 2),
    ("payment", 2),
    ("personal", 2),
    ("travel", 2),
    ("traveler", 2),
];
const TIER_UNKNOWN: u8 = 1;

impl Catalogue {
    /// Reads a catalogue file's text (TOML, `[[dataset]]` tables).
    pub fn parse(text: &str) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let file: File = match toml::from_str(text) {
            Ok(file) => file,
            Err(error) => {
                problems.add("catalogue", super::directory::toml_problem(text, &error));
                return Err(problems);
            }
        };
        problems.require(file.dataset.len() <= DATASETS_MAX, "dataset", || {
            format!("at most {DATASETS_MAX} datasets, got {}", file.dataset.len())
        });
        let mut datasets = HashMap::with_hasher(foldhash::fast::RandomState::default());
        for (i, dataset) in file.dataset.into_iter().enumerate() {
            problems.require(!dataset.name.is_empty(), &format!("dataset[{i}].name"), || {
                "must not be empty".into()
            });
            problems.require(dataset.tier <= 3, &format!("dataset[{i}].tier"), || {
                format!("must be 0 to 3, got {} for `{}`", dataset.tier, dataset.name)
            });
            if let Some(twice) = datasets.insert(dataset.name.clone(), Arc::new(dataset)) {
                problems
                    .add(format!("dataset[{i}].name"), format!("`{}` is listed twice", twice.name));
            }
        }
        problems.into_result()?;
        Ok(Self { datasets })
    }

    pub fn get(&self, name: &str) -> Option<&Dataset> {
        self.datasets.get(name).map(Arc::as_ref)
    }

    /// The tier of a category nobody catalogued.
    pub fn tier_of_category(category: &str) -> u8 {
        TIERS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(category))
            .map_or(TIER_UNKNOWN, |(_, tier)| *tier)
    }

    /// Categories it knows, for metric labels: a closed set.
    pub fn categories(&self) -> impl Iterator<Item = &str> {
        self.datasets
            .values()
            .map(|d| d.category.as_str())
            .chain(TIERS.iter().map(|(name, _)| *name))
    }

    pub fn len(&self) -> usize {
        self.datasets.len()
    }

    pub fn is_empty(&self) -> bool {
        self.datasets.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = match Catalogue::parse(text) {
            Ok(catalogue) => format!("{} datasets", catalogue.len()),
            Err(problems) => problems.to_string(),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn names_every_mistake_at_once() {
        check(
            "[[dataset]]\nname=\"pnr\"\ncategory=\"travel\"\ntier=4\n[[dataset]]\nname=\"\"\ncategory=\"x\"\ntier=1\n[[dataset]]\nname=\"pnr\"\ncategory=\"travel\"\ntier=2\n",
            "dataset[0].tier: must be 0 to 3, got 4 for `pnr`\ndataset[1].name: must not be empty\ndataset[2].name: `pnr` is listed twice",
        );
    }

    #[test]
    fn says_which_line_does_not_parse() {
        check(
            "[[dataset]]\nname=\"pnr\"\nteir=2\n",
            "catalogue: line 3: unknown field `teir`, expected one of `name`, `category`, `tier`, `case_required`",
        );
    }

    #[test]
    fn judges_unlisted_datasets_by_category() {
        assert_eq!(Catalogue::tier_of_category("Biometric"), 3);
        assert_eq!(Catalogue::tier_of_category("cargo"), 1);
        check("", "0 datasets");
    }
}
