//! Staff and contractors who carry data out.

use serde_json::json;

use super::stage::after;
use super::{DAY, HOUR, MINUTE, SECOND, Stage, Who};

/// Perceptics, 2018-19: a contractor's people copied some 184,000 images of travelers and number
/// plates from the lanes of a pilot, from August to January, when they came to look after it.
#[test]
fn perceptics() {
    let mut stage = Stage::new("2018-08-06", 4);
    let vendor = Who::partner("vendor-lanes", "maintenance", "10.1.9.1");
    // Ten visits, one every 17 days; each takes the folders of a lane one by one, then the stick.
    for visit in 0..10 {
        let begin = DAY + visit * 17 * DAY + 10 * HOUR;
        for folder in 0..184 {
            let images = json!({"records": 100, "bytes": 30_000_000});
            stage
                .breach(begin + folder * 20 * SECOND, vendor.access("read", "lane_images", images));
        }
        let all = json!({"records": 18_400, "bytes": 5_520_000_000_u64});
        stage.breach(begin + 65 * MINUTE, vendor.access("usb_write", "lane_images", all));
    }
    let told = stage.replay(&vendor);
    assert_eq!(told.breach_records(), 184_000);
    assert_eq!(told.opened_by(), ("bulk_read".into(), after(100, 0)));
    assert_eq!(told.also_by("written_to_removable_media"), after(18_400, 65 * MINUTE));
    assert_eq!(told.also_by("partner_takes_many_records"), after(18_400, 65 * MINUTE));
    let speakers = ["bulk_read", "partner_takes_many_records", "written_to_removable_media"];
    assert_eq!(told.speakers(), speakers);
    assert_eq!(told.incidents().len(), 10);
}

/// Bupa, 2017: an employee made bulk reports of the customer system, 547,000 people in 65 days,
/// and mailed them to a private account.
#[test]
fn bupa() {
    let mut stage = Stage::new("2017-01-05", 5);
    let seller = Who::person("par-7", "partnership_advisor", "10.1.9.1");
    let mut left = 547_000_u64;
    for day in 0..65 {
        for report in 0..12 {
            let records = 702.min(left);
            left -= records;
            let at = DAY + day * DAY + 9 * HOUR + report * 35 * MINUTE;
            let size = json!({"records": records, "bytes": records * 400});
            stage.breach(at, seller.access("export", "contacts", size));
            stage.breach(at + 5 * MINUTE, seller.flow("mail.example.net", "smtp", records * 500));
        }
    }
    let told = stage.replay(&seller);
    assert_eq!(told.breach_records(), 547_000);
    assert_eq!(told.opened_by(), ("much_taken_out_in_a_day".into(), after(1_404, 35 * MINUTE)));
    assert_eq!(told.also_by("much_taken_out_in_a_month"), after(10_530, DAY + 70 * MINUTE));
    assert_eq!(told.speakers(), ["much_taken_out_in_a_day", "much_taken_out_in_a_month"]);
    assert_eq!(told.incidents().len(), 1, "two months of it");
}

/// HMRC, 2007: auditors asked for a sample; a junior official copied the whole register, 25 million
/// people, to two discs that were lost in the post.
#[test]
fn hmrc() {
    let mut stage = Stage::new("2007-10-15", 5);
    let clerk = Who::person("clk-3", "clerk", "10.1.9.1");
    let noon = 3 * DAY + 12 * HOUR;
    let all = json!({"records": 25_000_000, "bytes": 4_000_000_000_u64});
    stage.breach(noon, clerk.access("export", "families", all));
    for disc in 1..=2 {
        let half = json!({"records": 12_500_000, "bytes": 2_000_000_000_u64});
        stage.breach(noon + disc * 20 * MINUTE, clerk.access("disc_write", "families", half));
    }
    let told = stage.replay(&clerk);
    assert_eq!(told.breach_records(), 25_000_000);
    assert_eq!(told.opened_by(), ("bulk_read".into(), after(25_000_000, 0)));
    assert_eq!(told.also_by("whole_table_taken"), after(25_000_000, 0));
    assert_eq!(told.also_by("written_to_removable_media"), after(25_000_000, 20 * MINUTE));
    let sums = ["much_taken_out_in_a_day", "much_taken_out_in_a_month"];
    let others = ["whole_table_taken", "written_to_removable_media"];
    assert_eq!(told.speakers(), [&["bulk_read"][..], &sums, &others].concat());
    assert_eq!(told.incident().records, 25_000_000);
}

/// Desjardins, 2017-19: each month colleagues copied the restricted warehouse to a shared drive, as
/// they were allowed to; an analyst of marketing took it from there to sticks, 9.7 million people
/// in 26 months.
#[test]
fn desjardins() {
    let mut stage = Stage::new("2017-03-06", 4);
    let loader = Who::service("svc-warehouse", "10.1.5.2");
    let analyst = Who::person("mkt-4", "marketing_analyst", "10.1.9.1");
    // The shared drive is in no catalogue: the file system's own word for it decides.
    let shared = |rows: u64| json!({"records": rows, "resource": {"category": "personal"}});
    for month in 0..26 {
        let begin = DAY + month * 30 * DAY;
        for part in 0..25 {
            let copied = loader.access("copy", "shared_drive", shared(14_924));
            stage.ordinary(begin + part * 12 * MINUTE, copied);
        }
        for file in 0..10 {
            let at = begin + 10 * HOUR + file * 3 * MINUTE;
            stage.breach(at, analyst.access("read", "shared_drive", shared(37_310)));
            stage.breach(at + MINUTE, analyst.access("usb_write", "shared_drive", shared(37_310)));
        }
    }
    let told = stage.replay(&analyst);
    assert_eq!(told.breach_records(), 9_700_600);
    assert_eq!(told.opened_by(), ("bulk_read".into(), after(37_310, 0)));
    assert_eq!(told.also_by("written_to_removable_media"), after(37_310, MINUTE));
    assert_eq!(told.speakers(), ["bulk_read", "written_to_removable_media"]);
    assert_eq!(told.incidents().len(), 26);
}

/// The case system of the inspectors of Homeland Security, found in 2017: staff who stayed copied it
/// for a superior who had left, 246,167 employees and some 159,000 case files.
#[test]
fn oig() {
    let mut stage = Stage::new("2014-10-06", 5);
    let helper = Who::person("it-2", "support", "10.1.9.1");
    let evening = 2 * DAY + 18 * HOUR;
    for (minute, dataset, records) in [(0, "staff_files", 246_167), (20, "case_files", 159_000)] {
        let table = json!({"records": records, "case": "C-77", "bytes": records * 2_000});
        stage.breach(evening + minute * MINUTE, helper.access("export", dataset, table));
    }
    let told = stage.replay(&helper);
    assert_eq!(told.breach_records(), 405_167);
    assert_eq!(told.opened_by(), ("bulk_read".into(), after(246_167, 0)));
    assert_eq!(told.also_by("whole_table_taken"), after(246_167, 0));
    let sums = ["much_taken_out_in_a_day", "much_taken_out_in_a_month"];
    assert_eq!(told.speakers(), [&["bulk_read"][..], &sums, &["whole_table_taken"]].concat());
    assert_eq!(told.incident().records, 405_167);
}
