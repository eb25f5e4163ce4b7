//! A simulated span of an agency's work, and how it lies on the topics.

use std::fs;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use crate::monitor::succeed;
use crate::replayed::data_section;
use crate::setup::Setup;
use crate::stream::Sent;

pub struct Simulated {
    pub events: PathBuf,
    catalogue: PathBuf,
    directory: PathBuf,
    /// The breaches: who, when, what.
    pub truth: Vec<Value>,
}

impl Simulated {
    /// An hour with a bulk dump in it.
    pub fn hour(folder: &tempfile::TempDir, seed: u64, actors: u32) -> Self {
        Self::hour_with(folder, seed, actors, "bulk-dump")
    }

    /// An hour with these breaches in it.
    pub fn hour_with(folder: &tempfile::TempDir, seed: u64, actors: u32, breaches: &str) -> Self {
        let path = |name: &str| folder.path().join(name);
        let (seed, actors) = (seed.to_string(), actors.to_string());
        let files = ["events.ndjson", "catalogue.toml", "directory.toml", "truth.json"].map(path);
        let [events, catalogue, directory, truth] = &files;
        let mut arguments: Vec<std::ffi::OsString> =
            ["simulate", "--seed", &seed, "--actors", &actors, "--duration", "1h"]
                .map(Into::into)
                .to_vec();
        arguments.extend(["--breaches", breaches].map(Into::into));
        for (flag, file) in [
            ("--out", events),
            ("--catalogue", catalogue),
            ("--directory", directory),
            ("--truth", truth),
        ] {
            arguments.extend([flag.into(), file.clone().into_os_string()]);
        }
        succeed(arguments);
        let truth = serde_json::from_str(&fs::read_to_string(truth).unwrap()).unwrap();
        let [events, catalogue, directory, _] = files;
        Self { events, catalogue, directory, truth }
    }

    /// `[data]` of the configuration.
    pub fn data_section(&self) -> String {
        data_section(&self.catalogue, &self.directory)
    }

    /// The events in order, each with its input, keyed by actor, flows by source address.
    pub fn in_order(&self) -> Vec<(&'static str, Sent)> {
        let text = fs::read_to_string(&self.events).unwrap();
        text.lines()
            .map(|line| {
                let event: Value = serde_json::from_str(line).unwrap();
                let (input, key) = match event["kind"].as_str().unwrap() {
                    "network" => ("network", &event["source"]["ip"]),
                    "auth" => ("auth", &event["actor"]["id"]),
                    _ if event["actor"]["id"].is_null() => ("access", &event["source"]["ip"]),
                    _ => ("access", &event["actor"]["id"]),
                };
                (input, (key.as_str().map(str::to_owned), Some(line.as_bytes().to_vec())))
            })
            .collect()
    }

    /// Everything at once.
    pub fn produce(&self, setup: &Setup) {
        let feed = setup.stream.feed();
        for (input, record) in self.in_order() {
            feed.send(&setup.input(input), &record);
        }
        feed.flush();
    }

    /// Everything, spread over some seconds, by a thread of its own.
    pub fn play(&self, setup: &Setup) -> Traffic {
        self.play_held(setup, &[])
    }

    /// The same, but after each of so many percent it waits for [`Traffic::go_on`].
    pub fn play_held(&self, setup: &Setup, percents: &[usize]) -> Traffic {
        let mut holds: Vec<usize> = percents.iter().map(|share| BURSTS * share / 100).collect();
        let feed = setup.stream.feed();
        let records: Vec<(String, Sent)> = self
            .in_order()
            .into_iter()
            .map(|(input, record)| (setup.input(input), record))
            .collect();
        let records_total = records.len() as i64;
        let (go_on, gate) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            for (number, burst) in records.chunks(records.len() / BURSTS + 1).enumerate() {
                while let Some(place) = holds.iter().position(|hold| *hold == number) {
                    holds.swap_remove(place);
                    feed.flush();
                    // An error says that nobody holds the traffic any more.
                    let _ = gate.recv();
                }
                burst.iter().for_each(|(topic, record)| feed.send(topic, record));
                feed.pause(BURST_EVERY);
            }
            feed.flush();
        });
        Traffic { thread, go_on, records_total }
    }
}

/// A span is played in so many bursts.
const BURSTS: usize = 120;
const BURST_EVERY: Duration = Duration::from_millis(25);

/// Events being sent.
pub struct Traffic {
    thread: JoinHandle<()>,
    go_on: std::sync::mpsc::Sender<()>,
    pub records_total: i64,
}

impl Traffic {
    /// Lets traffic that is held go on.
    pub fn go_on(&self) {
        let _ = self.go_on.send(());
    }

    /// Waits until the broker has all.
    #[track_caller]
    pub fn sent(self) {
        drop(self.go_on);
        self.thread.join().expect("the traffic was sent");
    }
}
