//! Distinct counts.

#[path = "../../src/engine/detect/window/distinct.rs"]
mod distinct;

pub use distinct::Distinct;
pub(in crate::engine::detect) use distinct::Touch;
