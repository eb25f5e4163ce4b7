//! The live stream: what changes in the store, and the figures each second.
//!
//! One task looks at the store and writes each event once; every client gets the same text. A
//! client that falls behind by [`TOLD_MAX`] events is cut off: it connects again and asks anew.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, Uri, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};
use tokio_stream::wrappers::BroadcastStream;

use super::acts::Served;
use super::error::{ApiError, ErrorBody};
use super::incidents::with_cases;
use super::parameters::Parameters;
use super::state::App;
use crate::adapters::store::{CategoryHour, HourReads, StoreError};
use crate::adapters::telemetry::{CategoryHourStats, HourStats, now};
use crate::engine::cases::Case;

/// Events a client may be behind.
pub const TOLD_MAX: usize = 2_048;
const LOOK: Duration = Duration::from_millis(250);
/// Acts told at once; the rest follow at the next look.
const ACTS_MAX: u32 = 500;
const LOOKS_PER_STATS: u64 = 4;
const LOOKS_PER_HEARTBEAT: u64 = 40;

/// Something to tell every client, written once.
#[derive(Clone)]
pub enum Told {
    Event { name: &'static str, data: std::sync::Arc<str> },
    Heartbeat,
}

/// Live events: `stats` each second, `incident` and `finding` as they are stored, `act` as people
/// do something (or the monitor by itself), and a comment every 10 s.
#[utoipa::path(
    get, path = "/api/v1/stream", tag = "monitor",
    responses(
        (status = 200, description = "`stats` (Stats), `incident` (ServedIncident), `finding` (Finding) and `act` (Acted; `case` is null where it is about no incident) events", body = String, content_type = "text/event-stream"),
        (status = 503, description = "As many clients as there may be", body = ErrorBody),
    ),
)]
pub async fn stream(State(app): State<App>, uri: Uri) -> Result<Response, ApiError> {
    Parameters::read(&uri, &[])?;
    let permit = app.streams.clone().try_acquire_owned().map_err(|_| {
        ApiError::unavailable("the live stream has as many clients as it may; try again later")
    })?;
    let mut stopping = app.stopping.clone();
    let stopped = async move {
        // An error says that whoever could stop us is gone: the end as well.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    let events = BroadcastStream::new(app.told.subscribe())
        // Lagging ends the stream.
        .take_while(|told| std::future::ready(told.is_ok()))
        .filter_map(|told| std::future::ready(told.ok()))
        .take_until(stopped)
        .map(move |told| {
            // Held for as long as the client is here.
            let _ = &permit;
            Ok::<Event, Infallible>(match told {
                Told::Event { name, data } => Event::default().event(name).data(data.as_ref()),
                Told::Heartbeat => Event::default().comment("heartbeat"),
            })
        });
    // A proxy that collects before it passes on would hold events back.
    let headers =
        [(header::CACHE_CONTROL, "no-store"), (HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((headers, Sse::new(events)).into_response())
}

/// Looks at the store four times a second and tells the clients, until the server ends.
pub async fn watch(app: App) {
    let mut stopping = app.stopping.clone();
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut watched = Watched { looks: 0, stale: true, revision: None, act: 0, failing: false };
    let mut n: u64 = 0;
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
        watched.look(&app).await;
        if n.is_multiple_of(LOOKS_PER_STATS) && app.told.receiver_count() > 0 {
            tell(&app, "stats", &app.telemetry.stats(now()));
        }
        if n.is_multiple_of(LOOKS_PER_HEARTBEAT) {
            // Nobody listening is no error.
            let _ = app.told.send(Told::Heartbeat);
        }
        n += 1;
    }
}

struct Watched {
    /// Looks since the hour's reads were last read.
    looks: u64,
    /// The counts of the store's incidents may have changed.
    stale: bool,
    /// The last revision told; none before the first look.
    revision: Option<i64>,
    /// Number of the last act told.
    act: i64,
    failing: bool,
}

impl Watched {
    async fn look(&mut self, app: &App) {
        let looked = match self.changes(app).await {
            Ok(()) => self.counts(app).await,
            failed => failed,
        };
        match looked {
            Ok(()) => self.failing = false,
            Err(error) => {
                if !self.failing {
                    tracing::warn!(%error, "the live stream cannot read the store; it tries again");
                }
                self.failing = true;
            }
        }
    }

    /// What the store counts, as often as stats are told.
    async fn counts(&mut self, app: &App) -> Result<(), StoreError> {
        self.looks += 1;
        if self.looks % LOOKS_PER_STATS != 1 {
            return Ok(());
        }
        if std::mem::take(&mut self.stale) {
            app.telemetry.incidents_open(app.store.open_counts().await?);
            let to_do = app.store.to_do().await?;
            app.telemetry.incidents_to_do(to_do.all, to_do.new);
        }
        app.telemetry.hour(app.store.hour_reads().await?.map(hour_stats));
        Ok(())
    }

    async fn changes(&mut self, app: &App) -> Result<(), StoreError> {
        let newest = app.store.revision().await?;
        let Some(told) = self.revision.filter(|told| *told <= newest) else {
            self.stale = true;
            self.revision = Some(newest);
            self.act = app.store.last_act().await?;
            return Ok(());
        };
        self.acts(app).await?;
        if newest == told {
            return Ok(());
        }
        self.stale = true;
        if app.told.receiver_count() == 0 {
            self.revision = Some(newest);
            return Ok(());
        }
        let changes = app.store.changes(told).await?;
        let incidents = with_cases(app, changes.incidents).await?;
        incidents.iter().for_each(|incident| tell(app, "incident", incident));
        changes.findings.iter().for_each(|finding| tell(app, "finding", finding));
        self.revision = Some(changes.revision);
        Ok(())
    }
}

impl Watched {
    /// What people did since the last look, each act with the case as it is now.
    async fn acts(&mut self, app: &App) -> Result<(), StoreError> {
        let acts = app.store.acts_after(self.act, &[], ACTS_MAX).await?;
        let Some(last) = acts.last().map(|act| act.number) else { return Ok(()) };
        let ids: Vec<&str> = acts.iter().filter_map(|act| act.incident.as_deref()).collect();
        let cases = app.store.cases(&ids).await?;
        for act in acts {
            let case = act.incident.as_ref().and_then(|id| cases.get(id)).cloned();
            tell(app, "act", &ActTold { act: Served::new(act, app), case });
        }
        self.act = last;
        self.stale = true;
        Ok(())
    }
}

fn hour_stats(hour: HourReads) -> HourStats {
    let of = |one: CategoryHour| CategoryHourStats {
        category: one.category,
        reads: one.reads,
        usual: one.usual,
    };
    HourStats {
        start: hour.start,
        elapsed: hour.elapsed,
        basis: hour.basis,
        known: hour.known,
        categories: hour.categories.into_iter().map(of).collect(),
    }
}

/// An act as the stream tells it; the case where it is about an incident.
#[derive(Serialize)]
struct ActTold {
    act: Served,
    case: Option<Case>,
}

fn tell<T: Serialize>(app: &App, name: &'static str, what: &T) {
    match serde_json::to_string(what) {
        Ok(data) => {
            // Nobody listening is no error.
            let _ = app.told.send(Told::Event { name, data: data.into() });
        }
        Err(error) => {
            tracing::error!(name, %error, "an event of the live stream cannot be written")
        }
    }
}
