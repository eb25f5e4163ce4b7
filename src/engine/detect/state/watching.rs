//! Whether an actor's or a source's events are evidence just now.

use serde::{Deserialize, Serialize};

use crate::engine::model::EventTime;

/// Set while an incident is open on the key.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Watching {
    pub until: EventTime,
    /// The flight-recorder chain head up to which evidence has been sent. A recorder that is
    /// filled anew counts anew.
    #[serde(skip)]
    pub sent: u64,
}

impl Default for Watching {
    fn default() -> Self {
        Self { until: EventTime::MIN, sent: 0 }
    }
}

impl Watching {
    pub fn follows(&self, at: EventTime) -> bool {
        at <= self.until
    }
}
