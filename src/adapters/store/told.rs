//! What each sink was last told about an incident.

use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

use super::sql::text;
use super::{Office, Store, StoreError, StoredNotice};
use crate::engine::cases::State;
use crate::engine::model::Status;

/// One incident a sink knows of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub incident: String,
    /// The last notice's key and payload, and when the sink had it, in milliseconds of the wall clock.
    pub key: String,
    pub payload: String,
    pub time_ms: i64,
    /// The incident is quiet, absorbed, resolved or no longer kept.
    pub over: bool,
}

impl Store {
    /// What a sink was told last about an incident.
    pub async fn told(&self, sink: &str, incident: &str) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT payload FROM told WHERE sink = $1 AND incident = $2")
            .bind(sink)
            .bind(incident)
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| Ok(row.try_get("payload")?)).transpose()
    }

    /// The incidents a sink knows of, with what has become of them, after the one given.
    pub async fn told_after(
        &self,
        sink: &str,
        incident: &str,
        count_max: u32,
    ) -> Result<Vec<Told>, StoreError> {
        let rows = sqlx::query(
            "SELECT t.incident, t.key, t.payload, t.time, COALESCE(i.status, '') AS status,
                 COALESCE(c.state, 'new') AS state
             FROM told t LEFT JOIN incidents i ON i.id = t.incident
                 LEFT JOIN cases c ON c.incident = t.incident
             WHERE t.sink = $1 AND t.incident > $2 ORDER BY t.incident LIMIT $3",
        )
        .bind(sink)
        .bind(incident)
        .bind(i64::from(count_max))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Incidents that are open, that nobody has taken up and that a sink was last told of before or
    /// at `until_ms`, the longest ago first.
    pub async fn told_until(
        &self,
        sink: &str,
        until_ms: i64,
        count_max: u32,
    ) -> Result<Vec<Told>, StoreError> {
        let rows = sqlx::query(
            "SELECT t.incident, t.key, t.payload, t.time, i.status AS status,
                 COALESCE(c.state, 'new') AS state
             FROM told t JOIN incidents i ON i.id = t.incident
                 LEFT JOIN cases c ON c.incident = t.incident
             WHERE t.sink = $1 AND t.time <= $2 AND i.status = 'open'
                 AND COALESCE(c.state, 'new') = 'new'
             ORDER BY t.time, t.incident LIMIT $3",
        )
        .bind(sink)
        .bind(until_ms)
        .bind(i64::from(count_max))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// What a sink was last told of incidents after `since_ms`, and what it was to be told and did not
    /// take yet, the latest first: some thousands at most.
    pub async fn told_since(&self, sink: &str, since_ms: i64) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "SELECT payload FROM (
                 SELECT payload, time FROM told WHERE sink = $1 AND time > $2
                 UNION ALL
                 SELECT payload, next_attempt AS time FROM notices
                 WHERE sink = $1 AND state = 'waiting' AND attempts > 0
             ) AS of_it ORDER BY time DESC LIMIT 10000",
        )
        .bind(sink)
        .bind(since_ms)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok(row.try_get("payload")?)).collect()
    }

    /// A sink counts as told of an incident at `now_ms`.
    pub async fn told_at(
        &self,
        sink: &str,
        incident: &str,
        now_ms: i64,
        office: Office,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_in(office).await?;
        sqlx::query("UPDATE told SET time = $3 WHERE sink = $1 AND incident = $2")
            .bind(sink)
            .bind(incident)
            .bind(now_ms)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The sink needs to know no more of these incidents.
    pub async fn told_ends(
        &self,
        sink: &str,
        incidents: &[String],
        office: Office,
    ) -> Result<(), StoreError> {
        if incidents.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin_in(office).await?;
        for incident in incidents {
            remove(&mut tx, sink, incident).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

pub(super) async fn put(
    tx: &mut Transaction<'_, Any>,
    notice: &StoredNotice,
    now_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO told (sink, incident, key, payload, time) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (sink, incident) DO UPDATE SET key = excluded.key,
             payload = excluded.payload, time = excluded.time",
    )
    .bind(text(&notice.sink))
    .bind(text(&notice.incident))
    .bind(text(&notice.key))
    .bind(text(&notice.payload))
    .bind(now_ms)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub(super) async fn remove(
    tx: &mut Transaction<'_, Any>,
    sink: &str,
    incident: &str,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM told WHERE sink = $1 AND incident = $2")
        .bind(sink)
        .bind(incident)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<Told, StoreError> {
    let (status, state): (&str, &str) = (row.try_get("status")?, row.try_get("state")?);
    Ok(Told {
        incident: row.try_get("incident")?,
        key: row.try_get("key")?,
        payload: row.try_get("payload")?,
        time_ms: row.try_get("time")?,
        over: status != Status::Open.name() || state == State::Resolved.name(),
    })
}
