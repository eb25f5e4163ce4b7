//! What a process reads beside its inputs, each in a thread of its own.

use std::sync::Arc;
use std::thread::JoinHandle;

use super::keep::{Role, keep};
use super::live::LiveSettings;
use super::run::{Roles, RunError, named};
use crate::adapters::kafka::{Board, Link};

impl Roles {
    /// Reads the API's exceptions for as long as the process runs.
    pub(super) fn exceptions(
        &self,
        link: &Arc<Link>,
        live: Arc<LiveSettings>,
    ) -> Result<JoinHandle<()>, RunError> {
        let (kafka, link, stop, health) = (
            self.config.kafka.clone(),
            Arc::clone(link),
            Arc::clone(&self.stop),
            Arc::clone(&self.health),
        );
        named("exceptions", move || {
            keep(Role::ExceptionsReader, &health, &stop, || live.follow(&kafka, &link, &stop));
        })
    }

    /// Reads what shards tell each other for as long as the process runs.
    pub(super) fn peers_reader(
        &self,
        link: &Arc<Link>,
        board: Arc<Board>,
    ) -> Result<JoinHandle<()>, RunError> {
        let (kafka, link, stop, health) = (
            self.config.kafka.clone(),
            Arc::clone(link),
            Arc::clone(&self.stop),
            Arc::clone(&self.health),
        );
        named("peers", move || {
            keep(Role::PeersReader, &health, &stop, || board.follow(&kafka, &link, &stop));
        })
    }
}
