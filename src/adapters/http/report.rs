//! Several incidents as one: whose data, each person counted once.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::{ApiError, ErrorBody};
use super::incidents::{DETAILS_MAX, Served, findings_of, left, unknown, with_cases};
use super::parameters::{Parameters, refused};
use super::shapes;
use super::state::App;
use crate::engine::correlate::{LeftNetwork, Scope};
use crate::engine::model::DatasetScope;

pub const PARAMETERS: [&str; 1] = ["incidents"];
/// Incidents in one report; the query's length allows no more either.
const INCIDENTS_MAX: usize = 15;

/// Scope over all of the incidents. It is counted anew from their stored entries, so somebody
/// whose data was read in several of them counts once.
#[derive(Serialize, ToSchema)]
pub struct Report {
    #[schema(value_type = Vec<super::case_shapes::ServedIncident>)]
    incidents: Vec<Served>,
    /// Distinct people and consignments over all of them.
    subjects: u64,
    /// Relative standard error of `subjects`, 0 while it is exact.
    subjects_error: f64,
    /// The incidents' own numbers summed: what is above `subjects` was counted more than once.
    subjects_summed: u64,
    /// Subjects that entries count without naming them: not in `subjects`, and perhaps the same.
    subjects_unnamed: u64,
    records: u64,
    bytes: u64,
    /// Bytes that left the network.
    bytes_out: u64,
    /// The worst of the incidents'.
    #[schema(value_type = shapes::LeftNetwork)]
    left_network: LeftNetwork,
    #[schema(value_type = Vec<shapes::DatasetScope>)]
    datasets: Vec<DatasetScope>,
    /// Entries it was counted from.
    entries: u64,
}

/// A report over several incidents, subjects counted once.
#[utoipa::path(
    get, path = "/api/v1/report", tag = "cases",
    params(("incidents" = String, Query, description = "Ids with commas between, at most 15")),
    responses(
        (status = 200, description = "The report", body = Report),
        (status = 404, description = "No such incident", body = ErrorBody),
        (status = 503, description = "Too many at once, or too slow", body = ErrorBody),
    ),
)]
pub async fn report(State(app): State<App>, uri: Uri) -> Result<Json<Report>, ApiError> {
    let parameters = Parameters::read(&uri, &PARAMETERS)?;
    let named = parameters.get("incidents").unwrap_or_default();
    let mut ids: Vec<&str> = named.split(',').filter(|id| !id.is_empty()).collect();
    ids.sort_unstable();
    ids.dedup();
    if !(1..=INCIDENTS_MAX).contains(&ids.len()) {
        let allowed = format!("1 to {INCIDENTS_MAX} ids with commas between");
        return Err(refused("incidents", named, &allowed));
    }
    // As with timelines: all entries of an incident are in memory for a while.
    let permit = app.timelines.clone().acquire_owned().await;
    let permit = permit.map_err(|_| ApiError::unavailable("the server is ending"))?;
    let mut scope = Scope::new(app.settings.subjects_exact_max.max(1));
    let (mut incidents, mut entries, mut unnamed) = (Vec::new(), 0, 0);
    let mut left_network: Option<LeftNetwork> = None;
    for id in ids {
        let incident = app.store.incident(id).await?.ok_or_else(unknown)?;
        let left = left(&app, &incident, &findings_of(&app, id, DETAILS_MAX).await?);
        if left_network.as_ref().is_none_or(|worst| left.verdict > worst.verdict) {
            left_network = Some(left);
        }
        incidents.push(incident);
        for entry in app.store.entries(id).await? {
            scope.take(&entry);
            entries += 1;
            unnamed += u64::from(entry.subjects).saturating_sub(entry.tokens.len() as u64)
                * u64::from(entry.kind == crate::engine::model::EntryKind::Access);
        }
    }
    drop(permit);
    Ok(Json(Report {
        subjects: scope.subjects(),
        subjects_error: scope.subjects_error(),
        subjects_summed: incidents.iter().map(|incident| incident.subjects).sum(),
        subjects_unnamed: unnamed,
        records: scope.records,
        bytes: scope.bytes,
        bytes_out: scope.bytes_out,
        left_network: left_network.ok_or_else(unknown)?,
        datasets: scope.datasets(),
        entries,
        incidents: with_cases(&app, incidents).await?,
    }))
}
