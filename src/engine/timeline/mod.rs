//! An incident's entries become an ordered story, and its export formats.
//!
//! Comes in: entries in any order. Goes out: lines, folded or not, and bytes in the format asked
//! for. Uses the model only. It never drops an entry: what is folded can be opened.

mod fold;
mod sentence;
mod visible;

pub mod export;

pub use fold::{Line, fold, lines, sort, tell, unfold};
pub use sentence::sentence;
pub use visible::{escaped, visible, visible_json, visible_lines};
