//! The shipped rules: each with its own tests, and all of them on logs that others recorded.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::{Path, PathBuf},
};

use serde_json::Value as Json;

use super::{super::*, shared_data};
use crate::engine::model::Severity;

const TESTS_SUFFIX: &str = ".tests.yml";

/// Files of the pack, by path below `rules/`.
fn pack() -> BTreeMap<String, String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("rules");
    let mut files = BTreeMap::new();
    let mut open = vec![root.clone()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder of rules") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yml") {
                let name = path.strip_prefix(&root).expect("below").display().to_string();
                files.insert(name, std::fs::read_to_string(&path).expect("text"));
            }
        }
    }
    files
}

fn rules() -> RuleSet {
    let files = pack().into_iter().filter(|(name, _)| !name.ends_with(TESTS_SUFFIX));
    match RuleSet::load(files, &Placeholders::new()) {
        Ok(set) => set,
        Err(errors) => {
            let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
            panic!("refused:\n{}", told.join("\n"));
        }
    }
}

/// The source of records that `rule` is about.
fn source(rule: &Rule) -> LogSource<'_> {
    LogSource {
        product: rule.logsource.product.as_deref(),
        service: rule.logsource.service.as_deref(),
        categories: rule.logsource.category.as_deref().into_iter().collect(),
    }
}

#[test]
fn every_rule_passes_its_own_tests() {
    let (files, set) = (pack(), rules());
    let mut failures = Vec::new();
    let all = set.rules().iter().chain(set.correlations().iter().map(|c| &c.rule));
    let names: BTreeSet<&str> = all.clone().map(|rule| &*rule.file).collect();
    let mut cases: BTreeMap<(String, bool), usize> = BTreeMap::new();
    for file in &names {
        let tests = file.replace(".yml", TESTS_SUFFIX);
        let text = files.get(&tests).unwrap_or_else(|| panic!("{tests} is missing"));
        for report in run_tests(&set, file, &tests, text).unwrap_or_else(|error| panic!("{error}"))
        {
            *cases.entry((report.rule.clone(), report.positive)).or_default() += 1;
            failures.extend(report.failure.map(|why| format!("{tests}: {}: {why}", report.case)));
        }
    }
    assert_eq!(failures, [] as [String; 0]);
    // Rules that only feed correlations are tested by what they feed.
    let feeders = set.rules().iter().zip(0..).filter(|(_, i)| !set.tells(*i)).map(|(r, _)| &r.id);
    let feeding = set.correlations().iter().zip(0..).filter(|(_, i)| !set.correlation_tells(*i));
    let feeding = feeding.map(|(correlation, _)| &correlation.rule.id);
    let feeders: BTreeSet<&String> = feeders.chain(feeding).collect();
    for rule in all.filter(|rule| !feeders.contains(&rule.id)) {
        for positive in [true, false] {
            let found = cases.get(&(rule.id.clone(), positive)).copied().unwrap_or(0);
            assert!(found >= 2, "{}: {found} tests, positive: {positive}", rule.file);
        }
    }
    let with_tests = files.keys().filter(|name| name.ends_with(TESTS_SUFFIX)).count();
    assert_eq!(with_tests, names.len(), "tests without a rule");
}

#[test]
fn every_rule_says_what_a_reader_needs() {
    let (files, set) = (pack(), rules());
    let told = set.rules().iter().zip(0..).filter(|(_, i)| set.tells(*i)).map(|(rule, _)| rule);
    let told: Vec<&Rule> = told.collect();
    let fired: Vec<&Rule> = set
        .correlations()
        .iter()
        .map(|c| &c.rule)
        .filter(|r| r.level > Severity::Informational)
        .collect();
    assert!(
        told.len() + fired.len() >= 50,
        "{} rules and {} correlations",
        told.len(),
        fired.len()
    );
    assert!(fired.len() >= 8, "{} correlations", fired.len());
    for rule in told.iter().chain(&fired) {
        let file = &*rule.file;
        let id: Vec<&str> = rule.id.split('-').collect();
        let lengths: Vec<usize> = id.iter().map(|part| part.len()).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{file}: id is a UUID");
        assert!(id[2].starts_with('4'), "{file}: id is a random UUID");
        assert!(rule.description.starts_with("Detects"), "{file}: description");
        assert!(!rule.attack.is_empty(), "{file}: no ATT&CK technique");
        assert!(!rule.falsepositives.is_empty(), "{file}: no false positives");
        assert!(rule.status.is_some(), "{file}: no status");
        assert!(rule.tags.iter().any(|tag| tag.starts_with("d3fend.")), "{file}: no D3FEND tag");
        assert!(rule.response.len() > 40, "{file}: does not say what to do next");
        assert!(rule.level > Severity::Informational, "{file}: no level");
        let text = files[file].to_lowercase();
        assert!(!text.contains("useragent") && !text.contains("user_agent"), "{file}: user agent");
    }
    for rule in told {
        let file = &*rule.file;
        let folder = Path::new(file).parent().expect("a folder");
        let source = source(rule);
        let below = source.service.or(source.categories.first().copied()).expect("a source");
        let expected = PathBuf::from(source.product.expect("a product")).join(below);
        assert_eq!(folder, expected, "{file}: folder names the log source");
    }
}

fn records(path: &Path) -> Vec<Json> {
    let file = std::fs::File::open(path).expect("a file of the data set");
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("gzip");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// One label: who did what when, and whether it was an attack.
struct Episode {
    id: String,
    technique: String,
    verdict: String,
    actors: Vec<String>,
    start: String,
    end: String,
}

fn episodes(labels: &Json, file: &str) -> Vec<Episode> {
    let list = match &labels[file] {
        Json::Array(list) => list,
        object => object["episodes"].as_array().expect("episodes"),
    };
    let text = |episode: &Json, key: &str| episode[key].as_str().unwrap_or_default().to_owned();
    let episode = |episode: &Json| Episode {
        id: text(episode, "id"),
        technique: text(episode, "technique"),
        verdict: text(episode, "malicious"),
        actors: episode["actors"]
            .as_array()
            .map(|actors| actors.iter().filter_map(Json::as_str).map(str::to_owned).collect())
            .unwrap_or_default(),
        start: text(episode, "start"),
        end: text(episode, "end"),
    };
    list.iter().map(episode).collect()
}

impl Episode {
    /// The labels tell the attack tool's calls from the set-up tool's by the user agent; here it
    /// only assigns records to labels.
    fn holds(&self, record: &Json) -> bool {
        let agent = record["userAgent"].as_str().unwrap_or_default();
        let tool = if self.id == "inv-tf" { "Terraform" } else { "stratus-red-team" };
        let time = record["eventTime"].as_str().unwrap_or_default();
        let arn = record["userIdentity"]["arn"].as_str().unwrap_or_default();
        (self.start.as_str()..=self.end.as_str()).contains(&time)
            && agent.contains(tool)
            && (self.actors.is_empty() || self.actors.iter().any(|actor| actor == arn))
    }
}

/// Attacks of one call each that some rule must see at medium or above.
const MUST_SEE: [&str; 30] = [
    "inv-2", "inv-4", "inv-12", "inv-14", "inv-16", "inv-18", "inv-20", "inv-22", "inv-24",
    "inv-26", "inv-30", "inv-32", "inv-38", "inv-40", "inv-42", "inv-44", "inv-52", "inv-54",
    "inv-56", "inv-58", "inv-60", "inv-62", "inv-66", "inv-70", "gri-2", "gri-9", "gri-11",
    "gri-16", "gri-19", "gri-21",
];

#[test]
fn sees_attacks_in_recorded_cloudtrail_and_leaves_set_up_alone() {
    let Some(folder) = shared_data("cloudtrail", "no recorded CloudTrail was matched") else {
        return;
    };
    let set = rules();
    let labels = std::fs::read_to_string(folder.join("labels.json")).expect("labels");
    let labels: Json = serde_json::from_str(&labels).expect("JSON");
    let aws =
        LogSource { product: Some("aws"), service: Some("cloudtrail"), ..LogSource::default() };
    let scope = set.scope(&[aws]);
    let (mut scratch, mut missed, mut loud) = (Scratch::default(), BTreeSet::new(), Vec::new());
    for (file, key) in [
        ("invictus_stratus.raw.ndjson.gz", "invictus"),
        ("grimoire_stratus.raw.ndjson.gz", "grimoire"),
    ] {
        let matched: Vec<(Json, Vec<&Rule>)> = records(&folder.join(file))
            .into_iter()
            .map(|record| {
                let mut out = Vec::new();
                set.matches(&scope, &record, &mut scratch, &mut out);
                let rules = out.iter().filter_map(|index| set.rule(*index)).collect();
                (record, rules)
            })
            .collect();
        for (record, rules) in &matched {
            let agent = record["userAgent"].as_str().unwrap_or_default();
            let above_low = rules.iter().filter(|rule| rule.level > Severity::Low);
            if agent.contains("Terraform") {
                loud.extend(above_low.map(|rule| format!("Terraform: {}", rule.title)));
            }
        }
        for episode in episodes(&labels, key) {
            let mut seen: BTreeMap<&str, (Severity, usize)> = BTreeMap::new();
            for (_, rules) in matched.iter().filter(|(record, _)| episode.holds(record)) {
                for rule in rules {
                    seen.entry(&rule.title).or_insert((rule.level, 0)).1 += 1;
                }
            }
            println!("{} {} {}: {seen:?}", episode.id, episode.verdict, episode.technique);
            let above_low: Vec<_> =
                seen.iter().filter(|(_, (level, _))| *level > Severity::Low).collect();
            if episode.verdict == "false" {
                loud.extend(above_low.iter().map(|(title, _)| format!("{}: {title}", episode.id)));
            } else if above_low.is_empty() && MUST_SEE.contains(&episode.id.as_str()) {
                missed.insert(episode.id);
            }
        }
    }
    assert_eq!(loud, [] as [String; 0], "rules above low on what is no attack");
    assert_eq!(missed, BTreeSet::new(), "attacks that no rule saw");
}
