//! What is remembered, one record an actor and one a source address.
//!
//! Plain data and nothing shared: a shard owns its tables. Every table has a cap; reaching it
//! evicts by plan and is counted.

mod actor;
mod later;
mod name;
mod slab;
mod source;
mod table;
mod watching;

pub use actor::ActorState;
pub use later::{Blank, Later};
pub use source::{SourceOfEleven, SourceState};
pub use table::{Evictable, Saving, Table, TableMark, cut};
pub use watching::Watching;
