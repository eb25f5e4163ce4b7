//! The truth about a breach: who, when, what. Summed from the events that were planned, so that it
//! cannot say anything else than they do.

use std::collections::{BTreeSet, HashSet};
use std::net::Ipv4Addr;

use serde::Serialize;

use crate::engine::model::{EventTime, Outcome};

use super::agency::Agency;
use super::breach::BreachKind;
use super::event::{Body, Draft};

/// One entry of the truth file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Breach {
    /// Kind and number: `bulk-dump-1`.
    pub name: String,
    pub kind: &'static str,
    /// Accounts it used. Empty where nobody was authenticated.
    pub actors: Vec<String>,
    /// Addresses it came from.
    pub sources: Vec<String>,
    /// Its first and its last event; both absent when the simulation ended before it began.
    pub start: Option<EventTime>,
    pub end: Option<EventTime>,
    pub events: u64,
    /// Rows that allowed accesses returned.
    pub records: u64,
    /// Distinct subjects that allowed accesses named.
    pub subjects: u64,
    /// Sent to addresses outside the agency.
    pub bytes_out: u64,
    pub datasets: Vec<&'static str>,
    pub description: &'static str,
}

impl Breach {
    pub(super) fn of(agency: &Agency, kind: BreachKind, nth: usize, drafts: &[Draft]) -> Self {
        let mut actors = BTreeSet::new();
        let mut sources = BTreeSet::new();
        let mut subjects = HashSet::new();
        let mut datasets = BTreeSet::new();
        let mut breach = Self {
            name: format!("{kind}-{nth}"),
            kind: kind.name(),
            start: drafts.first().map(|draft| time(draft.at_ms)),
            end: drafts.last().map(|draft| time(draft.at_ms)),
            events: drafts.len() as u64,
            description: kind.description(),
            ..Self::default()
        };
        for draft in drafts {
            let place = match &draft.body {
                Body::Access(access) => {
                    actors.extend(access.actor);
                    if access.outcome == Outcome::Allowed {
                        let facts = access.dataset.facts();
                        breach.records += u64::from(access.records);
                        subjects.extend(access.subjects.iter().map(|s| (facts.about as u8, *s)));
                        datasets.insert(access.dataset);
                    }
                    access.place
                }
                Body::Auth(auth) => {
                    actors.insert(auth.actor);
                    auth.place
                }
                Body::Network(flow) => {
                    if flow.far.ip >> 24 != 10 {
                        breach.bytes_out += flow.bytes_out;
                    }
                    flow.place
                }
            };
            sources.insert(place.ip);
        }
        breach.actors = actors.into_iter().map(|n| agency.actor(n).id()).collect();
        breach.sources = sources.into_iter().map(|ip| Ipv4Addr::from(ip).to_string()).collect();
        breach.subjects = subjects.len() as u64;
        breach.datasets = datasets.into_iter().map(|dataset| dataset.facts().name).collect();
        breach
    }
}

fn time(at_ms: i64) -> EventTime {
    EventTime::MIN.plus_ms(at_ms - EventTime::MIN.millis())
}
