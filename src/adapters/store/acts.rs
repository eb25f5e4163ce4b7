//! What people do: acts in, cases out. Apart from what the engine computes, which is written anew
//! at any time.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

use super::sql::{Sql, text};
use super::{Office, Store, StoreError, StoredNotice, notices};
use crate::engine::cases::{Act, Case, MONITOR, Recorded, Refusal, State};
use crate::engine::model::{EventTime, Incident, IncidentId, Status};

pub(super) type Tx<'a> = Transaction<'a, Any>;

/// Acts of one incident; further ones are refused.
const ACTS_MAX: usize = 10_000;
/// Ids in one IN list.
const IDS_MAX: usize = 500;
/// Of those, acts that tell of notices: they leave room for people's.
const TELLING_MAX: usize = 1_000;
/// Merges followed from one incident to the last survivor.
const MERGES_MAX: usize = 100;

/// An act was done.
#[derive(Clone, Debug)]
pub struct Done {
    pub act: Recorded,
    pub case: Case,
}

/// Why an act was not done.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("no incident has this id")]
    Unknown,
    #[error("the incident was absorbed by {0}")]
    Merged(IncidentId),
    #[error("{refusal}")]
    Refused { refusal: Refusal, case: Box<Case> },
    #[error("the incident was changed since: it is at revision {}", case.revision)]
    Stale { case: Box<Case> },
    #[error("incident {0} cannot be named: there is none with this id, or it was absorbed")]
    Other(IncidentId),
    #[error("no finding {0} belongs to this incident, or it is the only one")]
    Finding(String),
    #[error("the incident has {ACTS_MAX} acts, as many as there may be")]
    Full,
}

impl From<sqlx::Error> for ActError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Does an act, if the case is still at the revision `seen` and the act is possible.
    pub async fn act(
        &self,
        incident: &str,
        by: &str,
        time: EventTime,
        act: Act,
        seen: Option<u64>,
    ) -> Result<Done, ActError> {
        let mut tx = self.begin().await?;
        let done = act_in(&mut tx, incident, by, time, act, seen).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// An act of whoever is in office, together with the notices that tell of it: both or neither.
    pub async fn act_and_tell(
        &self,
        incident: &str,
        by: &str,
        time: EventTime,
        act: Act,
        told: &[StoredNotice],
        office: Office,
    ) -> Result<Done, ActError> {
        let mut tx = self.begin_in(office).await?;
        let done = act_in(&mut tx, incident, by, time, act, None).await?;
        notices::put(&mut tx, told).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// All acts on an incident, oldest first.
    pub async fn acts(&self, incident: &str) -> Result<Vec<Recorded>, StoreError> {
        let rows = sqlx::query("SELECT * FROM acts WHERE incident = $1 ORDER BY number")
            .bind(incident)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read_act).collect()
    }

    /// Acts of any incident or none after `number`, oldest first; of these kinds, or all.
    pub async fn acts_after(
        &self,
        number: i64,
        kinds: &[&str],
        limit: u32,
    ) -> Result<Vec<Recorded>, StoreError> {
        let mut query = Sql::new("SELECT * FROM acts WHERE number > ");
        query.bind(number);
        narrow(&mut query, kinds);
        query.push(" ORDER BY number LIMIT ").bind(i64::from(limit));
        let rows = query.rows(&self.pool).await?;
        rows.iter().map(read_act).collect()
    }

    /// The same before `number`, newest first: the audit.
    pub async fn acts_before(
        &self,
        number: i64,
        by: Option<&str>,
        kinds: &[&str],
        limit: u32,
    ) -> Result<Vec<Recorded>, StoreError> {
        let mut query = Sql::new("SELECT * FROM acts WHERE number < ");
        query.bind(number);
        narrow(&mut query, kinds);
        if let Some(by) = by {
            query.push(" AND who = ").bind(text(by));
        }
        query.push(" ORDER BY number DESC LIMIT ").bind(i64::from(limit));
        let rows = query.rows(&self.pool).await?;
        rows.iter().map(read_act).collect()
    }

    pub async fn last_act(&self) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT number FROM act_number").fetch_one(&self.pool).await?;
        Ok(row.try_get("number")?)
    }

    /// Where a case stands; new where nobody has acted.
    pub async fn case(&self, incident: &str) -> Result<Case, StoreError> {
        Ok(self.cases(&[incident]).await?.remove(incident).unwrap_or_default())
    }

    /// The cases of these incidents that somebody has acted on.
    pub async fn cases(&self, incidents: &[&str]) -> Result<BTreeMap<String, Case>, StoreError> {
        let mut cases = BTreeMap::new();
        for chunk in incidents.chunks(IDS_MAX) {
            let mut query = Sql::new("SELECT incident, body FROM cases WHERE incident IN (");
            query.list(chunk.iter().map(|id| text(id))).push(")");
            for row in query.rows(&self.pool).await? {
                let case = serde_json::from_str(row.try_get("body")?)?;
                cases.insert(row.try_get("incident")?, case);
            }
        }
        Ok(cases)
    }

    /// Cases in which clocks were started.
    pub async fn cases_with_clocks(&self) -> Result<Vec<(IncidentId, Case)>, StoreError> {
        let rows =
            sqlx::query("SELECT incident, body FROM cases WHERE clocks = 1 ORDER BY incident")
                .fetch_all(&self.pool)
                .await?;
        rows.iter()
            .map(|row| Ok((row.try_get("incident")?, serde_json::from_str(row.try_get("body")?)?)))
            .collect()
    }

    /// Incidents resolved before findings came that are stored after `revision`.
    pub async fn grown_after_resolution(
        &self,
        revision: i64,
    ) -> Result<Vec<IncidentId>, StoreError> {
        let rows = sqlx::query(
            "SELECT c.incident AS incident FROM cases c
             WHERE c.state = 'resolved'
               AND c.incident IN (SELECT f.incident FROM findings f WHERE f.revision > $1)
               AND EXISTS (SELECT 1 FROM findings g
                           WHERE g.incident = c.incident AND g.revision > c.resolved_at)
             ORDER BY c.incident",
        )
        .bind(revision)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok(row.try_get("incident")?)).collect()
    }

    /// Brings the acts of absorbed incidents to those that absorbed them. How many incidents.
    pub async fn follow_merges(&self, time: EventTime) -> Result<u64, StoreError> {
        let rows = sqlx::query(
            "SELECT i.id AS id FROM cases c JOIN incidents i ON i.id = c.incident
             WHERE i.status = 'merged' ORDER BY i.id",
        )
        .fetch_all(&self.pool)
        .await?;
        for row in &rows {
            let absorbed: String = row.try_get("id")?;
            if let Some(survivor) = self.survivor(&absorbed).await? {
                self.follow(&absorbed, &survivor, time).await?;
            }
        }
        Ok(rows.len() as u64)
    }

    /// Deletes the acts of incidents that are no longer kept.
    pub async fn forget_acts(&self) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for table in ["acts", "cases", "feedback"] {
            sqlx::query(sqlx::AssertSqlSafe(format!(
                "DELETE FROM {table} WHERE incident <> '' AND NOT EXISTS
                     (SELECT 1 FROM incidents i WHERE i.id = {table}.incident)"
            )))
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The incident that absorbed this one in the end.
    async fn survivor(&self, absorbed: &str) -> Result<Option<IncidentId>, StoreError> {
        let mut id = absorbed.to_owned();
        for _ in 0..MERGES_MAX {
            match self.incident(&id).await? {
                Some(incident) if incident.status == Status::Merged => match incident.merged_into {
                    Some(by) => id = by,
                    None => return Ok(None),
                },
                Some(_) => return Ok(Some(id)),
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    async fn follow(
        &self,
        absorbed: &str,
        survivor: &str,
        time: EventTime,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let number = next_number(&mut tx).await?;
        sqlx::query("UPDATE acts SET incident = $2 WHERE incident = $1")
            .bind(absorbed)
            .bind(survivor)
            .execute(&mut *tx)
            .await?;
        for sql in
            ["DELETE FROM cases WHERE incident = $1", "DELETE FROM feedback WHERE incident = $1"]
        {
            sqlx::query(sql).bind(absorbed).execute(&mut *tx).await?;
        }
        let said = Recorded {
            number,
            incident: Some(survivor.to_owned()),
            origin: Some(survivor.to_owned()),
            time,
            by: MONITOR.to_owned(),
            act: Act::Absorbed { incident: absorbed.to_owned() },
        };
        put_act(&mut tx, &said).await?;
        let acts = acts_of(&mut tx, survivor).await?;
        put_case(&mut tx, survivor, &acts).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Does an act within a transaction, if the case is still at the revision `seen` and it is possible.
async fn act_in(
    tx: &mut Tx<'_>,
    incident: &str,
    by: &str,
    time: EventTime,
    act: Act,
    seen: Option<u64>,
) -> Result<Done, ActError> {
    let number = next_number(tx).await?;
    let row = sqlx::query("SELECT status, body FROM incidents WHERE id = $1")
        .bind(incident)
        .fetch_optional(&mut **tx)
        .await?
        .ok_or(ActError::Unknown)?;
    let found: Incident = serde_json::from_str(row.try_get("body")?).map_err(StoreError::from)?;
    if let Some(by) = found.merged_into.filter(|_| found.status == Status::Merged) {
        return Err(ActError::Merged(by));
    }
    let mut acts = acts_of(tx, incident).await?;
    let case = Case::of(incident, &acts);
    if seen.is_some_and(|seen| seen != case.revision) {
        return Err(ActError::Stale { case: Box::new(case) });
    }
    if let Err(refusal) = case.admits(&act, &acts) {
        return Err(ActError::Refused { refusal, case: Box::new(case) });
    }
    if acts.len() >= ACTS_MAX {
        return Err(ActError::Full);
    }
    refers(tx, incident, &act).await?;
    let recorded = Recorded {
        number,
        incident: Some(incident.to_owned()),
        origin: Some(incident.to_owned()),
        time,
        by: by.to_owned(),
        act,
    };
    put_act(tx, &recorded).await?;
    acts.push(recorded.clone());
    let case = put_case(tx, incident, &acts).await?;
    Ok(Done { act: recorded, case })
}

fn narrow(query: &mut Sql, kinds: &[&str]) {
    if !kinds.is_empty() {
        query.push(" AND kind IN (");
        query.list(kinds.iter().map(|kind| (*kind).to_owned())).push(")");
    }
}

/// The number of the act to be added. Whoever else adds one waits until this transaction ends.
pub(super) async fn next_number(tx: &mut Tx<'_>) -> Result<i64, sqlx::Error> {
    sqlx::query("UPDATE act_number SET number = number + 1").execute(&mut **tx).await?;
    sqlx::query("SELECT number FROM act_number").fetch_one(&mut **tx).await?.try_get("number")
}

pub(super) async fn put_act(tx: &mut Tx<'_>, act: &Recorded) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO acts (number, incident, origin, time, who, kind, body)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(act.number)
    .bind(act.incident.clone().unwrap_or_default())
    .bind(act.origin.clone().unwrap_or_default())
    .bind(act.time.millis())
    .bind(text(&act.by))
    .bind(act.act.name())
    .bind(serde_json::to_string(&act.act)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Notes on an incident's timeline what somebody was told, or was not told; the latter once.
pub(super) async fn tell(
    tx: &mut Tx<'_>,
    incident: &str,
    time: EventTime,
    act: Act,
) -> Result<(), StoreError> {
    let known = sqlx::query("SELECT 1 FROM incidents WHERE id = $1")
        .bind(incident)
        .fetch_optional(&mut **tx)
        .await?;
    let told = sqlx::query(
        "SELECT * FROM acts WHERE incident = $1 AND kind IN ('held_back', 'told') ORDER BY number",
    )
    .bind(incident)
    .fetch_all(&mut **tx)
    .await?;
    let told: Vec<Recorded> = told.iter().map(read_act).collect::<Result<_, _>>()?;
    let again = matches!(act, Act::HeldBack { .. }) && told.iter().any(|said| said.act == act);
    if known.is_none() || again || told.len() >= TELLING_MAX {
        return Ok(());
    }
    let number = next_number(tx).await?;
    let incident = Some(incident.to_owned());
    let by = MONITOR.to_owned();
    put_act(tx, &Recorded { number, origin: incident.clone(), incident, time, by, act }).await
}

async fn acts_of(tx: &mut Tx<'_>, incident: &str) -> Result<Vec<Recorded>, StoreError> {
    let rows = sqlx::query("SELECT * FROM acts WHERE incident = $1 ORDER BY number")
        .bind(incident)
        .fetch_all(&mut **tx)
        .await?;
    rows.iter().map(read_act).collect()
}

pub(super) fn read_act(row: &AnyRow) -> Result<Recorded, StoreError> {
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    Ok(Recorded {
        number: row.try_get("number")?,
        incident: some(row.try_get("incident")?),
        origin: some(row.try_get("origin")?),
        time: EventTime::from_millis(row.try_get("time")?).unwrap_or_default(),
        by: row.try_get("who")?,
        act: serde_json::from_str(row.try_get("body")?)?,
    })
}

/// Brings a case up to date with its acts.
pub(super) async fn refold(tx: &mut Tx<'_>, incident: &str) -> Result<(), StoreError> {
    let acts = acts_of(tx, incident).await?;
    put_case(tx, incident, &acts).await?;
    Ok(())
}

/// Writes what the acts make of an incident, and what it says about who found it.
async fn put_case(tx: &mut Tx<'_>, incident: &str, acts: &[Recorded]) -> Result<Case, StoreError> {
    let case = Case::of(incident, acts);
    let before = sqlx::query("SELECT resolved_at FROM cases WHERE incident = $1")
        .bind(incident)
        .fetch_optional(&mut **tx)
        .await?;
    let before: Option<i64> = before.and_then(|row| row.try_get("resolved_at").ok()).flatten();
    let resolved_at = match (case.state, before) {
        (State::Resolved, Some(before)) => Some(before),
        (State::Resolved, None) => Some(revision(tx).await?),
        _ => None,
    };
    sqlx::query(
        "INSERT INTO cases (incident, state, resolution, assignee, clocks, resolved_at, body)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (incident) DO UPDATE SET state = excluded.state,
             resolution = excluded.resolution, assignee = excluded.assignee,
             clocks = excluded.clocks, resolved_at = excluded.resolved_at, body = excluded.body",
    )
    .bind(incident)
    .bind(case.state.name())
    .bind(case.resolution.map(|resolution| resolution.name()))
    .bind(case.assignee.as_deref().map(text))
    .bind(i64::from(!case.aware.is_empty()))
    .bind(resolved_at)
    .bind(serde_json::to_string(&case)?)
    .execute(&mut **tx)
    .await?;
    super::feedback::put(tx, incident, case.resolution).await?;
    Ok(case)
}

/// The revision of what was last stored by the correlator.
async fn revision(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    let row = sqlx::query("SELECT COALESCE(MAX(revision), 0) AS revision FROM findings")
        .fetch_one(&mut **tx)
        .await?;
    Ok(row.try_get("revision")?)
}

/// What an act names has to be there.
async fn refers(tx: &mut Tx<'_>, incident: &str, act: &Act) -> Result<(), ActError> {
    match act {
        Act::Absorb { incident: other } => {
            let there = sqlx::query("SELECT 1 FROM incidents WHERE id = $1 AND status <> 'merged'")
                .bind(other)
                .fetch_optional(&mut **tx)
                .await?;
            let usable = there.is_some() && other != incident;
            if usable { Ok(()) } else { Err(ActError::Other(other.clone())) }
        }
        Act::Split { finding } => {
            let row = sqlx::query(
                "SELECT (SELECT COUNT(*) FROM findings WHERE incident = $1) AS n,
                        (SELECT COUNT(*) FROM findings WHERE incident = $1 AND id = $2) AS here",
            )
            .bind(incident)
            .bind(finding)
            .fetch_one(&mut **tx)
            .await?;
            let (n, here): (i64, i64) = (row.try_get("n")?, row.try_get("here")?);
            if here == 1 && n > 1 { Ok(()) } else { Err(ActError::Finding(finding.clone())) }
        }
        _ => Ok(()),
    }
}
