//! What every handler may use.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::FromRef;
use tokio::sync::{Semaphore, broadcast, watch};

use super::past::Rereader;
use super::posted::Trust;
use super::stream::{TOLD_MAX, Told};
use crate::adapters::notify::Maintenance;
use crate::adapters::store::Store;
use crate::adapters::telemetry::Telemetry;
use crate::engine::cases::{Regimes, Silence};
use crate::engine::enrich::Addresses;

/// What the server serves from.
#[derive(Clone)]
pub struct HttpState {
    /// Without one only health and metrics are served: the process has another role.
    pub store: Option<Store>,
    pub telemetry: Arc<Telemetry>,
    pub settings: Arc<HttpSettings>,
}

/// What the configuration says to the handlers.
#[derive(Clone, Debug, Default)]
pub struct HttpSettings {
    pub trust: Trust,
    pub regimes: Regimes,
    /// By name: on, shadow, off or until_learned, as this process is configured.
    pub modes: BTreeMap<&'static str, &'static str>,
    /// The alert budget, as this process is configured.
    pub budget: f64,
    /// As this process is configured: what silences of the API stand beside.
    pub silences: Vec<Silence>,
    pub maintenance: Vec<Maintenance>,
    pub sinks: Vec<String>,
    /// Distinct subjects counted exactly in a report.
    pub subjects_exact_max: usize,
    /// Where inside ends.
    pub addresses: Addresses,
    /// Reads the past from the input topics.
    pub past: Rereader,
}

/// Timelines put together at once.
const TIMELINES_MAX: usize = 4;
/// Pasts read at once: each reads whole topics.
const PASTS_MAX: usize = 1;
/// Clients of the live stream at once.
pub const STREAMS_MAX: usize = 500;

/// [`HttpState`], and what the server keeps beside it.
#[derive(Clone)]
pub struct App {
    pub store: Store,
    pub telemetry: Arc<Telemetry>,
    pub settings: Arc<HttpSettings>,
    pub timelines: Arc<Semaphore>,
    pub pasts: Arc<Semaphore>,
    pub streams: Arc<Semaphore>,
    pub told: broadcast::Sender<Told>,
    /// Becomes true when the server is to end.
    pub stopping: watch::Receiver<bool>,
}

impl App {
    pub fn new(
        store: Store,
        telemetry: Arc<Telemetry>,
        settings: Arc<HttpSettings>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self {
            store,
            telemetry,
            settings,
            timelines: Arc::new(Semaphore::new(TIMELINES_MAX)),
            pasts: Arc::new(Semaphore::new(PASTS_MAX)),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            told: broadcast::Sender::new(TOLD_MAX),
            stopping,
        }
    }
}

impl FromRef<App> for Arc<Telemetry> {
    fn from_ref(app: &App) -> Self {
        Self::clone(&app.telemetry)
    }
}
