//! The alert budget: shown, changed, refused, audited.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use super::world::{Answer, World};

/// What the tests' processes are configured with.
const CONFIG: f64 = 0.0;

async fn put(world: &World, body: Value) -> Answer {
    let request = Request::put("/api/v1/budget")
        .header("host", "localhost:9464")
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .expect("a request");
    world.send(request).await
}

async fn sets(world: &World, budget: Value) -> Value {
    let body = json!({"budget_per_1000_actors_day": budget, "reason": "a busy week", "by": "ann"});
    let answer = put(world, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()
}

async fn refuses(world: &World, body: Value, named: &str) {
    let answer = put(world, body.clone()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}: {}", answer.text());
    assert!(answer.text().contains(named), "{named} not in {}", answer.text());
}

#[tokio::test]
async fn it_is_set_told_once_and_given_back() {
    let world = World::new().await;
    let shown = world.json("/api/v1/budget").await;
    assert_eq!((&shown["from"], &shown["changed"]), (&json!("config"), &Value::Null));
    let set = sets(&world, json!(2.5)).await;
    assert_eq!((&set["budget_per_1000_actors_day"], &set["from"]), (&json!(2.5), &json!("api")));
    assert_eq!((&set["by"], &set["published"]), (&json!("ann"), &json!(false)));
    let store = &world.app.store;
    let first = store.budget().await.expect("read").expect("set");
    // Changed while it was being told: the change has to be told too.
    let second = sets(&world, json!(1)).await;
    store.budget_published(&first).await.expect("noted");
    assert_eq!(world.json("/api/v1/budget").await["published"], false);
    store
        .budget_published(&store.budget().await.expect("read").expect("set"))
        .await
        .expect("noted");
    let shown = world.json("/api/v1/budget").await;
    assert_eq!((&shown["published"], &second["published"]), (&json!(true), &json!(false)));
    // Whoever takes over tells it again.
    store.publish_settings_anew().await.expect("noted");
    assert_eq!(world.json("/api/v1/budget").await["published"], false);
    let back = sets(&world, Value::Null).await;
    assert_eq!(
        (&back["budget_per_1000_actors_day"], &back["from"]),
        (&json!(CONFIG), &json!("config"))
    );
}

#[tokio::test]
async fn every_change_is_in_the_audit() {
    let world = World::new().await;
    sets(&world, json!(2.5)).await;
    sets(&world, Value::Null).await;
    let audit = world.json("/api/v1/audit?kind=set_budget").await;
    let told: Vec<&str> = audit["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter_map(|i| i["text"].as_str())
        .collect();
    assert_eq!(
        told,
        [
            "ann changed the alert budget from 2.5 back to the configuration's: a busy week",
            "ann changed the alert budget from 0 to 2.5 per 1,000 actors and day: a busy week",
        ]
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let world = World::new().await;
    let with =
        |budget: Value| json!({"budget_per_1000_actors_day": budget, "reason": "x", "by": "ann"});
    for budget in [json!(0), json!(-1), json!(1000.5), json!(1e300)] {
        refuses(&world, with(budget), "above 0 and at most 1000").await;
    }
    refuses(&world, with(json!("5")), "the body").await;
    refuses(&world, json!({"reason": "x", "by": "ann"}), "budget_per_1000_actors_day").await;
    refuses(&world, json!({"budget_per_1000_actors_day": 1, "reason": " ", "by": "ann"}), "reason")
        .await;
    refuses(&world, json!({"budget_per_1000_actors_day": 1, "reason": "x"}), "`by`").await;
    refuses(
        &world,
        json!({"budget_per_1000_actors_day": 1, "reason": "x", "by": "tidewaiter"}),
        "monitor itself",
    )
    .await;
    let act = json!({"kind": "set_budget", "before": 1.0, "budget": 2.0, "reason": "x"});
    let path = format!("/api/v1/incidents/{}/acts", super::world::id(1));
    let answer = world.post(&path, json!({"act": act, "by": "ann"})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
    assert!(answer.text().contains("/api/v1/budget"), "{}", answer.text());
    assert!(world.app.store.budget().await.expect("read").is_none(), "nothing was set");
}
