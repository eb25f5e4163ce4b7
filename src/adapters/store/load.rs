//! How much there is to do, and for how many.

use sqlx::Row;

use super::{Store, StoreError};
use crate::engine::cases::{MONITOR, State};
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

/// Incidents by severity: `[medium, high, critical]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ToDo {
    pub all: [u64; 3],
    pub new: [u64; 3],
}

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
    /// Incidents that nobody has resolved, and those of them that nobody has taken up, whether they
    /// go on or have gone quiet.
    pub async fn to_do(&self) -> Result<ToDo, StoreError> {
        let rows = sqlx::query(
            "SELECT i.severity AS severity, COALESCE(c.state, 'new') AS state, COUNT(*) AS n
             FROM incidents i LEFT JOIN cases c ON c.incident = i.id
             WHERE i.status IN ('open', 'quiet') GROUP BY i.severity, COALESCE(c.state, 'new')",
        )
        .fetch_all(&self.pool)
        .await?;
        let mut to_do = ToDo::default();
        for row in rows {
            let (severity, state): (i64, &str) = (row.try_get("severity")?, row.try_get("state")?);
            let n = row.try_get::<i64, _>("n")? as u64;
            let place = match severity {
                4.. => 2,
                3 => 1,
                _ => 0,
            };
            if state != State::Resolved.name() {
                to_do.all[place] += n;
            }
            if state == State::New.name() {
                to_do.new[place] += n;
            }
        }
        Ok(to_do)
    }

    /// Silences that hold at `now`, and those that will.
    pub async fn silence_counts(&self, now: EventTime) -> Result<(u64, u64), StoreError> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS n, COALESCE(SUM(CASE WHEN starts <= $1 THEN 1 ELSE 0 END), 0) AS active
             FROM silences WHERE ends > $1",
        )
        .bind(now.millis())
        .fetch_one(&self.pool)
        .await?;
        let (all, active): (i64, i64) = (row.try_get("n")?, row.try_get("active")?);
        Ok((active as u64, (all - active) as u64))
    }
}
