//! How one would write it in an afternoon: a stream consumer, owned JSON, the standard maps, and
//! thirty rules over the JSON. It finds less than Tidewaiter, keeps nothing, and tells nobody.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hint::black_box;
use std::pin::Pin;
use std::time::{Duration, Instant};

use rdkafka::Message as _;
use rdkafka::consumer::{Consumer as _, DefaultConsumerContext, StreamConsumer};
use rdkafka::util::AsyncRuntime;
use serde_json::Value;

use super::broker::{client, everything};

/// What the stream consumer wants of a runtime.
struct Tokio;

impl AsyncRuntime for Tokio {
    type Delay = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn spawn<T: Future<Output = ()> + Send + 'static>(task: T) {
        tokio::spawn(task);
    }

    fn delay_for(duration: Duration) -> Self::Delay {
        Box::pin(tokio::time::sleep(duration))
    }
}

const HOUR_MS: i64 = 3_600_000;
const RULES: [(&str, &str); 30] = [
    ("/action", "export"),
    ("/action", "print"),
    ("/action", "delete"),
    ("/action", "grant"),
    ("/action", "unmask"),
    ("/action", "share"),
    ("/outcome", "denied"),
    ("/outcome", "failed"),
    ("/kind", "admin"),
    ("/system", "backup"),
    ("/system", "staging"),
    ("/system", "test"),
    ("/resource/dataset", "watchlist"),
    ("/resource/dataset", "biometrics"),
    ("/resource/dataset", "release_pins"),
    ("/resource/dataset", "hr"),
    ("/resource/category", "security"),
    ("/resource/category", "biometric"),
    ("/actor/role", "contractor"),
    ("/actor/role", "vendor"),
    ("/actor/role", "dba"),
    ("/source/site", "VPN"),
    ("/source/site", "REMOTE"),
    ("/source/host", "jump-1"),
    ("/purpose", "none"),
    ("/purpose", "other"),
    ("/query/kind", "wildcard"),
    ("/query/kind", "full_scan"),
    ("/channel", "api"),
    ("/channel", "usb"),
];

#[derive(Default)]
struct Actor {
    hour: VecDeque<(i64, String)>,
    subjects: HashSet<String>,
    datasets: HashMap<String, u64>,
    sources: HashMap<String, u64>,
}

#[derive(Default)]
struct State {
    actors: HashMap<String, Actor>,
    seen: HashSet<String>,
    found: u64,
}

impl State {
    fn take(&mut self, payload: &[u8]) {
        let Ok(event) = serde_json::from_slice::<Value>(payload) else { return };
        let text = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or("");
        if !self.seen.insert(text("/id").to_owned()) {
            return;
        }
        self.found += RULES.iter().filter(|(path, value)| text(path) == *value).count() as u64;
        let time: i64 = text("/time").parse::<jiff::Timestamp>().map_or(0, |t| t.as_millisecond());
        let actor = self.actors.entry(text("/actor/id").to_owned()).or_default();
        *actor.datasets.entry(text("/resource/dataset").to_owned()).or_default() += 1;
        *actor.sources.entry(text("/source/ip").to_owned()).or_default() += 1;
        let subject = text("/resource/subject").to_owned();
        if !subject.is_empty() {
            actor.hour.push_back((time, subject.clone()));
            actor.subjects.insert(subject);
        }
        while actor.hour.front().is_some_and(|(then, _)| then + HOUR_MS < time) {
            if let Some((_, subject)) = actor.hour.pop_front() {
                actor.subjects.remove(&subject);
            }
        }
        self.found += u64::from(actor.subjects.len() > 500);
    }
}

pub fn run(address: &str, events: u64) -> Duration {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let _inside = runtime.enter();
    let consumer: StreamConsumer<DefaultConsumerContext, Tokio> = client(address)
        .set("group.id", "bench")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer");
    consumer.assign(&everything()).expect("all partitions");
    runtime.block_on(async {
        let (mut first, mut count, mut state) = (None, 0, State::default());
        while count < events {
            let message = consumer.recv().await.expect("a record");
            first.get_or_insert_with(Instant::now);
            state.take(message.payload().unwrap_or_default());
            count += 1;
        }
        black_box(state.found);
        first.expect("a first record").elapsed()
    })
}
