//! Notices that wait for their sinks.

use sqlx::{Any, Row, Transaction};

use super::sql::text;
use super::{Office, Store, StoreError, office, told};

/// One notice to one sink. Times are milliseconds of the wall clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredNotice {
    pub sink: String,
    /// The same at every attempt.
    pub key: String,
    /// What it is about; empty for none, and for several.
    pub incident: String,
    pub payload: String,
    pub created_ms: i64,
    pub attempts: i64,
    pub next_attempt_ms: i64,
    pub last_error: String,
}

pub(super) const COLUMNS: &str =
    "sink, key, incident, payload, created, attempts, next_attempt, last_error";

impl Store {
    /// What is due at one sink, the oldest first.
    pub async fn notices_due(
        &self,
        sink: &str,
        now_ms: i64,
        count_max: u32,
    ) -> Result<Vec<StoredNotice>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM notices
             WHERE sink = $1 AND state = 'waiting' AND next_attempt <= $2
             ORDER BY created, key LIMIT $3"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(sink)
            .bind(now_ms)
            .bind(i64::from(count_max))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Notices that were given up, the oldest first.
    pub async fn notices_dead(&self) -> Result<Vec<StoredNotice>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM notices WHERE state = 'dead' ORDER BY created, sink, key"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    /// The sink has it, at `now_ms`; it stands as what the sink was told last, unless that ends the
    /// incident.
    pub async fn notice_delivered(
        &self,
        notice: &StoredNotice,
        ends: bool,
        now_ms: i64,
        office: Office,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        office::check(&mut tx, office).await?;
        match (ends, notice.incident.is_empty()) {
            (_, true) => {}
            (true, false) => told::remove(&mut tx, &notice.sink, &notice.incident).await?,
            (false, false) => told::put(&mut tx, notice, now_ms).await?,
        }
        sqlx::query("DELETE FROM notices WHERE sink = $1 AND key = $2")
            .bind(notice.sink.as_str())
            .bind(notice.key.as_str())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The sink did not take it: tried again at `next_ms`, or never where there is none.
    pub async fn notice_failed(
        &self,
        notice: &StoredNotice,
        error: &str,
        next_ms: Option<i64>,
        office: Office,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        office::check(&mut tx, office).await?;
        sqlx::query(
            "UPDATE notices SET attempts = attempts + 1, last_error = $3, next_attempt = $4,
             state = $5 WHERE sink = $1 AND key = $2",
        )
        .bind(notice.sink.as_str())
        .bind(notice.key.as_str())
        .bind(text(error))
        .bind(next_ms.unwrap_or(notice.next_attempt_ms))
        .bind(if next_ms.is_some() { "waiting" } else { "dead" })
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Dead letters wait anew, as if they were written at `now_ms`. Says how many.
    pub async fn retry_notices(&self, now_ms: i64) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE notices SET state = 'waiting', created = $1, next_attempt = $1, attempts = 0
             WHERE state = 'dead'",
        )
        .bind(now_ms)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }
}

/// Within the transaction that writes the incidents. A key that waits already is left alone.
pub(super) async fn put(
    tx: &mut Transaction<'_, Any>,
    notices: &[StoredNotice],
) -> Result<(), StoreError> {
    for notice in notices {
        sqlx::query(
            "INSERT INTO notices
             (sink, key, incident, payload, created, attempts, next_attempt, last_error, state)
             VALUES ($1, $2, $3, $4, $5, 0, $6, '', 'waiting') ON CONFLICT DO NOTHING",
        )
        .bind(text(&notice.sink))
        .bind(text(&notice.key))
        .bind(text(&notice.incident))
        .bind(text(&notice.payload))
        .bind(notice.created_ms)
        .bind(notice.next_attempt_ms)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

pub(super) fn read(row: &sqlx::any::AnyRow) -> Result<StoredNotice, StoreError> {
    Ok(StoredNotice {
        sink: row.try_get("sink")?,
        key: row.try_get("key")?,
        incident: row.try_get("incident")?,
        payload: row.try_get("payload")?,
        created_ms: row.try_get("created")?,
        attempts: row.try_get("attempts")?,
        next_attempt_ms: row.try_get("next_attempt")?,
        last_error: row.try_get("last_error")?,
    })
}
