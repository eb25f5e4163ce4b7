//! The attacks, row by row. The first seventeen are those methods were compared by; the others
//! follow published cases.

use super::dataset::{
    API, CASE_FILES, DECLARATIONS, DUTIES, MANIFESTS, PNR, RELEASE_PINS, STAFF, VISA, WATCHLIST,
};
use super::deed::{Amount, Cited, DEED, Data, Deed, From, Ids, When, Who};
use super::draft::Act;
use super::role::{ADMIN, ANALYST, BORDER, CUSTOMS, PARTNER, SERVICE, SUPERVISOR, VISA_CLERK};

/// Of [`ATTACKS`], those that are run unless others are asked for.
const CORE: usize = 17;

pub(super) static ATTACKS: [Deed; 24] = [
    Deed {
        name: "dump-5000",
        what: "5,000 records in ten minutes",
        amount: Amount::Reads(5_000),
        span_min: 10,
        data: Data::Main,
        ..DEED
    },
    Deed {
        name: "burst-400",
        what: "400 records in ten minutes",
        amount: Amount::Reads(400),
        span_min: 10,
        data: Data::Main,
        ..DEED
    },
    Deed {
        name: "fivefold-2h",
        what: "five times the usual rate for two hours of the shift",
        amount: Amount::Times(5.0),
        span_min: 120,
        ..DEED
    },
    Deed {
        name: "plus-40",
        what: "40% more a day, for ten days",
        amount: Amount::Share(0.4),
        days: 10,
        ..DEED
    },
    Deed {
        name: "plus-100",
        what: "twice as much a day, for ten days",
        amount: Amount::Share(1.0),
        days: 10,
        ..DEED
    },
    Deed {
        name: "off-profile",
        what: "30 reads a day of datasets that are not the post's, for ten days",
        amount: Amount::Reads(30),
        days: 10,
        data: Data::Unlike,
        ..DEED
    },
    Deed {
        name: "off-hours",
        what: "60 reads far from the usual hours",
        amount: Amount::Reads(60),
        span_min: 90,
        when: When::OffHours,
        from: From::Remote,
        ..DEED
    },
    Deed {
        name: "new-dataset",
        what: "40 reads in an hour of a dataset never used before",
        amount: Amount::Reads(40),
        span_min: 60,
        data: Data::Unused,
        ..DEED
    },
    Deed {
        name: "service-takeover",
        what: "1,500 reads in an hour by a service account in other hands",
        who: Who::Roles(&[SERVICE]),
        amount: Amount::Reads(1_500),
        span_min: 60,
        data: Data::Main,
        from: From::OtherDesk,
        ..DEED
    },
    Deed {
        name: "ramp-13",
        what: "grows by 13% a day",
        amount: Amount::Ramp(0.13),
        days: 12,
        ..DEED
    },
    Deed {
        name: "ramp-5",
        what: "grows by 5% a day",
        amount: Amount::Ramp(0.05),
        days: 14,
        ..DEED
    },
    Deed {
        name: "enumeration",
        what: "400 records one after the other in an hour",
        amount: Amount::Reads(400),
        span_min: 60,
        data: Data::Main,
        ids: Ids::Sequence,
        ..DEED
    },
    Deed {
        name: "enumeration-slow",
        what: "60 records a day, one after the other, for ten days",
        amount: Amount::Reads(60),
        days: 10,
        data: Data::Main,
        ids: Ids::Sequence,
        ..DEED
    },
    Deed {
        name: "new-hire",
        what: "300 reads in two hours by somebody who came the day before",
        who: Who::NewHire,
        amount: Amount::Reads(300),
        span_min: 120,
        ..DEED
    },
    Deed {
        name: "range-40",
        what: "40 accounts share out a range of 1,600 records",
        accounts: 40,
        amount: Amount::Reads(40),
        data: Data::Named(&[PNR]),
        ids: Ids::Range,
        who: Who::Roles(&[BORDER, ANALYST, SUPERVISOR]),
        ..DEED
    },
    Deed {
        name: "list-40",
        what: "40 accounts read 60 records each off a list",
        accounts: 40,
        amount: Amount::Reads(60),
        data: Data::Main,
        ..DEED
    },
    Deed {
        name: "officers-25",
        what: "25 officers look up one person",
        accounts: 25,
        amount: Amount::Reads(2),
        span_min: 20,
        data: Data::Named(&[API, PNR]),
        ids: Ids::One,
        who: Who::Roles(&[BORDER, VISA_CLERK, ANALYST]),
        ..DEED
    },
    Deed {
        name: "admin-crawl",
        what: "a system administrator's script pages through records, one every three seconds",
        who: Who::Roles(&[ADMIN]),
        amount: Amount::Reads(3_600),
        span_min: 180,
        data: Data::Main,
        ids: Ids::Sequence,
        ..DEED
    },
    Deed {
        name: "partner-burst",
        what: "a partner's account looks up 45 well-known people in an hour",
        who: Who::Roles(&[PARTNER]),
        amount: Amount::Reads(45),
        span_min: 55,
        data: Data::Main,
        ids: Ids::Popular,
        cited: Cited::Nothing,
        ..DEED
    },
    Deed {
        name: "report-exports",
        what: "eight exports of 400 records a day, for eight days",
        amount: Amount::Reads(8),
        days: 8,
        data: Data::Main,
        act: Act::Export,
        records: 400,
        ..DEED
    },
    Deed {
        name: "every-system",
        what: "one person run through every system there is, twenty people in a row",
        amount: Amount::Reads(120),
        span_min: 50,
        data: Data::Named(&[PNR, API, WATCHLIST, VISA, CASE_FILES, STAFF]),
        ids: Ids::Popular,
        who: Who::Roles(&[BORDER, VISA_CLERK, SUPERVISOR]),
        cited: Cited::Nothing,
        ..DEED
    },
    Deed {
        name: "remote-copy",
        what: "a remote session at night copies 1,200 records in an hour",
        amount: Amount::Reads(1_200),
        span_min: 60,
        when: When::OffHours,
        data: Data::Main,
        from: From::Remote,
        ..DEED
    },
    Deed {
        name: "release-pins",
        what: "25 release codes a day of containers that are somebody else's, for six days",
        amount: Amount::Reads(25),
        days: 6,
        data: Data::Named(&[RELEASE_PINS]),
        who: Who::Roles(&[CUSTOMS]),
        cited: Cited::Nothing,
        ..DEED
    },
    Deed {
        name: "weekend-archive",
        what: "500 old cargo and duty records on a day off",
        amount: Amount::Reads(500),
        span_min: 150,
        when: When::DayOff,
        data: Data::Named(&[DECLARATIONS, MANIFESTS, DUTIES]),
        who: Who::Roles(&[ANALYST, SUPERVISOR]),
        ..DEED
    },
];

/// Every kind of attack and what it is.
pub fn attacks() -> impl Iterator<Item = (&'static str, &'static str)> {
    ATTACKS.iter().map(|deed| (deed.name, deed.what))
}

/// The kinds of attack there are.
pub fn attack_names() -> impl Iterator<Item = &'static str> {
    ATTACKS.iter().map(|deed| deed.name)
}

/// The kinds methods are compared by.
pub fn core_attack_names() -> impl Iterator<Item = &'static str> {
    ATTACKS[..CORE].iter().map(|deed| deed.name)
}
