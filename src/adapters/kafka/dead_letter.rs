//! What the dead-letter topic holds.

use rdkafka::Message;
use rdkafka::message::BorrowedMessage;
use serde::Serialize;
use sha2::{Digest, Sha256};

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
    pub fn new(message: &'a BorrowedMessage<'_>, refusal: &Refusal, payload: &[u8]) -> Self {
        let digest = Sha256::digest(payload);
        Self {
            topic: message.topic(),
            partition: message.partition(),
            offset: message.offset(),
            reason: refusal.label(),
            detail: refusal.to_string(),
            time_ms: message.timestamp().to_millis(),
            bytes: payload.len(),
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}
