//! Native events: the contract's own JSON.
//!
//! In: one record as text. Out: an [`Event`] that borrows from it, or a [`Refusal`]. One pass
//! over the record collects the contract's fields as they stand ([`slots`]), a second step gives
//! them their meaning ([`event`]). Never holds anything between records.

mod event;
mod slots;

#[cfg(test)]
mod differential;
#[cfg(test)]
mod tests;

pub use event::event_of;
pub use slots::{Slots, extract};
