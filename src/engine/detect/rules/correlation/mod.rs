//! Sigma correlation rules: what matched goes in, how often and in what order comes out.
//!
//! Comes in: at load, `correlation` documents; then, event by event, which rules matched. Goes
//! out: [`Firing`]s, each told once a group and window. What is remembered lives in a
//! [`GroupState`] that the caller keeps, one a group, and nowhere else.
//!
//! - A window ends at an event and covers `timespan` before it, both ends included.
//! - An event counts at its own time. One that comes out of order is put where it belongs, and the
//!   windows from there on are gone through as if it had come in its turn (`group.rs`): as often as
//!   in order a group is told of, and once a window. A firing may carry another instant than in order,
//!   within two timespans, where what completed an earlier window came after it was told.
//! - What more events can take back (a mean, a percentile, `lt`, `lte`, `eq`, `neq`, `not`) waits
//!   until the watermark is past it by the allowed lateness, and counts in the order of time
//!   (`held.rs`): exactly as in order, and that much later. A sum is taken for one that grows: what
//!   a late negative number takes back was told.
//! - After a firing the group is quiet for one `timespan`; a condition that still holds then is
//!   told again.
//! - An event without a group-by field belongs to the group of those without.
//! - `value_count` over several fields counts distinct tuples; an event without any of them has
//!   none. `value_sum`, `value_avg` and `value_percentile` take numbers, and texts that are one.
//! - `value_percentile` is the value at `percentile` (50 where none is given) of the window's
//!   values in order, with linear interpolation between the two next to it.
//! - `temporal` wants every rule, or as many as its condition says, or what its expression over
//!   the rules' names says. `temporal_ordered` wants all in the order listed; rules that match at
//!   the same instant are in order.
//! - A rule that a correlation names tells nothing by itself, unless one says `generate: true`.
//! - A correlation over correlations counts their firings. Where an end moves to an earlier one, as
//!   above, `temporal` and `temporal_ordered` go by both.
//!
//! Exact while a group's books hold few instants (see `log.rs`); beyond that, the far end of a
//! window blurs by 1/64 of the timespan, distinct counts by 2.6%, percentiles by rank 4%.
//!
//! A shard sees its own partition's events only: a group is whole where its group-by fields hold
//! the partition's key, or follow from it.

mod books;
mod condition;
mod definition;
mod group;
mod held;
mod link;
mod log;
mod observe;
mod payload;
mod read;
#[cfg(test)]
mod tests;
mod turns;

pub use definition::{Correlation, Kind as CorrelationKind};
pub use group::{GroupOfEight, GroupState};
pub use held::{Held, HeldSaving, Noting, Turn};
pub use observe::{Firing, GroupScratch, Groups, Spokesman};
pub use turns::Released;

pub(super) use definition::Plan;
pub(super) use link::link;
pub(super) use read::{CorrelationDraft, read};
