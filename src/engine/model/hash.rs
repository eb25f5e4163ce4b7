//! Ids that the same input always gives again.

use sha2::{Digest, Sha256};

/// Collects the parts an id is made of. Parts are length-prefixed, so `("ab", "c")` and
/// `("a", "bc")` differ.
pub struct IdHasher(Sha256);

impl IdHasher {
    /// `purpose` keeps ids of different things apart.
    pub fn new(purpose: &str) -> Self {
        Self(Sha256::new()).part(purpose.as_bytes())
    }

    #[must_use]
    pub fn part(mut self, bytes: &[u8]) -> Self {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// 128 bits as 32 hex digits.
    pub fn finish(self) -> String {
        let digest = self.0.finalize();
        let mut text = String::with_capacity(32);
        for byte in &digest[..16] {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
        }
        text
    }

    /// 64 bits, where only a few names have to be told apart.
    pub fn finish_u64(self) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&self.0.finalize()[..8]);
        u64::from_le_bytes(first)
    }
}
