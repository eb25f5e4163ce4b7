//! Identifiers in a text, counted by kind. The text itself is not kept.

use std::ops::{Range, RangeInclusive};

use super::check_digits::{is_container, is_mrn, is_td1, is_td2, is_td3, is_visa};

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identifier {
    Td1,
    Td2,
    Td3,
    Container,
    Mrn,
    ReleasePin,
}

impl Identifier {
    pub const ALL: [Self; 6] =
        [Self::Td1, Self::Td2, Self::Td3, Self::Container, Self::Mrn, Self::ReleasePin];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Td1 => "mrz_td1",
            Self::Td2 => "mrz_td2",
            Self::Td3 => "mrz_td3",
            Self::Container => "container",
            Self::Mrn => "mrn",
            Self::ReleasePin => "release_pin",
        }
    }

    /// As a sentence names several of them.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Td1 => "machine-readable zones (TD1)",
            Self::Td2 => "machine-readable zones (TD2 or visa)",
            Self::Td3 => "machine-readable zones (TD3 or visa)",
            Self::Container => "container numbers",
            Self::Mrn => "movement reference numbers",
            Self::ReleasePin => "release PINs",
        }
    }

    /// A document's machine-readable zone.
    pub const fn is_zone(self) -> bool {
        matches!(self, Self::Td1 | Self::Td2 | Self::Td3)
    }

    /// About goods rather than a person or a key.
    pub const fn is_of_cargo(self) -> bool {
        matches!(self, Self::Container | Self::Mrn)
    }
}

/// How many of each kind.
pub type Counts = [u32; Identifier::ALL.len()];

/// The shortest text that may hold one: a PIN of six digits after its name.
pub const TEXT_BYTES_MIN: usize = 10;
/// The shortest that may hold a machine-readable zone.
pub const ZONE_BYTES_MIN: usize = 36;
/// Bytes looked at; what comes after is passed over.
pub const TEXT_BYTES_MAX: usize = 8_192;

/// The shortest run of characters that is looked at more closely.
const RUN_MIN: usize = 6;
/// Lengths of identifiers that hold letters, and the least of them.
const LENGTHS: [usize; 9] = [11, 18, 30, 36, 44, 60, 72, 88, 90];
const CODE_LEN_MIN: usize = LENGTHS[0];
/// The longest line of a zone, and the longest zone.
const ZONE_LINE_MAX: usize = 44;
const ZONE_LEN_MAX: usize = 90;
/// How far before a number its name may stand.
const NAME_BYTES: usize = 24;

/// Digits, capitals and the filler: of these are all identifiers.
const fn is_in_run(byte: u8) -> bool {
    byte.is_ascii_digit() | byte.is_ascii_uppercase() | (byte == b'<')
}

/// The same, and small letters.
const fn is_in_either_run(byte: u8) -> bool {
    is_in_run(byte) | byte.is_ascii_lowercase()
}

/// Adds what stands in `text` to `counts`. A number is a PIN by its name and its length, everything
/// else by pattern and check digit, in capitals or not.
pub fn find(text: &str, pin_digits: &RangeInclusive<usize>, counts: &mut Counts) {
    let text = &text.as_bytes()[..text.len().min(TEXT_BYTES_MAX)];
    find_in_capitals(text, pin_digits, counts);
    find_in_small_letters(text, counts);
}

fn find_in_capitals(text: &[u8], pin_digits: &RangeInclusive<usize>, counts: &mut Counts) {
    let found =
        |run: Range<usize>| identifier(text, run.clone()).or_else(|| is_pin(text, run, pin_digits));
    runs(text, is_in_run, RUN_MIN, |run| note(counts, found(run)));
}

/// What somebody types by hand, or a search folds. Words of prose are runs too, but hardly any is
/// as long as an identifier.
fn find_in_small_letters(text: &[u8], counts: &mut Counts) {
    runs(text, is_in_either_run, CODE_LEN_MIN, |run| {
        let own = &text[run.clone()];
        if !LENGTHS.contains(&own.len()) || !own.iter().any(u8::is_ascii_lowercase) {
            return;
        }
        // The run and the one before it, which may be the first line of a zone.
        let before = run_before(text, run.start, is_in_either_run);
        let from = if before.len() <= ZONE_LINE_MAX { run.start - before.len() } else { run.start };
        let mut folded = [0; ZONE_LINE_MAX + 1 + ZONE_LEN_MAX];
        let start = if from < run.start { before.len() + 1 } else { 0 };
        if start > 0 {
            folded[..start - 1].copy_from_slice(before);
            folded[start - 1] = b'\n';
        }
        let end = start + own.len();
        folded[start..end].copy_from_slice(own);
        let folded = &mut folded[..end];
        folded.make_ascii_uppercase();
        let mut in_capitals = Counts::default();
        find_in_capitals(own, &(usize::MAX..=usize::MAX), &mut in_capitals);
        if in_capitals == Counts::default() {
            note(counts, identifier(folded, start..end));
        }
    });
}

fn note(counts: &mut Counts, found: Option<Identifier>) {
    if let Some(found) = found {
        let count = &mut counts[found as usize];
        *count = count.saturating_add(1);
    }
}

/// Tells of each run of so many bytes of a class, or more.
fn runs(text: &[u8], class: fn(u8) -> bool, len_min: usize, mut tell: impl FnMut(Range<usize>)) {
    // Where a run may begin: behind what is in none.
    let mut at = 0;
    while at + len_min <= text.len() {
        // No run that is long enough passes by its last byte: the others need not be looked at.
        let probe = at + len_min - 1;
        if !class(text[probe]) {
            at = probe + 1;
            continue;
        }
        let run = run_around(text, probe, class);
        at = run.end + 1;
        if run.len() >= len_min {
            tell(run);
        }
    }
}

/// The run that the byte at `place` belongs to.
fn run_around(text: &[u8], place: usize, class: fn(u8) -> bool) -> Range<usize> {
    let before = text[..place].iter().rev().take_while(|byte| class(**byte)).count();
    let behind = text[place..].iter().take_while(|byte| class(**byte)).count();
    place - before..place + behind
}

/// The last run that ends before `start`.
fn run_before(text: &[u8], start: usize, class: fn(u8) -> bool) -> &[u8] {
    let end = text[..start].iter().rposition(|byte| class(*byte));
    end.map_or(&[], |end| &text[run_around(&text[..start], end, class)])
}

/// What the run is. The one before it counts for zones of several lines.
fn identifier(text: &[u8], at: Range<usize>) -> Option<Identifier> {
    let (start, run) = (at.start, &text[at]);
    let before = || run_before(text, start, is_in_run);
    match run.len() {
        7 if is_split_container(run_before(text, start, is_in_either_run), run) => {
            Some(Identifier::Container)
        }
        11 if is_container(run) => Some(Identifier::Container),
        18 if is_mrn(run) => Some(Identifier::Mrn),
        30 if is_td1(before(), run) => Some(Identifier::Td1),
        60 | 90 if is_td1(&run[..30], &run[30..60]) => Some(Identifier::Td1),
        36 if is_td2(run) || is_visa(before(), run) => Some(Identifier::Td2),
        72 if is_td2(&run[36..]) || is_visa(&run[..36], &run[36..]) => Some(Identifier::Td2),
        44 if is_td3(run) || is_visa(before(), run) => Some(Identifier::Td3),
        88 if is_td3(&run[44..]) || is_visa(&run[..44], &run[44..]) => Some(Identifier::Td3),
        _ => None,
    }
}

fn is_pin(text: &[u8], at: Range<usize>, pin_digits: &RangeInclusive<usize>) -> Option<Identifier> {
    let (start, run) = (at.start, &text[at]);
    let is = pin_digits.contains(&run.len())
        && run.iter().all(u8::is_ascii_digit)
        && is_pin_name(&text[start.saturating_sub(NAME_BYTES)..start]);
    is.then_some(Identifier::ReleasePin)
}

/// `MSKU 0000011`: as people write it.
fn is_split_container(owner: &[u8], number: &[u8]) -> bool {
    let mut code = [0; 11];
    if owner.len() != 4 {
        return false;
    }
    code[..4].copy_from_slice(owner);
    code.make_ascii_uppercase();
    code[4..].copy_from_slice(number);
    is_container(&code)
}

/// True where the last words before a number call it a PIN or a code of release.
fn is_pin_name(before: &[u8]) -> bool {
    let mut words = before.split(|byte| !byte.is_ascii_alphabetic());
    words.any(|word| {
        [&b"pin"[..], b"pincode", b"release", b"pickup"]
            .iter()
            .any(|name| word.eq_ignore_ascii_case(name))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is found, as `kind` or `kind 2`.
    fn check(text: &str, expected: &str) {
        let mut counts = Counts::default();
        find(text, &(6..=9), &mut counts);
        let found = Identifier::ALL.into_iter().filter(|kind| counts[*kind as usize] > 0);
        let shown: Vec<String> = found
            .map(|kind| match counts[kind as usize] {
                1 => kind.name().to_owned(),
                many => format!("{} {many}", kind.name()),
            })
            .collect();
        assert_eq!(shown.join(", "), expected, "{text}");
    }

    const TD3: &str = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10";
    const TD1: &str = "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<";

    #[test]
    fn finds_zones_in_lines_and_joined() {
        check(TD3, "mrz_td3");
        check(&format!("scanned: {}", TD3.replace('\n', "")), "mrz_td3");
        check("doc='L898902C36UTO7408122F1204159ZE184226B<<<<<10'", "mrz_td3");
        check(TD1, "mrz_td1");
        check(&TD1.replace('\n', ""), "mrz_td1");
        check("D231458907UTO7408122F1204159<<<<<<<6", "mrz_td2");
    }

    #[test]
    fn finds_codes_of_goods() {
        check("container in ('CSQU3054383', 'MWCU6059784')", "container 2");
        check("box MSKU 0000011 at gate 4", "container");
        check("mrn=26NLA0B1C2D3E4F5R5", "mrn");
    }

    #[test]
    fn finds_what_is_written_in_small_letters_and_once() {
        check(&TD3.to_lowercase(), "mrz_td3");
        check(&TD1.to_lowercase(), "mrz_td1");
        check(&TD1.replace('\n', "").to_lowercase(), "mrz_td1");
        check("d231458907uto7408122f1204159<<<<<<<6", "mrz_td2");
        check("where box = 'csqu3054383'", "container");
        check("CsQu3054383, csqu 3054383", "container 2");
        // The line in capitals is one already.
        check(&TD3.replace('\n', "").replace("ERIKSSON", "Eriksson"), "mrz_td3");
    }

    #[test]
    fn a_number_is_a_pin_by_its_name() {
        check("release pin: 482913377 for the driver", "release_pin");
        check("PIN 482913", "release_pin");
        check("482913377", "");
        check("spinning 482913377", "");
        check("pin 48291", "");
        check("pin 4829133770", "");
    }

    proptest! {
        /// Wherever it stands and whatever stands around it, so long as it stands apart.
        #[test]
        fn finds_it_anywhere(left in "[a-z0-9 '=,-]{0,40}", right in "[a-z0-9 '=,-]{0,40}") {
            for (value, kind) in [
                ("CSQU3054383", Identifier::Container),
                ("26NLA0B1C2D3E4F5R5", Identifier::Mrn),
                ("L898902C36UTO7408122F1204159ZE184226B<<<<<10", Identifier::Td3),
            ] {
                let mut counts = Counts::default();
                find(&format!("{left} {value} {right}"), &(6..=9), &mut counts);
                prop_assert_eq!(counts[kind as usize], 1);
            }
        }
    }

    #[test]
    fn ordinary_texts_hold_none() {
        for text in [
            "secondary_inspection",
            "C-2026-0012",
            "PNR-8842013",
            "01JQ7Y2E6W",
            "select name from travelers where flight = 'KL0605' and day = '2026-03-02'",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
            "CSQU3054384",
            "MSKV0000011",
            "L898902C36UTO7408122F1204159ZE184226B<<<<<11",
            "é😀ÄÖÜ",
            "",
        ] {
            check(text, "");
        }
    }

    #[test]
    fn no_text_is_too_long_or_too_odd() {
        check(&"<".repeat(100_000), "");
        check(&"7".repeat(44), "");
        check(&format!("{} CSQU3054383", "x".repeat(TEXT_BYTES_MAX)), "");
        check(&"CSQU3054383 ".repeat(50), "container 50");
        check(&"MSKU 0000011,".repeat(50), "container 50");
    }
}
