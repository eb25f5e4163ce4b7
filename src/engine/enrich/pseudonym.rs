//! Subject identifiers into tokens.

use hmac::{Hmac, KeyInit, Mac};
use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

use crate::engine::model::SubjectToken;

/// Keeps purposes apart under one key; FACTS: HMAC-SHA256(key, purpose || 0x1F || value).
const PURPOSE_SUBJECT: &[u8] = b"subject\x1f";
const PURPOSE_EVENT_IDS: &[u8] = b"event ids\x1f";

/// Bytes of a block of SHA-256, and of what follows the text in its last one: a bit that is set and the
/// length in bits.
const BLOCK: usize = 64;
const ENDING: usize = 9;
/// Initial words of SHA-256. Source: FIPS 180-4, 5.3.3.
const INITIAL: [u32; 8] = [
    0x6A09_E667,
    0xBB67_AE85,
    0x3C6E_F372,
    0xA54F_F53A,
    0x510E_527F,
    0x9B05_688C,
    0x1F83_D9AB,
    0x5BE0_CD19,
];

/// The keyed pseudonym function. The same identifier gives the same token as long as the key
/// lives; without the key a token says nothing, not even by trying every passport number.
#[derive(Clone)]
pub struct Pseudonyms {
    /// Keyed and with the purpose already absorbed.
    subject: Hmac<Sha256>,
    /// SHA-256 once it has taken the inner and the outer key block.
    keyed: [[u32; 8]; 2],
    event_ids: u64,
}

impl Pseudonyms {
    /// Any key length is accepted; configuration asks for at least 32 bytes.
    pub fn new(key: &[u8]) -> Self {
        // HMAC takes keys of every length, so the error arm is never taken; a zero key there
        // would still be a valid, if useless, function.
        let keyed = Hmac::<Sha256>::new_from_slice(key)
            .unwrap_or_else(|_| Hmac::<Sha256>::new(&Default::default()));
        let (mut subject, mut event_ids) = (keyed.clone(), keyed);
        subject.update(PURPOSE_SUBJECT);
        event_ids.update(PURPOSE_EVENT_IDS);
        let mut seed = [0; 8];
        seed.copy_from_slice(&event_ids.finalize().into_bytes()[..8]);
        let keyed = [0x36, 0x5C].map(|pad| {
            let block = key_block(key).map(|byte| byte ^ pad);
            let mut state = INITIAL;
            compress256(&mut state, &[block]);
            state
        });
        Self { subject, keyed, event_ids: u64::from_le_bytes(seed) }
    }

    /// Seed for hashing event ids: nobody without the key can make two that collide.
    pub fn event_id_seed(&self) -> u64 {
        self.event_ids
    }

    /// The identifier is trimmed and ASCII-uppercased first, since systems disagree on both.
    pub fn subject(&self, identifier: &str) -> SubjectToken {
        let trimmed = identifier.trim().as_bytes();
        let digest = self.at_once(trimmed).unwrap_or_else(|| self.block_by_block(trimmed));
        let mut token = [0; 16];
        token.copy_from_slice(&digest[..16]);
        SubjectToken(token)
    }

    /// Nearly every identifier fits one block with the purpose. Then nothing has to be buffered or
    /// copied: two blocks are put together and compressed.
    fn at_once(&self, trimmed: &[u8]) -> Option<[u8; 32]> {
        let length = PURPOSE_SUBJECT.len() + trimmed.len();
        let mut block = [0; BLOCK];
        let (text, ending) = block.split_at_mut_checked(length)?;
        if ending.len() < ENDING {
            return None;
        }
        let (purpose, upper) = text.split_at_mut(PURPOSE_SUBJECT.len());
        purpose.copy_from_slice(PURPOSE_SUBJECT);
        upper.copy_from_slice(trimmed);
        upper.make_ascii_uppercase();
        let inner = last_block(self.keyed[0], block, length);
        let mut block = [0; BLOCK];
        block[..inner.len()].copy_from_slice(&inner);
        Some(last_block(self.keyed[1], block, inner.len()))
    }

    fn block_by_block(&self, trimmed: &[u8]) -> [u8; 32] {
        let mut mac = self.subject.clone();
        let mut block = [0_u8; BLOCK];
        for chunk in trimmed.chunks(block.len()) {
            let upper = &mut block[..chunk.len()];
            upper.copy_from_slice(chunk);
            upper.make_ascii_uppercase();
            mac.update(upper);
        }
        mac.finalize().into_bytes().into()
    }
}

/// A key as HMAC takes it: one longer than a block by its digest. Source: RFC 2104.
fn key_block(key: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    match block.get_mut(..key.len()) {
        Some(place) => place.copy_from_slice(key),
        None => block[..32].copy_from_slice(&Sha256::digest(key)),
    }
    block
}

/// SHA-256 of a key block and `length` bytes of `block`, with room for the ending, after it.
fn last_block(mut state: [u32; 8], mut block: [u8; BLOCK], length: usize) -> [u8; 32] {
    block[length] = 0x80;
    let bits = 8 * (BLOCK + length) as u64;
    block[BLOCK - 8..].copy_from_slice(&bits.to_be_bytes());
    compress256(&mut state, &[block]);
    let mut digest = [0; 32];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

impl std::fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pseudonyms(key withheld)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_hmac_sha256_as_rfc_4231_computes_it() {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"Jefe").expect("any key length");
        mac.update(b"what do ya want for nothing?");
        let hex: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn what_fits_a_block_has_the_token_it_would_have_of_any_length() {
        for key in [1, 64, 65].map(|length| "k".repeat(length)) {
            let pseudonyms = Pseudonyms::new(key.as_bytes());
            for length in 0..130 {
                let identifier = "t-55120é".chars().cycle().take(length).collect::<String>();
                let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length");
                mac.update(PURPOSE_SUBJECT);
                mac.update(identifier.to_ascii_uppercase().as_bytes());
                let whole = mac.finalize().into_bytes();
                assert_eq!(pseudonyms.subject(&identifier).0, whole[..16], "{length}");
            }
        }
    }

    #[test]
    fn one_person_has_one_token_and_keys_keep_agencies_apart() {
        let (ours, theirs) = (Pseudonyms::new(b"one"), Pseudonyms::new(b"two"));
        assert_eq!(ours.subject(" t-55120 "), ours.subject("T-55120"));
        assert_ne!(ours.subject("T-55120"), ours.subject("T-55121"));
        assert_ne!(ours.subject("T-55120"), theirs.subject("T-55120"));
        assert!(ours.subject("T-55120").to_string().starts_with("p1."));
    }

    #[test]
    fn the_key_does_not_print() {
        assert_eq!(format!("{:?}", Pseudonyms::new(b"secret")), "Pseudonyms(key withheld)");
    }
}
