//! The table that groups are kept in.

#[path = "../../src/engine/detect/state/name.rs"]
mod name;
#[path = "../../src/engine/detect/state/slab.rs"]
mod slab;
#[path = "../../src/engine/detect/state/table.rs"]
mod table;

pub use table::{Evictable, Table, cut};
