//! The OpenAPI document says what is served, all of it and nothing else.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::world::{World, id};
use crate::adapters::http::{acts, clocks, findings, incidents, past, report, silences, timeline};
use crate::adapters::telemetry::now;

/// The contract's routes.
const ROUTES: [(&str, &[&str]); 29] = [
    ("/api/v1/acts", &["post"]),
    ("/api/v1/audit", &["get"]),
    ("/api/v1/budget", &["get", "put"]),
    ("/api/v1/detectors", &["get"]),
    ("/api/v1/exceptions", &["get", "post"]),
    ("/api/v1/exceptions/{id}/revoke", &["post"]),
    ("/api/v1/findings", &["get"]),
    ("/api/v1/incidents", &["get"]),
    ("/api/v1/incidents/{id}", &["get"]),
    ("/api/v1/incidents/{id}/acts", &["get", "post"]),
    ("/api/v1/incidents/{id}/clocks", &["get"]),
    ("/api/v1/incidents/{id}/exception-proposal", &["get"]),
    ("/api/v1/incidents/{id}/notification", &["get"]),
    ("/api/v1/incidents/{id}/silence-proposal", &["get"]),
    ("/api/v1/incidents/{id}/timeline", &["get"]),
    ("/api/v1/me", &["get"]),
    ("/api/v1/openapi.json", &["get"]),
    ("/api/v1/past/timeline", &["get"]),
    ("/api/v1/regimes", &["get"]),
    ("/api/v1/report", &["get"]),
    ("/api/v1/rules", &["get"]),
    ("/api/v1/silences", &["get", "post"]),
    ("/api/v1/silences/{id}/end", &["post"]),
    ("/api/v1/silences/{id}/resume", &["post"]),
    ("/api/v1/stats", &["get"]),
    ("/api/v1/stream", &["get"]),
    ("/healthz", &["get"]),
    ("/metrics", &["get"]),
    ("/readyz", &["get"]),
];

fn keys(object: &Value) -> BTreeSet<String> {
    object.as_object().unwrap_or_else(|| panic!("no object: {object}")).keys().cloned().collect()
}

#[tokio::test]
async fn lists_exactly_the_routes() {
    let world = World::new().await;
    let document = world.json("/api/v1/openapi.json").await;
    let paths = keys(&document["paths"]);
    assert_eq!(paths, ROUTES.map(|(path, _)| path.to_owned()).into());
    for (path, methods) in ROUTES {
        let described = keys(&document["paths"][path]);
        assert_eq!(described, methods.iter().map(|m| (*m).to_owned()).collect(), "{path}");
        if !methods.contains(&"get") {
            continue;
        }
        let request = path.replace("{id}", &id(1));
        let response =
            tower::ServiceExt::oneshot(world.router.clone(), super::world::get(&request));
        let response = response.await.expect("an answer");
        let media_type = response.headers()["content-type"].to_str().expect("text").to_owned();
        assert!(!media_type.starts_with("text/html"), "{path} is a route, not the console's");
        assert_ne!(response.status(), StatusCode::NOT_FOUND, "{path}");
        let described = &document["paths"][path]["get"]["responses"];
        let content = &described[response.status().as_str()]["content"];
        let known = keys(content).iter().any(|known| media_type.starts_with(known));
        assert!(known, "{path} answers {media_type}, described is {content}");
    }
}

#[tokio::test]
async fn names_exactly_the_parameters_taken() {
    let world = World::new().await;
    let document = world.json("/api/v1/openapi.json").await;
    for (path, taken) in [
        ("/api/v1/incidents", &incidents::LIST_PARAMETERS[..]),
        ("/api/v1/findings", &findings::LIST_PARAMETERS[..]),
        ("/api/v1/incidents/{id}/timeline", &timeline::PARAMETERS[..]),
        ("/api/v1/past/timeline", &past::PARAMETERS[..]),
        ("/api/v1/incidents/{id}", &[]),
        ("/api/v1/incidents/{id}/acts", &[]),
        ("/api/v1/audit", &acts::AUDIT_PARAMETERS[..]),
        ("/api/v1/report", &report::PARAMETERS[..]),
        ("/api/v1/silences", &silences::LIST_PARAMETERS[..]),
        ("/api/v1/incidents/{id}/notification", &clocks::NOTIFICATION_PARAMETERS[..]),
        ("/api/v1/stats", &[]),
        ("/api/v1/stream", &[]),
    ] {
        let none = json!([]);
        let described = document["paths"][path]["get"].get("parameters").unwrap_or(&none);
        let described: BTreeSet<&str> = described
            .as_array()
            .expect("a list")
            .iter()
            .filter(|parameter| parameter["in"] == "query")
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        assert_eq!(described, taken.iter().copied().collect(), "{path}");
    }
}

/// Fields of a timeline's line that are there only where they say something.
const SELDOM: [&str; 2] = ["event", "leaves"];

/// Every object in `value` has the fields its schema describes, and no others.
fn check(document: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().expect("a name");
        let schema = &document["components"]["schemas"][name];
        assert!(schema.is_object(), "{place}: {name} is not described");
        return check(document, schema, value, place);
    }
    if let Some(any) = schema["oneOf"].as_array() {
        let fits = |schema: &&Value| {
            schema["properties"].is_object() && keys(&schema["properties"]) == keys(value)
        };
        match any.iter().find(|s| s["$ref"].is_string()) {
            Some(schema) if !value.is_null() => check(document, schema, value, place),
            Some(_) => {}
            None => assert!(any.iter().any(|s| fits(&s)), "{place}: {value} fits none"),
        }
        return;
    }
    if let Some(all) = schema["allOf"].as_array() {
        let mut described = BTreeSet::new();
        for part in all {
            let part = match part["$ref"].as_str() {
                Some(name) => {
                    &document["components"]["schemas"][name.rsplit('/').next().expect("a name")]
                }
                None => part,
            };
            described.extend(keys(&part["properties"]));
        }
        assert_eq!(keys(value), described, "{place}");
        return;
    }
    match value {
        Value::Object(fields) if schema["properties"].is_object() => {
            let (mut has, described) = (keys(value), keys(&schema["properties"]));
            let told = SELDOM.map(str::to_owned).into_iter().filter(|f| described.contains(f));
            has.extend(told);
            assert_eq!(has, described, "{place}");
            for (name, field) in fields {
                check(document, &schema["properties"][name], field, &format!("{place}.{name}"));
            }
        }
        Value::Array(items) => {
            for item in items {
                check(document, &schema["items"], item, &format!("{place}[]"));
            }
        }
        Value::String(word) => {
            if let Some(words) = schema["enum"].as_array() {
                assert!(words.iter().any(|known| known == word), "{place}: {word}");
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn describes_what_is_served_field_by_field() {
    let world = World::new().await;
    world.act(1, json!({"kind": "aware", "regimes": ["gdpr"], "reason": "certain"})).await;
    world.act(1, json!({"kind": "link", "url": "https://tickets.example/7"})).await;
    super::silences::one(&world, &id(1)).await;
    let document = world.json("/api/v1/openapi.json").await;
    for path in [
        "/api/v1/silences",
        "/api/v1/incidents/{id}/silence-proposal",
        "/api/v1/audit",
        "/api/v1/detectors",
        "/api/v1/exceptions",
        "/api/v1/me",
        "/api/v1/regimes",
        "/api/v1/report?incidents={id}",
        "/api/v1/incidents/{id}/acts",
        "/api/v1/incidents/{id}/clocks",
        "/api/v1/incidents/{id}/notification?regime=gdpr&format=json",
        "/api/v1/incidents",
        "/api/v1/incidents/{id}",
        "/api/v1/incidents/{id}/timeline",
        "/api/v1/findings",
        "/api/v1/stats",
    ] {
        let served = world.json(&path.replace("{id}", &id(1))).await;
        let (path, _) = path.split_once('?').unwrap_or((path, ""));
        let described = &document["paths"][path]["get"]["responses"]["200"]["content"];
        check(&document, &described["application/json"]["schema"], &served, path);
    }
    let stats = serde_json::to_value(world.app.telemetry.stats(now())).expect("JSON");
    assert!(stats["version"] == document["info"]["version"], "the document's version is ours");
}

#[tokio::test]
async fn describes_the_refusals_and_the_words_taken() {
    let world = World::new().await;
    let document = world.json("/api/v1/openapi.json").await;
    for (path, method) in ROUTES.iter().flat_map(|(path, all)| all.iter().map(move |m| (path, m))) {
        let responses = keys(&document["paths"][path][method]["responses"]);
        let posted: &[&str] = if *method == "post" { &["401", "403", "413", "415"] } else { &[] };
        for status in ["405", "421"].iter().chain(posted) {
            assert!(responses.contains(*status), "{method} {path} does not describe {status}");
        }
        assert_eq!(responses.contains("400"), path.starts_with("/api/"), "{path}");
    }
    // Every word described is taken, and another is not.
    for (path, name) in [
        ("/api/v1/incidents", "severity"),
        ("/api/v1/incidents", "status"),
        ("/api/v1/incidents", "sort"),
        ("/api/v1/incidents", "state"),
        ("/api/v1/audit", "kind"),
        ("/api/v1/silences", "state"),
        ("/api/v1/findings", "severity"),
        ("/api/v1/findings", "detector"),
        ("/api/v1/incidents/{id}/timeline", "format"),
        ("/api/v1/incidents/{id}/timeline", "kinds"),
    ] {
        let parameters = document["paths"][path]["get"]["parameters"].as_array().expect("a list");
        let parameter = parameters.iter().find(|p| p["name"] == name).expect(name);
        let schema = &parameter["schema"];
        let several = schema["type"] == "array";
        let words = if several { &schema["items"]["enum"] } else { &schema["enum"] };
        let words: Vec<&str> =
            words.as_array().expect(name).iter().filter_map(Value::as_str).collect();
        assert!(words.len() > 2, "{path} {name}: {words:?}");
        let place = path.replace("{id}", &id(1));
        for word in &words {
            let answer = world.get(&format!("{place}?{name}={word}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{path} {name}={word}");
        }
        if several {
            let answer = world.get(&format!("{place}?{name}={}", words.join(","))).await;
            assert_eq!(answer.status, StatusCode::OK, "{path} {name}: all of them");
        }
        let answer = world.get(&format!("{place}?{name}=other")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {name}=other");
    }
}
