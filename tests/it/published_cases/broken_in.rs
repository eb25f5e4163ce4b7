//! Strangers, and accounts in wrong hands.

use serde_json::json;

use super::agency::protected;
use super::stage::after;
use super::{DAY, HOUR, MINUTE, SECOND, Stage, Who, scattered};

/// SingHealth, 2018: odd failed logins from 11 June on, queries about the database from 26 June,
/// look-ups of the prime minister, then 1.5 million patients until 4 July, when an administrator
/// of the database stopped it.
#[test]
fn singhealth() {
    let mut stage = Stage::new("2018-06-11", 5);
    let stolen = Who::person("local-admin-3", "ward_support", "10.1.9.1");
    for day in 0..15 {
        for minute in [3, 9] {
            stage.breach(day * DAY + 22 * HOUR + minute * MINUTE, stolen.login("denied"));
        }
    }
    let begin = 15 * DAY + 9 * HOUR;
    stage.breach(begin - MINUTE, stolen.login("allowed"));
    for query in 0..40 {
        let rows =
            json!({"records": 25, "query": "select table_name from information_schema.tables"});
        stage.breach(begin + query * 20 * MINUTE, stolen.access("search", "schema", rows));
    }
    let named = begin + 15 * HOUR;
    for look in 0..3 {
        let one = json!({"resource": {"subject": protected(look)}});
        stage.breach(named + look as i64 * MINUTE, stolen.access("search", "medical", one));
    }
    // Eight days of queries, one in five minutes, by day and night.
    for query in 0..2_304 {
        let at = named + HOUR + query * 5 * MINUTE;
        stage.breach(at, stolen.access("search", "medical", json!({"records": 651})));
    }
    let told = stage.replay(&stolen);
    assert_eq!(told.breach_records(), 1_500_907);
    assert_eq!(told.opened_by(), ("protected_subject".into(), after(1_001, 15 * HOUR)));
    assert_eq!(told.also_by("schema_looked_over_then_bulk"), after(1_654, 16 * HOUR));
    let chain = "failed_logins_schema_person_then_bulk";
    assert_eq!(told.also_by(chain), after(1_654, 16 * HOUR));
    let speakers = ["bulk_read", chain, "protected_subject", "schema_looked_over_then_bulk"];
    assert_eq!(told.speakers(), speakers);
    assert_eq!(told.incidents().len(), 1);
}

/// RENAPER, 2021: through the health ministry's account somebody looked up 44 known people one by
/// one, between 15:01 and 15:55, and posted 19 of the pictures as they came.
#[test]
fn renaper() {
    let mut stage = Stage::new("2021-10-04", 6);
    let ministry = Who::partner("ptn-health", "partner_account", "10.1.4.2");
    for day in 0..5 {
        for hour in 9..15 {
            let at = day * DAY + hour * HOUR;
            stage.ordinary(
                at,
                ministry.read("identity_photos", scattered(at), json!({"case": "C-5"})),
            );
        }
    }
    let begin = 5 * DAY + 15 * HOUR + MINUTE;
    for look in 0..44_i64 {
        // Half of them are on the list of those whom the registry protects.
        let subject = if look % 2 == 1 { protected(look as u64) } else { format!("T-5{look}") };
        let one = json!({"resource": {"subject": subject}});
        stage.breach(
            begin + look * 75 * SECOND,
            ministry.read("identity_photos", scattered(look), one),
        );
    }
    let told = stage.replay(&ministry);
    assert_eq!(told.breach_records(), 44);
    assert_eq!(told.opened_by(), ("protected_subject".into(), after(2, 75 * SECOND)));
    assert_eq!(told.also_by("no_case"), after(5, 5 * MINUTE));
    assert_eq!(told.speakers(), ["no_case", "protected_subject"]);
    assert_eq!(told.incident().records, 44);
}

/// Optus, 2022: an interface that asked for no login, customer numbers counted up, some 9.8 million
/// in three days. Ten minutes are told call by call, the rest in the gateway's sums.
#[test]
fn optus() {
    let mut stage = Stage::new("2022-09-14", 5);
    let stranger = Who::nobody("198.51.100.7");
    let begin = 2 * DAY + 3 * HOUR;
    for call in 0..9_800 {
        let at = begin + call * 60;
        stage.breach(at, stranger.read("contacts", 1_000_000 + call as u64, json!({})));
    }
    for sum in 0..420 {
        let rows = json!({"records": 23_310});
        stage.breach(begin + (sum + 1) * 10 * MINUTE, stranger.access("read", "contacts", rows));
    }
    let told = stage.replay(&stranger);
    assert_eq!(told.breach_records(), 9_800_000);
    assert_eq!(told.opened_by(), ("no_actor".into(), after(1, 0)));
    assert_eq!(told.speakers(), ["no_actor"]);
    assert_eq!(told.incidents().len(), 5);
}

/// Thailand, 2021: an index of 106 million arrivals stood open. A search engine listed it on 20
/// August, a researcher found it on the 22nd, it was closed on the 23rd.
#[test]
fn thailand() {
    let mut stage = Stage::new("2021-08-18", 5);
    let engine = Who::nobody("198.51.100.9");
    let begin = 2 * DAY + 4 * HOUR;
    stage.breach(begin, engine.access("list", "entry_exit", json!({"records": 10})));
    stage.breach(
        begin + MINUTE,
        engine.access("search", "entry_exit", json!({"records": 106_000_000})),
    );
    let told = stage.replay(&engine);
    assert_eq!(told.opened_by(), ("no_actor".into(), after(10, 0)));
    assert_eq!(told.also_by("whole_table_taken"), after(106_000_010, MINUTE));
    assert_eq!(told.speakers(), ["no_actor", "whole_table_taken"]);
    told.incident();
}

/// OPM, 2014-15: with a contractor's password, background files of 21.5 million people; at the
/// contractor itself 48,439 before.
#[test]
fn opm() {
    let mut stage = Stage::new("2014-07-01", 6);
    let contractor = Who::partner("ptn-background", "contractor", "10.1.4.3");
    for day in 0..5 {
        for n in 0..12 {
            let at = day * DAY + 9 * HOUR + n * 30 * MINUTE;
            stage.ordinary(
                at,
                contractor.read("staff_files", scattered(at), json!({"case": "C-8"})),
            );
        }
    }
    let thief = contractor.at("10.1.9.66");
    let night = 5 * DAY + HOUR;
    // One night file by file, ten a minute; then tables.
    for file in 0..2_400 {
        stage.breach(
            night + file * 6 * SECOND,
            thief.read("staff_files", scattered(file), json!({})),
        );
    }
    for table in 0..43 {
        let rows = json!({"records": 500_000});
        stage.breach(night + (table + 1) * DAY, thief.access("export", "staff_files", rows));
    }
    let told = stage.replay(&thief);
    assert_eq!(told.breach_records(), 21_502_400);
    assert_eq!(told.opened_by(), ("bulk_read".into(), after(400, 399 * 6 * SECOND)));
    let speakers = ["bulk_read", "partner_takes_many_records", "whole_table_taken"];
    assert_eq!(told.speakers(), speakers);
    // The night and the tables of six weeks.
    assert_eq!(told.incidents().len(), 1);
}
