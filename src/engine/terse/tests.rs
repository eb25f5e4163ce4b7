use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::*;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Choice {
    Nothing,
    One(i64),
    Two(u8, f64),
    Named { text: String, of: Option<Box<Choice>> },
}

/// One of everything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct All {
    truths: (bool, bool, Unit),
    whole: (u8, u16, u32, u64, usize),
    signed: (i8, i16, i32, i64),
    /// As bits, since no fraction is to be changed, not even one that equals nothing.
    fractions: Vec<(u32, u64)>,
    letter: char,
    choices: Vec<Choice>,
    by_name: BTreeMap<String, Option<[u16; 3]>>,
}

fn written<T: Serialize + ?Sized>(content: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(content, &mut bytes).expect("is written");
    bytes
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> T {
    from_bytes(bytes).expect("is read")
}

fn choice() -> impl Strategy<Value = Choice> {
    let leaf = prop_oneof![
        Just(Choice::Nothing),
        any::<i64>().prop_map(Choice::One),
        (any::<u8>(), -1e300..1e300).prop_map(|(a, b)| Choice::Two(a, b)),
    ];
    leaf.prop_recursive(3, 6, 1, |inner| {
        (".{0,9}", prop::option::of(inner.prop_map(Box::new)))
            .prop_map(|(text, of)| Choice::Named { text, of })
    })
}

/// Numbers of every length.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0_u32..65).prop_map(|(n, zeros)| n.checked_shr(zeros).unwrap_or(0))
}

fn all() -> impl Strategy<Value = All> {
    let fractions = prop::collection::vec((number(), number()), 0..20);
    let by_name = prop::collection::btree_map(".{0,4}", any::<Option<[u16; 3]>>(), 0..4);
    let numbers = (number(), number(), number(), number(), number());
    let rest = (fractions, any::<char>(), prop::collection::vec(choice(), 0..5), by_name);
    ((any::<bool>(), any::<bool>()), numbers, rest).prop_map(|(truths, n, rest)| All {
        truths: (truths.0, truths.1, Unit),
        whole: (n.0 as u8, n.1 as u16, n.2 as u32, n.3, n.4 as usize),
        signed: (n.1 as i8, n.2 as i16, n.3 as i32, n.4 as i64),
        fractions: rest.0.into_iter().map(|(a, b)| (a as u32, b)).collect(),
        letter: rest.1,
        choices: rest.2,
        by_name: rest.3,
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(all in all(), before in prop::collection::vec(any::<u8>(), 0..3)) {
        let bytes = written(&all);
        prop_assert_eq!(&read::<All>(&bytes), &all);
        // Behind something else it is the same.
        let mut behind = before.clone();
        write(&all, &mut behind).expect("is written");
        prop_assert_eq!(&behind[before.len()..], bytes);
    }

    #[test]
    fn fractions_keep_every_bit(whole in number(), upper in 0_u32..5) {
        let single = f32::from_bits(whole as u32 & u32::MAX.checked_shl(8 * upper).unwrap_or(0));
        let double = f64::from_bits(whole << (12 * upper));
        let (a, b) = read::<(f32, f64)>(&written(&(single, double)));
        prop_assert_eq!((a.to_bits(), b.to_bits()), (single.to_bits(), double.to_bits()));
    }

    #[test]
    fn what_was_cut_off_or_spoiled_is_refused_or_read_and_never_more(
        all in all(),
        cut in any::<prop::sample::Index>(),
        spoilt in any::<prop::sample::Index>(),
        by in 1_u8..,
    ) {
        let mut bytes = written(&all);
        prop_assert!(from_bytes::<All>(&bytes[..cut.index(bytes.len())]).is_err());
        let place = spoilt.index(bytes.len());
        bytes[place] ^= by;
        let _ = from_bytes::<All>(&bytes);
    }
}

#[test]
fn nothing_takes_next_to_no_room() {
    for (bytes, most) in [
        (written(&vec![0_u64; 40]), 12),
        (written(&vec![false; 80]), 12),
        (written(&[1.0_f32; 4]), 9),
        (written(&(None::<u32>, Some(7_u8), "", -0.0_f32)), 5),
        // A time.
        (written(&1_772_438_400_000_i64), 7),
    ] {
        assert!(bytes.len() <= most, "{} bytes", bytes.len());
    }
}

#[test]
fn what_no_writer_wrote_is_refused() {
    assert_eq!(from_bytes::<u8>(&[]), Err(TerseError::Ends));
    assert_eq!(from_bytes::<u8>(&[0, 0]), Err(TerseError::LeftOver(1)));
    // The fourth form of a number of 16 bits.
    assert_eq!(from_bytes::<u16>(&[3, 1, 1]), Err(TerseError::Form));
    assert_eq!(from_bytes::<String>(&[1, 1, 0xFF]), Err(TerseError::Text));
    assert_eq!(from_bytes::<char>(&[3, 0, 0xD8, 0, 0]), Err(TerseError::Text));
    assert!(from_bytes::<Vec<u64>>(&[3, 0xFF, 0xFF, 0xFF, 0xFF]).is_err());
    assert!(matches!(from_bytes::<Choice>(&[1, 9]), Err(TerseError::Content(_))));
    assert_eq!(from_bytes::<serde_json::Value>(&[1]), Err(TerseError::Untold));
}
