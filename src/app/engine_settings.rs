//! Catalogue, directory and rules from their files into the engine's settings.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::live::Overrides;
use crate::adapters::notify::{Sink, UnusableSink};
use crate::adapters::secrets::Secret;
use crate::config::Config;
use crate::engine::cases::Regimes;
use crate::engine::detect::baseline::Suite;
use crate::engine::detect::rules::{Dialect, Mapping, Placeholders, RuleError, RuleSet};
use crate::engine::detect::{Exception, Exceptions, Roster, Rules};
use crate::engine::enrich::{Addresses, Catalogue, Directory, Enricher, Pseudonyms, WorkItems};
use crate::engine::model::Problems;
use crate::engine::shard::Settings;

/// Why a file the engine needs was refused. The settings before stay in force.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("cannot read the {what} {}: {source}", path.display())]
    Read { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{what} {}:\n{problems}", path.display())]
    Wrong { what: &'static str, path: PathBuf, problems: Problems },
    #[error("there is no rule file in {}", path.display())]
    NoRules { path: PathBuf },
    #[error("rules.shadow: no rule has the id {ids}")]
    Shadow { ids: String },
    #[error("exceptions of the API:\n{problems}")]
    Exceptions { problems: Problems },
    #[error("sink `{name}` cannot be served: {source}")]
    Sink { name: String, source: UnusableSink },
    #[error("the rules were refused:\n{}", told(errors))]
    Rules { errors: Vec<RuleError> },
}

impl SettingsError {
    /// Whether rules are at fault, and not what else the configuration names.
    pub fn is_of_rules(&self) -> bool {
        matches!(self, Self::Rules { .. } | Self::NoRules { .. })
    }
}

/// Refused rules told at once; the rest are told after these are mended.
const TOLD_MAX: usize = 50;

fn told(errors: &[RuleError]) -> String {
    errors.iter().take(TOLD_MAX).map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The rules that come with Tidewaiter.
static SHIPPED: include_dir::Dir<'_> = include_dir::include_dir!("$CARGO_MANIFEST_DIR/rules");

/// What was loaded, for the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loaded {
    pub datasets: usize,
    pub actors: usize,
    pub protected: usize,
    pub canaries: usize,
    pub rules: usize,
    pub exceptions: usize,
    pub work_items: usize,
}

/// Reads every file the configuration names and builds the engine's settings, all or nothing.
pub fn load_settings(config: &Config, key: &Secret) -> Result<(Settings, Loaded), SettingsError> {
    load_settings_with(config, key, Overrides::default())
}

/// The same with what is set through the API.
pub fn load_settings_with(
    config: &Config,
    key: &Secret,
    over: Overrides,
) -> Result<(Settings, Loaded), SettingsError> {
    let pseudonyms = Pseudonyms::new(key.bytes());
    let catalogue = load_catalogue(config)?;
    let directory = load_directory(config, &pseudonyms)?;
    let (actors, protected, canaries) = directory.counts();
    let mut rules = load_rules(config, &load_dialect(config)?)?;
    let work_items = load_work_items(config, &pseudonyms)?.or(over.work_items);
    rules.except(all_exceptions(config, over.exceptions)?);
    let exceptions = rules.exceptions().list().len();
    let datasets = catalogue.len();
    let (rules_len, items) = (rules.len(), work_items.as_ref().map_or(0, |items| items.len()));
    let loaded = Loaded {
        datasets,
        actors,
        protected,
        canaries,
        rules: rules_len,
        exceptions,
        work_items: items,
    };
    let enricher = Enricher {
        catalogue,
        directory: Arc::new(directory),
        pseudonyms,
        addresses: Addresses::new(&config.addresses),
        work_items: work_items.filter(|items| !items.is_empty()),
    };
    let (roster, rules) = (Arc::new(Roster::new(&config.detect)), Arc::new(rules));
    let suite = suite(config, over.budget).with_rulings(over.rulings);
    let (time, learned) = (config.time.clone(), over.learned);
    Ok((Settings { enricher, roster, suite, rules, time, learned }, loaded))
}

/// The detectors that learn, with the API's budget or else the configuration's.
pub(super) fn suite(config: &Config, budget: Option<f64>) -> Suite {
    let budget = budget.unwrap_or(config.detect.budget_per_1000_actors_day);
    Suite::new(config.detect.baseline.clone(), budget)
}

/// The file's exceptions and the API's.
pub(super) fn all_exceptions(
    config: &Config,
    more: Vec<Exception>,
) -> Result<Exceptions, SettingsError> {
    let mut excepted = load_exceptions(config)?;
    excepted.join(more).map_err(|problems| SettingsError::Exceptions { problems })?;
    Ok(excepted)
}

/// What is wrong with the files the configuration names, each looked at by itself: for a check
/// before anything runs.
pub fn wrong_files(config: &Config, key: &Secret) -> Vec<SettingsError> {
    let pseudonyms = Pseudonyms::new(key.bytes());
    let looked_at = [
        load_catalogue(config).map(drop),
        load_directory(config, &pseudonyms).map(drop),
        load_dialect(config).and_then(|dialect| load_rules(config, &dialect)).map(drop),
        load_work_items(config, &pseudonyms).map(drop),
        load_exceptions(config).map(drop),
        load_regimes(config).map(drop),
    ];
    let sinks = config.notify.sink.iter().filter_map(|sink| {
        let source = Sink::new(sink).err()?;
        Some(SettingsError::Sink { name: sink.name.clone(), source })
    });
    looked_at.into_iter().filter_map(Result::err).chain(sinks).collect()
}

fn load_catalogue(config: &Config) -> Result<Catalogue, SettingsError> {
    match &config.data.catalogue {
        Some(path) => parse("catalogue", path, Catalogue::parse),
        None => Ok(Catalogue::default()),
    }
}

fn load_directory(config: &Config, pseudonyms: &Pseudonyms) -> Result<Directory, SettingsError> {
    match &config.data.directory {
        Some(path) => parse("directory", path, |text| Directory::parse(text, pseudonyms)),
        None => Ok(Directory::default()),
    }
}

fn load_rules(config: &Config, dialect: &Dialect) -> Result<Rules, SettingsError> {
    let mut rules = Rules::new(match &config.data.rules {
        Some(path) => rule_set(read_rules(path)?, dialect)?,
        None => rule_set(shipped_rules(), dialect)?,
    });
    let strangers = rules.put_in_shadow(&config.rules.shadow);
    if !strangers.is_empty() {
        return Err(SettingsError::Shadow { ids: strangers.join(", ") });
    }
    Ok(rules)
}

fn load_work_items(
    config: &Config,
    pseudonyms: &Pseudonyms,
) -> Result<Option<Arc<WorkItems>>, SettingsError> {
    let Some(path) = &config.data.work_items else { return Ok(None) };
    let items = parse("work items", path, |text| WorkItems::parse(text, pseudonyms))?;
    Ok(Some(Arc::new(items)))
}

fn load_exceptions(config: &Config) -> Result<Exceptions, SettingsError> {
    match &config.data.exceptions {
        Some(path) => parse("exceptions", path, Exceptions::parse),
        None => Ok(Exceptions::default()),
    }
}

/// Laws under which authorities have to be told.
pub fn load_regimes(config: &Config) -> Result<Regimes, SettingsError> {
    match &config.data.regimes {
        Some(path) => parse("regimes", path, Regimes::parse),
        None => Ok(Regimes::default()),
    }
}

fn parse<T>(
    what: &'static str,
    path: &Path,
    parse: impl FnOnce(&str) -> Result<T, Problems>,
) -> Result<T, SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|source| SettingsError::Read {
        what,
        path: path.to_owned(),
        source,
    })?;
    parse(&text).map_err(|problems| SettingsError::Wrong { what, path: path.to_owned(), problems })
}

fn rule_set<T: AsRef<[u8]>>(
    files: Vec<(String, T)>,
    dialect: &Dialect,
) -> Result<RuleSet, SettingsError> {
    RuleSet::load_with(files, dialect).map_err(|errors| SettingsError::Rules { errors })
}

/// Placeholders and mapping, from the files the configuration names.
pub fn load_dialect(config: &Config) -> Result<Dialect, SettingsError> {
    let placeholders = match &config.data.placeholders {
        Some(path) => parse("placeholders", path, placeholders)?,
        None => Placeholders::new(),
    };
    let mapping = match &config.data.rule_mapping {
        Some(path) => parse("rule mapping", path, Mapping::parse)?,
        None => Mapping::default(),
    };
    Ok(Dialect { placeholders, mapping })
}

/// A table of lists of texts (TOML).
fn placeholders(text: &str) -> Result<Placeholders, Problems> {
    toml::from_str(text).map_err(|error| {
        let mut problems = Problems::default();
        problems.add("placeholders", error.message());
        problems
    })
}

/// Rule files lie beside their tests, which are no rules.
pub fn is_rule(name: &str) -> bool {
    (name.ends_with(".yml") || name.ends_with(".yaml")) && !name.contains(".tests.")
}

pub fn shipped_rules() -> Vec<(String, String)> {
    shipped(is_rule)
}

/// The tests that come with the rules that come with Tidewaiter.
pub fn shipped_tests() -> Vec<(String, String)> {
    shipped(|name| name.contains(".tests."))
}

fn shipped(wanted: fn(&str) -> bool) -> Vec<(String, String)> {
    fn visit(
        folder: &include_dir::Dir<'_>,
        wanted: fn(&str) -> bool,
        files: &mut Vec<(String, String)>,
    ) {
        for file in folder.files() {
            let name = file.path().display().to_string();
            if let Some(text) = file.contents_utf8().filter(|_| wanted(&name)) {
                files.push((format!("rules/{name}"), text.to_owned()));
            }
        }
        folder.dirs().for_each(|folder| visit(folder, wanted, files));
    }
    let mut files = Vec::new();
    visit(&SHIPPED, wanted, &mut files);
    files.sort();
    files
}

/// Every rule file below `root`, in the order of their names; `root` itself where it is a file,
/// whatever its name. A folder without any is refused: that is a mistake more often than a wish.
pub fn read_rules(root: &Path) -> Result<Vec<(String, Vec<u8>)>, SettingsError> {
    let failed =
        |path: &Path, source| SettingsError::Read { what: "rules", path: path.to_owned(), source };
    let mut files = Vec::new();
    for path in files_below(root).map_err(|source| failed(root, source))? {
        if path == *root || is_rule(&path.to_string_lossy()) {
            let text = std::fs::read(&path).map_err(|source| failed(&path, source))?;
            files.push((path.display().to_string(), text));
        }
    }
    if files.is_empty() {
        return Err(SettingsError::NoRules { path: root.to_owned() });
    }
    files.sort();
    Ok(files)
}

/// `root` where it is no folder, or the files below it. What is hidden is passed over: it is what
/// editors and mounted volumes keep beside the files they mean. No folder is read twice, whatever
/// links lead to it.
pub(super) fn files_below(root: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut read = BTreeSet::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(path) = waiting.pop() {
        if !path.is_dir() {
            files.push(path);
        } else if read.insert(path.canonicalize()?) {
            for entry in std::fs::read_dir(&path)? {
                let entry = entry?;
                if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                    waiting.push(entry.path());
                }
            }
        }
    }
    Ok(files)
}
