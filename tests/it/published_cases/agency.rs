//! The agency: its data, its people, and a day's ordinary work.

use serde_json::{Value, json};

use super::stage::{HOUR, MINUTE, SECOND};
use crate::learned::Draw;

/// Datasets with the sensitivity an agency would give them.
pub const CATALOGUE: &str = r#"
dataset = [
  { name = "pnr", category = "travel", tier = 2 },
  { name = "entry_exit", category = "travel", tier = 2 },
  { name = "visa", category = "immigration", tier = 2 },
  { name = "consular", category = "identity", tier = 2, case_required = true },
  { name = "payments", category = "payment", tier = 2, case_required = true },
  { name = "contacts", category = "personal", tier = 2 },
  { name = "families", category = "personal", tier = 2 },
  { name = "staff_files", category = "personal", tier = 2 },
  { name = "case_files", category = "immigration", tier = 2, case_required = true },
  { name = "medical", category = "personal", tier = 3 },
  { name = "identity_photos", category = "biometric", tier = 3, case_required = true },
  { name = "lane_images", category = "biometric", tier = 3 },
  { name = "watchlist", category = "watchlist", tier = 3, case_required = true },
  { name = "risk_selections", category = "risk_selection", tier = 3 },
  { name = "release_pins", category = "secret", tier = 3 },
  { name = "reports", category = "security", tier = 2 },
  { name = "declarations", category = "cargo", tier = 1 },
  { name = "consignments", category = "cargo", tier = 1 },
  { name = "service_logs", category = "metadata", tier = 0 },
  { name = "schema", category = "metadata", tier = 0 },
  { name = "statistics", category = "statistics", tier = 0 },
]
"#;

/// Subjects under protection: `protected(0)` to `protected(49)`.
pub fn protected(number: u64) -> String {
    assert!(number < 50);
    format!("T-99{number:04}")
}

/// Whom the agency protects.
pub fn directory() -> String {
    let row = |n| format!("[[protected]]\nsubject = \"{}\"\nreason = \"known\"\n", protected(n));
    (0..50).map(row).collect()
}

/// An actor at an address.
#[derive(Clone)]
pub struct Who {
    /// `None`: nobody was logged in.
    pub id: Option<String>,
    role: String,
    kind: &'static str,
    pub ip: String,
}

impl Who {
    pub fn person(id: &str, role: &str, ip: &str) -> Self {
        Self { id: Some(id.to_owned()), role: role.to_owned(), kind: "person", ip: ip.to_owned() }
    }

    pub fn partner(id: &str, role: &str, ip: &str) -> Self {
        Self { kind: "partner", ..Self::person(id, role, ip) }
    }

    pub fn service(id: &str, ip: &str) -> Self {
        Self { kind: "service", ..Self::person(id, "service_account", ip) }
    }

    pub fn nobody(ip: &str) -> Self {
        Self { id: None, ..Self::person("", "", ip) }
    }

    /// The same account somewhere else.
    pub fn at(&self, ip: &str) -> Self {
        Self { ip: ip.to_owned(), ..self.clone() }
    }

    fn actor(&self) -> Value {
        match &self.id {
            None => json!({"id": null}),
            Some(id) => json!({"id": id, "role": self.role, "unit": "AMS", "type": self.kind}),
        }
    }

    /// An access to `dataset`; `more` adds to it.
    pub fn access(&self, action: &str, dataset: &str, more: Value) -> Value {
        let mut event = json!({
            "kind": "access", "actor": self.actor(), "source": {"ip": self.ip},
            "system": format!("{dataset}-gateway"), "action": action,
            "resource": {"dataset": dataset},
        });
        add(&mut event, more);
        event
    }

    /// One record of `dataset` read.
    pub fn read(&self, dataset: &str, record: u64, more: Value) -> Value {
        let about = json!({"record": format!("R-{record}"), "subject": format!("T-{record}")});
        let mut event = self.access("read", dataset, json!({"resource": about}));
        add(&mut event, more);
        event
    }

    /// A login or what belongs to one.
    pub fn login(&self, outcome: &str) -> Value {
        json!({
            "kind": "auth", "actor": self.actor(), "source": {"ip": self.ip}, "system": "sso",
            "action": "login", "outcome": outcome, "mfa": true,
        })
    }

    /// A flow to a host outside.
    pub fn flow(&self, host: &str, application: &str, bytes_out: u64) -> Value {
        json!({
            "kind": "network", "source": {"ip": self.ip, "port": 50_000}, "protocol": "tcp",
            "destination": {"ip": "203.0.113.80", "port": 443, "host": host},
            "application": application, "bytes_out": bytes_out, "bytes_in": 40_000,
        })
    }
}

fn add(event: &mut Value, more: Value) {
    match (event, more) {
        (Value::Object(event), Value::Object(more)) => {
            for (key, value) in more {
                add(event.entry(key).or_insert(Value::Null), value);
            }
        }
        (event, more) => *event = more,
    }
}

/// Who does what: hands out the events of `days`, by milliseconds since the first midnight.
pub fn ordinary_work(days: i64, set: &mut dyn FnMut(i64, Value)) {
    let mut draw = Draw(0x9E37_79B9_7F4A_7C15);
    for day in 0..days {
        let midnight = day * 24 * HOUR;
        for number in 0..22 {
            officer(number, midnight, &mut draw, set);
        }
        for number in 0..6 {
            cargo_officer(number, midnight, &mut draw, set);
        }
        for number in 0..4 {
            analyst(number, midnight, &mut draw, set);
        }
        for number in 0..3 {
            engineer(number, midnight, &mut draw, set);
        }
        partner(midnight, &mut draw, set);
        service(midnight, set);
    }
}

/// A moment of the working day: from eight to four.
fn moment(midnight: i64, draw: &mut Draw) -> i64 {
    midnight + 8 * HOUR + draw.below(8 * HOUR as u64) as i64
}

fn begins(who: &Who, midnight: i64, draw: &mut Draw, set: &mut dyn FnMut(i64, Value)) {
    let at = midnight + 7 * HOUR + draw.below(HOUR as u64) as i64;
    if draw.below(10) == 0 {
        set(at - 20 * SECOND, who.login("denied"));
    }
    set(at, who.login("allowed"));
    set(at + HOUR, who.flow("news.example.org", "tls", 200_000 + draw.below(1_000_000)));
}

fn case(draw: &mut Draw) -> Value {
    json!({"case": format!("C-{}", draw.below(100_000))})
}

/// Travelers at the counter, five in six reads under a case, files and watch list always.
fn officer(number: u64, midnight: i64, draw: &mut Draw, set: &mut dyn FnMut(i64, Value)) {
    let who = Who::person(&format!("off-{number}"), "border_officer", &format!("10.1.0.{number}"));
    begins(&who, midnight, draw, set);
    for _ in 0..12 + draw.below(14) {
        let (at, record) = (moment(midnight, draw), draw.below(5_000_000));
        let dataset = ["pnr", "pnr", "entry_exit", "visa"][draw.below(4) as usize];
        let more = if draw.below(6) > 0 { case(draw) } else { json!({}) };
        set(at, who.read(dataset, record, more));
        if draw.below(12) == 0 {
            set(at + MINUTE, who.read("case_files", record, case(draw)));
        }
        if draw.below(20) == 0 {
            set(at + MINUTE, who.read("watchlist", record, case(draw)));
        }
    }
}

/// Declarations, risk selections and, at the desk of the terminal, now and then a release code.
fn cargo_officer(number: u64, midnight: i64, draw: &mut Draw, set: &mut dyn FnMut(i64, Value)) {
    let who = Who::person(&format!("cus-{number}"), "customs_officer", &format!("10.1.1.{number}"));
    begins(&who, midnight, draw, set);
    for _ in 0..15 + draw.below(10) {
        let (at, record) = (moment(midnight, draw), draw.below(900_000));
        set(at, who.read("declarations", record, json!({})));
        match draw.below(8) {
            0 => set(at + MINUTE, who.read("risk_selections", record, case(draw))),
            1 if number < 2 => set(at + MINUTE, who.read("release_pins", record, case(draw))),
            2 => {
                let arrived =
                    json!({"case": "C-1", "resource": {"arrived": true, "category": "cargo"}});
                let record = json!({"resource": {"record": format!("R-{record}")}});
                let mut event = who.access("release", "consignments", arrived);
                add(&mut event, record);
                set(at + 2 * MINUTE, event);
            }
            _ => {}
        }
    }
}

/// Lists and statistics; a small export for a case.
fn analyst(number: u64, midnight: i64, draw: &mut Draw, set: &mut dyn FnMut(i64, Value)) {
    let who = Who::person(&format!("ana-{number}"), "analyst", &format!("10.1.2.{number}"));
    begins(&who, midnight, draw, set);
    for _ in 0..8 + draw.below(6) {
        let at = moment(midnight, draw);
        let mut rows = case(draw);
        rows["records"] = json!(10 + draw.below(40));
        match draw.below(4) {
            0 => set(at, who.access("list", "statistics", json!({"records": 5_000}))),
            1 => set(at, who.access("list", "contacts", rows)),
            _ => set(at, who.access("search", "entry_exit", rows)),
        }
    }
    let mut rows = case(draw);
    rows["records"] = json!(5 + draw.below(55));
    set(moment(midnight, draw), who.access("export", "entry_exit", rows));
}

/// Machines' logs, and seldom a record with a ticket.
fn engineer(number: u64, midnight: i64, draw: &mut Draw, set: &mut dyn FnMut(i64, Value)) {
    let (id, ip) = (format!("eng-{number}"), format!("10.1.3.{number}"));
    let who = Who::person(&id, "reliability_engineer", &ip);
    begins(&who, midnight, draw, set);
    for _ in 0..20 + draw.below(10) {
        set(moment(midnight, draw), who.access("search", "service_logs", json!({"records": 200})));
    }
    if draw.below(2) == 0 {
        set(moment(midnight, draw), who.read("contacts", draw.below(5_000_000), case(draw)));
    }
    if draw.below(3) == 0 {
        set(moment(midnight, draw), who.access("list", "schema", json!({"records": 30})));
    }
}

/// Another ministry asks about single people, each under a case.
fn partner(midnight: i64, draw: &mut Draw, set: &mut dyn FnMut(i64, Value)) {
    let who = Who::partner("ptn-interior", "partner_account", "10.1.4.1");
    for _ in 0..15 {
        let dataset = ["identity_photos", "visa"][draw.below(2) as usize];
        set(moment(midnight, draw), who.read(dataset, draw.below(5_000_000), case(draw)));
    }
}

/// The flight interface, day and night.
fn service(midnight: i64, set: &mut dyn FnMut(i64, Value)) {
    for minute in (0..24 * 60).step_by(15) {
        set(midnight + minute * MINUTE, flights());
    }
}

/// One list that the flight interface is given.
pub fn flights() -> Value {
    let who = Who::service("svc-flights", "10.1.5.1");
    who.access("list", "pnr", json!({"records": 220}))
}
