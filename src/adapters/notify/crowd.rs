//! How many incidents a sink is told of one by one. Nobody reads hundreds of pages, and whoever can make
//! hundreds would have the one that matters among them: further ones are told together, the worst named.

use super::{Facts, NotifyConfig};
use crate::adapters::store::{Store, StoreError};
use crate::engine::model::Severity;

/// Why a notice waits to be told with others.
pub(super) const MANY: &str = "too many incidents at once: told together with others";

/// Within so long.
const WITHIN_MS: i64 = 600_000;

/// Severities of the incidents that a sink has lately been told of, or will be once it takes them.
pub(super) struct Crowd {
    told: Vec<Severity>,
    told_max: usize,
}

impl Crowd {
    pub async fn of(
        config: &NotifyConfig,
        sink: &str,
        store: &Store,
        now_ms: i64,
    ) -> Result<Self, StoreError> {
        let told_max = config.at_once_max as usize;
        let told = match told_max {
            0 => Vec::new(),
            _ => store.told_since(sink, now_ms - WITHIN_MS).await?,
        };
        let severity = |payload: String| {
            let facts = serde_json::from_str::<Facts>(&payload).ok();
            facts.filter(Facts::begins).map(|facts| facts.severity)
        };
        Ok(Self { told: told.into_iter().filter_map(severity).collect(), told_max })
    }

    /// Whether one more of that severity is told by itself, and counts as told. What is less severe takes
    /// no room from it.
    pub fn has_room(&mut self, severity: Severity) -> bool {
        let as_severe = self.told.iter().filter(|told| **told >= severity).count();
        let has_room = self.told_max == 0 || as_severe < self.told_max;
        if has_room {
            self.told.push(severity);
        }
        has_room
    }
}
