//! What the input topics still hold about somebody or something, whether anything was found or not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::{ApiError, ErrorBody};
use super::parameters::Parameters;
use super::shapes;
use super::state::App;
use super::timeline::About;
use crate::engine::model::{Entry, EventTime};
use crate::engine::timeline::{Line, lines, sort};

pub const PARAMETERS: [&str; 8] =
    ["actor", "source", "dataset", "session", "subject", "from", "to", "limit"];
const LIMIT: u32 = 2_000;
const LINES_MAX: u32 = 10_000;
/// A span longer than this is asked for in parts.
const SPAN_MS_MAX: i64 = 92 * 86_400_000;
/// What is not read by then is left out, and that is said.
const WITHIN: Duration = Duration::from_secs(60);

/// Reads the past again. Blocks.
pub trait Past: Send + Sync {
    fn read(&self, wanted: &Wanted) -> Result<Remembered, String>;
}

/// Who reads the past; nobody where no topics are configured.
#[derive(Clone, Default)]
pub struct Rereader(pub Option<Arc<dyn Past>>);

impl std::fmt::Debug for Rereader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Rereader").field(&self.0.is_some()).finish()
    }
}

pub struct Wanted {
    pub about: About,
    pub from: EventTime,
    pub to: EventTime,
    pub entries_max: usize,
    pub until: Instant,
}

impl Wanted {
    pub fn fits(&self, entry: &Entry) -> bool {
        (self.from..self.to).contains(&entry.time) && self.about.fits(entry)
    }
}

#[derive(Default)]
pub struct Remembered {
    pub entries: Vec<Entry>,
    /// Records looked at.
    pub records: u64,
    /// Nothing of the span was left out that the topics hold.
    pub complete: bool,
}

#[derive(Serialize)]
struct PastPage {
    lines: Vec<Line>,
    total: u64,
    records: u64,
    complete: bool,
}

/// What was done by, from, with or to somebody or something, as the input topics still hold it.
#[utoipa::path(
    get, path = "/api/v1/past/timeline", tag = "incidents",
    params(
        ("actor" = Option<String>, Query, description = "Of this actor; one of actor, source, dataset, session, subject must be given"),
        ("source" = Option<String>, Query, description = "From this address"),
        ("dataset" = Option<String>, Query, description = "With this dataset"),
        ("session" = Option<String>, Query, description = "In this session"),
        ("subject" = Option<String>, Query, description = "Naming this subject, by its token"),
        ("from" = String, Query, description = "From then on, RFC 3339"),
        ("to" = String, Query, description = "Before then, RFC 3339; at most 92 days after `from`"),
        ("limit" = Option<u32>, Query, description = "From 1; at most 10000 lines are given; default 2000"),
    ),
    responses(
        (status = 200, description = "Single lines in order; `complete` is false where there are more, or reading took too long", body = shapes::PastPage),
        (status = 400, description = "A parameter is wrong", body = ErrorBody),
        (status = 503, description = "This process reads no topics, Kafka cannot be read, or somebody else is reading", body = ErrorBody),
    ),
)]
pub async fn timeline(State(app): State<App>, uri: Uri) -> Result<Response, ApiError> {
    let parameters = Parameters::read(&uri, &PARAMETERS)?;
    let about = About::read(&parameters);
    if about.is_anything() {
        return Err(ApiError::bad_request(
            "one of the parameters actor, source, dataset, session, subject must be given",
        ));
    }
    let missing = |name: &str| ApiError::bad_request(format!("parameter `{name}` must be given"));
    let from = parameters.time("from")?.ok_or_else(|| missing("from"))?;
    let to = parameters.time("to")?.ok_or_else(|| missing("to"))?;
    if !(1..=SPAN_MS_MAX).contains(&to.since(from)) {
        return Err(ApiError::bad_request(
            "parameter `to` must be after `from`, by at most 92 days; ask for a longer span in parts",
        ));
    }
    let limit = parameters.limit_of(LIMIT, LINES_MAX)? as usize;
    let past = app.settings.past.0.clone();
    let past = past.ok_or_else(|| ApiError::unavailable("this process reads no topics"))?;
    let permit = app.pasts.clone().try_acquire_owned();
    let permit =
        permit.map_err(|_| ApiError::unavailable("the topics are being read for somebody else"))?;
    let wanted = Wanted { about, from, to, entries_max: limit, until: Instant::now() + WITHIN };
    let read = tokio::task::spawn_blocking(move || {
        let read = past.read(&wanted);
        drop(permit);
        read
    });
    let read = read.await.map_err(|error| ApiError::internal("reading the past", &error))?;
    let Remembered { mut entries, records, complete } =
        read.map_err(|error| ApiError::unavailable(format!("the past cannot be read: {error}")))?;
    sort(&mut entries);
    let total = entries.len() as u64;
    Ok(Json(PastPage { lines: lines(entries), total, records, complete }).into_response())
}
