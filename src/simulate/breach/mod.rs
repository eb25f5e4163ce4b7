//! What goes wrong, and the truth about it.
//!
//! In: the agency and a choice of breaches. Out: their events in time order, each marked with the
//! breach it belongs to, and one truth entry a breach, summed from those very events. A breach uses
//! the accounts, shifts and desks that honest work uses; it never changes them, so the honest events
//! are the same with and without it.

mod insider;
mod outsider;
mod script;
mod takeover;

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use rand::RngExt;
use rand::seq::SliceRandom;

use crate::engine::model::Kind;

use super::agency::Agency;
use super::chance::{Purpose, chance};
use super::config::{BreachChoice, SimulationConfig, SimulationError};
use super::event::Draft;
use super::truth::Breach;
use script::Script;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// The breaches that can be simulated. Most follow a published case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BreachKind {
    BulkDump,
    FastDump400,
    ExportReports,
    ProtectedSnooping,
    CanaryTouch,
    LeaverReturn,
    Enumeration,
    NullActor,
    StolenService,
    ReconChain,
    PinLookup,
    OffHoursTrickle,
    MfaRemoved,
    LowAndSlow,
}

impl BreachKind {
    pub const ALL: [Self; 14] = [
        Self::BulkDump,
        Self::FastDump400,
        Self::ExportReports,
        Self::ProtectedSnooping,
        Self::CanaryTouch,
        Self::LeaverReturn,
        Self::Enumeration,
        Self::NullActor,
        Self::StolenService,
        Self::ReconChain,
        Self::PinLookup,
        Self::OffHoursTrickle,
        Self::MfaRemoved,
        Self::LowAndSlow,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::BulkDump => "bulk-dump",
            Self::FastDump400 => "fast-dump-400",
            Self::ExportReports => "export-reports",
            Self::ProtectedSnooping => "protected-snooping",
            Self::CanaryTouch => "canary-touch",
            Self::LeaverReturn => "leaver-return",
            Self::Enumeration => "enumeration",
            Self::NullActor => "null-actor",
            Self::StolenService => "stolen-service",
            Self::ReconChain => "recon-chain",
            Self::PinLookup => "pin-lookup",
            Self::OffHoursTrickle => "off-hours-trickle",
            Self::MfaRemoved => "mfa-removed",
            Self::LowAndSlow => "low-and-slow",
        }
    }

    /// One sentence: who does what, and which published case it follows.
    pub const fn description(self) -> &'static str {
        match self {
            Self::BulkDump => {
                "an officer reads 5,000 reservations in 10 minutes without a reason; 15 minutes \
                 later 800 MB leave the same workstation for a file-sharing host"
            }
            Self::FastDump400 => "an officer reads 400 crossings in 10 minutes without a reason",
            Self::ExportReports => {
                "a clerk exports visa reports of some 1,000 rows again and again and mails each \
                 to a private account (after Bupa 2017)"
            }
            Self::ProtectedSnooping => {
                "an officer runs protected persons through every system without a case (after \
                 CBP 2017 and ICE 2016-23)"
            }
            Self::CanaryTouch => "a planted record is looked up and opened",
            Self::LeaverReturn => {
                "the account of somebody who has left logs in from outside and reads (after DHS \
                 OIG 2017)"
            }
            Self::Enumeration => {
                "a partner's account reads reservations by counting their numbers up (after \
                 Optus 2022)"
            }
            Self::NullActor => {
                "nobody who is authenticated lists crossings from a network never seen before \
                 (after Thailand 2021)"
            }
            Self::StolenService => {
                "a service account is used from outside in irregular, human bursts"
            }
            Self::ReconChain => {
                "failed logins, a success, refused searches over many datasets, three protected \
                 persons by name, then bulk lists and an outflow (after SingHealth 2018)"
            }
            Self::PinLookup => {
                "a customs officer reads release codes of containers he has no task on (after \
                 Antwerp and Rotterdam since 2018)"
            }
            Self::OffHoursTrickle => {
                "an office worker logs in outside all shifts and reads 60 records one by one"
            }
            Self::MfaRemoved => {
                "an analyst's second factor is removed, then the account reads biometrics and \
                 watch-list entries from outside without a case"
            }
            Self::LowAndSlow => {
                "an administrator reads some 33 travelers a shift that the job gives no reason \
                 for (after Twitter 2015)"
            }
        }
    }

    /// How long it takes from its first to its last event when there is time enough. 0: all the
    /// time there is.
    const fn takes_ms(self) -> i64 {
        match self {
            Self::BulkDump => 31 * MINUTE_MS,
            Self::FastDump400 => 11 * MINUTE_MS,
            Self::ExportReports => 4 * HOUR_MS,
            Self::ProtectedSnooping => 25 * MINUTE_MS,
            Self::CanaryTouch => 5 * MINUTE_MS,
            Self::LeaverReturn => 30 * MINUTE_MS,
            Self::Enumeration => 35 * MINUTE_MS,
            Self::NullActor => 30 * MINUTE_MS,
            Self::StolenService => 50 * MINUTE_MS,
            Self::ReconChain => 110 * MINUTE_MS,
            Self::PinLookup => 50 * MINUTE_MS,
            Self::OffHoursTrickle => 3 * HOUR_MS,
            Self::MfaRemoved => 45 * MINUTE_MS,
            Self::LowAndSlow => 0,
        }
    }
}

impl fmt::Display for BreachKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for BreachKind {
    type Err = SimulationError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            SimulationError::UnknownBreach {
                name: name.chars().take(64).collect(),
                known: Self::ALL.map(Self::name).join(", "),
            }
        })
    }
}

/// Every breach's events in time order, and the truth about each.
pub(super) fn plan(
    agency: &Agency,
    config: &SimulationConfig,
) -> Result<(Vec<Draft>, Vec<Breach>), SimulationError> {
    let kinds = chosen(config);
    let mut drafts = Vec::new();
    let mut truth = Vec::new();
    let mut used = HashSet::new();
    for (index, kind) in kinds.iter().copied().enumerate() {
        let mut rng = chance(config.seed, Purpose::Breach, index as u64, kind as u64);
        let jitter = if index == 0 { 0.0 } else { 0.4 * rng.random::<f64>() };
        let mut script = Script::new(agency, rng, index as u16, &mut used);
        script.place(config, kind, (index as f64 + jitter) / kinds.len() as f64);
        enact(&mut script, kind)?;
        let mut own = script.finish();
        own.retain(|draft| match draft.kind() {
            Kind::Access => true,
            Kind::Auth => config.auth,
            Kind::Network => config.network,
        });
        let nth = 1 + kinds[..index].iter().filter(|k| **k == kind).count();
        truth.push(Breach::of(agency, kind, nth, &own));
        drafts.append(&mut own);
    }
    drafts.sort_by_key(|draft| draft.at_ms);
    Ok((drafts, truth))
}

fn chosen(config: &SimulationConfig) -> Vec<BreachKind> {
    match &config.breaches {
        BreachChoice::None => Vec::new(),
        BreachChoice::Named(kinds) => kinds.clone(),
        BreachChoice::All => {
            let mut kinds = BreachKind::ALL.to_vec();
            kinds.shuffle(&mut chance(config.seed, Purpose::BreachOrder, 0, 0));
            kinds
        }
    }
}

fn enact(script: &mut Script<'_>, kind: BreachKind) -> Result<(), SimulationError> {
    match kind {
        BreachKind::BulkDump => insider::bulk_dump(script),
        BreachKind::FastDump400 => insider::fast_dump(script),
        BreachKind::ExportReports => insider::export_reports(script),
        BreachKind::ProtectedSnooping => insider::protected_snooping(script),
        BreachKind::CanaryTouch => insider::canary_touch(script),
        BreachKind::PinLookup => insider::pin_lookup(script),
        BreachKind::OffHoursTrickle => insider::off_hours_trickle(script),
        BreachKind::LowAndSlow => insider::low_and_slow(script),
        BreachKind::LeaverReturn => takeover::leaver_return(script),
        BreachKind::StolenService => takeover::stolen_service(script),
        BreachKind::MfaRemoved => takeover::mfa_removed(script),
        BreachKind::ReconChain => takeover::recon_chain(script),
        BreachKind::Enumeration => outsider::enumeration(script),
        BreachKind::NullActor => {
            outsider::null_actor(script);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for kind in BreachKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            assert!(
                kind.name()
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            );
        }
        let error = "heist".parse::<BreachKind>().expect_err("no such breach").to_string();
        assert!(error.starts_with("breach `heist` is unknown, choose from bulk-dump, "), "{error}");
    }
}
