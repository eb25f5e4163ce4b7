//! Travelers, consignments and traders, and the numbers their records carry.
//!
//! A population's size is prime, so multiplying by any factor permutes it: a subject has one record
//! number in each dataset, record numbers lead back to their subject, and neither order shows in
//! the other.

use rand::RngExt;

use super::chance::{Chance, happens};
use super::dataset::{About, Dataset};

const TRAVELERS: u64 = 3_999_971;
const CONSIGNMENTS: u64 = 1_999_993;
const TRADERS: u64 = 20_011;

/// First numbers of the three, so that all ids of a kind have the same look.
const TRAVELER_FIRST: u32 = 10_000;
const CONSIGNMENT_FIRST: u32 = 1_000_000;
const TRADER_FIRST: u32 = 10_000;
const RECORD_FIRST: u64 = 1_000_000;

/// Subjects that come again and again: commuters, large importers.
const FAMILIAR: f64 = 40_000.0;
const FAMILIAR_SHARE: f64 = 0.22;

/// Public figures and the like: nobody looks them up without a case.
pub(super) const PROTECTED: [(u32, &str); 10] = [
    (900_001, "public figure"),
    (900_002, "public figure"),
    (900_003, "member of government"),
    (900_004, "member of government"),
    (900_005, "journalist"),
    (900_006, "journalist"),
    (900_007, "witness protection"),
    (900_008, "diplomat"),
    (900_009, "member of parliament"),
    (900_010, "unaccompanied minor"),
];

/// Planted records: nobody has a reason to open them.
pub(super) const CANARIES: [(u32, &str); 3] =
    [(777_000, "planted record"), (1_333_000, "planted record"), (2_468_000, "planted record")];

/// How many subjects of this kind there are.
const fn size(about: About) -> u64 {
    match about {
        About::Travelers => TRAVELERS,
        About::Consignments => CONSIGNMENTS,
        About::Traders => TRADERS,
        About::Staff | About::Nobody => 1,
    }
}

const fn first(about: About) -> u32 {
    match about {
        About::Travelers => TRAVELER_FIRST,
        About::Consignments => CONSIGNMENT_FIRST,
        About::Traders => TRADER_FIRST,
        About::Staff | About::Nobody => 0,
    }
}

pub(super) const fn prefix(about: About) -> &'static str {
    match about {
        About::Travelers => "T-",
        About::Consignments => "CN-",
        About::Traders => "TR-",
        About::Staff | About::Nobody => "",
    }
}

/// A factor for each dataset; any number below the smallest population but 0 and 1 would do.
const fn factor(dataset: Dataset) -> u64 {
    7_919 + 1_543 * dataset as u64
}

/// True for subjects that ordinary work never draws.
pub(super) fn is_reserved(about: About, subject: u32) -> bool {
    about == About::Travelers
        && (PROTECTED.iter().any(|(s, _)| *s == subject)
            || CANARIES.iter().any(|(s, _)| *s == subject))
}

/// The number of this subject's record in a dataset.
pub(super) fn record_of(dataset: Dataset, subject: u32) -> u64 {
    let about = dataset.facts().about;
    let n = u64::from(subject.saturating_sub(first(about)));
    RECORD_FIRST + (n * factor(dataset)) % size(about)
}

/// Whom a record number is about; numbers beyond the last go round.
pub(super) fn subject_of(dataset: Dataset, record: u64) -> u32 {
    let about = dataset.facts().about;
    let p = size(about);
    let n = record.saturating_sub(RECORD_FIRST) % p;
    first(about) + (n * inverse(factor(dataset), p) % p) as u32
}

/// By Fermat: `a^(p-2)` modulo a prime.
fn inverse(a: u64, p: u64) -> u64 {
    let (mut base, mut exponent, mut result) = (a % p, p - 2, 1_u64);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * base % p;
        }
        base = base * base % p;
        exponent >>= 1;
    }
    result
}

/// Somebody or something an officer might come across: most are new, some come again and again.
pub(super) fn any_subject(rng: &mut Chance, about: About) -> u32 {
    let p = size(about);
    loop {
        let n = if happens(rng, FAMILIAR_SHARE) {
            let u: f64 = rng.random();
            let rank = (FAMILIAR.min(p as f64) * u.powi(4)) as u64;
            rank * 7_907 % p
        } else {
            rng.random_range(0..p)
        };
        let subject = first(about) + n as u32;
        if !is_reserved(about, subject) {
            return subject;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::chance::{Purpose, chance};
    use super::*;

    #[test]
    fn sizes_are_prime_and_factors_fit() {
        for p in [TRAVELERS, CONSIGNMENTS, TRADERS] {
            assert!((2..).take_while(|d| d * d <= p).all(|d| p % d != 0), "{p} is not prime");
            assert!(Dataset::ALL.iter().all(|d| factor(*d) % p > 1));
        }
    }

    #[test]
    fn a_record_number_leads_back_to_its_subject() {
        let mut rng = chance(1, Purpose::Work, 0, 0);
        for dataset in Dataset::ALL {
            let about = dataset.facts().about;
            if matches!(about, About::Staff | About::Nobody) {
                continue;
            }
            for _ in 0..200 {
                let subject = any_subject(&mut rng, about);
                assert_eq!(subject_of(dataset, record_of(dataset, subject)), subject);
            }
        }
    }

    #[test]
    fn popularity_has_a_heavy_tail() {
        let mut rng = chance(2, Purpose::Work, 0, 0);
        let mut times = std::collections::HashMap::<u32, u32>::new();
        for _ in 0..50_000 {
            *times.entry(any_subject(&mut rng, About::Travelers)).or_default() += 1;
        }
        let most = times.values().max().copied().unwrap_or(0);
        let once = times.values().filter(|n| **n == 1).count();
        assert!(most > 200, "most seen subject was seen {most} times");
        assert!(once > 35_000, "{once} subjects were seen once");
        assert!(times.keys().all(|s| !is_reserved(About::Travelers, *s)));
    }
}
