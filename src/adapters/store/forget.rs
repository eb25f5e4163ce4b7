//! What is older than is kept.

use sqlx::Row;

use super::sql::Sql;
use super::{Store, StoreError};
use crate::engine::model::EventTime;

/// Incidents deleted in one transaction, so that nobody waits long for the file.
pub const FORGET_PART: u64 = 200;

impl Store {
    /// Deletes incidents whose last event is before `horizon`, with their findings, entries and notices:
    /// at most [`FORGET_PART`] of them. How many it was.
    pub async fn forget(&self, horizon: EventTime) -> Result<u64, StoreError> {
        let rows = sqlx::query("SELECT id FROM incidents WHERE last_finding < $1 LIMIT $2")
            .bind(horizon.millis())
            .bind(FORGET_PART as i64)
            .fetch_all(&self.pool)
            .await?;
        let ids: Vec<String> =
            rows.iter().map(|row| row.try_get("id")).collect::<Result<_, _>>()?;
        if ids.is_empty() {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        for (table, column) in [
            ("entries", "incident"),
            ("entry_keys", "incident"),
            ("findings", "incident"),
            ("incident_keys", "incident"),
            ("notices", "incident"),
            ("told", "incident"),
            ("incidents", "id"),
        ] {
            let mut query = Sql::new(format!("DELETE FROM {table} WHERE {column} IN ("));
            query.list(ids.iter().cloned()).push(")");
            if table == "notices" {
                query.push(" AND state <> 'waiting'");
            }
            query.execute(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(ids.len() as u64)
    }
}
