//! Files that are read again when they change.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use super::engine_settings::load_settings_with;
use super::live::{LiveSettings, Overrides};
use crate::adapters::kafka::SharedSettings;
use crate::adapters::secrets::Secret;
use crate::adapters::telemetry::{ReloadedFile, Telemetry, now as now_on_the_wall};
use crate::config::Config;
use crate::engine::shard::Settings;

/// How often files are looked at for changes.
const RELOAD_EVERY: Duration = Duration::from_millis(500);
/// Expired exceptions named at once in the log.
const EXPIRED_TOLD_MAX: usize = 20;

/// Reads catalogue, directory and rules again when they or what the API sets change, all or
/// nothing, until told to stop.
pub fn reload(
    config: &Config,
    key: &Secret,
    settings: &SharedSettings,
    telemetry: &Telemetry,
    live: &LiveSettings,
    stop: &AtomicBool,
) {
    let files = [
        (ReloadedFile::Catalogue, config.data.catalogue.clone()),
        (ReloadedFile::Directory, config.data.directory.clone()),
        (ReloadedFile::Rules, config.data.rules.clone()),
        (ReloadedFile::Mapping, config.data.rule_mapping.clone()),
        (ReloadedFile::Placeholders, config.data.placeholders.clone()),
        (ReloadedFile::Exceptions, config.data.exceptions.clone()),
        (ReloadedFile::WorkItems, config.data.work_items.clone()),
    ];
    let mut expired = 0;
    let mut items = 0;
    let (mut version, mut before) = (0, Overrides::default());
    let mut seen = files.each_ref().map(|(_, path)| newest_change(path.as_ref()));
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(RELOAD_EVERY);
        expired = tell_expired(settings, telemetry, expired);
        let now = files.each_ref().map(|(_, path)| newest_change(path.as_ref()));
        let live_now = live.version();
        let items_now = live.items_version();
        if items_now != items {
            items = items_now;
            take_items(settings, telemetry, live);
        }
        if now == seen && live_now == version {
            continue;
        }
        let over = live.overrides();
        let mut changed: Vec<ReloadedFile> =
            (0..files.len()).filter(|&i| now[i] != seen[i]).map(|i| files[i].0).collect();
        if over.budget != before.budget {
            changed.push(ReloadedFile::Budget);
        }
        if over.exceptions != before.exceptions && !changed.contains(&ReloadedFile::Exceptions) {
            changed.push(ReloadedFile::Exceptions);
        }
        (seen, version, before) = (now, live_now, over.clone());
        match load_settings_with(config, key, over) {
            Ok((loaded, counts)) => {
                telemetry.rules(&loaded.rules, now_on_the_wall());
                telemetry.budget(loaded.suite.budget());
                *settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
                tracing::info!(?changed, ?counts, "reloaded");
                changed.iter().for_each(|&file| telemetry.reload(file, true, None));
            }
            Err(error) => {
                tracing::error!(?changed, error = %error, "reload refused; the settings before stay in force");
                let said = error.to_string();
                changed.iter().for_each(|&file| telemetry.reload(file, false, Some(said.clone())));
            }
        }
    }
}

/// Swaps the work items and nothing else: they change all the time.
fn take_items(settings: &SharedSettings, telemetry: &Telemetry, live: &LiveSettings) {
    let work_items = live.work_items().filter(|items| !items.is_empty());
    let count = work_items.as_ref().map_or(0, |items| items.len());
    let mut shared = settings.write().unwrap_or_else(PoisonError::into_inner);
    let mut changed = Settings::clone(&shared);
    changed.enricher.work_items = work_items;
    *shared = Arc::new(changed);
    drop(shared);
    tracing::info!(count, "work items changed");
    telemetry.reload(ReloadedFile::WorkItems, true, None);
}

/// Counts the exceptions that no longer hold, and names them when there are more than `before`.
fn tell_expired(settings: &SharedSettings, telemetry: &Telemetry, before: usize) -> usize {
    let settings = Arc::clone(&settings.read().unwrap_or_else(PoisonError::into_inner));
    let now = now_on_the_wall();
    let expired = settings.rules.exceptions().expired(now).count();
    telemetry.exceptions_expired(expired);
    if expired > before {
        for exception in settings.rules.exceptions().expired(now).take(EXPIRED_TOLD_MAX) {
            let (of, expires) = (exception.of(), exception.expires);
            tracing::warn!(of, %expires, "an exception has expired; its findings are told again");
        }
    }
    expired
}

/// When a file, or the newest file below a folder, was last changed, and how many there are.
fn newest_change(path: Option<&PathBuf>) -> Option<(SystemTime, usize)> {
    fn visit(path: &Path, newest: &mut SystemTime, files: &mut usize) {
        if path.is_dir() {
            for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
                visit(&entry.path(), newest, files);
            }
        } else if let Ok(changed) = std::fs::metadata(path).and_then(|m| m.modified()) {
            *newest = changed.max(*newest);
            *files += 1;
        }
    }
    let mut newest = SystemTime::UNIX_EPOCH;
    let mut files = 0;
    visit(path?, &mut newest, &mut files);
    Some((newest, files))
}
