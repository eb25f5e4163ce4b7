//! What may change between two events: everything that is read and never written.

use super::TimeConfig;
use crate::engine::detect::baseline::Suite;
use crate::engine::detect::{Roster, Rules};
use crate::engine::enrich::Enricher;

/// Shared by all shards of a process and swapped as a whole on reload.
pub struct Settings {
    pub enricher: Enricher,
    pub roster: Roster,
    pub suite: Suite,
    pub rules: Rules,
    pub time: TimeConfig,
}
