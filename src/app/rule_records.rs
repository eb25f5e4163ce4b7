//! Raw records for work on rules: `{id, product, service, categories, event}`, a JSON object a
//! line; or the event alone, whose source is then told by what it holds.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::engine::detect::rules::LogSource;
use crate::engine::model::EventTime;

/// One record and where it says it comes from.
#[derive(Debug)]
pub struct RawRecord {
    pub id: String,
    pub product: Option<String>,
    pub service: Option<String>,
    pub categories: Vec<String>,
    pub event: Json,
}

#[derive(Deserialize)]
struct Wrapped<'l> {
    id: Option<Json>,
    #[serde(default, borrow)]
    product: Option<Cow<'l, str>>,
    #[serde(default, borrow)]
    service: Option<Cow<'l, str>>,
    #[serde(default, borrow)]
    categories: Option<Vec<Cow<'l, str>>>,
    event: Json,
}

/// All that a wrapped record has.
const WRAPPING: [&str; 5] = ["id", "product", "service", "categories", "event"];

impl RawRecord {
    /// Reads one line, which stands at `line` of its file. An id may be a number, and without one
    /// the line serves.
    pub fn parse(text: &[u8], line: u64) -> Result<Self, serde_json::Error> {
        let wrapped = serde_json::from_slice::<Wrapped<'_>>(text);
        let fault = match wrapped {
            Ok(wrapped) if wrapped.event.is_object() => {
                let lower = |word: Cow<'_, str>| word.to_lowercase();
                return Ok(Self {
                    id: shown_id(wrapped.id.as_ref(), line),
                    product: wrapped.product.map(lower),
                    service: wrapped.service.map(lower),
                    categories: wrapped.categories.into_iter().flatten().map(lower).collect(),
                    event: wrapped.event,
                });
            }
            Ok(_) => None,
            Err(fault) => Some(fault),
        };
        let event: Json = serde_json::from_slice(text)?;
        if !event.is_object() {
            return Err(serde::de::Error::custom("a record must be a JSON object"));
        }
        // Taken for an event with no source it would match nothing, and nobody would hear of it.
        let is_wrapping = |map: &serde_json::Map<String, Json>| {
            map.get("event").is_some_and(Json::is_object)
                && map.keys().all(|key| WRAPPING.contains(&key.as_str()))
        };
        match fault {
            Some(fault) if event.as_object().is_some_and(is_wrapping) => Err(fault),
            _ => Ok(Self::bare(event, line)),
        }
    }

    fn bare(event: Json, line: u64) -> Self {
        let has = |field: &str| event.get(field).is_some();
        let (product, service, categories): (_, _, &[&str]) =
            if has("eventName") && has("eventSource") {
                (Some("aws"), Some("cloudtrail"), &[])
            } else if has("uid") && has("id.orig_h") {
                (Some("zeek"), Some("conn"), &["network", "network_connection"])
            } else if let Some(kind) = event.get("kind").and_then(Json::as_str) {
                (
                    Some("tidewaiter"),
                    None,
                    match kind {
                        "access" => &["access"],
                        "auth" => &["auth"],
                        _ => &["network"],
                    },
                )
            } else {
                (None, None, &[])
            };
        let id = ["id", "eventID", "uid"].into_iter().find_map(|key| event.get(key));
        Self {
            id: shown_id(id, line),
            product: product.map(str::to_owned),
            service: service.map(str::to_owned),
            categories: categories.iter().map(|&category| category.to_owned()).collect(),
            event,
        }
    }

    pub fn source(&self) -> LogSource<'_> {
        LogSource {
            product: self.product.as_deref(),
            service: self.service.as_deref(),
            categories: self.categories.iter().map(String::as_str).collect(),
        }
    }

    /// When it happened: the first of the usual fields that holds a time. Numbers are
    /// milliseconds from a hundred thousand million up, seconds below.
    pub fn time(&self) -> Option<EventTime> {
        const FIELDS: [&str; 9] = [
            "eventTime",
            "time",
            "ts",
            "@timestamp",
            "timestamp",
            "TimeCreated",
            "UtcTime",
            "SystemTime",
            "date",
        ];
        FIELDS.into_iter().find_map(|field| instant(self.event.get(field)?))
    }
}

fn shown_id(id: Option<&Json>, line: u64) -> String {
    match id {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Number(number)) => number.to_string(),
        _ => format!("line {line}"),
    }
}

fn instant(value: &Json) -> Option<EventTime> {
    const MILLIS_FROM: f64 = 1e11;
    let of_number = |number: f64| match number.abs() >= MILLIS_FROM {
        true => EventTime::from_millis(number as i64).ok(),
        false => EventTime::from_seconds(number).ok(),
    };
    match value {
        Json::Number(number) => of_number(number.as_f64()?),
        // Without a zone it counts as UTC.
        Json::String(text) => EventTime::parse(text)
            .or_else(|_| EventTime::parse(&format!("{text}Z")))
            .ok()
            .or_else(|| of_number(text.parse().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<(&str, Option<&str>, &[&str])>) {
        let record = RawRecord::parse(line.as_bytes(), 7);
        let found = record.as_ref().ok().map(|record| {
            let categories = record.categories.iter().map(String::as_str).collect::<Vec<_>>();
            (record.id.as_str(), record.product.as_deref(), categories)
        });
        let expected = expected.map(|(id, product, categories)| (id, product, categories.to_vec()));
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn reads_records_in_their_wrapping() {
        let all = r#"{"id":"a","product":"AWS","service":null,"categories":["X"],"event":{}}"#;
        check(all, Some(("a", Some("aws"), &["x"])));
        check(r#"{"id":5,"product":"aws","event":{}}"#, Some(("5", Some("aws"), &[])));
        check(
            r#"{"product":"aws","categories":null,"event":{}}"#,
            Some(("line 7", Some("aws"), &[])),
        );
        check(r#"{"id":null,"event":{"kind":"access"}}"#, Some(("line 7", None, &[])));
    }

    #[test]
    fn a_wrapping_with_a_fault_is_no_event() {
        check(r#"{"id":"a","product":5,"event":{}}"#, None);
        check(r#"{"id":"a","product":"aws","categories":"x","event":{}}"#, None);
        for line in ["[]", "5", "null", "\"a\"", "[{\"kind\":\"access\"}]"] {
            check(line, None);
        }
    }

    #[test]
    fn reads_events_alone() {
        check(r#"{"kind":"access","id":"a"}"#, Some(("a", Some("tidewaiter"), &["access"])));
        check(
            r#"{"event":{"kind":"x"},"service":{"name":"s"},"host":1}"#,
            Some(("line 7", None, &[])),
        );
        check(r#"{"id":"a","event":"e"}"#, Some(("a", None, &[])));
    }
}
