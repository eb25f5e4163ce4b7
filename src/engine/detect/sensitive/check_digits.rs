//! Check digits of documents, containers and declarations.
//!
//! Sources: ICAO 9303 parts 3 to 7 (machine-readable zones), ISO 6346 (containers; the same values
//! and weights serve the movement reference numbers of European customs).

/// Value in a machine-readable zone: digits as they are, A 10 to Z 35, filler 0.
fn zone_value(byte: u8) -> Option<u32> {
    match byte {
        b'0'..=b'9' => Some(u32::from(byte - b'0')),
        b'A'..=b'Z' => Some(u32::from(byte - b'A') + 10),
        b'<' => Some(0),
        _ => None,
    }
}

/// True where `digit` is the one of `parts` one after the other: weights 7, 3, 1, modulo 10.
fn zone_verifies(parts: &[&[u8]], digit: u8) -> bool {
    let bytes = parts.iter().flat_map(|part| part.iter());
    let values = bytes.zip([7, 3, 1].into_iter().cycle());
    let sum = values.map(|(&byte, weight)| zone_value(byte).map(|value| value * weight)).sum();
    let sum: Option<u32> = sum;
    digit.is_ascii_digit() && sum.is_some_and(|sum| sum % 10 == u32::from(digit - b'0'))
}

/// Birth, sex and expiry, as all zones write them, with their two digits.
fn is_life(birth: &[u8], sex: u8, expiry: &[u8]) -> bool {
    let date = |field: &[u8]| field[..6].iter().all(|byte| byte.is_ascii_digit() || *byte == b'<');
    let is_right = |field: &[u8]| date(field) && zone_verifies(&[&field[..6]], field[6]);
    matches!(sex, b'M' | b'F' | b'X' | b'<') && is_right(birth) && is_right(expiry)
}

fn is_country(code: &[u8]) -> bool {
    code.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'<')
}

/// What the second lines of passports, visas and larger cards have in common.
fn is_second_line(line: &[u8]) -> bool {
    zone_verifies(&[&line[..9]], line[9])
        && is_country(&line[10..13])
        && is_life(&line[13..20], line[20], &line[21..28])
}

/// A passport's second line, 44 characters with five check digits.
pub fn is_td3(line: &[u8]) -> bool {
    line.len() == 44
        && is_second_line(line)
        && (zone_verifies(&[&line[28..42]], line[42]) || line[42] == b'<')
        && zone_verifies(&[&line[..10], &line[13..20], &line[21..43]], line[43])
}

/// The second line of a card of two lines of 36.
pub fn is_td2(line: &[u8]) -> bool {
    line.len() == 36
        && is_second_line(line)
        && zone_verifies(&[&line[..10], &line[13..20], &line[21..35]], line[35])
}

/// A visa: two lines of 44 or of 36, the first of which says so; there is no digit over all.
pub fn is_visa(first: &[u8], line: &[u8]) -> bool {
    matches!(line.len(), 44 | 36)
        && first.len() == line.len()
        && first[0] == b'V'
        && is_country(&first[2..5])
        && is_second_line(line)
}

/// A card of three lines of 30: the first two hold all digits.
pub fn is_td1(first: &[u8], second: &[u8]) -> bool {
    first.len() == 30
        && second.len() == 30
        && is_country(&first[2..5])
        // A longer number goes on in the optional part, its digit behind it.
        && (zone_verifies(&[&first[5..14]], first[14]) || first[14] == b'<')
        && is_life(&second[..7], second[7], &second[8..15])
        && is_country(&second[15..18])
        && zone_verifies(&[&first[5..], &second[..7], &second[8..15], &second[18..29]], second[29])
}

/// Value after ISO 6346: A 10 to Z 38, passing over the multiples of 11.
fn code_value(byte: u8) -> Option<u32> {
    match byte {
        b'0'..=b'9' => Some(u32::from(byte - b'0')),
        b'A' => Some(10),
        b'B'..=b'K' => Some(u32::from(byte - b'B') + 12),
        b'L'..=b'U' => Some(u32::from(byte - b'L') + 23),
        b'V'..=b'Z' => Some(u32::from(byte - b'V') + 34),
        _ => None,
    }
}

/// True where the last character is the digit of those before: weights 1, 2, 4 and so on from the
/// left, modulo 11, 10 counting as 0.
fn code_verifies(code: &[u8]) -> bool {
    let Some((&digit, code)) = code.split_last() else { return false };
    let weighed = code.iter().zip(0_u32..).map(|(&byte, place)| Some(code_value(byte)? << place));
    let sum: Option<u32> = weighed.sum();
    digit.is_ascii_digit() && sum.is_some_and(|sum| sum % 11 % 10 == u32::from(digit - b'0'))
}

/// Three letters of the owner, U, J or Z, six digits and the check digit.
pub fn is_container(code: &[u8]) -> bool {
    code.len() == 11
        && code[..3].iter().all(u8::is_ascii_uppercase)
        && matches!(code[3], b'U' | b'J' | b'Z')
        && code[4..].iter().all(u8::is_ascii_digit)
        && code_verifies(code)
}

/// Year, country, twelve characters, the procedure's letter (a character before 2024), check digit.
pub fn is_mrn(code: &[u8]) -> bool {
    let is_code = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    code.len() == 18
        && code[..2].iter().all(u8::is_ascii_digit)
        && code[2..4].iter().all(u8::is_ascii_uppercase)
        && code[4..17].iter().all(is_code)
        && (code[..2] <= b"24"[..] || is_procedure(code[16]))
        && code_verifies(code)
}

/// Letters of export, transit, import, entry summaries and temporary storage.
fn is_procedure(letter: u8) -> bool {
    matches!(letter, b'A'..=b'E' | b'J'..=b'M' | b'R' | b'T' | b'U')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TD3: &[u8] = b"L898902C36UTO7408122F1204159ZE184226B<<<<<10";
    const TD2: &[u8] = b"D231458907UTO7408122F1204159<<<<<<<6";
    const TD1: [&[u8]; 2] = [b"I<UTOD231458907<<<<<<<<<<<<<<<", b"7408122F1204159UTO<<<<<<<<<<<6"];
    const CONTAINERS: [&[u8]; 5] =
        [b"CSQU3054383", b"MWCU6059784", b"CBHU3202732", b"MSKU0000011", b"MSKU0000080"];
    const MRNS: [&[u8]; 4] = [
        b"06DE586600006143E1",
        b"26DE123400000001J9",
        b"26NLA0B1C2D3E4F5R5",
        b"26FR00000000000AT7",
    ];

    #[test]
    fn the_published_examples_verify() {
        assert!(is_td3(TD3) && is_td2(TD2) && is_td1(TD1[0], TD1[1]));
        assert!(CONTAINERS.into_iter().all(is_container));
        assert!(MRNS.into_iter().all(is_mrn));
    }

    #[test]
    fn a_visa_needs_its_first_line() {
        let first = b"V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<";
        let second = b"L8988901C4XXX4009078F96121096ZE184226B<<<<<<";
        assert!(is_visa(first, second) && !is_td3(second));
        assert!(!is_visa(b"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", second));
    }

    #[test]
    fn what_is_no_text_of_the_kind_is_none() {
        for bytes in [&b""[..], b"<", &[b'0'; 18], &[b'0'; 30], &[b'0'; 44], &[b'<'; 36]] {
            assert!(!is_td3(bytes) && !is_td2(bytes) && !is_td1(bytes, bytes));
            assert!(!is_container(bytes) && !is_mrn(bytes) && !is_visa(bytes, bytes));
        }
        // A code cut or weighed from the wrong end.
        assert!(!is_container(b"CSQU305438") && !is_container(b"CSQU3054384"));
        // No procedure has the letter Q.
        assert!((0..10).all(|digit| !is_mrn(format!("26DE123400000001Q{digit}").as_bytes())));
    }

    /// One character replaced; `None` where the digits promise nothing about it.
    fn changed(code: &[u8], at: usize, to: u8, unseen: impl Fn(u8, u8) -> bool) -> Option<Vec<u8>> {
        let from = code[at];
        if from == to || unseen(from, to) {
            return None;
        }
        let mut code = code.to_vec();
        code[at] = to;
        Some(code)
    }

    fn character() -> impl Strategy<Value = u8> {
        proptest::sample::select(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<".to_vec())
    }

    proptest! {
        /// Weights 7, 3 and 1 have no factor in common with 10: every change of a value by other
        /// than a multiple of 10 shows. Nationality and sex have no digit.
        #[test]
        fn a_changed_character_of_a_zone_shows(at in 0_usize..44, to in character()) {
            let unseen = |from, to| {
                zone_value(from).unwrap_or(0) % 10 == zone_value(to).unwrap_or(0) % 10
            };
            let covered = !(10..13).contains(&at) && at != 20;
            if covered && let Some(line) = changed(TD3, at, to, unseen) {
                prop_assert!(!is_td3(&line), "{}", String::from_utf8_lossy(&line));
            }
            if covered && at < 36 && let Some(line) = changed(TD2, at, to, unseen) {
                prop_assert!(!is_td2(&line), "{}", String::from_utf8_lossy(&line));
            }
            if (5..30).contains(&at) && let Some(line) = changed(TD1[0], at, to, unseen) {
                prop_assert!(!is_td1(&line, TD1[1]), "{}", String::from_utf8_lossy(&line));
            }
        }

        /// Modulo 11, a changed value shows unless it differs by 11 or 22, or a remainder of 10 is
        /// written as the 0 it looks like.
        #[test]
        fn a_changed_character_of_a_code_shows(which in 0_usize..9, at in 0_usize..18, to in character()) {
            let code = if which < 5 { CONTAINERS[which] } else { MRNS[which - 5] };
            let at = at % code.len();
            let unseen = |from, to| match (code_value(from), code_value(to)) {
                (Some(from), Some(to)) => from % 11 == to % 11,
                _ => false,
            };
            if let Some(changed) = changed(code, at, to, unseen) {
                let remainder = |code: &[u8]| -> Option<u32> {
                    let body = &code[..code.len() - 1];
                    body.iter().zip(0_u32..).map(|(&b, place)| Some(code_value(b)? << place)).sum()
                };
                let pair = [code, &changed].map(|code| remainder(code).map(|sum| sum % 11));
                let twins = matches!(pair, [Some(0), Some(10)] | [Some(10), Some(0)]);
                let told = is_container(&changed) || is_mrn(&changed);
                prop_assert!(!told || twins, "{}", String::from_utf8_lossy(&changed));
            }
        }
    }
}
