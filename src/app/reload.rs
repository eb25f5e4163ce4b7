//! Files that are read again when they change.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use super::engine_settings::{all_exceptions, files_below, load_settings_with, suite};
use super::live::{LiveSettings, Overrides};
use crate::adapters::kafka::SharedSettings;
use crate::adapters::secrets::Secret;
use crate::adapters::telemetry::{ReloadedFile, Telemetry, now as now_on_the_wall};
use crate::config::Config;
use crate::engine::detect::Rules;
use crate::engine::model::IdHasher;
use crate::engine::shard::Settings;

/// How often files are looked at for changes: what is in force within a second is found in a
/// quarter of one.
const RELOAD_EVERY: Duration = Duration::from_millis(250);
/// Expired exceptions named at once in the log.
const EXPIRED_TOLD_MAX: usize = 20;

/// The settings in force with what the API has set since, where files are wrong: a budget or an
/// exception that was answered for must not wait for whoever mends a rule. None where it is the
/// exceptions that cannot be read.
fn with_overrides(
    config: &Config,
    settings: &SharedSettings,
    over: &Overrides,
) -> Option<Settings> {
    let in_force = Arc::clone(&settings.read().unwrap_or_else(PoisonError::into_inner));
    let excepted = all_exceptions(config, over.exceptions.clone()).ok()?;
    let mut rules = Rules::clone(&in_force.rules);
    rules.except(excepted);
    let (rules, suite) =
        (Arc::new(rules), suite(config, over.budget).with_rulings(over.rulings.clone()));
    Some(Settings { rules, suite, ..Settings::clone(&in_force) })
}

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
    let (mut items, mut rulings) = (0, live.rulings_version());
    if rulings > 0 {
        // Some may have come since the settings in force were made.
        take_rulings(settings, live);
    }
    let (mut version, mut before) = (0, Overrides::default());
    let mut seen = files.each_ref().map(|(_, path)| outside(path.as_ref()));
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(RELOAD_EVERY);
        expired = tell_expired(settings, telemetry, expired);
        let now = files.each_ref().map(|(_, path)| outside(path.as_ref()));
        let live_now = live.version();
        let items_now = live.items_version();
        if items_now != items {
            items = items_now;
            take_items(settings, telemetry, live);
        }
        let rulings_now = live.rulings_version();
        if rulings_now != rulings {
            rulings = rulings_now;
            let count = take_rulings(settings, live);
            tracing::info!(count, "rulings on incidents changed");
        }
        if now == seen && live_now == version {
            continue;
        }
        let over = live.overrides();
        let mut changed: Vec<ReloadedFile> =
            (0..files.len()).filter(|&i| now[i] != seen[i]).map(|i| files[i].0).collect();
        let budget = over.budget != before.budget;
        let exceptions = over.exceptions != before.exceptions;
        if budget {
            changed.push(ReloadedFile::Budget);
        }
        if exceptions && !changed.contains(&ReloadedFile::Exceptions) {
            changed.push(ReloadedFile::Exceptions);
        }
        (seen, version, before) = (now, live_now, over.clone());
        match load_settings_with(config, key, over.clone()) {
            Ok((loaded, counts)) => {
                telemetry.rules(&loaded.rules, now_on_the_wall());
                telemetry.budget(loaded.suite.budget());
                *settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
                tracing::info!(?changed, ?counts, "reloaded");
                changed.iter().for_each(|&file| telemetry.reload(file, true, None));
            }
            Err(error) => {
                tracing::error!(?changed, error = %error, "reload refused; the settings before stay in force");
                if (budget || exceptions)
                    && let Some(kept) = with_overrides(config, settings, &over)
                {
                    telemetry.rules(&kept.rules, now_on_the_wall());
                    telemetry.budget(kept.suite.budget());
                    *settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(kept);
                    changed.retain(|file| {
                        !matches!(file, ReloadedFile::Budget | ReloadedFile::Exceptions)
                    });
                    tracing::info!("what the API has set is in force beside the settings before");
                }
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

/// Likewise what people ruled on. Says how many rulings there are.
fn take_rulings(settings: &SharedSettings, live: &LiveSettings) -> usize {
    let rulings = live.rulings();
    let count = rulings.as_ref().map_or(0, |rulings| rulings.list().len());
    let mut shared = settings.write().unwrap_or_else(PoisonError::into_inner);
    let mut changed = Settings::clone(&shared);
    changed.suite = changed.suite.with_rulings(rulings);
    *shared = Arc::new(changed);
    count
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

/// Stands for what is to be seen of a file, or of all files below a folder, without reading them:
/// names, sizes, times. One put in another's place shows even where it is the older one.
fn outside(path: Option<&PathBuf>) -> Option<u64> {
    let mut sum = 0_u64;
    for path in files_below(path?).unwrap_or_default() {
        let Ok(seen) = std::fs::metadata(&path) else { continue };
        let changed = seen.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let file = IdHasher::new("file")
            .part(path.as_os_str().as_encoded_bytes())
            .part(&seen.len().to_le_bytes())
            .part(&changed.unwrap_or_default().as_nanos().to_le_bytes());
        // Folders list their files in any order.
        sum = sum.wrapping_add(file.finish_u64());
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes, create_dir, remove_file, rename, write};
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn sees_every_way_in_which_files_change() {
        let desk = tempfile::tempdir().expect("a folder");
        let root = desk.path().to_owned();
        let at = |name: &str| root.join(name);
        let now = SystemTime::now();
        let date = |name: &str, age_s: u64| {
            let then = now - Duration::from_secs(age_s);
            let file = File::options().write(true).open(at(name)).expect("a file");
            file.set_times(FileTimes::new().set_modified(then)).expect("its time");
        };
        let mut before = outside(Some(&root));
        let mut check = |what: &str| {
            let now = outside(Some(&root));
            assert_eq!(now, outside(Some(&root)), "{what}");
            assert_ne!(now, before, "{what} is not seen");
            before = now;
        };
        write(at("a.yml"), "one").expect("written");
        check("a file");
        date("a.yml", 10);
        check("another time");
        write(at("b"), "two").expect("written");
        date("b", 90);
        check("an older file");
        rename(at("b"), at("a.yml")).expect("moved");
        check("an older file in the place of another");
        create_dir(at("d")).expect("a folder");
        write(at("d/c.yml"), "three").expect("written");
        check("a file in a folder");
        rename(at("d/c.yml"), at("d/e.yml")).expect("moved");
        check("another name");
        write(at("d/e.yml"), "four").expect("written");
        date("d/e.yml", 7);
        check("another size");
        remove_file(at("d/e.yml")).expect("removed");
        check("a file that is gone");
        assert_eq!(outside(None), None);
    }
}
