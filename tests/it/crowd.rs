//! Many actors who each have read a little: state, and nothing to find.

use std::fmt::Write as _;
use std::path::PathBuf;

use tidewaiter::engine::model::EventTime;

use crate::monitor::until;
use crate::setup::Setup;
use crate::stream::Sent;

/// The working hour before the night that is played.
const START: &str = "2026-03-01T13:00:00Z";
const SPAN_MS: i64 = 3_600_000;
/// Reads of each.
const READS: usize = 5;
/// Sent between two looks at how far it is committed.
const PART: usize = 50_000;

pub struct Crowd {
    actors: usize,
}

impl Crowd {
    pub const fn new(actors: usize) -> Self {
        Self { actors }
    }

    pub const fn records(&self) -> usize {
        self.actors * READS
    }

    /// The reads in the order of time, each with its reader.
    fn reads(&self) -> impl Iterator<Item = (String, String)> {
        let start = EventTime::parse(START).unwrap();
        let (actors, all) = (self.actors, self.records());
        (0..all).map(move |number| {
            let actor = number % actors;
            let at = start.plus_ms(number as i64 * SPAN_MS / all as i64);
            // Scattered, so that nobody reads a range and no two read the same.
            let (name, record) = (format!("crowd-{actor}"), number * 7_919 % 100_000_007);
            let mut line = format!(r#"{{"kind":"access","id":"c{number}","time":"{at}""#);
            let _ = write!(line, r#","actor":{{"id":"{name}","role":"officer","unit":"U{}"}}"#, actor % 50);
            let _ = write!(
                line,
                r#","source":{{"ip":"10.{}.{}.{}"}},"system":"gateway","action":"read""#,
                100 + actor / 65_536,
                actor / 256 % 256,
                actor % 256
            );
            let _ = write!(
                line,
                r#","resource":{{"dataset":"pnr","record":"R{record}","subject":"S{record}"}},"case":"C-{actor}"}}"#
            );
            (name, line)
        })
    }

    /// For `replay`.
    pub fn write(&self, setup: &Setup) -> PathBuf {
        let path = setup.path("crowd.ndjson");
        let mut text = String::new();
        self.reads().for_each(|(_, line)| text.extend([&line, "\n"]));
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Sends all, and waits until it has been judged and saved.
    #[track_caller]
    pub fn enter(&self, setup: &Setup, input: &str) {
        let topic = setup.input(input);
        let (feed, mut sent) = (setup.stream.feed(), 0);
        let reads: Vec<(String, String)> = self.reads().collect();
        for part in reads.chunks(PART) {
            for (name, line) in part {
                let record: Sent = (Some(name.clone()), Some(line.clone().into_bytes()));
                feed.send(&topic, &record);
            }
            feed.flush();
            sent += part.len() as i64;
            until(&format!("{sent} of the crowd committed"), || {
                match setup.stream.committed(&setup.name, setup.inputs())? {
                    done if done >= sent => Ok(()),
                    done => Err(format!("{done}")),
                }
            });
        }
    }
}
