//! The work items behind a simulation's honest reads: each case with its officers, its subjects,
//! and when it was worked on.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde_json::{Value, json};

use crate::engine::model::EventTime;

/// Before its first read and after its last a case is open for so long.
const OPEN_MS: i64 = 3_600_000;

#[derive(Debug)]
struct Item {
    first: EventTime,
    last: EventTime,
    officers: BTreeSet<String>,
    subjects: BTreeSet<String>,
}

/// Collected from events as they are written.
#[derive(Debug, Default)]
pub struct WorkItemFeed {
    by_case: BTreeMap<String, Item>,
}

impl WorkItemFeed {
    /// Takes an honest event as it stands on the wire; of one without a case nothing comes.
    pub fn take(&mut self, line: &[u8]) {
        let Ok(event) = serde_json::from_slice::<Value>(line) else { return };
        let time = event["time"].as_str().and_then(|time| EventTime::parse(time).ok());
        let (Some(case), Some(actor), Some(time)) =
            (event["case"].as_str(), event["actor"]["id"].as_str(), time)
        else {
            return;
        };
        let resource = &event["resource"];
        let many = resource["subjects"].as_array().into_iter().flatten();
        let subjects = many.chain(Some(&resource["subject"])).filter_map(Value::as_str);
        let fresh = || Item {
            first: time,
            last: time,
            officers: BTreeSet::new(),
            subjects: BTreeSet::new(),
        };
        let item = self.by_case.entry(case.to_owned()).or_insert_with(fresh);
        (item.first, item.last) = (item.first.min(time), item.last.max(time));
        item.officers.insert(actor.to_owned());
        item.subjects.extend(subjects.map(str::to_owned));
    }

    /// One item a line, as `data.work_items` reads it.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        for (case, item) in &self.by_case {
            let line = json!({
                "case": case,
                "from": item.first.minus_ms(OPEN_MS),
                "to": item.last.plus_ms(OPEN_MS),
                "officers": item.officers,
                "subjects": item.subjects,
            });
            writeln!(to, "{line}")?;
        }
        to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_open_around_its_reads_and_has_their_officers_and_subjects() {
        let mut feed = WorkItemFeed::default();
        for (time, actor, subject, case) in [
            ("09:00", "off-1", r#""subject":"T-1""#, r#""C-1""#),
            ("11:00", "off-2", r#""subjects":["T-2","T-1"]"#, r#""C-1""#),
            ("12:00", "off-3", r#""subject":"T-9""#, "null"),
        ] {
            let line = format!(
                r#"{{"time":"2026-03-02T{time}:00Z","actor":{{"id":"{actor}"}},"resource":{{{subject}}},"case":{case}}}"#
            );
            feed.take(line.as_bytes());
        }
        feed.take(b"no event");
        let mut written = Vec::new();
        feed.write(&mut written).expect("written");
        let written = String::from_utf8(written).expect("text");
        let item: Value = serde_json::from_str(written.trim()).expect("one line");
        assert_eq!(
            item,
            json!({"case": "C-1", "from": "2026-03-02T08:00:00.000Z", "to": "2026-03-02T12:00:00.000Z",
                "officers": ["off-1", "off-2"], "subjects": ["T-1", "T-2"]})
        );
    }
}
