//! How a rule reaches the fields of an event, whatever the event is.

use serde_json::Value as Json;
use smallvec::SmallVec;

use super::{slot::Slot, value::Value};

/// What rules can ask of an event.
pub trait Fields {
    /// What is at `field`; a field is worked out once, when rules are loaded.
    fn value(&self, field: &Field) -> Value<'_>;

    /// Visits every text of the event, numbers and truths as text included, until `visit` says
    /// true; says whether it did. For keywords.
    fn each_text(&self, visit: &mut dyn FnMut(&str) -> bool) -> bool;
}

/// A field that some rule names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    name: Box<str>,
    /// Its place in a normalised event; `None`: looked up in the raw record.
    slot: Option<Slot>,
}

impl Field {
    /// A field of the raw record, by its dotted path.
    pub fn raw(name: &str) -> Self {
        Self { name: name.into(), slot: None }
    }

    /// A normalised field where there is one of this name, else one of the raw record.
    pub fn normalised(name: &str) -> Self {
        Self { name: name.into(), slot: Slot::named(name) }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn slot(&self) -> Option<Slot> {
        self.slot
    }
}

impl Fields for Json {
    fn value(&self, field: &Field) -> Value<'_> {
        find(self, field.name())
    }

    fn each_text(&self, visit: &mut dyn FnMut(&str) -> bool) -> bool {
        each_text(self, &mut String::new(), &|_| false, visit)
    }
}

/// The place a dotted path leads to. Keys may hold dots themselves (Zeek's `id.orig_h`): the
/// longest key that is there is taken first. Lists on the way are gone through.
pub(super) fn find<'v>(json: &'v Json, path: &str) -> Value<'v> {
    // Nearly always there is one place at most, found without collecting.
    if let Json::Object(map) = json {
        if let Some(found) = map.get(path) {
            return Value::of_json(found);
        }
        if !path.contains('.') {
            return Value::Absent;
        }
    }
    let mut places = SmallVec::new();
    collect(json, path, &mut places);
    match places.as_slice() {
        [] => Value::Absent,
        [place] => Value::of_json(place),
        _ => Value::Many(places),
    }
}

fn collect<'v>(json: &'v Json, path: &str, places: &mut SmallVec<[&'v Json; 4]>) {
    match json {
        Json::Array(items) => items.iter().for_each(|item| collect(item, path, places)),
        Json::Object(map) => {
            if let Some(found) = map.get(path) {
                places.push(found);
                return;
            }
            let before = places.len();
            for (dot, _) in path.rmatch_indices('.') {
                if let Some(inner) = map.get(&path[..dot]) {
                    collect(inner, &path[dot + 1..], places);
                    if places.len() > before {
                        return;
                    }
                }
            }
        }
        _ => {}
    }
}

/// Visits the texts of `json` but for what lies under a key that `hidden` names.
pub(super) fn each_text(
    json: &Json,
    buffer: &mut String,
    hidden: &dyn Fn(&str) -> bool,
    visit: &mut dyn FnMut(&str) -> bool,
) -> bool {
    match json {
        Json::Array(items) => items.iter().any(|item| each_text(item, buffer, hidden, visit)),
        Json::Object(map) => {
            map.iter().any(|(key, inner)| !hidden(key) && each_text(inner, buffer, hidden, visit))
        }
        leaf => Value::of_json(leaf).any(&mut |leaf| leaf.as_text(buffer).is_some_and(&mut *visit)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(event: &Json, path: &str, expected: &str) {
        let mut texts = Vec::new();
        let value = event.value(&Field::raw(path));
        value.any(&mut |leaf| {
            texts.push(leaf.as_text(&mut String::new()).unwrap_or("null").to_owned());
            false
        });
        let shown = if value == Value::Absent { "absent".to_owned() } else { texts.join(" ") };
        assert_eq!(shown, expected, "{path}");
    }

    #[test]
    fn follows_dots_in_paths_and_in_keys() {
        let event = json!({"id.orig_h": "h", "a": {"b": {"c": 1}, "d.e": true}, "a.b": {"x": 2}});
        check(&event, "id.orig_h", "h");
        check(&event, "a.b.c", "1");
        check(&event, "a.d.e", "true");
        check(&event, "a.b.x", "2");
        check(&event, "a.b", "");
        check(&event, "a.nil", "absent");
        check(&event, "nil", "absent");
        check(&event, "a.b.c.d", "absent");
    }

    #[test]
    fn goes_through_lists() {
        let event = json!({"a": [{"b": "x"}, {"b": ["y", null]}, {"c": 0}, 5]});
        check(&event, "a.b", "x y null");
        check(&event, "a.c", "0");
        check(&event, "a", "5");
    }

    #[test]
    fn visits_every_text() {
        let event = json!({"a": "x", "b": [1, {"c": false}], "d": null, "e": 1.5});
        let mut texts = Vec::new();
        event.each_text(&mut |text| {
            texts.push(text.to_owned());
            false
        });
        assert_eq!(texts, ["x", "1", "false", "1.5"]);
    }
}
