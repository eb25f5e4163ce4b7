//! A second factor removed, then sensitive data read by the same account within a day.
//!
//! Removals and reads are in different topics and so in different shards. The shards are asked for
//! the account's first read after the removal; the pair is made by event time, whichever of the
//! two comes in second.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::engine::detect::{Mode, severity_of};
use crate::engine::model::{
    Action, Entry, EntryKind, EventTime, Finding, IdHasher, Key, KeyKind, Severity, Source, Window,
};
use crate::engine::shard::Watch;

/// What the rules that find a removal are tagged with.
const TECHNIQUE: &str = "T1556.006";
/// Reads of this tier and above count.
const TIER_MIN: u8 = 2;
const HOUR_MS: i64 = 3_600_000;
const STRETCH_MS: i64 = 4 * HOUR_MS;
/// Removals and reads remembered of one account, and accounts remembered.
const REMOVALS_MAX: usize = 8;
const READS_MAX: usize = 16;
const ACTORS_MAX: usize = 10_000;

/// What is told of a read.
struct Read {
    time: EventTime,
    event: String,
    source: Source,
    source_ip: Option<String>,
    session: Option<String>,
    dataset: Option<String>,
    category: Option<String>,
    tier: u8,
    subjects: u32,
    records: u64,
    bytes: u64,
}

impl From<&Entry> for Read {
    fn from(entry: &Entry) -> Self {
        Self {
            time: entry.time,
            event: entry.event_id().into_owned(),
            source: entry.source.clone(),
            source_ip: entry.source_ip.clone(),
            session: entry.session.clone(),
            dataset: entry.dataset.clone(),
            category: entry.category.clone(),
            tier: entry.tier,
            subjects: entry.subjects,
            records: entry.records,
            bytes: entry.bytes,
        }
    }
}

struct Known {
    removals: VecDeque<Finding>,
    /// The first and the last of each four hours: were there any after a removal, one is here.
    reads: VecDeque<Read>,
    /// The latest read that was told of: it answers for every removal within the day before it.
    told: EventTime,
    touched: EventTime,
}

impl Default for Known {
    fn default() -> Self {
        let (removals, reads) = (VecDeque::new(), VecDeque::new());
        Self { removals, reads, told: EventTime::MIN, touched: EventTime::MIN }
    }
}

impl Known {
    fn is_open(&self, removal: &Finding) -> bool {
        !follows(self.told, removal.time)
    }
}

fn follows(read: EventTime, removal: EventTime) -> bool {
    (0..=FactorReads::WITHIN_MS).contains(&read.since(removal))
}

/// Pairs removals and reads by account.
pub struct FactorReads {
    known: HashMap<String, Known>,
    mode: Mode,
}

impl FactorReads {
    pub const NAME: &str = "factor_removed_then_read";
    pub const WITHIN_MS: i64 = 24 * HOUR_MS;

    pub fn new(mode: Mode) -> Self {
        Self { known: HashMap::new(), mode }
    }

    /// Whose second factor was removed and when, where that is what the finding tells. A rule that
    /// tells nobody starts nothing.
    pub fn removal(finding: &Finding) -> Option<(String, EventTime)> {
        let is_removal = finding.rule.is_some()
            && finding.severity > Severity::Informational
            && finding.attack.iter().any(|id| id == TECHNIQUE);
        let actor = finding.actor.clone().filter(|_| is_removal)?;
        Some((actor, finding.time))
    }

    /// True of this detector's own.
    pub fn is_told(finding: &Finding) -> bool {
        finding.detector == Self::NAME
    }

    /// Takes a finding; where it tells of a removal after which there already was a read, what the
    /// two make.
    pub fn take(&mut self, finding: &Finding) -> Option<Finding> {
        let mode = self.mode;
        let (actor, known) = self.keep(finding)?;
        let removal = known.removals.iter().find(|removal| removal.time == finding.time)?;
        let reads = known.reads.iter().filter(|read| follows(read.time, removal.time));
        let read = reads.min_by_key(|read| read.time).filter(|_| known.is_open(removal))?;
        let made = pair(&actor, removal, read, mode);
        known.told = known.told.max(made.time);
        Some(made)
    }

    /// Takes a finding back after a restart.
    pub fn resume(&mut self, finding: &Finding) {
        self.keep(finding);
    }

    /// Takes a piece of evidence; where it is the first read after a removal, what the two make.
    pub fn take_read(&mut self, entry: &Entry) -> Option<Finding> {
        let mode = self.mode;
        let known = self.remember(entry)?;
        let removal = known
            .removals
            .iter()
            .filter(|removal| follows(entry.time, removal.time) && known.is_open(removal))
            .min_by_key(|removal| removal.time)?;
        let made = pair(entry.actor.as_deref()?, removal, &Read::from(entry), mode);
        known.told = known.told.max(made.time);
        Some(made)
    }

    /// Remembers a read, in case the removal before it comes in after it.
    pub fn note(&mut self, entry: &Entry) {
        self.remember(entry);
    }

    fn remember(&mut self, entry: &Entry) -> Option<&mut Known> {
        let actor = entry.actor.as_ref()?;
        if self.mode == Mode::Off || !is_sensitive_read(entry) {
            return None;
        }
        let known = self.of(actor, entry.time);
        let read = Read::from(entry);
        let before = known.reads.len().checked_sub(2).and_then(|place| known.reads.get(place));
        let again =
            before.is_some_and(|before| (0..STRETCH_MS).contains(&read.time.since(before.time)));
        if again && known.reads.back().is_some_and(|last| read.time >= last.time) {
            known.reads.pop_back();
        } else if known.reads.len() >= READS_MAX {
            known.reads.pop_front();
        }
        known.reads.push_back(read);
        Some(known)
    }

    /// What to ask of the shards when a removal is told of.
    pub fn watch(&self, finding: &Finding) -> Option<Watch> {
        let (actor, time) = Self::removal(finding)?;
        let known = self.known.get(&actor)?;
        let removal = known.removals.iter().find(|removal| removal.time == time)?;
        known.is_open(removal).then(|| watch(&actor, time))
    }

    /// What is still to be asked of the shards.
    pub fn watches(&self, now: EventTime) -> impl Iterator<Item = Watch> {
        self.known.iter().flat_map(move |(actor, known)| {
            let open = known.removals.iter().filter(move |removal| {
                removal.time.plus_ms(Self::WITHIN_MS) > now && known.is_open(removal)
            });
            open.map(move |removal| watch(actor, removal.time))
        })
    }

    /// Remembers a removal, or that a read was told of.
    fn keep(&mut self, finding: &Finding) -> Option<(String, &mut Known)> {
        if self.mode == Mode::Off {
            return None;
        }
        if let Some(actor) = finding.actor.as_ref().filter(|_| Self::is_told(finding)) {
            let known = self.of(actor, finding.time);
            known.told = known.told.max(finding.time);
            return None;
        }
        let (actor, time) = Self::removal(finding)?;
        let known = self.of(&actor, time);
        // Counted over a time that holds a removal, it tells of that one.
        let Window { start, .. } = finding.window;
        if known.removals.iter().any(|removal| (start.min(time)..=time).contains(&removal.time)) {
            return None;
        }
        if known.removals.len() >= REMOVALS_MAX {
            known.removals.pop_front();
        }
        known.removals.push_back(finding.clone());
        Some((actor, known))
    }

    fn of(&mut self, actor: &String, time: EventTime) -> &mut Known {
        if self.known.len() >= ACTORS_MAX && !self.known.contains_key(actor) {
            self.forget_oldest();
        }
        let known = self.known.entry(actor.clone()).or_default();
        known.touched = known.touched.max(time);
        known
    }

    /// Forgets the quarter that was longest without anything.
    fn forget_oldest(&mut self) {
        let mut times: Vec<EventTime> = self.known.values().map(|known| known.touched).collect();
        times.sort_unstable();
        if let Some(&horizon) = times.get(ACTORS_MAX / 4) {
            self.known.retain(|_, known| known.touched > horizon);
        }
    }
}

fn watch(actor: &str, removal: EventTime) -> Watch {
    Watch {
        key: Key { kind: KeyKind::Actor, value: actor.to_owned() },
        since: removal,
        until: removal.plus_ms(FactorReads::WITHIN_MS),
        first_read: Some(TIER_MIN),
    }
}

fn is_sensitive_read(entry: &Entry) -> bool {
    entry.kind == EntryKind::Access
        && entry.outcome == "allowed"
        && entry.tier >= TIER_MIN
        && Action::from_word(entry.action.as_str().into()).discloses()
}

/// The id rests on the removal and its account: whatever is read after it, it is told once.
fn pair(actor: &str, removal: &Finding, read: &Read, mode: Mode) -> Finding {
    let id = IdHasher::new("finding")
        .part(FactorReads::NAME.as_bytes())
        .part(actor.as_bytes())
        .part(&removal.time.millis().to_le_bytes())
        .finish();
    let score = if read.tier > TIER_MIN { 70 } else { 66 };
    let after = match read.time.since(removal.time) / 60_000 {
        minutes @ 0..120 => format!("{minutes} min"),
        minutes => format!("{:.1} h", minutes as f64 / 60.0),
    };
    let why = format!(
        "{actor} was shown T{} data ({}) {after} after its second factor was removed",
        read.tier,
        read.dataset.as_deref().unwrap_or("unnamed"),
    );
    let mut made = Finding {
        id,
        time: read.time,
        detector: FactorReads::NAME.into(),
        rule: None,
        severity: severity_of(score),
        score,
        key: Key { kind: KeyKind::Actor, value: actor.to_owned() },
        actor: Some(actor.to_owned()),
        source_ip: read.source_ip.clone(),
        session: read.session.clone(),
        dataset: read.dataset.clone(),
        category: read.category.clone(),
        tier: read.tier,
        window: Window { start: removal.time, end: read.time },
        observed: 1.0,
        expected: 0.0,
        unit: "events".into(),
        subjects: u64::from(read.subjects),
        records: read.records,
        bytes: read.bytes,
        attack: vec![TECHNIQUE.into(), "T1078".into(), "T1213.006".into()],
        why,
        evidence: removal.evidence_before([read.event.as_str()]),
        source: read.source.clone(),
        usual: Vec::new(),
        source_actors: 0,
    };
    mode.shade(&mut made);
    made
}
