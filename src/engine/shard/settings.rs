//! What may change between two events: everything that is read and never written.

use std::sync::Arc;

use super::{Learned, TimeConfig};
use crate::engine::detect::baseline::Suite;
use crate::engine::detect::{Roster, Rules};
use crate::engine::enrich::Enricher;

/// Shared by all shards of a process and swapped as a whole on reload. A copy shares what is large.
#[derive(Clone)]
pub struct Settings {
    pub enricher: Enricher,
    pub roster: Arc<Roster>,
    pub suite: Suite,
    pub rules: Arc<Rules>,
    pub time: TimeConfig,
    /// What was learned from history, for partitions and actors that have no past here.
    pub learned: Option<Arc<Learned>>,
}
