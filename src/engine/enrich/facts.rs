//! What enrichment adds to an event.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{Addresses, Catalogue, Directory, DirectoryActor, Pseudonyms, Standing, WorkItems};
use crate::engine::model::{ActorType, Event, Kind, Outcome, SubjectToken};

/// Where neither catalogue nor event says what kind of data it is.
const UNCLASSIFIED: &str = "unclassified";

/// Everything the detectors may know of an event beyond the event itself.
#[derive(Clone, Debug)]
pub struct Facts<'e> {
    /// Directory over event.
    pub role: &'e str,
    pub unit: &'e str,
    pub actor_type: ActorType,
    pub standing: Option<&'e DirectoryActor>,
    pub dataset: &'e str,
    pub category: &'e str,
    /// 0 to 3.
    pub tier: u8,
    pub case_required: bool,
    /// What the case it cites is worth.
    pub case: Standing,
    /// One a subject looked at; `event.resource.subjects_total` counts the rest too.
    pub tokens: SmallVec<[SubjectToken; 1]>,
    /// Subjects among `tokens` that are protected, planted or staff; nearly always empty.
    pub watched: SmallVec<[Watched; 1]>,
    /// A flow that leaves the agency's networks.
    pub leaves: bool,
    /// A flow that came to nothing, from beyond the agency's networks.
    pub outsider: bool,
}

/// A subject the directory watches over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched {
    pub token: SubjectToken,
    pub who: Who,
}

/// Who a watched subject is to the actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// A planted record, not a person.
    Canary,
    Oneself,
    Protected,
    Colleague {
        same_unit: bool,
    },
}

/// Catalogue, directory, pseudonyms and addresses together.
#[derive(Clone, Debug)]
pub struct Enricher {
    pub catalogue: Catalogue,
    pub directory: Arc<Directory>,
    pub pseudonyms: Pseudonyms,
    pub addresses: Addresses,
    /// None where no feed is configured, or none of it has come yet.
    pub work_items: Option<Arc<WorkItems>>,
}

impl Enricher {
    pub fn facts<'e>(&'e self, event: &'e Event<'e>) -> Facts<'e> {
        let standing = event.actor_id().and_then(|id| self.directory.actor(id));
        let role = standing.and_then(|s| s.role.as_deref()).or(event.actor.role.as_deref());
        let unit = standing.and_then(|s| s.unit.as_deref()).or(event.actor.unit.as_deref());
        let dataset = event.resource.dataset.as_deref().unwrap_or("");
        let known = self.catalogue.get(dataset);
        let category = known
            .map(|d| d.category.as_str())
            .or(event.resource.category.as_deref())
            .unwrap_or(UNCLASSIFIED);
        let leaves = event.flow.as_ref().is_some_and(|flow| {
            flow.destination.ip.as_deref().is_some_and(|ip| self.addresses.is_external(ip))
                && event.source_ip().is_some_and(|ip| !self.addresses.is_external(ip))
        });
        let in_vain = event.flow.is_some() && event.outcome != Outcome::Allowed;
        let outsider =
            in_vain && event.source_ip().is_some_and(|ip| self.addresses.is_external(ip));
        let tokens: SmallVec<[SubjectToken; 1]> =
            event.resource.subjects.iter().map(|s| self.pseudonyms.subject(s)).collect();
        let reader = (event.actor_id().unwrap_or(""), unit.unwrap_or(""));
        let watched = self.watched(&tokens, reader);
        let case = match (event.case.as_deref(), &self.work_items) {
            (None, _) => Standing::None,
            (Some(_), None) => Standing::Cited,
            (Some(case), Some(items)) => items.standing(case, event.time, reader, &tokens),
        };
        Facts {
            role: role.unwrap_or(""),
            unit: unit.unwrap_or(""),
            actor_type: standing.and_then(|s| s.kind).unwrap_or(event.actor.kind),
            standing,
            dataset,
            category,
            tier: match known {
                Some(dataset) => dataset.tier,
                // A login or a flow that names no data is about none.
                None if event.kind != Kind::Access && category == UNCLASSIFIED => 0,
                None => Catalogue::tier_of_category(category),
            },
            case_required: known.is_some_and(|d| d.case_required),
            case,
            tokens,
            watched,
            leaves,
            outsider,
        }
    }

    /// `reader` is the actor and its unit.
    fn watched(&self, tokens: &[SubjectToken], reader: (&str, &str)) -> SmallVec<[Watched; 1]> {
        let directory = &self.directory;
        if directory.watches_nobody() {
            return SmallVec::new();
        }
        let look = |&token: &SubjectToken| {
            let staff = directory.staff(token);
            let who = if directory.is_canary(token) {
                Who::Canary
            } else if staff.is_some_and(|staff| staff == reader.0) {
                Who::Oneself
            } else if directory.is_protected(token) {
                Who::Protected
            } else {
                let unit = directory.actor(staff?).and_then(|actor| actor.unit.as_deref());
                let same_unit = unit.is_some_and(|unit| unit == reader.1);
                Who::Colleague { same_unit }
            };
            Some(Watched { token, who })
        };
        tokens.iter().filter_map(look).collect()
    }
}
