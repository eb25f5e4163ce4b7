//! A planned read, and how it is written on the wire.

use crate::engine::model::{EventTime, Outcome};

use super::super::chance::{Purpose, hash, mix};
use super::super::json::Json;
use super::super::sites::SITES;
use super::dataset::{self, Dataset, MANIFESTS};
use super::person::Person;
use super::role;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Read,
    /// Rows without a record of their own.
    Search,
    List,
    Export,
}

impl Act {
    const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Search => "search",
            Self::List => "list",
            Self::Export => "export",
        }
    }
}

/// An event that is planned but not yet written. The record's number tells its subject, the same
/// in every dataset about the same kind of subject.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draft {
    pub at_ms: i64,
    pub position: u64,
    pub actor: u32,
    /// Counts an account's events: orders those of the same millisecond.
    pub order: u32,
    pub session: u32,
    pub ip: u32,
    /// 0 where none is cited.
    pub case: u32,
    pub records: u32,
    /// Index into the deeds, from 1; 0 for honest work. Not on the wire.
    pub deed: u16,
    pub dataset: Dataset,
    pub act: Act,
    pub outcome: Outcome,
    pub site: u8,
    pub purpose: u8,
}

/// Which subject a record is about.
pub(super) fn subject(seed: u64, dataset: Dataset, position: u64) -> u32 {
    let facts = dataset::facts(dataset);
    let kind = u64::from(facts.subject.as_bytes()[0]);
    (hash(seed, Purpose::Subject, kind, position) % u64::from(facts.subjects)) as u32
}

/// `,"actor":{…}` of an account as it is posted now.
pub(super) fn actor_json(person: &Person) -> String {
    let facts = role::facts(person.post.role);
    format!(
        ",\"actor\":{{\"id\":\"{}\",\"role\":\"{}\",\"unit\":\"{}\",\"type\":\"{}\"}}",
        person.id(),
        facts.name,
        person.unit(),
        facts.actor_type
    )
}

/// Writes drafts; keeps the second it wrote last.
#[derive(Debug)]
pub(super) struct Writer {
    seed: u64,
    second: i64,
    stamp: Vec<u8>,
}

impl Writer {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, second: i64::MIN, stamp: Vec::new() }
    }

    /// Appends one native event, without a line end.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, id: u64, actor: &str, draft: &Draft) {
        let facts = dataset::facts(draft.dataset);
        let mut json = Json::new(out);
        json.raw("{\"kind\":\"access\",\"id\":\"");
        json.bare_id(id);
        json.raw("\",\"time\":\"");
        self.stamp(&mut json, draft.at_ms);
        json.raw("\"");
        json.raw(actor);
        json.raw(",\"session\":\"s-");
        json.hex(mix(u64::from(draft.session)), 10);
        json.raw("\",\"source\":{\"ip\":\"");
        json.bare_ip(draft.ip);
        json.raw("\",\"host\":\"");
        host(&mut json, draft.ip);
        json.raw("\",\"site\":\"");
        json.raw(SITES[usize::from(draft.site)].code);
        json.raw("\"},\"system\":\"");
        json.raw(facts.system);
        json.raw("\",\"action\":\"");
        json.raw(draft.act.name());
        json.raw("\",\"outcome\":\"");
        json.raw(draft.outcome.name());
        json.raw("\",\"resource\":{\"dataset\":\"");
        json.raw(facts.name);
        json.raw("\",\"category\":\"");
        json.raw(facts.category);
        json.raw("\"");
        if matches!(draft.act, Act::Read) {
            self.record(&mut json, draft);
        }
        json.raw("},\"records\":");
        json.number(u64::from(draft.records));
        json.raw(",\"bytes\":");
        json.number(bytes(draft));
        if draft.case != 0 {
            json.raw(",\"case\":\"C-2026-");
            json.padded(u64::from(draft.case), 8);
            json.raw("\"");
        }
        json.raw(",\"purpose\":\"");
        let purposes = &role::ROLES[usize::from(draft.purpose >> 2)].purposes;
        json.raw(purposes[usize::from(draft.purpose & 3).min(2)]);
        json.raw("\"}");
    }

    fn stamp(&mut self, json: &mut Json<'_>, at_ms: i64) {
        let second = at_ms.div_euclid(1_000);
        if second != self.second {
            self.second = second;
            self.stamp.clear();
            let time = EventTime::MIN.plus_ms(second * 1_000 - EventTime::MIN.millis());
            Json::new(&mut self.stamp).bare_time(time);
            // Up to and with the point: the milliseconds are written anew each time.
            self.stamp.truncate(self.stamp.len().saturating_sub(4));
        }
        json.bytes(&self.stamp);
        json.padded(at_ms.rem_euclid(1_000) as u64, 3);
        json.raw("Z");
    }

    fn record(&self, json: &mut Json<'_>, draft: &Draft) {
        let facts = dataset::facts(draft.dataset);
        json.raw(",\"record\":\"");
        json.raw(facts.record);
        json.padded(draft.position, 8);
        // A manifest names every consignment of its bill of lading.
        let named = if draft.dataset == MANIFESTS { 1 + mix(draft.position) % 4 } else { 1 };
        if named == 1 {
            json.raw("\",\"subject\":\"");
            json.raw(facts.subject);
            json.number(u64::from(subject(self.seed, draft.dataset, draft.position)));
            return json.raw("\"");
        }
        json.raw("\",\"subjects\":[");
        for n in 0..named {
            json.raw(if n == 0 { "\"" } else { ",\"" });
            json.raw(facts.subject);
            let at = draft.position + n * 7_919;
            json.number(u64::from(subject(self.seed, draft.dataset, at)));
            json.raw("\"");
        }
        json.raw("]");
    }
}

fn bytes(draft: &Draft) -> u64 {
    let facts = dataset::facts(draft.dataset);
    // The sum of two uniforms, to the power of e: some reads are long.
    let chance = mix(draft.position ^ u64::from(draft.dataset) << 56);
    let spread = ((chance & 0xffff) + (chance >> 16 & 0xffff)) as f32 / 65_536.0 - 1.0;
    (facts.bytes * (spread * 0.9).exp()) as u64 * u64::from(draft.records.max(1))
}

/// Named after the address, as the network's own records would be.
fn host(json: &mut Json<'_>, ip: u32) {
    let [network, site, high, low] = ip.to_be_bytes();
    let number = u64::from(high) << 8 | u64::from(low);
    match (network, site) {
        (10, 20..50) => {
            json.raw("ws-");
            json.lower(SITES[usize::from(site) - 20].code);
            json.raw("-");
        }
        (10, 200) => json.raw("vpn-"),
        (10, 250) => json.raw("srv-"),
        _ => json.raw("gw-"),
    }
    json.number(number);
}
