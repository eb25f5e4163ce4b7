//! From the store to a webhook.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{DAY, NOW, facts};
use crate::adapters::notify::{NotifyConfig, Sink, deliver_due};
use crate::adapters::store::{NoticeState, Office, Store, StoreBatch, StoreError, StoredNotice};
use crate::adapters::telemetry::NoticeCounts;

const DAY_S: u32 = 86_400;
const SECRET: &str = "a secret of the test's own";

/// Keys and bodies of the requests that were signed as they should be.
type Seen = Arc<Mutex<Vec<(String, String)>>>;

/// Answers 500 to the first `refused` requests, then 200.
async fn receiver(refused: usize) -> (String, Seen) {
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    let take = move |headers: HeaderMap, body: String| async move {
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(format!("{}.{body}", header("tidewaiter-timestamp")).as_bytes());
        let hex: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
        if header("tidewaiter-signature") != format!("v1={hex}") {
            return StatusCode::UNAUTHORIZED;
        }
        let mut seen = kept.lock().unwrap();
        seen.push((header("idempotency-key"), body));
        if seen.len() <= refused { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let app = Router::new().route("/hook", post(take));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, seen)
}

fn config(url: &str, folder: &tempfile::TempDir, secret: &str) -> NotifyConfig {
    let file = folder.path().join("secret");
    std::fs::write(&file, secret).unwrap();
    toml::from_str(&format!(
        "[[sink]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{url}\"\nsecret = {{ file = {file:?} }}"
    ))
    .unwrap()
}

async fn world(refused: usize, secret: &str) -> (tempfile::TempDir, Store, Office, Sink, Seen) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db")).await.unwrap();
    let office = store.take_office().await.unwrap();
    let (url, seen) = receiver(refused).await;
    let hook = Sink::new(&config(&url, &folder, secret).sink[0]).unwrap();
    let payload = facts("opened").json();
    let notice = StoredNotice::waiting("hook", "key-1".into(), "4f3c", payload, NOW);
    let batch = StoreBatch { notices: vec![notice], ..StoreBatch::default() };
    store.apply(&batch, office).await.unwrap();
    (folder, store, office, hook, seen)
}

async fn deliver(
    hook: &Sink,
    store: &Store,
    office: Office,
    age_max_s: u32,
    now_ms: i64,
) -> Result<NoticeCounts, StoreError> {
    let mut counts = NoticeCounts::default();
    let config = NotifyConfig { age_max_s, ..NotifyConfig::default() };
    deliver_due(&config, hook, store, office, now_ms, &mut counts).await?;
    Ok(counts)
}

#[tokio::test]
async fn a_refused_notice_comes_again_under_the_same_key() {
    let (_folder, store, office, hook, seen) = world(1, SECRET).await;
    deliver(&hook, &store, office, DAY_S, NOW).await.unwrap();
    assert!(store.notices_due("hook", NOW, 9).await.unwrap().is_empty(), "no pause was made");
    let waiting = store.notices_due("hook", NOW + 2_000, 9).await.unwrap();
    assert_eq!((waiting[0].attempts, waiting[0].last_error.as_str()), (1, "answered 500"));
    deliver(&hook, &store, office, DAY_S, NOW + 2_000).await.unwrap();
    assert!(store.notices_due("hook", i64::MAX, 9).await.unwrap().is_empty());
    let once = ("key-1".to_owned(), facts("opened").json());
    assert_eq!(*seen.lock().unwrap(), [once.clone(), once]);
}

#[tokio::test]
async fn what_was_sent_and_not_marked_is_sent_again_by_the_next_in_office() {
    let (_folder, store, office, hook, seen) = world(0, SECRET).await;
    let next = store.take_office().await.unwrap();
    // The sink has it, but whoever sent it may no longer mark it.
    assert!(deliver(&hook, &store, office, DAY_S, NOW).await.is_err());
    deliver(&hook, &store, next, DAY_S, NOW).await.unwrap();
    let keys: Vec<String> = seen.lock().unwrap().iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(keys, ["key-1", "key-1"]);
    assert!(store.notices_due("hook", i64::MAX, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn beyond_the_cap_on_age_it_is_a_dead_letter_until_retried() {
    let (_folder, store, office, hook, seen) = world(1, SECRET).await;
    let counts = deliver(&hook, &store, office, 1, NOW).await.unwrap();
    assert_eq!(counts, NoticeCounts { failed: 1, dead: 1, ..NoticeCounts::default() });
    assert_eq!(store.notices_in(NoticeState::Dead).await.unwrap().len(), 1);
    deliver(&hook, &store, office, 1, NOW + DAY).await.unwrap();
    assert_eq!(seen.lock().unwrap().len(), 1, "a dead letter was sent");
    assert_eq!(store.retry_notices(&["hook".to_owned()], NOW + DAY).await.unwrap(), 1);
    deliver(&hook, &store, office, 1, NOW + DAY).await.unwrap();
    assert_eq!(seen.lock().unwrap().len(), 2);
    assert!(store.notices_in(NoticeState::Dead).await.unwrap().is_empty());
}

#[tokio::test]
async fn another_secret_makes_a_signature_the_receiver_refuses() {
    let (_folder, store, office, hook, seen) = world(0, "not that one").await;
    deliver(&hook, &store, office, DAY_S, NOW).await.unwrap();
    assert!(seen.lock().unwrap().is_empty());
    let waiting = store.notices_due("hook", i64::MAX, 9).await.unwrap();
    assert_eq!(waiting[0].last_error, "answered 401");
}

#[tokio::test]
async fn a_sink_whose_secret_is_not_there_gives_up_and_says_why() {
    let (folder, store, office, _, seen) = world(0, SECRET).await;
    let mut config = config("http://127.0.0.1:9/hook", &folder, SECRET);
    config.sink[0].secret.as_mut().unwrap().file = Some(folder.path().join("nowhere"));
    let sink = Sink::or_refusing(&config.sink[0]);
    let counts = deliver(&sink, &store, office, 1, NOW).await.unwrap();
    assert_eq!((counts.failed, counts.dead), (1, 1));
    let dead = store.notices_in(NoticeState::Dead).await.unwrap();
    assert!(dead[0].last_error.starts_with("cannot be served: cannot read the secret file"));
    assert!(seen.lock().unwrap().is_empty());
}
