//! The pseudonym key: configured, kept beside the store, or made for one run.

use std::io::Write;
use std::path::{Path, PathBuf};

use rand::TryRng;

use crate::adapters::secrets::{Secret, SecretError, SecretSource};
use crate::config::Config;

const KEY_BYTES: usize = 32;

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the pseudonym key: {0}")]
    Secret(#[from] SecretError),
    #[error("the pseudonym key has {0} bytes; at least 32 are needed")]
    TooShort(usize),
    #[error("cannot keep the pseudonym key in {}: {source}", path.display())]
    Keep { path: PathBuf, source: std::io::Error },
    #[error("the system gives no randomness for a pseudonym key: {0}")]
    Randomness(rand::rngs::SysError),
}

/// The configured key; else the one beside the store, made there at the first start where `keep`
/// is set; else one for this run alone.
pub fn pseudonym_key(config: &Config, keep: bool) -> Result<Secret, KeyError> {
    if let Some(source) = &config.privacy.pseudonym_key {
        return long_enough(source.read()?);
    }
    let path = config.store.path.with_file_name("pseudonym.key");
    if path.exists() {
        let source = SecretSource { file: Some(path), env: None };
        return long_enough(source.read()?);
    }
    let mut bytes = [0_u8; KEY_BYTES];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes).map_err(KeyError::Randomness)?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    if keep {
        write_private(&path, hex.as_bytes()).map_err(|source| KeyError::Keep { path, source })?;
    }
    Ok(Secret::new(hex.into_bytes()))
}

fn long_enough(key: Secret) -> Result<Secret, KeyError> {
    match key.bytes().len() {
        short if short < KEY_BYTES => Err(KeyError::TooShort(short)),
        _ => Ok(key),
    }
}

/// Readable by the owner alone, from the first byte on.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
