//! A place at which somebody works: keeps the time, and turns what is done into events.

use smallvec::{SmallVec, smallvec};

use crate::engine::model::Outcome;

use super::agency::{Agency, Place, ip};
use super::chance::{Chance, around, below, between, happens};
use super::dataset::{About, Dataset};
use super::event::{Access, Auth, Body, Draft, Far, Flow};
use super::population::{any_subject, record_of};
use super::shift::Sitting;

/// Subjects a page of results names.
const PAGE: u32 = 25;

/// Why something is looked at: the case it belongs to, and the purpose given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reason {
    pub case: Option<u32>,
    pub purpose: &'static str,
}

impl Reason {
    pub(super) const fn routine(purpose: &'static str) -> Self {
        Self { case: None, purpose }
    }

    pub(super) const fn case(case: u32, purpose: &'static str) -> Self {
        Self { case: Some(case), purpose }
    }

    pub(super) const NONE: Self = Self { case: None, purpose: "" };
}

/// Collects one account's events in one sitting, or a breach's.
pub(super) struct Desk<'a> {
    pub agency: &'a Agency,
    pub rng: &'a mut Chance,
    pub actor: Option<u32>,
    pub session: Option<u64>,
    pub place: Place,
    /// The desk's own clock, in milliseconds since 1970.
    pub now_ms: i64,
    /// Nothing is done at or after this instant.
    pub until_ms: i64,
    pub breach: Option<u16>,
    /// Share of requests that the systems refuse, and that fail.
    pub refused: f64,
    pub failed: f64,
    /// What the applications have sent back since the last [`Desk::exchange`].
    pub received: u64,
    pub out: &'a mut Vec<Draft>,
}

impl<'a> Desk<'a> {
    pub(super) fn sit(
        agency: &'a Agency,
        rng: &'a mut Chance,
        actor: u32,
        sitting: &Sitting,
        now_ms: i64,
        out: &'a mut Vec<Draft>,
    ) -> Self {
        Self {
            agency,
            rng,
            actor: Some(actor),
            session: Some(sitting.session),
            place: sitting.place,
            now_ms,
            until_ms: sitting.logout_ms,
            breach: None,
            refused: 0.004,
            failed: 0.002,
            received: 0,
            out,
        }
    }

    fn put(&mut self, body: Body) {
        if self.now_ms < self.until_ms {
            self.out.push(Draft { at_ms: self.now_ms, breach: self.breach, body });
        }
    }

    /// Lets time pass: a log-normal number of seconds around a median.
    pub(super) fn think(&mut self, median_s: f64) {
        self.now_ms += (around(self.rng, median_s, 0.6).min(3_600.0) * 1_000.0) as i64 + 1;
    }

    pub(super) const fn wait_ms(&mut self, ms: i64) {
        self.now_ms += ms;
    }

    /// Looks at (or changes) one record about a subject.
    pub(super) fn open(
        &mut self,
        dataset: Dataset,
        action: &'static str,
        subject: u32,
        reason: Reason,
    ) {
        let facts = dataset.facts();
        let outcome = self.luck();
        let bytes = around(self.rng, f64::from(facts.bytes), 0.35) as u64;
        let allowed = outcome == Outcome::Allowed;
        let (record, subjects): (_, SmallVec<[u32; 2]>) = match facts.about {
            About::Nobody => (Some(1_000_000 + u64::from(subject) % 5_000), SmallVec::new()),
            About::Staff => (Some(1_000_000 + u64::from(subject)), smallvec![subject]),
            _ => (Some(record_of(dataset, subject)), smallvec![subject]),
        };
        self.access(Access {
            actor: self.actor,
            session: self.session,
            place: self.place,
            dataset,
            action,
            outcome,
            record,
            subjects,
            records: u32::from(allowed),
            bytes: if allowed { bytes } else { 180 },
            case: reason.case,
            purpose: reason.purpose,
        });
    }

    pub(super) fn read(&mut self, dataset: Dataset, subject: u32, reason: Reason) {
        self.open(dataset, "read", subject, reason);
    }

    /// A search, list or export that returns rows. The first of them are named.
    pub(super) fn rows(
        &mut self,
        dataset: Dataset,
        action: &'static str,
        rows: u32,
        about: &[u32],
        reason: Reason,
    ) {
        let named = rows.min(PAGE) as usize;
        let mut subjects: SmallVec<[u32; 2]> = about.iter().copied().take(named).collect();
        let kind = dataset.facts().about;
        if !matches!(kind, About::Nobody | About::Staff) {
            while subjects.len() < named {
                subjects.push(any_subject(self.rng, kind));
            }
        }
        self.rows_naming(dataset, action, rows, subjects, reason);
    }

    /// As [`Desk::rows`], naming exactly these.
    pub(super) fn rows_naming(
        &mut self,
        dataset: Dataset,
        action: &'static str,
        rows: u32,
        subjects: SmallVec<[u32; 2]>,
        reason: Reason,
    ) {
        let outcome = self.luck();
        let allowed = outcome == Outcome::Allowed;
        // A row of a list is a tenth of the record it stands for.
        let row = f64::from(dataset.facts().bytes.min(6_000)) / 10.0;
        let bytes = 300 + (around(self.rng, row, 0.2) * f64::from(rows)) as u64;
        self.access(Access {
            actor: self.actor,
            session: self.session,
            place: self.place,
            dataset,
            action,
            outcome,
            record: None,
            subjects: if allowed { subjects } else { SmallVec::new() },
            records: if allowed { rows } else { 0 },
            bytes: if allowed { bytes } else { 180 },
            case: reason.case,
            purpose: reason.purpose,
        });
    }

    pub(super) fn access(&mut self, access: Access) {
        self.received += access.bytes;
        self.put(Body::Access(Box::new(access)));
    }

    fn luck(&mut self) -> Outcome {
        let refused = self.refused;
        if happens(self.rng, refused) {
            Outcome::Denied
        } else if happens(self.rng, self.failed) {
            Outcome::Error
        } else {
            Outcome::Allowed
        }
    }

    pub(super) fn auth(&mut self, action: &'static str, outcome: Outcome, mfa: Option<bool>) {
        let Some(actor) = self.actor else { return };
        let session = (outcome == Outcome::Allowed).then_some(self.session).flatten();
        self.put(Body::Auth(Auth { actor, session, place: self.place, action, outcome, mfa }));
    }

    pub(super) fn flow(&mut self, far: Far, duration_ms: i64, bytes_out: u64, bytes_in: u64) {
        let flow = Flow {
            // An endpoint agent names the user on our machines; outside there is none.
            actor: self.place.site.and(self.actor),
            place: self.place,
            port: between(self.rng, 49_152, 65_535) as u16,
            far,
            duration_ms: duration_ms.clamp(1, 86_400_000) as u32,
            bytes_out,
            bytes_in,
            verdict: Outcome::Allowed,
        };
        self.put(Body::Network(flow));
    }

    /// The connection to an application that carried what was done since `since_ms`.
    pub(super) fn exchange(&mut self, dataset: Dataset, since_ms: i64) {
        let facts = dataset.facts();
        let far =
            Far { ip: ip(10, 1, 0, facts.host), port: 443, host: facts.system, application: "tls" };
        let bytes_in = self.received + self.received / 12 + 3_600;
        let bytes_out = 1_400 + self.received / 20 + below(self.rng, 1_200);
        let now_ms = self.now_ms;
        self.now_ms = since_ms;
        self.flow(far, now_ms - since_ms + 400, bytes_out, bytes_in);
        self.now_ms = now_ms;
        self.received = 0;
    }
}
