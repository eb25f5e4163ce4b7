//! A fortnight of sixty officers, and on its last day what each detector that learns must notice.

use std::collections::{BTreeMap, BTreeSet};

use tidewaiter::config::Config;
use tidewaiter::engine::detect::DETECTOR_NAMES;
use tidewaiter::engine::model::{EventTime, Severity};

use crate::replayed::{Replayed, replay_lines};

/// The detectors that learn.
pub const LEARNED: [&str; 8] = [
    "unusual_volume",
    "unusual_unexplained",
    "slow_drift",
    "novelty",
    "session_start",
    "sequence",
    "id_block",
    "subject_fan_in",
];

const OFFICERS: u64 = 60;
const DAYS: i64 = 14;
const LAST: i64 = DAYS - 1;

/// Draws from a fixed sequence.
pub struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

/// One read.
struct Read {
    ms: i64,
    officer: u64,
    dataset: &'static str,
    record: u64,
    subject: u64,
    case: Option<u64>,
}

impl Read {
    fn line(&self, number: usize) -> String {
        let start = EventTime::parse("2026-03-02T00:00:00Z").unwrap();
        let (officer, unit) = (self.officer, self.officer % 4);
        let case = self.case.map_or(String::new(), |case| format!(r#","case":"C-{case}""#));
        format!(
            r#"{{"kind":"access","id":"e{number}","time":"{}","actor":{{"id":"o{officer}","role":"border_officer","unit":"U{unit}"}},"source":{{"ip":"10.0.0.{officer}"}},"action":"read","resource":{{"dataset":"{}","category":"travel","record":"PNR-{}","subject":"T-{}"}}{case}}}"#,
            start.plus_ms(self.ms),
            self.dataset,
            self.record,
            self.subject,
        )
    }
}

const MINUTE: i64 = 60_000;
const DAY: i64 = 1_440 * MINUTE;
const EIGHT: i64 = 8 * 60 * MINUTE;

/// Officers work from eight to four, some forty reads a day, six in seven for a case of some five.
fn honest(draw: &mut Draw, days: i64, reads: &mut Vec<Read>) {
    for day in 0..days {
        for officer in 0..OFFICERS {
            let mut case = 0;
            for _ in 0..20 + draw.below(20) + officer % 10 {
                if draw.below(5) == 0 {
                    case = draw.below(1_000_000);
                }
                let ms = day * DAY + EIGHT + draw.below(8 * 60 * 60_000) as i64;
                let newest = 8_000_000 + day as u64 * 200 + draw.below(200);
                let record = if draw.below(2) == 0 { newest } else { draw.below(8_000_000) };
                let case = (draw.below(7) > 0).then_some(case);
                let subject = draw.below(5_000_000);
                reads.push(Read { ms, officer, dataset: "pnr", record, subject, case });
            }
        }
    }
}

/// Who reads, and the event: the days from `from` to `to` of weeks without anything odd.
pub fn honest_days(from: i64, to: i64) -> Vec<(String, String)> {
    let mut reads = Vec::new();
    honest(&mut Draw(0x2545_F491_4F6C_DD1D), to, &mut reads);
    reads.sort_by_key(|read| read.ms);
    let of_days = |(_, read): &(usize, &Read)| (from * DAY..to * DAY).contains(&read.ms);
    let reads = reads.iter().enumerate().filter(of_days);
    reads.map(|(i, read)| (format!("o{}", read.officer), read.line(i))).collect()
}

/// Who does it on the day of [`unexplained_day`].
pub const UNEXPLAINED: u64 = NO_CASE;

/// The last day with fifty reads more than usual, none of them for a case.
pub fn unexplained_day() -> Vec<(String, String)> {
    unexplained_on(LAST)
}

/// The same on another day.
pub fn unexplained_on(last: i64) -> Vec<(String, String)> {
    let mut draw = Draw(0x2545_F491_4F6C_DD1D);
    let mut reads = Vec::new();
    honest(&mut draw, last + 1, &mut reads);
    let minute = 601 + (last - LAST) * 1_440;
    odd(&mut draw, &mut reads, UNEXPLAINED, (minute, 55, 50), |read, _| read.case = None);
    reads.retain(|read| read.ms >= last * DAY);
    reads.sort_by_key(|read| read.ms);
    let named =
        |(i, read): (usize, &Read)| (format!("o{}", read.officer), read.line(1_000_000 + i));
    reads.iter().enumerate().map(named).collect()
}

/// `count` reads of the last day from `minute` on, evenly over `minutes`; `change` makes them odd.
fn odd(
    draw: &mut Draw,
    reads: &mut Vec<Read>,
    officer: u64,
    (minute, minutes, count): (i64, i64, i64),
    change: impl Fn(&mut Read, u64),
) {
    for i in 0..count {
        let mut read = Read {
            ms: LAST * DAY + (minute * MINUTE) + i * minutes * MINUTE / count,
            officer,
            dataset: "pnr",
            record: draw.below(8_000_000),
            subject: draw.below(5_000_000),
            case: Some(draw.below(1_000_000)),
        };
        change(&mut read, i as u64);
        reads.push(read);
    }
}

/// Who does what on the last day.
const VOLUME: u64 = 10;
const NO_CASE: u64 = 11;
const NEW: u64 = 12;
const NIGHT: u64 = 13;
const WALKER: u64 = 14;
const CREEPER: u64 = 15;
/// From here on: twenty who share out a range, and twelve who look up one person.
const SHARERS: u64 = 20;
const GOSSIPS: u64 = 42;

fn fortnight(cases: bool) -> Replayed {
    replay_lines(&Config::default(), &fortnight_lines(cases))
}

/// A fortnight after which each of them tells something, and what it told.
pub fn all_noticed() -> (Vec<String>, Replayed) {
    let lines = fortnight_lines(true);
    let said = replay_lines(&Config::default(), &lines);
    (lines, said)
}

fn fortnight_lines(cases: bool) -> Vec<String> {
    let mut draw = Draw(0x2545_F491_4F6C_DD1D);
    let mut reads = Vec::new();
    honest(&mut draw, DAYS, &mut reads);
    odd(&mut draw, &mut reads, VOLUME, (600, 10, 300), |_, _| {});
    odd(&mut draw, &mut reads, NO_CASE, (601, 55, 50), |read, _| read.case = None);
    odd(&mut draw, &mut reads, NEW, (600, 60, 40), |read, _| read.dataset = "biometrics");
    odd(&mut draw, &mut reads, NIGHT, (120, 50, 25), |_, _| {});
    odd(&mut draw, &mut reads, WALKER, (600, 300, 70), |read, i| {
        (read.record, read.case) = (3_000_000 + i, None);
    });
    for officer in SHARERS..SHARERS + 20 {
        odd(&mut draw, &mut reads, officer, (600, 200, 12), |read, i| {
            read.record = 5_000_000 + (officer * 37 + i * 41) % 700;
        });
    }
    for officer in GOSSIPS..GOSSIPS + 12 {
        odd(&mut draw, &mut reads, officer, (600 + officer as i64, 1, 1), |read, _| {
            (read.subject, read.case) = (9_999_999, None);
        });
    }
    for day in LAST - 6..LAST {
        for _ in 0..(day - LAST + 8) * 12 {
            let ms = day * DAY + EIGHT + draw.below(8 * 60 * 60_000) as i64;
            let (record, subject) = (draw.below(8_000_000), draw.below(5_000_000));
            let case = Some(draw.below(1_000_000));
            reads.push(Read { ms, officer: CREEPER, dataset: "pnr", record, subject, case });
        }
    }
    if !cases {
        reads.iter_mut().for_each(|read| read.case = None);
    }
    reads.sort_by_key(|read| read.ms);
    reads.iter().enumerate().map(|(i, read)| read.line(i)).collect()
}

/// Detectors that speak at medium or above of each officer, from the day on which they have
/// learned.
fn told(said: &Replayed) -> BTreeMap<u64, BTreeSet<String>> {
    let mut told = BTreeMap::<u64, BTreeSet<String>>::new();
    for finding in &said.findings {
        let learned = LEARNED.contains(&finding.detector.as_ref());
        if learned && finding.severity >= Severity::Medium {
            let officer = finding.actor.as_ref().unwrap()[1..].parse().unwrap();
            told.entry(officer).or_default().insert(finding.detector.to_string());
        }
    }
    told
}

#[test]
fn what_is_odd_after_a_fortnight_is_told_and_what_is_not_is_not() {
    let said = fortnight(true);
    let told = told(&said);
    println!("{told:#?}");
    for (officer, detector) in [
        (VOLUME, "unusual_volume"),
        (NO_CASE, "unusual_unexplained"),
        (NEW, "novelty"),
        (NIGHT, "session_start"),
        (CREEPER, "slow_drift"),
    ] {
        let by = told.get(&officer).unwrap_or_else(|| panic!("nothing is told of o{officer}"));
        assert!(by.contains(detector), "o{officer}: {by:?} without {detector}");
    }
    let by = |detector: &str, from: u64, count: u64| {
        (from..from + count).filter(|o| told.get(o).is_some_and(|by| by.contains(detector))).count()
    };
    // A range is told of the first eight only.
    assert_eq!(by("id_block", SHARERS, 20), 8);
    assert!(by("subject_fan_in", GOSSIPS, 12) >= 2);
    assert!(told.contains_key(&WALKER), "nothing is told of the walker");
    let honest = told.keys().filter(|o| !(VOLUME..=GOSSIPS + 12).contains(*o)).count();
    assert!(honest <= 2, "{honest} honest officers are told of");
}

/// Without any case on any read there is no context, which is said, and walks are all the more.
#[test]
fn the_sentences_name_what_was_seen_and_what_is_usual() {
    let why = |said: &Replayed, detector: &str, officer: u64| {
        let actor = format!("o{officer}");
        let found = said
            .findings
            .iter()
            .find(|f| f.detector == detector && f.actor.as_deref() == Some(actor.as_str()));
        found.map(|f| f.why.clone()).unwrap_or_default()
    };
    let said = fortnight(true);
    let volume = why(&said, "unusual_volume", VOLUME);
    for part in ["distinct subjects in 10 min", "border_officer's usual", "stays under", "lane "] {
        assert!(volume.contains(part), "{volume}");
    }
    // Median and one in a hundred, of the officer and of the unit; and nothing is said by halves: each of
    // the fifty has no case.
    let unexplained = why(&said, "unusual_unexplained", NO_CASE);
    for part in [" subjects without a case in ", " and stays under ", " and under ", " in all"] {
        assert!(unexplained.contains(part), "{unexplained}");
    }
    let last = said.findings.iter().rfind(|f| {
        f.detector == "unusual_unexplained" && f.actor.as_deref() == Some(&format!("o{NO_CASE}"))
    });
    let (told, of) = last.map(|f| (f.observed, f.subjects as f64)).unwrap();
    assert!(told > 0.8 * of && told <= of, "{told} of {of}");
    for (detector, officer) in [("novelty", NEW), ("sequence", WALKER), ("slow_drift", CREEPER)] {
        let why = why(&said, detector, officer);
        assert!(why.contains("% without a case") || why.contains(" in all"), "{why}");
    }
    // And what would have been usual in each hour of the day before.
    let found = said.findings.iter().find(|f| f.why == volume).unwrap();
    assert_eq!(found.usual.len(), 24);
    let hour = 3_600_000;
    assert_eq!(found.usual[23].start.millis(), found.time.millis() / hour * hour);
    assert!(found.usual.windows(2).all(|two| two[1].start.since(two[0].start) == hour));
    assert!(found.usual.iter().all(|hour| 1.0 <= hour.median && hour.median <= hour.p99));
    assert!(found.observed > found.usual[23].p99, "{found:?}");
    let said = fortnight(false);
    let walk = why(&said, "sequence", WALKER);
    let volume = why(&said, "unusual_volume", VOLUME);
    assert!(volume.contains("no cases, so there is no context"), "{volume}");
    assert!(walk.contains("follow on another"), "{walk}");
}

#[test]
fn the_same_events_give_the_same_findings() {
    assert_eq!(fortnight(true).lines(), fortnight(true).lines());
}

#[test]
fn every_detector_that_learns_is_in_the_closed_set() {
    assert!(LEARNED.iter().all(|name| DETECTOR_NAMES.contains(name)));
}

/// One event of an officer in the middle of the last day, after a fortnight of honest ones.
fn with_one_more(event: &str) -> BTreeMap<u64, BTreeSet<String>> {
    let mut lines = honest_days(0, DAYS);
    let at = format!(r#""time":"2026-03-{:02}T11:"#, 2 + LAST);
    let place = lines.iter().position(|(_, line)| line.contains(&at)).unwrap();
    let line = format!(
        r#"{{"kind":"access","id":"one","time":"2026-03-{:02}T11:00:00Z","actor":{{"id":"o{VOLUME}","role":"border_officer","unit":"U{}"}},"source":{{"ip":"10.0.0.{VOLUME}"}},"resource":{{"dataset":"pnr","category":"travel"}},"case":"C-77",{event}}}"#,
        2 + LAST,
        VOLUME % 4,
    );
    lines.insert(place, (String::new(), line));
    let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    told(&replay_lines(&Config::default(), &lines))
}

#[test]
fn one_event_that_returns_many_records_is_told_although_it_lists_nobody() {
    // The case it cites is thought to explain some five.
    let unexplained = BTreeSet::from(["unusual_unexplained".to_owned()]);
    let export = with_one_more(r#""action":"export","records":900"#);
    assert_eq!(export.get(&VOLUME), Some(&unexplained));
    let search = with_one_more(r#""action":"search","records":40"#);
    assert_eq!(search.get(&VOLUME), None, "a page of hits is one look, and has a case");
}

/// One read of an officer on the last day, for a case and as any other, but for where it is made.
#[test]
fn a_system_or_a_site_that_the_role_does_not_use_is_new() {
    let there = |line: &str, system: &str, site: &str| {
        line.replacen(
            r#""source":{"#,
            &format!(r#""system":"{system}","source":{{"site":"{site}","#),
            1,
        )
    };
    let told_of = |system: &str, site: &str| {
        let at = format!(r#""time":"2026-03-{:02}T12:"#, 2 + LAST);
        let id = format!(r#""actor":{{"id":"o{NEW}""#);
        let moved = |line: &str| line.contains(&at) && line.contains(&id);
        let lines: Vec<String> = honest_days(0, DAYS)
            .iter()
            .map(|(_, line)| match moved(line) {
                true => there(line, system, site),
                false => there(line, "gateway", "AMS"),
            })
            .collect();
        let said = replay_lines(&Config::default(), &lines);
        let novelty = said
            .findings
            .iter()
            .find(|f| f.detector == "novelty" && f.actor.as_deref() == Some(&format!("o{NEW}")));
        novelty.map(|finding| finding.why.clone())
    };
    assert_eq!(told_of("gateway", "AMS"), None);
    let why = told_of("dbconsole", "AMS").expect("a new system is told");
    assert!(why.contains("`pnr` by read through `dbconsole`, and"), "{why}");
    let why = told_of("gateway", "ELSEWHERE").expect("a new site is told");
    assert!(why.contains("`pnr` by read at `ELSEWHERE`, and"), "{why}");
}

/// Few machines share a role, so what one of them does for the first time is rare in no book.
#[test]
fn a_machine_s_new_dataset_is_told_once_others_have_learned() {
    let start = EventTime::parse("2026-03-02T00:00:00Z").unwrap();
    let read = |actor: &str, kind: &str, ms: i64, dataset: &str| {
        let time = start.plus_ms(ms);
        let line = format!(
            r#"{{"kind":"access","id":"{actor}{ms}","time":"{time}","actor":{{"id":"{actor}","role":"{kind}","type":"{kind}"}},"source":{{"ip":"10.9.9.9"}},"action":"read","resource":{{"dataset":"{dataset}","category":"travel","record":"{ms}"}}}}"#
        );
        (ms, line)
    };
    let honest = honest_days(0, DAYS);
    let time_of = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        EventTime::parse(value["time"].as_str().unwrap()).unwrap().since(start)
    };
    let mut lines: Vec<(i64, String)> =
        honest.into_iter().map(|(_, line)| (time_of(&line), line)).collect();
    for (actor, kind) in [("machine", "service"), ("clerk", "person")] {
        let every_ten = (0..DAYS * 144).map(|n| read(actor, kind, n * 10 * MINUTE, "pnr"));
        lines.extend(every_ten);
        lines.push(read(actor, kind, LAST * DAY + EIGHT + MINUTE, "visa"));
    }
    lines.sort_by_key(|(ms, _)| *ms);
    let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    let said = replay_lines(&Config::default(), &lines);
    let told: Vec<_> = said.findings.iter().filter(|f| f.detector == "first_seen").collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].actor.as_deref(), told[0].severity), (Some("machine"), Severity::Medium));
    assert!(told[0].why.ends_with(", a machine that has used one other"), "{}", told[0].why);
}
