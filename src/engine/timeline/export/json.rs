//! One JSON object: the incident, and all its lines.

use std::io::{self, Write};

use super::Lines;
use crate::engine::model::Incident;

pub fn write(incident: &Incident, lines: Lines<'_>, to: &mut dyn Write) -> io::Result<()> {
    to.write_all(b"{\"incident\":")?;
    serde_json::to_writer(&mut *to, incident)?;
    to.write_all(b",\"lines\":[")?;
    let mut total = 0_u64;
    for line in lines {
        if total > 0 {
            to.write_all(b",")?;
        }
        serde_json::to_writer(&mut *to, &line?)?;
        total += 1;
    }
    // Known when all are told.
    writeln!(to, "],\"total\":{total}}}")
}
