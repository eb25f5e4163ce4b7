//! Whole rules against whole events.

use std::path::PathBuf;

mod free_text;
mod language;
mod normalised;
mod pack;
mod refusals;
mod sigma_hq;
mod slow;

/// A folder of the data that is not ours to copy: `../shared/data` beside the checkout, or where
/// `TIDEWAITER_SHARED_DATA` says. `None`, said aloud, where it is not there.
fn shared_data(folder: &str, unchecked: &str) -> Option<PathBuf> {
    let root = match std::env::var_os("TIDEWAITER_SHARED_DATA") {
        Some(root) => PathBuf::from(root),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
    };
    let folder = root.join(folder);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("not checked: {} is not there, so {unchecked}", folder.display());
    None
}
