//! Log lines.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Sends log lines to stderr: for people where it is a terminal, else JSON, a line each; JSON in
/// either case where `json` asks for it. `RUST_LOG` says which; without it, `info` and worse.
/// Later calls change nothing.
pub fn init_logging(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let terminal = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // An error says that logging was set up before.
    let _ = if json || !terminal {
        lines.json().flatten_event(true).with_current_span(false).try_init()
    } else {
        lines.with_target(false).try_init()
    };
}
