//! What the configuration says to the HTTP server.

use crate::adapters::http::{HttpSettings, Rereader, Trust};
use crate::config::Config;
use crate::engine::cases::Regimes;
use crate::engine::detect::DETECTOR_NAMES;
use crate::engine::enrich::Addresses;

pub fn http_settings(config: &Config, regimes: Regimes, past: Rereader) -> HttpSettings {
    // `check` has refused what is no header's name.
    let user_header = config.http.user_header.as_deref().and_then(|name| name.parse().ok());
    let trust = Trust { user_header, origins: config.http.origins.clone() };
    let mode = |name: &'static str| (name, config.mode_of(name).name());
    HttpSettings {
        trust,
        regimes,
        modes: DETECTOR_NAMES.into_iter().map(mode).collect(),
        budget: config.detect.budget_per_1000_actors_day,
        silences: config.notify.silence.clone(),
        maintenance: config.notify.maintenance.clone(),
        sinks: config.notify.sink_names().into_iter().map(str::to_owned).collect(),
        subjects_exact_max: config.correlate.subjects_exact_max,
        addresses: Addresses::new(&config.addresses),
        past,
    }
}
