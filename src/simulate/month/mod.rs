//! A month of an agency, honest enough to judge detectors by.
//!
//! In: a [`MonthConfig`]. Out: native access events in time order, written into a buffer the caller
//! reuses, and the [`Truth`]: who attacked when, and who did something odd that was their job. May
//! use the engine's words (`engine::model`) and the sites and seeded chance of the room above. Never
//! reads a clock, a file or the network; never writes a mark of an attack into an event.
//!
//! What is honest about it: rates differ between people by a log-normal and within a person from day
//! to day; reads come in pieces of work, so that counts are over-dispersed; shifts rotate; sites have
//! bursts that all there share; lists are worked off; months end; people come, move and go on leave;
//! most reads cite a case and some that should do not. What people do beside their usual work,
//! attacks and oddities alike, is a row of a table ([`deed`]).
//!
//! Reading order is the data's: tables, the calendar, the roster, honest work, deeds, the stream.

mod act;
mod attacks;
mod calendar;
mod config;
mod dataset;
mod deed;
mod draft;
mod oddities;
mod person;
mod plan;
mod role;
mod roster;
mod stream;
mod truth;
mod work;

#[cfg(test)]
mod tests;

pub use attacks::{attack_names, attacks, core_attack_names};
pub use config::MonthConfig;
pub use oddities::oddity_names;
pub use stream::{Month, Told, event_id};
pub use truth::{Truth, TruthEntry};
