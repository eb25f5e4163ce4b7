//! Writing: one batch, one transaction.

use sqlx::{QueryBuilder, Row, Sqlite, Transaction};

use super::{Office, Store, StoreError, office};
use crate::engine::model::{Entry, Finding, Incident, IncidentId};

/// Everything one round of the correlator gave rise to.
#[derive(Debug, Default)]
pub struct StoreBatch {
    /// As they are now.
    pub incidents: Vec<Incident>,
    pub findings: Vec<(IncidentId, Finding)>,
    pub entries: Vec<(IncidentId, Entry)>,
    /// `(absorbed, by)`.
    pub merged: Vec<(IncidentId, IncidentId)>,
    /// Topic, partition, next offset.
    pub positions: Vec<(String, i32, i64)>,
    pub outgoing: Vec<Outgoing>,
}

/// A record to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    pub topic: String,
    pub key: String,
    pub payload: String,
}

impl StoreBatch {
    pub fn is_empty(&self) -> bool {
        self.incidents.is_empty()
            && self.findings.is_empty()
            && self.entries.is_empty()
            && self.merged.is_empty()
            && self.positions.is_empty()
            && self.outgoing.is_empty()
    }
}

/// Rows in one INSERT; SQLite takes 32,766 parameters.
const ROWS_MAX: usize = 1_000;

impl Store {
    /// Writes the batch, all or nothing, if `office` is still ours.
    pub async fn apply(&self, batch: &StoreBatch, office: Office) -> Result<(), StoreError> {
        let revision = self.revision().await? + 1;
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        office::check(&mut tx, office).await?;
        for (absorbed, by) in &batch.merged {
            merge(&mut tx, absorbed, by, revision).await?;
        }
        for incident in &batch.incidents {
            put_incident(&mut tx, incident, revision).await?;
        }
        put_findings(&mut tx, &batch.findings, revision).await?;
        put_entries(&mut tx, &batch.entries).await?;
        for (topic, partition, next) in &batch.positions {
            sqlx::query(
                "INSERT INTO positions (topic, partition, next) VALUES ($1, $2, $3)
                 ON CONFLICT (topic, partition) DO UPDATE SET next = excluded.next",
            )
            .bind(topic)
            .bind(partition)
            .bind(next)
            .execute(&mut *tx)
            .await?;
        }
        for outgoing in &batch.outgoing {
            sqlx::query("INSERT INTO outbox (topic, key, payload) VALUES ($1, $2, $3)")
                .bind(&outgoing.topic)
                .bind(&outgoing.key)
                .bind(&outgoing.payload)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The oldest records to be published, with their numbers.
    pub async fn outbox(&self, records_max: u32) -> Result<Vec<(i64, Outgoing)>, StoreError> {
        let rows =
            sqlx::query("SELECT number, topic, key, payload FROM outbox ORDER BY number LIMIT $1")
                .bind(records_max)
                .fetch_all(&self.pool)
                .await?;
        rows.iter()
            .map(|row| {
                let outgoing = Outgoing {
                    topic: row.try_get("topic")?,
                    key: row.try_get("key")?,
                    payload: row.try_get("payload")?,
                };
                Ok((row.try_get("number")?, outgoing))
            })
            .collect()
    }

    /// The broker has these.
    pub async fn published(&self, numbers: &[i64]) -> Result<(), StoreError> {
        for chunk in numbers.chunks(ROWS_MAX) {
            let mut query = QueryBuilder::new("DELETE FROM outbox WHERE number IN (");
            let mut list = query.separated(", ");
            chunk.iter().for_each(|number| {
                list.push_bind(*number);
            });
            query.push(")").build().execute(&self.pool).await?;
        }
        Ok(())
    }

    pub async fn outbox_length(&self) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT COUNT(*) AS n FROM outbox").fetch_one(&self.pool).await?;
        Ok(row.try_get::<i64, _>("n")? as u64)
    }
}

type Tx<'a> = Transaction<'a, Sqlite>;

async fn merge(tx: &mut Tx<'_>, absorbed: &str, by: &str, revision: i64) -> Result<(), StoreError> {
    for sql in [
        "UPDATE findings SET incident = $2 WHERE incident = $1",
        "UPDATE entries SET incident = $2 WHERE incident = $1",
    ] {
        sqlx::query(sql).bind(absorbed).bind(by).execute(&mut **tx).await?;
    }
    sqlx::query("DELETE FROM incident_keys WHERE incident = $1")
        .bind(absorbed)
        .execute(&mut **tx)
        .await?;
    sqlx::query(
        "UPDATE incidents SET status = 'merged', revision = $3,
             body = json_set(body, '$.status', 'merged', '$.merged_into', $2)
         WHERE id = $1",
    )
    .bind(absorbed)
    .bind(by)
    .bind(revision)
    .execute(&mut **tx)
    .await?;
    Ok(())
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
    let actors = incident.actors.iter().map(|value| ("actor", value));
    let sources = incident.sources.iter().map(|value| ("source", value));
    let datasets = incident.datasets.iter().map(|d| ("dataset", &d.dataset));
    let keys: Vec<(&str, &String)> = actors.chain(sources).chain(datasets).collect();
    for chunk in keys.chunks(ROWS_MAX) {
        let mut query =
            QueryBuilder::new("INSERT OR IGNORE INTO incident_keys (incident, kind, value) ");
        query.push_values(chunk, |mut row, (kind, value)| {
            row.push_bind(&incident.id).push_bind(*kind).push_bind(*value);
        });
        query.build().execute(&mut **tx).await?;
    }
    Ok(())
}

async fn put_findings(
    tx: &mut Tx<'_>,
    findings: &[(IncidentId, Finding)],
    revision: i64,
) -> Result<(), StoreError> {
    for (incident, finding) in findings {
        sqlx::query(
            "INSERT OR IGNORE INTO findings (id, incident, time, detector, severity, actor, source_ip, body, revision)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(&finding.id)
        .bind(incident)
        .bind(finding.time.millis())
        .bind(finding.detector.as_ref())
        .bind(finding.severity as i64)
        .bind(&finding.actor)
        .bind(&finding.source_ip)
        .bind(serde_json::to_string(finding)?)
        .bind(revision)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

async fn put_entries(tx: &mut Tx<'_>, entries: &[(IncidentId, Entry)]) -> Result<(), StoreError> {
    for chunk in entries.chunks(ROWS_MAX) {
        let bodies: Vec<String> = chunk
            .iter()
            .map(|(_, entry)| serde_json::to_string(entry))
            .collect::<Result<_, _>>()?;
        let mut query = QueryBuilder::new("INSERT INTO entries (incident, time, body) ");
        query.push_values(chunk.iter().zip(bodies), |mut row, ((incident, entry), body)| {
            row.push_bind(incident).push_bind(entry.time.millis()).push_bind(body);
        });
        query.build().execute(&mut **tx).await?;
    }
    Ok(())
}
