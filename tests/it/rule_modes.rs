//! Correlations, shadow, exceptions, placeholders and mapping, through the configuration and a
//! shard.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use tidewaiter::adapters::secrets::Secret;
use tidewaiter::app::load_settings;
use tidewaiter::config::{Purpose, load};
use tidewaiter::engine::decode::{Decoder, Expected};
use tidewaiter::engine::detect::{RuleCounts, Stream};
use tidewaiter::engine::model::{Finding, KeyKind, Origin};
use tidewaiter::engine::shard::{Incoming, Output, Settings, Shard, ShardConfig};

const RULES: &str = "
title: Printed
id: printed
name: printed
level: low
logsource: {product: tidewaiter, category: access}
detection: {s: {action: print}, condition: s}
---
title: Many prints
id: many
level: high
description: Detects many prints by one person. More words.
tags: [attack.t1213]
correlation:
    type: value_count
    rules: [printed]
    group-by: [actor.id]
    timespan: 10m
    condition: {field: resource.record, gte: 3}
---
title: Prints from one address
id: address
level: medium
correlation: {type: event_count, rules: [printed], group-by: [source.ip], timespan: 10m, condition: {gte: 4}}
";

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new(config: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("rules")).unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("rules/own.yml", RULES);
        files.iter().for_each(|(name, text)| write(name, text));
        write("t.toml", &config.replace("[data]", "[data]\nrules = \"rules\""));
        Self { folder }
    }

    fn settings(&self) -> Result<Settings, String> {
        let config = load(&self.folder.path().join("t.toml"), Purpose::Replay);
        let config = config.map_err(|error| error.to_string())?;
        let key = Secret::new(vec![7; 32]);
        load_settings(&config, &key).map(|(settings, _)| settings).map_err(|e| e.to_string())
    }
}

fn shard() -> Shard {
    let topic = Stream::Partition { topic: "access".into(), partition: 0 };
    Shard::new(vec![topic], &ShardConfig::default())
}

fn print(id: u32, second: u32, actor: &str) -> String {
    format!(
        r#"{{"kind":"access","id":"e{id}","time":"2026-03-02T09:{:02}:{:02}Z","actor":{{"id":"{actor}"}},"source":{{"ip":"10.0.0.9"}},"system":"s","action":"print","resource":{{"dataset":"manifest","category":"cargo","record":"R{id}","subject":"T"}}}}"#,
        second / 60,
        second % 60
    )
}

/// Findings of rules only.
fn judge(shard: &mut Shard, settings: &Settings, lines: &[String]) -> Vec<Finding> {
    let mut out = Output::default();
    let mut decoder = Decoder::new(Expected::Auto);
    for line in lines {
        let event = decoder.decode(line.as_bytes()).unwrap().unwrap();
        let raw = || serde_json::from_str(line).unwrap();
        let incoming = Incoming {
            event: &event,
            raw: &raw,
            origin: Origin { stream: 0, position: 0 },
            broker_time: None,
        };
        shard.judge(&incoming, settings, &mut out);
    }
    out.findings.into_iter().filter(|finding| finding.detector == "rule").collect()
}

fn ids(findings: &[Finding]) -> Vec<(&str, &str)> {
    findings.iter().map(|f| (f.rule.as_deref().unwrap(), f.key.value.as_str())).collect()
}

fn prints() -> Vec<String> {
    vec![
        print(1, 0, "a"),
        print(2, 10, "a"),
        print(3, 20, "b"),
        print(4, 30, "a"),
        print(5, 40, "a"),
    ]
}

#[test]
fn a_firing_becomes_a_finding_with_window_and_limit() {
    let settings = Desk::new("[data]\n", &[]).settings().unwrap();
    let found = judge(&mut shard(), &settings, &prints());
    assert_eq!(ids(&found), [("many", "a"), ("address", "10.0.0.9")]);
    let many = &found[0];
    assert_eq!((many.observed, many.expected, &*many.unit), (3.0, 3.0, "distinct values"));
    assert_eq!(many.window.end.since(many.window.start), 600_000);
    assert_eq!(
        many.why,
        "Many prints: Detects many prints by one person; 3 distinct values in 10 min, told from 3"
    );
    assert_eq!(
        (many.evidence.as_slice(), &*many.attack[0]),
        (["e1".to_owned(), "e2".into(), "e4".into()].as_slice(), "T1213")
    );
    assert_eq!(found[1].key.kind, KeyKind::Source);
}

#[test]
fn shadow_counts_and_tells_nobody() {
    let settings = Desk::new("[data]\n[rules]\nshadow = [\"many\"]\n", &[]).settings().unwrap();
    let mut shard = shard();
    let found = judge(&mut shard, &settings, &prints());
    assert_eq!(ids(&found), [("address", "10.0.0.9")]);
    let mut counts = BTreeMap::new();
    shard.take_rule_counts(|id, of_rule| {
        counts.insert(id.to_owned(), of_rule);
    });
    let expected = |evaluated, matched, findings, shadow| RuleCounts {
        evaluated,
        matched,
        findings,
        suppressed: 0,
        shadow,
        spent_ns: 0,
    };
    assert_eq!(counts["printed"], expected(5, 5, 0, 0));
    assert_eq!(counts["many"], expected(5, 1, 0, 1));
    assert_eq!(counts["address"], expected(5, 1, 1, 0));
    shard.take_rule_counts(|id, _| panic!("{id} is told twice"));
    let refused =
        Desk::new("[data]\n[rules]\nshadow = [\"mnay\"]\n", &[]).settings().err().unwrap();
    assert!(refused.contains("rules.shadow: no rule has the id mnay"), "{refused}");
}

/// A clock that tells only how often it is asked: the time is what looking at the rules takes.
#[test]
fn what_rules_cost_is_estimated_and_changes_nothing() {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    let settings = Desk::new("[data]\n", &[]).settings().unwrap();
    let (mut timed, mut plain) = (shard(), shard());
    timed.time_rules_with(|| ASKED.fetch_add(1_000, Ordering::Relaxed).pow(2));
    let many: Vec<String> = (0..200).map(|id| print(id, id, "a")).collect();
    assert_eq!(
        ids(&judge(&mut timed, &settings, &many)),
        ids(&judge(&mut plain, &settings, &many))
    );
    let mut spent = BTreeMap::new();
    timed.take_rule_counts(|id, counts| {
        spent.insert(id.to_owned(), counts.spent_ns);
    });
    assert!(spent["printed"] > 0 && spent["many"] > 0, "{spent:?}");
    plain.take_rule_counts(|id, counts| assert_eq!(counts.spent_ns, 0, "{id}"));
}

#[test]
fn an_exception_holds_until_it_expires() {
    let exception = |expires: &str| {
        format!(
            "[[exception]]\nrule = \"many\"\nkey = \"a\"\nowner = \"ann\"\nreason = \"stocktaking\"\nexpires = \"{expires}\"\n"
        )
    };
    for (expires, told) in [("2026-03-02T09:00:31Z", 1), ("2026-03-02T09:00:30Z", 2)] {
        let desk =
            Desk::new("[data]\nexceptions = \"x.toml\"\n", &[("x.toml", &exception(expires))]);
        let found = judge(&mut shard(), &desk.settings().unwrap(), &prints());
        assert_eq!(found.len(), told, "{expires}: {:?}", ids(&found));
    }
    let desk = Desk::new(
        "[data]\nexceptions = \"x.toml\"\n",
        &[("x.toml", "[[exception]]\nrule = \"many\"\n")],
    );
    assert!(desk.settings().err().unwrap().contains("missing field `owner`"));
}

#[test]
fn a_reload_keeps_what_unchanged_rules_remember() {
    let desk = Desk::new("[data]\n", &[]);
    let before = desk.settings().unwrap();
    let mut shard = shard();
    let events = prints();
    assert_eq!(judge(&mut shard, &before, &events[..3]), []);
    let own = desk.folder.path().join("rules/own.yml");
    std::fs::write(&own, format!("# comment\n{}", RULES.replace("{gte: 4}", "{gte: 9}"))).unwrap();
    std::fs::write(desk.folder.path().join("rules/0.yml"), "title: X\nid: x\nlogsource: {category: access}\ndetection: {s: {action: nil}, condition: s}").unwrap();
    let after = desk.settings().unwrap();
    let found = judge(&mut shard, &after, &events[3..]);
    assert_eq!(ids(&found), [("many", "a")]);
    std::fs::write(&own, "title: broken").unwrap();
    assert!(desk.settings().err().unwrap().contains("own.yml:1"));
}

#[test]
fn mapping_and_placeholders_make_strangers_rules_work() {
    let stranger = "title: S\nid: s\nlogsource: {product: customs_records, service: access_audit}\ndetection:\n    s:\n        op: print\n        who|expand: '%watched%'\n    condition: s\n";
    let mapping = "[[mapping]]\nproduct = \"customs_records\"\nto = { product = \"tidewaiter\", category = \"access\" }\nfields = { op = \"action\", who = \"actor.id\" }\n";
    let config = "[data]\nrule_mapping = \"m.toml\"\nplaceholders = \"p.toml\"\n";
    let files = [
        ("rules/own.yml", stranger),
        ("m.toml", mapping),
        ("p.toml", "watched = [\"b\", \"c\"]\n"),
    ];
    let found = judge(&mut shard(), &Desk::new(config, &files).settings().unwrap(), &prints());
    assert_eq!(ids(&found), [("s", "b")]);
    for (file, text, expected) in [
        ("m.toml", "[[mapping]]\nfields = { a = \"b\" }\n", "must name a product"),
        ("m.toml", "[[mapping]]\nproduct = \"p\"\n", "must have `to` or `fields`"),
        ("m.toml", "[[mapping]]\nprodct = \"p\"\n", "unknown field `prodct`"),
        (
            "m.toml",
            &mapping.replace("\"actor.id\"", "\"resource.subject\""),
            "not readable by rules",
        ),
        ("p.toml", "watched = 3\n", "placeholders"),
        ("p.toml", "", "no value is given for placeholder `%watched%`"),
    ] {
        let mut files = files.to_vec();
        files.iter_mut().filter(|(name, _)| *name == file).for_each(|entry| entry.1 = text);
        let refused = Desk::new(config, &files).settings().err().unwrap();
        assert!(refused.contains(expected), "{refused}");
    }
}
