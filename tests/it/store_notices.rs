//! Notices in the store, in both databases.

use tidewaiter::adapters::notify::SINK_GONE;
use tidewaiter::adapters::store::{NoticeState, Store, StoreBatch, StoredNotice};

use crate::postgres::Database;
use crate::store::in_a_file;

const NOW: i64 = 1_700_000_000_000;

fn notice(sink: &str, key: &str, incident: &str) -> StoredNotice {
    StoredNotice {
        sink: sink.to_owned(),
        key: key.to_owned(),
        incident: incident.to_owned(),
        payload: "{\"kind\":\"opened\",\"title\":\"one\"}".into(),
        created_ms: NOW,
        attempts: 0,
        next_attempt_ms: NOW,
        last_error: String::new(),
        state: NoticeState::Waiting,
    }
}

async fn keys(store: &Store, state: NoticeState) -> Vec<String> {
    let kept = store.notices_in(state).await.unwrap();
    kept.into_iter().map(|notice| format!("{} {}", notice.sink, notice.key)).collect()
}

#[tokio::test]
async fn notices_of_a_sink_that_was_removed_are_dead_letters_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    of_a_removed_sink(in_a_file(&folder).await).await;
    of_a_removed_sink(Database::new().open().await).await;
}

async fn of_a_removed_sink(store: Store) {
    let office = store.take_office().await.unwrap();
    let notices =
        vec![notice("desk", "a", "1"), notice("gone", "a", "1"), notice("gone", "b", "2")];
    store.apply(&StoreBatch { notices, ..StoreBatch::default() }, office).await.unwrap();
    let desk = ["desk".to_owned()];
    assert_eq!(store.give_up_others(&desk, SINK_GONE, office).await.unwrap(), ["gone"]);
    assert!(store.give_up_others(&desk, SINK_GONE, office).await.unwrap().is_empty());
    assert_eq!(keys(&store, NoticeState::Waiting).await, ["desk a"]);
    assert_eq!(keys(&store, NoticeState::Dead).await, ["gone a", "gone b"]);
    let dead = store.notices_in(NoticeState::Dead).await.unwrap();
    assert_eq!(dead[0].last_error, "the sink is no longer in the configuration");
    let mut counts: Vec<(String, &str, u64)> = store
        .notice_counts()
        .await
        .unwrap()
        .into_iter()
        .map(|count| (count.sink, count.state.name(), count.count))
        .collect();
    counts.sort();
    assert_eq!(counts, [("desk".into(), "waiting", 1), ("gone".into(), "dead", 2)]);

    assert_eq!(store.retry_notices(&desk, NOW + 1).await.unwrap(), 0, "it is still gone");
    assert_eq!(store.retry_notices(&["gone".to_owned()], NOW + 1).await.unwrap(), 2);
    assert_eq!(store.notices_due("gone", NOW + 1, 9).await.unwrap().len(), 2);
}
