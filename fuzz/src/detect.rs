//! Detection as far as rules need it.

#[path = "../../src/engine/detect/rules/mod.rs"]
pub mod rules;
#[path = "state.rs"]
pub mod state;
#[path = "window.rs"]
pub mod window;
