//! The cursor against JSON as RFC 8259 has it.

use super::*;

/// Reads one value both ways; says what the cursor made of it.
fn check(text: &str, expected: &str) {
    let mut cursor = Cursor::new(text);
    let read = cursor.scalar().and_then(|scalar| cursor.finish().map(|()| scalar));
    let theirs = serde_json::from_str::<serde_json::Value>(text);
    let shown = match &read {
        Ok(Scalar::Text(text)) => format!("Text({:?})", text.text()),
        Ok(scalar) => format!("{scalar:?}"),
        Err(fault) => Refusal::from(*fault).label().to_owned(),
    };
    assert_eq!(shown, expected, "{text}");
    if read != Err(Fault::TooDeep) {
        assert_eq!(read.is_ok(), theirs.is_ok(), "{text}");
    }
}

#[test]
fn reads_scalars() {
    check(" true ", "Bool(true)");
    check("false", "Bool(false)");
    check("null", "Null");
    check("-12.5e+3", r#"Number("-12.5e+3")"#);
    check("0", r#"Number("0")"#);
    check(r#""plain and long enough""#, r#"Text("plain and long enough")"#);
    check("[1,{\"a\":[]}]", "Container");
    check("{}", "Container");
}

#[test]
fn unescapes() {
    check(r#""\"\\\/\b\f\n\r\t""#, r#"Text("\"\\/\u{8}\u{c}\n\r\t")"#);
    check(r#""a\u00e9\ud83d\ude00z""#, r#"Text("aé😀z")"#);
    check(r#""\ud83d""#, "not_json");
    check(r#""\ude00\ud83d""#, "not_json");
    check(r#""\ud83d\u0041""#, "not_json");
    check(r#""\u00g0""#, "not_json");
    check(r#""\x41""#, "not_json");
    check("\"line\nbreak\"", "not_json");
    check("\"\u{7f}\"", "Text(\"\\u{7f}\")");
}

#[test]
fn refuses_what_is_not_json() {
    for text in [
        "",
        " ",
        "tru",
        "truex",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "1e400",
        "-1e999",
        "[1,]",
        "[,1]",
        "{\"a\":1,}",
        "{\"a\"}",
        "{a:1}",
        "{\"a\":1 \"b\":2}",
        "[1 2]",
        "\"a",
        "1 2",
        "NaN",
        "[",
        "{",
        "{\"a\":",
        "'a'",
        "\u{feff}1",
        "\u{a0}1",
    ] {
        check(text, "not_json");
    }
    check("0e999", r#"Number("0e999")"#);
}

#[test]
fn caps_depth() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    check(&nested(64), "Container");
    check(&nested(65), "too_deep");
    check(&nested(120), "too_deep");
}

#[test]
fn finds_specials_at_every_offset() {
    for length in 0..40 {
        for place in 0..length {
            for special in [b'"', b'\\', 0x00, 0x1f, b'\n'] {
                for filler in [b'a', 0x20, 0x7f, 0x80, 0xff, b'#', b'!', b']', b'['] {
                    let mut bytes = vec![filler; length];
                    bytes[place] = special;
                    assert_eq!(find_special(&bytes, 0), place);
                }
            }
        }
        assert_eq!(find_special(&vec![b'x'; length], 0), length);
    }
}
