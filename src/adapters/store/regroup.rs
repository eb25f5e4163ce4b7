//! What people say about grouping, as requests the correlator works off, and a split as one
//! transaction.

use sqlx::{QueryBuilder, Row};

use super::acts::Tx;
use super::{Office, Restored, Store, StoreError, office};
use crate::engine::cases::Recorded;
use crate::engine::correlate::Divided;
use crate::engine::model::{Entry, EventTime, Finding, Incident, IncidentId};

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
        let revision = self.revision().await? + 1;
        let mut tx = self.pool.begin().await?;
        // Written first, so that the transaction holds the store from its beginning.
        sqlx::query(
            "INSERT INTO positions (topic, partition, next) VALUES ($1, 0, $2)
             ON CONFLICT (topic, partition) DO UPDATE SET next = excluded.next",
        )
        .bind(REQUESTS)
        .bind(request)
        .execute(&mut *tx)
        .await?;
        office::check(&mut tx, office).await?;
        for incident in [&divided.from, &divided.to] {
            put_incident(&mut tx, incident, revision).await?;
        }
        sqlx::query("UPDATE findings SET incident = $2 WHERE id = $1")
            .bind(finding)
            .bind(&divided.to.id)
            .execute(&mut *tx)
            .await?;
        for chunk in numbers.chunks(NUMBERS_MAX) {
            let mut query = QueryBuilder::new("UPDATE entries SET incident = ");
            query.push_bind(divided.to.id.clone()).push(" WHERE number IN (");
            let mut list = query.separated(", ");
            chunk.iter().for_each(|number| {
                list.push_bind(*number);
            });
            query.push(")").build().execute(&mut *tx).await?;
        }
        for (incident, entry) in added {
            sqlx::query("INSERT INTO entries (incident, time, body) VALUES ($1, $2, $3)")
                .bind(incident)
                .bind(entry.time.millis())
                .bind(serde_json::to_string(entry)?)
                .execute(&mut *tx)
                .await?;
        }
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

async fn put_incident(
    tx: &mut Tx<'_>,
    incident: &Incident,
    revision: i64,
) -> Result<(), StoreError> {
    let search = format!("{} {} {}", incident.title, incident.why, incident.id).to_lowercase();
    sqlx::query(
        "INSERT INTO incidents (id, opened, updated, last_finding, severity, score, status, search, body, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (id) DO UPDATE SET opened = excluded.opened, updated = excluded.updated,
             last_finding = excluded.last_finding, severity = excluded.severity,
             score = excluded.score, status = excluded.status, search = excluded.search,
             body = excluded.body, revision = excluded.revision",
    )
    .bind(&incident.id)
    .bind(incident.opened.map(|time| time.millis()))
    .bind(incident.updated.millis())
    .bind(incident.last_event.millis())
    .bind(incident.severity as i64)
    .bind(i64::from(incident.score))
    .bind(incident.status.name())
    .bind(search)
    .bind(serde_json::to_string(incident)?)
    .bind(revision)
    .execute(&mut **tx)
    .await?;
    // What the incident touches may have become less.
    sqlx::query("DELETE FROM incident_keys WHERE incident = $1")
        .bind(&incident.id)
        .execute(&mut **tx)
        .await?;
    let actors = incident.actors.iter().map(|value| ("actor", value));
    let sources = incident.sources.iter().map(|value| ("source", value));
    let datasets = incident.datasets.iter().map(|d| ("dataset", &d.dataset));
    for (kind, value) in actors.chain(sources).chain(datasets) {
        sqlx::query(
            "INSERT INTO incident_keys (incident, kind, value) VALUES ($1, $2, $3)
             ON CONFLICT (kind, value, incident) DO NOTHING",
        )
        .bind(&incident.id)
        .bind(kind)
        .bind(value)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}
