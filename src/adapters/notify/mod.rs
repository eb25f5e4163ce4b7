//! Notices to people's systems: what happened to an incident, told to each configured sink.
//!
//! Comes in: notices the correlator stored together with their incidents. Goes out: one request a
//! notice, at least once, under a key that stays the same at every attempt. Each sink is served by
//! itself. Silences, of the configuration and of the store, keep a notice back (but none of a legal
//! deadline), and old news is told in one, as is what comes in floods; both stay in the store. It
//! decides nothing about incidents, and no error of it says what a notice is about.

mod alertmanager;
mod clocks;
mod config;
mod crowd;
mod deliver;
mod email;
mod facts;
mod fold;
mod gather;
mod post;
mod silence;
mod sink;
mod slack;
mod template;
mod webhook;

#[cfg(test)]
mod tests;

pub use clocks::{Deadline, clock_notices};
pub use config::{NotifyConfig, SinkConfig, SinkKind};
pub use deliver::{Deliveries, SINK_GONE, deliver_due, repeat_due, tell_again};
pub use facts::{Brief, Facts, Scope, notices};
pub use fold::fold_due;
pub use gather::let_go_due;
pub use silence::{Day, Kept, Maintenance, kept_back, kept_now};
pub use sink::{Attempt, Sink, SinkError, UnusableSink};
