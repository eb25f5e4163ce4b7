//! Something that is not somebody's usual work, as a row of a table: an attack or an oddity.

use super::dataset::Dataset;
use super::draft::Act;
use super::role::Role;

/// Who does it. Drawn among those no other deed has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// People with a steady posting.
    Anyone,
    Roles(&'static [Role]),
    /// Somebody who came the day before.
    NewHire,
    /// Somebody who was away until the day before.
    BackFromLeave,
    /// Somebody who takes up another posting that day.
    Moved,
}

/// When it is done on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// At work; on a day off the deed waits.
    Shift,
    /// Far from the usual hours.
    OffHours,
    /// At the usual hours of a day off.
    DayOff,
    /// Eight hours later than usual, as after a swap of shifts; nothing is read in the usual ones.
    Swapped,
}

/// How many reads on each of its days, beside the usual ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Amount {
    Reads(u32),
    /// Of an ordinary day's.
    Share(f64),
    /// Grows by this much a day, from nothing.
    Ramp(f64),
    /// So many times the ordinary rate while it lasts.
    Times(f64),
    /// None beside the usual ones; something else about them is odd.
    Nothing,
}

/// Which datasets are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Data {
    /// The one used most.
    Main,
    /// As usual.
    Usual,
    /// One that is never used.
    Unused,
    /// Several that are never used.
    Unlike,
    Named(&'static [Dataset]),
}

/// Which records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ids {
    /// Those the site works on.
    Today,
    /// Old ones, all over.
    Spread,
    /// One after the other.
    Sequence,
    /// A range that all accounts of the deed share out among them.
    Range,
    /// One and the same record, in every dataset named.
    One,
    /// Those of a case: two hundred that keep coming back.
    Linked,
    /// Those many look at.
    Popular,
}

/// Which case is cited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cited {
    /// Mostly none, sometimes one of the attacker's own.
    Attacker,
    /// As in usual work.
    Usual,
    /// One for all of it.
    Ticket,
    /// One of its own for each few reads.
    Each,
    Nothing,
}

/// Where it is done from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Usual,
    OtherDesk,
    Remote,
    /// A machine of another site.
    OtherSite,
    /// The usual place under another address, for good.
    Renamed,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Deed {
    pub name: &'static str,
    pub what: &'static str,
    pub who: Who,
    /// Accounts that do it together.
    pub accounts: u32,
    /// True where all of them are at one site.
    pub at_one_site: bool,
    /// Days of work up to three, calendar days beyond.
    pub days: u32,
    pub when: When,
    pub amount: Amount,
    /// Minutes it takes on a day; 0 for as long as the shift.
    pub span_min: u32,
    pub data: Data,
    pub ids: Ids,
    pub cited: Cited,
    pub from: From,
    pub act: Act,
    /// Rows of one event.
    pub records: u32,
}

/// What most rows share.
pub(super) const DEED: Deed = Deed {
    name: "",
    what: "",
    who: Who::Anyone,
    accounts: 1,
    at_one_site: false,
    days: 1,
    when: When::Shift,
    amount: Amount::Nothing,
    span_min: 0,
    data: Data::Usual,
    ids: Ids::Spread,
    cited: Cited::Attacker,
    from: From::Usual,
    act: Act::Read,
    records: 1,
};
