//! The correlator's role: findings and evidence from Kafka, incidents into the store, requests
//! back to the shards, alerts out.
//!
//! Positions are stored in the transaction that stores what was made of the records before them,
//! so a crash neither loses a finding nor doubles an incident. Alerts wait in the store's outbox
//! until the broker has them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::error::KafkaError;
use tokio::runtime::Handle;

use super::case_figures::CaseFigures;
use super::case_work::CaseWork;
use super::rulings::RulingsTold;
use crate::adapters::kafka::{From, KafkaConfig, Link, Reader, SendError, Sender, Topics};
use crate::adapters::notify::{Deliveries, NotifyConfig, notices};
use crate::adapters::publish::{detection_finding, incident_finding};
use crate::adapters::secrets::SecretError;
use crate::adapters::store::{
    FORGET_PART, Office, Outgoing, ReadsTold, Store, StoreBatch, StoreError,
};
use crate::adapters::telemetry::{Telemetry, now as now_on_the_wall};
use crate::engine::cases::Regimes;
use crate::engine::correlate::{CorrelateConfig, Correlated, Correlator, FactorReads, NoticeKind};
use crate::engine::model::{EventTime, Finding, Severity};
use crate::engine::shard::{EvidenceRecord, Watch};

#[derive(Debug, thiserror::Error)]
pub enum CorrelateError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("cannot read the findings: {0}")]
    Kafka(#[from] KafkaError),
    #[error("cannot write an alert: {0}")]
    Json(#[from] serde_json::Error),
}

pub struct CorrelateParts {
    pub kafka: KafkaConfig,
    pub correlate: CorrelateConfig,
    pub store: Store,
    pub runtime: Handle,
    pub telemetry: Arc<Telemetry>,
    pub link: Arc<Link>,
    pub stop: Arc<AtomicBool>,
    /// Whether this process is the one that correlates.
    pub elected: Arc<AtomicBool>,
    /// How long incidents stay in the store after their last event; none keeps them for ever.
    pub keep_ms: Option<i64>,
    pub regimes: Arc<Regimes>,
    pub notify: NotifyConfig,
}

const BATCH_MAX: usize = 2_000;
const POLL: Duration = Duration::from_millis(20);
/// Least time from one writing to the store to the next. What comes alone is written at once; in a
/// rush an incident that changes with every finding is written ten times a second and not fifty.
const SETTLE_EVERY: Duration = Duration::from_millis(100);
/// How often incidents are looked at for having gone quiet.
const ADVANCE_EVERY: Duration = Duration::from_secs(1);
/// How often open incidents' requests for evidence are told again: a shard that has moved or
/// started anew knows nothing of them, and one that does sends nothing twice.
const REMIND_EVERY: Duration = Duration::from_secs(15);
/// How often our topics are looked at for partitions that were added to them.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(20);
/// How often the store is looked through for what is older than is kept.
const FORGET_EVERY: Duration = Duration::from_secs(600);
pub(super) const PUBLISH: Duration = Duration::from_secs(5);
const OUTBOX_MAX: u32 = 1_000;
/// Hours and categories one record may tell the reads of: as many as a month behind has.
const READS_MAX: usize = 10_000;

pub struct CorrelateRole {
    pub(super) parts: CorrelateParts,
    pub(super) office: Office,
    pub(super) topics: Topics,
    reader: Reader,
    sender: Sender,
    pub(super) correlator: Correlator,
    pub(super) positions: BTreeMap<(String, i32), i64>,
    pub(super) moved: bool,
    /// Told by the detectors, not stored yet.
    reads: Vec<ReadsTold>,
    pub(super) out: Correlated,
    settled_at: Option<Instant>,
    advanced_at: Instant,
    reminded_at: Option<Instant>,
    looked_at: Instant,
    forgot_at: Option<Instant>,
    outbox_pending: bool,
    /// Numbers of what was sent from the outbox and is not acknowledged yet.
    sent: Vec<i64>,
    pub(super) cases: CaseWork,
    /// Sends notices for as long as this stands.
    _deliveries: Deliveries,
}

impl CorrelateRole {
    /// Takes back what is stored and joins the findings topic where it left off.
    pub fn start(parts: CorrelateParts) -> Result<Self, CorrelateError> {
        let office = parts.runtime.block_on(parts.store.take_office())?;
        let mut correlator = Correlator::new(parts.correlate.clone());
        let keep_ms = (i64::from(parts.correlate.keep_s) * 1_000).max(FactorReads::WITHIN_MS);
        let goes_on_ms = parts.correlate.kept_open_ms();
        let restored = parts.runtime.block_on(async {
            match parts.store.newest().await? {
                Some(newest) => {
                    let [since, opened_since] =
                        [keep_ms, goes_on_ms].map(|before| newest.minus_ms(before));
                    parts.store.restorable(since, opened_since).await
                }
                None => Ok(Vec::new()),
            }
        })?;
        let count = restored.len();
        for kept in restored {
            correlator.restore(kept.incident, &kept.findings, &kept.entries);
        }
        let positions = parts.runtime.block_on(parts.store.positions())?;
        let topics = parts.kafka.topics();
        let reader = Reader::open(
            parts.kafka.client("correlate")?,
            Arc::clone(&parts.link),
            &[&topics.findings, &topics.evidence],
            &positions,
            From::Beginning,
            false,
        )?;
        let sender = Sender::new(
            parts.kafka.client("correlate")?,
            Arc::clone(&parts.link),
            Arc::clone(&parts.stop),
        )?;
        let cases = CaseWork {
            regimes: Arc::clone(&parts.regimes),
            looked: 0,
            figures: CaseFigures::default(),
            rulings: RulingsTold::default(),
            sender: Sender::new(
                parts.kafka.client("exceptions")?,
                Arc::clone(&parts.link),
                Arc::clone(&parts.stop),
            )?,
        };
        parts.runtime.block_on(parts.store.publish_settings_anew())?;
        tracing::info!(incidents = count, "correlator started");
        let deliveries = Deliveries::start(
            &parts.notify,
            &parts.store,
            office,
            &parts.telemetry,
            &parts.runtime,
        );
        let mut role = Self {
            parts,
            office,
            topics,
            reader,
            sender,
            correlator,
            positions,
            moved: false,
            reads: Vec::new(),
            out: Correlated::default(),
            settled_at: None,
            advanced_at: Instant::now(),
            reminded_at: None,
            looked_at: Instant::now(),
            forgot_at: None,
            outbox_pending: true,
            sent: Vec::new(),
            cases,
            _deliveries: deliveries,
        };
        role.keep_apart()?;
        Ok(role)
    }

    /// Works until told to stop, or until another process has taken over.
    pub fn run(mut self) -> Result<(), CorrelateError> {
        self.parts.telemetry.correlating(true);
        let ended = self.work();
        self.parts.telemetry.correlating(false);
        if let Err(CorrelateError::Store(StoreError::Superseded)) = &ended {
            tracing::info!("another correlator has taken over; standing by");
            return Ok(());
        }
        ended
    }

    fn work(&mut self) -> Result<(), CorrelateError> {
        while self.goes_on() {
            self.read();
            if self.advanced_at.elapsed() >= ADVANCE_EVERY {
                self.advanced_at = Instant::now();
                let now = self.correlator.now();
                self.correlator.advance(now, &mut self.out);
                self.case_work()?;
                self.report()?;
                self.remind()?;
                self.tidy()?;
            }
            if self.settled_at.is_none_or(|at| at.elapsed() >= SETTLE_EVERY) {
                self.settled_at = Some(Instant::now());
                self.settle()?;
                self.publish()?;
            }
        }
        self.settle()?;
        self.publish()?;
        tracing::info!("correlator stopped");
        Ok(())
    }

    fn goes_on(&self) -> bool {
        !self.parts.stop.load(Ordering::Relaxed) && self.parts.elected.load(Ordering::Relaxed)
    }

    fn read(&mut self) {
        let mut wait = POLL;
        for _ in 0..BATCH_MAX {
            let message = match self.reader.poll(wait) {
                Some(Ok(message)) => message,
                Some(Err(error)) => {
                    self.parts.link.note_error(&error, "cannot read findings");
                    break;
                }
                None => break,
            };
            wait = Duration::ZERO;
            let payload = message.payload().unwrap_or_default();
            if message.topic() == self.topics.findings {
                match serde_json::from_slice::<Finding>(payload) {
                    Ok(finding) => self.correlator.take_finding(finding, &mut self.out),
                    Err(error) => self.complain(&message, &error),
                }
            } else {
                match serde_json::from_slice::<EvidenceRecord>(payload) {
                    Ok(EvidenceRecord::Evidence(evidence)) => {
                        self.correlator.take_evidence(*evidence, &mut self.out);
                    }
                    Ok(EvidenceRecord::Progress { progress, reads }) => {
                        self.correlator.advance(progress, &mut self.out);
                        let told = reads.into_iter().take(READS_MAX);
                        self.reads.extend(told.map(|reads| ReadsTold { upto: progress, reads }));
                    }
                    Err(error) => self.complain(&message, &error),
                }
            }
            let place = (message.topic().to_owned(), message.partition());
            self.positions.insert(place, message.offset() + 1);
            self.moved = true;
        }
    }

    /// A record on our own topics that is not ours: passed over, and said.
    fn complain(&self, message: &rdkafka::message::BorrowedMessage<'_>, error: &serde_json::Error) {
        tracing::warn!(
            topic = message.topic(),
            partition = message.partition(),
            offset = message.offset(),
            line = error.line(),
            column = error.column(),
            "a record that does not read as a finding or as evidence was passed over"
        );
    }

    /// Stores what changed, then asks the shards for more.
    pub(super) fn settle(&mut self) -> Result<(), CorrelateError> {
        self.correlator.flush(&mut self.out);
        if !self.moved && self.out.changed.is_empty() && self.out.notices.is_empty() {
            self.out.clear();
            return Ok(());
        }
        let out = std::mem::take(&mut self.out);
        let told = out.notices_in_one();
        let mut batch = StoreBatch {
            outgoing: self.outgoing(&out)?,
            findings: out.findings,
            entries: out.entries,
            merged: out.merged,
            ..StoreBatch::default()
        };
        let wall_ms = now_on_the_wall().millis();
        // A millisecond apart, so that sinks are told in this order: opened before it rose.
        for (wall_ms, notice) in (wall_ms..).zip(&told) {
            if let Some(incident) = self.correlator.incident(&notice.incident) {
                let involved = self.correlator.involved(&incident.id);
                let notify = &self.parts.notify;
                batch.notices.extend(notices(notify, incident, involved, notice, wall_ms));
            }
        }
        let changed = out.changed.iter().filter_map(|id| self.correlator.incident(id));
        batch.incidents = changed.chain(&out.let_go).cloned().collect();
        batch.reads = std::mem::take(&mut self.reads);
        batch.positions = self
            .positions
            .iter()
            .map(|((topic, partition), next)| (topic.clone(), *partition, *next))
            .collect();
        self.parts.runtime.block_on(self.parts.store.apply(&batch, self.office))?;
        self.moved = false;
        self.outbox_pending |= !batch.outgoing.is_empty();
        for notice in &out.notices {
            if notice.kind == NoticeKind::Opened {
                self.parts.telemetry.incident_opened(notice.severity);
            }
        }
        self.parts.telemetry.findings(&out.chains);
        self.ask(&out.watches)
    }

    /// Alerts and chains, for the outbox.
    fn outgoing(&self, out: &Correlated) -> Result<Vec<Outgoing>, CorrelateError> {
        let mut outgoing = Vec::new();
        for chain in &out.chains {
            outgoing.push(Outgoing {
                topic: self.topics.findings.clone(),
                key: chain.key.value.clone(),
                payload: serde_json::to_string(chain)?,
            });
        }
        for (incident, finding) in &out.findings {
            if finding.severity >= Severity::Medium {
                outgoing.push(Outgoing {
                    topic: self.topics.alerts.clone(),
                    key: incident.clone(),
                    payload: detection_finding(finding, incident).to_string(),
                });
            }
        }
        for notice in &out.notices {
            if let Some(incident) = self.correlator.incident(&notice.incident) {
                outgoing.push(Outgoing {
                    topic: self.topics.alerts.clone(),
                    key: incident.id.clone(),
                    payload: incident_finding(incident, notice).to_string(),
                });
            }
        }
        Ok(outgoing)
    }

    /// Sends what waits in the outbox, a part at a time; what the broker does not take stays
    /// there. What was sent and is not acknowledged yet is waited for, not sent again.
    fn publish(&mut self) -> Result<(), CorrelateError> {
        if !self.outbox_pending || !self.parts.link.is_connected() {
            return Ok(());
        }
        if self.sent.is_empty() {
            let waiting = self.parts.runtime.block_on(self.parts.store.outbox(OUTBOX_MAX))?;
            if waiting.is_empty() {
                self.outbox_pending = false;
                return Ok(());
            }
            for (number, outgoing) in waiting {
                let payload = outgoing.payload.as_bytes();
                self.sender.send(&outgoing.topic, &outgoing.key, payload)?;
                self.sent.push(number);
            }
        }
        let sent = self.sent.len() as u64;
        match self.sender.flush(PUBLISH) {
            Ok(()) => {
                self.parts.runtime.block_on(self.parts.store.published(&self.sent))?;
                self.sent.clear();
                self.parts.telemetry.published(sent, 0);
            }
            Err(error) => {
                if !matches!(error, SendError::Pending(_)) {
                    self.sent.clear();
                }
                self.parts.telemetry.published(0, sent);
                tracing::warn!(error = %error, "alerts wait in the outbox");
            }
        }
        Ok(())
    }

    fn remind(&mut self) -> Result<(), CorrelateError> {
        let lately = self.reminded_at.is_some_and(|at| at.elapsed() < REMIND_EVERY);
        if lately || !self.parts.link.is_connected() {
            return Ok(());
        }
        self.reminded_at = Some(Instant::now());
        self.ask(&self.correlator.watches())
    }

    fn ask(&self, watches: &[Watch]) -> Result<(), CorrelateError> {
        for watch in watches {
            self.sender.send(&self.topics.watch, &watch.key.value, &serde_json::to_vec(watch)?)?;
        }
        self.sender.poll();
        Ok(())
    }

    /// Takes up partitions added to our topics, and forgets what is older than is kept.
    fn tidy(&mut self) -> Result<(), CorrelateError> {
        if self.looked_at.elapsed() >= LOOK_EVERY && self.parts.link.is_connected() {
            self.looked_at = Instant::now();
            if let Err(error) = self.reader.take_up_partitions() {
                self.parts.link.note_error(&error, "cannot look for added partitions");
            }
        }
        let Some(keep_ms) = self.parts.keep_ms else { return Ok(()) };
        if self.forgot_at.is_some_and(|at| at.elapsed() < FORGET_EVERY) {
            return Ok(());
        }
        let now = self.correlator.now();
        if now == EventTime::MIN {
            return Ok(());
        }
        let horizon = now.minus_ms(keep_ms);
        let forgotten = self.parts.runtime.block_on(self.parts.store.forget(horizon))?;
        let ended = now_on_the_wall().minus_ms(keep_ms);
        self.parts.runtime.block_on(self.parts.store.forget_silences(ended))?;
        self.parts.runtime.block_on(self.parts.store.forget_hours())?;
        if forgotten > 0 {
            self.parts.runtime.block_on(self.parts.store.forget_acts())?;
            tracing::info!(incidents = forgotten, %horizon, "incidents older than store.keep_days were deleted");
        }
        // A full part means there may be more.
        if forgotten < FORGET_PART {
            self.forgot_at = Some(Instant::now());
        }
        Ok(())
    }

    fn report(&self) -> Result<(), CorrelateError> {
        let store = &self.parts.store;
        let (counts, to_do, pending) = self.parts.runtime.block_on(async {
            let counts = store.open_counts().await?;
            Ok::<_, StoreError>((counts, store.to_do().await?, store.outbox_length().await?))
        })?;
        self.parts.telemetry.incidents_shed(self.correlator.shed_total());
        self.parts.telemetry.incidents_open(counts);
        self.parts.telemetry.incidents_to_do(to_do.all, to_do.new);
        self.parts.telemetry.outbox(pending);
        Ok(())
    }
}
