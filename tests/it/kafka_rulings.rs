//! An incident is resolved while the monitor runs as several processes: what the account's breach
//! taught a detector without a store is taken back, and stays so after a restart.

use serde_json::{Value, json};
use tidewaiter::engine::model::EventTime;

use crate::kafka_budget::metric;
use crate::learned::honest_days;
use crate::monitor::{Monitor, until};
use crate::setup::Setup;
use crate::stream::SharedBroker;

/// Honest days before; thresholds stand by then.
const DAYS: i64 = 12;
/// Days of the breach.
const BREACH: i64 = 5;
/// Two officers who work alike and do the same: people confirm it of one, and dismiss it of the other.
const CONFIRMED: &str = "o7";
const DISMISSED: &str = "o17";

const MINUTE: i64 = 60_000;

/// What both read from `from_hour` on, `count` in each of `hours`, none for a case: who reads, when, and
/// the event.
fn reads(day: i64, (from_hour, hours, count): (i64, i64, i64)) -> Vec<(i64, String, String)> {
    let start = EventTime::parse("2026-03-02T00:00:00Z").unwrap();
    let mut reads = Vec::new();
    for n in 0..hours * count {
        let ms = (day * 1_440 + from_hour * 60) * MINUTE + n * 60 * MINUTE / count;
        for actor in [CONFIRMED, DISMISSED] {
            let (number, time) = (actor.trim_start_matches('o'), start.plus_ms(ms));
            let of: i64 = number.parse().unwrap();
            let subject = day * 100_000 + from_hour * 800 + n;
            reads.push((ms, actor.to_owned(), format!(
                r#"{{"kind":"access","id":"x{day}-{from_hour}-{n}-{actor}","time":"{time}","actor":{{"id":"{actor}","role":"border_officer","unit":"U{}"}},"source":{{"ip":"10.0.0.{number}"}},"action":"read","resource":{{"dataset":"pnr","category":"travel","record":"PNR-{}","subject":"X-{subject}-{number}"}}}}"#,
                of % 4,
                (subject * 7_919 + of * 1_000_003) % 8_000_000,
            )));
        }
    }
    reads
}

struct World {
    setup: Setup,
}

impl World {
    /// Shows the honest days from `from` to `to`, with `more`, in order; waits until all is judged.
    fn show(&self, from: i64, to: i64, more: Vec<(i64, String, String)>) {
        let time = |line: &str| {
            let event: Value = serde_json::from_str(line).unwrap();
            EventTime::parse(event["time"].as_str().unwrap()).unwrap()
        };
        let more = more.into_iter().map(|(_, actor, line)| (actor, line));
        let mut events: Vec<_> = honest_days(from, to)
            .into_iter()
            .chain(more)
            .map(|(actor, line)| (time(&line), actor, line))
            .collect();
        events.sort_by_key(|event| event.0);
        let sent = events.into_iter().map(|(_, actor, line)| (Some(actor), Some(line.into())));
        self.setup.stream.produce(&self.setup.input("access"), sent);
        self.setup.settled();
    }

    /// What the explanation of the account's findings on that day says of a usual day: the count that
    /// one hour in a hundred exceeds, over a day's hours.
    fn usual(&self, actor: &str, day: i64) -> f64 {
        let start = EventTime::parse("2026-03-02T00:00:00Z").unwrap().plus_ms(day * 1_440 * MINUTE);
        let findings = self.setup.findings();
        let of_day = |finding: &&Value| {
            let time = EventTime::parse(finding["time"].as_str().unwrap()).unwrap();
            finding["actor"] == actor
                && (0..1_440 * MINUTE).contains(&time.since(start))
                && finding["usual"].as_array().is_some_and(|hours| !hours.is_empty())
        };
        let first = findings.values().filter(of_day).min_by_key(|f| f["time"].to_string());
        let first = first.unwrap_or_else(|| panic!("nothing is told of {actor} on day {day}"));
        let hours = first["usual"].as_array().unwrap();
        hours.iter().map(|hour| hour["p99"].as_f64().unwrap()).sum()
    }

    /// The topic's records; null where one withdraws another.
    fn told(&self) -> Vec<Value> {
        let records = self.setup.stream.read_all(&self.setup.own("rulings"));
        records.iter().map(|r| if r.payload.is_empty() { Value::Null } else { r.json() }).collect()
    }
}

/// Incidents of the account in that state.
fn listed(server: &mut Monitor, actor: &str, state: &str) -> Vec<String> {
    let path = format!("/api/v1/incidents?status=open,quiet&state={state}&actor={actor}");
    let (status, body) = server.get(&path);
    assert_eq!(status, 200, "{body}");
    let page: Value = serde_json::from_str(&body).unwrap();
    let ids = page["items"].as_array().unwrap().iter();
    ids.map(|incident| incident["id"].as_str().unwrap().to_owned()).collect()
}

fn act(server: &mut Monitor, incident: &str, act: &Value) -> (u16, String) {
    let path = format!("/api/v1/incidents/{incident}/acts");
    server.post(&path, &json!({"by": "ann", "act": act}))
}

/// Resolves what there is of the account, and waits until the detector knows. An incident may be absorbed
/// by that of the day before meanwhile, which is reopened by it.
fn resolve(server: &mut Monitor, detector: &mut Monitor, actor: &str, resolution: &str) {
    let said = detector.log().len();
    let mut resolved = 0;
    until("nothing unresolved", || {
        let open = listed(server, actor, "new");
        for incident in &open {
            let (status, answer) =
                act(server, incident, &json!({"kind": "resolve", "resolution": resolution}));
            assert!([201, 409].contains(&status), "{answer}");
            resolved += usize::from(status == 201);
        }
        if open.is_empty() { Ok(()) } else { Err(format!("{open:?}")) }
    });
    if resolved > 0 {
        detector.says_after(said, "rulings on incidents changed");
    }
}

#[test]
fn a_confirmed_breach_teaches_nothing_also_after_a_restart() {
    let broker = SharedBroker::get();
    let setup = Setup::new(&broker.lock(), "rulings", &[("access", 1)]);
    std::fs::write(setup.path("key"), "0123456789abcdef0123456789abcdef").unwrap();
    let rest = "[privacy]\npseudonym_key = { file = \"key\" }\n";
    setup.configure(broker.lock().bootstrap(), "", rest);
    let config = setup.config();
    let mut server = Monitor::start_server(&config);
    let mut detector = Monitor::start_detector(&config);
    let world = World { setup };

    world.show(0, DAYS, Vec::new());
    let last = DAYS + BREACH;
    for day in DAYS..last {
        world.show(day, day + 1, reads(day, (8, 8, 30)));
        resolve(&mut server, &mut detector, DISMISSED, "false_positive");
    }
    resolve(&mut server, &mut detector, CONFIRMED, "true_positive");

    // Whoever reads much again is told of, and what was to be expected stands beside it.
    world.show(last, last + 2, reads(last + 1, (12, 2, 200)));
    let moved = |actor: &str, day: i64| world.usual(actor, day) / world.usual(actor, DAYS) - 1.0;
    let before = (moved(CONFIRMED, last + 1), moved(DISMISSED, last + 1));
    until("rulings in force", || {
        let confirmed = metric(&mut detector, r#"tidewaiter_rulings{of="confirmed"}"#)?;
        if confirmed >= 1.0 { Ok(()) } else { Err(format!("{confirmed}")) }
    });
    let told = world.told();
    let is_right = |told: &Value| told["confirmed"] == (told["actor"] == CONFIRMED);
    assert!(told.iter().filter(|told| !told.is_null()).all(is_right), "{told:#?}");
    assert!(before.0.abs() < 0.1 && before.1 > 0.5, "{before:?}");

    detector.stop_well();
    server.stop_well();
    let mut server = Monitor::start_server(&config);
    let mut detector = Monitor::start_detector(&config);
    world.show(last + 2, last + 4, reads(last + 3, (12, 2, 390)));
    let after = (moved(CONFIRMED, last + 3), moved(DISMISSED, last + 3));
    assert!(after.0.abs() < 0.1 && after.1 > 0.5, "{after:?}");

    // Whoever reopens it takes back what was said, and the detector hears of that too.
    resolve(&mut server, &mut detector, CONFIRMED, "true_positive");
    let said = detector.log().len();
    until("reopened", || {
        let resolved = listed(&mut server, CONFIRMED, "resolved");
        let incident = resolved.first().ok_or("nothing is resolved")?;
        let reopen = json!({"kind": "reopen", "reason": "too early"});
        let (status, answer) = act(&mut server, incident, &reopen);
        if status == 201 { Ok(()) } else { Err(answer) }
    });
    until("withdrawn", || match world.told().pop().unwrap() {
        Value::Null => Ok(()),
        told => Err(told.to_string()),
    });
    detector.says_after(said, "rulings on incidents changed");
    detector.stop_well();
    server.stop_well();
}
