//! Counting over the last ten minutes, hour and day, at every event, in constant time.
//!
//! Windows slide in panes: 10 × 1 min, 12 × 5 min, 24 × 1 h. A window therefore covers its span
//! less at most one pane, never more than its span.

mod distinct;
mod ring;
mod windows;

pub use distinct::Distinct;
pub(in crate::engine::detect) use distinct::Touch;
pub use ring::{Pane, Ring};
pub use windows::{Span, Totals, Windows};
