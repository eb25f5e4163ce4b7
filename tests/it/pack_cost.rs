//! What the shipped rules cost on ordinary work: nothing is asked that decoding has not read.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tidewaiter::app::read_rules;
use tidewaiter::engine::decode::{Decoder, Expected};
use tidewaiter::engine::detect::rules::{EventFields, Known, RuleSet, Scratch};
use tidewaiter::engine::model::Kind;

use crate::simulated::Simulated;

/// By kind: events, and those for which the raw record was parsed.
type Counts = BTreeMap<&'static str, (u32, u32)>;

fn judge(set: &RuleSet, lines: &str, known: Known) -> Counts {
    let scopes =
        |event: &tidewaiter::engine::model::Event<'_>| set.scope_of_event(event.format, event.kind);
    let mut decoder = Decoder::new(Expected::Auto);
    let (mut scratch, mut matched, mut counts) = (Scratch::default(), Vec::new(), Counts::new());
    for line in lines.lines() {
        let event = decoder.decode(line.as_bytes()).unwrap().unwrap();
        let parsed = Cell::new(0);
        let parse = || {
            parsed.set(parsed.get() + 1);
            serde_json::from_str(line).unwrap()
        };
        let fields = EventFields::new(&event, known, &parse);
        set.matches(&scopes(&event), &fields, &mut scratch, &mut matched);
        let (events, raw) = counts.entry(event.kind.name()).or_default();
        *events += 1;
        *raw += parsed.get();
    }
    counts
}

#[test]
fn ordinary_work_is_judged_without_the_raw_record() {
    let folder = tempfile::tempdir().unwrap();
    let day = Simulated::hour_with(&folder, 7, 600, "none");
    let lines = fs::read_to_string(&day.events).unwrap();
    let files = read_rules(&Path::new(env!("CARGO_MANIFEST_DIR")).join("rules")).unwrap();
    let set = RuleSet::load(files.clone(), &Default::default()).unwrap();
    for (tier, case_required) in [(None, None), (Some(0), Some(false)), (Some(3), Some(true))] {
        let known = Known { tier, case_required, subject: None };
        let counts = judge(&set, &lines, known);
        if counts.values().any(|(_, raw)| *raw > 0) {
            let guilty = files.iter().filter(|(name, text)| {
                let alone = RuleSet::load([(name, text)], &Default::default());
                alone.is_ok_and(|set| judge(&set, &lines, known).values().any(|(_, raw)| *raw > 0))
            });
            let guilty: Vec<&str> = guilty.map(|(name, _)| name.as_str()).collect();
            panic!("events and raw records parsed: {counts:?}; by {guilty:?}");
        }
        for kind in Kind::ALL {
            let events = counts.get(kind.name()).map_or(0, |(events, _)| *events);
            assert!(events > 100, "{events} of {}", kind.name());
        }
    }
}
