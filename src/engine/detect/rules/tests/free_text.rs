//! Free texts of native records: read as the decoder keeps them, they match as they would in the
//! record itself.

use std::cell::Cell;

use serde_json::{Map, Value as Json, json};

use super::super::*;
use crate::engine::{
    decode::{Decoder, Expected},
    model::{Format, Kind},
};

const FIELDS: [&str; 3] = ["query", "note", "user_agent"];

/// What a rule can ask of one field.
const QUESTIONS: [&str; 29] = [
    "F: null",
    "F: ''",
    "F|exists: true",
    "F|exists: false",
    "F: Select *",
    "F|contains: LECT",
    "F|startswith: sel",
    "F|endswith: '7'",
    "F|cased: select 1",
    "F|contains|all: [se, ect]",
    "F|re: '^$'",
    "F|re: '^sel.*\\d$'",
    "F|re|i: SELECT",
    "F: 7",
    "F: 7.5",
    "F|gt: 6",
    "F|lte: 7",
    "F: true",
    "F: 'false'",
    "F|cidr: 10.0.0.0/8",
    "F|neq: select 1",
    "F|contains|neq: '1'",
    "F|windash: '-x'",
    "F|fieldref: note",
    "F|fieldref|startswith: query",
    "F: [7, 'select 1', 'é']",
    "F: '*'",
    "F: '?'",
    "F.part: select 1",
];

fn rules() -> RuleSet {
    let mut text = String::new();
    for (question, field) in QUESTIONS.iter().flat_map(|q| FIELDS.map(|field| (q, field))) {
        let asked = question.replacen('F', field, 1);
        text += &format!(
            "title: '{}'\nlogsource: {{product: tidewaiter}}\ndetection:\n    s:\n        {asked}\n    condition: s\n---\n",
            asked.replace('\'', "''")
        );
    }
    match RuleSet::load([("t.yml", text)], &Placeholders::new()) {
        Ok(set) => set,
        Err(errors) => panic!("{}", errors[0]),
    }
}

/// What can stand in a field; `None`: nothing.
fn contents() -> Vec<Option<Json>> {
    let there = [
        json!(null),
        json!(""),
        json!("select 1"),
        json!("SELECT 1"),
        json!("7"),
        json!("É"),
        json!("\u{1f600}"),
        json!("-x"),
        json!("10.1.2.3"),
        json!(7),
        json!(7.5),
        json!(true),
        json!(false),
        json!([]),
        json!(["select 1", null]),
        json!([7, ["", "-x"]]),
        json!({"part": "Select 1"}),
    ];
    std::iter::once(None).chain(there.into_iter().map(Some)).collect()
}

#[test]
fn free_texts_match_as_in_the_record() {
    let (set, contents) = (rules(), contents());
    let scope = set.scope_of_event(Format::Native, Kind::Access);
    let mut decoder = Decoder::new(Expected::Auto);
    let (mut scratch, mut matched) = (Scratch::default(), vec![0_u32; set.rules().len()]);
    for [query, note, agent] in triples(&contents) {
        let mut record = Map::new();
        record.insert("kind".into(), json!("access"));
        record.insert("time".into(), json!("2026-03-02T09:14:07Z"));
        record.insert("actor".into(), json!({"id": "off-1"}));
        for (field, content) in FIELDS.into_iter().zip([query, note, agent]) {
            record.extend(content.clone().map(|content| (field.to_owned(), content)));
        }
        let record = Json::Object(record);
        let line = record.to_string();
        let event = decoder.decode(line.as_bytes()).expect("a record").expect("an event");
        let parse = || record.clone();
        let fields = EventFields::new(&event, Known::default(), &parse);
        let (mut ours, mut raw) = (Vec::new(), Vec::new());
        set.matches(&scope, &fields, &mut scratch, &mut ours);
        set.matches(&scope, &record, &mut scratch, &mut raw);
        let titles = |found: &[u32]| -> Vec<String> {
            found.iter().map(|index| set.rules()[*index as usize].title.clone()).collect()
        };
        assert_eq!(titles(&ours), titles(&raw), "{line}");
        ours.iter().for_each(|index| matched[*index as usize] += 1);
    }
    for (rule, times) in set.rules().iter().zip(matched) {
        assert!(times > 0, "{} never matched", rule.title);
    }
}

fn triples(contents: &[Option<Json>]) -> impl Iterator<Item = [&Option<Json>; 3]> {
    contents.iter().flat_map(move |a| {
        contents.iter().flat_map(move |b| contents.iter().map(move |c| [a, b, c]))
    })
}

#[test]
fn only_what_is_no_text_is_looked_up_in_the_record() {
    let text: String = FIELDS
        .iter()
        .map(|field| {
            format!(
                "title: {field}\nlogsource: {{product: tidewaiter}}\ndetection:\n    s:\n        {field}|contains: x\n    condition: s\n---\n"
            )
        })
        .collect();
    let set = RuleSet::load([("t.yml", text)], &Placeholders::new()).expect("rules");
    let check = |members: &str, expected: u32| {
        let line = format!(
            r#"{{"kind":"access","time":"2026-03-02T09:14:07Z","actor":{{"id":"off-1"}}{members}}}"#
        );
        let event = Decoder::new(Expected::Auto).decode(line.as_bytes()).expect("a record");
        let event = event.expect("an event");
        let parsed = Cell::new(0);
        let parse = || {
            parsed.set(parsed.get() + 1);
            serde_json::from_str(&line).expect("JSON")
        };
        let fields = EventFields::new(&event, Known::default(), &parse);
        let scope = set.scope_of_event(event.format, event.kind);
        set.matches(&scope, &fields, &mut Scratch::default(), &mut Vec::new());
        assert_eq!(parsed.get(), expected, "{line}");
    };
    check("", 0);
    check(r#","query":null,"note":"","user_agent":"x""#, 0);
    check(r#","query":"a","note":7"#, 1);
    check(r#","query":["x"],"note":{},"user_agent":false"#, 1);
}
