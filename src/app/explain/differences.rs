//! Whether two findings are the same, field by field.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::engine::model::Finding;

/// A field that is not what was recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    pub field: String,
    pub recorded: Value,
    pub again: Value,
}

/// Fields whose bytes differ, by name; what one of them does not have is null there. Both are
/// compared as they read back from the wire, where the recorded one comes from.
pub fn differences(recorded: &Finding, again: &Finding) -> serde_json::Result<Vec<Difference>> {
    let fields = |finding: &Finding| -> serde_json::Result<Map<String, Value>> {
        let read: Finding = serde_json::from_slice(&serde_json::to_vec(finding)?)?;
        Ok(match serde_json::to_value(read)? {
            Value::Object(fields) => fields,
            other => Map::from_iter([("finding".to_owned(), other)]),
        })
    };
    let (recorded, again) = (fields(recorded)?, fields(again)?);
    let names: BTreeSet<&String> = recorded.keys().chain(again.keys()).collect();
    let of = |fields: &Map<String, Value>, name: &String| fields.get(name).cloned();
    let pairs = names.into_iter().map(|field| Difference {
        field: field.clone(),
        recorded: of(&recorded, field).unwrap_or_default(),
        again: of(&again, field).unwrap_or_default(),
    });
    Ok(pairs.filter(|pair| pair.recorded != pair.again).collect())
}
