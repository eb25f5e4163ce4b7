//! The state machine, undo, what follows a merge, clocks.

use super::*;
use crate::engine::model::EventTime;

fn at(hour: i64) -> EventTime {
    EventTime::parse("2026-03-02T00:00:00Z").unwrap().plus_ms(hour * 3_600_000)
}

fn act(text: &str) -> Act {
    let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
    match kind {
        "ack" => Act::Acknowledge {},
        "look" => Act::Investigate {},
        "contain" => Act::Contain {},
        "benign" => Act::Resolve { resolution: Resolution::Benign, note: None },
        "breach" => Act::Resolve { resolution: Resolution::TruePositive, note: None },
        "reopen" => Act::Reopen { reason: "it goes on".into() },
        "to" => Act::Assign { to: (rest != "nobody").then(|| rest.to_owned()) },
        "say" => Act::Comment { text: rest.into() },
        "undo" => Act::Undo { act: rest.parse().unwrap() },
        "aware" => Act::Aware {
            at: None,
            regimes: rest.split(',').map(str::to_owned).collect(),
            reason: "it is certain".into(),
        },
        "told" => {
            let (regime, phase) = rest.split_once('/').unwrap();
            Act::Notified { regime: regime.into(), phase: phase.into(), at: None, reference: None }
        }
        other => panic!("no act {other}"),
    }
}

/// Acts on incident `a`, an hour apart, each admitted or refused with words; where they lead.
/// `*act` is the monitor's, `b:act` was done on incident b before a absorbed it.
fn run(story: &str) -> (Vec<Recorded>, Vec<String>) {
    let (mut acts, mut refused) = (Vec::new(), Vec::new());
    for (n, text) in story.split("; ").enumerate() {
        let (by, text) = text.strip_prefix('*').map_or(("ann", text), |text| (MONITOR, text));
        let (origin, text) = text.split_once(':').unwrap_or(("a", text));
        let act = act(text);
        let case = Case::of("a", &acts);
        if origin == "a"
            && let Err(refusal) = case.admits(&act, &acts)
        {
            refused.push(refusal.to_string());
            continue;
        }
        acts.push(Recorded {
            number: n as i64 + 1,
            incident: Some("a".into()),
            origin: Some(origin.into()),
            time: at(n as i64),
            by: by.into(),
            act,
        });
    }
    (acts, refused)
}

fn check(story: &str, expected: &str) {
    let (acts, refused) = run(story);
    let case = Case::of("a", &acts);
    let mut shown = case.state.name().to_owned();
    if let Some(resolution) = case.resolution {
        shown += &format!(" {}", resolution.name());
    }
    if let Some(assignee) = &case.assignee {
        shown += &format!(", {assignee}");
    }
    refused.iter().for_each(|words| shown += &format!("; {words}"));
    assert_eq!(shown, expected, "{story}");
    assert_eq!(case.revision, acts.len() as u64);
}

#[test]
fn goes_through_the_states() {
    check("ack", "acknowledged");
    check("ack; look; contain; look; contain; breach", "resolved true_positive");
    check("benign", "resolved benign");
    check("breach; reopen", "investigating");
    check("breach; *reopen", "new");
    check("to ben; ack; to nobody", "acknowledged");
    check("to ben; say hello", "new, ben");
}

#[test]
fn refuses_impossible_steps_and_says_what_is_possible() {
    check("ack; ack", "acknowledged; cannot acknowledge: the incident is already acknowledged");
    check("look; ack", "investigating; cannot acknowledge from investigating: allowed are new");
    check("contain", "new; cannot contain from new: allowed are acknowledged and investigating");
    check("reopen", "new; cannot reopen from new: allowed are resolved");
    check(
        "breach; look",
        "resolved true_positive; cannot investigate from resolved: allowed are new, acknowledged and contained",
    );
    check("to ben; to ben", "new, ben; it is already assigned so");
}

#[test]
fn an_undo_takes_back_the_last_step_and_stays_on_record() {
    check("ack; breach; undo 2", "acknowledged");
    check("ack; breach; undo 2; undo 1", "new");
    check(
        "ack; look; undo 1",
        "investigating; act 1 cannot be undone: act 2 rests on it; undo that first",
    );
    check("ack; undo 1; undo 1", "new; act 1 was undone before");
    check("ack; undo 1; undo 2", "new; act 2 (undo) cannot be undone: do again what it undid");
    check("undo 7", "new; there is no act 7 on this incident");
    check("to ben; to cas; undo 2", "new, ben");
    check("to ben; ack; undo 1", "acknowledged");
    let (acts, _) = run("say wrong; undo 1");
    assert_eq!(Case::of("a", &acts).comments, 0);
    assert_eq!(acts.len(), 2);
}

#[test]
fn acts_follow_an_absorbed_incident_and_close_nothing() {
    check("b:ack; b:look", "investigating");
    check("b:benign", "new");
    check("ack; b:look; b:benign", "acknowledged");
    check("b:to ben; b:say hello", "new, ben");
    check("to cas; b:to ben", "new, cas");
    let (acts, _) = run("b:aware gdpr; b:say hello; ack");
    let case = Case::of("a", &acts);
    assert_eq!((case.aware.len(), case.comments), (1, 1), "obligations and words come along");
}

/// `regime/phase state hours-left` of each clock at `hour`.
fn clocks(story: &str, hour: i64, expected: &str) {
    let (acts, refused) = run(story);
    assert_eq!(refused, Vec::<String>::new(), "{story}");
    let clocks = Regimes::default().clocks(&Case::of("a", &acts), at(hour));
    let shown: Vec<String> = clocks
        .iter()
        .map(|clock| {
            let left = clock.seconds_left.map_or("-".into(), |s| (s / 3_600).to_string());
            let state = serde_json::to_value(clock.state).unwrap();
            format!("{}/{} {} {left}", clock.regime, clock.phase, state.as_str().unwrap())
        })
        .collect();
    assert_eq!(shown.join("; "), expected, "{story} at {hour}");
}

#[test]
fn clocks_run_from_awareness_to_notification() {
    clocks("ack", 1, "");
    clocks("aware gdpr", 2, "gdpr/notification running 70");
    clocks("aware gdpr", 60, "gdpr/notification warned 12");
    clocks("aware gdpr", 73, "gdpr/notification overdue -1");
    clocks("aware gdpr; told gdpr/notification", 80, "gdpr/notification met -");
    clocks("aware gdpr,led; undo 1", 5, "");
    clocks("aware gdpr; benign", 5, "gdpr/notification void -");
    clocks("aware gdpr; breach", 5, "gdpr/notification running 67");
    clocks("aware national_hour", 1, "national_hour/notification warned 0");
    clocks("aware us_major", 2, "us_major/congress running 166; us_major/supplement running 718");
}

#[test]
fn a_month_after_the_notification_is_one_of_the_calendar() {
    clocks(
        "aware nis2",
        21,
        "nis2/early_warning warned 3; nis2/notification running 51; nis2/final_report waiting -",
    );
    // Notified on 2 March, due on 2 April: 31 days.
    clocks(
        "aware nis2; told nis2/early_warning; told nis2/notification",
        2,
        "nis2/early_warning met -; nis2/notification met -; nis2/final_report running 744",
    );
}

#[test]
fn notifying_without_awareness_or_twice_is_refused() {
    check(
        "told gdpr/notification",
        "new; nobody has decided that we are aware under regime `gdpr`",
    );
    check(
        "aware gdpr; aware gdpr,led",
        "new; we are aware under regime `gdpr` already, by act 1; undo that first",
    );
    check(
        "aware gdpr; told gdpr/notification; told gdpr/notification",
        "new; regime `gdpr`, phase `notification` was notified before, by act 2",
    );
}

#[test]
fn regimes_are_checked_as_a_whole() {
    let wrong = "[[regime]]\nid=\"A\"\nname=\"\"\nlaw=\"\"\nrecipient=\"\"\nphase=[{id=\"x\",name=\"\",within=\"1 h\",after=\"y\",warn_h=-1}]";
    let told = Regimes::parse(wrong).unwrap_err().to_string();
    assert_eq!(told.lines().count(), 3, "{told}");
    let told = Regimes::parse(&wrong.replace("1 h", "soon")).unwrap_err().to_string();
    assert!(told.contains("`soon`"), "{told}");
    assert_eq!(Regimes::default().list().len(), 6, "the shipped file reads");
}

#[test]
fn what_is_wrong_with_an_act_is_named() {
    let told = |act: Act, by: &str| act.check(by).map_err(|problem| problem.to_string());
    assert_eq!(told(Act::Acknowledge {}, "ann"), Ok(()));
    assert_eq!(told(Act::Acknowledge {}, " "), Err("`by` must not be empty".into()));
    assert!(told(Act::Acknowledge {}, "Tidewaiter").is_err());
    assert!(told(Act::Comment { text: "x".repeat(4_001) }, "ann").unwrap_err().contains("4001"));
    let link = Act::Link { url: "javascript:alert(1)".into(), title: None };
    assert!(told(link, "ann").unwrap_err().contains("https://"));
    assert!(told(Act::ExceptionExpired { id: "x".into() }, "ann").is_err());
}
