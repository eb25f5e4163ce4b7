//! An agency as a generator of events: who works there, what they read, and what goes wrong.
//!
//! In: a [`SimulationConfig`]. Out: native events in time order, the truth about the breaches among
//! them, and the catalogue and directory that fit. May use the engine's words (`engine::model`),
//! seeded chance and the time zone rules it carries itself. Never reads a clock, a file or the
//! network, and never learns what a detector looks for. The same configuration gives the same bytes.
//!
//! Reading order is the data's: places and people, their shifts, the work they do, the breaches,
//! the stream.

mod account;
mod agency;
mod breach;
mod chance;
mod config;
mod dataset;
mod desk;
mod directory;
mod event;
mod json;
mod month;
mod population;
mod roles;
mod shift;
mod simulation;
mod sites;
mod truth;
mod work;
mod work_items;

#[cfg(test)]
mod tests;

pub use breach::BreachKind;
pub use config::{BreachChoice, SimulationConfig, SimulationError};
pub use event::Simulated;
pub use month::{
    Month, MonthConfig, Told, Truth, TruthEntry, attack_names, attacks, core_attack_names,
    event_id, oddity_names,
};
pub use roles::Role;
pub use simulation::Simulation;
pub use truth::Breach;
pub use work_items::WorkItemFeed;
