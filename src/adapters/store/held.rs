//! Notices that are kept back: by a silence, or to be told with others in one.

use sqlx::Row;

use super::acts::{Tx, tell};
use super::notices::{COLUMNS, put, read};
use super::silences::ends_ms;
use super::sql::text;
use super::{NoticeState, Office, Store, StoreError, StoredNotice, Told};
use crate::engine::cases::{Act, State};
use crate::engine::model::{EventTime, Status};

/// Old news of one sink, and what has become of its incident since.
#[derive(Clone, Debug)]
pub struct OldNews {
    pub notice: StoredNotice,
    /// The incident as it is served, where it is still kept.
    pub incident: Option<String>,
}

/// What keeps a notice back, and until when.
#[derive(Clone, Copy, Debug)]
pub struct HeldBack<'a> {
    /// None for a silence or a maintenance window of the configuration.
    pub silence: Option<&'a str>,
    pub until_ms: i64,
    pub reason: &'a str,
}

/// What is never looked at again by itself.
const NEVER: i64 = i64::MAX;
/// What is read at once; more becomes a second notice.
const OLD_NEWS_MAX: i64 = 5_000;

/// A notice's columns, in a query that calls its table `n`.
fn columns_of_n() -> String {
    let columns: Vec<String> = COLUMNS.split(", ").map(|column| format!("n.{column}")).collect();
    columns.join(", ")
}

impl Store {
    /// Keeps a notice back until `until_ms`, or for good where there is no time.
    pub async fn keep_notice_back(
        &self,
        notice: &StoredNotice,
        state: NoticeState,
        reason: &str,
        until_ms: Option<i64>,
        office: Office,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_in(office).await?;
        sqlx::query(
            "UPDATE notices SET state = $3, last_error = $4, next_attempt = $5
             WHERE sink = $1 AND key = $2",
        )
        .bind(notice.sink.as_str())
        .bind(notice.key.as_str())
        .bind(state.name())
        .bind(text(reason))
        .bind(until_ms.unwrap_or(NEVER))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Keeps a notice back for a silence, and says so on the incident's timeline.
    pub async fn hold_notice_back(
        &self,
        notice: &StoredNotice,
        held: HeldBack<'_>,
        now_ms: i64,
        office: Office,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_in(office).await?;
        let mut until_ms = held.until_ms;
        if let Some(silence) = held.silence {
            // Somebody may have ended it since it was read: then the notice is due.
            until_ms = until_ms.min(ends_ms(&mut tx, silence).await?);
        }
        sqlx::query(
            "UPDATE notices SET state = 'silenced', last_error = $3, next_attempt = $4,
             silence = $5 WHERE sink = $1 AND key = $2",
        )
        .bind(notice.sink.as_str())
        .bind(notice.key.as_str())
        .bind(text(held.reason))
        .bind(until_ms)
        .bind(held.silence.unwrap_or_default())
        .execute(&mut *tx)
        .await?;
        if until_ms > now_ms {
            let time = |ms: i64| EventTime::from_millis(ms).unwrap_or_default();
            let act = Act::HeldBack {
                sink: notice.sink.clone(),
                silence: held.silence.map(str::to_owned),
                until: time(until_ms),
                why: held.reason.to_owned(),
            };
            tell(&mut tx, &notice.incident, time(now_ms), act).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Silenced notices of a sink whose silence has ended by `now_ms`, and whether their incidents
    /// go on.
    pub async fn silences_ended(
        &self,
        sink: &str,
        now_ms: i64,
        count_max: u32,
    ) -> Result<Vec<(StoredNotice, bool)>, StoreError> {
        let sql = format!(
            "SELECT {}, COALESCE(i.status, '') AS status, COALESCE(c.state, 'new') AS act
             FROM notices n LEFT JOIN incidents i ON i.id = n.incident
                 LEFT JOIN cases c ON c.incident = n.incident
             WHERE n.sink = $1 AND n.state = 'silenced' AND n.next_attempt <= $2
             ORDER BY n.created, n.key LIMIT $3",
            columns_of_n()
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(sink)
            .bind(now_ms)
            .bind(i64::from(count_max))
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                let (status, state): (&str, &str) = (row.try_get("status")?, row.try_get("act")?);
                let goes_on = status == Status::Open.name() && state != State::Resolved.name();
                Ok((read(row)?, goes_on))
            })
            .collect()
    }

    /// A silenced notice is looked at no more: its silence has ended, and so has its incident.
    pub async fn stays_held_back(
        &self,
        notice: &StoredNotice,
        office: Office,
    ) -> Result<(), StoreError> {
        let (state, reason) = (NoticeState::Silenced, &notice.last_error);
        self.keep_notice_back(notice, state, reason, None, office).await
    }

    /// A notice tells what others of its incident would have told, with the payload it has here.
    /// Where there is a time it counts as written then.
    pub async fn tell_in_one(
        &self,
        notice: &StoredNotice,
        others: &[StoredNotice],
        written_ms: Option<i64>,
        office: Office,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_in(office).await?;
        sqlx::query(
            "UPDATE notices SET state = 'waiting', payload = $3, created = $4, next_attempt = $5,
                 silence = '' WHERE sink = $1 AND key = $2",
        )
        .bind(notice.sink.as_str())
        .bind(notice.key.as_str())
        .bind(text(&notice.payload))
        .bind(written_ms.unwrap_or(notice.created_ms))
        .bind(notice.next_attempt_ms)
        .execute(&mut *tx)
        .await?;
        for other in others {
            told_in(&mut tx, other, &notice.key).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// In which state earlier notices of an incident were kept back, where the sink knows nothing
    /// of the incident.
    pub async fn kept_back_before(
        &self,
        sink: &str,
        incident: &str,
    ) -> Result<Option<NoticeState>, StoreError> {
        let row = sqlx::query(
            "SELECT MAX(state) AS state FROM notices
             WHERE sink = $1 AND incident = $2 AND state IN ('silenced', 'folding', 'folded')
                 AND NOT EXISTS (SELECT 1 FROM told WHERE sink = $1 AND incident = $2)",
        )
        .bind(sink)
        .bind(incident)
        .fetch_one(&self.pool)
        .await?;
        let state: Option<String> = row.try_get("state")?;
        Ok(state.map(|state| match state.as_str() {
            "silenced" => NoticeState::Silenced,
            _ => NoticeState::Folded,
        }))
    }

    /// When the first and the last of a sink's old news came, where there is any.
    pub async fn old_news_span(&self, sink: &str) -> Result<Option<(i64, i64)>, StoreError> {
        let row = sqlx::query(
            "SELECT MIN(created) AS first, MAX(created) AS last FROM notices
             WHERE sink = $1 AND state = 'folding'",
        )
        .bind(sink)
        .fetch_one(&self.pool)
        .await?;
        let first: Option<i64> = row.try_get("first")?;
        let last: Option<i64> = row.try_get("last")?;
        Ok(first.zip(last))
    }

    /// Old news of a sink, the oldest first: [`OLD_NEWS_MAX`] at most.
    pub async fn old_news(&self, sink: &str) -> Result<Vec<OldNews>, StoreError> {
        let sql = format!(
            "SELECT {}, i.body FROM notices n LEFT JOIN incidents i ON i.id = n.incident
             WHERE n.sink = $1 AND n.state = 'folding' ORDER BY n.created, n.key LIMIT $2",
            columns_of_n()
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(sink)
            .bind(OLD_NEWS_MAX)
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| Ok(OldNews { notice: read(row)?, incident: row.try_get("body")? }))
            .collect()
    }

    /// Old news becomes the one notice that tells of it, all or nothing.
    pub async fn fold(
        &self,
        news: &[OldNews],
        into: &StoredNotice,
        office: Office,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_in(office).await?;
        for old in news {
            told_in(&mut tx, &old.notice, &into.key).await?;
        }
        put(&mut tx, std::slice::from_ref(into)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Tells a sink again of an incident it knows of: the notice waits, and the incident counts as
    /// told at `now_ms`.
    pub async fn repeat_notice(
        &self,
        told: &Told,
        notice: &StoredNotice,
        now_ms: i64,
        office: Office,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_in(office).await?;
        put(&mut tx, std::slice::from_ref(notice)).await?;
        sqlx::query("UPDATE told SET time = $3 WHERE sink = $1 AND incident = $2")
            .bind(notice.sink.as_str())
            .bind(told.incident.as_str())
            .bind(now_ms)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// A notice is not told by itself: the one with the key `into` tells it.
async fn told_in(tx: &mut Tx<'_>, notice: &StoredNotice, into: &str) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE notices SET state = 'folded', last_error = $3, next_attempt = $4, silence = ''
         WHERE sink = $1 AND key = $2",
    )
    .bind(notice.sink.as_str())
    .bind(notice.key.as_str())
    .bind(format!("told in notice {into}"))
    .bind(NEVER)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
