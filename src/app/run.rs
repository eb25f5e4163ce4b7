//! Every role in one process: HTTP first, then Kafka, then the detector and the correlator.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::runtime::Handle;

use super::case_figures::CaseFigures;
use super::correlate::{CorrelateParts, CorrelateRole};
use super::engine_settings::{load_regimes, load_settings_with};
use super::keep::{Health, Role, keep};
use super::live::{CATCH_UP_MAX, LiveSettings, Overrides};
use super::open_store::{OpenStoreError, open_patiently};
use super::past::rereader;
use super::readiness::{is_away, unready};
use super::reload::reload;
use super::served::http_settings;
use super::{KeyError, LearnError, SettingsError, load_learned, pseudonym_key};
use crate::adapters::http::{HttpState, serve};
use crate::adapters::kafka::{
    Board, Link, SharedSettings, TopicsError, Worker, WorkerParts, ensure_topics, look_for_inputs,
    stand,
};
use crate::adapters::secrets::{Secret, SecretError};
use crate::adapters::store::Store;
use crate::adapters::telemetry::{Telemetry, now as now_on_the_wall};
use crate::config::Config;
use crate::engine::cases::Regimes;
use crate::engine::enrich::Pseudonyms;
use crate::engine::shard::{Learned, Watch};

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Learned(#[from] LearnError),
    #[error(transparent)]
    Store(#[from] OpenStoreError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Topics(#[from] TopicsError),
    #[error("cannot listen on {address}: {source}")]
    Listen { address: String, source: std::io::Error },
    #[error("the HTTP server: {0}")]
    Http(std::io::Error),
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    #[error("the demonstration: {0}")]
    Demo(String),
}

/// How often the store is asked whether it is there.
const ASK_STORE_EVERY: Duration = Duration::from_secs(2);
const STOP_SLICE: Duration = Duration::from_millis(50);

/// Whoever wants to know that the process serves.
pub struct Hooks {
    /// Called once with the address that is listened on.
    pub listening: Box<dyn FnOnce(SocketAddr) + Send>,
    /// Shown in the console.
    pub demo: bool,
    /// Set once records are being watched.
    pub watching: Arc<AtomicBool>,
}

/// Runs until SIGINT or SIGTERM, or until `stop` is set by somebody else.
pub async fn run(config: Config, stop: Arc<AtomicBool>, hooks: Hooks) -> Result<(), RunError> {
    let key = pseudonym_key(&config, true)?;
    let learned = config.data.learned.as_deref().filter(|_| config.roles.detect);
    let learned = learned.map(load_learned).transpose()?;
    if let Some(learned) = &learned {
        let (actors, until) = (learned.actors(), learned.span().until);
        tracing::info!(actors, %until, "what was learned from history is loaded");
    }
    let over = Overrides { learned: learned.clone(), ..Overrides::default() };
    let (settings, loaded) = load_settings_with(&config, &key, over)?;
    let regimes = load_regimes(&config)?;
    let categories: Vec<String> =
        settings.enricher.catalogue.categories().map(str::to_owned).collect();
    let inputs: Vec<String> = config.input.iter().map(|input| input.topic.clone()).collect();
    let lookups = Some(config.kafka.topics().lookups).filter(|_| config.roles.detect);
    let telemetry = Telemetry::with_own(&inputs, lookups.as_deref(), categories);
    telemetry.demo(hooks.demo);
    telemetry.rules(&settings.rules, now_on_the_wall());
    telemetry.budget(settings.suite.budget());
    telemetry.ready(vec!["starting".into()]);
    tracing::info!(
        datasets = loaded.datasets,
        actors = loaded.actors,
        protected = loaded.protected,
        canaries = loaded.canaries,
        rules = loaded.rules,
        work_items = loaded.work_items,
        "settings loaded"
    );
    let roles = config.roles;
    let store = match roles.correlate || roles.serve {
        true => open_patiently(&config.store, &stop).await?,
        false => None,
    };
    let address = config.http.listen.clone();
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|source| RunError::Listen { address: address.clone(), source })?;
    let bound = listener.local_addr().map_err(|source| RunError::Listen { address, source })?;
    if !bound.ip().is_loopback() {
        tracing::warn!(%bound, "the console is open to the network, without a login");
    }
    let served = store.clone().filter(|_| roles.serve);
    let settings: SharedSettings = Arc::new(RwLock::new(Arc::new(settings)));
    let past = rereader(&config, &settings, hooks.demo);
    let served_with = Arc::new(http_settings(&config, regimes.clone(), past));
    let telemetry_served = Arc::clone(&telemetry);
    let state = HttpState { store: served, telemetry: telemetry_served, settings: served_with };
    let http = tokio::spawn(serve(listener, state, stopped(Arc::clone(&stop))));
    (hooks.listening)(bound);
    let signals = stop_on_signals(&stop);

    let roles = Roles {
        config,
        key,
        regimes: Arc::new(regimes),
        settings,
        learned,
        telemetry: Arc::clone(&telemetry),
        store: store.clone(),
        stop: Arc::clone(&stop),
        watching: hooks.watching,
        health: Arc::new(Health::new(Arc::clone(&telemetry))),
    };
    let worked = roles.work(inputs).await;
    stop.store(true, Ordering::Relaxed);
    if let Some(signals) = signals {
        signals.abort();
    }
    let served = http.await;
    if let Some(store) = store {
        store.close().await;
    }
    worked?;
    match served {
        Ok(served) => served.map_err(RunError::Http),
        Err(error) => Err(RunError::Http(std::io::Error::other(error))),
    }
}

pub(super) struct Roles {
    pub(super) config: Config,
    key: Secret,
    regimes: Arc<Regimes>,
    settings: SharedSettings,
    learned: Option<Arc<Learned>>,
    telemetry: Arc<Telemetry>,
    /// None where the process neither correlates nor serves.
    store: Option<Store>,
    pub(super) stop: Arc<AtomicBool>,
    watching: Arc<AtomicBool>,
    pub(super) health: Arc<Health>,
}

impl Roles {
    async fn work(self, inputs: Vec<String>) -> Result<(), RunError> {
        let roles = self.config.roles;
        let workers = if roles.detect { self.config.kafka.workers } else { 0 };
        let link = Arc::new(Link::with_workers(Arc::clone(&self.telemetry), workers));
        self.telemetry.ready(vec!["waiting for Kafka".into()]);
        match ensure_topics(&self.config.kafka, &inputs, &link, &self.stop).await {
            Ok(()) => {}
            Err(TopicsError::Stopped) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let runtime = Handle::current();
        let live = Arc::new(LiveSettings::new(self.learned.clone(), self.feed()));
        let mut threads = Vec::new();
        if roles.detect {
            threads.push(self.exceptions(&link, Arc::clone(&live))?);
            self.catch_up(&live).await;
        }
        let elected = Arc::new(AtomicBool::new(false));
        let board = Arc::new(Board::default());
        if roles.detect {
            threads.push(self.peers_reader(&link, Arc::clone(&board))?);
        }
        let (watch_senders, watches): (Vec<_>, Vec<_>) = (0..workers).map(|_| channel()).unzip();
        for (number, watches) in watches.into_iter().enumerate() {
            threads.push(self.detector(number, &link, watches, (&board, runtime.clone()))?);
        }
        if let Some(store) = self.store.clone().filter(|_| roles.correlate) {
            threads.push(self.election(&link, Arc::clone(&elected))?);
            threads.push(self.correlator(&link, runtime, store, Arc::clone(&elected))?);
        }
        threads.push(self.watch_reader(&link, watch_senders)?);
        if roles.detect {
            threads.push(self.input_looker(&link, inputs)?);
        }
        let (config, key) = (self.config.clone(), self.key.clone());
        let (settings, telemetry) = (Arc::clone(&self.settings), Arc::clone(&self.telemetry));
        let stop = Arc::clone(&self.stop);
        threads.push(named("reload", move || {
            reload(&config, &key, &settings, &telemetry, &live, &stop);
        })?);
        let telemetry = Arc::clone(&self.telemetry);
        let mut asked_at: Option<Instant> = None;
        let (mut away, mut figures) = (false, CaseFigures::default());
        while !self.stop.load(Ordering::Relaxed) {
            if asked_at.is_none_or(|at| at.elapsed() >= ASK_STORE_EVERY) {
                away = is_away(self.store.as_ref(), away).await;
                // The one that correlates counts by itself, as it works on cases.
                if !away && !elected.load(Ordering::Relaxed) {
                    self.tell_cases(&mut figures).await;
                }
                asked_at = Some(Instant::now());
            }
            let mut reasons = unready(&link, &self.health);
            reasons.extend(away.then(|| "the store cannot be reached".to_owned()));
            if reasons.is_empty() {
                self.watching.store(true, Ordering::Relaxed);
            }
            telemetry.ready(reasons);
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        telemetry.ready(vec!["stopping".into()]);
        let joined = tokio::task::spawn_blocking(move || {
            threads.into_iter().map(JoinHandle::join).filter(Result::is_err).count()
        });
        if joined.await.unwrap_or(0) > 0 {
            tracing::error!("a role ended by a panic");
        }
        Ok(())
    }

    /// What people decided, as the store has it.
    async fn tell_cases(&self, figures: &mut CaseFigures) {
        let Some(store) = &self.store else { return };
        match figures.look(store, &self.regimes).await {
            Ok(numbers) => self.telemetry.cases(numbers),
            // Whether the store is there is told apart.
            Err(error) => tracing::debug!(%error, "cases cannot be counted"),
        }
    }

    fn detector(
        &self,
        number: usize,
        link: &Arc<Link>,
        watches: std::sync::mpsc::Receiver<Watch>,
        (board, runtime): (&Arc<Board>, Handle),
    ) -> Result<JoinHandle<()>, RunError> {
        let (config, settings, telemetry, link, stop, health) = (
            self.config.clone(),
            Arc::clone(&self.settings),
            Arc::clone(&self.telemetry),
            Arc::clone(link),
            Arc::clone(&self.stop),
            Arc::clone(&self.health),
        );
        let watches = Arc::new(std::sync::Mutex::new(watches));
        let board = Arc::clone(board);
        named(&format!("detect-{number}"), move || {
            keep(Role::Detector, &health, &stop, || {
                let parts = WorkerParts {
                    number,
                    runtime: runtime.clone(),
                    kafka: config.kafka.clone(),
                    inputs: config.input.clone(),
                    shard: config.shard(),
                    settings: Arc::clone(&settings),
                    telemetry: Arc::clone(&telemetry),
                    link: Arc::clone(&link),
                    watches: Arc::clone(&watches),
                    board: Arc::clone(&board),
                    stop: Arc::clone(&stop),
                };
                Worker::new(parts)?.run()
            });
        })
    }

    /// Stands for election as the one process that correlates.
    fn election(
        &self,
        link: &Arc<Link>,
        elected: Arc<AtomicBool>,
    ) -> Result<JoinHandle<()>, RunError> {
        self.beside("election", Role::Election, link, move |kafka, link, stop| {
            let client = kafka.client("election")?;
            let group = format!("{}.correlate", kafka.group);
            let topic = kafka.topics().watch;
            stand(client, &group, &topic, Arc::clone(link), Arc::clone(&elected), stop)?;
            Ok(())
        })
    }

    fn correlator(
        &self,
        link: &Arc<Link>,
        runtime: Handle,
        store: Store,
        elected: Arc<AtomicBool>,
    ) -> Result<JoinHandle<()>, RunError> {
        let (config, telemetry, link, stop, health) = (
            self.config.clone(),
            Arc::clone(&self.telemetry),
            Arc::clone(link),
            Arc::clone(&self.stop),
            Arc::clone(&self.health),
        );
        let regimes = Arc::clone(&self.regimes);
        named("correlate", move || {
            keep(Role::Correlator, &health, &stop, || {
                while !elected.load(Ordering::Relaxed) {
                    if stop.load(Ordering::Relaxed) {
                        return Ok(());
                    }
                    thread::sleep(STOP_SLICE);
                }
                CorrelateRole::start(CorrelateParts {
                    kafka: config.kafka.clone(),
                    correlate: config.correlate.clone(),
                    store: store.clone(),
                    runtime: runtime.clone(),
                    telemetry: Arc::clone(&telemetry),
                    link: Arc::clone(&link),
                    stop: Arc::clone(&stop),
                    elected: Arc::clone(&elected),
                    keep_ms: config.store.keep_ms(),
                    regimes: Arc::clone(&regimes),
                    notify: config.notify.clone(),
                })?
                .run()
            });
        })
    }

    /// The topic of work items, where one is configured.
    fn feed(&self) -> Option<(String, Pseudonyms)> {
        let topic = self.config.data.work_items_topic.clone()?;
        Some((topic, Pseudonyms::new(self.key.bytes())))
    }

    /// Before the first record is judged: what the API has excepted so far is in force.
    async fn catch_up(&self, live: &LiveSettings) {
        let until = Instant::now() + CATCH_UP_MAX;
        while !live.is_caught_up() && !self.stop.load(Ordering::Relaxed) && Instant::now() < until {
            tokio::time::sleep(STOP_SLICE).await;
        }
        let is_ruled = live.rulings().is_some_and(|rulings| !rulings.list().is_empty());
        if live.version() == 0 && live.items_version() == 0 && !is_ruled {
            return;
        }
        match load_settings_with(&self.config, &self.key, live.overrides()) {
            Ok((loaded, _)) => {
                self.telemetry.budget(loaded.suite.budget());
                *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
            }
            // The reload tries the same and says so.
            Err(error) => tracing::error!(%error, "what is set through the API is not in force"),
        }
    }

    /// A topic whose name is mistyped must not pass for a quiet one.
    fn input_looker(
        &self,
        link: &Arc<Link>,
        inputs: Vec<String>,
    ) -> Result<JoinHandle<()>, RunError> {
        let (kafka, link, stop) =
            (self.config.kafka.clone(), Arc::clone(link), Arc::clone(&self.stop));
        named("inputs", move || {
            if let Err(error) = look_for_inputs(&kafka, &inputs, &link, &stop) {
                tracing::error!(error = %error, "cannot look for the input topics");
            }
        })
    }
}

pub(super) fn named(
    name: &str,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, RunError> {
    thread::Builder::new().name(name.into()).spawn(run).map_err(RunError::Thread)
}

async fn stopped(stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(STOP_SLICE).await;
    }
}

/// From its return on, SIGINT and SIGTERM set `stop` and do nothing else.
pub fn stop_on_signals(stop: &Arc<AtomicBool>) -> Option<tokio::task::JoinHandle<()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        tracing::error!("signals cannot be caught; stop the process by hand");
        return None;
    };
    let stop = Arc::clone(stop);
    Some(tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if !stop.swap(true, Ordering::Relaxed) {
            tracing::info!("stopping: finishing what is in flight");
        }
    }))
}
