//! The pseudonym key: configured, kept beside the store, taken from the files that are read, or made for
//! one run.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand::TryRng;
use sha2::{Digest, Sha256};

use crate::adapters::files::Lines;
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
    let path = config.store.file().with_file_name("pseudonym.key");
    let kept = |path: &Path| -> Result<Secret, KeyError> {
        let source = SecretSource { file: Some(path.to_owned()), env: None };
        long_enough(source.read()?)
    };
    if path.exists() {
        return kept(&path);
    }
    let mut bytes = [0_u8; KEY_BYTES];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes).map_err(KeyError::Randomness)?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    if keep {
        match write_private(&path, hex.as_bytes()) {
            // Another process that started at the same moment was quicker: its key counts.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return kept(&path),
            done => done.map_err(|source| KeyError::Keep { path, source })?,
        }
    }
    Ok(Secret::new(hex.into_bytes()))
}

/// So much of each file goes into a key that is taken from files.
const OF_A_FILE_BYTES: usize = 1 << 16;

/// For work on files: the configured key, or the one beside the store; else one that follows from what the
/// files hold, in whatever order and however packed, so that the same files give the same. Nobody has it who
/// has not the files. Where one of them cannot be read twice it is one for this run alone.
pub fn key_for_files(config: &Config, files: &[PathBuf]) -> Result<Secret, KeyError> {
    if has_pseudonym_key(config) || !files.iter().all(|path| path.is_file()) {
        return pseudonym_key(config, false);
    }
    let mut digests: Vec<[u8; KEY_BYTES]> = files.iter().map(|path| beginning_of(path)).collect();
    digests.sort_unstable();
    Ok(Secret::new(Sha256::digest(digests.as_flattened()).to_vec()))
}

/// A digest of a file's first lines. One that cannot be read is told of by whoever reads it.
fn beginning_of(path: &Path) -> [u8; KEY_BYTES] {
    let mut hash = Sha256::new_with_prefix(b"key of files\x1f");
    if let Ok(mut lines) = Lines::open(path, Arc::default()) {
        let mut bytes = 0;
        while bytes < OF_A_FILE_BYTES && matches!(lines.advance(), Ok(true)) {
            hash.update(lines.line());
            hash.update(b"\n");
            bytes += lines.line().len() + 1;
        }
    }
    hash.finalize().into()
}

/// Whether another run has the same key.
pub fn has_pseudonym_key(config: &Config) -> bool {
    let kept = config.store.file().with_file_name("pseudonym.key");
    config.privacy.pseudonym_key.is_some() || kept.exists()
}

fn long_enough(key: Secret) -> Result<Secret, KeyError> {
    match key.bytes().len() {
        short if short < KEY_BYTES => Err(KeyError::TooShort(short)),
        _ => Ok(key),
    }
}

/// Readable by the owner alone, there with all its bytes or not at all, and never in the place of
/// another.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let unfinished = path.with_extension(format!("key-{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::hard_link(&unfinished, path));
    std::fs::remove_file(&unfinished)?;
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_give_the_same_key_and_others_another() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let mut config = Config::default();
        config.store.path = Some(folder.path().join("store/tidewaiter.db"));
        let key = |files: &[&PathBuf]| {
            let files: Vec<PathBuf> = files.iter().map(|path| (*path).clone()).collect();
            key_for_files(&config, &files).unwrap().bytes().to_vec()
        };
        let (a, same, b) = (file("a", "1\n2\n"), file("same", "1\n2\n"), file("b", "1\n3\n"));
        assert_eq!(key(&[&a]), key(&[&same]));
        assert_eq!(key(&[&a, &b]), key(&[&b, &same]));
        assert_ne!(key(&[&a]), key(&[&b]));
        assert_eq!(key(&[&a]).len(), KEY_BYTES);
        let gone = folder.path().join("gone");
        assert_ne!(key(&[&gone]), key(&[&gone]), "what cannot be read twice has one of its own");
        let kept = file("pseudonym.key", &"k".repeat(40));
        config.store.path = Some(kept.with_file_name("tidewaiter.db"));
        assert_eq!(key_for_files(&config, &[a]).unwrap().bytes(), [b'k'; 40]);
    }

    #[test]
    fn a_key_takes_no_other_s_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/pseudonym.key");
        write_private(&path, b"first").unwrap();
        let second = write_private(&path, b"second").unwrap_err();
        assert_eq!(second.kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        let names = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(names, 1, "nothing unfinished is left");
    }
}
