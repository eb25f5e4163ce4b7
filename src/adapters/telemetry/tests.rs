//! What is handed in comes out, in the stats and in the text.

use std::sync::Arc;

use super::*;
use crate::engine::detect::rules::RuleSet;
use crate::engine::detect::{RuleCounts, Rules};
use crate::engine::model::{EventTime, Finding, Key, KeyKind, Severity, Source, Window};
use crate::engine::shard::StateSize;

fn telemetry() -> Arc<Telemetry> {
    Telemetry::new(&["access".into(), "network".into()], ["travel".to_owned()])
}

fn finding(detector: &'static str, severity: Severity) -> Finding {
    let time = EventTime::default();
    Finding {
        id: "f".into(),
        time,
        detector: detector.into(),
        rule: None,
        severity,
        score: 50,
        key: Key { kind: KeyKind::Actor, value: "off-1".into() },
        actor: Some("off-1".into()),
        source_ip: None,
        session: None,
        dataset: None,
        category: None,
        tier: 0,
        window: Window { start: time, end: time },
        observed: 1.0,
        expected: 0.0,
        unit: "events".into(),
        subjects: 0,
        records: 0,
        bytes: 0,
        attack: Vec::new(),
        why: "test".into(),
        evidence: Vec::new(),
        source: Source::Monitor { monitor: "test".into() },
        usual: Vec::new(),
        source_actors: 0,
    }
}

/// The text has this line.
fn check(telemetry: &Telemetry, line: &str) {
    let text = telemetry.render().expect("text");
    assert!(text.lines().any(|l| l == line), "no line {line:?} in\n{text}");
}

#[test]
fn a_batch_shows_in_the_ledger() {
    let t = telemetry();
    let counts = BatchCounts {
        records_in: 10,
        scored: 6,
        late: 1,
        duplicate: 2,
        dead_lettered: 1,
        saturated: 3,
    };
    t.topic("access").batch(&counts);
    t.topic("access").refused("not_json");
    check(&t, "tidewaiter_records_in_total{topic=\"access\"} 10");
    check(&t, "tidewaiter_records_total{topic=\"access\",outcome=\"duplicate\"} 2");
    check(&t, "tidewaiter_ledger_imbalance{topic=\"access\"} 0");
    check(&t, "tidewaiter_dead_letters_total{topic=\"access\",reason=\"not_json\"} 1");
    check(&t, "tidewaiter_saturated_numbers_total{topic=\"access\"} 3");
    t.topic("access").batch(&BatchCounts { records_in: 2, scored: 1, ..BatchCounts::default() });
    check(&t, "tidewaiter_ledger_imbalance{topic=\"access\"} 1");
    let stats = t.stats(EventTime::default());
    assert_eq!((stats.records.records_in, stats.records.scored), (12, 7));
    assert_eq!(stats.topics.len(), 2, "the topic `other` shows only when used");
}

#[test]
fn what_is_not_known_is_other() {
    let t = telemetry();
    t.topic("made-up").batch(&BatchCounts { records_in: 1, scored: 1, ..BatchCounts::default() });
    t.topic("access").read("biometric", 2, 50);
    t.topic("access").read("travel", 1, 7);
    t.findings(&[finding("homebrew", Severity::High), finding("bulk_read", Severity::Critical)]);
    t.lag("made-up", 0, 5);
    check(&t, "tidewaiter_records_in_total{topic=\"other\"} 1");
    check(&t, "tidewaiter_reads_total{category=\"other\"} 2");
    check(&t, "tidewaiter_read_records_total{category=\"travel\"} 7");
    check(&t, "tidewaiter_findings_total{detector=\"other\",severity=\"high\"} 1");
    check(&t, "tidewaiter_findings_total{detector=\"bulk_read\",severity=\"critical\"} 1");
    check(&t, "tidewaiter_consumer_lag_records{topic=\"other\",partition=\"0\"} 5");
    let text = t.render().expect("text");
    for made_up in ["made-up", "biometric", "homebrew", "off-1"] {
        assert!(!text.contains(made_up), "{made_up} became a label");
    }
}

#[test]
fn latency_is_told_in_buckets_and_quantiles() {
    let t = telemetry();
    t.topic("access").latency_ms(3, 99);
    t.topic("network").latency_ms(700, 1);
    check(&t, "tidewaiter_verdict_latency_seconds_bucket{topic=\"access\",le=\"0.002\"} 0");
    check(&t, "tidewaiter_verdict_latency_seconds_bucket{topic=\"access\",le=\"0.005\"} 99");
    check(&t, "tidewaiter_verdict_latency_seconds_bucket{topic=\"access\",le=\"+Inf\"} 99");
    check(&t, "tidewaiter_verdict_latency_seconds_sum{topic=\"access\"} 0.297");
    check(&t, "tidewaiter_verdict_latency_seconds_count{topic=\"network\"} 1");
    let latency = t.stats(EventTime::default()).verdict_latency_ms;
    assert_eq!((latency.p50, latency.p99, latency.max, latency.count), (3.0, 3.0, 700.0, 100));
}

#[test]
fn a_revoked_partition_is_forgotten() {
    let t = telemetry();
    let at = EventTime::from_millis(1_500).expect("in range");
    t.lag("access", 0, 7);
    t.lag("access", 3, 5);
    t.watermark("access", 0, at.plus_ms(1_000));
    t.watermark("access", 3, at);
    check(&t, "tidewaiter_watermark_timestamp_seconds{topic=\"access\",partition=\"3\"} 1.5");
    let access = |t: &Telemetry| t.stats(EventTime::default()).topics.remove(0);
    assert_eq!((access(&t).lag, access(&t).watermark), (12, Some(at)));
    t.forget_partition("access", 3);
    assert_eq!((access(&t).lag, access(&t).watermark), (7, Some(at.plus_ms(1_000))));
    assert!(!t.render().expect("text").contains("partition=\"3\""));
}

#[test]
fn evictions_never_run_backwards() {
    let t = telemetry();
    for actors_evicted in [10, 4, 6] {
        t.state(
            0,
            StateSize { actors: 3, actors_evicted, recorder_bytes: 64, ..Default::default() },
        );
    }
    check(&t, "tidewaiter_evictions_total{kind=\"actor\"} 12");
    check(&t, "tidewaiter_state_entries{kind=\"actor\"} 3");
    assert_eq!(t.stats(EventTime::default()).state.bytes, 64);
}

/// One rule.
fn rules() -> Rules {
    let text = "title: R\nid: r\nlogsource: {category: access}\ndetection: {s: {action: read}, condition: s}";
    Rules::new(RuleSet::load([("r.yml", text)], &Default::default()).expect("a rule"))
}

#[test]
fn what_a_rule_did_outlives_a_reload_and_ends_with_the_rule() {
    let t = telemetry();
    t.rules(&rules(), EventTime::default());
    let counts = RuleCounts {
        evaluated: 9,
        matched: 3,
        findings: 2,
        suppressed: 1,
        shadow: 0,
        spent_ns: 1_500_000,
    };
    t.rule_counts("r", counts);
    t.rules(&rules(), EventTime::default());
    t.rule_counts("r", counts);
    check(&t, "tidewaiter_rule_events_total{rule=\"r\",outcome=\"matched\"} 6");
    check(&t, "tidewaiter_rule_seconds_total{rule=\"r\"} 0.003");
    let by_rule = [("r".to_owned(), Feedback { incidents: [3, 0, 1, 0] })].into();
    t.cases(CaseNumbers { by_rule, ..CaseNumbers::default() });
    let judged = |resolution: &str, n: u64| {
        let labels = format!("rule=\"r\",resolution=\"{resolution}\"");
        check(&t, &format!("tidewaiter_rule_feedback_incidents{{{labels}}} {n}"));
    };
    judged("true_positive", 3);
    judged("false_positive", 1);
    let listed = t.rule_list();
    assert_eq!((listed.len(), listed[0].evaluated, listed[0].suppressed), (1, 18, 2));
    t.rules(&Rules::default(), EventTime::default());
    assert_eq!(t.rule_list(), []);
    assert!(!t.render().expect("text").contains("rule=\"r\""));
}

#[test]
fn condition_and_reloads_are_told() {
    let t = telemetry();
    assert_eq!(t.unready(), ["starting"]);
    check(&t, "tidewaiter_ready 0");
    t.ready(Vec::new());
    t.connected(true);
    t.reload(ReloadedFile::Catalogue, true, None);
    t.reload(ReloadedFile::Rules, false, Some("rule `x` has no condition".into()));
    t.reload(ReloadedFile::Exceptions, false, Some("no owner".into()));
    t.rules(&rules(), EventTime::default());
    t.published(5, 1);
    t.outbox(9);
    t.incidents_open([4, 3, 2, 1]);
    t.incident_opened(Severity::High);
    check(&t, "tidewaiter_ready 1");
    check(&t, "tidewaiter_kafka_connected 1");
    check(&t, "tidewaiter_reloads_total{file=\"rules\",outcome=\"refused\"} 1");
    check(&t, "tidewaiter_alerts_published_total{outcome=\"failed\"} 1");
    check(&t, "tidewaiter_outbox_pending 9");
    check(&t, "tidewaiter_rules_loaded 1");
    check(&t, "tidewaiter_incidents_open{severity=\"signal\"} 4");
    check(&t, "tidewaiter_incidents_opened_total{severity=\"high\"} 1");
    let stats = t.stats(EventTime::default());
    assert_eq!(stats.rules.error.as_deref(), Some("rule `x` has no condition"));
    assert_eq!((stats.incidents.critical, stats.incidents.signals), (1, 4));
    assert!(stats.ready && stats.kafka == "connected");
    // What is applied is applied whole: it may be another file that was mended last.
    t.reload(ReloadedFile::Exceptions, true, None);
    assert_eq!(t.stats(EventTime::default()).rules.error, None);
}

#[test]
fn the_stats_have_the_contracts_keys() {
    let json = serde_json::to_value(telemetry().stats(EventTime::default())).expect("json");
    let keys: Vec<&str> = json.as_object().expect("object").keys().map(String::as_str).collect();
    let mut expected = vec![
        "version",
        "time",
        "started",
        "uptime_s",
        "ready",
        "unready",
        "kafka",
        "demo",
        "events_per_second",
        "records",
        "topics",
        "verdict_latency_ms",
        "incidents",
        "findings_by_detector",
        "findings_by_severity",
        "reads_by_category",
        "hour",
        "state",
        "rules",
        "budget",
    ];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    let topic = json["topics"][0].as_object().expect("object");
    for key in [
        "topic",
        "in",
        "scored",
        "late",
        "duplicate",
        "dead_lettered",
        "lag",
        "watermark",
        "silent_partitions",
    ] {
        assert!(topic.contains_key(key), "{key}");
    }
}

/// `name{labels}` of a sample, with the labels' names only.
fn series(line: &str) -> (String, Vec<String>) {
    let series = line.rsplit_once(' ').map_or(line, |(series, _)| series);
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let labels = labels.trim_end_matches('}').split(',').filter(|pair| !pair.is_empty());
    let label = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    let mut labels: Vec<String> = labels.map(label).collect();
    labels.sort();
    (name.to_owned(), labels)
}

#[test]
fn tells_what_dashboards_and_alert_rules_rely_on() {
    let t = telemetry();
    t.lag("access", 0, 1);
    t.role("detector");
    t.rules(&rules(), EventTime::default());
    t.watermark("access", 0, EventTime::default());
    t.cases(CaseNumbers { clocks: [("gdpr".to_owned(), 60)].into(), ..CaseNumbers::default() });
    let text = t.render().expect("text");
    let samples = |text: &str| -> std::collections::BTreeSet<_> {
        text.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).map(series).collect()
    };
    let relied_on = samples(include_str!("../../../dashboards/prometheus/metrics.txt"));
    assert_eq!(samples(&text), relied_on);
}

#[test]
fn clocks_beyond_the_most_share_one_series() {
    let t = telemetry();
    let clocks = (0..40).map(|n| (format!("r{n:02}"), 1_000 - n)).collect();
    t.cases(CaseNumbers { clocks, ..CaseNumbers::default() });
    let text = t.render().expect("text");
    let of = |line: &&str| line.starts_with("tidewaiter_clock_seconds_left{");
    let lines: Vec<&str> = text.lines().filter(of).collect();
    assert_eq!(lines.len(), 33);
    assert!(lines.contains(&"tidewaiter_clock_seconds_left{regime=\"other\"} 961"), "{lines:?}");
}

#[test]
fn notices_are_counted_by_the_sinks_there_are_and_the_rest_share_one_series() {
    let t = telemetry();
    check(&t, "tidewaiter_notices{sink=\"none\",state=\"waiting\"} 0");
    t.sinks(["desk", "duty"].into_iter());
    t.notices_done(
        "desk",
        NoticeCounts { delivered: 3, failed: 2, dead: 1, silenced: 4, folded: 5 },
    );
    t.notices_done("made-up", NoticeCounts { delivered: 9, ..NoticeCounts::default() });
    let kept =
        |waiting, dead, oldest_s| NoticesKept { waiting, dead, oldest_s, ..NoticesKept::default() };
    let all = [("duty", kept(4, 0, 12.5)), ("gone", kept(0, 2, 0.0)), ("went", kept(0, 3, 0.0))];
    t.notices_kept(&all.map(|(sink, kept)| (sink.to_owned(), kept)).into());
    check(&t, "tidewaiter_notices_total{sink=\"desk\",outcome=\"failed\"} 2");
    check(&t, "tidewaiter_notices_total{sink=\"desk\",outcome=\"silenced\"} 4");
    check(&t, "tidewaiter_notices{sink=\"duty\",state=\"waiting\"} 4");
    check(&t, "tidewaiter_notices{sink=\"other\",state=\"dead\"} 5");
    check(&t, "tidewaiter_notice_oldest_seconds{sink=\"duty\"} 12.5");
    let text = t.render().expect("text");
    assert!(!text.contains("made-up") && !text.contains("gone"), "{text}");
}

#[test]
fn the_alert_load_is_shared_among_those_who_work() {
    let t = telemetry();
    check(&t, "tidewaiter_incidents_per_analyst_day 0");
    t.alert_load(AlertLoad { opened: 9, analysts: 0 });
    check(&t, "tidewaiter_incidents_per_analyst_day 9");
    t.alert_load(AlertLoad { opened: 9, analysts: 4 });
    check(&t, "tidewaiter_incidents_per_analyst_day 2.25");
    check(&t, "tidewaiter_incidents_opened_day 9");
    check(&t, "tidewaiter_analysts 4");
}

#[test]
fn what_keeps_notices_back_is_counted_from_the_start() {
    let t = telemetry();
    for state in ["active", "pending", "maintenance"] {
        check(&t, &format!("tidewaiter_silences{{state=\"{state}\"}} 0"));
    }
    t.silences(SilencesKept { active: 3, pending: 2, windows: 1 });
    check(&t, "tidewaiter_silences{state=\"active\"} 3");
    check(&t, "tidewaiter_silences{state=\"pending\"} 2");
    check(&t, "tidewaiter_silences{state=\"maintenance\"} 1");
}

#[test]
fn what_is_quiet_and_not_taken_up_is_still_to_do() {
    let t = telemetry();
    t.incidents_open([0, 0, 0, 0]);
    t.incidents_to_do([3, 2, 1], [1, 0, 1]);
    check(&t, "tidewaiter_incidents_to_do{severity=\"critical\",state=\"new\"} 1");
    check(&t, "tidewaiter_incidents_to_do{severity=\"critical\",state=\"taken\"} 0");
    check(&t, "tidewaiter_incidents_to_do{severity=\"medium\",state=\"taken\"} 2");
    let incidents = t.stats(now()).incidents;
    assert_eq!((incidents.critical, incidents.to_do.critical), (0, 1));
    assert_eq!((incidents.unacknowledged.high, incidents.to_do.high), (0, 2));
}

#[test]
fn a_category_that_is_not_listed_is_counted_as_other() {
    let t = telemetry();
    let topic = t.topic("access");
    assert_eq!((topic.category("travel"), topic.category("made-up")), ("travel", "other"));
}
