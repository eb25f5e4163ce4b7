//! Reading: lists with filters and pages.

use sqlx::Row;

use super::sql::{Sql, anywhere, text};
use super::store::Kind;
use super::{Store, StoreError};
use crate::engine::model::{EventTime, Finding, Incident, Severity};

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where the next page begins; none on the last.
    pub next: Option<String>,
    /// How many match in all.
    pub total: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncidentSort {
    #[default]
    Updated,
    Score,
    Opened,
}

impl IncidentSort {
    const fn column(self) -> &'static str {
        match self {
            Self::Updated => "updated",
            Self::Score => "score",
            Self::Opened => "COALESCE(opened, 0)",
        }
    }
}

/// What an incident list is narrowed to. Empty means any.
#[derive(Clone, Debug, Default)]
pub struct IncidentFilter {
    pub statuses: Vec<&'static str>,
    pub severities: Vec<Severity>,
    pub actor: Option<String>,
    pub source: Option<String>,
    pub dataset: Option<String>,
    /// Named by an entry.
    pub session: Option<String>,
    /// A subject's token, named by an entry.
    pub subject: Option<String>,
    /// In title, sentence or id; case does not matter.
    pub text: Option<String>,
    pub from: Option<EventTime>,
    pub to: Option<EventTime>,
    /// What people made of it.
    pub states: Vec<&'static str>,
    /// `-` for nobody.
    pub assignee: Option<String>,
    pub sort: IncidentSort,
    pub ascending: bool,
}

#[derive(Clone, Debug, Default)]
pub struct FindingFilter {
    pub incident: Option<String>,
    pub actor: Option<String>,
    pub source: Option<String>,
    pub detector: Option<String>,
    pub severities: Vec<Severity>,
    pub from: Option<EventTime>,
    pub to: Option<EventTime>,
}

impl Store {
    pub async fn incident(&self, id: &str) -> Result<Option<Incident>, StoreError> {
        let row = sqlx::query("SELECT body FROM incidents WHERE id = $1")
            .bind(text(id))
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| Ok(serde_json::from_str(row.try_get("body")?)?)).transpose()
    }

    /// Incidents whose id begins so, at most ten.
    pub async fn incidents_beginning(&self, id: &str) -> Result<Vec<Incident>, StoreError> {
        let rows = sqlx::query("SELECT body FROM incidents WHERE substr(id, 1, $2) = $1 LIMIT 10")
            .bind(text(id))
            .bind(i32::try_from(id.chars().count()).unwrap_or(i32::MAX))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| Ok(serde_json::from_str(row.try_get("body")?)?)).collect()
    }

    /// Findings whose id begins so, at most ten, with the incident each is in.
    pub async fn findings_beginning(&self, id: &str) -> Result<Vec<(String, Finding)>, StoreError> {
        let rows = sqlx::query(
            "SELECT incident, body FROM findings WHERE substr(id, 1, $2) = $1 ORDER BY id LIMIT 10",
        )
        .bind(text(id))
        .bind(i32::try_from(id.chars().count()).unwrap_or(i32::MAX))
        .fetch_all(&self.pool)
        .await?;
        let found = rows.iter().map(|row| {
            let finding = serde_json::from_str(row.try_get("body")?)?;
            Ok((row.try_get("incident")?, finding))
        });
        found.collect()
    }

    /// `cursor` is a page's `next`; one that is not understood begins at the start.
    pub async fn incidents(
        &self,
        filter: &IncidentFilter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<Incident>, StoreError> {
        let column = filter.sort.column();
        let status = self.status_unsought();
        let total = count("incidents", |query| incident_where(query, filter, status), self).await?;
        let mut query = Sql::new(format!("SELECT id, body, {column} AS place FROM incidents"));
        incident_where(&mut query, filter, status);
        after(&mut query, column, filter.ascending, cursor);
        let rows = page(query, column, filter.ascending, limit, self).await?;
        into_page(rows, limit, total)
    }

    /// The status, not to be sought by. Nearly all incidents have one of two, which SQLite does not
    /// know: by the index on it, it would fetch and sort them all for a page, and fetch them in the
    /// index's order for a count. The sign keeps it from that.
    const fn status_unsought(&self) -> &'static str {
        match self.kind {
            Kind::Sqlite => "+status",
            Kind::Postgres => "status",
        }
    }

    pub async fn findings(
        &self,
        filter: &FindingFilter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<Finding>, StoreError> {
        let total = count("findings", |query| finding_where(query, filter), self).await?;
        let mut query = Sql::new("SELECT id, body, time AS place FROM findings");
        finding_where(&mut query, filter);
        after(&mut query, "time", false, cursor);
        let rows = page(query, "time", false, limit, self).await?;
        into_page(rows, limit, total)
    }
}

async fn count(
    table: &str,
    narrow: impl FnOnce(&mut Sql),
    store: &Store,
) -> Result<u64, StoreError> {
    let mut query = Sql::new(format!("SELECT COUNT(*) AS n FROM {table}"));
    narrow(&mut query);
    let rows = query.rows(&store.pool).await?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    Ok(row.try_get::<i64, _>("n")? as u64)
}

fn incident_where(query: &mut Sql, filter: &IncidentFilter, status: &str) {
    query.push(" WHERE 1 = 1");
    if !filter.statuses.is_empty() {
        query.push(&format!(" AND {status} IN ("));
        query.list(filter.statuses.iter().map(|status| (*status).to_owned())).push(")");
    }
    severities(query, &filter.severities);
    case_where(query, filter);
    for (kind, value) in
        [("actor", &filter.actor), ("source", &filter.source), ("dataset", &filter.dataset)]
    {
        if let Some(value) = value {
            query.push(" AND id IN (SELECT incident FROM incident_keys WHERE kind = ");
            query.bind(kind.to_owned()).push(" AND value = ").bind(text(value)).push(")");
        }
    }
    for (kind, value) in [("session", &filter.session), ("subject", &filter.subject)] {
        if let Some(value) = value {
            query.push(" AND id IN (SELECT incident FROM entry_keys WHERE kind = ");
            query.bind(kind.to_owned()).push(" AND value = ").bind(text(value)).push(")");
        }
    }
    if let Some(wanted) = &filter.text {
        query.push(" AND search LIKE ").bind(anywhere(&wanted.to_lowercase())).push(" ESCAPE '\\'");
    }
    if let Some(from) = filter.from {
        query.push(" AND updated >= ").bind(from.millis());
    }
    if let Some(to) = filter.to {
        query.push(" AND updated < ").bind(to.millis());
    }
}

/// Where nobody has acted, the incident is new and nobody's.
fn case_where(query: &mut Sql, filter: &IncidentFilter) {
    if !filter.states.is_empty() {
        let new = filter.states.contains(&"new");
        let not = if new { "NOT " } else { "" };
        query.push(&format!(" AND id {not}IN (SELECT incident FROM cases WHERE state {not}IN ("));
        query.list(filter.states.iter().map(|state| (*state).to_owned())).push("))");
    }
    match filter.assignee.as_deref() {
        None => {}
        Some("-") => {
            query.push(" AND id NOT IN (SELECT incident FROM cases WHERE assignee IS NOT NULL)");
        }
        Some(name) => {
            query.push(" AND id IN (SELECT incident FROM cases WHERE assignee = ");
            query.bind(text(name)).push(")");
        }
    }
}

fn finding_where(query: &mut Sql, filter: &FindingFilter) {
    query.push(" WHERE 1 = 1");
    for (column, value) in [
        ("incident", &filter.incident),
        ("actor", &filter.actor),
        ("source_ip", &filter.source),
        ("detector", &filter.detector),
    ] {
        if let Some(value) = value {
            query.push(&format!(" AND {column} = ")).bind(text(value));
        }
    }
    severities(query, &filter.severities);
    if let Some(from) = filter.from {
        query.push(" AND time >= ").bind(from.millis());
    }
    if let Some(to) = filter.to {
        query.push(" AND time < ").bind(to.millis());
    }
}

fn severities(query: &mut Sql, severities: &[Severity]) {
    if !severities.is_empty() {
        query.push(" AND severity IN (");
        query.list(severities.iter().map(|severity| *severity as i64)).push(")");
    }
}

/// A cursor is `<value>:<id>` of the last row of the page before.
fn after(query: &mut Sql, column: &str, ascending: bool, cursor: Option<&str>) {
    let Some((place, id)) = cursor.and_then(|c| c.split_once(':')) else { return };
    let Ok(place) = place.parse::<i64>() else { return };
    let than = if ascending { ">" } else { "<" };
    query.push(&format!(" AND ({column}, id) {than} ("));
    query.bind(place).push(", ").bind(text(id)).push(")");
}

async fn page(
    mut query: Sql,
    column: &str,
    ascending: bool,
    limit: u32,
    store: &Store,
) -> Result<Vec<(String, i64, String)>, StoreError> {
    let way = if ascending { "ASC" } else { "DESC" };
    query.push(&format!(" ORDER BY {column} {way}, id {way} LIMIT ")).bind(i64::from(limit) + 1);
    let rows = query.rows(&store.pool).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("id")?, row.try_get("place")?, row.try_get("body")?)))
        .collect()
}

fn into_page<T: serde::de::DeserializeOwned>(
    mut rows: Vec<(String, i64, String)>,
    limit: u32,
    total: u64,
) -> Result<Page<T>, StoreError> {
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(|(id, place, _)| format!("{place}:{id}"));
    let items =
        rows.iter().map(|(_, _, body)| serde_json::from_str(body)).collect::<Result<_, _>>()?;
    Ok(Page { items, next, total })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page is read along an index in the list's order: nothing is fetched to be sorted.
    #[tokio::test]
    async fn a_page_of_incidents_reads_no_more_than_it_shows() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("store.db")).await.expect("a store");
        let statuses = vec!["open", "quiet"];
        for sort in [IncidentSort::Updated, IncidentSort::Score, IncidentSort::Opened] {
            for severities in [vec![], vec![Severity::High, Severity::Critical]] {
                let (column, statuses) = (sort.column(), statuses.clone());
                let filter = IncidentFilter { statuses, severities, sort, ..Default::default() };
                let plan = "EXPLAIN QUERY PLAN SELECT id, body FROM incidents";
                let mut query = Sql::new(plan);
                incident_where(&mut query, &filter, store.status_unsought());
                after(&mut query, column, false, Some("9:x"));
                query.push(&format!(" ORDER BY {column} DESC, id DESC LIMIT 21"));
                let rows = query.rows(&store.pool).await.expect("a plan");
                let steps: Vec<String> =
                    rows.iter().map(|row| row.try_get("detail").expect("a step")).collect();
                assert_eq!(steps.len(), 1, "{column}: {steps:?}");
                assert!(steps[0].contains("USING INDEX"), "{column}: {steps:?}");
            }
        }
    }
}
