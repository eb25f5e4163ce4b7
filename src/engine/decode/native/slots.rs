//! One pass over a record: the contract's fields as they stand, in any order, a
//! repeated one noted, everything else checked and left behind.

use smallvec::SmallVec;

use super::super::{
    Refusal, SUBJECTS_MAX, Str,
    json::{Cursor, Fault, Scalar, Span},
    number::integer_text,
};
use crate::engine::model::Kind;

/// An object of the contract, as it stood.
#[derive(Debug, Default)]
pub enum Part<T> {
    #[default]
    Absent,
    Null,
    /// There, but no object.
    Wrong,
    Present(T),
}

#[derive(Debug, Default)]
pub struct ActorSlots {
    pub id: Span,
    pub role: Span,
    pub unit: Span,
    pub kind: Span,
}

#[derive(Debug, Default)]
pub struct EndpointSlots {
    pub ip: Span,
    pub host: Span,
    pub site: Span,
    pub port: Span,
}

#[derive(Debug, Default)]
pub struct ResourceSlots<'a> {
    pub dataset: Span,
    pub category: Span,
    pub record: Span,
    pub subject: Subjects<'a>,
    pub subjects: Subjects<'a>,
}

/// One identifier or an array of them.
#[derive(Debug, Default)]
pub struct Subjects<'a> {
    pub kept: SmallVec<[Str<'a>; 1]>,
    pub total: u32,
    pub seen: bool,
    /// Something in it was neither text nor an integer.
    pub wrong: bool,
}

/// Keys at the top of a record that tell its format.
#[derive(Clone, Copy, Debug, Default)]
pub struct Marks {
    pub class_uid: bool,
    pub event_name: bool,
    pub event_source: bool,
    pub zeek_uid: bool,
    pub zeek_origin: bool,
}

/// Every field of the contract, unread.
#[derive(Debug, Default)]
pub struct Slots<'a> {
    /// What the spans point into.
    pub record: &'a str,
    pub marks: Marks,
    /// A field stands there twice. Only the last is kept.
    pub repeats: bool,
    pub kind: Span,
    pub id: Span,
    pub time: Span,
    pub actor: Part<ActorSlots>,
    pub session: Span,
    pub source: Part<EndpointSlots>,
    pub destination: Part<EndpointSlots>,
    pub system: Span,
    pub action: Span,
    pub outcome: Span,
    pub verdict: Span,
    pub resource: Part<ResourceSlots<'a>>,
    pub records: Span,
    pub bytes: Span,
    pub case: Span,
    pub purpose: Span,
    pub query: Span,
    pub note: Span,
    pub user_agent: Span,
    pub mfa: Span,
    pub duration_ms: Span,
    pub protocol: Span,
    pub application: Span,
    pub bytes_out: Span,
    pub bytes_in: Span,
    pub packets_out: Span,
    pub packets_in: Span,
}

impl Slots<'_> {
    /// `kind` is there, whatever it says.
    pub fn has_kind(&self) -> bool {
        !matches!(self.kind.read(self.record), Scalar::Absent | Scalar::Null)
    }

    /// `kind` is one of the contract's.
    pub fn names_a_kind(&self) -> bool {
        matches!(self.kind.read(self.record), Scalar::Text(word) if Kind::ALL.iter().any(|kind| kind.name() == word.text()))
    }
}

/// Fills `slots` from `text`. Fails on what is not one JSON object.
pub fn extract<'a>(text: &'a str, slots: &mut Slots<'a>) -> Result<(), Refusal> {
    slots.record = text;
    let mut cursor = Cursor::new(text);
    if cursor.peek()? != b'{' {
        cursor.skip()?;
        cursor.finish()?;
        return Err(Refusal::NotAnObject);
    }
    cursor.object(|cursor, key| {
        let key = cursor.key(key);
        match key.as_plain() {
            Some(key) => top(cursor, key, slots),
            None => top(cursor, &key.text(), slots),
        }
    })?;
    slots.repeats = cursor.repeats();
    Ok(cursor.finish()?)
}

fn top<'a>(cursor: &mut Cursor<'a>, key: &str, slots: &mut Slots<'a>) -> Result<(), Fault> {
    // By length first: the comparisons that are left are of known size and need no call.
    let slot = match key.len() {
        2 if key == "id" => &mut slots.id,
        3 if key == "mfa" => &mut slots.mfa,
        4 if key == "kind" => &mut slots.kind,
        4 if key == "time" => &mut slots.time,
        4 if key == "case" => &mut slots.case,
        4 if key == "note" => &mut slots.note,
        5 if key == "actor" => return part(cursor, &mut slots.actor, actor),
        5 if key == "bytes" => &mut slots.bytes,
        5 if key == "query" => &mut slots.query,
        6 if key == "source" => return part(cursor, &mut slots.source, endpoint),
        6 if key == "system" => &mut slots.system,
        6 if key == "action" => &mut slots.action,
        7 if key == "session" => &mut slots.session,
        7 if key == "outcome" => &mut slots.outcome,
        7 if key == "records" => &mut slots.records,
        7 if key == "purpose" => &mut slots.purpose,
        7 if key == "verdict" => &mut slots.verdict,
        8 if key == "resource" => return part(cursor, &mut slots.resource, resource),
        8 if key == "protocol" => &mut slots.protocol,
        8 if key == "bytes_in" => &mut slots.bytes_in,
        9 if key == "bytes_out" => &mut slots.bytes_out,
        10 if key == "user_agent" => &mut slots.user_agent,
        10 if key == "packets_in" => &mut slots.packets_in,
        11 if key == "destination" => return part(cursor, &mut slots.destination, endpoint),
        11 if key == "duration_ms" => &mut slots.duration_ms,
        11 if key == "application" => &mut slots.application,
        11 if key == "packets_out" => &mut slots.packets_out,
        _ => {
            mark(key, &mut slots.marks);
            return cursor.skip();
        }
    };
    fill(cursor, slot)
}

fn mark(key: &str, marks: &mut Marks) {
    match key {
        "class_uid" => marks.class_uid = true,
        "eventName" => marks.event_name = true,
        "eventSource" => marks.event_source = true,
        "uid" => marks.zeek_uid = true,
        "id.orig_h" => marks.zeek_origin = true,
        _ => {}
    }
}

#[inline(always)]
fn fill(cursor: &mut Cursor<'_>, slot: &mut Span) -> Result<(), Fault> {
    if !slot.is_absent() {
        cursor.note_repeat();
    }
    *slot = cursor.span()?;
    Ok(())
}

/// Reads an object member by member.
fn part<'a, T: Default>(
    cursor: &mut Cursor<'a>,
    slot: &mut Part<T>,
    member: impl Fn(&mut Cursor<'a>, &str, &mut T) -> Result<(), Fault>,
) -> Result<(), Fault> {
    if !matches!(slot, Part::Absent) {
        cursor.note_repeat();
    }
    if cursor.peek()? != b'{' {
        *slot = match cursor.scalar()? {
            Scalar::Null => Part::Null,
            _ => Part::Wrong,
        };
        return Ok(());
    }
    let mut fields = T::default();
    cursor.object(|cursor, key| {
        let key = cursor.key(key);
        match key.as_plain() {
            Some(key) => member(cursor, key, &mut fields),
            None => member(cursor, &key.text(), &mut fields),
        }
    })?;
    *slot = Part::Present(fields);
    Ok(())
}

fn actor<'a>(cursor: &mut Cursor<'a>, key: &str, slots: &mut ActorSlots) -> Result<(), Fault> {
    let slot = match key {
        "id" => &mut slots.id,
        "role" => &mut slots.role,
        "unit" => &mut slots.unit,
        "type" => &mut slots.kind,
        _ => return cursor.skip(),
    };
    fill(cursor, slot)
}

fn endpoint<'a>(
    cursor: &mut Cursor<'a>,
    key: &str,
    slots: &mut EndpointSlots,
) -> Result<(), Fault> {
    let slot = match key {
        "ip" => &mut slots.ip,
        "host" => &mut slots.host,
        "site" => &mut slots.site,
        "port" => &mut slots.port,
        _ => return cursor.skip(),
    };
    fill(cursor, slot)
}

fn resource<'a>(
    cursor: &mut Cursor<'a>,
    key: &str,
    slots: &mut ResourceSlots<'a>,
) -> Result<(), Fault> {
    let slot = match key {
        "dataset" => &mut slots.dataset,
        "category" => &mut slots.category,
        "record" => &mut slots.record,
        "subject" => return subjects(cursor, &mut slots.subject),
        "subjects" => return subjects(cursor, &mut slots.subjects),
        _ => return cursor.skip(),
    };
    fill(cursor, slot)
}

fn subjects<'a>(cursor: &mut Cursor<'a>, slot: &mut Subjects<'a>) -> Result<(), Fault> {
    if slot.seen {
        cursor.note_repeat();
    }
    let mut found = Subjects { seen: true, ..Subjects::default() };
    if cursor.peek()? == b'[' {
        cursor.array(|cursor| {
            let element = cursor.scalar()?;
            found.push(element);
            Ok(())
        })?;
    } else {
        found.push(cursor.scalar()?);
    }
    *slot = found;
    Ok(())
}

impl<'a> Subjects<'a> {
    /// Nulls and empty texts name nobody and are not counted.
    fn push(&mut self, scalar: Scalar<'a>) {
        let subject = match scalar {
            Scalar::Absent | Scalar::Null => return,
            Scalar::Text(text) if text.is_empty() => return,
            Scalar::Text(text) => Some(text.text()),
            Scalar::Number(number) => integer_text(number),
            Scalar::Bool(_) | Scalar::Container => None,
        };
        let Some(subject) = subject else {
            self.wrong = true;
            return;
        };
        self.total = self.total.saturating_add(1);
        if self.kept.len() < SUBJECTS_MAX {
            self.kept.push(subject);
        }
    }
}
