//! What becomes one incident, what it counts, and the story it tells.

use std::collections::{BTreeSet, HashSet};
use std::sync::OnceLock;

use serde_json::Value;
use tidewaiter::config::Config;
use tidewaiter::engine::correlate::{CorrelateConfig, Correlated, Correlator};
use tidewaiter::engine::model::{EntryKind, EventTime, Finding, Incident, Severity, Source};
use tidewaiter::engine::timeline::{fold, unfold};

use crate::determinism::agency;
use crate::replayed::{Replayed, config, config_of, replay_files, replay_lines, scenarios};

/// `minute actor address session` a step, each an unmasking without a case: high by itself, and
/// told again for the same actor after 10 minutes.
fn story(steps: &str) -> Replayed {
    story_under(&config(), steps)
}

fn story_under(config: &Config, steps: &str) -> Replayed {
    let lines: Vec<String> = steps
        .split("; ")
        .enumerate()
        .map(|(i, step)| {
            let [minute, actor, ip, session] =
                step.split(' ').collect::<Vec<_>>().try_into().unwrap();
            let time = EventTime::parse("2026-03-02T09:00:00Z")
                .unwrap()
                .plus_ms((minute.parse::<f64>().unwrap() * 60_000.0) as i64);
            format!(
                r#"{{"kind":"access","id":"e{i}","time":"{time}","actor":{{"id":"{actor}"}},"session":"{session}","source":{{"ip":"{ip}"}},"action":"unmask","resource":{{"dataset":"pnr","subject":"T-{i}"}}}}"#
            )
        })
        .collect();
    replay_lines(config, &lines)
}

/// As [`check`], with these addresses configured as gateways.
fn check_behind(gateways: &[&str], steps: &str, expected: &str) {
    let mut config = config();
    config.correlate.gateways = gateways.iter().map(|text| (*text).to_owned()).collect();
    check_under(&config, steps, expected);
}

/// The incidents' actors, and how many findings each has: `ann x2; bob x1`.
fn check(steps: &str, expected: &str) {
    check_under(&config(), steps, expected);
}

fn check_under(config: &Config, steps: &str, expected: &str) {
    let said = story_under(config, steps);
    let shown: Vec<String> = said
        .incidents
        .iter()
        .map(|i| format!("{} x{}", i.actors.join(" "), i.findings.len()))
        .collect();
    assert_eq!(shown.join("; "), expected, "{steps}");
}

#[test]
fn what_shares_an_actor_within_half_an_hour_is_one() {
    let mut config = config();
    config.correlate.goes_on_s = 0;
    check_under(&config, "0 ann 10.0.0.1 a; 30 ann 10.0.0.2 b", "ann x2");
    check_under(&config, "0 ann 10.0.0.1 a; 30.01 ann 10.0.0.2 b", "ann x1; ann x1");
    check_under(&config, "0 ann 10.0.0.1 a; 25 ann 10.0.0.2 b; 50 ann 10.0.0.3 c", "ann x3");
}

#[test]
fn what_shares_an_address_or_a_session_is_one() {
    check("0 ann 10.0.0.1 a; 20 bob 10.0.0.1 b", "ann bob x2");
    check("0 ann 10.0.0.1 a; 31 bob 10.0.0.1 b", "ann x1; bob x1");
    check("0 ann 10.0.0.1 s; 20 bob 10.0.0.2 s", "ann bob x2");
    check("0 ann 10.0.0.1 a; 1 bob 10.0.0.2 b", "ann x1; bob x1");
}

#[test]
fn a_finding_that_links_two_incidents_makes_them_one() {
    let steps = "0 ann 10.0.0.1 a; 1 bob 10.0.0.2 b; 12 ann 10.0.0.2 c";
    check(steps, "ann bob x3");
    let said = story(steps);
    let incident = said.incident();
    let [(absorbed, by)] = said.merged.as_slice() else { panic!("{:?}", said.merged) };
    assert_eq!(by, &incident.id);
    assert_ne!(absorbed, by);
    assert_eq!(incident.opened, Some(said.findings[0].time));
    assert_eq!((incident.records, incident.subjects), (3, 3));
    assert_eq!(incident.timeline_length as usize, said.story(incident).len());
}

/// From the fourth actor with findings on, an address is a gateway and joins nobody.
#[test]
fn a_gateway_joins_nobody() {
    check(
        "0 a 10.0.0.1 1; 1 b 10.0.0.1 2; 2 c 10.0.0.1 3; 3 d 10.0.0.1 4; 4 e 10.0.0.1 5",
        "a b c x3; d x1; e x1",
    );
}

/// Days of ordinary work from one address: from the first finding on it joins nobody. An intruder's
/// address, from which several accounts are used today alone, does.
#[test]
fn an_address_many_work_from_joins_nobody_from_the_first_finding_on() {
    let day = |n: i64, minute: i64| {
        EventTime::parse("2026-03-01T09:00:00Z").unwrap().plus_ms(n * 86_400_000 + minute * 60_000)
    };
    let event = |n: usize, time: EventTime, actor: &str, ip: &str, action: &str| {
        format!(
            r#"{{"kind":"access","id":"{ip}-{n}-{time}","time":"{time}","actor":{{"id":"{actor}"}},"session":"{actor}-{time}","source":{{"ip":"{ip}"}},"action":"{action}","resource":{{"dataset":"pnr","subject":"T-{n}"}},"case":"C-{n}"}}"#
        )
    };
    let mut lines = Vec::new();
    for n in 0..80 {
        let time = day(n as i64 / 40, n as i64 % 40 - 60);
        lines.push(event(n, time, &format!("off-{}", n % 12), "10.0.0.1", "read"));
    }
    for (n, actor) in ["ann", "bob", "cas"].into_iter().enumerate() {
        let line = event(n, day(1, n as i64), actor, "10.0.0.1", "unmask");
        lines.push(line.replace(&format!(r#","case":"C-{n}""#), ""));
    }
    for (n, actor) in ["dora", "eve", "fay"].into_iter().enumerate() {
        let line = event(n, day(1, 3 + n as i64), actor, "198.51.100.7", "unmask");
        lines.push(line.replace(&format!(r#","case":"C-{n}""#), ""));
    }
    let said = replay_lines(&config(), &lines);
    let shown: Vec<String> = said.incidents.iter().map(|i| i.actors.join(" ")).collect();
    assert_eq!(shown, ["ann", "bob", "cas", "dora eve fay"]);
    assert!(said.incidents.iter().all(|i| !i.findings.is_empty()));
}

#[test]
fn a_configured_gateway_joins_nobody_from_the_first_finding_on() {
    let steps = "0 a 10.0.0.1 1; 1 b 10.0.0.1 2; 2 c 10.0.0.1 3; 12 a 10.0.0.1 4; 13 d 10.0.0.1 2";
    check_behind(&["10.0.0.1"], steps, "a x2; b d x2; c x1");
    check_behind(&["10.0.0.0/24", "fd00::/8"], steps, "a x2; b d x2; c x1");
    check_behind(&["10.0.1.0/24"], steps, "a b c d x5");
}

/// Two machines that use one service account have nothing to do with each other.
#[test]
fn an_account_that_several_use_joins_what_comes_from_one_address_or_session() {
    let steps =
        "0 service 10.0.0.1 a; 11 service 10.0.0.2 b; 22 service 10.0.0.1 c; 24 bob 10.0.0.2 d";
    let mut shared = config();
    shared.correlate.shared_accounts = vec!["service".to_owned()];
    check_under(&shared, steps, "service x2; bob service x2");
    check_under(&shared, "0 service 10.0.0.1 a; 11 service 10.0.0.2 a", "service x2");
    let person = steps.replace("service", "ann");
    check(&person, "ann bob x4");
    let mut config = config();
    config.correlate.shared_accounts = vec!["an*".to_owned()];
    check_under(&config, &person, "ann x2; ann bob x2");
}

/// What an account that several use reads is in the incident of the address it was read from.
#[test]
fn evidence_of_a_shared_account_goes_to_its_address() {
    let mut config = config();
    config.correlate.shared_accounts = vec!["service".to_owned()];
    let steps = "0 service 10.0.0.1 a; 11 service 10.0.0.2 b; 12 service 10.0.0.1 c";
    let said = story_under(&config, steps);
    let shown: Vec<String> = said
        .incidents
        .iter()
        .map(|incident| {
            let story = said.story(incident);
            let reads = story.iter().filter(|entry| entry.kind == EntryKind::Access);
            let from: BTreeSet<&str> =
                reads.clone().filter_map(|entry| entry.source_ip.as_deref()).collect();
            format!("{} {:?}", reads.count(), from)
        })
        .collect();
    assert_eq!(shown, ["2 {\"10.0.0.1\"}", "1 {\"10.0.0.2\"}"]);
}

#[test]
fn severity_falls_while_an_incident_goes_on_with_less_and_says_when() {
    let told = story("0 ann 10.0.0.1 a").findings.remove(0);
    let mut correlator = Correlator::new(CorrelateConfig::default());
    let mut changes = Vec::new();
    // High once, then a little each 20 minutes.
    for step in 0..=48 {
        let mut out = Correlated::default();
        let time = told.time.plus_ms(step * 1_200_000);
        let (id, score) = (format!("f{step}"), if step == 0 { 75 } else { 22 });
        let detector = if step == 0 { "canary" } else { "no_case" };
        let finding = Finding { id, time, score, detector: detector.into(), ..told.clone() };
        correlator.take_finding(finding, &mut out);
        changes.extend(out.entries.into_iter().map(|(_, entry)| entry));
    }
    changes.retain(|entry| entry.kind == EntryKind::Severity);
    let shown: Vec<String> = changes
        .iter()
        .map(|entry| {
            let hours = entry.time.since(told.time) as f64 / 3_600_000.0;
            format!("{} to {} at {hours:.1} h", entry.action, entry.outcome)
        })
        .collect();
    let expected =
        ["raised to high at 0.0 h", "lowered to medium at 8.7 h", "lowered to low at 13.0 h"];
    assert_eq!(shown, expected);
    assert!(changes[2].text.contains("when it was told 13 h before"), "{}", changes[2].text);
    assert_eq!(correlator.incidents().count(), 1);
}

#[test]
fn what_stays_below_medium_is_a_signal_and_no_incident() {
    let said = replay_files(
        &config(),
        &[("events.ndjson", &scenarios().join("leaver_refused/events.ndjson"))],
    );
    assert_eq!(said.findings.len(), 1);
    assert_eq!(said.findings[0].severity, Severity::Low);
    assert!(said.incidents.is_empty() && said.notices.is_empty());
    assert_eq!(said.summary.incidents_by_severity.len(), 0);
}

/// Everything all scenarios and the agency give rise to.
fn all_incidents() -> &'static [(&'static Replayed, &'static Incident)] {
    static ALL: OnceLock<Vec<(&Replayed, &Incident)>> = OnceLock::new();
    ALL.get_or_init(replay_all)
}

fn replay_all() -> Vec<(&'static Replayed, &'static Incident)> {
    let mut all = Vec::new();
    let said = agency().replayed();
    all.extend(said.incidents.iter().map(|incident| (said, incident)));
    for entry in std::fs::read_dir(scenarios()).unwrap() {
        let folder = entry.unwrap().path();
        if folder.is_dir() {
            let events = folder.join("events.ndjson");
            // Kept until the tests end.
            let said: &Replayed =
                Box::leak(Box::new(replay_files(&config_of(&folder), &[("events", &events)])));
            all.extend(said.incidents.iter().map(|incident| (said, incident)));
        }
    }
    assert!(all.len() >= 25, "{}", all.len());
    all
}

#[test]
fn an_incident_opens_with_the_finding_that_makes_it_medium() {
    for (said, incident) in all_incidents() {
        assert!(incident.severity >= Severity::Medium);
        let opened = incident.opened.unwrap();
        assert!(opened >= incident.first_finding, "{} opened {opened}", incident.title);
        let story = said.story(incident);
        let raised = story
            .iter()
            .find(|e| e.kind == EntryKind::Severity && e.severity >= Some(Severity::Medium));
        assert_eq!(raised.map(|entry| entry.time), Some(opened), "{}", incident.title);
    }
}

#[test]
fn the_terms_of_a_score_add_up_to_it() {
    for (_, incident) in all_incidents() {
        let sum: f64 = incident.score_terms.iter().map(|term| term.points).sum();
        assert_eq!(incident.score, sum.round() as u8, "{:?}", incident.score_terms);
        let severity = match incident.score {
            80.. => Severity::Critical,
            60.. => Severity::High,
            _ => Severity::Medium,
        };
        assert_eq!(incident.severity, severity, "{}", incident.title);
    }
}

#[test]
fn every_line_of_the_story_says_where_it_was_read_and_folds_can_be_opened() {
    for (said, incident) in all_incidents() {
        let story = said.story(incident);
        assert_eq!(story.len() as u64, incident.timeline_length, "{}", incident.title);
        for entry in &story {
            let is_read = matches!(entry.source, Source::File { line: 1.., .. });
            assert!(is_read || entry.kind == EntryKind::Act, "{entry:?}");
        }
        let folded = fold(story.clone());
        let opened: usize = folded.iter().map(|line| unfold(story.clone(), &line.id).len()).sum();
        assert_eq!(opened, story.len(), "{}", incident.title);
        let total: u64 = folded.iter().map(|line| line.folded).sum();
        assert_eq!(total as usize, story.len());
    }
}

#[test]
fn the_story_starts_before_the_first_finding() {
    let said = agency().replayed();
    let dump = said.incidents.iter().find(|i| i.title.starts_with("Bulk read, then")).unwrap();
    let story = said.story(dump);
    let first_finding = story.iter().position(|e| e.kind == EntryKind::Finding).unwrap();
    assert!(first_finding >= 5, "{first_finding} entries before the first finding");
    assert!(story[..first_finding].iter().any(|e| e.kind == EntryKind::Auth), "no login before");
    assert!(dump.first_event < dump.first_finding);
    assert_eq!(story[0].time, dump.first_event);
    // Thousands of lines fold into what a person reads.
    let folded = fold(story.clone()).len();
    assert!(story.len() > 50 && folded * 2 < story.len(), "{} → {folded}", story.len());
}

/// What one record showed, as the scope should count it: worked out from the raw line.
struct Shown {
    actor: Option<String>,
    source: String,
    time: String,
    dataset: String,
    records: u64,
    subjects: Vec<String>,
}

fn shown(line: &str, tier_of: &dyn Fn(&str) -> u64) -> Option<Shown> {
    let event: Value = serde_json::from_str(line).unwrap();
    let discloses = ["read", "search", "list", "export", "print", "unmask", "share"];
    let dataset = event["resource"]["dataset"].as_str()?.to_owned();
    if event["kind"] != "access"
        || !matches!(event["outcome"].as_str(), None | Some("allowed"))
        || !discloses.contains(&event["action"].as_str()?)
        || tier_of(&dataset) == 0
    {
        return None;
    }
    let one = event["resource"]["subject"].as_str().into_iter();
    let many = event["resource"]["subjects"].as_array().into_iter().flatten();
    Some(Shown {
        actor: event["actor"]["id"].as_str().map(str::to_owned),
        source: event["source"]["ip"].as_str().unwrap_or_default().to_owned(),
        time: event["time"].as_str().unwrap().to_owned(),
        records: event["records"].as_u64().unwrap_or(1),
        subjects: one.chain(many.filter_map(Value::as_str)).map(str::to_uppercase).collect(),
        dataset,
    })
}

/// People and records, by dataset and in all, as a slow count over the raw lines gives them.
#[test]
fn the_scope_is_exactly_what_was_shown() {
    let agency = agency();
    let said = agency.replayed();
    let catalogue =
        std::fs::read_to_string(agency.config.data.catalogue.as_ref().unwrap()).unwrap();
    let catalogue: toml::Table = toml::from_str(&catalogue).unwrap();
    let tier_of = |name: &str| {
        let mut rows = catalogue["dataset"].as_array().unwrap().iter();
        let row = rows.find(|row| row["name"].as_str() == Some(name)).unwrap();
        row["tier"].as_integer().unwrap() as u64
    };
    let all: Vec<Shown> = agency.lines.iter().filter_map(|line| shown(line, &tier_of)).collect();
    assert!(said.incidents.len() >= 10);
    for incident in &said.incidents {
        let (from, to) = (incident.first_event.to_string(), incident.last_event.to_string());
        let mine: Vec<&Shown> = all
            .iter()
            .filter(|s| match &s.actor {
                Some(actor) => incident.actors.contains(actor),
                None => incident.sources.contains(&s.source),
            })
            .filter(|s| (from.as_str()..=to.as_str()).contains(&s.time.as_str()))
            .collect();
        let records: u64 = mine.iter().map(|s| s.records).sum();
        let subjects: HashSet<&String> = mine.iter().flat_map(|s| &s.subjects).collect();
        let told = (incident.records, incident.subjects, incident.subjects_error);
        assert_eq!(told, (records, subjects.len() as u64, 0.0), "{}", incident.title);
        let datasets: BTreeSet<&str> = mine.iter().map(|s| s.dataset.as_str()).collect();
        assert_eq!(incident.datasets.len(), datasets.len(), "{}", incident.title);
        for scope in &incident.datasets {
            let of = || mine.iter().filter(|s| s.dataset == scope.dataset);
            let subjects: HashSet<&String> = of().flat_map(|s| &s.subjects).collect();
            let told = (scope.records, scope.subjects, u64::from(scope.tier));
            let counted = (
                of().map(|s| s.records).sum::<u64>(),
                subjects.len() as u64,
                tier_of(&scope.dataset),
            );
            assert_eq!(told, counted, "{}: {}", incident.title, scope.dataset);
        }
    }
}

/// Where the culprit did nothing else, the scope is the simulation's truth to the last person.
#[test]
fn the_scope_is_the_truth_of_the_simulation() {
    let agency = agency();
    let said = agency.replayed();
    let alone = [
        "recon-chain",
        "canary-touch",
        "mfa-removed",
        "null-actor",
        "enumeration",
        "leaver-return",
    ];
    for kind in alone {
        let truth = agency.truth.as_array().unwrap().iter().find(|b| b["kind"] == kind).unwrap();
        let lists = |list: &[String], key: &str| {
            let wanted = truth[key].as_array().unwrap();
            !wanted.is_empty() && wanted.iter().all(|w| list.iter().any(|l| w == l))
        };
        let incident = said
            .incidents
            .iter()
            .find(|i| {
                lists(&i.actors, "actors") || (i.actors.is_empty() && lists(&i.sources, "sources"))
            })
            .unwrap_or_else(|| panic!("no incident for {kind}"));
        let told = (incident.records, incident.subjects);
        let true_scope = (truth["records"].as_u64().unwrap(), truth["subjects"].as_u64().unwrap());
        assert_eq!(told, true_scope, "{kind}");
    }
}
