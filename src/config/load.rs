//! From a file to a checked tree.

use std::path::{Path, PathBuf};

use super::Config;
use crate::engine::model::{Problems, near};

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: {problems}", path.display())]
    Syntax { path: PathBuf, problems: Problems },
    #[error("{}:\n{problems}", path.display())]
    Wrong { path: PathBuf, problems: Problems },
}

/// What the configuration is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Needs topics to consume.
    Run,
    /// Works on files.
    Replay,
}

/// Reads and checks `path`. Unknown keys and wrong types are found section by section, so that
/// one does not hide the next.
pub fn load(path: &Path, purpose: Purpose) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let mut problems = Problems::default();
    let (mut config, dropped) = match parse(&text, &mut problems) {
        Ok(parsed) => parsed,
        Err(problems) => return Err(ConfigError::Syntax { path: path.to_owned(), problems }),
    };
    config.resolve_paths(path.parent().unwrap_or(Path::new(".")));
    let mut of_values = Problems::default();
    config.check(&mut of_values);
    if dropped.keys.is_empty() && purpose == Purpose::Run {
        config.check_run(&mut of_values);
    }
    for problem in of_values.iter().filter(|problem| !dropped.holds(&problem.key)) {
        problems.add(dropped.written(&problem.key), problem.message.clone());
    }
    problems
        .into_result()
        .map_err(|problems| ConfigError::Wrong { path: path.to_owned(), problems })?;
    Ok(config)
}

/// Keys that could not be read and were left out, as the file has them.
#[derive(Default)]
struct Dropped {
    keys: Vec<String>,
}

impl Dropped {
    /// True where `key` or something in it was left out: that it is missing is no news.
    fn holds(&self, key: &str) -> bool {
        self.keys.iter().any(|dropped| {
            let rest = dropped.strip_prefix(key);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// A key of what is left as the file has it: each item of a list that was left out moved those
    /// behind it forward.
    fn written(&self, key: &str) -> String {
        let mut written = String::with_capacity(key.len());
        for (n, part) in key.split('[').enumerate() {
            let number = part.split_once(']').filter(|_| n > 0);
            let Some((place, rest)) = number.and_then(|(at, rest)| Some((at.parse().ok()?, rest)))
            else {
                written += &(if n > 0 { format!("[{part}") } else { part.to_owned() });
                continue;
            };
            let mut places: Vec<usize> = self.items(&written).collect();
            places.sort_unstable();
            let moved = |place: usize, gone: &usize| place + usize::from(*gone <= place);
            written += &format!("[{}]{rest}", places.iter().fold(place, moved));
        }
        written
    }

    /// Places of the items of a list that were left out.
    fn items(&self, list: &str) -> impl Iterator<Item = usize> {
        self.keys.iter().filter_map(move |key| {
            key.strip_prefix(list)?.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
        })
    }
}

/// The tree with every key that could be read. Keys that could not are left at their defaults and
/// noted.
fn parse(text: &str, problems: &mut Problems) -> Result<(Config, Dropped), Problems> {
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let mut syntax = Problems::default();
        let line = error
            .span()
            .map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        syntax.add(format!("line {line}"), error.message());
        syntax
    })?;
    let mut kept = table.clone();
    let mut dropped = Dropped::default();
    // Drop offending keys one by one; each attempt names one mistake.
    for _ in 0..MISTAKES_MAX {
        match serde_path_to_error::deserialize::<_, Config>(toml::Value::Table(kept.clone())) {
            Ok(config) => return Ok((config, dropped)),
            Err(error) => {
                let path = error.path().to_string();
                let key = dropped.written(&path);
                let error = error.into_inner();
                let missing = error.message().trim().strip_prefix("missing field `");
                let missing = missing.and_then(|rest| rest.strip_suffix('`'));
                // The parser's words would show what stands there.
                if missing.is_some_and(|field| dropped.holds(&format!("{key}.{field}"))) {
                    // It is there, and wrong, which was told.
                } else if SECRETS.contains(&path.as_str())
                    || path.starts_with("notify.sink[") && path.ends_with(".secret")
                {
                    problems.add(key.clone(), SECRET_WANTED);
                } else if path.starts_with(CLIENT) {
                    problems.add(key.clone(), "must be text between quotes");
                } else {
                    problems.add(key.clone(), plain(error.message().trim()));
                }
                // What else the table lacks, or has wrong, is to be told too.
                if let Some(field) = missing
                    && let Some(filled) = filled(&kept, &path, field)
                {
                    kept = filled;
                    dropped.keys.push(format!("{key}.{field}"));
                    continue;
                }
                let removed = drop_key(&mut kept, &path, first_allowed(error.message()));
                dropped.keys.push(key);
                if !removed {
                    break;
                }
            }
        }
    }
    Ok((Config::default(), dropped))
}

/// Keys that say where a secret is, and what they want.
const SECRETS: [&str; 3] = ["kafka.sasl.password", "privacy.pseudonym_key", "store.password"];
const SECRET_WANTED: &str =
    "must be { file = \"...\" } or { env = \"...\" }: a secret does not stand in this file";

/// Settings handed on to librdkafka; their names have dots of their own.
const CLIENT: &str = "kafka.client.";

/// The parser's words without the names of its types, and with what was meant where a name that it
/// does not know is nearly one that it does.
fn plain(said: &str) -> String {
    if let Some(rest) = said.strip_prefix("unknown ")
        && let Some((name, known)) = rest.split_once(", expected ")
        && let Some(meant) = near(quoted(name).next().unwrap_or(""), quoted(known))
    {
        return format!("unknown {name}; did you mean `{meant}`? Expected {known}");
    }
    let Some((start, wanted)) = said.rsplit_once("expected ") else { return said.to_owned() };
    let wanted = match wanted {
        "string only" => return "must be text between quotes".into(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "a nonzero u32" | "a nonzero u64" | "a nonzero usize" => "a whole number, 1 or more",
        "f32" | "f64" => "a number",
        "path string" | "a string" => "text between quotes",
        "a sequence" => "a list: [..., ...]",
        "a map" => "a table of keys and values",
        "a boolean" => "a boolean: true or false",
        other => other.strip_prefix("struct ").map_or(other, |_| "a table of keys and values"),
    };
    format!("{start}expected {wanted}")
}

/// What stands between backticks.
fn quoted(said: &str) -> impl Iterator<Item = &str> + Clone {
    said.split('`').skip(1).step_by(2)
}

/// More mistakes than this are told after these are mended.
const MISTAKES_MAX: usize = 50;

/// The first of the words that may stand where another does: with it in its place, what else its
/// table lacks can be told.
fn first_allowed(said: &str) -> Option<toml::Value> {
    let (_, allowed) = said.strip_prefix("unknown variant ")?.split_once("expected ")?;
    Some(toml::Value::String(allowed.split('`').nth(1)?.to_owned()))
}

/// The table with a value for `field`, which the one at `path` lacks, of whatever kind goes there;
/// `None` where none of these does.
fn filled(table: &toml::Table, path: &str, field: &str) -> Option<toml::Table> {
    let place = if path == "." { field.to_owned() } else { format!("{path}.{field}") };
    let with = |value: toml::Value| {
        let mut filled = table.clone();
        drop_key(&mut filled, &place, Some(value)).then_some(filled)
    };
    let refused = |table: &toml::Table| {
        let value = toml::Value::Table(table.clone());
        serde_path_to_error::deserialize::<_, Config>(value).err()
    };
    let number = toml::Value::Integer(1);
    let secret = [("env".to_owned(), toml::Value::String(String::new()))];
    let kinds = [
        toml::Value::String(String::new()),
        number.clone(),
        vec![number; 3].into(),
        toml::Value::Table(secret.into_iter().collect()),
    ];
    let missing = format!("missing field `{field}`");
    kinds.into_iter().find_map(|kind| {
        let mut filled = with(kind)?;
        if let Some(error) = refused(&filled).filter(|error| error.path().to_string() == place)
            && let Some(word) = first_allowed(error.inner().message())
        {
            filled = with(word)?;
        }
        let goes = refused(&filled).is_none_or(|error| {
            let at = error.path().to_string();
            let lacks = at == path && error.inner().message().trim() == missing;
            !lacks && !at.starts_with(&place)
        });
        goes.then_some(filled)
    })
}

/// Removes the key at a path like `input[0].topc`, or puts something else there; for an unknown
/// field the path is its own.
fn drop_key(table: &mut toml::Table, path: &str, instead: Option<toml::Value>) -> bool {
    let mut steps: Vec<&str> = match path.strip_prefix(CLIENT) {
        Some(setting) => vec!["kafka", "client", setting],
        None => path.split(['.', '[']).map(|s| s.trim_end_matches(']')).collect(),
    };
    let Some(last) = steps.pop() else { return false };
    let mut at = toml::Value::Table(std::mem::take(table));
    let removed = remove(&mut at, &steps, last, instead);
    if let toml::Value::Table(back) = at {
        *table = back;
    }
    removed
}

fn remove(at: &mut toml::Value, steps: &[&str], last: &str, instead: Option<toml::Value>) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return match at {
            toml::Value::Table(table) if instead.is_some() => {
                instead.map(|new| table.insert(last.to_owned(), new)).is_some()
            }
            toml::Value::Table(table) => table.remove(last).is_some(),
            toml::Value::Array(list) => last.parse::<usize>().is_ok_and(|i| {
                i < list.len() && {
                    list.remove(i);
                    true
                }
            }),
            _ => false,
        };
    };
    let next = match at {
        toml::Value::Table(table) => table.get_mut(*step),
        toml::Value::Array(list) => step.parse::<usize>().ok().and_then(|i| list.get_mut(i)),
        _ => None,
    };
    next.is_some_and(|next| remove(next, rest, last, instead))
}
