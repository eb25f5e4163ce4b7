//! Judges events: an event in, findings out.

pub mod rules;
