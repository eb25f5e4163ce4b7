//! How much there is to do, and for how many.

use sqlx::Row;

use super::{Store, StoreError};
use crate::engine::cases::MONITOR;
use crate::engine::model::{EventTime, Status};

/// Of the 24 hours up to some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayLoad {
    /// Incidents that opened and were not absorbed by others.
    pub opened: u64,
    /// Distinct people who acted on an incident.
    pub people: u64,
}

const DAY_MS: i64 = 86_400_000;

impl Store {
    pub async fn day_load(&self, now: EventTime) -> Result<DayLoad, StoreError> {
        let since = now.minus_ms(DAY_MS).millis();
        let opened = sqlx::query(
            "SELECT COUNT(*) AS n FROM incidents
             WHERE opened > $1 AND opened <= $2 AND status <> $3",
        )
        .bind(since)
        .bind(now.millis())
        .bind(Status::Merged.name())
        .fetch_one(&self.pool)
        .await?;
        let people = sqlx::query(
            "SELECT COUNT(DISTINCT who) AS n FROM acts
             WHERE time > $1 AND time <= $2 AND who <> $3",
        )
        .bind(since)
        .bind(now.millis())
        .bind(MONITOR)
        .fetch_one(&self.pool)
        .await?;
        Ok(DayLoad {
            opened: opened.try_get::<i64, _>("n")? as u64,
            people: people.try_get::<i64, _>("n")? as u64,
        })
    }
}
