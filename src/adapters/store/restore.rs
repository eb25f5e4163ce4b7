//! What the correlator takes back at its start.

use std::collections::BTreeMap;

use sqlx::Row;

use super::{Store, StoreError};
use crate::engine::model::{Entry, EventTime, Finding, Incident};

/// One incident that may still grow, with its findings and evidence in the order they were stored.
#[derive(Debug)]
pub struct Restored {
    pub incident: Incident,
    pub findings: Vec<Finding>,
    pub entries: Vec<Entry>,
}

impl Store {
    /// Incidents with a finding after `since` that were not absorbed, and those that had opened with
    /// one after `opened_since`, oldest first.
    pub async fn restorable(
        &self,
        since: EventTime,
        opened_since: EventTime,
    ) -> Result<Vec<Restored>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, body FROM incidents
             WHERE (last_finding >= $1 OR (last_finding >= $2 AND opened IS NOT NULL))
               AND status <> 'merged' ORDER BY updated, id",
        )
        .bind(since.millis())
        .bind(opened_since.millis())
        .fetch_all(&self.pool)
        .await?;
        let mut restored = Vec::with_capacity(rows.len());
        for row in rows {
            let id: String = row.try_get("id")?;
            let incident = serde_json::from_str(row.try_get("body")?)?;
            let findings = self
                .bodies("SELECT body FROM findings WHERE incident = $1 ORDER BY time, id", &id)
                .await?;
            let entries = self.entries(&id).await?;
            restored.push(Restored { incident, findings, entries });
        }
        Ok(restored)
    }

    /// Event time of what was stored last: the median of the incidents last written, so that one
    /// clock in the future does not keep all others from being taken back.
    pub async fn newest(&self) -> Result<Option<EventTime>, StoreError> {
        let rows = sqlx::query(
            "SELECT last_finding FROM incidents ORDER BY revision DESC, last_finding LIMIT 32",
        )
        .fetch_all(&self.pool)
        .await?;
        let mut times: Vec<i64> =
            rows.iter().map(|row| row.try_get("last_finding")).collect::<Result<_, _>>()?;
        times.sort_unstable();
        let median = times.get(times.len().saturating_sub(1) / 2);
        Ok(median.and_then(|&millis| EventTime::from_millis(millis).ok()))
    }

    /// How far each of the correlator's partitions was read.
    pub async fn positions(&self) -> Result<BTreeMap<(String, i32), i64>, StoreError> {
        let rows = sqlx::query("SELECT topic, partition, next FROM positions")
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                let place = (row.try_get("topic")?, row.try_get("partition")?);
                Ok((place, row.try_get("next")?))
            })
            .collect()
    }

    /// All timeline entries of an incident, in the order they were stored.
    pub async fn entries(&self, incident: &str) -> Result<Vec<Entry>, StoreError> {
        self.bodies("SELECT body FROM entries WHERE incident = $1 ORDER BY number", incident).await
    }

    async fn bodies<T: serde::de::DeserializeOwned>(
        &self,
        sql: &'static str,
        incident: &str,
    ) -> Result<Vec<T>, StoreError> {
        let rows = sqlx::query(sql).bind(incident).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok(serde_json::from_str(row.try_get("body")?)?)).collect()
    }
}
