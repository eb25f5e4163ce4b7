//! One JSON object: the incident, and all its lines.

use std::io::{self, Write};

use serde::Serialize;

use crate::engine::model::Incident;
use crate::engine::timeline::Line;

#[derive(Serialize)]
struct Document<'a> {
    incident: &'a Incident,
    total: usize,
    lines: &'a [Line],
}

pub fn write(incident: &Incident, lines: &[Line], to: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *to, &Document { incident, total: lines.len(), lines })?;
    to.write_all(b"\n")
}
