//! The store: incidents, findings, timelines, positions and the outbox, in SQLite or PostgreSQL.
//!
//! Comes in: batches from the one correlator, each a transaction together with the positions it
//! was read up to, so that a crash neither loses nor doubles anything. Goes out: what the API and
//! the command line ask for. It never interprets an event.

mod batch;
mod forget;
mod office;
mod query;
mod restore;
mod sql;
#[allow(clippy::module_inception)]
mod store;

pub use batch::{Outgoing, StoreBatch};
pub use forget::FORGET_PART;
pub use office::Office;
pub use query::{FindingFilter, IncidentFilter, IncidentSort, Page};
pub use restore::Restored;
pub use store::{Changes, Store, StoreError};
