//! What others are told: alerts in OCSF 1.8, as records for the alerts topic.
//!
//! Comes in: incidents and findings. Goes out: JSON with an id that the same event always gives
//! again, so that a receiver can drop repeats. It decides nothing about whom to tell.

mod ocsf;

pub use ocsf::{detection_finding, incident_finding};
