//! The flight recorder: the last events of a shard, compact, chained per actor and per source.
//!
//! When a finding fires, the recent past is at hand, and the timeline starts before the alert.

use serde::Deserialize;

use super::first_reads::FirstRead;
use crate::engine::detect::{Judged, Stream};
use crate::engine::model::{
    Action, Entry, EntryKind, EventTime, Finding, Kind, Origin, Outcome, Problems, SubjectToken,
};

/// `[recorder]`: how much of the past a shard keeps.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecorderConfig {
    /// Events kept by a shard.
    pub events_max: usize,
    /// Bytes of their text; whichever runs out first.
    pub bytes_max: usize,
    /// Events one request may bring back.
    pub lookback_events_max: usize,
}

impl Default for RecorderConfig {
    fn default() -> Self {
        Self { events_max: 32_768, bytes_max: 8 << 20, lookback_events_max: 20_000 }
    }
}

impl RecorderConfig {
    pub fn check(&self, problems: &mut Problems) {
        problems.require(
            (16..=16_777_216).contains(&self.events_max),
            "recorder.events_max",
            || format!("must be 16 to 16777216 events, got {}", self.events_max),
        );
        problems.require(
            (65_536..=4_294_967_296).contains(&self.bytes_max),
            "recorder.bytes_max",
            || format!("must be 65536 to 4294967296 bytes, got {}", self.bytes_max),
        );
        problems.require(
            (1..=1_000_000).contains(&self.lookback_events_max),
            "recorder.lookback_events_max",
            || format!("must be 1 to 1000000 events, got {}", self.lookback_events_max),
        );
    }
}

/// Event ids a finding names.
const EVIDENCE_IDS_MAX: usize = 20;
/// Room that is set aside at once, for either ring.
const RESERVED_BYTES: usize = 16 << 20;

/// The texts of an entry, in the order they are kept.
const TEXTS: usize = 11;
const ACTION: usize = TEXTS - 1;
/// A longer text is cut in the recorder.
const TEXT_BYTES_MAX: usize = 512;
const TOKEN_BYTES: usize = 16;

/// The fixed part of an entry.
#[derive(Clone, Copy)]
struct Slot {
    time: EventTime,
    position: u64,
    /// The chain's entry before this one, as its number plus one.
    previous: u64,
    bytes: u64,
    /// Where its text begins, counted over all text ever written.
    text_at: u64,
    records: u32,
    subjects: u32,
    tokens: u16,
    stream: u16,
    lengths: [u16; TEXTS],
    kind: Kind,
    outcome: u8,
    tier: u8,
    case: bool,
    leaves: bool,
}

/// A ring of slots and a ring of text.
pub struct Recorder {
    slots: Vec<Slot>,
    text: Vec<u8>,
    slots_max: usize,
    text_max: usize,
    /// Entries ever written; the next one's number.
    written: u64,
    text_written: u64,
    lookback_events_max: usize,
}

impl Recorder {
    pub fn new(config: &RecorderConfig) -> Self {
        Self {
            // Room that is not used yet costs nothing; to move it again and again would.
            slots: Vec::with_capacity(config.events_max.min(RESERVED_BYTES / size_of::<Slot>())),
            text: Vec::with_capacity(config.bytes_max.min(RESERVED_BYTES)),
            slots_max: config.events_max.max(1),
            text_max: config.bytes_max.max(1 << 16),
            written: 0,
            text_written: 0,
            lookback_events_max: config.lookback_events_max,
        }
    }

    /// Records an event after `previous` (a chain head as this returned it, 0 for none) and
    /// returns the new chain head.
    pub fn record(&mut self, judged: &Judged<'_>, previous: u64) -> u64 {
        let event = judged.event;
        let flow = event.flow.as_ref();
        let far = flow.map(|f| &f.destination);
        let texts: [&str; TEXTS] = [
            event.id.as_deref().unwrap_or(""),
            event.actor_id().unwrap_or(""),
            event.session.as_deref().unwrap_or(""),
            event.source_ip().unwrap_or(""),
            event.source.host.as_deref().unwrap_or(""),
            event.source.site.as_deref().unwrap_or(""),
            event.system.as_deref().or(flow.and_then(|f| f.application.as_deref())).unwrap_or(""),
            judged.facts.dataset,
            if event.resource.dataset.is_some() { judged.facts.category } else { "" },
            far.and_then(|d| d.host.as_deref().or(d.ip.as_deref())).unwrap_or(""),
            event.action.name(),
        ];
        let texts = texts.map(cut);
        let tokens = &judged.facts.tokens;
        let length = texts.iter().map(|t| t.len()).sum::<usize>() + tokens.len() * TOKEN_BYTES;
        let text_at = self.reserve(length);
        let mut write = text_at as usize % self.text_max;
        let mut put = |bytes: &[u8]| {
            self.text[write..write + bytes.len()].copy_from_slice(bytes);
            write += bytes.len();
        };
        texts.iter().for_each(|text| put(text.as_bytes()));
        tokens.iter().for_each(|token| put(&token.0));
        let slot = Slot {
            time: judged.at,
            position: judged.origin.position,
            previous,
            bytes: flow.map_or(event.bytes, |f| f.bytes_out),
            text_at,
            records: match event.kind {
                Kind::Access => u32::try_from(event.records).unwrap_or(u32::MAX),
                Kind::Auth | Kind::Network => 0,
            },
            subjects: event.resource.subjects_total,
            tokens: tokens.len() as u16,
            stream: judged.origin.stream,
            lengths: texts.map(|t| t.len() as u16),
            kind: event.kind,
            outcome: event.outcome as u8,
            tier: judged.facts.tier,
            case: event.case.is_some(),
            leaves: judged.facts.leaves,
        };
        let place = (self.written % self.slots_max as u64) as usize;
        match self.slots.get_mut(place) {
            Some(old) => *old = slot,
            None => self.slots.push(slot),
        }
        self.written += 1;
        self.written
    }

    /// The chain from `head` back to `since`, at most the configured number and no further than
    /// `stop` (a chain head already sent), oldest first.
    pub fn chain(&self, head: u64, stop: u64, since: EventTime) -> Vec<u64> {
        let mut found = Vec::new();
        let mut at = head;
        while at > stop && found.len() < self.lookback_events_max {
            let Some(slot) = self.slot(at) else { break };
            // Entries a little out of order must not end the walk, hence the hour's grace.
            if slot.time < since.minus_ms(3_600_000) {
                break;
            }
            if slot.time >= since {
                found.push(at);
            }
            at = slot.previous;
        }
        found.reverse();
        found
    }

    /// The oldest of the chain's events that is a read `wanted`.
    pub fn first_read(&self, head: u64, wanted: FirstRead) -> Option<u64> {
        self.chain(head, 0, wanted.since).into_iter().find(|&at| self.is_read(at, wanted))
    }

    /// Whether it is a read allowed, of the tier and in the time that are wanted.
    pub fn is_read(&self, at: u64, wanted: FirstRead) -> bool {
        let of_kind = |slot: &&Slot| {
            slot.kind == Kind::Access
                && slot.tier >= wanted.tier
                && slot.outcome == Outcome::Allowed as u8
                && (wanted.since..=wanted.until).contains(&slot.time)
        };
        self.slot(at)
            .filter(of_kind)
            .is_some_and(|slot| Action::from_word(self.texts(slot)[ACTION].into()).discloses())
    }

    /// Has the finding name the last of the chain's events from its window's start to `until`,
    /// oldest first, where any of them is still there.
    pub fn name(&self, finding: &mut Finding, head: u64, until: EventTime, streams: &[Stream]) {
        let mut ids = Vec::new();
        let mut at = head;
        for _ in 0..self.lookback_events_max {
            let slot = self.slot(at).filter(|slot| slot.time >= finding.window.start);
            let Some(slot) = slot.filter(|_| ids.len() < EVIDENCE_IDS_MAX) else { break };
            let id = self.texts(slot)[0];
            if slot.time <= until {
                let place = || origin(slot, streams).to_string();
                ids.push(if id.is_empty() { place() } else { id.to_owned() });
            }
            at = slot.previous;
        }
        ids.reverse();
        if !ids.is_empty() {
            finding.evidence = ids;
        }
    }

    pub fn time(&self, at: u64) -> Option<EventTime> {
        self.slot(at).map(|slot| slot.time)
    }

    pub fn entry(&self, at: u64, streams: &[Stream]) -> Option<Entry> {
        let slot = self.slot(at)?;
        let [id, actor, session, ip, host, site, system, dataset, category, destination, action] =
            self.texts(slot);
        let owned = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Some(Entry {
            time: slot.time,
            kind: match slot.kind {
                Kind::Access => EntryKind::Access,
                Kind::Auth => EntryKind::Auth,
                Kind::Network => EntryKind::Flow,
            },
            event: owned(id),
            action: action.to_owned(),
            outcome: ["allowed", "denied", "error"][usize::from(slot.outcome).min(2)].to_owned(),
            actor: owned(actor),
            session: owned(session),
            source_ip: owned(ip),
            host: owned(host),
            site: owned(site),
            system: owned(system),
            dataset: owned(dataset),
            category: owned(category),
            tier: slot.tier,
            destination: owned(destination),
            leaves: slot.leaves,
            records: u64::from(slot.records),
            bytes: slot.bytes,
            subjects: slot.subjects,
            tokens: self.tokens(slot),
            case: slot.case,
            severity: None,
            finding: None,
            text: String::new(),
            source: origin(slot, streams),
        })
    }

    pub fn bytes(&self) -> usize {
        self.slots.len() * size_of::<Slot>() + self.text.len()
    }

    /// Room for `length` bytes in one piece; what was written there is overwritten.
    fn reserve(&mut self, length: usize) -> u64 {
        let place = self.text_written as usize % self.text_max;
        if place + length > self.text_max {
            self.text_written += (self.text_max - place) as u64;
        }
        let at = self.text_written;
        self.text_written += length as u64;
        let end = at as usize % self.text_max + length;
        if self.text.len() < end {
            self.text.resize(end, 0);
        }
        at
    }

    /// The entry under a chain head, unless it has been overwritten.
    fn slot(&self, at: u64) -> Option<&Slot> {
        let number = at.checked_sub(1)?;
        if number >= self.written || self.written - number > self.slots_max as u64 {
            return None;
        }
        let slot = self.slots.get((number % self.slots_max as u64) as usize)?;
        (self.text_written - slot.text_at <= self.text_max as u64).then_some(slot)
    }

    fn texts(&self, slot: &Slot) -> [&str; TEXTS] {
        let mut at = slot.text_at as usize % self.text_max;
        slot.lengths.map(|length| {
            let bytes = self.text.get(at..at + usize::from(length)).unwrap_or_default();
            at += usize::from(length);
            std::str::from_utf8(bytes).unwrap_or_default()
        })
    }

    fn tokens(&self, slot: &Slot) -> Vec<SubjectToken> {
        let texts: usize = slot.lengths.iter().map(|&l| usize::from(l)).sum();
        let at = slot.text_at as usize % self.text_max + texts;
        let bytes =
            self.text.get(at..at + usize::from(slot.tokens) * TOKEN_BYTES).unwrap_or_default();
        bytes
            .chunks_exact(TOKEN_BYTES)
            .map(|chunk| {
                let mut token = [0; TOKEN_BYTES];
                token.copy_from_slice(chunk);
                SubjectToken(token)
            })
            .collect()
    }
}

fn origin(slot: &Slot, streams: &[Stream]) -> crate::engine::model::Source {
    let origin = Origin { stream: slot.stream, position: slot.position };
    Stream::source_of(streams, origin)
}

fn cut(text: &str) -> &str {
    if text.len() <= TEXT_BYTES_MAX {
        return text;
    }
    let mut end = TEXT_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
