//! Words that several formats use for the same thing.

use crate::engine::model::Outcome;

/// The contract's outcomes and their common synonyms, whatever the case. A word nobody knows is
/// an error: it is not said that anything was shown.
pub fn outcome(word: &str) -> Outcome {
    const ALLOWED: [&str; 9] =
        ["allowed", "allow", "success", "succeeded", "ok", "permit", "permitted", "accept", "pass"];
    const DENIED: [&str; 13] = [
        "denied", "deny", "failure", "failed", "fail", "blocked", "block", "refused", "refuse",
        "rejected", "reject", "dropped", "drop",
    ];
    let is = |known: &str| word.eq_ignore_ascii_case(known);
    if ALLOWED.iter().any(|known| is(known)) {
        Outcome::Allowed
    } else if DENIED.iter().any(|known| is(known)) {
        Outcome::Denied
    } else {
        Outcome::Error
    }
}

/// True where a reason or an error code says that permission was lacking.
pub fn says_denied(reason: &str) -> bool {
    const SIGNS: [&str; 6] =
        ["denied", "unauthorized", "unauthorised", "notauthorized", "not authorized", "forbidden"];
    let reason = reason.to_ascii_lowercase();
    SIGNS.iter().any(|sign| reason.contains(sign))
}
