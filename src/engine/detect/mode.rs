//! Whether a detector speaks.

use serde::Deserialize;

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
    /// True where it judges; `learned` says whether the learned detectors have.
    pub const fn judges(self, learned: bool) -> bool {
        match self {
            Self::On | Self::Shadow => true,
            Self::Off => false,
            Self::UntilLearned => !learned,
        }
    }
}
