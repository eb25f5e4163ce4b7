//! The decoders alone, for fuzzing.
//!
//! `engine::decode` uses nothing but `engine::model`, so both are taken in by path: the fuzz
//! targets build without Kafka, SQLite and the rest.

pub mod engine;

use engine::decode::{Decoder, Expected, Refusal};
use engine::model::{Format, SUBJECTS_MAX};

/// Decodes each line of `input` with one decoder, as a stream would, and holds what comes out to
/// what every decoder promises.
pub fn decode_lines(format: Format, input: &[u8]) {
    for expected in [Expected::Only(format), Expected::Auto] {
        let mut decoder = Decoder::new(expected);
        for line in input.split(|byte| *byte == b'\n') {
            let raw = decoder.raw_value(line);
            match decoder.decode(line) {
                Ok(Some(event)) => {
                    let subjects = &event.resource.subjects;
                    assert!(subjects.len() <= SUBJECTS_MAX);
                    assert!(subjects.len() <= event.resource.subjects_total as usize);
                    assert!(raw.is_some_and(|value| value.is_object()));
                }
                Ok(None) => {}
                Err(refusal) => assert!(Refusal::LABELS.contains(&refusal.label())),
            }
        }
    }
}

/// Loads one rule file, and where any rule of it is usable, matches a few events and correlates
/// what matches. Nothing a rule says may panic, and a fault names its line.
pub fn run_rules(text: &str) {
    use engine::detect::rules::{
        Dialect, GroupScratch, Groups, Held, LogSource, RuleSet, Scratch,
    };
    let (set, errors) = RuleSet::load_usable([("fuzz.yml", text)], &Dialect::default());
    errors.iter().for_each(|error| assert!(error.line > 0, "{error}"));
    let words = |rule: &engine::detect::rules::Rule| {
        let source = &rule.logsource;
        [&source.product, &source.service, &source.category].map(|word| word.clone())
    };
    let mut table = engine::detect::state::Table::new(16);
    let (mut scratch, mut groups) = (Scratch::default(), GroupScratch::default());
    let (mut matched, mut fired) = (Vec::new(), Vec::new());
    let (mut held, mut released) = (Held::default(), Vec::new());
    for (second, event) in EVENTS.iter().cycle().take(40).enumerate() {
        let event: serde_json::Value = serde_json::from_str(event).expect("an event");
        for [product, service, category] in set.rules().iter().take(8).map(words) {
            let source = LogSource {
                product: product.as_deref(),
                service: service.as_deref(),
                categories: category.as_deref().into_iter().collect(),
            };
            matched.clear();
            set.matches(&set.scope(&[source]), &event, &mut scratch, &mut matched);
            // Back and forth, and once far ahead.
            let step = if second == 17 { 9_000_000 } else { second as i64 * 7 % 31 };
            let at = engine::model::EventTime::default().plus_ms(1_800_000_000_000 + step * 1_000);
            let (table, held) = (&mut table, Some(&mut held));
            let (watermark, lateness_ms) = (None, 60_000);
            let mut of = Groups { table, at, watermark, lateness_ms, seed: 1, held };
            set.correlate(&matched, &event, &(), &mut of, &mut groups, &mut fired);
            set.release(Some(at.minus_ms(5_000)), &mut of, &mut groups, &mut released);
        }
    }
}

const EVENTS: [&str; 4] = [
    r#"{"x": 1, "y": "xyz", "w": null, "k": "K1", "n": [1, 2.5, "3", null, {"m": true}]}"#,
    r#"{"x": "1", "a": {"b": {"c": "10.0.0.1"}}, "a.b": [{"c": "::1"}], "t": "2026-03-02T09:00:00Z"}"#,
    r#"{"eventName": "GetObject", "actor": {"id": "ann"}, "bytes": 18446744073709551615, "f": 1e300}"#,
    r#"{}"#,
];
