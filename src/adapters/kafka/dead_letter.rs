//! What the dead-letter topic holds.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::intake::Record;
use crate::engine::decode::Refusal;

/// A record no event could be made of: where it stands and why. Not the record itself: it may be
/// anything, personal data included, and it still stands where it stood.
#[derive(Debug, Serialize)]
pub struct DeadLetter<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    reason: &'static str,
    detail: String,
    /// Broker time, milliseconds since the epoch.
    time_ms: Option<i64>,
    bytes: usize,
    /// Of the payload, so that the record can be recognised.
    sha256: String,
}

impl<'a> DeadLetter<'a> {
    pub fn new(record: &Record<'a>, refusal: &Refusal) -> Self {
        let digest = Sha256::digest(record.payload);
        Self {
            topic: record.topic,
            partition: record.partition,
            offset: record.offset,
            reason: refusal.label(),
            detail: refusal.to_string(),
            time_ms: record.time_ms,
            bytes: record.payload.len(),
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}
