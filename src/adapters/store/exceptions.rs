//! Exceptions made through the API, and the acts that made and ended them.

use serde::Serialize;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::acts::{next_number, put_act};
use super::sql::Sql;
use super::{FindingFilter, Store, StoreError};
use crate::engine::cases::{Act, Hidden, MONITOR, Recorded};
use crate::engine::detect::{Exception, Rules};
use crate::engine::model::{EventTime, IdHasher};

/// So long after their end exceptions are still told to the detectors, for events that come late
/// or are read again.
const REMEMBERED_MS: i64 = 30 * 86_400_000;
/// Exceptions of the API that are told at once.
const EXCEPTIONS_MAX: i64 = 10_000;
/// Findings read at once while looking at what an exception would have hidden.
const PART: u32 = 1_000;

impl KeptException {
    /// Whether the detectors need to know of it at `now`.
    pub fn is_told(&self, now: EventTime) -> bool {
        !self.revoked && self.exception.expires > now.minus_ms(REMEMBERED_MS)
    }
}

/// An exception as it stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KeptException {
    pub id: String,
    #[serde(flatten)]
    pub exception: Exception,
    pub revoked: bool,
    /// Whether the detectors' topic has it as it is.
    pub published: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ExceptionError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("no exception has this id")]
    Unknown,
    #[error("the exception was revoked before")]
    Revoked,
    #[error("there are {EXCEPTIONS_MAX} exceptions, as many as there may be")]
    Full,
    #[error("the same rule or detector and keys have an exception: {0}")]
    Twice(String),
    /// It would have hidden a confirmed breach.
    #[error("it would have hidden {} findings of a confirmed breach: incidents {}",
        .0.confirmed.iter().filter_map(|id| .0.incidents.get(id)).sum::<u64>(), .0.confirmed.join(", "))]
    Hides(Box<Hidden>),
}

impl From<sqlx::Error> for ExceptionError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Adds an exception, with the act that says who did. `incident` is where it came from.
    pub async fn add_exception(
        &self,
        exception: Exception,
        incident: Option<&str>,
        by: &str,
        now: EventTime,
    ) -> Result<KeptException, ExceptionError> {
        let mut tx = self.begin().await?;
        let number = next_number(&mut tx).await?;
        let told = "SELECT id, body FROM exceptions WHERE revoked = 0 AND expires > $1";
        let rows = sqlx::query(told)
            .bind(now.minus_ms(REMEMBERED_MS).millis())
            .fetch_all(&mut *tx)
            .await?;
        if rows.len() as i64 >= EXCEPTIONS_MAX {
            return Err(ExceptionError::Full);
        }
        for row in &rows {
            let other: Exception =
                serde_json::from_str(row.try_get("body")?).map_err(StoreError::from)?;
            if other.is_like(&exception) && other.expires > now {
                return Err(ExceptionError::Twice(row.try_get("id")?));
            }
        }
        let id = IdHasher::new("exception").part(&number.to_le_bytes()).finish();
        sqlx::query(
            "INSERT INTO exceptions (id, expires, revoked, published, expired, body)
             VALUES ($1, $2, 0, 0, 0, $3)",
        )
        .bind(&id)
        .bind(exception.expires.millis())
        .bind(serde_json::to_string(&exception).map_err(StoreError::from)?)
        .execute(&mut *tx)
        .await?;
        let act = Act::AddException { id: id.clone(), exception: exception.clone() };
        put_act(&mut tx, &said(number, incident, by, now, act)).await?;
        if let Some(incident) = incident {
            super::acts::refold(&mut tx, incident).await?;
        }
        tx.commit().await?;
        Ok(KeptException { id, exception, revoked: false, published: false })
    }

    /// Ends an exception before its time.
    pub async fn revoke_exception(
        &self,
        id: &str,
        reason: &str,
        by: &str,
        now: EventTime,
    ) -> Result<KeptException, ExceptionError> {
        let mut tx = self.begin().await?;
        let number = next_number(&mut tx).await?;
        let row = sqlx::query("SELECT * FROM exceptions WHERE id = $1")
            .bind(id)
            .fetch_optional(&mut *tx)
            .await?
            .ok_or(ExceptionError::Unknown)?;
        let kept = read(&row)?;
        if kept.revoked {
            return Err(ExceptionError::Revoked);
        }
        sqlx::query("UPDATE exceptions SET revoked = 1, published = 0 WHERE id = $1")
            .bind(id)
            .execute(&mut *tx)
            .await?;
        let act = Act::RevokeException { id: id.to_owned(), reason: reason.to_owned() };
        put_act(&mut tx, &said(number, None, by, now, act)).await?;
        tx.commit().await?;
        Ok(KeptException { revoked: true, published: false, ..kept })
    }

    /// Those made through the API, by id.
    pub async fn exceptions(&self) -> Result<Vec<KeptException>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM exceptions ORDER BY id").fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    /// Those whose present form the detectors have not been told.
    pub async fn unpublished_exceptions(&self) -> Result<Vec<KeptException>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM exceptions WHERE published = 0 ORDER BY id LIMIT 1000")
                .fetch_all(&self.pool)
                .await?;
        rows.iter().map(read).collect()
    }

    /// The broker has these, as they were read; one revoked since then is told again.
    pub async fn exceptions_published(&self, told: &[KeptException]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for kept in told {
            sqlx::query("UPDATE exceptions SET published = 1 WHERE id = $1 AND revoked = $2")
                .bind(&kept.id)
                .bind(i64::from(kept.revoked))
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// All are told again: whoever takes over cannot know what the topic holds.
    pub async fn publish_settings_anew(&self) -> Result<(), StoreError> {
        sqlx::query("UPDATE exceptions SET published = 0").execute(&self.pool).await?;
        sqlx::query("UPDATE settings SET published = 0").execute(&self.pool).await?;
        Ok(())
    }

    /// Notes, once each, that exceptions have expired.
    pub async fn note_expired_exceptions(&self, now: EventTime) -> Result<(), StoreError> {
        let due = "SELECT id FROM exceptions WHERE expired = 0 AND revoked = 0 AND expires <= $1";
        let rows = sqlx::query(due).bind(now.millis()).fetch_all(&self.pool).await?;
        for row in rows {
            let id: String = row.try_get("id")?;
            let mut tx = self.begin().await?;
            let number = next_number(&mut tx).await?;
            let noted =
                sqlx::query("UPDATE exceptions SET expired = 1 WHERE id = $1 AND expired = 0")
                    .bind(&id)
                    .execute(&mut *tx)
                    .await?;
            if noted.rows_affected() == 1 {
                let act = Act::ExceptionExpired { id };
                put_act(&mut tx, &said(number, None, MONITOR, now, act)).await?;
                tx.commit().await?;
            }
        }
        Ok(())
    }

    /// What the exception would have held back of the findings stored since `since`.
    pub async fn hidden_by(
        &self,
        exception: &Exception,
        since: EventTime,
    ) -> Result<Hidden, StoreError> {
        let mut hidden = Hidden::default();
        let filter = FindingFilter {
            detector: Some(exception.detector.clone().unwrap_or_else(|| Rules::NAME.to_owned())),
            actor: exception.actor.clone(),
            source: exception.source.clone(),
            from: Some(since),
            ..FindingFilter::default()
        };
        let mut cursor = None;
        loop {
            let page = self.findings(&filter, PART, cursor.as_deref()).await?;
            let fitting: Vec<&str> = page
                .items
                .iter()
                .filter(|finding| exception.fits(finding))
                .map(|finding| finding.id.as_str())
                .collect();
            hidden.findings += fitting.len() as u64;
            self.count_incidents(&fitting, &mut hidden).await?;
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let ids: Vec<&str> = hidden.incidents.keys().map(String::as_str).collect();
        let cases = self.cases(&ids).await?;
        use crate::engine::cases::Resolution::TruePositive;
        hidden.confirmed = cases
            .into_iter()
            .filter(|(_, case)| case.resolution == Some(TruePositive))
            .map(|(id, _)| id)
            .collect();
        Ok(hidden)
    }

    async fn count_incidents(&self, findings: &[&str], to: &mut Hidden) -> Result<(), StoreError> {
        for chunk in findings.chunks(500) {
            let mut query = Sql::new("SELECT incident, COUNT(*) AS n FROM findings WHERE id IN (");
            query.list(chunk.iter().map(|id| (*id).to_owned())).push(") GROUP BY incident");
            for row in query.rows(&self.pool).await? {
                let n: i64 = row.try_get("n")?;
                *to.incidents.entry(row.try_get("incident")?).or_default() += n as u64;
            }
        }
        Ok(())
    }
}

fn said(number: i64, incident: Option<&str>, by: &str, time: EventTime, act: Act) -> Recorded {
    let incident = incident.map(str::to_owned);
    Recorded { number, origin: incident.clone(), incident, time, by: by.to_owned(), act }
}

fn read(row: &AnyRow) -> Result<KeptException, StoreError> {
    let flag = |column: &str| Ok::<bool, sqlx::Error>(row.try_get::<i64, _>(column)? != 0);
    Ok(KeptException {
        id: row.try_get("id")?,
        exception: serde_json::from_str(row.try_get("body")?)?,
        revoked: flag("revoked")?,
        published: flag("published")?,
    })
}
