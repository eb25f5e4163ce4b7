//! Breaches that were made public, told in an agency's events: would they have been noticed, by
//! what, and after how much?
//!
//! Each test is named after its case. It lets some forty people and accounts do their ordinary work
//! for a few days, tells the breach in the numbers that were published, and replays both under the
//! limits of a new installation. It then says which detector or rule opened the incident, after how
//! many records and how long after the breach's first read, and who else spoke at medium or above.
//! In every case: nothing is rejected or late, and nobody but the culprit is spoken of.
//!
//! | file | cases |
//! |---|---|
//! | `taken_out.rs` | Perceptics, Bupa, Desjardins, OIG, HMRC: staff and contractors who carry data out |
//! | `broken_in.rs` | SingHealth, RENAPER, Optus, Thailand, OPM: strangers, and accounts in wrong hands |
//! | `looked_up.rs` | Twitter, Whistle Pig, ICE, Snowden: people who read what is not theirs to read |
//! | `cargo.rs` | port PIN, Rotterdam: data that moves a container |
//!
//! What was published is in `docs/published-cases.md`, with what the tests show. The names of the
//! agency's datasets stand for the victim's: a customs agency has no insured, but it has travelers.

mod agency;
mod broken_in;
mod cargo;
mod looked_up;
mod stage;
mod taken_out;

use agency::Who;
use stage::{DAY, HOUR, MINUTE, SECOND, Stage};

/// Numbers that follow on one another, spread out: whoever is led by names meets no run of ids.
fn scattered(number: i64) -> u64 {
    (number as u64).wrapping_mul(2_654_435_761) % 9_000_000
}
