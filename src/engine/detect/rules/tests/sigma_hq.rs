//! Thousands of rules that others wrote, on real records, against what three evaluators agree on.

use std::{
    collections::BTreeMap,
    io::Read,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::Value as Json;

use super::{super::*, shared_data};

#[derive(Deserialize)]
struct Record {
    id: String,
    product: Option<String>,
    service: Option<String>,
    #[serde(default)]
    categories: Vec<String>,
    event: Json,
}

#[derive(Deserialize)]
struct Expected {
    event: String,
    rules: Vec<String>,
}

fn lines<T: for<'de> Deserialize<'de>>(path: PathBuf) -> Vec<T> {
    let file = std::fs::File::open(path).expect("a file of the data set");
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("gzip");
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// The rule files, by name in the archive.
fn rule_files(folder: &std::path::Path) -> BTreeMap<String, String> {
    let out = tempfile::tempdir().expect("a folder");
    let archive = folder.join("rules.tar.gz");
    let status = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(out.path()).status();
    let status = status.expect("tar");
    assert!(status.success());
    let mut files = BTreeMap::new();
    let mut open = vec![out.path().to_owned()];
    while let Some(path) = open.pop() {
        for entry in std::fs::read_dir(path).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yml") {
                let name = path.strip_prefix(out.path()).expect("within").display().to_string();
                files.insert(name, std::fs::read_to_string(path).expect("text"));
            }
        }
    }
    files
}

/// Two rules want to know the domain controllers, which nobody wrote down.
fn placeholders() -> Placeholders {
    Placeholders::from([("known_cdcs".to_owned(), vec!["dc01.example.net".to_owned()])])
}

#[test]
fn matches_exactly_what_others_agree_on() {
    let Some(folder) = shared_data("sigma", "no SigmaHQ rule was matched") else { return };
    let files = rule_files(&folder);
    let started = Instant::now();
    let set = match RuleSet::load(&files, &placeholders()) {
        Ok(set) => set,
        Err(errors) => {
            let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
            panic!("{} refused:\n{}", told.len(), told.join("\n"));
        }
    };
    let load_ms = started.elapsed().as_millis();
    assert_eq!(set.rules().len(), 2_446);

    let records: Vec<Record> = lines(folder.join("events.dev.ndjson.gz"));
    assert_eq!(records.len(), 8_639);
    let expected: Vec<Expected> = lines(folder.join("expected_matches.dev.ndjson.gz"));
    let expected: BTreeMap<String, Vec<String>> = expected
        .into_iter()
        .map(|line| {
            let mut rules = line.rules;
            rules.sort();
            (line.event, rules)
        })
        .collect();
    let (mut scratch, mut found) = (Scratch::default(), BTreeMap::new());
    let mut spent: BTreeMap<String, (u32, Duration)> = BTreeMap::new();
    for record in &records {
        let source = LogSource {
            product: record.product.as_deref(),
            service: record.service.as_deref(),
            categories: record.categories.iter().map(String::as_str).collect(),
        };
        let scope = set.scope(&[source]);
        let mut matched = Vec::new();
        let started = Instant::now();
        set.matches(&scope, &record.event, &mut scratch, &mut matched);
        let took = started.elapsed();
        let words = [record.product.as_deref(), record.service.as_deref()];
        let words = words.into_iter().chain([record.categories.first().map(String::as_str)]);
        let source = words.flatten().collect::<Vec<_>>().join(" ");
        let (events, time) = spent.entry(source).or_default();
        (*events, *time) = (*events + 1, *time + took);
        let mut ids: Vec<String> =
            matched.iter().filter_map(|index| Some(set.rule(*index)?.id.clone())).collect();
        ids.sort();
        if !ids.is_empty() {
            found.insert(record.id.clone(), ids);
        }
    }
    println!(
        "{} rules ({} distinct comparisons) loaded in {load_ms} ms",
        set.rules().len(),
        set.predicate_count(),
    );
    for (source, (events, time)) in &spent {
        let each = time.as_nanos() / u128::from(*events);
        println!("{source}: {events} events matched in {each} ns each");
    }
    let differing: Vec<String> = records
        .iter()
        .filter(|record| expected.get(&record.id) != found.get(&record.id))
        .map(|record| {
            format!(
                "{}: expected {:?}, found {:?}",
                record.id,
                expected.get(&record.id),
                found.get(&record.id)
            )
        })
        .collect();
    assert!(differing.is_empty(), "{} differ:\n{}", differing.len(), differing.join("\n"));
    assert_eq!(found.values().map(Vec::len).sum::<usize>(), 606);
}
