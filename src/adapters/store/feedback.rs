//! What resolved incidents say about the detectors and rules that found them.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Row;

use super::acts::Tx;
use super::{Store, StoreError};
use crate::engine::cases::Resolution;
use crate::engine::model::Finding;

/// By detector, or by rule: numbers of incidents in the order of [`Resolution::ALL`].
pub type Judged = BTreeMap<String, [u64; 4]>;

impl Store {
    /// By detector, and by rule.
    pub async fn feedback(&self) -> Result<(Judged, Judged), StoreError> {
        let (mut detectors, mut rules) = (Judged::new(), Judged::new());
        let rows = sqlx::query(
            "SELECT detector, rule, resolution, COUNT(*) AS n FROM feedback
             GROUP BY detector, rule, resolution",
        )
        .fetch_all(&self.pool)
        .await?;
        for row in rows {
            let (detector, rule): (String, String) =
                (row.try_get("detector")?, row.try_get("rule")?);
            let (resolution, n): (String, i64) = (row.try_get("resolution")?, row.try_get("n")?);
            let place = Resolution::ALL.iter().position(|known| known.name() == resolution);
            let judged = match rule.is_empty() {
                true => detectors.entry(detector),
                false => rules.entry(rule),
            };
            if let Some(place) = place {
                judged.or_default()[place] += n as u64;
            }
        }
        Ok((detectors, rules))
    }

    /// Incidents people have acted on, by state.
    pub async fn cases_by_state(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let rows = sqlx::query("SELECT state, COUNT(*) AS n FROM cases GROUP BY state")
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| Ok((row.try_get("state")?, row.try_get::<i64, _>("n")? as u64)))
            .collect()
    }
}

/// Notes who found an incident that was resolved; forgets it where it is no longer.
pub(super) async fn put(
    tx: &mut Tx<'_>,
    incident: &str,
    resolution: Option<Resolution>,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM feedback WHERE incident = $1")
        .bind(incident)
        .execute(&mut **tx)
        .await?;
    let Some(resolution) = resolution else { return Ok(()) };
    let rows = sqlx::query("SELECT body FROM findings WHERE incident = $1")
        .bind(incident)
        .fetch_all(&mut **tx)
        .await?;
    let mut found_by: BTreeSet<(String, String)> = BTreeSet::new();
    for row in rows {
        let finding: Finding = serde_json::from_str(row.try_get("body")?)?;
        found_by.insert((finding.detector.to_string(), String::new()));
        if let Some(rule) = finding.rule {
            found_by.insert((finding.detector.into_owned(), rule));
        }
    }
    for (detector, rule) in found_by {
        sqlx::query(
            "INSERT INTO feedback (incident, detector, rule, resolution) VALUES ($1, $2, $3, $4)",
        )
        .bind(incident)
        .bind(detector)
        .bind(rule)
        .bind(resolution.name())
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}
