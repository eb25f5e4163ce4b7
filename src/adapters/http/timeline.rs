//! An incident's story: a page of it for a screen, or all of it as a file.

use std::io::{self, BufWriter, Write};

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use super::error::{ApiError, ErrorBody};
use super::incidents;
use super::parameters::{Parameters, refused};
use super::shapes;
use super::state::App;
use crate::adapters::store::{Span, Story};
use crate::engine::model::{Entry, EntryKind, EventTime, Incident};
use crate::engine::timeline::export::{self, ExportFormat};
use crate::engine::timeline::{Line, lines, tell, unfold};

pub const PARAMETERS: [&str; 14] = [
    "format", "fold", "open", "kinds", "actor", "source", "dataset", "session", "subject", "from",
    "to", "limit", "cursor", "manifest",
];
const LIMIT: u32 = 500;
/// Most lines of a page: every page reads the story from its beginning, so a few long ones are
/// cheaper than many short ones.
const LINES_MAX: u32 = 10_000;
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
    about: About,
    span: Span,
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
        ("format" = Option<String>, Query, description = "json, csv, markdown, timesketch, html, stix or ocsf; default json, the others are files"),
        ("fold" = Option<bool>, Query, description = "Whether like entries are one line; default true for json, markdown and html"),
        ("open" = Option<String>, Query, description = "A line's `fold`: the single entries behind it; json only"),
        ("kinds" = Option<String>, Query, description = "Any of access, auth, flow, finding, severity, act"),
        ("actor" = Option<String>, Query, description = "Entries about this actor; folds are made of what is left"),
        ("source" = Option<String>, Query, description = "Entries about this address"),
        ("dataset" = Option<String>, Query, description = "Entries about this dataset"),
        ("session" = Option<String>, Query, description = "Entries of this session"),
        ("subject" = Option<String>, Query, description = "Entries that name this subject, by its token"),
        ("from" = Option<String>, Query, description = "Lines that begin then or later, RFC 3339"),
        ("to" = Option<String>, Query, description = "Lines that begin before then, RFC 3339"),
        ("limit" = Option<u32>, Query, description = "From 1; at most 10000 are given; default 500; json only. With format=json and fold=false and none of limit, cursor, open, all lines come as a file"),
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
    let acts = app.store.acts(&id).await?;
    let acts: Vec<Entry> = acts.iter().map(|act| act.entry(&app.settings.regimes)).collect();
    // The first lines of a long story need not wait until its last entry has been read.
    let total = match asked.is_everything() {
        true => Some(app.store.entry_count(&id).await? + acts.len() as u64),
        false => None,
    };
    // What is folded depends on what came before.
    let span = if asked.fold || asked.open.is_some() { (None, None) } else { asked.span };
    let story = app.store.story(&id, acts, span);
    if asked.is_file() && !asked.manifest {
        return Ok(file(incident, story, asked, permit));
    }
    let told = tokio::task::spawn_blocking(move || {
        let told = told(&incident, story, &asked, total);
        drop(permit);
        told
    });
    told.await.map_err(|error| ApiError::internal("putting the timeline together", &error))?
}

/// Whom or what entries have to be about; all that are there.
#[derive(Clone, Default)]
pub struct About {
    pub actor: Option<String>,
    pub source: Option<String>,
    pub dataset: Option<String>,
    pub session: Option<String>,
    pub subject: Option<String>,
}

impl About {
    pub fn read(parameters: &Parameters) -> Self {
        Self {
            actor: parameters.text("actor"),
            source: parameters.text("source"),
            dataset: parameters.text("dataset"),
            session: parameters.text("session"),
            subject: parameters.text("subject"),
        }
    }

    /// True where nothing is asked for.
    pub fn is_anything(&self) -> bool {
        let wanted = [&self.actor, &self.source, &self.dataset, &self.session, &self.subject];
        wanted.iter().all(|wanted| wanted.is_none())
    }

    pub fn fits(&self, entry: &Entry) -> bool {
        let fits =
            |wanted: &Option<String>, has: &Option<String>| wanted.is_none() || wanted == has;
        fits(&self.actor, &entry.actor)
            && fits(&self.source, &entry.source_ip)
            && fits(&self.dataset, &entry.dataset)
            && fits(&self.session, &entry.session)
            && self
                .subject
                .as_ref()
                .is_none_or(|wanted| entry.tokens.iter().any(|token| token.to_string() == *wanted))
    }
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
            about: About::read(parameters),
            span: (parameters.time("from")?, parameters.time("to")?),
            limit: parameters.limit_of(LIMIT, LINES_MAX)? as usize,
            after: parameters.cursor()?.map(Place::parse).transpose()?,
            manifest,
        })
    }

    /// True for a page of lines of which none is left out but by the page's ends.
    fn is_everything(&self) -> bool {
        let kinds = self.kinds.is_empty() || KINDS.iter().all(|k| self.kinds.contains(&k.name()));
        let every = kinds && self.about.is_anything() && self.span == (None, None);
        every && self.open.is_none() && !self.is_file()
    }

    /// True where all of it goes out as it comes.
    fn is_file(&self) -> bool {
        self.format != ExportFormat::Json || self.whole
    }

    fn wants(&self, line: &Line) -> bool {
        let (time, (from, to)) = (line.entry.time, self.span);
        (self.kinds.is_empty() || self.kinds.contains(&line.entry.kind.name()))
            && from.is_none_or(|from: EventTime| time >= from)
            && to.is_none_or(|to| time < to)
    }

    /// The lines asked for, in order, as they come. Folds are made before lines are chosen, so
    /// that their ids are the same whatever is chosen.
    fn lines(&self, story: Story) -> impl Iterator<Item = io::Result<Line>> {
        let about = self.about.clone();
        let story = story.filter(move |entry| entry.as_ref().map_or(true, |e| about.fits(e)));
        tell(story, self.fold).filter(|line| line.as_ref().map_or(true, |line| self.wants(line)))
    }
}

/// A page, or what a file would hold. `total` entries are behind the lines, where that is known.
fn told(
    incident: &Incident,
    story: Story,
    asked: &Asked,
    total: Option<u64>,
) -> Result<Response, ApiError> {
    let failed = |error| ApiError::internal("reading the timeline", &error);
    if asked.manifest {
        let mut lines = asked.lines(story);
        let manifest = export::write(asked.format, incident, &mut lines, &mut io::sink());
        return Ok(Json(manifest.map_err(failed)?).into_response());
    }
    let page = match &asked.open {
        None => page(incident, asked.lines(story), asked, total),
        Some(id) => {
            let about = story.filter(|entry| entry.as_ref().map_or(true, |e| asked.about.fits(e)));
            let opened = unfold(about.collect::<io::Result<_>>().map_err(failed)?, id);
            if opened.is_empty() {
                return Err(ApiError::not_found(
                    "no line of this timeline has the id in parameter `open`",
                ));
            }
            let lines = lines(opened).into_iter().filter(|line| asked.wants(line));
            page(incident, lines.map(Ok), asked, None)
        }
    };
    Ok(Json(page.map_err(failed)?).into_response())
}

/// Bytes handed on at once.
const PART_BYTES: usize = 64 << 10;
/// Parts that wait for a slow reader.
const PARTS_MAX: usize = 8;

/// A file on its way: what fails after its beginning cuts the answer short, which the reader's
/// client reports.
fn file(incident: Incident, story: Story, asked: Asked, permit: OwnedSemaphorePermit) -> Response {
    let start: String = incident.id.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
    let name = format!("incident-{start}.{}", asked.format.extension());
    let headers = [
        (header::CONTENT_TYPE, asked.format.media_type().to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    let (to, parts) = mpsc::channel(PARTS_MAX);
    tokio::task::spawn_blocking(move || {
        let mut out = BufWriter::with_capacity(PART_BYTES, Parts(&to));
        let mut lines = asked.lines(story);
        let written = match asked.whole {
            true => whole(&incident.id, &mut lines, &mut out),
            false => export::write(asked.format, &incident, &mut lines, &mut out).map(drop),
        };
        if let Err(error) = written.and_then(|()| out.flush()) {
            if error.kind() != io::ErrorKind::BrokenPipe {
                tracing::error!(%error, "a timeline was cut short");
            }
            let _ = to.blocking_send(Err(error));
        }
        drop(permit);
    });
    (headers, Body::from_stream(ReceiverStream::new(parts))).into_response()
}

/// Where the parts of a file go.
struct Parts<'t>(&'t mpsc::Sender<io::Result<Bytes>>);

impl Write for Parts<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A page of all lines, as they come.
fn whole(
    incident: &str,
    lines: &mut dyn Iterator<Item = io::Result<Line>>,
    to: &mut dyn Write,
) -> io::Result<()> {
    write!(to, "{{\"incident\":{},\"lines\":[", serde_json::to_string(incident)?)?;
    let (mut total, mut follows) = (0, false);
    for line in lines {
        let line = line?;
        if follows {
            to.write_all(b",")?;
        }
        serde_json::to_writer(&mut *to, &line)?;
        (total, follows) = (total + line.folded, true);
    }
    write!(to, "],\"next\":null,\"total\":{total}}}")
}

/// One page of `all`, read no farther than that unless `total` has still to be counted.
fn page(
    incident: &Incident,
    all: impl Iterator<Item = io::Result<Line>>,
    asked: &Asked,
    total: Option<u64>,
) -> io::Result<TimelinePage> {
    let (mut lines, mut counted, mut more) = (Vec::new(), 0, false);
    // Lines told before, of the millisecond the page before ended in.
    let mut told = asked.after.map_or(0, |place| place.told);
    for line in all {
        let line = line?;
        counted += line.folded;
        let millis = line.entry.time.millis();
        if let Some(place) = asked.after {
            if millis < place.millis {
                continue;
            }
            if millis == place.millis && told > 0 {
                told -= 1;
                continue;
            }
        }
        if lines.len() < asked.limit {
            lines.push(line);
        } else {
            more = true;
            if total.is_some() {
                break;
            }
        }
    }
    let next = more.then(|| Place::behind(&lines, asked.after).print());
    let total = total.unwrap_or(counted);
    Ok(TimelinePage { incident: incident.id.clone(), total, lines, next })
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

    /// Behind the last of a page's lines, which began behind `before`.
    fn behind(lines: &[Line], before: Option<Self>) -> Self {
        let millis = lines.last().map_or(i64::MIN, |line| line.entry.time.millis());
        let same = lines.iter().rev().take_while(|line| line.entry.time.millis() == millis);
        let told = before.filter(|place| place.millis == millis).map_or(0, |place| place.told);
        Self { millis, told: same.count() + told }
    }
}
