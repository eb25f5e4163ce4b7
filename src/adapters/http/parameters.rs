//! Query parameters: known ones only, each once, each checked.

use std::str::FromStr;

use axum::extract::Query;
use axum::http::Uri;

use super::error::ApiError;
use crate::engine::model::{EventTime, Severity};

/// Longest value taken, in bytes.
const VALUE_BYTES_MAX: usize = 512;
/// Most items of a page; more are not given, however many are asked for.
pub const LIMIT_MAX: u32 = 1_000;

/// A request's query, read. Empty values count as not given.
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Refuses a parameter that is not among `known`, or comes twice.
    pub fn read(uri: &Uri, known: &[&str]) -> Result<Self, ApiError> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| ApiError::bad_request("the query is not percent-encoded"))?;
        for (i, (name, value)) in pairs.iter().enumerate() {
            let shown = shorten(name);
            // What stands for bytes that were no text.
            if name.contains(char::REPLACEMENT_CHARACTER)
                || value.contains(char::REPLACEMENT_CHARACTER)
            {
                return Err(ApiError::bad_request(format!("parameter `{shown}` is not UTF-8")));
            }
            if !known.contains(&name.as_str()) {
                let allowed = if known.is_empty() { "none".into() } else { known.join(", ") };
                return Err(ApiError::bad_request(format!(
                    "unknown parameter `{shown}`; allowed: {allowed}"
                )));
            }
            if pairs[..i].iter().any(|(before, _)| before == name) {
                return Err(ApiError::bad_request(format!("parameter `{shown}` is given twice")));
            }
            if value.len() > VALUE_BYTES_MAX {
                return Err(ApiError::bad_request(format!(
                    "parameter `{name}` has {} bytes; at most {VALUE_BYTES_MAX} are allowed",
                    value.len()
                )));
            }
        }
        Ok(Self(pairs))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(ToOwned::to_owned)
    }

    pub fn time(&self, name: &str) -> Result<Option<EventTime>, ApiError> {
        let read = |value| {
            EventTime::parse(value).map_err(|error| {
                refused(name, value, &format!("RFC 3339 such as 2026-03-02T09:14:07Z ({error})"))
            })
        };
        self.get(name).map(read).transpose()
    }

    /// From 1 on; more than 1000 are not given.
    pub fn limit(&self, default: u32) -> Result<u32, ApiError> {
        self.limit_of(default, LIMIT_MAX)
    }

    /// From 1 on; more than `most` are not given.
    pub fn limit_of(&self, default: u32, most: u32) -> Result<u32, ApiError> {
        let Some(value) = self.get("limit") else { return Ok(default) };
        let number = value.parse::<u64>().ok().filter(|&n| n > 0);
        let number = number.ok_or_else(|| {
            refused("limit", value, &format!("a number from 1; at most {most} are given"))
        })?;
        Ok(u32::try_from(number).unwrap_or(most).min(most))
    }

    pub fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(value) => Err(refused(name, value, "true or false")),
        }
    }

    /// One of `allowed`.
    pub fn word(
        &self,
        name: &str,
        allowed: &[&'static str],
    ) -> Result<Option<&'static str>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let known = allowed.iter().find(|word| **word == value);
        known.map(|word| Some(*word)).ok_or_else(|| refused(name, value, &allowed.join(", ")))
    }

    /// Any of `allowed`, with commas between them.
    pub fn words(
        &self,
        name: &str,
        allowed: &[&'static str],
    ) -> Result<Vec<&'static str>, ApiError> {
        let Some(list) = self.get(name) else { return Ok(Vec::new()) };
        list.split(',')
            .map(|value| {
                let known = allowed.iter().find(|word| **word == value);
                known.copied().ok_or_else(|| {
                    refused(name, value, &format!("{}, with commas between", allowed.join(", ")))
                })
            })
            .collect()
    }

    pub fn severities(&self) -> Result<Vec<Severity>, ApiError> {
        let words = self.words("severity", &Severity::ALL.map(Severity::name))?;
        Ok(words.into_iter().filter_map(|word| Severity::from_str(word).ok()).collect())
    }

    /// `<number>:<rest>`, as the `next` of a page is.
    pub fn cursor(&self) -> Result<Option<&str>, ApiError> {
        let Some(value) = self.get("cursor") else { return Ok(None) };
        let number = value.split_once(':').and_then(|(number, _)| number.parse::<i64>().ok());
        number.map(|_| Some(value)).ok_or_else(|| refused("cursor", value, "a page's `next`"))
    }
}

pub fn refused(name: &str, value: &str, allowed: &str) -> ApiError {
    ApiError::bad_request(format!("parameter `{name}` is `{}`; allowed: {allowed}", shorten(value)))
}

/// What a caller sent is given back in part only.
fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}
