//! Who works there, role by role.

use super::dataset::{
    API, BIOMETRICS, CASE_FILES, DECLARATIONS, DUTIES, Dataset, MANIFESTS, PNR, RELEASE_PINS, RISK,
    STAFF, VISA, WATCHLIST,
};

/// A role of the agency: an index into [`ROLES`].
pub(super) type Role = u8;

/// When somebody works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hours {
    /// Two early, two late, two at night, two off.
    Rotating,
    /// Weekdays, from about half past eight.
    Office,
    /// Always.
    Machine,
}

/// Where somebody works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Post {
    Airports,
    Seaports,
    Anywhere,
    Headquarters,
}

#[derive(Debug)]
pub(super) struct RoleFacts {
    pub name: &'static str,
    pub prefix: &'static str,
    pub actor_type: &'static str,
    /// Of the agency's accounts.
    pub share: f64,
    pub hours: Hours,
    pub post: Post,
    /// Reads of an ordinary working day: the median of the role, and how its logarithm differs
    /// between people.
    pub reads_a_day: f64,
    pub between_sigma: f64,
    /// Reads of one piece of work, on average, and the seconds between them.
    pub piece: f64,
    pub gap_s: f64,
    /// How often a piece of work is a list, worked off from top to bottom.
    pub list_share: f64,
    /// Days on which there is batch work, and its median size.
    pub batch_share: f64,
    pub batch_reads: f64,
    /// Share of work that is done for a case, before the dataset's own.
    pub for_case: f64,
    /// Share of people who cite one case for most of what they do.
    pub catch_all: f64,
    pub purposes: [&'static str; 3],
    pub mix: &'static [(Dataset, f32)],
}

pub(super) const BORDER: Role = 0;
pub(super) const CUSTOMS: Role = 1;
pub(super) const VISA_CLERK: Role = 2;
pub(super) const ANALYST: Role = 3;
pub(super) const DUTY_CLERK: Role = 4;
pub(super) const SUPERVISOR: Role = 5;
pub(super) const ADMIN: Role = 6;
pub(super) const PARTNER: Role = 7;
pub(super) const SERVICE: Role = 8;

pub(super) static ROLES: [RoleFacts; 9] = [
    RoleFacts {
        name: "border_officer",
        prefix: "off-",
        actor_type: "person",
        share: 0.42,
        hours: Hours::Rotating,
        post: Post::Airports,
        reads_a_day: 250.0,
        between_sigma: 0.5,
        piece: 3.0,
        gap_s: 9.0,
        list_share: 0.05,
        batch_share: 0.01,
        batch_reads: 180.0,
        for_case: 0.97,
        catch_all: 0.02,
        purposes: ["primary_inspection", "secondary_inspection", "arrival_check"],
        mix: &[(API, 8.0), (PNR, 5.0), (WATCHLIST, 3.0), (VISA, 2.0), (BIOMETRICS, 1.0)],
    },
    RoleFacts {
        name: "customs_officer",
        prefix: "cus-",
        actor_type: "person",
        share: 0.22,
        hours: Hours::Rotating,
        post: Post::Seaports,
        reads_a_day: 210.0,
        between_sigma: 0.6,
        piece: 4.0,
        gap_s: 14.0,
        list_share: 0.12,
        batch_share: 0.03,
        batch_reads: 220.0,
        for_case: 0.97,
        catch_all: 0.03,
        purposes: ["cargo_control", "release", "physical_inspection"],
        mix: &[(DECLARATIONS, 7.0), (MANIFESTS, 5.0), (RISK, 3.0), (RELEASE_PINS, 1.0)],
    },
    RoleFacts {
        name: "visa_clerk",
        prefix: "vis-",
        actor_type: "person",
        share: 0.1,
        hours: Hours::Office,
        post: Post::Anywhere,
        reads_a_day: 190.0,
        between_sigma: 0.55,
        piece: 4.0,
        gap_s: 22.0,
        list_share: 0.3,
        batch_share: 0.05,
        batch_reads: 260.0,
        for_case: 0.98,
        catch_all: 0.06,
        purposes: ["visa_application", "visa_renewal", "document_check"],
        mix: &[(VISA, 9.0), (API, 2.0), (BIOMETRICS, 1.5), (WATCHLIST, 1.0)],
    },
    RoleFacts {
        name: "analyst",
        prefix: "ana-",
        actor_type: "person",
        share: 0.08,
        hours: Hours::Office,
        post: Post::Headquarters,
        reads_a_day: 160.0,
        between_sigma: 0.85,
        piece: 6.0,
        gap_s: 12.0,
        list_share: 0.1,
        batch_share: 0.1,
        batch_reads: 400.0,
        for_case: 0.93,
        catch_all: 0.08,
        purposes: ["targeting", "investigation", "trend_report"],
        mix: &[
            (RISK, 4.0),
            (PNR, 4.0),
            (MANIFESTS, 3.0),
            (CASE_FILES, 3.0),
            (WATCHLIST, 2.0),
            (DECLARATIONS, 2.0),
            (API, 1.0),
        ],
    },
    RoleFacts {
        name: "duty_clerk",
        prefix: "dut-",
        actor_type: "person",
        share: 0.07,
        hours: Hours::Office,
        post: Post::Seaports,
        reads_a_day: 230.0,
        between_sigma: 0.6,
        piece: 5.0,
        gap_s: 11.0,
        list_share: 0.45,
        batch_share: 0.08,
        batch_reads: 350.0,
        for_case: 0.95,
        catch_all: 0.12,
        purposes: ["assessment", "refund", "month_end"],
        mix: &[(DUTIES, 9.0), (DECLARATIONS, 4.0), (MANIFESTS, 1.0)],
    },
    RoleFacts {
        name: "supervisor",
        prefix: "sup-",
        actor_type: "person",
        share: 0.03,
        hours: Hours::Office,
        post: Post::Anywhere,
        reads_a_day: 70.0,
        between_sigma: 0.7,
        piece: 4.0,
        gap_s: 20.0,
        list_share: 0.05,
        batch_share: 0.02,
        batch_reads: 120.0,
        for_case: 0.88,
        catch_all: 0.03,
        purposes: ["quality_review", "approval", "complaint"],
        mix: &[(CASE_FILES, 4.0), (PNR, 2.0), (DECLARATIONS, 2.0), (STAFF, 2.0), (WATCHLIST, 1.0)],
    },
    RoleFacts {
        name: "system_admin",
        prefix: "adm-",
        actor_type: "person",
        share: 0.02,
        hours: Hours::Office,
        post: Post::Headquarters,
        reads_a_day: 35.0,
        between_sigma: 0.9,
        piece: 3.0,
        gap_s: 25.0,
        list_share: 0.05,
        batch_share: 0.02,
        batch_reads: 100.0,
        for_case: 0.7,
        catch_all: 0.05,
        purposes: ["support_ticket", "restore_test", "data_repair"],
        mix: &[(STAFF, 3.0), (PNR, 1.5), (DECLARATIONS, 1.5), (DUTIES, 1.0), (API, 1.0)],
    },
    RoleFacts {
        name: "partner_agent",
        prefix: "par-",
        actor_type: "partner",
        share: 0.03,
        hours: Hours::Office,
        post: Post::Anywhere,
        reads_a_day: 55.0,
        between_sigma: 0.8,
        piece: 2.5,
        gap_s: 30.0,
        list_share: 0.05,
        batch_share: 0.01,
        batch_reads: 90.0,
        for_case: 0.92,
        catch_all: 0.04,
        purposes: ["mutual_assistance", "carrier_inquiry", "verification"],
        mix: &[(MANIFESTS, 4.0), (API, 3.0), (RELEASE_PINS, 2.0), (VISA, 1.0)],
    },
    RoleFacts {
        name: "service_account",
        prefix: "svc-",
        actor_type: "service",
        share: 0.03,
        hours: Hours::Machine,
        post: Post::Headquarters,
        reads_a_day: 2_200.0,
        between_sigma: 0.7,
        piece: 1.0,
        gap_s: 1.0,
        list_share: 0.0,
        batch_share: 0.0,
        batch_reads: 2_000.0,
        for_case: 0.0,
        catch_all: 0.0,
        purposes: ["sync", "screening", "report"],
        mix: &[
            (API, 1.0),
            (PNR, 1.0),
            (MANIFESTS, 1.0),
            (DECLARATIONS, 1.0),
            (RISK, 1.0),
            (DUTIES, 1.0),
            (WATCHLIST, 1.0),
        ],
    },
];

pub(super) fn facts(role: Role) -> &'static RoleFacts {
    &ROLES[usize::from(role) % ROLES.len()]
}
