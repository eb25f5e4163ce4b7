//! Tells an event what it is about: dataset → category and tier, actor → role and standing,
//! subject → token, address → inside or outside.
//!
//! Comes in: a decoded event. Goes out: [`Facts`] beside it. Uses the model only. It never
//! passes a raw subject identifier on, and never judges.

mod address;
mod catalogue;
mod directory;
mod facts;
mod pseudonym;
mod work_items;

pub use address::{AddressConfig, Addresses};
pub use catalogue::{Catalogue, Dataset};
pub use directory::{Directory, DirectoryActor};
pub use facts::{Enricher, Facts, Watched, Who};
pub use pseudonym::Pseudonyms;
pub use work_items::{Standing, WorkItem, WorkItemRecord, WorkItems};
