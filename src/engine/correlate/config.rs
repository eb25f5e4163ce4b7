//! `[correlate]`.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

use super::goes_on::HALF_DAY_MS;
use super::{Chains, FactorReads};
use crate::engine::detect::Mode;
use crate::engine::model::Problems;

/// How findings are grouped, and how much of an incident is kept at hand.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorrelateConfig {
    /// Findings further apart than this in event time belong to different incidents.
    pub quiet_gap_s: u32,
    /// An incident takes in what is found on the same account, or on the same subject or block of ids,
    /// within this time after its own last finding: a breach that takes days is one story. 0 has each
    /// day for itself.
    pub goes_on_s: u32,
    /// How long before a finding its timeline starts at the latest.
    pub lookback_s: u32,
    /// A read and an outflow from the same address within this time are one chain.
    pub chain_s: u32,
    /// Whether the correlator's own detectors speak: `on`, `shadow` or `off`.
    pub read_then_outflow: Mode,
    pub factor_removed_then_read: Mode,
    /// Actors with findings on one address beyond which it counts as a gateway and joins nothing.
    pub gateway_actors_min: usize,
    /// Addresses and networks that many come from (proxies, gateways, terminal servers): they join
    /// nothing from the first finding on.
    pub gateways: Vec<String>,
    /// Accounts that several people or machines use, by id, or by how it begins with a `*` at the
    /// end. Such an account alone joins nothing: the address or the session has to be the same too.
    pub shared_accounts: Vec<String>,
    /// Two accounts in open incidents that have read so many of the same subjects, and
    /// `shared_subjects_share` of all that either has read in its incident, make these one. Subjects for
    /// which both cited a case do not count. 0 joins nothing by subjects.
    pub shared_subjects_min: usize,
    /// Of all that whoever of the two has read more has read; above 0, at most 1.
    pub shared_subjects_share: f64,
    /// How far apart in event time the findings of such incidents may be.
    pub shared_subjects_span_s: u32,
    /// Subjects of an incident counted exactly; beyond, they are estimated. Each takes 9 to 18 bytes
    /// for the incident and as much for each dataset it was read in.
    pub subjects_exact_max: usize,
    /// Incidents kept at hand; quiet ones go first, then the least severe, and are counted.
    pub incidents_max: usize,
    /// How long a quiet incident is kept at hand for late findings and evidence.
    pub keep_s: u32,
}

impl Default for CorrelateConfig {
    fn default() -> Self {
        Self {
            quiet_gap_s: 1_800,
            goes_on_s: 604_800,
            lookback_s: 1_800,
            chain_s: 1_800,
            read_then_outflow: Mode::On,
            factor_removed_then_read: Mode::On,
            gateway_actors_min: 4,
            gateways: Vec::new(),
            shared_accounts: Vec::new(),
            shared_subjects_min: 20,
            shared_subjects_share: 0.5,
            shared_subjects_span_s: 28_800,
            subjects_exact_max: 1_000_000,
            incidents_max: 10_000,
            keep_s: 86_400,
        }
    }
}

impl CorrelateConfig {
    pub fn check(&self, problems: &mut Problems) {
        for (i, text) in self.gateways.iter().enumerate() {
            problems.require(network(text).is_some(), &format!("correlate.gateways[{i}]"), || {
                format!("must be an address or a network such as 10.0.0.0/24, got `{text}`")
            });
        }
        for (i, name) in self.shared_accounts.iter().enumerate() {
            let place = format!("correlate.shared_accounts[{i}]");
            problems.require(!name.trim_end_matches('*').is_empty(), &place, || {
                format!("must be an account's id, or its beginning and a `*`, got `{name}`")
            });
        }
        for (key, mode) in [
            ("correlate.read_then_outflow", self.read_then_outflow),
            ("correlate.factor_removed_then_read", self.factor_removed_then_read),
        ] {
            problems.require(mode != Mode::UntilLearned, key, || {
                "must be on, shadow or off: nothing that learns takes its place".into()
            });
        }
        for (key, value) in [
            ("correlate.quiet_gap_s", self.quiet_gap_s),
            ("correlate.lookback_s", self.lookback_s),
            ("correlate.chain_s", self.chain_s),
            ("correlate.keep_s", self.keep_s),
            ("correlate.shared_subjects_span_s", self.shared_subjects_span_s),
        ] {
            problems.require((1..=7 * 86_400).contains(&value), key, || {
                format!("must be 1 to 604800 seconds, got {value}")
            });
        }
        let most = 30 * 86_400;
        problems.require(self.goes_on_s <= most, "correlate.goes_on_s", || {
            format!(
                "must be at most {most} seconds, or 0 to join nothing by days, got {}",
                self.goes_on_s
            )
        });
        let share = self.shared_subjects_share;
        problems.require(share > 0.0 && share <= 1.0, "correlate.shared_subjects_share", || {
            format!("must be above 0 and at most 1, got {share}")
        });
        let least = self.shared_subjects_min;
        problems.require(
            least == 0 || (5..=100).contains(&least),
            "correlate.shared_subjects_min",
            || format!("must be 5 to 100, or 0 to join nothing by subjects, got {least}"),
        );
        for (key, value, max) in [
            ("correlate.gateway_actors_min", self.gateway_actors_min, 1_000_000),
            ("correlate.subjects_exact_max", self.subjects_exact_max, 100_000_000),
            ("correlate.incidents_max", self.incidents_max, 10_000_000),
        ] {
            problems.require((2..=max).contains(&value), key, || {
                format!("must be 2 to {max}, got {value}")
            });
        }
    }

    /// The addresses and networks of `gateways`; what does not parse has been reported.
    pub(super) fn gateway_networks(&self) -> Vec<IpNet> {
        self.gateways.iter().filter_map(|text| network(text)).collect()
    }

    /// The mode of one of the correlator's own detectors.
    pub fn mode_of(&self, detector: &str) -> Option<Mode> {
        match detector {
            Chains::NAME => Some(self.read_then_outflow),
            FactorReads::NAME => Some(self.factor_removed_then_read),
            _ => None,
        }
    }

    pub fn goes_on_ms(&self) -> i64 {
        i64::from(self.goes_on_s) * 1_000
    }

    /// How far back opened incidents are taken from the store after a restart.
    pub fn kept_open_ms(&self) -> i64 {
        match self.goes_on_ms() {
            0 => 0,
            goes_on_ms => goes_on_ms + HALF_DAY_MS + self.quiet_gap_ms(),
        }
    }

    pub fn quiet_gap_ms(&self) -> i64 {
        i64::from(self.quiet_gap_s) * 1_000
    }
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_settings_shows_the_defaults_of_shared_subjects() {
        #[derive(Deserialize)]
        struct Page {
            correlate: CorrelateConfig,
        }
        let page = include_str!("../../../docs/detectors.md");
        let block = page.split("```toml\n").nth(2).and_then(|rest| rest.split("```").next());
        let block = block.expect("a second block of settings");
        let read: Page = toml::from_str(block).expect("settings");
        assert_eq!(format!("{:?}", read.correlate), format!("{:?}", CorrelateConfig::default()));
        for key in ["shared_subjects_min", "shared_subjects_share", "shared_subjects_span_s"] {
            assert!(block.contains(key), "nothing is said of {key}");
        }
    }
}
