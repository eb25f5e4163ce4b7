//! Opening the store that the configuration names, and waiting for a database that is away.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::adapters::secrets::SecretError;
use crate::adapters::store::{Store, StoreError};
use crate::config::StoreConfig;

#[derive(Debug, thiserror::Error)]
pub enum OpenStoreError {
    #[error("store.password: {0}")]
    Password(#[from] SecretError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Between two attempts to reach the database: doubled from the first to the last.
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// One attempt.
pub async fn open_store(config: &StoreConfig) -> Result<Store, OpenStoreError> {
    let Some(url) = &config.url else { return Ok(Store::open(&config.file()).await?) };
    let password = config.password.as_ref().map(|source| source.read()).transpose()?;
    Ok(Store::connect(url, password.as_ref()).await?)
}

/// As many attempts as it takes while the database is away; none once `stop` is set.
pub async fn open_patiently(
    config: &StoreConfig,
    stop: &AtomicBool,
) -> Result<Option<Store>, OpenStoreError> {
    let mut pause = PAUSE_MIN;
    while !stop.load(Ordering::Relaxed) {
        match open_store(config).await {
            Err(OpenStoreError::Store(error)) if error.is_away() => {
                tracing::warn!(%error, again_in = ?pause, "the store is away");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
            opened => return opened.map(Some),
        }
    }
    Ok(None)
}
