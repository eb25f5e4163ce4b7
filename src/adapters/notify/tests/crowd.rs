//! More incidents at once than anybody reads.

use super::{DAY, NOW, config, facts, receiver};
use crate::adapters::notify::{Facts, Sink, deliver_due, fold_due};
use crate::adapters::store::{NoticeState, Office, Store, StoreBatch, StoredNotice};
use crate::adapters::telemetry::NoticeCounts;
use crate::engine::model::{EventTime, Severity};

fn opened(number: u32, severity: Severity) -> Facts {
    let time = EventTime::from_millis(NOW).unwrap();
    Facts { incident: format!("incident-{number}"), severity, time, ..facts("opened") }
}

async fn store_them(store: &Store, office: Office, them: &[Facts]) {
    let notice = |facts: &Facts| {
        StoredNotice::waiting("hook", facts.incident.clone(), &facts.incident, facts.json(), NOW)
    };
    let batch = StoreBatch { notices: them.iter().map(notice).collect(), ..StoreBatch::default() };
    store.apply(&batch, office).await.unwrap();
}

#[tokio::test]
async fn what_goes_beyond_is_told_in_one_and_what_is_graver_by_itself() {
    let (address, seen) = receiver("/hook").await;
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "a secret of the test's own").unwrap();
    let config = config(&format!(
        "at_once_max = 3\n[[sink]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{address}/hook\"\n\
         secret = {{ file = {secret:?} }}"
    ));
    let sink = Sink::new(&config.sink[0]).unwrap();
    let store = Store::open(&folder.path().join("store.db")).await.unwrap();
    let office = store.take_office().await.unwrap();
    let kinds = || {
        let seen = seen.lock().unwrap();
        let kind = |body: &serde_json::Value| {
            (
                body["kind"].as_str().unwrap().to_owned(),
                body["severity"].as_str().unwrap().to_owned(),
            )
        };
        seen.iter().map(|(_, body)| kind(body)).collect::<Vec<_>>()
    };
    let of = |kind: &str, severity: &str| (kind.to_owned(), severity.to_owned());

    let many: Vec<Facts> = (0..40).map(|number| opened(number, Severity::Medium)).collect();
    store_them(&store, office, &many).await;
    let mut counts = NoticeCounts::default();
    deliver_due(&config, &sink, &store, office, NOW, &mut counts).await.unwrap();
    assert_eq!(kinds(), vec![of("opened", "medium"); 3]);
    assert_eq!(store.notices_in(NoticeState::Folding).await.unwrap().len(), 37);

    // A critical one has room of its own, as has the next after ten minutes.
    store_them(&store, office, &[opened(90, Severity::Critical)]).await;
    deliver_due(&config, &sink, &store, office, NOW + 1_000, &mut counts).await.unwrap();
    assert_eq!(kinds().last(), Some(&of("opened", "critical")));
    assert_eq!(fold_due(&config, "hook", &store, office, NOW + 1_000).await.unwrap(), 0);
    assert_eq!(fold_due(&config, "hook", &store, office, NOW + 31_000).await.unwrap(), 37);
    deliver_due(&config, &sink, &store, office, NOW + 32_000, &mut counts).await.unwrap();
    assert_eq!(kinds().last(), Some(&of("flood", "medium")));
    {
        let seen = seen.lock().unwrap();
        let told = &seen.last().unwrap().1;
        assert_eq!(
            (told["count"].as_u64(), told["worst"].as_array().unwrap().len()),
            (Some(37), 10)
        );
        assert!(told["title"].as_str().unwrap().starts_with("37 more incidents from "), "{told}");
    }
    store_them(&store, office, &[opened(91, Severity::Medium)]).await;
    deliver_due(&config, &sink, &store, office, NOW + 700_000, &mut counts).await.unwrap();
    assert_eq!(kinds().last(), Some(&of("opened", "medium")));
    assert_eq!((counts.delivered, counts.failed), (6, 0));
    assert!(store.notices_due("hook", NOW + DAY, 9).await.unwrap().is_empty());
}

/// Once it answers again it is told at once of all that it did not take.
#[tokio::test]
async fn a_sink_that_is_down_is_owed_no_more_by_itself_than_one_that_answers() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "a secret of the test's own").unwrap();
    let config = config(&format!(
        "at_once_max = 3\n[[sink]]\nname = \"hook\"\nkind = \"webhook\"\n\
         url = \"http://127.0.0.1:9/hook\"\nsecret = {{ file = {secret:?} }}"
    ));
    let sink = Sink::new(&config.sink[0]).unwrap();
    let store = Store::open(&folder.path().join("store.db")).await.unwrap();
    let office = store.take_office().await.unwrap();
    let mut counts = NoticeCounts::default();
    for round in 0..4 {
        let many: Vec<Facts> =
            (0..2).map(|number| opened(round * 2 + number, Severity::Medium)).collect();
        store_them(&store, office, &many).await;
        let now_ms = NOW + i64::from(round) * 900_000;
        deliver_due(&config, &sink, &store, office, now_ms, &mut counts).await.unwrap();
    }
    assert_eq!(store.notices_in(NoticeState::Waiting).await.unwrap().len(), 3);
    assert_eq!(store.notices_in(NoticeState::Folding).await.unwrap().len(), 5);
}
