//! Whether a detector speaks.

use serde::Deserialize;

use super::severity_of;
use crate::engine::model::Finding;

/// What is told at most in the shadow.
const SHADOW_SCORE: u8 = 15;

/// A detector's setting `mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Judges and tells.
    #[default]
    On,
    /// Judges, and tells at informational: it is seen and pages nobody.
    Shadow,
    Off,
    /// On until the learned detectors have learned, then off.
    UntilLearned,
}

impl Mode {
    pub const fn name(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Shadow => "shadow",
            Self::Off => "off",
            Self::UntilLearned => "until_learned",
        }
    }

    /// Makes a finding what this mode tells.
    pub fn shade(self, finding: &mut Finding) {
        if self == Self::Shadow {
            finding.score = finding.score.min(SHADOW_SCORE);
            finding.severity = severity_of(finding.score);
        }
    }

    /// True where it judges; `learned` says whether the learned detectors have.
    pub const fn judges(self, learned: bool) -> bool {
        match self {
            Self::On | Self::Shadow => true,
            Self::Off => false,
            Self::UntilLearned => !learned,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::detect::{DETECTOR_NAMES, DetectConfig};

    /// The page of settings: all of them, as they are.
    #[test]
    fn the_page_of_settings_is_true_and_whole() {
        #[derive(serde::Deserialize)]
        struct Page {
            detect: DetectConfig,
            correlate: toml::Table,
        }
        let page = include_str!("../../../docs/detectors.md");
        let block = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
        let block = block.expect("a block of settings");
        let read: Page = toml::from_str(block).expect("settings");
        let shown = |config: &DetectConfig| format!("{config:#?}");
        let defaults = shown(&DetectConfig::default());
        assert_eq!(shown(&read.detect), defaults);
        let keys = defaults.lines().filter_map(|line| line.trim().split_once(": "));
        for (key, _) in keys.filter(|(key, _)| *key != "roles") {
            assert!(block.contains(key), "nothing is said of {key}");
        }
        for (name, mode) in &read.correlate {
            assert!(DETECTOR_NAMES.contains(&name.as_str()), "there is no {name}");
            assert_eq!(mode.as_str(), Some("on"), "{name}");
        }
        for name in DETECTOR_NAMES.into_iter().filter(|name| !name.starts_with("sensitive")) {
            assert!(page.contains(name), "nothing is said of {name}");
        }
    }

    #[test]
    fn every_detector_with_a_setting_tells_its_mode() {
        let off = |section: &str| format!("[{section}]\nmode = \"off\"\n");
        let learned = [
            "unusual_volume",
            "unusual_unexplained",
            "slow_drift",
            "novelty",
            "session_start",
            "sequence",
            "id_block",
            "subject_fan_in",
        ];
        let mut text = String::from("[baseline]\n");
        learned.iter().for_each(|name| text += &format!("{name} = \"off\"\n"));
        for section in [
            "bulk_read",
            "no_case",
            "watched_subject",
            "leaver",
            "first_seen",
            "enumeration",
            "denied_burst",
            "no_actor",
            "outbound_bytes",
            "sensitive_identifier",
            "egress",
            "beacon",
            "port_scan",
            "impossible_travel",
            "dormant_system",
            "silent_source",
        ] {
            text += &off(section);
        }
        let config: DetectConfig = toml::from_str(&text).expect("a configuration");
        let on: Vec<&str> =
            DETECTOR_NAMES.into_iter().filter(|name| config.mode_of(name) == Mode::On).collect();
        assert_eq!(on, ["read_then_outflow", "factor_removed_then_read", "rule"]);
    }
}
