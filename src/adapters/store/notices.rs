//! Notices that wait for their sinks.

use sqlx::{Any, Row, Transaction};

use super::sql::text;
use super::{Office, Store, StoreError, told};
use crate::engine::cases::Act;
use crate::engine::model::EventTime;

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
    pub state: NoticeState,
}

impl StoredNotice {
    /// One that is to be sent from `now_ms` on.
    pub fn waiting(sink: &str, key: String, incident: &str, payload: String, now_ms: i64) -> Self {
        Self {
            sink: sink.to_owned(),
            key,
            incident: incident.to_owned(),
            payload,
            created_ms: now_ms,
            attempts: 0,
            next_attempt_ms: now_ms,
            last_error: String::new(),
            state: NoticeState::Waiting,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoticeState {
    #[default]
    Waiting,
    /// Given up.
    Dead,
    /// Kept back by a silence.
    Silenced,
    /// Old news that waits to be told with others in one.
    Folding,
    /// Told in one with others.
    Folded,
}

impl NoticeState {
    pub const ALL: [Self; 5] =
        [Self::Waiting, Self::Dead, Self::Silenced, Self::Folding, Self::Folded];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Dead => "dead",
            Self::Silenced => "silenced",
            Self::Folding => "folding",
            Self::Folded => "folded",
        }
    }

    fn of(name: &str) -> Self {
        Self::ALL.into_iter().find(|state| state.name() == name).unwrap_or_default()
    }
}

/// Notices of one sink in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeCount {
    pub sink: String,
    pub state: NoticeState,
    pub count: u64,
    pub oldest_ms: i64,
}

/// What stands, once a sink has a notice, as the last it was told of the incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    Itself,
    /// It need not remember the incident.
    Nothing,
    /// What stood before: the notice does not say how the incident is.
    Beside,
}

/// How long a notice waits for an earlier one of its incident that its sink does not take.
const IN_ORDER_MS: i64 = 900_000;

pub(super) const COLUMNS: &str =
    "sink, key, incident, payload, created, attempts, next_attempt, last_error, state";

impl Store {
    /// What is due at one sink: what was never tried, then the oldest first. A notice is not due
    /// while an earlier one of its incident waits, unless it has waited for that one for long.
    pub async fn notices_due(
        &self,
        sink: &str,
        now_ms: i64,
        count_max: u32,
    ) -> Result<Vec<StoredNotice>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM notices n
             WHERE sink = $1 AND state = 'waiting' AND next_attempt <= $2
                 AND (incident = '' OR created <= $4 OR NOT EXISTS (
                     SELECT 1 FROM notices e WHERE e.sink = n.sink AND e.incident = n.incident
                         AND e.state = 'waiting' AND (e.created, e.key) < (n.created, n.key)))
             ORDER BY CASE WHEN attempts > 0 THEN 1 ELSE 0 END, created, key LIMIT $3"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(sink)
            .bind(now_ms)
            .bind(i64::from(count_max))
            .bind(now_ms - IN_ORDER_MS)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Those of a notice's incident that wait at its sink and were made before it, in their order.
    pub async fn notices_before(
        &self,
        notice: &StoredNotice,
    ) -> Result<Vec<StoredNotice>, StoreError> {
        self.notices_beside(notice, "<").await
    }

    /// The same of those that were made after it.
    pub async fn notices_behind(
        &self,
        notice: &StoredNotice,
    ) -> Result<Vec<StoredNotice>, StoreError> {
        self.notices_beside(notice, ">").await
    }

    async fn notices_beside(
        &self,
        notice: &StoredNotice,
        than: &str,
    ) -> Result<Vec<StoredNotice>, StoreError> {
        if notice.incident.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM notices
             WHERE sink = $1 AND incident = $2 AND state = 'waiting' AND (created, key) {than} ($3, $4)
             ORDER BY created, key"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(notice.sink.as_str())
            .bind(notice.incident.as_str())
            .bind(notice.created_ms)
            .bind(notice.key.as_str())
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read).collect()
    }

    /// A notice that was not tried yet is not due before `due_ms`.
    pub async fn postpone_notice(
        &self,
        notice: &StoredNotice,
        due_ms: i64,
        office: Office,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_in(office).await?;
        sqlx::query("UPDATE notices SET next_attempt = $3 WHERE sink = $1 AND key = $2")
            .bind(notice.sink.as_str())
            .bind(notice.key.as_str())
            .bind(due_ms)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Notices in a state, the oldest first.
    pub async fn notices_in(&self, state: NoticeState) -> Result<Vec<StoredNotice>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM notices WHERE state = $1 ORDER BY created, sink, key");
        let rows =
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(state.name()).fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    /// How many notices of each sink are in each state, and when the oldest of them was made.
    pub async fn notice_counts(&self) -> Result<Vec<NoticeCount>, StoreError> {
        let rows = sqlx::query(
            "SELECT sink, state, COUNT(*) AS n, MIN(created) AS oldest FROM notices
             GROUP BY sink, state",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(NoticeCount {
                    sink: row.try_get("sink")?,
                    state: NoticeState::of(row.try_get("state")?),
                    count: row.try_get::<i64, _>("n")? as u64,
                    oldest_ms: row.try_get("oldest")?,
                })
            })
            .collect()
    }

    /// Notices that wait for a sink that is not among `sinks` are given up. Says for which sinks.
    pub async fn give_up_others(
        &self,
        sinks: &[String],
        reason: &str,
        office: Office,
    ) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT sink FROM notices WHERE state IN ('waiting', 'folding')
             UNION SELECT DISTINCT sink FROM told",
        )
        .fetch_all(&self.pool)
        .await?;
        let known: Vec<String> =
            rows.iter().map(|row| row.try_get("sink")).collect::<Result<_, _>>()?;
        let gone: Vec<String> = known.into_iter().filter(|sink| !sinks.contains(sink)).collect();
        if gone.is_empty() {
            return Ok(gone);
        }
        let mut tx = self.begin_in(office).await?;
        for sink in &gone {
            sqlx::query(
                "UPDATE notices SET state = 'dead', last_error = $2
                 WHERE sink = $1 AND state IN ('waiting', 'folding')",
            )
            .bind(sink.as_str())
            .bind(reason)
            .execute(&mut *tx)
            .await?;
            sqlx::query("DELETE FROM told WHERE sink = $1")
                .bind(sink.as_str())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(gone)
    }

    /// The sink has it, at `now_ms`, which the incident's timeline says in the words of `what`; it
    /// stands as what the sink was told last, unless that ends the incident or is beside it. What
    /// failed before is due at once, now that the sink takes something.
    pub async fn notice_delivered(
        &self,
        notice: &StoredNotice,
        leaves: Leaves,
        what: &str,
        now_ms: i64,
        office: Office,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_in(office).await?;
        match leaves {
            _ if notice.incident.is_empty() => {}
            Leaves::Beside => {}
            Leaves::Nothing => told::remove(&mut tx, &notice.sink, &notice.incident).await?,
            Leaves::Itself => told::put(&mut tx, notice, now_ms).await?,
        }
        sqlx::query("DELETE FROM notices WHERE sink = $1 AND key = $2")
            .bind(notice.sink.as_str())
            .bind(notice.key.as_str())
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "UPDATE notices SET next_attempt = $2
             WHERE sink = $1 AND state = 'waiting' AND attempts > 0 AND next_attempt > $2",
        )
        .bind(notice.sink.as_str())
        .bind(now_ms)
        .execute(&mut *tx)
        .await?;
        let time = EventTime::from_millis(now_ms).unwrap_or_default();
        let act = Act::Told { sink: notice.sink.clone(), what: what.to_owned() };
        super::acts::tell(&mut tx, &notice.incident, time, act).await?;
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
        let mut tx = self.begin_in(office).await?;
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

    /// Dead letters of these sinks wait anew, as if they were written from `now_ms` on, in the order
    /// in which they were. Says how many.
    pub async fn retry_notices(&self, sinks: &[String], now_ms: i64) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let mut count = 0;
        for sink in sinks {
            let dead = sqlx::query(
                "SELECT key FROM notices WHERE state = 'dead' AND sink = $1 ORDER BY created, key",
            )
            .bind(sink.as_str())
            .fetch_all(&mut *tx)
            .await?;
            for (at_ms, row) in (now_ms..).zip(&dead) {
                sqlx::query(
                    "UPDATE notices SET state = 'waiting', created = $3, next_attempt = $4,
                     attempts = 0 WHERE sink = $1 AND key = $2",
                )
                .bind(sink.as_str())
                .bind(row.try_get::<&str, _>("key")?)
                .bind(at_ms)
                .bind(now_ms)
                .execute(&mut *tx)
                .await?;
            }
            count += dead.len() as u64;
        }
        tx.commit().await?;
        Ok(count)
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
             VALUES ($1, $2, $3, $4, $5, 0, $6, '', $7) ON CONFLICT DO NOTHING",
        )
        .bind(text(&notice.sink))
        .bind(text(&notice.key))
        .bind(text(&notice.incident))
        .bind(text(&notice.payload))
        .bind(notice.created_ms)
        .bind(notice.next_attempt_ms)
        .bind(notice.state.name())
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
        state: NoticeState::of(row.try_get("state")?),
    })
}
