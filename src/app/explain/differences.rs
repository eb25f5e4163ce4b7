//! Whether two findings are the same, field by field.

use serde_json::Value;

use crate::engine::model::Finding;

/// A field that is not what was recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    pub field: String,
    pub recorded: Value,
    pub again: Value,
}

/// Fields whose bytes differ, in the order of the wire. Both are compared as they read back from
/// the wire, where the recorded one comes from.
pub fn differences(recorded: &Finding, again: &Finding) -> serde_json::Result<Vec<Difference>> {
    let fields = |finding: &Finding| -> serde_json::Result<Vec<(String, Value)>> {
        let read: Finding = serde_json::from_slice(&serde_json::to_vec(finding)?)?;
        Ok(match serde_json::to_value(read)? {
            Value::Object(fields) => fields.into_iter().collect(),
            other => vec![("finding".to_owned(), other)],
        })
    };
    let pairs = fields(recorded)?.into_iter().zip(fields(again)?);
    Ok(pairs
        .filter(|(recorded, again)| recorded != again)
        .map(|((field, recorded), (_, again))| Difference { field, recorded, again })
        .collect())
}
