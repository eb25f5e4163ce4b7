//! A partition that was regular and falls silent, as a worker sees it: one finding, one incident.

use tidewaiter::config::Config;
use tidewaiter::engine::correlate::{Correlated, Correlator};
use tidewaiter::engine::decode::{Decoder, Expected};
use tidewaiter::engine::detect::{Mode, Stream};
use tidewaiter::engine::model::{EventTime, KeyKind, Origin, Severity};
use tidewaiter::engine::shard::{
    Incoming, Output, Records, Restoring, Settings, Shard, ShardConfig,
};

const START_MS: i64 = 1_772_442_000_000;

fn at(second: i64) -> EventTime {
    EventTime::from_millis(START_MS + second * 1_000).unwrap()
}

fn settings() -> Settings {
    let key = tidewaiter::adapters::secrets::Secret::new(vec![7; 32]);
    tidewaiter::app::load_settings(&Config::default(), &key).unwrap().0
}

fn shard(partition: i32) -> Shard {
    let stream = Stream::Partition { topic: "access".into(), partition };
    Shard::new(vec![stream], &ShardConfig::default())
}

/// One read a second for an hour and a bit.
fn feed(shard: &mut Shard, settings: &Settings) {
    for second in 0..4_000 {
        let line = format!(
            r#"{{"kind":"access","id":"e{second}","time":{},"actor":{{"id":"a"}},"system":"pnr","action":"read"}}"#,
            at(second).millis()
        );
        let event = Decoder::new(Expected::Auto).decode(line.as_bytes()).unwrap().unwrap();
        let raw = || serde_json::from_str(&line).unwrap();
        let origin = Origin { stream: 0, position: second as u64 };
        let broker_time = Some(at(second));
        let incoming = Incoming { event: &event, raw: &raw, origin, broker_time };
        shard.judge(&incoming, settings, &mut Output::default());
    }
}

#[test]
fn a_topic_whose_partitions_fall_silent_is_one_incident() {
    let settings = settings();
    let mut correlator = Correlator::new(Config::default().correlate);
    let mut correlated = Correlated::default();
    for partition in 0..3 {
        let mut shard = shard(partition);
        feed(&mut shard, &settings);
        let mut out = Output::default();
        shard.look_for_silence(at(4_200), Mode::On, &mut out);
        assert!(out.findings.is_empty(), "three minutes are nothing");
        shard.look_for_silence(at(4_310), Mode::On, &mut out);
        shard.look_for_silence(at(4_400), Mode::On, &mut out);
        let [finding] = out.findings.as_slice() else { panic!("{:?}", out.findings) };
        assert_eq!(
            (finding.detector.as_ref(), finding.severity),
            ("silent_source", Severity::Medium)
        );
        assert_eq!(
            (finding.key.kind, finding.key.value.as_str()),
            (KeyKind::System, "topic access")
        );
        assert!(finding.why.contains(&format!("access, partition {partition}")), "{}", finding.why);
        correlator.take_finding(finding.clone(), &mut correlated);
    }
    let incidents: Vec<_> = correlator.incidents().collect();
    let [incident] = incidents.as_slice() else { panic!("{} incidents", incidents.len()) };
    assert_eq!(incident.title, "topic access has fallen silent");
    assert_eq!(incident.findings.len(), 3);
    assert!(incident.opened.is_some());
}

#[test]
fn a_restart_in_the_middle_tells_it_at_the_same_moment_and_once() {
    let settings = settings();
    let mut before = shard(0);
    feed(&mut before, &settings);
    let restored = |shard: &mut Shard| {
        let mut records = Records::default();
        let _ = shard.save(&mut records).unwrap();
        let mut restoring = Restoring::default();
        records.iter().for_each(|(key, value)| restoring.take(key, value));
        let mut again = self::shard(0);
        again.restore(restoring).unwrap();
        again
    };
    let mut after = restored(&mut before);
    let (mut undisturbed, mut disturbed) = (Output::default(), Output::default());
    before.look_for_silence(at(4_310), Mode::On, &mut undisturbed);
    after.look_for_silence(at(4_310), Mode::On, &mut disturbed);
    assert_eq!(disturbed.findings, undisturbed.findings);
    assert_eq!(disturbed.findings.len(), 1);
    let mut again = restored(&mut after);
    again.look_for_silence(at(9_000), Mode::On, &mut disturbed);
    assert_eq!(disturbed.findings.len(), 1, "told once");
}

#[test]
fn in_the_shadow_silence_pages_nobody_and_off_it_is_not_told() {
    let settings = settings();
    for (mode, expected) in [(Mode::Shadow, vec![Severity::Informational]), (Mode::Off, vec![])] {
        let mut shard = shard(0);
        feed(&mut shard, &settings);
        let mut out = Output::default();
        shard.look_for_silence(at(4_310), mode, &mut out);
        let told: Vec<Severity> = out.findings.iter().map(|finding| finding.severity).collect();
        assert_eq!(told, expected);
        assert!(shard.is_silent(), "the gauge tells it all the same");
    }
}
