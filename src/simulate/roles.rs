//! What people and programs are employed for.

/// A job. What its holder reads in a day is in `work`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    BorderOfficer,
    CustomsOfficer,
    CargoAnalyst,
    VisaClerk,
    IntelligenceAnalyst,
    Investigator,
    Helpdesk,
    Administrator,
    ServiceAccount,
    PartnerAccount,
}

impl Role {
    pub const ALL: [Self; 10] = [
        Self::BorderOfficer,
        Self::CustomsOfficer,
        Self::CargoAnalyst,
        Self::VisaClerk,
        Self::IntelligenceAnalyst,
        Self::Investigator,
        Self::Helpdesk,
        Self::Administrator,
        Self::ServiceAccount,
        Self::PartnerAccount,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::BorderOfficer => "border_officer",
            Self::CustomsOfficer => "customs_officer",
            Self::CargoAnalyst => "cargo_analyst",
            Self::VisaClerk => "visa_clerk",
            Self::IntelligenceAnalyst => "intelligence_analyst",
            Self::Investigator => "investigator",
            Self::Helpdesk => "helpdesk",
            Self::Administrator => "administrator",
            Self::ServiceAccount => "service_account",
            Self::PartnerAccount => "partner_account",
        }
    }

    /// Prefix of account names.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::BorderOfficer => "off-",
            Self::CustomsOfficer => "cus-",
            Self::CargoAnalyst => "crg-",
            Self::VisaClerk => "vis-",
            Self::IntelligenceAnalyst => "int-",
            Self::Investigator => "inv-",
            Self::Helpdesk => "hlp-",
            Self::Administrator => "adm-",
            Self::ServiceAccount => "svc-",
            Self::PartnerAccount => "ptn-",
        }
    }

    /// The contract's `actor.type`.
    pub const fn actor_type(self) -> &'static str {
        match self {
            Self::ServiceAccount => "service",
            Self::PartnerAccount => "partner",
            _ => "person",
        }
    }

    pub(super) const fn is_person(self) -> bool {
        !matches!(self, Self::ServiceAccount | Self::PartnerAccount)
    }

    /// How many of 1,000 accounts hold this job.
    pub(super) const fn per_mille(self) -> u32 {
        match self {
            Self::BorderOfficer => 440,
            Self::CustomsOfficer => 210,
            Self::CargoAnalyst => 80,
            Self::VisaClerk => 90,
            Self::IntelligenceAnalyst => 50,
            Self::Investigator => 50,
            Self::Helpdesk => 22,
            Self::Administrator => 8,
            Self::ServiceAccount => 12,
            Self::PartnerAccount => 38,
        }
    }

    /// Mean time between the end of one piece of work and the start of the next, in seconds.
    pub(super) const fn gap_s(self) -> f64 {
        match self {
            Self::BorderOfficer => 115.0,
            Self::CustomsOfficer => 240.0,
            Self::CargoAnalyst => 540.0,
            Self::VisaClerk => 240.0,
            Self::IntelligenceAnalyst => 420.0,
            Self::Investigator => 540.0,
            Self::Helpdesk => 500.0,
            Self::Administrator => 900.0,
            Self::ServiceAccount => 12.0,
            Self::PartnerAccount => 600.0,
        }
    }

    /// Share of people who work in rotating shifts; the others keep office hours.
    pub(super) const fn rotating(self) -> f64 {
        match self {
            Self::BorderOfficer => 0.9,
            Self::CustomsOfficer => 0.6,
            Self::IntelligenceAnalyst => 0.2,
            Self::Helpdesk => 0.5,
            Self::CargoAnalyst
            | Self::VisaClerk
            | Self::Investigator
            | Self::Administrator
            | Self::ServiceAccount
            | Self::PartnerAccount => 0.0,
        }
    }
}

/// What a service account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Service {
    /// Checks arriving passengers against the lists.
    Screening,
    /// Compares faces at automatic gates.
    Gates,
    /// Scores declarations and manifests.
    CargoRisk,
    /// Completes reservations pushed by carriers.
    Reservations,
    /// Counts for the nightly figures.
    Reporting,
}

impl Service {
    pub(super) const ALL: [Self; 5] =
        [Self::Screening, Self::CargoRisk, Self::Gates, Self::Reservations, Self::Reporting];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Screening => "screening",
            Self::Gates => "gates",
            Self::CargoRisk => "cargo-risk",
            Self::Reservations => "reservations",
            Self::Reporting => "reporting",
        }
    }
}

/// What a partner organisation may look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Partner {
    Carrier,
    PortOperator,
    HealthMinistry,
    Police,
}

impl Partner {
    pub(super) const ALL: [Self; 4] =
        [Self::Carrier, Self::PortOperator, Self::HealthMinistry, Self::Police];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Carrier => "CARRIER",
            Self::PortOperator => "PORT-OPERATOR",
            Self::HealthMinistry => "HEALTH",
            Self::Police => "POLICE",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_make_a_whole() {
        assert_eq!(Role::ALL.iter().map(|r| r.per_mille()).sum::<u32>(), 1_000);
    }

    #[test]
    fn names_are_unlike() {
        let names: std::collections::HashSet<_> = Role::ALL.iter().map(|r| r.name()).collect();
        let prefixes: std::collections::HashSet<_> = Role::ALL.iter().map(|r| r.prefix()).collect();
        assert_eq!((names.len(), prefixes.len()), (10, 10));
    }
}
