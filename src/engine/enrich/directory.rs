//! The directory: who actors are, who has left, and which subjects are watched over.

use hashbrown::{HashMap, HashSet};
use serde::Deserialize;

use super::Pseudonyms;
use crate::engine::model::{ActorType, EventTime, Problems, SubjectToken};

/// Entries a directory may list, of each kind.
pub const ENTRIES_MAX: usize = 2_000_000;

/// What is known of an actor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectoryActor {
    pub role: Option<Box<str>>,
    pub unit: Option<Box<str>>,
    pub kind: Option<ActorType>,
    /// Since when the account should be silent.
    pub left: Option<EventTime>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    actor: Vec<ActorRow>,
    #[serde(default)]
    protected: Vec<SubjectRow>,
    #[serde(default)]
    canary: Vec<SubjectRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActorRow {
    id: String,
    role: Option<Box<str>>,
    unit: Option<Box<str>>,
    #[serde(rename = "type")]
    kind: Option<String>,
    left: Option<EventTime>,
    /// The records that are about this person.
    #[serde(default)]
    subjects: Vec<String>,
}

/// `reason` and `note` are for the people who keep the file; only the token is kept here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectRow {
    subject: String,
    #[serde(default, rename = "reason", alias = "note")]
    _reason: String,
}

type Hasher = foldhash::fast::RandomState;

/// Look-up of actors by id and of watched-over subjects by token. Raw subject identifiers are
/// turned into tokens while it is read, and forgotten.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    actors: HashMap<Box<str>, DirectoryActor, Hasher>,
    protected: HashSet<SubjectToken, Hasher>,
    canaries: HashSet<SubjectToken, Hasher>,
    /// Whom a record is about, where that is an actor.
    staff: HashMap<SubjectToken, Box<str>, Hasher>,
}

impl Directory {
    /// Reads a directory file's text (TOML: `[[actor]]`, `[[protected]]`, `[[canary]]`).
    pub fn parse(text: &str, pseudonyms: &Pseudonyms) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let file: File = match toml::from_str(text) {
            Ok(file) => file,
            Err(error) => {
                problems.add("directory", toml_problem(text, &error));
                return Err(problems);
            }
        };
        let mut directory = Self::default();
        for (key, length) in [
            ("actor", file.actor.len()),
            ("protected", file.protected.len()),
            ("canary", file.canary.len()),
        ] {
            problems.require(length <= ENTRIES_MAX, key, || {
                format!("at most {ENTRIES_MAX} entries, got {length}")
            });
        }
        for (i, row) in file.actor.into_iter().enumerate() {
            let kind = actor_type(row.kind.as_deref(), i, &mut problems);
            problems.require(!row.id.is_empty(), &format!("actor[{i}].id"), || {
                "must not be empty".into()
            });
            let about = (row.subjects, row.id.clone());
            let entry = DirectoryActor { role: row.role, unit: row.unit, kind, left: row.left };
            if directory.actors.insert(row.id.into_boxed_str(), entry).is_some() {
                problems.add(format!("actor[{i}].id"), "is listed twice");
            }
            let (subjects, id) = about;
            for subject in subjects {
                let token = pseudonyms.subject(&subject);
                if directory.staff.insert(token, id.as_str().into()).is_some_and(|was| *was != *id)
                {
                    problems.add(format!("actor[{i}].subjects"), "one is another actor's too");
                }
            }
        }
        problems.require(directory.staff.len() <= ENTRIES_MAX, "actor.subjects", || {
            format!("at most {ENTRIES_MAX} entries, got {}", directory.staff.len())
        });
        for row in file.protected {
            directory.protected.insert(pseudonyms.subject(&row.subject));
        }
        for row in file.canary {
            directory.canaries.insert(pseudonyms.subject(&row.subject));
        }
        problems.into_result()?;
        Ok(directory)
    }

    pub fn actor(&self, id: &str) -> Option<&DirectoryActor> {
        self.actors.get(id)
    }

    pub fn is_protected(&self, token: SubjectToken) -> bool {
        self.protected.contains(&token)
    }

    pub fn is_canary(&self, token: SubjectToken) -> bool {
        self.canaries.contains(&token)
    }

    /// The actor whom a record is about.
    pub fn staff(&self, token: SubjectToken) -> Option<&str> {
        self.staff.get(&token).map(|id| &**id)
    }

    /// True where no subject is watched over, so that look-ups can be passed over.
    pub fn watches_nobody(&self) -> bool {
        self.protected.is_empty() && self.canaries.is_empty() && self.staff.is_empty()
    }

    /// Actors, protected subjects, canaries.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.actors.len(), self.protected.len(), self.canaries.len())
    }
}

fn actor_type(word: Option<&str>, i: usize, problems: &mut Problems) -> Option<ActorType> {
    match word {
        None => None,
        Some("person") => Some(ActorType::Person),
        Some("service") => Some(ActorType::Service),
        Some("partner") => Some(ActorType::Partner),
        Some(other) => {
            problems.add(
                format!("actor[{i}].type"),
                format!("must be person, service or partner, got `{other}`"),
            );
            None
        }
    }
}

/// The line, and what is wrong there, without quoting the file: it may name people.
pub(super) fn toml_problem(text: &str, error: &toml::de::Error) -> String {
    // `invalid type: string "…", expected …` quotes the value: only what was expected is told.
    let said = error.message();
    let quotes = said.starts_with("invalid type") || said.starts_with("invalid value");
    let expected = said.rsplit_once(", expected ").filter(|_| quotes);
    let message =
        expected.map_or_else(|| said.to_owned(), |(_, e)| format!("wrong value, expected {e}"));
    let line = |start: usize| text[..start.min(text.len())].matches('\n').count() + 1;
    match error.span() {
        Some(span) => format!("line {}: {message}", line(span.start)),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_tokens_and_not_identifiers() {
        let pseudonyms = Pseudonyms::new(b"k");
        let text = "[[actor]]\nid=\"off-1\"\nrole=\"border_officer\"\nleft=\"2026-02-14T00:00:00Z\"\n[[protected]]\nsubject=\"T-900001\"\nreason=\"public figure\"\n[[canary]]\nsubject=\"T-777000\"\n[[actor]]\nid=\"off-2\"\nsubjects=[\"T-955120\"]\n";
        let directory = Directory::parse(text, &pseudonyms).expect("valid");
        assert!(directory.is_protected(pseudonyms.subject("t-900001")));
        assert!(directory.is_canary(pseudonyms.subject("T-777000")));
        assert_eq!(directory.staff(pseudonyms.subject("T-955120")), Some("off-2"));
        assert!(directory.actor("off-1").is_some_and(|a| a.left.is_some()));
        assert!(!format!("{directory:?}").contains("T-9"));
    }

    #[test]
    fn a_mistyped_line_is_named_without_its_value() {
        let text = "[[canary]]\nsubject = 777000\n";
        let problems = Directory::parse(text, &Pseudonyms::new(b"k")).expect_err("a number");
        assert_eq!(problems.to_string(), "directory: line 2: wrong value, expected a string");
    }

    #[test]
    fn names_every_mistake_at_once() {
        let text = "[[actor]]\nid=\"a\"\nsubjects=[\"T-1\"]\ntype=\"robot\"\n[[actor]]\nid=\"a\"\n[[actor]]\nid=\"\"\nsubjects=[\"T-1\"]\n";
        let problems = Directory::parse(text, &Pseudonyms::new(b"k")).expect_err("three mistakes");
        assert_eq!(
            problems.to_string(),
            "actor[0].type: must be person, service or partner, got `robot`\nactor[1].id: is listed twice\nactor[2].id: must not be empty\nactor[2].subjects: one is another actor's too"
        );
    }
}
