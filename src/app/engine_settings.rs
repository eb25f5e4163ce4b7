//! Catalogue, directory and rules from their files into the engine's settings.

use std::path::{Path, PathBuf};

use crate::adapters::secrets::Secret;
use crate::config::Config;
use crate::engine::detect::Roster;
use crate::engine::enrich::{Addresses, Catalogue, Directory, Enricher, Pseudonyms};
use crate::engine::model::Problems;
use crate::engine::shard::Settings;

/// Why a file the engine needs was refused. The settings before stay in force.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("cannot read the {what} {}: {source}", path.display())]
    Read { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{what} {}:\n{problems}", path.display())]
    Wrong { what: &'static str, path: PathBuf, problems: Problems },
}

/// What was loaded, for the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loaded {
    pub datasets: usize,
    pub actors: usize,
    pub protected: usize,
    pub canaries: usize,
}

/// Reads every file the configuration names and builds the engine's settings, all or nothing.
pub fn load_settings(config: &Config, key: &Secret) -> Result<(Settings, Loaded), SettingsError> {
    let pseudonyms = Pseudonyms::new(key.bytes());
    let catalogue = match &config.data.catalogue {
        Some(path) => parse("catalogue", path, Catalogue::parse)?,
        None => Catalogue::default(),
    };
    let directory = match &config.data.directory {
        Some(path) => parse("directory", path, |text| Directory::parse(text, &pseudonyms))?,
        None => Directory::default(),
    };
    let (actors, protected, canaries) = directory.counts();
    let loaded = Loaded { datasets: catalogue.len(), actors, protected, canaries };
    let enricher =
        Enricher { catalogue, directory, pseudonyms, addresses: Addresses::new(&config.addresses) };
    let roster = Roster::new(&config.detect);
    Ok((Settings { enricher, roster, time: config.time.clone() }, loaded))
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
