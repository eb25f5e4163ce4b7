//! Data that moves a container.

use serde_json::json;

use super::stage::after;
use super::{DAY, HOUR, MINUTE, Stage, Who, scattered};

/// Port PINs, Antwerp and Rotterdam, since 2018: an insider looks up the code that releases one
/// container and sells it; whoever has it drives off with the box.
#[test]
fn port_pin() {
    let mut stage = Stage::new("2021-03-01", 5);
    let planner = Who::person("pln-5", "planner", "10.1.9.1");
    for day in 0..4 {
        for n in 0..20 {
            let at = day * DAY + 8 * HOUR + n * 20 * MINUTE;
            stage.ordinary(at, planner.read("consignments", scattered(at), json!({})));
        }
    }
    let evening = 3 * DAY + 19 * HOUR;
    stage.breach(evening, planner.read("consignments", 77_001, json!({})));
    stage.breach(evening + 2 * MINUTE, planner.read("release_pins", 77_001, json!({})));
    let told = stage.replay(&planner);
    assert_eq!(told.breach_records(), 2);
    assert_eq!(told.opened_by(), ("release_pin_without_case".into(), after(2, 2 * MINUTE)));
    assert_eq!(told.speakers(), ["release_pin_without_case"]);
    told.incident();
}

/// An officer of the selection before arrival, with his own honest work.
fn selector(stage: &mut Stage) -> Who {
    let who = Who::person("sel-2", "customs_officer", "10.1.9.1");
    for day in 0..4 {
        for n in 0..20 {
            let at = day * DAY + 8 * HOUR + n * 20 * MINUTE;
            stage.ordinary(at, who.read("risk_selections", scattered(at), json!({"case": "C-4"})));
        }
    }
    who
}

/// Rotterdam, until 2015: the officer who chose which containers are looked at looked up the ones
/// he was paid for and took them off the list.
#[test]
fn rotterdam_selection() {
    let mut stage = Stage::new("2015-04-06", 5);
    let officer = selector(&mut stage);
    let noon = 3 * DAY + 16 * HOUR;
    let listed = json!({"case": "C-4", "resource": {"category": "risk_selection"}});
    stage.breach(noon, officer.read("risk_selections", 88_001, listed.clone()));
    let mut taken = officer.access("deselect", "risk_selections", listed);
    taken["resource"]["record"] = json!("R-88001");
    stage.breach(noon + 9 * MINUTE, taken);
    let told = stage.replay(&officer);
    let by = "selection_removed_after_lookup";
    assert_eq!(told.opened_by(), (by.into(), after(1, 9 * MINUTE)));
    assert_eq!(told.speakers(), [by]);
    told.incident();
}

/// Rotterdam, 2018-19: a container was marked as controlled before its ship had come in.
#[test]
fn rotterdam_release() {
    let mut stage = Stage::new("2018-12-03", 5);
    let officer = selector(&mut stage);
    let noon = 3 * DAY + 16 * HOUR;
    stage.breach(noon, officer.read("consignments", 99_001, json!({"case": "C-4"})));
    let resource = json!({"record": "R-99001", "category": "cargo", "arrived": false});
    let more = json!({"case": "C-4", "resource": resource});
    stage.breach(noon + 3 * MINUTE, officer.access("mark_controlled", "consignments", more));
    let told = stage.replay(&officer);
    let by = "released_before_arrival";
    assert_eq!(told.opened_by(), (by.into(), after(1, 3 * MINUTE)));
    assert_eq!(told.speakers(), [by]);
    told.incident();
}
