//! What holds for every request and every answer.

use axum::body::Body;
use axum::http::{Request, StatusCode};

use super::world::{Answer, World, get, id};
use crate::adapters::http::guard::Hosts;
use crate::adapters::http::routes::router;

const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// The answer cannot be misused by a page from elsewhere.
fn check(what: &str, answer: &Answer) {
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), value, "{name} of {what}");
    }
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let world = World::new().await;
    let timeline = format!("/api/v1/incidents/{}/timeline?format=csv", id(1));
    for (path, status) in [
        ("/", 200),
        ("/incidents/abc", 200),
        ("/api/v1/incidents", 200),
        (timeline.as_str(), 200),
        ("/api/v1/openapi.json", 200),
        ("/healthz", 200),
        ("/readyz", 503),
        ("/metrics", 200),
        ("/api/v1/incidents?x=1", 400),
        ("/api/v1/none", 404),
        ("/assets/none.js", 404),
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        check(path, &answer);
        let console = status == 200 && (path == "/" || path == "/incidents/abc");
        let cache = if console { "no-cache" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), cache, "{path}");
    }
}

#[tokio::test]
async fn a_host_name_from_elsewhere_is_refused_on_loopback() {
    let world = World::new().await;
    let by = |host: Option<&str>| {
        let request = Request::get("/api/v1/stats");
        let request = host.into_iter().fold(request, |request, h| request.header("host", h));
        request.body(Body::empty()).expect("a request")
    };
    for host in ["localhost", "localhost:9464", "127.0.0.1:80", "[::1]:1234", "LocalHost"] {
        assert_eq!(world.send(by(Some(host))).await.status, StatusCode::OK, "{host}");
    }
    for host in [Some("evil.example"), Some("localhost.evil.example"), Some("127.0.0.2"), None] {
        let answer = world.send(by(host)).await;
        assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{host:?}");
        check("a refused host", &answer);
        assert!(!answer.text().contains("evil"), "what was sent is not given back");
    }
    let twice = Request::get("/api/v1/stats").header("host", "localhost").header("host", "evil");
    let answer = world.send(twice.body(Body::empty()).expect("a request")).await;
    assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "two hosts");

    let mut open = world;
    open.router = router(open.app.clone(), Hosts::Any);
    assert_eq!(open.send(by(Some("monitor.example"))).await.status, StatusCode::OK);
}

#[tokio::test]
async fn other_methods_are_refused() {
    let world = World::new().await;
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        for path in ["/api/v1/incidents", "/healthz", "/", "/incidents/abc"] {
            let request = Request::builder().method(method).uri(path).header("host", "localhost");
            let answer = world.send(request.body(Body::empty()).expect("a request")).await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            assert_eq!(answer.json()["error"]["code"], "method_not_allowed");
            check(path, &answer);
        }
    }
    let answer = world.get("/api/v1/acts").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "GET of what is only posted to");
    let head = Request::head("/api/v1/incidents").header("host", "localhost");
    let answer = world.send(head.body(Body::empty()).expect("a request")).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn a_large_body_is_refused() {
    let world = World::new().await;
    let request = Request::get("/api/v1/stats").header("host", "localhost");
    let request = request.header("content-length", "20000").body(Body::from(vec![b'x'; 20_000]));
    let answer = world.send(request.expect("a request")).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json()["error"]["code"], "bad_request");
}

#[tokio::test]
async fn lists_are_compressed_for_who_takes_it() {
    let world = World::new().await;
    let plain = world.get("/api/v1/incidents").await;
    assert_eq!(plain.header("content-encoding"), "");
    let mut request = get("/api/v1/incidents");
    request.headers_mut().insert("accept-encoding", "gzip".parse().expect("a value"));
    let packed = world.send(request).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    let mut unpacked = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(packed.body.as_slice());
    std::io::Read::read_to_end(&mut decoder, &mut unpacked).expect("gzip");
    assert_eq!(unpacked, plain.body);
    assert!(packed.body.len() < plain.body.len() / 2);
}

#[tokio::test]
async fn the_console_answers_for_places_within_it() {
    let world = World::new().await;
    let page = world.get("/").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.text().contains("Tidewaiter"));
    for path in [
        "/index.html",
        "/incidents/0123",
        "/wall?theme=dark",
        "/sources/10.0.0.1",
        "/subjects/p1.5f",
    ] {
        assert_eq!(world.get(path).await.body, page.body, "{path}");
    }
    for path in ["/readyz/", "/healthz/", "/metrics/", "/metrics//", "/readyz/now"] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.json()["error"]["code"], "not_found", "{path}");
    }
    for path in ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "/.env"] {
        assert_eq!(world.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}
