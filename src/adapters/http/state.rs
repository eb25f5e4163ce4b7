//! What every handler may use.

use std::sync::Arc;

use tokio::sync::{Semaphore, broadcast, watch};

use super::stream::{TOLD_MAX, Told};
use crate::adapters::store::Store;
use crate::adapters::telemetry::Telemetry;

/// What the server serves from.
#[derive(Clone)]
pub struct HttpState {
    pub store: Store,
    pub telemetry: Arc<Telemetry>,
}

/// Timelines put together at once; each holds all entries of an incident in memory.
const TIMELINES_MAX: usize = 4;
/// Clients of the live stream at once.
pub const STREAMS_MAX: usize = 500;

/// [`HttpState`], and what the server keeps beside it.
#[derive(Clone)]
pub struct App {
    pub store: Store,
    pub telemetry: Arc<Telemetry>,
    pub timelines: Arc<Semaphore>,
    pub streams: Arc<Semaphore>,
    pub told: broadcast::Sender<Told>,
    /// Becomes true when the server is to end.
    pub stopping: watch::Receiver<bool>,
}

impl App {
    pub fn new(state: HttpState, stopping: watch::Receiver<bool>) -> Self {
        Self {
            store: state.store,
            telemetry: state.telemetry,
            timelines: Arc::new(Semaphore::new(TIMELINES_MAX)),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            told: broadcast::Sender::new(TOLD_MAX),
            stopping,
        }
    }
}
