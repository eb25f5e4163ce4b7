//! One typed tree, checked as a whole: every mistake is named at once, with its key, its value
//! and what is allowed.
//!
//! Each section lives in the room that uses it; this room puts them together, reads the file and
//! the secrets it points to. Secrets come from files or the environment, never from the main
//! file itself.

mod load;
mod tree;

pub use load::{ConfigError, Purpose, load};
pub use tree::{Config, DataConfig, HttpConfig, PrivacyConfig, RolesConfig, StoreConfig};
