//! Names as numbers: a role, a dataset, a case.

/// A 32-bit hash of `text`, never 0, the same in every process and release: it is part of saved
/// state. Eight bytes at a time; a collision makes two names one, which blurs and breaks nothing.
pub fn mark(text: &str) -> u32 {
    fold(0x9E37_79B9_7F4A_7C15, text)
}

/// The same for two texts together.
pub fn mark_of_two(first: &str, second: &str) -> u32 {
    let head = fold(0x9E37_79B9_7F4A_7C15, first);
    fold(u64::from(head) << 17 | 1, second)
}

fn fold(seed: u64, text: &str) -> u32 {
    // The multiplier of splitmix64. Source: Steele, Lea, Flood, "Fast splittable pseudorandom
    // number generators".
    const FACTOR: u64 = 0xBF58_476D_1CE4_E5B9;
    let mut hash = seed ^ text.len() as u64;
    let mut chunks = text.as_bytes().chunks_exact(8);
    for chunk in &mut chunks {
        let word = u64::from_le_bytes(chunk.try_into().unwrap_or_default());
        hash = (hash ^ word).wrapping_mul(FACTOR);
        hash ^= hash >> 32;
    }
    let mut word = 0;
    for &byte in chunks.remainder() {
        word = word << 8 | u64::from(byte);
    }
    hash = (hash ^ word).wrapping_mul(FACTOR);
    hash ^= hash >> 29;
    hash = hash.wrapping_mul(FACTOR);
    (hash >> 32) as u32 | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_names_apart_and_stays_what_it_is() {
        let mut marks: Vec<u32> = (0..20_000).map(|i| mark(&format!("dataset-{i}"))).collect();
        marks.sort_unstable();
        marks.dedup();
        assert!(marks.len() >= 19_998, "{}", marks.len());
        assert_ne!(mark_of_two("ab", "c"), mark_of_two("a", "bc"));
        assert_ne!(mark(""), 0);
        // Saved state holds these numbers.
        let names = ["", "pnr", "off-1042", "border_officer", "MRZ-4471-POZ-PRIMARY-LINE"];
        let marks = names.map(mark);
        assert_eq!(marks, [0x297D_8377, 0x7355_301B, 0x78A1_3671, 0x0BAF_FC53, 0x4D96_E0BB]);
    }
}
