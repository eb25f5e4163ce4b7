//! The table that groups are kept in.

#[path = "../../src/engine/detect/state/table.rs"]
mod table;

pub use table::{Evictable, Table, cut};
