//! A quick no: whether a text can hold any of a few words at all.

/// More words are better looked for at once: too many pairs would be among them.
const WORDS_MAX: usize = 16;
/// Longer texts are better looked through by an automaton.
const TEXT_BYTES_MAX: usize = 64;
/// A bit for each two bytes.
const BITS: usize = 4_096;

/// The pairs of bytes that the words begin with.
#[derive(Clone, Debug)]
pub(super) struct Pairs(Box<[u64; BITS / 64]>);

impl Pairs {
    /// `words` must be folded. `None` where this would tell too little.
    pub fn new(words: &[&str]) -> Option<Self> {
        if words.is_empty() || words.len() > WORDS_MAX {
            return None;
        }
        let mut bits = Box::new([0; BITS / 64]);
        for word in words {
            // A text with a byte that is not ASCII is never said no to.
            if word.is_ascii() {
                let &[first, second, ..] = word.as_bytes() else { return None };
                let place = place(first, second);
                bits[place / 64] |= 1 << (place % 64);
            }
        }
        Some(Self(bits))
    }

    /// False only where no word is in `text`, folded or not.
    pub fn may_hold(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        if bytes.len() > TEXT_BYTES_MAX {
            return true;
        }
        let mut before = 0;
        bytes.iter().any(|&byte| {
            let place = place(before, byte);
            before = byte;
            byte >= 0x80 || self.0[place / 64] >> (place % 64) & 1 == 1
        })
    }
}

/// The same for letters of either case.
fn place(first: u8, second: u8) -> usize {
    (usize::from(first | 0x20) << 5 ^ usize::from(second | 0x20)) % BITS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fold;
    use super::*;

    fn check(words: &[&str], text: &str, expected: Option<bool>) {
        let pairs = Pairs::new(words);
        assert_eq!(pairs.map(|pairs| pairs.may_hold(text)), expected, "{words:?} in {text}");
    }

    #[test]
    fn says_no_where_nothing_begins() {
        check(&["dump.sql", "vip-"], "PNR-8842013", Some(false));
        check(&["dump.sql", "vip-"], "a-VIP-1", Some(true));
        check(&["dump.sql", "é"], "e", Some(false));
        check(&["dump.sql", "ék"], "pnr", Some(false));
        check(&["dump.sql", "ék"], "Ék", Some(true));
        check(&["k-"], "\u{212a}-9", Some(true));
        check(&["dump.sql"], &"x".repeat(65), Some(true));
        check(&[], "x", None);
        check(&["x"], "y", None);
    }

    proptest! {
        #[test]
        fn never_says_no_to_a_text_that_holds_a_word(
            word in "[a-zA-Z0-9@`\\[{kſ\u{212a}.-]{2,5}", before in "\\PC{0,8}", after in "\\PC{0,8}",
        ) {
            let text = format!("{before}{word}{after}");
            let word = fold::folded(&word);
            if let Some(pairs) = Pairs::new(&[&word]) {
                prop_assert!(pairs.may_hold(&text));
                prop_assert!(pairs.may_hold(&text.to_ascii_uppercase()));
                prop_assert!(pairs.may_hold(&fold::folded(&text)));
            }
        }
    }
}
