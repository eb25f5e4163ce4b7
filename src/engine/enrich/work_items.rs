//! Work items: which case is open when, whose it is, and whom it is about.
//!
//! Where they are known, a read is explained by the case it cites only if that case exists, is
//! open at the event's time, is the reader's or the unit's, and concerns every subject that was
//! read. Subjects are tokens from the moment an item is read.

use std::sync::Arc;

use hashbrown::HashMap;
use serde::Deserialize;

use super::Pseudonyms;
use crate::engine::model::{EventTime, Problems, SubjectToken};

/// Items known at once.
pub const ITEMS_MAX: usize = 2_000_000;
/// Officers, units and subjects one item may list, of each.
pub const LISTED_MAX: usize = 10_000;
/// Mistakes told at once.
const TOLD_MAX: usize = 20;

/// One item as it stands in a file's line or in a record.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkItemRecord {
    pub case: String,
    /// Open from this instant on.
    pub from: EventTime,
    /// Until before this one; open still where it is absent.
    #[serde(default)]
    pub to: Option<EventTime>,
    /// Who works on it. Whoever is listed, or belongs to a unit that is.
    #[serde(default)]
    pub officers: Vec<Box<str>>,
    #[serde(default)]
    pub units: Vec<Box<str>>,
    /// Whom it concerns, as the events name them; whomever where it is absent.
    #[serde(default)]
    pub subjects: Option<Vec<String>>,
}

/// The same with tokens for subjects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkItem {
    from: EventTime,
    to: Option<EventTime>,
    officers: Box<[Box<str>]>,
    units: Box<[Box<str>]>,
    /// Sorted.
    subjects: Option<Box<[SubjectToken]>>,
}

/// What a read's case is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// None is cited.
    #[default]
    None,
    /// One is cited, and no work items are known to hold it against.
    Cited,
    /// It explains the read.
    Explains,
    /// No work item has this name.
    Unknown,
    /// It is not open at the event's time.
    NotOpen,
    /// It is neither the reader's nor the unit's.
    NotTheirs,
    /// It does not concern everybody who was read.
    OtherSubject,
}

impl Standing {
    /// Whether the read may pass for one with a case.
    pub const fn is_cased(self) -> bool {
        matches!(self, Self::Cited | Self::Explains)
    }

    /// Why a case that is cited explains nothing, after "the case it cites".
    pub const fn failure(self) -> Option<&'static str> {
        match self {
            Self::None | Self::Cited | Self::Explains => None,
            Self::Unknown => Some("does not exist"),
            Self::NotOpen => Some("is not open then"),
            Self::NotTheirs => Some("is neither this officer's nor the unit's"),
            Self::OtherSubject => Some("does not concern whom they read"),
        }
    }
}

type Hasher = foldhash::fast::RandomState;

/// Look-up by case. Cheap to copy: items are shared.
#[derive(Clone, Debug, Default)]
pub struct WorkItems {
    by_case: HashMap<Box<str>, Arc<WorkItem>, Hasher>,
}

impl WorkItemRecord {
    /// Adds what is wrong with it to `problems`, under `place`. Quotes nothing: it names people.
    pub fn check(&self, place: &str, problems: &mut Problems) {
        let mut require = |ok: bool, field: &str, what: &str| {
            problems.require(ok, &format!("{place}.{field}"), || what.to_owned());
        };
        require(!self.case.trim().is_empty(), "case", "must not be empty");
        require(self.to.is_none_or(|to| to > self.from), "to", "must lie after from");
        let somebody = !self.officers.is_empty() || !self.units.is_empty();
        require(somebody, "officers", "needs officers or units: a case of nobody explains nothing");
        let lengths =
            [self.officers.len(), self.units.len(), self.subjects.as_ref().map_or(0, Vec::len)];
        let few = lengths.iter().all(|&length| length <= LISTED_MAX);
        require(few, "subjects", &format!("at most {LISTED_MAX} officers, units and subjects"));
    }

    /// With tokens in the place of subjects.
    pub fn item(self, pseudonyms: &Pseudonyms) -> (Box<str>, WorkItem) {
        let tokens = self.subjects.map(|subjects| {
            let mut tokens: Vec<SubjectToken> =
                subjects.iter().map(|subject| pseudonyms.subject(subject)).collect();
            tokens.sort_unstable();
            tokens.dedup();
            tokens.into_boxed_slice()
        });
        let item = WorkItem {
            from: self.from,
            to: self.to,
            officers: self.officers.into_boxed_slice(),
            units: self.units.into_boxed_slice(),
            subjects: tokens,
        };
        (self.case.trim().into(), item)
    }
}

impl WorkItem {
    fn standing(
        &self,
        at: EventTime,
        (actor, unit): (&str, &str),
        tokens: &[SubjectToken],
    ) -> Standing {
        let listed = |list: &[Box<str>], name: &str| list.iter().any(|listed| **listed == *name);
        let concerns = |subjects: &[SubjectToken]| {
            tokens.iter().all(|token| subjects.binary_search(token).is_ok())
        };
        if at < self.from || self.to.is_some_and(|to| at >= to) {
            Standing::NotOpen
        } else if !listed(&self.officers, actor) && !listed(&self.units, unit) {
            Standing::NotTheirs
        } else if !self.subjects.as_deref().is_none_or(concerns) {
            Standing::OtherSubject
        } else {
            Standing::Explains
        }
    }
}

impl WorkItems {
    /// Reads a file's text: one JSON object a line. A case that stands twice is what the later
    /// line says.
    pub fn parse(text: &str, pseudonyms: &Pseudonyms) -> Result<Self, Problems> {
        let mut items = Self::default();
        let mut problems = Problems::default();
        let mut told = 0;
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let place = format!("line {number}");
            let mut own = Problems::default();
            match serde_json::from_str::<WorkItemRecord>(line) {
                Ok(record) => {
                    record.check(&place, &mut own);
                    let (case, item) = record.item(pseudonyms);
                    items.put(case, item);
                }
                // The message may quote a name.
                Err(error) => own.add(
                    format!("{place}, column {}", error.column()),
                    "is no work item: needs case, from, officers or units; and to, subjects",
                ),
            }
            if let Err(own) = own.into_result() {
                told += 1;
                own.iter().for_each(|p| problems.add(p.key.clone(), p.message.clone()));
                if told == TOLD_MAX {
                    break;
                }
            }
        }
        problems.require(items.len() <= ITEMS_MAX, "work items", || {
            format!("at most {ITEMS_MAX}, got {}", items.len())
        });
        problems.into_result()?;
        Ok(items)
    }

    /// Adds an item, or what takes its place. False at the cap.
    pub fn put(&mut self, case: Box<str>, item: WorkItem) -> bool {
        if self.by_case.len() >= ITEMS_MAX && !self.by_case.contains_key(&case) {
            return false;
        }
        self.by_case.insert(case, Arc::new(item));
        true
    }

    /// Takes one away.
    pub fn withdraw(&mut self, case: &str) {
        self.by_case.remove(case.trim());
    }

    pub fn len(&self) -> usize {
        self.by_case.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_case.is_empty()
    }

    /// What the case cited on a read of `tokens` by `actor` of `unit` is worth.
    pub fn standing(
        &self,
        case: &str,
        at: EventTime,
        reader: (&str, &str),
        tokens: &[SubjectToken],
    ) -> Standing {
        match self.by_case.get(case.trim()) {
            Some(item) => item.standing(at, reader, tokens),
            None => Standing::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEED: &str = r#"{"case":"C-1","from":"2026-03-02T08:00:00Z","to":"2026-03-02T16:00:00Z","officers":["off-1"],"units":["AMS"],"subjects":["T-1","t-2 "]}
{"case":"C-2","from":"2026-03-02T08:00:00Z","units":["RTM"]}
"#;

    fn check(case: &str, at: &str, reader: (&str, &str), subjects: &[&str], expected: Standing) {
        let pseudonyms = Pseudonyms::new(b"k");
        let items = WorkItems::parse(FEED, &pseudonyms).expect("a feed");
        let tokens: Vec<SubjectToken> = subjects.iter().map(|s| pseudonyms.subject(s)).collect();
        let at = EventTime::parse(at).expect("a time");
        assert_eq!(items.standing(case, at, reader, &tokens), expected, "{case} {reader:?}");
        assert!(!format!("{items:?}").contains("T-"), "subjects are tokens");
    }

    #[test]
    fn each_of_the_four_can_fail() {
        let (noon, off) = ("2026-03-02T12:00:00Z", ("off-1", "LHR"));
        check("C-1", noon, off, &["T-1", "T-2"], Standing::Explains);
        check("C-1", noon, ("off-7", "AMS"), &["T-1"], Standing::Explains);
        check("C-9", noon, off, &["T-1"], Standing::Unknown);
        check("C-1", "2026-03-02T07:59:59Z", off, &["T-1"], Standing::NotOpen);
        check("C-1", "2026-03-02T16:00:00Z", off, &["T-1"], Standing::NotOpen);
        check("C-1", noon, ("off-7", "LHR"), &["T-1"], Standing::NotTheirs);
        check("C-1", noon, ("off-7", ""), &["T-1"], Standing::NotTheirs);
        check("C-1", noon, off, &["T-1", "T-3"], Standing::OtherSubject);
        check("C-2", "2027-01-01T00:00:00Z", ("off-9", "RTM"), &["T-3"], Standing::Explains);
    }

    #[test]
    fn what_is_wrong_is_named_by_line_and_quotes_nobody() {
        let refused = |text: &str| {
            WorkItems::parse(text, &Pseudonyms::new(b"k")).expect_err("refused").to_string()
        };
        let from = r#""from":"2026-03-02T08:00:00Z""#;
        let told = refused(&format!("\n{{\"case\":\"C-1\",{from},\"officers\":\"off-1\"}}"));
        assert!(told.starts_with("line 2, column") && !told.contains("off-1"), "{told}");
        let told = refused(&format!("{{\"case\":\" \",{from}}}"));
        assert!(told.contains("line 1.case: must not be empty"), "{told}");
        assert!(told.contains("line 1.officers: needs officers or units"), "{told}");
        let to =
            format!("{{\"case\":\"C\",{from},\"to\":\"2026-03-01T08:00:00Z\",\"units\":[\"u\"]}}");
        assert_eq!(refused(&to), "line 1.to: must lie after from");
        assert!(refused(&"x\n".repeat(50)).lines().count() <= TOLD_MAX);
    }

    #[test]
    fn the_later_line_counts_and_one_can_be_withdrawn() {
        let pseudonyms = Pseudonyms::new(b"k");
        let again = r#"{"case":"C-1","from":"2026-03-03T08:00:00Z","units":["AMS"]}"#;
        let mut items = WorkItems::parse(&format!("{FEED}{again}"), &pseudonyms).expect("a feed");
        assert_eq!(items.len(), 2);
        let at = EventTime::parse("2026-03-02T12:00:00Z").expect("a time");
        assert_eq!(items.standing("C-1", at, ("a", "AMS"), &[]), Standing::NotOpen);
        items.withdraw("C-1");
        assert_eq!(items.standing("C-1", at, ("a", "AMS"), &[]), Standing::Unknown);
    }
}
