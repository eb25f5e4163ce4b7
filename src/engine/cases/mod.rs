//! What people do about an incident: its case.
//!
//! Comes in: acts, dated and attributed, in the order they were done. Goes out: where the case
//! stands, what may be done next, the clocks that run, drafts for the authorities. Acts are never
//! changed: a case is what its acts make of it. Uses the model, the detectors'
//! exceptions and rulings, and the timeline's visible text.
//!
//! Silences are what people say about notices; whoever notifies asks them.

mod act;
mod case;
mod clock;
mod notification;
mod proposal;
mod ruled;
mod silence;
#[cfg(test)]
mod tests;

pub use act::{Act, ActProblem, MONITOR, Recorded, Resolution, State};
pub use case::{Aware, Case, Linked, Notified, Refusal};
pub use clock::{Clock, ClockState, Phase, Regime, Regimes};
pub use notification::{Notification, NotificationItem};
pub use proposal::{Hidden, Proposal, propose};
pub use ruled::Ruled;
pub use silence::{Matcher, Noticed, SILENCE_DAYS_MAX, Silence, SilenceState, signed};
