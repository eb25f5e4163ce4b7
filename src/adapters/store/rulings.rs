//! What people ruled on, and of which rulings the detectors' topic may hold a record.

use sqlx::Row;

use super::sql::text;
use super::{Store, StoreError};
use crate::engine::cases::{Case, Recorded};
use crate::engine::detect::Ruling;
use crate::engine::model::{EventTime, Incident};

/// Acts that may change what was ruled.
const RULING: [&str; 6] = ["resolve", "reopen", "undo", "aware", "absorbed", "split"];
/// Incidents told of at once: those with the newest events.
const INCIDENTS_MAX: i64 = 2_000;

/// An incident and an actor of it.
pub type RulingKey = (String, String);

/// As the store keeps it.
pub fn ruling_key(ruling: &Ruling) -> RulingKey {
    (ruling.incident.clone(), text(&ruling.actor))
}

impl Store {
    /// Whether somebody has ruled, or taken back a ruling, since the act of that number.
    pub async fn has_ruled_since(&self, number: i64) -> Result<bool, StoreError> {
        Ok(!self.acts_after(number, &RULING, 1).await?.is_empty())
    }

    /// Incidents that people may have ruled on, with events since then. Acts come with those that are
    /// not resolved.
    pub async fn ruled_on(
        &self,
        since: EventTime,
    ) -> Result<Vec<(Incident, Case, Vec<Recorded>)>, StoreError> {
        let rows = sqlx::query(
            "SELECT i.body AS incident, c.body AS body, c.state AS state
             FROM cases c JOIN incidents i ON i.id = c.incident
             WHERE i.status <> 'merged' AND i.last_finding >= $1
               AND (c.state = 'resolved' OR c.clocks = 1
                    OR EXISTS (SELECT 1 FROM acts a
                               WHERE a.incident = c.incident AND a.kind = 'resolve'))
             ORDER BY i.last_finding DESC, i.id LIMIT $2",
        )
        .bind(since.millis())
        .bind(INCIDENTS_MAX)
        .fetch_all(&self.pool)
        .await?;
        let mut ruled = Vec::new();
        for row in rows {
            let incident: Incident = serde_json::from_str(row.try_get("incident")?)?;
            let case: Case = serde_json::from_str(row.try_get("body")?)?;
            let acts = match row.try_get::<String, _>("state")?.as_str() {
                "resolved" => Vec::new(),
                _ => self.acts(&incident.id).await?,
            };
            ruled.push((incident, case, acts));
        }
        Ok(ruled)
    }

    /// Rulings of which the topic may hold a record.
    pub async fn rulings_told(&self) -> Result<Vec<RulingKey>, StoreError> {
        let rows = sqlx::query("SELECT incident, actor FROM rulings ORDER BY incident, actor")
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| Ok((row.try_get("incident")?, row.try_get("actor")?))).collect()
    }

    /// These are about to be told.
    pub async fn note_rulings(&self, keys: &[RulingKey]) -> Result<(), StoreError> {
        let insert = "INSERT INTO rulings (incident, actor) VALUES ($1, $2)
                      ON CONFLICT (incident, actor) DO NOTHING";
        self.with_rulings(insert, keys).await
    }

    /// These were withdrawn.
    pub async fn forget_rulings(&self, keys: &[RulingKey]) -> Result<(), StoreError> {
        self.with_rulings("DELETE FROM rulings WHERE incident = $1 AND actor = $2", keys).await
    }

    async fn with_rulings(&self, sql: &'static str, keys: &[RulingKey]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for (incident, actor) in keys {
            sqlx::query(sql).bind(incident.as_str()).bind(actor.as_str()).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
