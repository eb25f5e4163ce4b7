//! The store: incidents, findings, timelines, positions and the outbox, in SQLite or PostgreSQL.
//!
//! Comes in: batches from the one correlator, each a transaction together with the positions it
//! was read up to, so that a crash neither loses nor doubles anything. Goes out: what the API and
//! the command line ask for. What people do is kept in tables of its own, which the correlator does
//! not write. It never interprets an event.

mod acts;
mod batch;
mod budget;
mod exceptions;
mod feedback;
mod forget;
mod held;
mod hours;
mod load;
mod notices;
mod office;
mod query;
mod regroup;
mod restore;
mod rulings;
mod silences;
mod sql;
#[allow(clippy::module_inception)]
mod store;
mod story;
mod told;

pub use acts::{ActError, Done};
pub use batch::{Outgoing, StoreBatch};
pub use budget::KeptBudget;
pub use exceptions::{ExceptionError, KeptException};
pub use feedback::Judged;
pub use forget::FORGET_PART;
pub use held::{HeldBack, OldNews};
pub use hours::{CategoryHour, HourReads, ReadsTold};
pub use load::{DayLoad, ToDo};
pub use notices::{Leaves, NoticeCount, NoticeState, StoredNotice};
pub use office::Office;
pub use query::{FindingFilter, IncidentFilter, IncidentSort, Page};
pub use regroup::{REQUESTS, Whole};
pub use restore::Restored;
pub use rulings::{RulingKey, ruling_key};
pub use silences::{KeptSilence, Made, SilenceError};
pub use store::{Changes, Store, StoreError};
pub use story::{Span, Story};
pub use told::Told;
