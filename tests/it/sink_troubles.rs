//! What becomes of notices while a sink takes nothing, while something keeps them back, and
//! afterwards: in both databases.

use tidewaiter::adapters::store::{NoticeState, Store};
use tidewaiter::engine::correlate::NoticeKind;
use tidewaiter::engine::model::{EventTime, Severity, Status};

use crate::postgres::Database;
use crate::store::in_a_file;
use crate::store_notices::World;

/// 2023-11-14T22:13:20Z, a Tuesday.
const NOW: i64 = 1_700_000_000_000;
const SECOND: i64 = 1_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 3_600_000;
const RAISED: NoticeKind = NoticeKind::SeverityRaised;

/// From 22:00 until 23:00.
const WINDOW: &str = "[[maintenance]]\nowner = \"ops\"\nreason = \"re-indexing\"\nfrom = \"22:00\"\n\
                      until = \"23:00\"\nmatch = { sink = [\"desk\"], severity = [\"medium\", \"high\"] }\n";
const AFTER_WINDOW: i64 = NOW + HOUR;

impl World {
    async fn rises(&self, id: &str, severity: Severity, at_ms: i64) {
        self.settles(id, severity, Status::Open, RAISED, at_ms, at_ms).await;
    }

    /// Looks once a second.
    async fn looks(&self, from_ms: i64, to_ms: i64) {
        for at_ms in (from_ms..to_ms).step_by(SECOND as usize) {
            self.look(at_ms).await;
        }
    }
}

#[tokio::test]
async fn a_backlog_that_a_window_held_back_is_told_after_it() {
    let folder = tempfile::tempdir().unwrap();
    backlog_in_a_window(in_a_file(&folder).await).await;
    backlog_in_a_window(Database::new().open().await).await;
}

async fn backlog_in_a_window(store: Store) {
    let world = World::new(store, WINDOW).await;
    world.opens("old", Severity::High, NOW - 48 * HOUR, NOW).await;
    world.opens("older", Severity::High, NOW - 72 * HOUR, NOW).await;
    assert_eq!(world.look(NOW + MINUTE).await.silenced, 1);
    assert!(world.heard().is_empty());
    world.look(AFTER_WINDOW).await;
    let told = world.told();
    assert_eq!(
        (told.len(), &told[0]["kind"], &told[0]["count"]),
        (1, &"backlog".into(), &2.into())
    );
}

#[tokio::test]
async fn what_a_silence_held_back_is_told_in_order_once_an_incident_and_as_it_is_by_then() {
    let folder = tempfile::tempdir().unwrap();
    after_a_silence(in_a_file(&folder).await).await;
    after_a_silence(Database::new().open().await).await;
}

async fn after_a_silence(store: Store) {
    let world = World::new(store, WINDOW).await;
    // The first rises beyond what the window keeps back, the second within it.
    let names = ["first", "second", "a-third", "the-fourth", "fifth"];
    for (at_ms, name) in (NOW..).zip(names) {
        world.opens(name, Severity::Medium, at_ms, at_ms).await;
    }
    world.look(NOW + MINUTE).await;
    world.rises("first", Severity::High, NOW + 2 * MINUTE).await;
    world.rises("second", Severity::High, NOW + 2 * MINUTE).await;
    world.look(NOW + 3 * MINUTE).await;
    assert!(world.heard().is_empty());
    world.rises("first", Severity::Critical, NOW + 4 * MINUTE).await;
    world.look(NOW + 5 * MINUTE).await;
    assert_eq!(world.heard(), ["severity_raised first"]);
    let counts = world.look(AFTER_WINDOW).await;
    assert_eq!((counts.delivered, counts.folded), (5, 2));
    let told = world.told();
    let said: Vec<&str> = told.iter().map(|notice| notice["incident"].as_str().unwrap()).collect();
    assert_eq!(said, names);
    assert!(told.iter().all(|notice| notice["kind"] == "opened"), "{told:?}");
    let severities: Vec<&str> =
        told.iter().map(|notice| notice["severity"].as_str().unwrap()).collect();
    assert_eq!(severities, ["critical", "high", "medium", "medium", "medium"]);
    world.looks(AFTER_WINDOW + SECOND, AFTER_WINDOW + MINUTE).await;
    assert!(world.heard().is_empty());
    assert!(world.store.notices_in(NoticeState::Silenced).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_window_owes_no_more_than_one_repeat() {
    let folder = tempfile::tempdir().unwrap();
    repeats_in_a_window(in_a_file(&folder).await).await;
    repeats_in_a_window(Database::new().open().await).await;
}

async fn repeats_in_a_window(store: Store) {
    let world = World::new(store, &format!("repeat_s = 300\n{WINDOW}")).await;
    let before = NOW - 20 * MINUTE;
    world.opens("one", Severity::High, before, before).await;
    world.look(before).await;
    assert_eq!(world.heard(), ["opened one"]);
    for minute in 0..60 {
        world.look(NOW - 13 * MINUTE + minute * MINUTE).await;
    }
    assert!(world.heard().is_empty());
    assert!(world.store.notices_in(NoticeState::Silenced).await.unwrap().is_empty());
    for minute in 0..5 {
        world.look(AFTER_WINDOW + minute * MINUTE).await;
    }
    assert_eq!(world.heard(), ["still_open one"]);
}

#[tokio::test]
async fn a_sink_that_is_back_is_told_everything_at_once_and_each_incident_in_order() {
    let folder = tempfile::tempdir().unwrap();
    down_for_hours(in_a_file(&folder).await).await;
    down_for_hours(Database::new().open().await).await;
}

async fn down_for_hours(store: Store) {
    let world = World::new(store, "").await;
    world.refuses(&["*"]);
    world.opens("one", Severity::Medium, NOW, NOW).await;
    world.opens("two", Severity::Medium, NOW, NOW + 1).await;
    for minute in 0..180 {
        match minute {
            50 => world.rises("one", Severity::High, NOW + minute * MINUTE).await,
            60 => world.rises("two", Severity::High, NOW + minute * MINUTE).await,
            170 => world.rises("one", Severity::Critical, NOW + minute * MINUTE).await,
            _ => {}
        }
        world.look(NOW + minute * MINUTE).await;
    }
    let (waiting, back) = (world.store.notices_in(NoticeState::Waiting), NOW + 180 * MINUTE);
    let most = waiting.await.unwrap().iter().map(|notice| notice.next_attempt_ms).max();
    assert!(most.unwrap() <= back + 10 * MINUTE, "a pause has no bound");
    world.refuses(&[]);
    let mut at_ms = back;
    while world.heard.lock().unwrap().is_empty() {
        at_ms += SECOND;
        world.look(at_ms).await;
    }
    world.looks(at_ms + SECOND, at_ms + 5 * SECOND).await;
    let heard = world.heard();
    let of = |incident: &str| -> Vec<String> {
        heard.iter().filter(|said| said.ends_with(incident)).cloned().collect()
    };
    assert_eq!(of("one"), ["opened one", "severity_raised one", "severity_raised one"]);
    assert_eq!(of("two"), ["opened two", "severity_raised two"]);
}

#[tokio::test]
async fn one_notice_that_is_not_taken_holds_back_no_other_incident_and_its_own_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    one_is_stuck(in_a_file(&folder).await).await;
    one_is_stuck(Database::new().open().await).await;
}

async fn one_is_stuck(store: Store) {
    let world = World::new(store, "").await;
    world.refuses(&["opened stuck"]);
    world.opens("stuck", Severity::Medium, NOW, NOW).await;
    world.look(NOW).await;
    world.rises("stuck", Severity::High, NOW + MINUTE).await;
    world.opens("other", Severity::Medium, NOW + MINUTE, NOW + MINUTE + 1).await;
    world.looks(NOW + MINUTE + SECOND, NOW + 2 * MINUTE).await;
    assert_eq!(
        world.heard(),
        ["opened other"],
        "in order, as long as that may be a matter of moments"
    );
    for minute in 2..17 {
        world.look(NOW + minute * MINUTE).await;
    }
    assert_eq!(world.heard(), ["severity_raised stuck"], "not for ever");
    // Taken after all: nobody is told what was true before.
    world.refuses(&[]);
    for minute in 17..30 {
        world.look(NOW + minute * MINUTE).await;
    }
    let told = world.told();
    assert_eq!(
        (told.len(), &told[0]["kind"], &told[0]["severity"]),
        (1, &"opened".into(), &"high".into())
    );
}

#[tokio::test]
async fn dead_letters_come_back_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    dead_letters(in_a_file(&folder).await).await;
    dead_letters(Database::new().open().await).await;
}

async fn dead_letters(store: Store) {
    // Keys of notices and incidents are in another order than these were made in.
    let world = World::new(store, "").await;
    world.refuses(&["*"]);
    for (place, severity) in
        [Severity::Medium, Severity::High, Severity::Critical].iter().enumerate()
    {
        let at_ms = NOW + place as i64;
        let kind = if place == 0 { NoticeKind::Opened } else { RAISED };
        world.settles("one", *severity, Status::Open, kind, at_ms, at_ms).await;
    }
    // None is tried again after a day.
    world.look(NOW + SECOND).await;
    for _ in 0..3 {
        world.look(NOW + 25 * HOUR).await;
    }
    assert_eq!(world.store.notices_in(NoticeState::Dead).await.unwrap().len(), 3);
    world.refuses(&[]);
    let later = NOW + 26 * HOUR;
    assert_eq!(world.store.retry_notices(&["desk".to_owned()], later).await.unwrap(), 3);
    world.looks(later, later + 5 * SECOND).await;
    let severities: Vec<_> = world.told().iter().map(|n| n["severity"].clone()).collect();
    assert_eq!(severities, ["medium", "high", "critical"]);
}

#[tokio::test]
async fn what_follows_within_the_group_wait_goes_along() {
    let folder = tempfile::tempdir().unwrap();
    group_wait(in_a_file(&folder).await).await;
    group_wait(Database::new().open().await).await;
}

async fn group_wait(store: Store) {
    let world = World::new(store, "group_wait_s = 30\n").await;
    world.opens("one", Severity::Medium, NOW, NOW).await;
    world.look(NOW).await;
    world.rises("one", Severity::High, NOW + 5 * SECOND).await;
    world.rises("one", Severity::Critical, NOW + 20 * SECOND).await;
    world.looks(NOW + SECOND, NOW + 30 * SECOND).await;
    assert!(world.heard().is_empty(), "told before its time");
    let counts = world.look(NOW + 30 * SECOND).await;
    assert_eq!((counts.delivered, counts.folded), (1, 2));
    let told = world.told();
    assert_eq!((&told[0]["kind"], &told[0]["severity"]), (&"opened".into(), &"critical".into()));
    // Who knows of it is told of the rest at once.
    let later = NOW + HOUR;
    let time = EventTime::from_millis(later).unwrap().millis();
    world.settles("one", Severity::Critical, Status::Quiet, NoticeKind::Quiet, time, later).await;
    world.look(later).await;
    assert_eq!(world.heard(), ["quiet one"]);
    assert_eq!(world.store.notices_in(NoticeState::Folded).await.unwrap().len(), 2);
}
