//! Rules on normalised events.

use std::cell::Cell;

use serde_json::{Value as Json, json};

use super::super::*;
use crate::engine::model::{
    Action, Actor, Endpoint, Event, EventTime, Flow, Format, Kind, Outcome, Resource, SubjectToken,
};

fn read_of_pnr() -> Event<'static> {
    Event {
        kind: Kind::Access,
        time: EventTime::parse("2026-03-02T23:14:07Z").expect("a time"),
        actor: Actor {
            id: Some("off-1".into()),
            role: Some("border_officer".into()),
            ..Actor::default()
        },
        source: Endpoint { ip: Some("10.20.3.17".into()), ..Endpoint::default() },
        action: Action::Export,
        outcome: Outcome::Allowed,
        resource: Resource {
            dataset: Some("pnr".into()),
            subjects: ["T-55120".into()].into_iter().collect(),
            subjects_total: 3,
            ..Resource::default()
        },
        records: 412,
        mfa: Some(false),
        ..Event::default()
    }
}

fn flow() -> Event<'static> {
    let destination =
        Endpoint { host: Some("Files.Example".into()), port: Some(443), ..Endpoint::default() };
    let flow = Flow { destination, bytes_out: u64::MAX, ..Flow::default() };
    Event { kind: Kind::Network, action: Action::Flow, flow: Some(flow), ..Event::default() }
}

/// Whether a rule of `selection` matches, and how often the raw record was parsed for it.
fn matched(selection: &str, event: &Event<'_>, raw: &Json) -> (bool, u32) {
    let lines: Vec<String> = selection.lines().map(|line| format!("        {line}")).collect();
    let product = if event.format == Format::CloudTrail { "aws" } else { "tidewaiter" };
    let text = format!(
        "title: t\nlogsource: {{product: {product}}}\ndetection:\n    sel:\n{}\n    condition: sel\n",
        lines.join("\n")
    );
    let set = match RuleSet::load([("t.yml", &text)], &Placeholders::new()) {
        Ok(set) => set,
        Err(errors) => panic!("{}", errors[0]),
    };
    let parsed = Cell::new(0);
    let parse = || {
        parsed.set(parsed.get() + 1);
        raw.clone()
    };
    let subject = Some(SubjectToken([7; 16]));
    let known = Known { tier: Some(2), case_required: Some(true), subject };
    let fields = EventFields::new(event, known, &parse);
    let mut out = Vec::new();
    let scope = set.scope_of_event(event.format, event.kind);
    set.matches(&scope, &fields, &mut Scratch::default(), &mut out);
    (!out.is_empty(), parsed.get())
}

#[track_caller]
fn check(selection: &str, event: &Event<'_>, expected: bool) {
    assert_eq!(matched(selection, event, &json!({})), (expected, 0), "{selection}");
}

#[test]
fn reads_normalised_fields_without_the_raw_record() {
    let event = read_of_pnr();
    check("kind: access\naction: EXPORT\noutcome: allowed", &event, true);
    check("actor.id: off-1\nactor.role|startswith: border\nactor.type: person", &event, true);
    check("source.ip|cidr: 10.0.0.0/8", &event, true);
    check("resource.dataset: pnr\nresource.record: null\ncase: null", &event, true);
    check("records|gte: 400\nsubjects_total: 3\nbytes: 0", &event, true);
    check("mfa: false\ntier|gte: 2\ncase_required: true", &event, true);
    check("time|hour: 23\ntime|startswith: 2026-03-02t23", &event, true);
    check("bytes_out|exists: true", &event, false);
    check("destination.host: null", &event, true);
    check("records: 41", &event, false);
    check(&format!("subject_token: p1.{}", "07".repeat(16)), &event, true);
}

#[test]
fn reads_flows() {
    check(
        "destination.host|endswith: .EXAMPLE\ndestination.port: 443\naction: flow",
        &flow(),
        true,
    );
    check("bytes_out: 18446744073709551615", &flow(), true);
    check("bytes_out: 18446744073709551614", &flow(), false);
    check("bytes_out|gt: 9223372036854775807\nverdict: allowed", &flow(), true);
}

#[test]
fn asks_the_raw_record_once_for_anything_else() {
    let raw = json!({"printer": {"name": "P-2"}, "queue": 7});
    assert_eq!(matched("printer.name: p-2\nqueue: 7", &read_of_pnr(), &raw), (true, 1));
    assert_eq!(matched("printer.name: p-3", &read_of_pnr(), &raw), (false, 1));
}

/// However seldom a word is, finding it in the record costs more than several in the fields.
#[test]
fn leaves_the_raw_record_alone_where_normalised_fields_rule_it_out() {
    let raw = json!({"printer": {"name": "P-2"}});
    let selection = |actions: &str| format!("action: [{actions}]\nprinter.name: p-2");
    assert_eq!(matched(&selection("read, print"), &read_of_pnr(), &raw), (false, 0));
    assert_eq!(matched(&selection("read, export"), &read_of_pnr(), &raw), (true, 1));
}

#[test]
fn never_shows_whom_a_record_is_about() {
    let raw = json!({
        "note": "seen", "resource": {"subject": "T-55120", "subjects": ["T-55120"]},
        "unmapped": {"subject_refs": ["T-55120"]},
    });
    let event = read_of_pnr();
    assert_eq!(matched("- T-55120", &event, &raw), (false, 1));
    assert_eq!(matched("- seen", &event, &raw), (true, 1));

    // A rule without a product is told nothing either, by paths that were not refused at load.
    let text = "title: t\nlogsource: {category: access}\ndetection:\n    sel:\n        resource.subject|exists: true\n    condition: sel\n";
    let set = RuleSet::load([("t.yml", text)], &Placeholders::new()).expect("a rule");
    let parse = || raw.clone();
    let fields = EventFields::new(&event, Known::default(), &parse);
    let mut out = Vec::new();
    set.matches(
        &set.scope_of_event(event.format, event.kind),
        &fields,
        &mut Scratch::default(),
        &mut out,
    );
    assert!(out.is_empty());
}

#[test]
fn reads_cloudtrail_as_its_rules_write_it() {
    let event = Event { format: Format::CloudTrail, ..read_of_pnr() };
    let raw =
        json!({"eventName": "StopLogging", "action": "other", "certificate": {"subject": "CN=x"}});
    assert_eq!(matched("eventName: stoplogging", &event, &raw), (true, 1));
    assert_eq!(matched("action: other", &event, &raw), (true, 1));
    assert_eq!(matched("certificate.subject: CN=x", &event, &raw), (true, 1));
}

#[test]
fn knows_the_sources_of_each_format() {
    let text = |source: &str| {
        format!(
            "title: '{source}'\nlogsource: {source}\ndetection:\n    s:\n        x: null\n    condition: s\n---\n"
        )
    };
    let sources = [
        "{product: tidewaiter, category: network}",
        "{product: zeek, service: conn}",
        "{product: aws, service: cloudtrail}",
    ];
    let text: String = sources.iter().map(|source| text(source)).collect();
    let set = RuleSet::load([("t.yml", text)], &Placeholders::new()).expect("rules");
    let check = |format, kind, expected: &[u32]| {
        let event = Event { format, kind, ..Event::default() };
        let fields = EventFields::new(&event, Known::default(), &|| Json::Null);
        let mut out = Vec::new();
        set.matches(&set.scope_of_event(format, kind), &fields, &mut Scratch::default(), &mut out);
        assert_eq!(out, expected, "{format:?} {kind:?}");
    };
    check(Format::Native, Kind::Network, &[0]);
    check(Format::Ocsf, Kind::Network, &[0]);
    check(Format::Zeek, Kind::Network, &[0, 1]);
    check(Format::CloudTrail, Kind::Access, &[2]);
    check(Format::Native, Kind::Auth, &[]);
}
