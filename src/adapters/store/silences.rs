//! Silences made through the API, and the acts that made and ended them. Whoever notifies reads
//! them here, in whichever process that is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::acts::{Tx, next_number, put_act, refold};
use super::sql::text;
use super::{Store, StoreError};
use crate::engine::cases::{Act, Recorded, Silence, SilenceState};
use crate::engine::model::{EventTime, IdHasher};

/// Silences that hold or will hold at once.
const SILENCES_MAX: i64 = 1_000;
/// Silences listed of each state, the last to begin first.
const LISTED_MAX: i64 = 1_000;

/// A silence as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptSilence {
    pub id: String,
    #[serde(flatten)]
    pub silence: Silence,
    #[serde(flatten)]
    pub made: Made,
    /// Notices it keeps back now; once it has ended, those that were never told.
    pub notices: u64,
}

/// Who made a silence and who ended it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    pub created: EventTime,
    pub created_by: String,
    /// The incident it was made for, whose timeline has what becomes of it.
    pub incident: Option<String>,
    /// When and by whom it was ended before its time.
    pub ended: Option<EventTime>,
    pub ended_by: Option<String>,
}

/// What stands in `body`.
#[derive(Serialize, Deserialize)]
struct Body {
    silence: Silence,
    made: Made,
}

impl KeptSilence {
    /// When it holds no more.
    pub fn ends(&self) -> EventTime {
        self.made.ended.map_or(self.silence.until, |ended| ended.min(self.silence.until))
    }

    pub fn state(&self, now: EventTime) -> SilenceState {
        SilenceState::at(now, self.silence.from, self.ends())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SilenceError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("no silence has this id")]
    Unknown,
    #[error("the silence has ended already, at {0}; make a new one")]
    Over(EventTime),
    #[error("the silence was not ended before its time: there is nothing to take back")]
    Holds,
    #[error(
        "there are {SILENCES_MAX} silences that have not ended, as many as there may be; end one first"
    )]
    Full,
}

impl From<sqlx::Error> for SilenceError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<serde_json::Error> for SilenceError {
    fn from(error: serde_json::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Adds a silence, with the act that says who did. `incident` is what it was made for.
    pub async fn add_silence(
        &self,
        silence: Silence,
        incident: Option<&str>,
        by: &str,
        now: EventTime,
    ) -> Result<KeptSilence, SilenceError> {
        let mut tx = self.begin().await?;
        let number = next_number(&mut tx).await?;
        let row = sqlx::query("SELECT COUNT(*) AS n FROM silences WHERE ends > $1")
            .bind(now.millis())
            .fetch_one(&mut *tx)
            .await?;
        if row.try_get::<i64, _>("n")? >= SILENCES_MAX {
            return Err(SilenceError::Full);
        }
        let id = IdHasher::new("silence").part(&number.to_le_bytes()).finish();
        let made = Made {
            created: now,
            created_by: by.to_owned(),
            incident: incident.map(str::to_owned),
            ..Made::default()
        };
        let kept = KeptSilence { id, silence, made, notices: 0 };
        sqlx::query("INSERT INTO silences (id, starts, ends, body) VALUES ($1, $2, $3, $4)")
            .bind(&kept.id)
            .bind(kept.silence.from.millis())
            .bind(kept.ends().millis())
            .bind(body(&kept)?)
            .execute(&mut *tx)
            .await?;
        let act = Act::AddSilence { id: kept.id.clone(), silence: kept.silence.clone() };
        say(&mut tx, number, &kept, by, now, act).await?;
        tx.commit().await?;
        Ok(kept)
    }

    /// Ends a silence before its time: what it keeps back is due at once.
    pub async fn end_silence(
        &self,
        id: &str,
        reason: Option<String>,
        by: &str,
        now: EventTime,
    ) -> Result<KeptSilence, SilenceError> {
        let mut tx = self.begin().await?;
        let number = next_number(&mut tx).await?;
        let mut kept = one(&mut tx, id).await?;
        if kept.ends() <= now {
            return Err(SilenceError::Over(kept.ends()));
        }
        (kept.made.ended, kept.made.ended_by) = (Some(now), Some(by.to_owned()));
        put(&mut tx, &kept).await?;
        // What is over is never looked at again, and stays so.
        sqlx::query(
            "UPDATE notices SET next_attempt = $2
             WHERE silence = $1 AND state = 'silenced' AND next_attempt < $3",
        )
        .bind(id)
        .bind(now.millis())
        .bind(i64::MAX)
        .execute(&mut *tx)
        .await?;
        let act = Act::EndSilence { id: id.to_owned(), reason };
        say(&mut tx, number, &kept, by, now, act).await?;
        tx.commit().await?;
        Ok(kept)
    }

    /// Takes an early end back. What was told meanwhile stays told.
    pub async fn resume_silence(
        &self,
        id: &str,
        by: &str,
        now: EventTime,
    ) -> Result<KeptSilence, SilenceError> {
        let mut tx = self.begin().await?;
        let number = next_number(&mut tx).await?;
        let mut kept = one(&mut tx, id).await?;
        if kept.made.ended.is_none() && kept.silence.until > now {
            return Err(SilenceError::Holds);
        }
        if kept.silence.until <= now {
            return Err(SilenceError::Over(kept.silence.until));
        }
        (kept.made.ended, kept.made.ended_by) = (None, None);
        put(&mut tx, &kept).await?;
        let act = Act::ResumeSilence { id: id.to_owned() };
        say(&mut tx, number, &kept, by, now, act).await?;
        tx.commit().await?;
        Ok(kept)
    }

    /// Silences in these states at `now`, or in any: the last to begin first.
    pub async fn silences(
        &self,
        states: &[SilenceState],
        now: EventTime,
    ) -> Result<Vec<KeptSilence>, StoreError> {
        let counts = self.held_by_silences().await?;
        let states = if states.is_empty() { &SilenceState::ALL[..] } else { states };
        let mut all = Vec::new();
        for state in states {
            let fits = match state {
                SilenceState::Pending => "ends > $1 AND starts > $1",
                SilenceState::Active => "ends > $1 AND starts <= $1",
                SilenceState::Expired => "ends <= $1",
            };
            let sql = format!(
                "SELECT id, body FROM silences WHERE {fits} ORDER BY starts DESC, id LIMIT $2"
            );
            let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
                .bind(now.millis())
                .bind(LISTED_MAX)
                .fetch_all(&self.pool)
                .await?;
            for row in &rows {
                let mut kept = read(row)?;
                kept.notices = counts.get(&kept.id).copied().unwrap_or_default();
                all.push(kept);
            }
        }
        Ok(all)
    }

    /// Those that hold at `now`.
    pub async fn silences_at(&self, now_ms: i64) -> Result<Vec<KeptSilence>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, body FROM silences WHERE ends > $1 AND starts <= $1 ORDER BY id",
        )
        .bind(now_ms)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    async fn held_by_silences(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let rows = sqlx::query(
            "SELECT silence, COUNT(*) AS n FROM notices
             WHERE state = 'silenced' AND silence <> '' GROUP BY silence",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| Ok((row.try_get("silence")?, row.try_get::<i64, _>("n")? as u64)))
            .collect()
    }

    /// Deletes silences that ended before `horizon`. The acts about them stay.
    pub async fn forget_silences(&self, horizon: EventTime) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM silences WHERE ends < $1")
            .bind(horizon.millis())
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

/// When a silence ends, as it stands within this transaction; now where it is gone.
pub(super) async fn ends_ms(tx: &mut Tx<'_>, id: &str) -> Result<i64, StoreError> {
    let row = sqlx::query("SELECT ends FROM silences WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut **tx)
        .await?;
    row.map_or(Ok(0), |row| Ok(row.try_get("ends")?))
}

async fn one(tx: &mut Tx<'_>, id: &str) -> Result<KeptSilence, SilenceError> {
    let row = sqlx::query("SELECT id, body FROM silences WHERE id = $1")
        .bind(text(id))
        .fetch_optional(&mut **tx)
        .await?
        .ok_or(SilenceError::Unknown)?;
    Ok(read(&row)?)
}

async fn put(tx: &mut Tx<'_>, kept: &KeptSilence) -> Result<(), SilenceError> {
    sqlx::query("UPDATE silences SET ends = $2, body = $3 WHERE id = $1")
        .bind(&kept.id)
        .bind(kept.ends().millis())
        .bind(body(kept)?)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn body(kept: &KeptSilence) -> Result<String, serde_json::Error> {
    let body = Body { silence: kept.silence.clone(), made: kept.made.clone() };
    Ok(text(&serde_json::to_string(&body)?))
}

fn read(row: &AnyRow) -> Result<KeptSilence, StoreError> {
    let Body { silence, made } = serde_json::from_str(row.try_get("body")?)?;
    Ok(KeptSilence { id: row.try_get("id")?, silence, made, notices: 0 })
}

/// The act; also in the timeline of the incident the silence was made for.
async fn say(
    tx: &mut Tx<'_>,
    number: i64,
    kept: &KeptSilence,
    by: &str,
    time: EventTime,
    act: Act,
) -> Result<(), SilenceError> {
    // Where the incident was absorbed since, the act follows it.
    let incident = kept.made.incident.clone();
    let recorded =
        Recorded { number, origin: incident.clone(), incident, time, by: by.to_owned(), act };
    put_act(tx, &recorded).await?;
    if let Some(incident) = &recorded.incident {
        refold(tx, incident).await?;
    }
    Ok(())
}
