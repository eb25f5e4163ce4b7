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
    #[serde(borrow)]
    id: Cow<'l, str>,
    #[serde(default, borrow)]
    product: Option<Cow<'l, str>>,
    #[serde(default, borrow)]
    service: Option<Cow<'l, str>>,
    #[serde(default, borrow)]
    categories: Vec<Cow<'l, str>>,
    event: Json,
}

impl RawRecord {
    /// Reads one line, which stands at `line` of its file.
    pub fn parse(text: &[u8], line: u64) -> Result<Self, serde_json::Error> {
        if let Ok(wrapped) = serde_json::from_slice::<Wrapped<'_>>(text)
            && wrapped.event.is_object()
        {
            let lower = |word: Cow<'_, str>| word.to_lowercase();
            return Ok(Self {
                id: wrapped.id.into_owned(),
                product: wrapped.product.map(lower),
                service: wrapped.service.map(lower),
                categories: wrapped.categories.into_iter().map(lower).collect(),
                event: wrapped.event,
            });
        }
        let event: Json = serde_json::from_slice(text)?;
        Ok(Self::bare(event, line))
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
        let id = ["id", "eventID", "uid"].into_iter().find_map(|key| event.get(key)?.as_str());
        Self {
            id: id.map_or_else(|| format!("line {line}"), str::to_owned),
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
