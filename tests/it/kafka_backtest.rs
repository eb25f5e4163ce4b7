//! A rule over what the input topics retain, held against what people made of the incidents.

use std::fs;

use serde_json::{Value, json};

use crate::monitor::{Monitor, tidewaiter, until};
use crate::setup::Setup;
use crate::stream::SharedBroker;

const UNMASKED: &str = "5f1b1c1e-13c2-4f4b-9a55-0d3b7c3a5f12";

fn rule(id: &str, field: &str, value: &str) -> String {
    format!(
        "title: A record was seen\nid: {id}\nstatus: test\n\
         logsource:\n    product: tidewaiter\n    category: access\n\
         detection:\n    chosen:\n        {field}: {value}\n    condition: chosen\nlevel: high\n"
    )
}

fn event(id: u32, day: u32, actor: u32, action: &str) -> (Option<String>, Option<Vec<u8>>) {
    let event = json!({
        "kind": "access", "id": format!("e{id}"), "time": format!("2026-03-{day:02}T09:{id:02}:00Z"),
        "actor": {"id": format!("off-{actor}")}, "source": {"ip": format!("10.0.0.{actor}")},
        "action": action, "resource": {"dataset": "pnr", "record": "R-1"}, "case": "C-1",
    });
    (Some(format!("off-{actor}")), Some(event.to_string().into_bytes()))
}

/// The backtest's JSON.
#[track_caller]
fn backtest(setup: &Setup, rule: &str, more: &[&str]) -> Value {
    let config = setup.config();
    let rule = setup.path(rule);
    let fixed = ["rules", "backtest", "--kafka", "--json", "-c"].map(AsRef::as_ref);
    let places = [config.as_os_str(), rule.as_os_str()];
    let output = tidewaiter(fixed.into_iter().chain(places).chain(more.iter().map(AsRef::as_ref)));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("off-"), "it names somebody");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn resolve(server: &mut Monitor, actor: &str, resolution: &str) -> String {
    let path = format!("/api/v1/incidents?status=open,quiet&actor={actor}");
    let id = until(&format!("an incident of {actor}"), || {
        let (_, body) = server.get(&path);
        let page: Value = serde_json::from_str(&body).map_err(|error| error.to_string())?;
        page["items"][0]["id"].as_str().map(str::to_owned).ok_or(body)
    });
    let act = json!({"by": "ann", "act": {"kind": "resolve", "resolution": resolution}});
    let (status, answer) = server.post(&format!("/api/v1/incidents/{id}/acts"), &act);
    assert_eq!(status, 201, "{answer}");
    id
}

#[test]
fn a_rule_is_held_against_what_people_confirmed() {
    let broker = SharedBroker::get();
    let setup = Setup::new(&broker.lock(), "backtest", &[("access", 3), ("auth", 1)]);
    fs::create_dir(setup.path("rules")).unwrap();
    fs::write(setup.path("rules/unmasked.yml"), rule(UNMASKED, "action", "unmask")).unwrap();
    fs::write(setup.path("printed.yml"), rule("printed", "action", "print")).unwrap();
    setup.configure(broker.lock().bootstrap(), "", "[data]\nrules = \"rules\"\n");
    let events = [
        event(1, 2, 1, "unmask"),
        event(2, 2, 2, "unmask"),
        event(3, 3, 3, "unmask"),
        event(4, 5, 3, "print"),
        event(5, 5, 4, "view"),
        (None, Some(b"{\"kind\":".to_vec())),
    ];
    setup.stream.produce(&setup.input("access"), events);
    let mut monitor = Monitor::start(&setup.config());
    let breach = resolve(&mut monitor, "off-1", "true_positive");
    resolve(&mut monitor, "off-2", "benign");
    monitor.stop_well();

    let found = backtest(&setup, "rules/unmasked.yml", &["--incidents"]);
    let seen = |found: &Value, resolution: &str| {
        let of = &found["incidents"]["by_resolution"][resolution];
        (of["closed"].clone(), of["seen"].clone(), of["missed"].clone())
    };
    assert_eq!((&found["records"], &found["rejected"]), (&json!(6), &json!(1)), "{found}");
    assert_eq!((&found["findings"], &found["keys"]), (&json!(3), &json!(3)), "{found}");
    assert_eq!(seen(&found, "true_positive"), (json!(1), json!(1), json!([])), "{found}");
    assert_eq!(seen(&found, "benign"), (json!(1), json!(1), json!([])), "{found}");
    let met = json!({"true_positive": 1, "benign": 1, "none": 1});
    assert_eq!(found["incidents"]["findings"], met, "{found}");

    // One that would not have seen the breach says so.
    let found = backtest(&setup, "printed.yml", &["--incidents"]);
    assert_eq!(seen(&found, "true_positive"), (json!(1), json!(0), json!([breach])), "{found}");

    // Bounds are those of event time, and incidents outside of them are not asked for.
    let bounds = ["--incidents", "--from", "2026-03-03T00:00:00Z", "--to", "2026-03-04T00:00:00Z"];
    let found = backtest(&setup, "rules/unmasked.yml", &bounds);
    assert_eq!((&found["judged"], &found["findings"]), (&json!(1), &json!(1)), "{found}");
    assert_eq!(seen(&found, "true_positive"), (json!(0), json!(0), json!([])), "{found}");
}
