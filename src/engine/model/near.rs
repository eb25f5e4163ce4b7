//! Names that were meant to be others.

/// Letters that may be wrong in one.
const SLIPS_MAX: usize = 2;

/// The one of `known` that `name` is not, and nearly is.
pub fn near<'k>(name: &str, known: impl Iterator<Item = &'k str> + Clone) -> Option<&'k str> {
    if known.clone().any(|known| known == name) {
        return None;
    }
    let flat = |name: &str| name.to_lowercase().replace(['.', '_'], "");
    let name = flat(name);
    known
        .map(|known| (distance(&name, &flat(known)), known))
        .filter(|(slips, known)| *slips <= SLIPS_MAX && slips * 3 < known.len())
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, known)| known)
}

/// Letters to add, drop, change or swap with a neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_a_slip_was_meant_to_be() {
        let known = ["novelty", "session_start", "sequence", "id_block"];
        for (name, meant) in [
            ("novlty", Some("novelty")),
            ("Novelty", Some("novelty")),
            ("sessionstart", Some("session_start")),
            ("sequenec", Some("sequence")),
            ("block", Some("id_block")),
            ("volume", None),
            ("novelty", None),
        ] {
            assert_eq!(near(name, known.into_iter()), meant, "{name}");
        }
    }
}
