//! An incident's story: a page of it for a screen, or all of it as a file.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::{ApiError, ErrorBody};
use super::incidents;
use super::parameters::{Parameters, refused};
use super::shapes;
use super::state::App;
use crate::engine::cases::Recorded;
use crate::engine::model::{Entry, EntryKind, Incident};
use crate::engine::timeline::export::{self, ExportFormat, Manifest};
use crate::engine::timeline::{Line, fold, lines, sort, unfold};

pub const PARAMETERS: [&str; 7] =
    ["format", "fold", "open", "kinds", "limit", "cursor", "manifest"];
const LIMIT: u32 = 500;
pub const KINDS: [EntryKind; 6] = [
    EntryKind::Access,
    EntryKind::Auth,
    EntryKind::Flow,
    EntryKind::Finding,
    EntryKind::Severity,
    EntryKind::Act,
];

/// What is asked for.
struct Asked {
    format: ExportFormat,
    fold: bool,
    /// All of it as a file, whatever its length.
    whole: bool,
    open: Option<String>,
    /// Empty means all.
    kinds: Vec<&'static str>,
    limit: usize,
    after: Option<Place>,
    /// What the file would hold, in its place.
    manifest: bool,
}

/// Where a page ended: so many lines of that millisecond were told. Lines that come later in an
/// earlier place shift nothing.
#[derive(Clone, Copy)]
struct Place {
    millis: i64,
    told: usize,
}

/// A page as it is served.
#[derive(Serialize)]
struct TimelinePage {
    incident: String,
    /// Entries behind all the lines asked for, folds counted in full.
    total: u64,
    lines: Vec<Line>,
    next: Option<String>,
}

/// An incident's timeline: a page of lines, or with another format a file of all of it.
#[utoipa::path(
    get, path = "/api/v1/incidents/{id}/timeline", tag = "incidents",
    params(
        ("id" = String, Path, description = "The incident's id"),
        ("format" = Option<String>, Query, description = "json, csv, markdown, timesketch, html or stix; default json, the others are files"),
        ("fold" = Option<bool>, Query, description = "Whether like entries are one line; default true for json, markdown and html"),
        ("open" = Option<String>, Query, description = "A line's `fold`: the single entries behind it; json only"),
        ("kinds" = Option<String>, Query, description = "Any of access, auth, flow, finding, severity, act"),
        ("limit" = Option<u32>, Query, description = "From 1; at most 1000 are given; default 500; json only. With format=json and fold=false and none of limit, cursor, open, all lines come as a file"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before; json only"),
        ("manifest" = Option<bool>, Query, description = "In place of the file, what it holds: hash, counts, where it was read; for `timeline verify`. Not with format=json"),
    ),
    responses(
        (status = 200, description = "A page, or a file", content(
            (shapes::TimelinePage = "application/json"),
            (String = "text/csv"), (String = "text/markdown"), (String = "application/x-ndjson"),
            (String = "text/html"), (String = "application/stix+json"),
        )),
        (status = 400, description = "A parameter is wrong", body = ErrorBody),
        (status = 404, description = "No such incident or fold", body = ErrorBody),
        (status = 503, description = "Too many at once, or too slow", body = ErrorBody),
    ),
)]
pub async fn timeline(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let Path(id) = path?;
    let asked = Asked::read(&Parameters::read(&uri, &PARAMETERS)?)?;
    let incident = app.store.incident(&id).await?.ok_or_else(incidents::unknown)?;
    let permit = app.timelines.clone().acquire_owned().await;
    let permit = permit.map_err(|_| ApiError::unavailable("the server is ending"))?;
    let mut entries = app.store.entries(&id).await?;
    entries.extend(app.store.acts(&id).await?.iter().map(Recorded::entry));
    let told = tokio::task::spawn_blocking(move || {
        let told = tell(&incident, entries, &asked);
        drop(permit);
        told
    });
    told.await.map_err(|error| ApiError::internal("putting the timeline together", &error))?
}

impl Asked {
    fn read(parameters: &Parameters) -> Result<Self, ApiError> {
        let names = ExportFormat::ALL.map(ExportFormat::name);
        let name = parameters.word("format", &names)?.unwrap_or(ExportFormat::Json.name());
        let format: ExportFormat =
            name.parse().map_err(|_| refused("format", name, &names.join(", ")))?;
        let paged = format == ExportFormat::Json;
        for only_paged in ["open", "limit", "cursor"] {
            if !paged && let Some(value) = parameters.get(only_paged) {
                return Err(refused(only_paged, value, "only with format=json"));
            }
        }
        let manifest = parameters.flag("manifest")?.unwrap_or(false);
        if manifest && paged {
            return Err(refused("manifest", "true", "only with a format that is a file"));
        }
        let folds = paged || format.folds_by_default();
        let fold = parameters.flag("fold")?.unwrap_or(folds);
        // What somebody saves is never cut: unfolded JSON asked for by name, without a page.
        let whole = paged
            && !fold
            && parameters.get("format").is_some()
            && ["open", "limit", "cursor"].iter().all(|name| parameters.get(name).is_none());
        Ok(Self {
            format,
            fold,
            whole,
            open: parameters.text("open"),
            kinds: parameters.words("kinds", &KINDS.map(EntryKind::name))?,
            limit: if whole { usize::MAX } else { parameters.limit(LIMIT)? as usize },
            after: parameters.cursor()?.map(Place::parse).transpose()?,
            manifest,
        })
    }

    /// The lines asked for, in order. Folds are made before kinds are chosen, so that their ids
    /// are the same whatever is chosen.
    fn lines(&self, mut entries: Vec<Entry>) -> Result<Vec<Line>, ApiError> {
        sort(&mut entries);
        let mut all = match &self.open {
            Some(id) => {
                let opened = unfold(entries, id);
                if opened.is_empty() {
                    return Err(ApiError::not_found(
                        "no line of this timeline has the id in parameter `open`",
                    ));
                }
                lines(opened)
            }
            None if self.fold => fold(entries),
            None => lines(entries),
        };
        if !self.kinds.is_empty() {
            all.retain(|line| self.kinds.contains(&line.entry.kind.name()));
        }
        Ok(all)
    }
}

fn tell(incident: &Incident, entries: Vec<Entry>, asked: &Asked) -> Result<Response, ApiError> {
    let all = asked.lines(entries)?;
    if asked.format == ExportFormat::Json && !asked.whole {
        return Ok(Json(page(incident, all, asked)).into_response());
    }
    let start: String = incident.id.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
    let name = format!("incident-{start}.{}", asked.format.extension());
    let disposition = (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""));
    if asked.whole {
        return Ok(([disposition], Json(page(incident, all, asked))).into_response());
    }
    let mut file = Vec::new();
    export::write(asked.format, incident, &all, &mut file)
        .map_err(|error| ApiError::internal("writing the timeline", &error))?;
    if asked.manifest {
        return Ok(Json(Manifest::of(asked.format, &incident.id, &all, &file)).into_response());
    }
    let headers = [(header::CONTENT_TYPE, asked.format.media_type().to_owned()), disposition];
    Ok((headers, file).into_response())
}

fn page(incident: &Incident, all: Vec<Line>, asked: &Asked) -> TimelinePage {
    let total = all.iter().map(|line| line.folded).sum();
    let from = asked.after.map_or(0, |place| place.resume(&all));
    let to = from.saturating_add(asked.limit).min(all.len());
    let next = (to < all.len()).then(|| Place::behind(&all[..to]).print());
    let lines = all.into_iter().skip(from).take(to - from).collect();
    TimelinePage { incident: incident.id.clone(), total, lines, next }
}

impl Place {
    fn parse(text: &str) -> Result<Self, ApiError> {
        let parts = text.split_once(':');
        let parts = parts.and_then(|(m, t)| Some((m.parse().ok()?, t.parse().ok()?)));
        let (millis, told) = parts.ok_or_else(|| refused("cursor", text, "a page's `next`"))?;
        Ok(Self { millis, told })
    }

    fn print(self) -> String {
        format!("{}:{}", self.millis, self.told)
    }

    /// Behind the last of `lines`.
    fn behind(lines: &[Line]) -> Self {
        let millis = lines.last().map_or(i64::MIN, |line| line.entry.time.millis());
        let same = lines.iter().rev().take_while(|line| line.entry.time.millis() == millis);
        Self { millis, told: same.count() }
    }

    /// The index of the first line not told yet.
    fn resume(self, lines: &[Line]) -> usize {
        let first = lines.partition_point(|line| line.entry.time.millis() < self.millis);
        let behind = lines.partition_point(|line| line.entry.time.millis() <= self.millis);
        first.saturating_add(self.told).min(behind)
    }
}
