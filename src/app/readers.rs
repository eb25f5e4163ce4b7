//! What a process reads beside its inputs, each in a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender as Channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::correlate::LOOK_EVERY;
use super::keep::{Role, keep};
use super::live::LiveSettings;
use super::run::{Roles, RunError, named};
use crate::adapters::kafka::{Board, From, KafkaConfig, Link, Reader};
use crate::engine::shard::Watch;

const POLL: Duration = Duration::from_millis(100);

impl Roles {
    /// Reads the API's exceptions for as long as the process runs.
    pub(super) fn exceptions(
        &self,
        link: &Arc<Link>,
        live: Arc<LiveSettings>,
    ) -> Result<JoinHandle<()>, RunError> {
        self.beside("exceptions", Role::ExceptionsReader, link, move |kafka, link, stop| {
            live.follow(kafka, link, stop)
        })
    }

    /// Reads what shards tell each other for as long as the process runs.
    pub(super) fn peers_reader(
        &self,
        link: &Arc<Link>,
        board: Arc<Board>,
    ) -> Result<JoinHandle<()>, RunError> {
        self.beside("peers", Role::PeersReader, link, move |kafka, link, stop| {
            board.follow(kafka, link, stop)
        })
    }

    /// Every process hears every request for evidence, from when it started on.
    pub(super) fn watch_reader(
        &self,
        link: &Arc<Link>,
        to: Vec<Channel<Watch>>,
    ) -> Result<JoinHandle<()>, RunError> {
        self.beside("watch", Role::WatchReader, link, move |kafka, link, stop| {
            let (client, topic) = (kafka.client("watch")?, kafka.topics().watch);
            let none = Default::default();
            let mut reader =
                Reader::open(client, Arc::clone(link), &[&topic], &none, From::End, true)?;
            let mut looked_at = Instant::now();
            while !stop.load(Ordering::Relaxed) {
                if looked_at.elapsed() >= LOOK_EVERY && link.is_connected() {
                    looked_at = Instant::now();
                    if let Err(error) = reader.take_up_partitions() {
                        link.note_error(&error, "cannot look for added partitions");
                    }
                }
                match reader.poll(POLL) {
                    Some(Ok(message)) => {
                        if let Some(watch) = request(&message) {
                            to.iter().for_each(|worker| drop(worker.send(watch.clone())));
                        }
                    }
                    Some(Err(error)) => {
                        link.note_error(&error, "cannot read requests for evidence");
                    }
                    None => {}
                }
            }
            Ok(())
        })
    }

    /// A role that needs no more than the broker, started again where it fails.
    pub(super) fn beside(
        &self,
        name: &str,
        role: Role,
        link: &Arc<Link>,
        run: impl Fn(&KafkaConfig, &Arc<Link>, &AtomicBool) -> anyhow::Result<()> + Send + 'static,
    ) -> Result<JoinHandle<()>, RunError> {
        let (kafka, link, stop, health) = (
            self.config.kafka.clone(),
            Arc::clone(link),
            Arc::clone(&self.stop),
            Arc::clone(&self.health),
        );
        named(name, move || keep(role, &health, &stop, || run(&kafka, &link, &stop)))
    }
}

/// The request a record holds. One that does not read as such is passed over, and said: without
/// its evidence an incident's timeline begins late.
fn request(message: &rdkafka::message::BorrowedMessage<'_>) -> Option<Watch> {
    use rdkafka::Message;
    serde_json::from_slice(message.payload().unwrap_or_default())
        .inspect_err(|error: &serde_json::Error| {
            tracing::error!(
                topic = message.topic(),
                partition = message.partition(),
                offset = message.offset(),
                line = error.line(),
                column = error.column(),
                "a record that does not read as a request for evidence was passed over"
            );
        })
        .ok()
}
