//! What was learned, as a file: packed, with a checksum, for its owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Unpacked, at most.
const BYTES_MAX: u64 = 16 << 30;

#[derive(Debug, thiserror::Error)]
pub enum LearnedFileError {
    #[error("cannot read learned state from {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error(
        "cannot read learned state from {}: it is spoilt, or none that `tidewaiter learn` wrote ({source})",
        path.display()
    )]
    Spoilt { path: PathBuf, source: io::Error },
    #[error("cannot write learned state to {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Reads all of it; what was spoilt on the way is an error.
pub fn read_learned(path: &Path) -> Result<Vec<u8>, LearnedFileError> {
    let file = File::open(path)
        .map_err(|source| LearnedFileError::Read { path: path.to_owned(), source })?;
    let unpack = || {
        let mut bytes = Vec::new();
        zstd::stream::read::Decoder::new(file)?.take(BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    unpack().map_err(|source| LearnedFileError::Spoilt { path: path.to_owned(), source })
}

/// Writes beside `path` and moves it there, so that a process that starts finds the one before or
/// the whole new one.
pub fn write_learned(path: &Path, bytes: &[u8]) -> Result<(), LearnedFileError> {
    let write = || {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".part");
        let file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        let mut packed = zstd::stream::write::Encoder::new(file, 3)?;
        packed.include_checksum(true)?;
        packed.write_all(bytes)?;
        packed.finish()?.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|source| LearnedFileError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back_and_a_spoilt_one_does_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("learned");
        let content: Vec<u8> =
            (0..100_000_u32).map(|n| (n.wrapping_mul(0x9E37_79B9) >> 24) as u8).collect();
        write_learned(&path, &content).expect("written");
        assert_eq!(read_learned(&path).expect("read"), content);
        let mut packed = fs::read(&path).expect("there");
        let middle = packed.len() / 2;
        packed[middle] ^= 1;
        fs::write(&path, &packed).expect("written");
        assert!(read_learned(&path).is_err());
        fs::write(&path, "no such thing").expect("written");
        let told = read_learned(&path).expect_err("refused").to_string();
        assert!(told.contains("none that `tidewaiter learn` wrote"), "{told}");
        let told = read_learned(&path.with_file_name("gone")).expect_err("refused").to_string();
        assert!(told.contains("No such file"), "{told}");
    }
}
