//! Who is told of what, and when nobody is.

use super::{NOW, config, facts, problems};
use crate::adapters::notify::{Facts, Scope, kept_back, notices};
use crate::engine::correlate::{Involved, Notice, NoticeKind};
use crate::engine::model::{EventTime, Incident, Severity, Status};

const SILENCE: &str = "[[silence]]\nowner = \"ann\"\nreason = \"drill\"\n\
                       from = \"2026-03-02T09:00:00Z\"\nuntil = \"2026-03-02T11:00:00Z\"\n";

fn ms(time: &str) -> i64 {
    EventTime::parse(time).unwrap().millis()
}

fn about(categories: &[&str], severity: Severity) -> Facts {
    let part = |category: &&str| Scope { category: (*category).into(), records: 1, subjects: 1 };
    let scope = categories.iter().map(part).collect();
    Facts { scope, severity, detectors: vec!["bulk_read".into()], ..facts("opened") }
}

/// Until when the notice is kept back at `time`; empty where it is not.
fn kept(text: &str, facts: &Facts, time: &str) -> String {
    let kept = kept_back(&config(text), &[], facts, None, "desk", ms(time));
    let until = kept.map(|kept| EventTime::from_millis(kept.until_ms).unwrap().to_string());
    until.unwrap_or_default()
}

#[test]
fn a_silence_holds_from_its_beginning_to_before_its_end() {
    let text = format!("{SILENCE}match = {{ category = [\"cargo\"] }}\n");
    let cargo = about(&["cargo"], Severity::High);
    let until = "2026-03-02T11:00:00.000Z";
    assert_eq!(kept(&text, &cargo, "2026-03-02T08:59:59.999Z"), "");
    assert_eq!(kept(&text, &cargo, "2026-03-02T09:00:00Z"), until);
    assert_eq!(kept(&text, &cargo, "2026-03-02T10:59:59.999Z"), until);
    assert_eq!(kept(&text, &cargo, "2026-03-02T11:00:00Z"), "");
    let why =
        kept_back(&config(&text), &[], &cargo, None, "desk", ms("2026-03-02T10:00:00Z")).unwrap();
    assert_eq!(why.reason, "silenced by ann until 2026-03-02T11:00:00.000Z: drill");
}

#[test]
fn a_silence_hides_nothing_that_is_about_something_else_too() {
    let text =
        format!("{SILENCE}match = {{ category = [\"cargo\"], detector = [\"bulk_read\"] }}\n");
    let at = "2026-03-02T10:00:00Z";
    assert_ne!(kept(&text, &about(&["cargo"], Severity::High), at), "");
    assert_eq!(kept(&text, &about(&["cargo", "passenger"], Severity::High), at), "");
    assert_eq!(kept(&text, &about(&[], Severity::High), at), "");
    let mut more = about(&["cargo"], Severity::High);
    more.detectors.push("canary".into());
    assert_eq!(kept(&text, &more, at), "");
}

#[test]
fn what_is_critical_is_kept_back_only_where_that_is_said() {
    let at = "2026-03-02T10:00:00Z";
    let critical = about(&["cargo"], Severity::Critical);
    let text = format!("{SILENCE}match = {{ category = [\"cargo\"] }}\n");
    assert_eq!(kept(&text, &critical, at), "");
    let named =
        format!("{SILENCE}match = {{ category = [\"cargo\"], severity = [\"critical\"] }}\n");
    assert_ne!(kept(&named, &critical, at), "");
    assert_eq!(kept(&named, &about(&["cargo"], Severity::High), at), "");
}

#[test]
fn a_silence_for_another_sink_is_none_for_this_one_and_a_test_always_goes() {
    let at = "2026-03-02T10:00:00Z";
    let high = about(&["cargo"], Severity::High);
    let text = |sink: &str| format!("{SILENCE}match = {{ sink = [\"{sink}\"] }}\n");
    assert_ne!(kept(&text("desk"), &high, at), "");
    assert_eq!(kept(&text("duty"), &high, at), "");
    assert_eq!(kept(&text("desk"), &Facts { kind: "test".into(), ..high }, at), "");
}

#[test]
fn a_window_comes_again_over_midnight_and_by_its_own_clock() {
    let text = "[[maintenance]]\nowner = \"ops\"\nreason = \"patches\"\ndays = [\"saturday\"]\n\
                from = \"22:30\"\nuntil = \"04:00\"\nzone = \"Europe/Amsterdam\"\n\
                match = { severity = [\"medium\", \"high\"] }\n";
    let high = about(&["cargo"], Severity::High);
    // Saturday 28 March 2026: the clocks go forward at 02:00 in the night to Sunday.
    let until = "2026-03-29T02:00:00.000Z";
    assert_eq!(kept(text, &high, "2026-03-28T21:29:59Z"), "");
    assert_eq!(kept(text, &high, "2026-03-28T21:30:00Z"), until);
    assert_eq!(kept(text, &high, "2026-03-29T01:59:59Z"), until);
    assert_eq!(kept(text, &high, "2026-03-29T02:00:00Z"), "");
    assert_eq!(kept(text, &high, "2026-03-29T21:30:00Z"), "", "a Sunday");
    assert_eq!(kept(text, &high, "2026-04-04T20:30:00Z"), "2026-04-05T02:00:00.000Z");
}

#[test]
fn a_route_takes_what_touches_it() {
    let config = config(
        "[[sink]]\nname = \"desk\"\nkind = \"slack\"\nsecret = { env = \"X\" }\n\
         only = { category = [\"cargo\"] }\n",
    );
    let only = &config.sink[0].only;
    assert!(
        only.touches(&about(&["cargo", "passenger"], Severity::Critical).noticed(None, "desk"))
    );
    assert!(!only.touches(&about(&["passenger"], Severity::Critical).noticed(None, "desk")));
}

/// Nothing was counted yet.
pub(super) fn just_opened() -> Incident {
    let time = EventTime::from_millis(NOW).unwrap();
    Incident {
        id: "4f3c".into(),
        opened: Some(time),
        updated: time,
        severity: Severity::High,
        score: 70,
        status: Status::Open,
        title: "Bulk read: cargo data (manifests) by off-10442".into(),
        why: String::new(),
        actors: vec!["off-10442".into()],
        sources: Vec::new(),
        datasets: Vec::new(),
        subjects: 0,
        subjects_error: 0.0,
        records: 0,
        bytes: 0,
        first_event: time,
        last_event: time,
        first_finding: time,
        scored_at: time,
        attack: Vec::new(),
        findings: Vec::new(),
        timeline_length: 1,
        score_terms: Vec::new(),
        merged_into: None,
    }
}

/// Findings come before what was read is counted.
#[test]
fn routes_and_silences_know_what_an_incident_is_about_before_its_scope() {
    let sinks = "[[sink]]\nname = \"cargo\"\nkind = \"slack\"\nsecret = { env = \"X\" }\n\
                 only = { category = [\"cargo\"] }\n\
                 [[sink]]\nname = \"travel\"\nkind = \"slack\"\nsecret = { env = \"X\" }\n\
                 only = { category = [\"travel\"] }\n";
    let text = format!("{sinks}{SILENCE}match = {{ dataset = [\"manifests\"] }}\n");
    let incident = just_opened();
    let involved = Involved {
        detectors: vec!["bulk_read".into()],
        datasets: vec!["manifests".into()],
        categories: vec!["cargo".into()],
    };
    let notice = Notice {
        incident: incident.id.clone(),
        kind: NoticeKind::Opened,
        severity: Severity::High,
        time: EventTime::from_millis(NOW).unwrap(),
    };
    let told = notices(&config(&text), &incident, involved, &notice, NOW);
    assert_eq!(told.iter().map(|told| told.sink.as_str()).collect::<Vec<_>>(), ["cargo"]);
    let facts: Facts = serde_json::from_str(&told[0].payload).unwrap();
    assert_eq!(facts.severities.keys().collect::<Vec<_>>(), ["high"]);
    assert_ne!(kept(&text, &facts, "2026-03-02T10:00:00Z"), "");
    // What it turns out to be about as well is not silenced.
    let wider = Facts { datasets: vec!["manifests".into(), "pnr".into()], ..facts };
    assert_eq!(kept(&text, &wider, "2026-03-02T10:00:00Z"), "");
}

#[test]
fn silences_and_windows_that_are_no_good_are_refused() {
    let check = |text: &str, told: &str| {
        let all = problems(text);
        assert!(all.contains(told), "`{told}` is not in: {all}");
    };
    check(&format!("{SILENCE}match = {{}}\n"), "notify.silence[0].match: must name at least one");
    check(
        &format!("{SILENCE}match = {{ sink = [\"desk\"] }}\n"),
        "notify.silence[0].match.sink: there is no sink `desk`",
    );
    let long = SILENCE.replace("2026-03-02T11", "2027-03-02T11").replace("ann", " ");
    let text = format!("{long}match = {{ severity = [\"low\"] }}\n");
    check(
        &text,
        "notify.silence[0].until: must be after `from` (2026-03-02T09:00:00.000Z), by at most 92 days; got 2027",
    );
    check(&text, "notify.silence[0].owner: must be 1 to 100 characters, got 0");
    let window = "[[maintenance]]\nowner = \"ops\"\nreason = \"patches\"\nfrom = \"2:00\"\n\
                  until = \"24:00\"\nzone = \"Mars/Olympus\"\nmatch = { severity = [\"low\"] }\n";
    check(window, "notify.maintenance[0].from: must be a time such as 02:00, got `2:00`");
    check(window, "notify.maintenance[0].until: must be a time such as 02:00, got `24:00`");
    check(window, "notify.maintenance[0].zone: there is no time zone `Mars/Olympus`");
}
