//! A request that changes something: where it comes from, who sends it, and its JSON.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::ApiError;
use super::guard::is_loopback;
use super::state::App;

/// Who may change something, and from where.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Header in which a trusted proxy names who is logged in.
    pub user_header: Option<HeaderName>,
    /// Origins of pages that may post. Without any, the server's own by whatever name it was
    /// reached; with some, by loopback names only.
    pub origins: Vec<String>,
}

impl Trust {
    /// Whom the proxy names, where one is trusted to.
    pub fn user(&self, headers: &HeaderMap) -> Option<String> {
        self.user_header.as_ref().and_then(|name| named(headers, name))
    }
}

/// A body that may be acted on. Only handlers that take one change anything.
///
/// A page from elsewhere cannot send JSON without asking first, and is never allowed to: there
/// are no cross-origin answers. Its Origin is looked at besides.
pub struct Posted<T> {
    pub body: T,
    /// Whom the proxy named, where one is trusted to.
    user: Option<String>,
    asked: bool,
}

impl<T> Posted<T> {
    /// Who acts: whom the proxy names, or else whoever the client says.
    pub fn who(&self, by: Option<&String>) -> Result<String, ApiError> {
        match (self.asked, &self.user, by) {
            (true, Some(user), Some(by)) if user != by => Err(ApiError::bad_request(
                "`by` is not who the proxy says is logged in; leave it out",
            )),
            (true, Some(user), _) => Ok(user.clone()),
            (true, None, _) => Err(ApiError::nobody()),
            (false, _, Some(by)) => Ok(by.trim().to_owned()),
            (false, _, None) => {
                Err(ApiError::bad_request("`by` is missing: who does this; there is no login"))
            }
        }
    }
}

impl<T: DeserializeOwned> FromRequest<App> for Posted<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let trust = &app.settings.trust;
        admit(request.headers(), trust)?;
        let user = trust.user(request.headers());
        let asked = trust.user_header.is_some();
        let bytes = Bytes::from_request(request, app)
            .await
            .map_err(|_| ApiError::too_large(super::guard::BODY_BYTES_MAX))?;
        let body = serde_json::from_slice(&bytes)
            .map_err(|error| ApiError::bad_request(format!("the body: {error}")))?;
        if let Some(field) = nul(&bytes) {
            return Err(ApiError::bad_request(format!(
                "`{field}` holds the character NUL (\\u0000), which no store keeps; leave it out"
            )));
        }
        Ok(Self { body, user, asked })
    }
}

/// The field with a NUL in its text. JSON has one only as an escape.
fn nul(json: &[u8]) -> Option<String> {
    const ESCAPE: &[u8] = b"\\u0000";
    if !json.windows(ESCAPE.len()).any(|part| part == ESCAPE) {
        return None;
    }
    nul_in("", &serde_json::from_slice(json).ok()?)
}

fn nul_in(name: &str, value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(|| name.to_owned()),
        Value::Array(list) => list.iter().find_map(|each| nul_in(name, each)),
        Value::Object(fields) => fields.iter().find_map(|(field, each)| nul_in(field, each)),
        _ => None,
    }
}

/// The one name in the header; none where it is absent, empty, or there are several.
fn named(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => {
            let name = String::from_utf8(value.as_bytes().to_vec()).ok()?;
            Some(name.trim().to_owned()).filter(|name| !name.is_empty())
        }
        _ => None,
    }
}

fn admit(headers: &HeaderMap, trust: &Trust) -> Result<(), ApiError> {
    let text = |name: HeaderName| headers.get(name).map(HeaderValue::to_str);
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site"))
        && !matches!(site, Ok("same-origin" | "none"))
    {
        return Err(ApiError::cross_site());
    }
    if let Some(origin) = text(header::ORIGIN) {
        let origin = origin.map_err(|_| ApiError::cross_site())?;
        let host = text(header::HOST).and_then(Result::ok);
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        // By a name of the attacker's own, bent to our address, his page would be ours. Where it
        // is known by which names we are reached, no other counts.
        let named = trust.origins.is_empty() || host.is_some_and(is_loopback);
        let own = authority.is_some() && authority == host && named;
        if !own && !trust.origins.iter().any(|allowed| allowed == origin) {
            return Err(ApiError::cross_site());
        }
    }
    let kind = text(header::CONTENT_TYPE).and_then(Result::ok).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") { Ok(()) } else { Err(ApiError::no_json()) }
}
