//! The console's files, as they were when the binary was built.

use axum::http::{HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use include_dir::{Dir, include_dir};

use super::error::ApiError;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/dashboards/console/dist");

const PAGE: &str = "index.html";
/// Names under here hold a hash of the file: what is cached never grows stale.
const HASHED: &str = "assets/";

/// Everything that is no route: a file, or for a place within the console its page.
pub async fn console(method: Method, uri: Uri) -> Result<Response, ApiError> {
    let path = uri.path().trim_start_matches('/');
    if path == "api" || path.starts_with("api/") {
        return Err(ApiError::not_found("no such route; /api/v1/openapi.json lists them"));
    }
    let first = path.split('/').next().unwrap_or_default();
    if ["healthz", "readyz", "metrics"].contains(&first) {
        return Err(ApiError::not_found(format!("no such route; there is only /{first}")));
    }
    if method != Method::GET && method != Method::HEAD {
        return Err(ApiError::method_not_allowed());
    }
    if let Some(file) = FILES.get_file(path) {
        return Ok(answer(path, file.contents()));
    }
    // What looks like a file is missing; what does not is a place within the console. Addresses,
    // tokens and many names have dots, but stand below the page of their kind.
    let is_file = path.starts_with(HASHED) || first.contains(['.', '%']);
    match FILES.get_file(PAGE) {
        Some(page) if !is_file => Ok(answer(PAGE, page.contents())),
        _ => Err(ApiError::not_found("the console has no such file")),
    }
}

fn answer(path: &str, contents: &'static [u8]) -> Response {
    let cache = if path.starts_with(HASHED) {
        HeaderValue::from_static("public, max-age=31536000, immutable")
    } else {
        HeaderValue::from_static("no-cache")
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type(path))),
        (header::CACHE_CONTROL, cache),
    ];
    (headers, contents).into_response()
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "json" | "map" | "webmanifest" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, media_type: &str, cache: &str) {
        let answer = answer(path, b"");
        assert_eq!(answer.headers()["content-type"], media_type, "{path}");
        assert_eq!(answer.headers()["cache-control"], cache, "{path}");
    }

    #[test]
    fn only_hashed_files_are_kept() {
        let kept = "public, max-age=31536000, immutable";
        check("assets/index-Dgs5ycGW.js", "text/javascript; charset=utf-8", kept);
        check("assets/index-BSqADrAC.css", "text/css; charset=utf-8", kept);
        check("assets/plex-IvpUvPa2.woff2", "font/woff2", kept);
        check("theme.js", "text/javascript; charset=utf-8", "no-cache");
        check("favicon.svg", "image/svg+xml", "no-cache");
        check("index.html", "text/html; charset=utf-8", "no-cache");
    }
}
