//! What people say about grouping, as requests the correlator works off, and a split as one
//! transaction.

use sqlx::Row;

use super::batch::{put_entries, put_incident};
use super::sql::Sql;
use super::{Office, Restored, Store, StoreError, store};
use crate::engine::cases::Recorded;
use crate::engine::correlate::Divided;
use crate::engine::model::{Entry, EventTime, Finding, IncidentId};

/// Where the number of the last request worked off stands among the positions.
pub const REQUESTS: &str = "(acts)";
/// Requests read at once.
const REQUESTS_MAX: u32 = 100;
const NUMBERS_MAX: usize = 500;

/// All that is stored of an incident, with the numbers of its entries.
#[derive(Debug)]
pub struct Whole {
    pub restored: Restored,
    pub numbers: Vec<i64>,
}

impl Store {
    /// Requests to absorb or split after `number`, oldest first.
    pub async fn regroupings_after(&self, number: i64) -> Result<Vec<Recorded>, StoreError> {
        self.acts_after(number, &["absorb", "split"], REQUESTS_MAX).await
    }

    /// One incident as it is stored; none where there is none.
    pub async fn whole(&self, id: &str) -> Result<Option<Whole>, StoreError> {
        let Some(incident) = self.incident(id).await? else { return Ok(None) };
        let rows = sqlx::query("SELECT body FROM findings WHERE incident = $1 ORDER BY time, id")
            .bind(id)
            .fetch_all(&self.pool)
            .await?;
        let findings: Vec<Finding> = rows
            .iter()
            .map(|row| Ok(serde_json::from_str(row.try_get("body")?)?))
            .collect::<Result<_, StoreError>>()?;
        let rows =
            sqlx::query("SELECT number, body FROM entries WHERE incident = $1 ORDER BY number")
                .bind(id)
                .fetch_all(&self.pool)
                .await?;
        let (mut entries, mut numbers): (Vec<Entry>, Vec<i64>) = (Vec::new(), Vec::new());
        for row in rows {
            entries.push(serde_json::from_str(row.try_get("body")?)?);
            numbers.push(row.try_get("number")?);
        }
        Ok(Some(Whole { restored: Restored { incident, findings, entries }, numbers }))
    }

    /// Moves a finding and the entries of these numbers to an incident of their own, writes both
    /// incidents as they are then and what was added to their timelines, and notes that `request`
    /// was worked off: all or nothing, if `office` is still ours.
    pub async fn divide(
        &self,
        divided: &Divided,
        finding: &str,
        numbers: &[i64],
        added: &[(IncidentId, Entry)],
        request: i64,
        office: Office,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_in(office).await?;
        let revision = store::newest_revision(&mut *tx).await? + 1;
        sqlx::query(
            "INSERT INTO positions (topic, partition, next) VALUES ($1, 0, $2)
             ON CONFLICT (topic, partition) DO UPDATE SET next = excluded.next",
        )
        .bind(REQUESTS)
        .bind(request)
        .execute(&mut *tx)
        .await?;
        for incident in [&divided.from, &divided.to] {
            // What the incident touches may have become less.
            sqlx::query("DELETE FROM incident_keys WHERE incident = $1")
                .bind(incident.id.as_str())
                .execute(&mut *tx)
                .await?;
            put_incident(&mut tx, incident, revision).await?;
        }
        sqlx::query("UPDATE findings SET incident = $2 WHERE id = $1")
            .bind(finding)
            .bind(&divided.to.id)
            .execute(&mut *tx)
            .await?;
        for chunk in numbers.chunks(NUMBERS_MAX) {
            let mut query = Sql::new("UPDATE entries SET incident = ");
            query.bind(divided.to.id.clone()).push(" WHERE number IN (");
            query.list(chunk.iter().copied()).push(")");
            query.execute(&mut tx).await?;
        }
        // Of those moved: what they name is named in both, as far as is known.
        sqlx::query(
            "INSERT INTO entry_keys (kind, value, incident)
             SELECT kind, value, $2 FROM entry_keys WHERE incident = $1 ON CONFLICT DO NOTHING",
        )
        .bind(&divided.from.id)
        .bind(&divided.to.id)
        .execute(&mut *tx)
        .await?;
        put_entries(&mut tx, added).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Entries of an incident that were read or sent, for counting what several incidents share.
    pub async fn last_finding_time(&self) -> Result<Option<EventTime>, StoreError> {
        let row =
            sqlx::query("SELECT MAX(time) AS time FROM findings").fetch_one(&self.pool).await?;
        let millis: Option<i64> = row.try_get("time")?;
        Ok(millis.and_then(|millis| EventTime::from_millis(millis).ok()))
    }
}
