//! People who read what is not theirs to read.

use serde_json::json;

use super::agency::protected;
use super::stage::after;
use super::{DAY, HOUR, MINUTE, SECOND, Stage, Who, scattered};

/// Twitter, 2015: a reliability engineer looked up more than 6,000 accounts for a government, some
/// 33 a day from 21 May to 18 November; 33 of them that government had asked about in emergencies.
#[test]
fn twitter_2015() {
    let mut stage = Stage::new("2015-05-18", 8);
    let engineer = Who::person("eng-9", "reliability_engineer", "10.1.9.1");
    for day in 0..8 {
        for n in 0..25 {
            let at = day * DAY + 8 * HOUR + n * 18 * MINUTE;
            stage.ordinary(at, engineer.access("search", "service_logs", json!({"records": 200})));
        }
    }
    let begin = 3 * DAY + 9 * HOUR;
    for look in 0..6_006 {
        let at = begin + look / 33 * DAY + look % 33 * 14 * MINUTE;
        // One in 182 is among those that were asked about.
        let whom = (look % 182 == 181).then(|| protected(look as u64 / 182));
        let subject = whom.unwrap_or_else(|| format!("T-{}", scattered(look)));
        let one = json!({"resource": {"subject": subject}});
        stage.breach(at, engineer.read("contacts", scattered(look), one));
    }
    let told = stage.replay(&engineer);
    assert_eq!(told.breach_records(), 6_006);
    let by = "technical_staff_open_personal_records";
    assert_eq!(told.opened_by(), (by.into(), after(30, 29 * 14 * MINUTE)));
    assert_eq!(told.speakers(), ["protected_subject", by]);
    assert_eq!(told.also_by("protected_subject"), after(182, 5 * DAY + 16 * 14 * MINUTE));
}

/// "Whistle Pig", 2017: an officer ran up to twenty journalists and those around them through every
/// system there was, with no case.
#[test]
fn whistle_pig() {
    let mut stage = Stage::new("2017-06-01", 5);
    let officer = Who::person("off-50", "border_officer", "10.1.9.1");
    let begin = 2 * DAY + 10 * HOUR;
    for person in 0..20 {
        // The last six are known well enough to be protected.
        let subject = if person < 14 { format!("T-70{person}") } else { protected(person as u64) };
        for (minute, dataset) in (0..).step_by(2).zip(["pnr", "watchlist", "payments", "consular"])
        {
            let one = json!({"resource": {"subject": subject}});
            let at = begin + (person / 2) * DAY + (person % 2) * 2 * HOUR + minute * MINUTE;
            stage.breach(at, officer.read(dataset, scattered(person * 4 + minute), one));
        }
    }
    let told = stage.replay(&officer);
    assert_eq!(told.breach_records(), 80);
    let [reason, case] =
        ["reason", "case"].map(|what| format!("one_person_in_several_systems_without_{what}"));
    assert_eq!(told.opened_by(), (reason.clone(), after(3, 4 * MINUTE)));
    assert_eq!(told.also_by("many_systems_without_case"), after(4, 6 * MINUTE));
    assert_eq!(told.speakers(), ["many_systems_without_case", &case, &reason, "protected_subject"]);
    // Twenty people in ten days.
    assert_eq!(told.incidents().len(), 1);
    assert_eq!(told.also_by("protected_subject"), after(57, 7 * DAY));
}

/// ICE, 2016-23: 414 inquiries into misuse, among them officers who followed people they knew.
#[test]
fn ice_somebody_followed() {
    let mut stage = Stage::new("2022-02-07", 5);
    let officer = Who::person("off-51", "deportation_officer", "10.1.9.1");
    let begin = 2 * DAY + 19 * HOUR;
    for look in 0..9 {
        stage.breach(begin + look * 3 * DAY, officer.read("case_files", 4_711, json!({})));
    }
    let told = stage.replay(&officer);
    assert_eq!(told.opened_by(), ("same_record_again_without_case".into(), after(4, 9 * DAY)));
    assert_eq!(told.speakers(), ["same_record_again_without_case"]);
    told.incident();
}

/// ICE, the same years: one login for the whole shift.
#[test]
fn ice_shared_login() {
    let mut stage = Stage::new("2022-02-07", 5);
    let shared = Who::person("off-52", "deportation_officer", "10.1.9.1");
    let begin = 2 * DAY + 7 * HOUR;
    for desk in 0..4 {
        let there = shared.at(&format!("10.1.9.{}", 1 + desk));
        let at = begin + desk * 6 * MINUTE;
        stage.breach(at, there.login("allowed"));
        for n in 0..10 {
            let one = json!({"case": "C-2"});
            stage.breach(
                at + MINUTE + n * 40 * MINUTE,
                there.read("case_files", scattered(desk * 10 + n), one),
            );
        }
    }
    let told = stage.replay(&shared);
    assert_eq!(told.opened_by(), ("one_account_from_several_places".into(), after(2, 11 * MINUTE)));
    assert_eq!(told.speakers(), ["one_account_from_several_places"]);
    told.incident();
}

/// Snowden, 2013: an administrator's crawler went through documents at a steady pace, day and
/// night; 0.2 to 1.7 million were named. One every two seconds for five days is the lower figure.
#[test]
fn snowden() {
    let mut stage = Stage::new("2013-03-04", 4);
    let administrator = Who::person("adm-7", "system_administrator", "10.1.9.1");
    let begin = 2 * DAY + 20 * HOUR;
    // Two hours are told page by page, the rest in the server's sums of ten minutes.
    for page in 0..3_600 {
        let document = json!({"resource": {"record": format!("D-{}", scattered(page))}});
        stage.breach(begin + page * 2 * SECOND, administrator.access("read", "reports", document));
    }
    for sum in 0..655 {
        let at = begin + 2 * HOUR + (sum + 1) * 10 * MINUTE;
        stage.breach(at, administrator.access("read", "reports", json!({"records": 300})));
    }
    let told = stage.replay(&administrator);
    assert_eq!(told.breach_records(), 200_100);
    let by = "technical_staff_open_personal_records";
    assert_eq!(told.opened_by(), (by.into(), after(30, 58 * SECOND)));
    assert_eq!(told.also_by("bulk_read"), after(20_100, 11 * HOUR + 10 * MINUTE));
    assert_eq!(told.speakers(), ["bulk_read", by]);
}
