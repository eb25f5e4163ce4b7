//! Writing: one batch, one transaction.

use std::collections::BTreeSet;

use sqlx::{Any, Row, Transaction};

use super::sql::{Sql, text};
use super::{Office, ReadsTold, Store, StoreError, StoredNotice, hours, notices, store};
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
    /// For sinks.
    pub notices: Vec<StoredNotice>,
    /// More reads, to be added to those of their hour.
    pub reads: Vec<ReadsTold>,
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
            && self.notices.is_empty()
            && self.reads.is_empty()
    }
}

/// Rows in one INSERT; SQLite takes 32,766 parameters, PostgreSQL 65,535.
const ROWS_MAX: usize = 1_000;

impl Store {
    /// Writes the batch, all or nothing, if `office` is still ours.
    pub async fn apply(&self, batch: &StoreBatch, office: Office) -> Result<(), StoreError> {
        let mut tx = self.begin_in(office).await?;
        let revision = store::newest_revision(&mut *tx).await? + 1;
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
            .bind(text(topic))
            .bind(*partition)
            .bind(*next)
            .execute(&mut *tx)
            .await?;
        }
        for outgoing in &batch.outgoing {
            sqlx::query("INSERT INTO outbox (topic, key, payload) VALUES ($1, $2, $3)")
                .bind(text(&outgoing.topic))
                .bind(text(&outgoing.key))
                .bind(text(&outgoing.payload))
                .execute(&mut *tx)
                .await?;
        }
        notices::put(&mut tx, &batch.notices).await?;
        hours::put(&mut tx, &batch.reads).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The oldest records to be published, with their numbers.
    pub async fn outbox(&self, records_max: u32) -> Result<Vec<(i64, Outgoing)>, StoreError> {
        let rows =
            sqlx::query("SELECT number, topic, key, payload FROM outbox ORDER BY number LIMIT $1")
                .bind(i64::from(records_max))
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
            let mut query = Sql::new("DELETE FROM outbox WHERE number IN (");
            query.list(chunk.iter().copied()).push(")");
            query.execute(&mut *self.pool.acquire().await?).await?;
        }
        Ok(())
    }

    pub async fn outbox_length(&self) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT COUNT(*) AS n FROM outbox").fetch_one(&self.pool).await?;
        Ok(row.try_get::<i64, _>("n")? as u64)
    }
}

type Tx<'a> = Transaction<'a, Any>;

async fn merge(tx: &mut Tx<'_>, absorbed: &str, by: &str, revision: i64) -> Result<(), StoreError> {
    for sql in [
        "UPDATE findings SET incident = $2 WHERE incident = $1",
        "UPDATE entries SET incident = $2 WHERE incident = $1",
    ] {
        sqlx::query(sql).bind(absorbed).bind(by).execute(&mut **tx).await?;
    }
    sqlx::query(
        "INSERT INTO entry_keys (kind, value, incident)
         SELECT kind, value, $2 FROM entry_keys WHERE incident = $1 ON CONFLICT DO NOTHING",
    )
    .bind(absorbed)
    .bind(by)
    .execute(&mut **tx)
    .await?;
    for sql in [
        "DELETE FROM entry_keys WHERE incident = $1",
        "DELETE FROM incident_keys WHERE incident = $1",
    ] {
        sqlx::query(sql).bind(absorbed).execute(&mut **tx).await?;
    }
    // The body is changed here and not by the database, whose JSON functions differ.
    let row = sqlx::query("SELECT body FROM incidents WHERE id = $1")
        .bind(absorbed)
        .fetch_optional(&mut **tx)
        .await?;
    let Some(row) = row else { return Ok(()) };
    let mut body: serde_json::Value = serde_json::from_str(row.try_get("body")?)?;
    if let Some(fields) = body.as_object_mut() {
        fields.insert("status".into(), "merged".into());
        fields.insert("merged_into".into(), by.into());
    }
    sqlx::query("UPDATE incidents SET status = 'merged', revision = $2, body = $3 WHERE id = $1")
        .bind(absorbed)
        .bind(revision)
        .bind(body.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub(super) async fn put_incident(
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
    .bind(incident.id.as_str())
    .bind(incident.opened.map(|time| time.millis()))
    .bind(incident.updated.millis())
    .bind(incident.last_event.millis())
    .bind(incident.severity as i64)
    .bind(i64::from(incident.score))
    .bind(incident.status.name())
    .bind(text(&search))
    .bind(serde_json::to_string(incident)?)
    .bind(revision)
    .execute(&mut **tx)
    .await?;
    let actors = incident.actors.iter().map(|value| ("actor", value));
    let sources = incident.sources.iter().map(|value| ("source", value));
    let datasets = incident.datasets.iter().map(|d| ("dataset", &d.dataset));
    let keys: Vec<(&str, &String)> = actors.chain(sources).chain(datasets).collect();
    for chunk in keys.chunks(ROWS_MAX) {
        let mut query = Sql::new("INSERT INTO incident_keys (incident, kind, value) VALUES ");
        for (place, (kind, value)) in chunk.iter().enumerate() {
            query.push(if place > 0 { ", (" } else { "(" });
            query.list([incident.id.clone(), (*kind).to_owned(), text(value)]).push(")");
        }
        query.push(" ON CONFLICT DO NOTHING");
        query.execute(tx).await?;
    }
    Ok(())
}

/// Notes which sessions and subjects the entries name.
pub(super) async fn put_entry_keys(
    tx: &mut Tx<'_>,
    entries: impl Iterator<Item = (&IncidentId, &Entry)>,
) -> Result<(), StoreError> {
    let mut keys: BTreeSet<(&str, String, &IncidentId)> = BTreeSet::new();
    for (incident, entry) in entries {
        keys.extend(entry.session.as_deref().map(|session| ("session", text(session), incident)));
        keys.extend(entry.tokens.iter().map(|token| ("subject", token.to_string(), incident)));
    }
    let keys: Vec<_> = keys.into_iter().collect();
    for chunk in keys.chunks(ROWS_MAX) {
        let mut query = Sql::new("INSERT INTO entry_keys (kind, value, incident) VALUES ");
        for (place, (kind, value, incident)) in chunk.iter().enumerate() {
            query.push(if place > 0 { ", (" } else { "(" });
            query.list([(*kind).to_owned(), value.clone(), (*incident).clone()]).push(")");
        }
        query.push(" ON CONFLICT DO NOTHING");
        query.execute(tx).await?;
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
            "INSERT INTO findings (id, incident, time, detector, severity, actor, source_ip, body, revision)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
        )
        .bind(finding.id.as_str())
        .bind(incident.as_str())
        .bind(finding.time.millis())
        .bind(finding.detector.as_ref())
        .bind(finding.severity as i64)
        .bind(finding.actor.as_deref().map(text))
        .bind(finding.source_ip.as_deref().map(text))
        .bind(serde_json::to_string(finding)?)
        .bind(revision)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

pub(super) async fn put_entries(
    tx: &mut Tx<'_>,
    entries: &[(IncidentId, Entry)],
) -> Result<(), StoreError> {
    for chunk in entries.chunks(ROWS_MAX) {
        put_entry_keys(tx, chunk.iter().map(|(incident, entry)| (incident, entry))).await?;
        let bodies: Vec<String> = chunk
            .iter()
            .map(|(_, entry)| serde_json::to_string(entry))
            .collect::<Result<_, _>>()?;
        let mut query = Sql::new("INSERT INTO entries (incident, time, body) VALUES ");
        for (place, ((incident, entry), body)) in chunk.iter().zip(bodies).enumerate() {
            query.push(if place > 0 { ", (" } else { "(" });
            query.bind(incident.clone()).push(", ").bind(entry.time.millis());
            query.push(", ").bind(body).push(")");
        }
        query.execute(tx).await?;
    }
    Ok(())
}
