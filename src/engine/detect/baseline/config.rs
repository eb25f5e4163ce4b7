//! `[detect.baseline]`.

use serde::Deserialize;

use crate::engine::detect::mode::Mode;
use crate::engine::model::Problems;

/// The detectors that learn. None needs touching: thresholds follow from
/// `detect.budget_per_1000_actors_day`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BaselineConfig {
    /// Counts of distinct subjects over 10 min, 1 h and 1 day.
    pub unusual_volume: Mode,
    /// The same counts of reads no case explains.
    pub unusual_unexplained: Mode,
    /// Daily volume that creeps up.
    pub slow_drift: Mode,
    /// Datasets and actions the actor does not use, systems and sites its role does not.
    pub novelty: Mode,
    /// Work at hours the actor does not begin at.
    pub session_start: Mode,
    /// Record ids read one after the other.
    pub sequence: Mode,
    /// Blocks of record ids read by many accounts.
    pub id_block: Mode,
    /// One subject looked up by many officers of different units.
    pub subject_fan_in: Mode,
    /// Subjects remembered against fan-in, by each shard.
    pub subjects_max: usize,
    /// Peer groups remembered by each shard.
    pub groups_max: usize,
}

impl Default for BaselineConfig {
    fn default() -> Self {
        Self {
            unusual_volume: Mode::On,
            unusual_unexplained: Mode::On,
            slow_drift: Mode::On,
            novelty: Mode::On,
            session_start: Mode::On,
            sequence: Mode::On,
            id_block: Mode::On,
            subject_fan_in: Mode::On,
            subjects_max: 262_144,
            groups_max: 4_096,
        }
    }
}

impl BaselineConfig {
    pub fn check(&self, problems: &mut Problems) {
        for (key, value, range) in [
            ("detect.baseline.subjects_max", self.subjects_max, 1_024..=16_777_216),
            ("detect.baseline.groups_max", self.groups_max, 16..=60_000),
        ] {
            problems.require(range.contains(&value), key, || {
                format!("must be {} to {}, got {value}", range.start(), range.end())
            });
        }
    }
}
