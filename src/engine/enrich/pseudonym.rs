//! Subject identifiers into tokens.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::engine::model::SubjectToken;

/// Keeps purposes apart under one key; FACTS: HMAC-SHA256(key, purpose || 0x1F || value).
const PURPOSE_SUBJECT: &[u8] = b"subject\x1f";
const PURPOSE_EVENT_IDS: &[u8] = b"event ids\x1f";

/// The keyed pseudonym function. The same identifier gives the same token as long as the key
/// lives; without the key a token says nothing, not even by trying every passport number.
#[derive(Clone)]
pub struct Pseudonyms {
    /// Keyed and with the purpose already absorbed.
    subject: Hmac<Sha256>,
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
        Self { subject, event_ids: u64::from_le_bytes(seed) }
    }

    /// Seed for hashing event ids: nobody without the key can make two that collide.
    pub fn event_id_seed(&self) -> u64 {
        self.event_ids
    }

    /// The identifier is trimmed and ASCII-uppercased first, since systems disagree on both.
    pub fn subject(&self, identifier: &str) -> SubjectToken {
        let mut mac = self.subject.clone();
        let trimmed = identifier.trim().as_bytes();
        let mut block = [0_u8; 64];
        for chunk in trimmed.chunks(block.len()) {
            let upper = &mut block[..chunk.len()];
            upper.copy_from_slice(chunk);
            upper.make_ascii_uppercase();
            mac.update(upper);
        }
        let digest = mac.finalize().into_bytes();
        let mut token = [0; 16];
        token.copy_from_slice(&digest[..16]);
        SubjectToken(token)
    }
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
    fn an_identifier_of_any_length_is_taken_whole() {
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
