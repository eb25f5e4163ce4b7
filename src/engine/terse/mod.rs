//! How what is remembered is written to be kept: most of it is nothing, so nothing takes next to no
//! room.
//!
//! In: anything serde writes whose reader knows its type. Out: bytes without names, types or
//! ends. Each number is preceded by one or two bits that say how many bytes it takes, none where
//! it is zero; bits stand in bytes of their own, each where the first of its bits was wanted.
//! Truths and whether there is something are a bit and nothing else.

mod plain;
mod read;
mod write;

pub use plain::append_plain;
pub use read::from_bytes;
pub use write::write;

/// Why something was not written or read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TerseError {
    #[error("it ends too soon")]
    Ends,
    #[error("{0} bytes are left over")]
    LeftOver(usize),
    #[error("a number is in a form of which there is none")]
    Form,
    #[error("a number is too large for its type")]
    TooLarge,
    #[error("a text is not UTF-8")]
    Text,
    #[error("a list's length was not known when it began")]
    Unsized,
    #[error("this form does not tell its reader what it holds")]
    Untold,
    #[error("{0}")]
    Content(String),
}

impl serde::ser::Error for TerseError {
    fn custom<T: std::fmt::Display>(told: T) -> Self {
        Self::Content(told.to_string())
    }
}

impl serde::de::Error for TerseError {
    fn custom<T: std::fmt::Display>(told: T) -> Self {
        Self::Content(told.to_string())
    }
}

/// What is wrong with bytes that were kept.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum FormError {
    Terse(#[from] TerseError),
    Postcard(#[from] postcard::Error),
}

/// How many bytes a number may take, by the two bits before it.
struct Sizes {
    of: [u8; 4],
    /// The two bits for a number of so many bytes.
    form: [u8; 9],
}

impl Sizes {
    const fn new(of: [u8; 4]) -> Self {
        let (mut form, mut bytes) = ([3; 9], 9);
        while bytes > 0 {
            bytes -= 1;
            let mut one = 4;
            while one > 0 {
                one -= 1;
                if of[one] as usize >= bytes {
                    form[bytes] = one as u8;
                }
            }
        }
        Self { of, form }
    }
}

/// A number of 16 bits has three forms.
const OF_16: &Sizes = &Sizes::new([0, 1, 2, 2]);
const OF_32: &Sizes = &Sizes::new([0, 1, 2, 4]);
/// A time in milliseconds takes six.
const OF_64: &Sizes = &Sizes::new([0, 2, 6, 8]);
/// The upper bytes of a fraction; the others are zero.
const OF_F32: &Sizes = &Sizes::new([0, 2, 3, 4]);
const OF_F64: &Sizes = &Sizes::new([0, 3, 6, 8]);

#[cfg(test)]
mod tests;
