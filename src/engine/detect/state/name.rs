//! Names as tables keep them.

/// Longest name kept within the row.
const SHORT_MAX: usize = 30;

/// A name. Short ones stand in the row itself: comparing them touches no other memory, and a
/// million of them are no million allocations.
#[derive(Debug)]
pub(super) enum Name {
    Short { length: u8, bytes: [u8; SHORT_MAX] },
    Long(Box<str>),
}

impl Name {
    pub fn new(name: &str) -> Self {
        let mut bytes = [0; SHORT_MAX];
        match bytes.get_mut(..name.len()) {
            Some(place) => {
                place.copy_from_slice(name.as_bytes());
                Self::Short { length: name.len() as u8, bytes }
            }
            None => Self::Long(name.into()),
        }
    }

    pub fn is(&self, name: &str) -> bool {
        self.bytes() == name.as_bytes()
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::Long(name) => name,
            // Always UTF-8: it was a whole text that was put there.
            Self::Short { .. } => std::str::from_utf8(self.bytes()).unwrap_or_default(),
        }
    }

    pub fn into_boxed(self) -> Box<str> {
        match self {
            Self::Long(name) => name,
            Self::Short { .. } => self.as_str().into(),
        }
    }

    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Long(name) => name.len(),
            Self::Short { .. } => 0,
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Short { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Self::Long(name) => name.as_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_names_come_back_as_they_were() {
        for name in ["", "off-1", "é".repeat(15).as_str(), &"x".repeat(30), &"x".repeat(31)] {
            let kept = Name::new(name);
            assert_eq!(kept.as_str(), name);
            assert!(kept.is(name) && !kept.is("other"));
            assert_eq!(kept.heap_bytes(), if name.len() > SHORT_MAX { name.len() } else { 0 });
            assert_eq!(&*kept.into_boxed(), name);
        }
        assert_eq!(size_of::<Name>(), 32);
    }
}
