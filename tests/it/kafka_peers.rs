//! What partitions know of each other's actors: eight of them hold sixty officers to what one
//! does, and whoever takes partitions over from a killed worker decides as that would have.

use std::collections::BTreeMap;

use serde_json::Value;
use tidewaiter::engine::model::EventTime;

use crate::kafka_budget::metric;
use crate::learned::{UNEXPLAINED, honest_days, unexplained_on};
use crate::monitor::{Monitor, until};
use crate::setup::{Setup, assert_same_findings};
use crate::stream::SharedBroker;

/// Days without anything odd; on the one after them an officer reads fifty people without a case.
const DAYS: i64 = 16;
const PARTITIONS: i32 = 8;

struct Installation {
    setup: Setup,
    monitor: Option<Monitor>,
    partitions: i32,
}

impl Installation {
    fn new(broker: &SharedBroker, name: &str, partitions: i32, kafka: &str) -> Self {
        let setup = Setup::new(&broker.lock(), name, &[("access", partitions)]);
        std::fs::write(setup.path("key"), "0123456789abcdef0123456789abcdef").unwrap();
        // Who is told of teaches nobody for days. Nobody here works at odd hours, so who would be
        // told of for them is chance, and not what is compared.
        let rest = "[privacy]\npseudonym_key = { file = \"key\" }\n\
                    [detect]\nbudget_per_1000_actors_day = 10\n\
                    [detect.baseline]\nsession_start = \"shadow\"\n";
        setup.configure(broker.lock().bootstrap(), kafka, rest);
        let monitor = Some(Monitor::start(&setup.config()));
        Self { setup, monitor, partitions }
    }

    fn metric(&mut self, series: &str) -> Result<f64, String> {
        metric(self.monitor.as_mut().expect("runs"), series)
    }

    fn produce(&self, records: &[(String, String)]) {
        let sent = |(actor, line): &(String, String)| {
            (Some(actor.clone()), Some(line.clone().into_bytes()))
        };
        self.setup.stream.produce(&self.setup.input("access"), records.iter().map(sent));
    }

    /// Waits until the day is judged and every partition has decided what counts of all others
    /// from the next on.
    fn until_decided(&mut self, day: i64) {
        until("every event is judged", || match self.setup.lag()? {
            0 => Ok(()),
            behind => Err(format!("{behind} records behind")),
        });
        if self.partitions == 1 || day == 0 {
            return;
        }
        let begin = EventTime::parse("2026-03-02T00:00:00Z").unwrap();
        let turn = begin.millis() / 86_400_000 + day + 1;
        let others = f64::from(self.partitions - 1);
        until(&format!("{}: what counts from day {turn} on", self.setup.name), || {
            let day = self.metric("tidewaiter_peers_decided_day")?;
            let known = self.metric(r#"tidewaiter_peers_partitions{of="decided_least"}"#)?;
            // A worker that has not told yet of its partitions has decided nothing.
            let state = |state| format!("tidewaiter_calibration_partitions{{state=\"{state}\"}}");
            let told = self.metric(&state("learned"))? + self.metric(&state("learning"))?;
            let decided = day == turn as f64 && known == others && told == others + 1.0;
            let log = self.monitor.as_ref().map(Monitor::log).unwrap_or_default();
            let log = log[log.len().saturating_sub(4)..].join("\n");
            let told = || self.setup.stream.read_all(&self.setup.own("peers")).len();
            if decided {
                Ok(())
            } else {
                Err(format!("{known} others for {day}; {} told; {log}", told()))
            }
        });
    }

    fn show(&mut self, day: i64, records: &[(String, String)]) {
        self.produce(records);
        self.until_decided(day);
    }

    /// Kills the monitor while it judges the first half of a day's records.
    fn show_and_kill(&mut self, day: i64, records: &[(String, String)]) {
        let (first, second) = records.split_at(records.len() / 2);
        let done = || self.setup.stream.committed(&self.setup.name, self.setup.inputs());
        let before = until("what was committed", done);
        self.produce(first);
        until("some of it judged", || {
            let now = self.setup.stream.committed(&self.setup.name, self.setup.inputs())?;
            if now > before { Ok(()) } else { Err(format!("{now} as before")) }
        });
        self.monitor.take().expect("runs").kill();
        self.monitor = Some(Monitor::start(&self.setup.config()));
        until("what was told before is read though nobody tells more", || {
            let log = self.monitor.as_ref().map(Monitor::log).unwrap_or_default();
            let read = log.iter().any(|line| line.contains("told each other is read"));
            if read { Ok(()) } else { Err(format!("{} lines of log", log.len())) }
        });
        self.show(day, second);
    }

    /// Thresholds of lanes, as the mean over partitions.
    fn thresholds(&mut self) -> BTreeMap<&'static str, f64> {
        let lanes = ["fused", "burst", "unexplained", "novelty", "off_hours"];
        lanes
            .into_iter()
            .map(|lane| {
                let series = format!(r#"tidewaiter_lane_threshold{{lane="{lane}",of="mean"}}"#);
                (lane, self.metric(&series).unwrap())
            })
            .collect()
    }

    fn end(&mut self) -> BTreeMap<String, Value> {
        self.setup.settled();
        self.monitor.take().expect("runs").stop_well();
        self.setup.findings()
    }
}

fn days() -> Vec<Vec<(String, String)>> {
    let mut days: Vec<_> = (0..DAYS).map(|day| honest_days(day, day + 1)).collect();
    days.push(unexplained_on(DAYS));
    days
}

/// What was found of the officer who reads without a case.
fn odd(findings: &BTreeMap<String, Value>) -> Vec<&Value> {
    let of = |f: &&Value| {
        f["detector"] == "unusual_unexplained" && f["actor"] == format!("o{UNEXPLAINED}")
    };
    findings.values().filter(of).collect()
}

#[test]
fn eight_partitions_hold_officers_to_what_one_does() {
    let broker = SharedBroker::get();
    let mut one = Installation::new(&broker, "peers-one", 1, "");
    let mut eight = Installation::new(&broker, "peers-eight", PARTITIONS, "workers = 2");
    for (day, records) in (0..).zip(days()) {
        one.show(day, &records);
        eight.show(day, &records);
    }
    // Seven or eight officers each: by themselves none of the eight would ever have learned.
    let learned = r#"tidewaiter_calibration_partitions{state="learned"}"#;
    until("every partition's thresholds stand", || match eight.metric(learned)? {
        partitions if partitions == f64::from(PARTITIONS) => Ok(()),
        partitions => Err(format!("{partitions} partitions")),
    });
    assert_eq!(eight.metric(r#"tidewaiter_peers_partitions{of="in_force_least"}"#), Ok(7.0));
    assert_eq!(one.metric(r#"tidewaiter_peers_partitions{of="in_force_most"}"#), Ok(0.0));
    // Each officer counts once, wherever.
    let days = "tidewaiter_calibration_actor_days";
    until("each officer counts once, wherever", || {
        let (in_one, in_eight) = (one.metric(days)?, eight.metric(days)?);
        match (in_one / in_eight - 1.0).abs() < 0.01 {
            true => Ok(()),
            false => Err(format!("{in_one} {in_eight}")),
        }
    });
    let (of_one, of_eight) = (one.thresholds(), eight.thresholds());
    // Of the first days each partition ranked its own few alone.
    for (lane, threshold) in &of_one {
        let apart = (threshold - of_eight[lane]).abs();
        assert!(apart < 0.75, "{lane}: {threshold} {}", of_eight[lane]);
    }
    let (of_one, of_eight) = (one.end(), eight.end());
    let (in_one, in_eight) = (odd(&of_one), odd(&of_eight));
    assert!(!in_one.is_empty() && !in_eight.is_empty(), "{in_one:?} {in_eight:?}");
}

#[test]
fn who_takes_over_from_a_killed_worker_decides_the_same() {
    let broker = SharedBroker::get();
    let mut undisturbed = Installation::new(&broker, "peers-whole", PARTITIONS, "workers = 2");
    let mut killed = Installation::new(&broker, "peers-killed", PARTITIONS, "workers = 2");
    for (day, records) in (0..).zip(days()) {
        undisturbed.show(day, &records);
        if [3, 8, DAYS].contains(&day) {
            killed.show_and_kill(day, &records);
        } else {
            killed.show(day, &records);
        }
    }
    assert_eq!(undisturbed.thresholds(), killed.thresholds());
    let (undisturbed, killed) = (undisturbed.end(), killed.end());
    assert!(!odd(&undisturbed).is_empty());
    assert_same_findings(&killed, &undisturbed);
    for (id, finding) in &undisturbed {
        for field in ["why", "score", "severity", "expected", "usual", "time"] {
            assert_eq!(killed[id][field], finding[field], "{field} of {finding}");
        }
    }
}
