//! What may depend on what, read from the sources themselves.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Longest file.
const LINES_MAX: usize = 500;
/// Files that may be longer, and how long.
const LONGER: [(&str, usize); 1] = [
    // One scanner, word by word: its parts share the cursor and would only be harder to read apart.
    ("engine/decode/json.rs", 600),
];

/// What only code that touches the outside may name.
const OUTSIDE: [&str; 18] = [
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "std::env",
    "std::process",
    "std::thread",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::io::stdin",
    "std::io::stdout",
    "SystemTime",
    "Instant::",
    "println!",
    "tokio",
    "rdkafka",
    "sqlx",
    "axum",
    "tracing",
];

/// A source file without its tests and comments.
struct Source {
    /// Relative to `src`.
    name: String,
    text: String,
    lines: usize,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Modules behind `#[cfg(test)]`, as the file or folder that holds them.
fn test_modules(path: &Path, text: &str, found: &mut BTreeSet<PathBuf>) {
    let home = match path.file_stem().and_then(|stem| stem.to_str()) {
        Some("mod" | "lib" | "main") => path.parent().unwrap().to_owned(),
        _ => path.with_extension(""),
    };
    for (attribute, line) in text.lines().zip(text.lines().skip(1)) {
        let module = line.trim().trim_start_matches("pub ").strip_prefix("mod ");
        if let (true, Some(name)) =
            (attribute.trim() == "#[cfg(test)]", module.and_then(|m| m.strip_suffix(';')))
        {
            found.insert(home.join(format!("{name}.rs")));
            found.insert(home.join(name));
        }
    }
}

/// The text up to its inline test module, without comment lines.
fn product_code(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let opens_tests = line.trim() == "#[cfg(test)]"
            && lines.peek().is_some_and(|next| next.trim_end().ends_with('{'));
        if opens_tests {
            let indent = line.len() - line.trim_start().len();
            let end = format!("{}}}", " ".repeat(indent));
            for inside in lines.by_ref() {
                if inside == end {
                    break;
                }
            }
        } else if !line.trim_start().starts_with("//") {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Every file of the product.
fn sources() -> Vec<Source> {
    let mut paths = Vec::new();
    files_below(&root(), &mut paths);
    paths.sort();
    let texts: Vec<(PathBuf, String)> = paths
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path, text)
        })
        .collect();
    let mut tests = BTreeSet::new();
    texts.iter().for_each(|(path, text)| test_modules(path, text, &mut tests));
    let sources: Vec<Source> = texts
        .into_iter()
        .filter(|(path, _)| !path.ancestors().any(|place| tests.contains(place)))
        .map(|(path, text)| Source {
            name: path.strip_prefix(root()).unwrap().display().to_string(),
            lines: text.lines().count(),
            text: product_code(&text),
        })
        .collect();
    assert!(sources.len() > 100, "only {} sources found", sources.len());
    sources
}

/// No file below `folder` names any of `forbidden`.
fn check_absent(folder: &str, forbidden: &[&str]) {
    let mut found = Vec::new();
    let mut looked_at = 0;
    for source in sources().iter().filter(|source| source.name.starts_with(folder)) {
        looked_at += 1;
        for (number, line) in source.text.lines().enumerate() {
            found.extend(
                forbidden
                    .iter()
                    .filter(|word| line.contains(*word))
                    .map(|word| format!("src/{}: {word} (code line {})", source.name, number + 1)),
            );
        }
    }
    assert!(looked_at > 0, "nothing lies below {folder}");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_engine_uses_nothing_above_itself() {
    check_absent(
        "engine/",
        &["crate::adapters", "crate::app", "crate::cli", "crate::config", "crate::simulate"],
    );
}

#[test]
fn the_engine_touches_nothing_outside() {
    check_absent("engine/", &OUTSIDE);
}

#[test]
fn adapters_know_neither_configuration_nor_wiring() {
    check_absent("adapters/", &["crate::app", "crate::cli", "crate::config", "crate::simulate"]);
}

#[test]
fn configuration_knows_no_command() {
    check_absent("config/", &["crate::app", "crate::cli", "crate::simulate"]);
}

#[test]
fn the_wiring_knows_no_command_line() {
    check_absent("app/", &["crate::cli", "clap::"]);
}

#[test]
fn the_simulation_uses_the_model_alone() {
    check_absent(
        "simulate/",
        &[
            "crate::adapters",
            "crate::app",
            "crate::cli",
            "crate::config",
            "crate::engine::decode",
            "crate::engine::enrich",
            "crate::engine::detect",
            "crate::engine::shard",
            "crate::engine::correlate",
            "crate::engine::timeline",
        ],
    );
}

/// Siblings in the engine follow the data: each room names the ones it may use.
#[test]
fn rooms_of_the_engine_follow_the_data() {
    let rooms = ["decode", "enrich", "detect", "shard", "correlate", "timeline", "cases"];
    let allowed: [(&str, &[&str]); 8] = [
        ("model", &[]),
        ("decode", &[]),
        ("enrich", &[]),
        ("detect", &["enrich"]),
        ("shard", &["enrich", "detect"]),
        ("correlate", &["detect", "shard"]),
        ("timeline", &[]),
        ("cases", &["detect", "timeline"]),
    ];
    for (room, may_use) in allowed {
        let forbidden: Vec<String> = rooms
            .iter()
            .filter(|other| **other != room && !may_use.contains(other))
            .map(|other| format!("crate::engine::{other}"))
            .collect();
        let forbidden: Vec<&str> = forbidden.iter().map(String::as_str).collect();
        check_absent(&format!("engine/{room}/"), &forbidden);
    }
}

#[test]
fn nothing_gives_up_with_a_panic() {
    check_absent(
        "",
        &[
            ".unwrap()",
            ".expect(\"",
            ".expect(&",
            "panic!(",
            "todo!(",
            "unimplemented!(",
            "unreachable!(",
        ],
    );
}

#[test]
fn every_folder_opens_with_a_card() {
    let mut folders = BTreeSet::new();
    let mut paths = Vec::new();
    files_below(&root(), &mut paths);
    folders.extend(paths.iter().filter_map(|path| path.parent().map(Path::to_owned)));
    assert!(folders.len() > 10, "only {} folders found", folders.len());
    let without: Vec<String> = folders
        .iter()
        .filter(|folder| {
            let has_card = |name| {
                std::fs::read_to_string(folder.join(name))
                    .is_ok_and(|text| text.starts_with("//! "))
            };
            !(has_card("mod.rs") || has_card("lib.rs"))
        })
        .map(|folder| folder.display().to_string())
        .collect();
    assert!(without.is_empty(), "no card in {}", without.join(", "));
}

#[test]
fn files_are_short_enough_to_read() {
    let long: Vec<String> = sources()
        .into_iter()
        .filter(|source| {
            let longer = LONGER.iter().find(|(name, _)| *name == source.name);
            source.lines > longer.map_or(LINES_MAX, |(_, lines_max)| *lines_max)
        })
        .map(|source| format!("{}: {} lines", source.name, source.lines))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn the_scan_sees_what_it_should() {
    let text =
        "use std::fs;\n// std::net\n#[cfg(test)]\nmod tests {\n    x.unwrap();\n}\nfn after() {}\n";
    assert_eq!(product_code(text), "use std::fs;\nfn after() {}\n");
    let mut found = BTreeSet::new();
    test_modules(Path::new("a/mod.rs"), "#[cfg(test)]\nmod seen;\nmod other;\n", &mut found);
    assert!(found.contains(Path::new("a/seen.rs")) && !found.contains(Path::new("a/other.rs")));
}

/// Fuzz targets and the oracle take single files in by path and are no part of this build: what a
/// file asks of its neighbours must be there too.
#[test]
fn what_fuzz_targets_take_in_has_its_neighbours() {
    let fuzz = root().join("../fuzz/src");
    let mut looked_at = 0;
    for folder in ["state", "window"] {
        let list = std::fs::read_to_string(fuzz.join(format!("{folder}.rs"))).unwrap();
        let taken: BTreeSet<&str> =
            list.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';')).collect();
        for name in &taken {
            let file = root().join(format!("engine/detect/{folder}/{name}.rs"));
            let text = product_code(&std::fs::read_to_string(&file).unwrap());
            for used in text.split("use super::").skip(1) {
                let used = used.split(';').next().unwrap_or_default();
                for part in used.trim_matches(['{', '}']).split(',') {
                    let module = part.trim().split("::").next().unwrap_or_default();
                    looked_at += 1;
                    assert!(
                        taken.contains(module),
                        "{folder}/{name}.rs uses {module}, which fuzz/src/{folder}.rs leaves out"
                    );
                }
            }
        }
    }
    assert!(looked_at >= 2, "{looked_at} uses of neighbours");
}
