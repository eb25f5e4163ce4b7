//! The default agency with all breaches, and the configuration that knows it.

use std::path::Path;

use tidewaiter::config::Config;
use tidewaiter::simulate::{BreachChoice, Simulation, SimulationConfig};

/// Its catalogue and directory are written into `folder`.
pub fn prepare(folder: &Path) -> (Simulation, Config) {
    std::fs::create_dir_all(folder).expect("a temporary folder");
    let simulation = Simulation::new(SimulationConfig {
        breaches: BreachChoice::All,
        ..SimulationConfig::default()
    })
    .expect("the default agency");
    let mut config = Config::default();
    for (name, text, path) in [
        ("catalogue.toml", simulation.catalogue_toml(), &mut config.data.catalogue),
        ("directory.toml", simulation.directory_toml(), &mut config.data.directory),
    ] {
        std::fs::write(folder.join(name), text).expect("a file");
        *path = Some(folder.join(name));
    }
    (simulation, config)
}
