//! What people do: acts, refusals, who may, and what others see of it.

use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode};
use serde_json::{Value, json};

use super::world::{World, finding, get, id, incident, post};
use crate::adapters::http::routes::router;
use crate::adapters::http::state::HttpSettings;
use crate::adapters::http::{Trust, guard};
use crate::adapters::store::StoreBatch;
use crate::engine::cases::{Act, MONITOR};
use crate::engine::model::{Severity, Status};

fn path(n: u32) -> String {
    format!("/api/v1/incidents/{}/acts", id(n))
}

/// A body with this act, by ann.
fn by_ann(act: Value) -> Value {
    json!({"act": act, "by": "ann"})
}

/// Refused with this status and code, with words that name these.
async fn refuses(world: &World, body: Value, status: u16, code: &str, named: &[&str]) {
    let answer = world.post(&path(1), body.clone()).await;
    assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.text());
    let error = &answer.json()["error"];
    assert_eq!(error["code"], code, "{body}");
    let message = error["message"].as_str().expect("words");
    named.iter().for_each(|word| assert!(message.contains(word), "{word} not in: {message}"));
}

#[tokio::test]
async fn an_incident_goes_from_new_to_resolved() {
    let world = World::new().await;
    let case = |answer: &Value| answer["case"]["state"].as_str().expect("a state").to_owned();
    let before = world.json(&format!("/api/v1/incidents/{}", id(1))).await;
    assert_eq!((case(&before).as_str(), &before["case"]["revision"]), ("new", &json!(0)));
    assert_eq!(case(&world.act(1, json!({"kind": "acknowledge"})).await), "acknowledged");
    world.act(1, json!({"kind": "assign", "to": "ben"})).await;
    world.act(1, json!({"kind": "comment", "text": "asked the unit"})).await;
    let done = json!({"kind": "resolve", "resolution": "true_positive", "note": "account misused"});
    let resolved = world.act(1, done).await;
    assert_eq!(resolved["case"]["resolution"], "true_positive");
    assert_eq!(resolved["case"]["assignee"], "ben");
    assert_eq!(resolved["case"]["revision"], 4);
    assert_eq!(resolved["act"]["text"], "ann resolved it as true positive: account misused");
    let after = world.json(&format!("/api/v1/incidents/{}", id(1))).await;
    assert_eq!(after["case"], resolved["case"]);
    assert_eq!(after["status"], "open", "the engine's word stays as it is");
    let undone = world.act(1, json!({"kind": "undo", "act": resolved["act"]["number"]})).await;
    assert_eq!(case(&undone), "acknowledged");
    let acts = world.json(&path(1)).await;
    let kinds: Vec<&str> = acts["acts"]
        .as_array()
        .expect("acts")
        .iter()
        .filter_map(|a| a["act"]["kind"].as_str())
        .collect();
    assert_eq!(kinds, ["acknowledge", "assign", "comment", "resolve", "undo"]);
}

#[tokio::test]
async fn impossible_and_malformed_acts_are_refused_with_a_reason() {
    let world = World::new().await;
    refuses(&world, by_ann(json!({"kind": "contain"})), 409, "conflict", &["new", "investigating"])
        .await;
    refuses(
        &world,
        by_ann(json!({"kind": "reopen", "reason": "x"})),
        409,
        "conflict",
        &["resolved"],
    )
    .await;
    refuses(&world, by_ann(json!({"kind": "undo", "act": 77})), 409, "conflict", &["77"]).await;
    refuses(&world, by_ann(json!({"kind": "dance"})), 400, "bad_request", &["dance"]).await;
    refuses(&world, by_ann(json!({"kind": "comment", "text": " "})), 400, "bad_request", &["text"])
        .await;
    for text in ["\0", "a\0b"] {
        let said = by_ann(json!({"kind": "comment", "text": text}));
        refuses(&world, said, 400, "bad_request", &["`text`", "NUL"]).await;
    }
    refuses(
        &world,
        by_ann(json!({"kind": "resolve", "resolution": "maybe"})),
        400,
        "bad_request",
        &["maybe"],
    )
    .await;
    refuses(
        &world,
        by_ann(json!({"kind": "absorb", "incident": id(1)})),
        409,
        "conflict",
        &[&id(1)],
    )
    .await;
    refuses(
        &world,
        by_ann(json!({"kind": "absorb", "incident": id(31)})),
        409,
        "conflict",
        &[&id(31)],
    )
    .await;
    refuses(
        &world,
        by_ann(json!({"kind": "split", "finding": "none"})),
        409,
        "conflict",
        &["none"],
    )
    .await;
    refuses(
        &world,
        by_ann(json!({"kind": "exception_expired", "id": "x"})),
        400,
        "bad_request",
        &["monitor"],
    )
    .await;
    refuses(
        &world,
        by_ann(json!({"kind": "aware", "regimes": ["hipaa"], "reason": "x"})),
        400,
        "bad_request",
        &["hipaa", "gdpr"],
    )
    .await;
    refuses(
        &world,
        json!({"act": {"kind": "acknowledge"}, "by": MONITOR}),
        400,
        "bad_request",
        &["tidewaiter"],
    )
    .await;
    refuses(&world, json!({"act": {"kind": "acknowledge"}}), 400, "bad_request", &["`by`"]).await;
    refuses(
        &world,
        json!({"act": {"kind": "acknowledge"}, "by": "ann", "of": 1}),
        400,
        "bad_request",
        &["of"],
    )
    .await;
    let bulk = json!({"incidents": [id(1)], "act": {"kind": "acknowledge"}, "by": "an\0n"});
    let refused = world.post("/api/v1/acts", bulk).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text());
    let unknown =
        world.post("/api/v1/incidents/none/acts", by_ann(json!({"kind": "acknowledge"}))).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let acts = world.json(&path(1)).await;
    assert_eq!(acts["acts"], json!([]), "what is refused leaves nothing");
}

#[tokio::test]
async fn whoever_acts_on_what_has_changed_is_told_what_it_is_now() {
    let world = World::new().await;
    let at = |revision: u64, act: Value| json!({"act": act, "by": "ben", "revision": revision});
    let first = world.post(&path(1), at(0, json!({"kind": "acknowledge"}))).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let late = world.post(&path(1), at(0, json!({"kind": "investigate"}))).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    let late = late.json();
    assert_eq!(late["error"]["code"], "stale");
    assert_eq!(
        (&late["current"]["state"], &late["current"]["revision"]),
        (&json!("acknowledged"), &json!(1))
    );
    let again = world.post(&path(1), at(1, json!({"kind": "investigate"}))).await;
    assert_eq!(again.status, StatusCode::CREATED);
}

#[tokio::test]
async fn two_at_once_do_not_both_win() {
    let world = World::new().await;
    let body = json!({"act": {"kind": "acknowledge"}, "by": "ann", "revision": 0});
    let path = path(1);
    let tries = (0..8).map(|_| world.post(&path, body.clone()));
    let answers = futures_util::future::join_all(tries).await;
    let done = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    let refused = answers.iter().filter(|answer| answer.status == StatusCode::CONFLICT).count();
    assert_eq!((done, refused), (1, 7), "{}", answers[0].text());
}

#[tokio::test]
async fn lists_are_narrowed_by_state_and_assignee() {
    let world = World::new().await;
    world.act(2, json!({"kind": "acknowledge"})).await;
    world.act(3, json!({"kind": "resolve", "resolution": "test"})).await;
    world.act(4, json!({"kind": "assign", "to": "ben"})).await;
    for (query, expected) in [
        ("state=acknowledged", 1),
        ("state=resolved,acknowledged", 2),
        ("state=new", 23),
        ("state=new,resolved", 24),
        ("assignee=ben", 1),
        ("assignee=-", 24),
        ("assignee=cas", 0),
        ("state=new&assignee=ben", 1),
    ] {
        let page = world.json(&format!("/api/v1/incidents?{query}&limit=1")).await;
        assert_eq!(page["total"], expected, "{query}");
    }
}

#[tokio::test]
async fn many_incidents_are_acted_on_each_by_itself() {
    let world = World::new().await;
    world.act(2, json!({"kind": "acknowledge"})).await;
    let body =
        json!({"incidents": [id(1), id(2), "none"], "act": {"kind": "acknowledge"}, "by": "ann"});
    let answer = world.post("/api/v1/acts", body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let results = &answer.json()["results"];
    assert_eq!(results[0]["done"]["case"]["state"], "acknowledged");
    assert_eq!(results[1]["error"]["code"], "conflict");
    assert_eq!(results[2]["error"]["code"], "not_found");
    let none = json!({"incidents": [], "act": {"kind": "acknowledge"}, "by": "ann"});
    assert_eq!(world.post("/api/v1/acts", none).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn acts_stand_in_the_timeline_and_every_export() {
    let world = World::new().await;
    world.act(1, json!({"kind": "comment", "text": "called the unit | <b>"})).await;
    let story = format!("/api/v1/incidents/{}/timeline", id(1));
    let page = world.json(&format!("{story}?kinds=act")).await;
    assert_eq!(page["total"], 1);
    assert_eq!(page["lines"][0]["kind"], "act");
    assert_eq!(page["lines"][0]["text"], "ann commented: called the unit | <b>");
    assert_eq!(page["lines"][0]["source"]["monitor"], "act 1");
    for format in crate::engine::timeline::export::ExportFormat::ALL {
        let file = world.get(&format!("{story}?format={}&fold=false", format.name())).await.text();
        assert!(file.contains("ann commented: called the unit"), "{} has it", format.name());
    }
}

#[tokio::test]
async fn the_audit_tells_who_did_what() {
    let world = World::new().await;
    world.act(1, json!({"kind": "acknowledge"})).await;
    world.act(2, json!({"kind": "acknowledge"})).await;
    world.act(2, json!({"kind": "comment", "text": "seen"})).await;
    let numbers = |page: &Value| -> Vec<i64> {
        page["items"]
            .as_array()
            .expect("items")
            .iter()
            .filter_map(|i| i["number"].as_i64())
            .collect()
    };
    let first = world.json("/api/v1/audit?limit=2").await;
    assert_eq!(numbers(&first), [3, 2]);
    let rest = world
        .json(&format!("/api/v1/audit?limit=2&cursor={}", first["next"].as_str().expect("more")))
        .await;
    assert_eq!((numbers(&rest), &rest["next"]), (vec![1], &Value::Null));
    assert_eq!(numbers(&world.json("/api/v1/audit?kind=comment").await), [3]);
    assert_eq!(numbers(&world.json("/api/v1/audit?by=ben").await), [0_i64; 0]);
}

/// Sent with these headers beside the usual; the answer's status and code.
async fn sent(world: &World, headers: &[(&'static str, &str)]) -> (u16, String) {
    let mut request = post(&path(1), &by_ann(json!({"kind": "comment", "text": "x"})));
    for (name, value) in headers {
        request.headers_mut().insert(*name, HeaderValue::from_str(value).expect("a value"));
    }
    let answer = world.send(request).await;
    let code = answer.json()["error"]["code"].as_str().unwrap_or("").to_owned();
    (answer.status.as_u16(), code)
}

#[tokio::test]
async fn a_page_from_elsewhere_can_change_nothing() {
    let mut world = World::new().await;
    let cross = (403, "cross_site".to_owned());
    let done = (201, String::new());
    assert_eq!(sent(&world, &[]).await, done);
    assert_eq!(sent(&world, &[("origin", "http://localhost:9464")]).await, done);
    assert_eq!(sent(&world, &[("sec-fetch-site", "same-origin")]).await, done);
    assert_eq!(sent(&world, &[("content-type", "application/json; charset=utf-8")]).await, done);
    for origin in
        ["http://evil.example", "null", "http://localhost", "http://localhost:9464.evil.example"]
    {
        assert_eq!(sent(&world, &[("origin", origin)]).await, cross, "{origin}");
    }
    for site in ["cross-site", "same-site"] {
        assert_eq!(sent(&world, &[("sec-fetch-site", site)]).await, cross, "{site}");
    }
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
    {
        assert_eq!(sent(&world, &[("content-type", kind)]).await.0, 415, "{kind}");
    }
    trust(&mut world, Trust { user_header: None, origins: vec!["https://monitor.example".into()] });
    assert_eq!(sent(&world, &[("origin", "https://monitor.example")]).await, done);
    assert_eq!(sent(&world, &[("origin", "https://monitor.example.evil")]).await, cross);
    assert_eq!(sent(&world, &[("origin", "http://localhost:9464")]).await, done);
    // A name bent to our address is not ours once it is known what is.
    let bent = [("host", "evil.example"), ("origin", "http://evil.example")];
    world.router = router(world.app.clone(), guard::Hosts::Any);
    assert_eq!(sent(&world, &bent).await, cross);
    let proxied = [("host", "10.0.0.5:8080"), ("origin", "https://monitor.example")];
    assert_eq!(sent(&world, &proxied).await, done);
}

#[tokio::test]
async fn every_route_that_changes_something_refuses_a_page_from_elsewhere() {
    let world = World::new().await;
    let document = world.json("/api/v1/openapi.json").await;
    let mut posts = 0;
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for method in operations.as_object().expect("methods").keys().filter(|m| *m != "get") {
            let mut request = post(&path.replace("{id}", &id(1)), &json!({}));
            *request.method_mut() = method.to_uppercase().parse().expect("a method");
            request.headers_mut().insert("origin", HeaderValue::from_static("http://evil.example"));
            assert_eq!(world.send(request).await.status, StatusCode::FORBIDDEN, "{method} {path}");
            posts += 1;
        }
    }
    assert!(posts >= 2);
}

fn trust(world: &mut World, trust: Trust) {
    world.app.settings = HttpSettings { trust, ..HttpSettings::default() }.into();
    world.router = router(world.app.clone(), guard::Hosts::Loopback);
}

#[tokio::test]
async fn a_trusted_proxy_says_who_acts() {
    let mut world = World::new().await;
    trust(
        &mut world,
        Trust { user_header: Some("x-remote-user".parse().expect("a name")), origins: vec![] },
    );
    let ask = |user: Option<&str>, body: Value| {
        let mut request: Request<Body> = post(&path(1), &body);
        if let Some(user) = user {
            request.headers_mut().insert("x-remote-user", user.parse().expect("a value"));
        }
        request
    };
    let comment = json!({"act": {"kind": "comment", "text": "x"}});
    let done = world.send(ask(Some("cas"), comment.clone())).await;
    assert_eq!((done.status, &done.json()["act"]["by"]), (StatusCode::CREATED, &json!("cas")));
    let nobody = world.send(ask(None, comment)).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED, "a name in the body is not enough");
    let other = world.send(ask(Some("cas"), by_ann(json!({"kind": "comment", "text": "x"})))).await;
    assert_eq!(other.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_client_learns_whom_acts_would_be_done_by() {
    let mut world = World::new().await;
    let ask = |user: Option<&str>| {
        let mut request = get("/api/v1/me");
        if let Some(user) = user {
            request.headers_mut().insert("x-remote-user", user.parse().expect("a value"));
        }
        request
    };
    let unasked = world.send(ask(Some("cas"))).await.json();
    assert_eq!(unasked, json!({"user": null, "by_proxy": false}), "no proxy is trusted");
    trust(
        &mut world,
        Trust { user_header: Some("x-remote-user".parse().expect("a name")), origins: vec![] },
    );
    let named = world.send(ask(Some("cas"))).await.json();
    assert_eq!(named, json!({"user": "cas", "by_proxy": true}));
    let nobody = world.send(ask(None)).await.json();
    assert_eq!(nobody, json!({"user": null, "by_proxy": true}));
}

#[tokio::test]
async fn the_engines_writing_leaves_acts_alone_and_merges_bring_them_along() {
    let world = World::new().await;
    world.act(1, json!({"kind": "acknowledge"})).await;
    world.act(2, json!({"kind": "comment", "text": "the same man"})).await;
    world.act(2, json!({"kind": "aware", "regimes": ["gdpr"], "reason": "certain"})).await;
    let store = &world.app.store;
    let office = store.take_office().await.expect("in office");
    let mut absorbed = incident(2, Status::Merged, Severity::Medium, "off-2");
    absorbed.merged_into = Some(id(1));
    let batch = StoreBatch {
        incidents: vec![incident(1, Status::Open, Severity::High, "off-1"), absorbed],
        merged: vec![(id(2), id(1))],
        ..StoreBatch::default()
    };
    store.apply(&batch, office).await.expect("applied");
    store.follow_merges(super::world::at(0)).await.expect("followed");
    store.follow_merges(super::world::at(0)).await.expect("once is enough");
    let acts = world.json(&path(1)).await;
    let texts: Vec<&str> =
        acts["acts"].as_array().expect("acts").iter().filter_map(|a| a["text"].as_str()).collect();
    assert_eq!(texts.len(), 4, "{texts:?}");
    assert!(texts[3].contains("took over"), "{texts:?}");
    assert_eq!(acts["case"]["state"], "acknowledged");
    assert_eq!(
        (&acts["case"]["comments"], acts["case"]["aware"].as_array().map(Vec::len)),
        (&json!(1), Some(1))
    );
    let gone = world.post(&path(2), by_ann(json!({"kind": "acknowledge"}))).await;
    assert_eq!(gone.status, StatusCode::CONFLICT);
    assert!(gone.text().contains(&id(1)), "{}", gone.text());
}

#[tokio::test]
async fn findings_after_the_end_are_told_and_those_before_are_not() {
    let world = World::new().await;
    let store = &world.app.store;
    world.act(1, json!({"kind": "resolve", "resolution": "benign"})).await;
    assert!(store.grown_after_resolution(0).await.expect("read").is_empty());
    let office = store.take_office().await.expect("in office");
    let batch = StoreBatch {
        findings: vec![(id(1), finding("f-new", 900, "bulk_read"))],
        ..StoreBatch::default()
    };
    store.apply(&batch, office).await.expect("applied");
    assert_eq!(store.grown_after_resolution(0).await.expect("read"), [id(1)]);
    let again = Act::Reopen { reason: "it goes on".into() };
    let done = store.act(&id(1), MONITOR, super::world::at(0), again, None).await.expect("done");
    assert_eq!(done.case.state.name(), "new");
    assert!(store.grown_after_resolution(0).await.expect("read").is_empty());
}
