//! Secrets: read from a file or an environment variable, never printed. Comes in: where a secret is.
//! Goes out: its bytes. Never logs, never appears in an error.

use std::path::PathBuf;

use serde::Deserialize;

use crate::engine::model::Problems;

/// Where a secret is found: exactly one of the two.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretSource {
    /// A file whose content, without the final line break, is the secret.
    pub file: Option<PathBuf>,
    /// An environment variable's name.
    pub env: Option<String>,
}

/// A secret's bytes. Does not print.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("cannot read the secret file {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("the environment variable {0} is not set")]
    NotSet(String),
    #[error("the secret in {0} is empty")]
    Empty(String),
}

impl SecretSource {
    pub fn check(&self, key: &str, problems: &mut Problems) {
        problems.require(self.file.is_some() != self.env.is_some(), key, || {
            "needs exactly one of `file` and `env`".into()
        });
    }

    /// For who is about to read it.
    pub fn check_there(&self, key: &str, problems: &mut Problems) {
        if let Some(file) = &self.file {
            let said = || format!("{} does not exist", file.display());
            problems.require(file.exists(), key, said);
        }
    }

    pub fn read(&self) -> Result<Secret, SecretError> {
        let (bytes, place) = match (&self.file, &self.env) {
            (Some(path), _) => {
                let bytes = std::fs::read(path)
                    .map_err(|source| SecretError::Read { path: path.clone(), source })?;
                (bytes, path.display().to_string())
            }
            (None, name) => {
                let name = name.clone().unwrap_or_default();
                let value =
                    std::env::var_os(&name).ok_or_else(|| SecretError::NotSet(name.clone()))?;
                (value.into_encoded_bytes(), format!("${name}"))
            }
        };
        let end = bytes.iter().rposition(|b| !matches!(b, b'\n' | b'\r')).map_or(0, |i| i + 1);
        if end == 0 {
            return Err(SecretError::Empty(place));
        }
        Ok(Secret(bytes[..end].to_vec()))
    }
}

impl Secret {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As text; bytes that are no UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(withheld)")
    }
}
