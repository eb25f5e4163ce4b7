//! People act while the monitor runs as several processes: a detector without a store, and one
//! that correlates and serves.

use std::fs;

use serde_json::{Value, json};

use crate::monitor::{Monitor, until};
use crate::setup::Setup;
use crate::stream::SharedBroker;

const RULE: &str = "7c0d7c7e-3f0e-4c59-8e65-0d3b7c3a5f11";

/// One rule, on unmasking; every other detector that could speak of it is off.
fn configure(setup: &Setup, brokers: &str) {
    fs::create_dir(setup.path("rules")).unwrap();
    let rule = format!(
        "title: A record was unmasked\nid: {RULE}\nstatus: test\n\
         logsource:\n    product: tidewaiter\n    category: access\n\
         detection:\n    chosen:\n        action: unmask\n    condition: chosen\nlevel: high\n"
    );
    fs::write(setup.path("rules/unmasked.yml"), rule).unwrap();
    setup.configure(brokers, "", "[data]\nrules = \"rules\"\n");
}

struct World {
    setup: Setup,
    events: u32,
}

impl World {
    /// An unmasking by `actor`, from an address of its own, at that minute; waits until it is judged.
    fn show(&mut self, minute: u32, actor: &str) {
        self.events += 1;
        let id = self.events;
        let event = format!(
            r#"{{"kind":"access","id":"e{id}","time":"2026-03-02T09:{minute:02}:00Z","actor":{{"id":"{actor}"}},"source":{{"ip":"10.0.0.{}"}},"action":"unmask","resource":{{"dataset":"pnr","record":"R-1"}},"case":"C-1"}}"#,
            actor.trim_start_matches("off-")
        );
        let topic = self.setup.input("access");
        self.setup.stream.produce(&topic, [(Some(actor.to_owned()), Some(event.into_bytes()))]);
        until("the event is judged", || match self.setup.lag()? {
            0 => Ok(()),
            behind => Err(format!("{behind} records behind")),
        });
    }

    /// How many findings the rule has told of the actor.
    fn told(&self, actor: &str) -> usize {
        let of = |f: &&Value| f["rule"] == RULE && f["actor"] == actor;
        self.setup.findings().values().filter(of).count()
    }
}

fn json_of(server: &mut Monitor, path: &str) -> Result<Value, String> {
    match server.get(path) {
        (200, body) => serde_json::from_str(&body).map_err(|error| error.to_string()),
        (status, body) => Err(format!("{status}: {body}")),
    }
}

/// The id of the incident an actor has.
#[track_caller]
fn incident_of(server: &mut Monitor, actor: &str) -> String {
    until(&format!("an incident of {actor}"), || {
        let page =
            json_of(server, &format!("/api/v1/incidents?status=open,quiet,signal&actor={actor}"))?;
        page["items"][0]["id"].as_str().map(str::to_owned).ok_or_else(|| page.to_string())
    })
}

#[track_caller]
fn done(server: &mut Monitor, path: &str, body: Value) -> Value {
    let (status, answer) = server.post(path, &body);
    assert_eq!(status, 201, "{body}: {answer}");
    serde_json::from_str(&answer).unwrap()
}

#[track_caller]
fn case(server: &mut Monitor, id: &str) -> Value {
    json_of(server, &format!("/api/v1/incidents/{id}/acts")).unwrap()
}

#[test]
fn what_people_do_lasts_and_reaches_every_process() {
    let broker = SharedBroker::get();
    let setup = Setup::new(&broker.lock(), "cases", &[("access", 1)]);
    configure(&setup, broker.lock().bootstrap());
    let config = setup.config();
    let mut server = Monitor::start_server(&config);
    let mut detector = Monitor::start_detector(&config);
    let mut world = World { setup, events: 0 };

    world.show(0, "off-1");
    assert_eq!(world.told("off-1"), 1);
    let first = incident_of(&mut server, "off-1");
    let acts = format!("/api/v1/incidents/{first}/acts");
    done(&mut server, &acts, json!({"by": "ann", "act": {"kind": "acknowledge"}}));
    done(&mut server, &acts, json!({"by": "ann", "act": {"kind": "assign", "to": "ben"}}));

    // An exception silences the rule for one actor, in a process that has no store.
    let said = detector.log().len();
    let exception = json!({"rule": RULE, "actor": "off-2", "owner": "ann", "reason": "an audit",
        "expires": "2026-12-31T00:00:00Z"});
    let (status, answer) =
        server.post("/api/v1/exceptions", &json!({"by": "ann", "exception": exception}));
    assert_eq!(status, 201, "{answer}");
    let kept: Value = serde_json::from_str(&answer).unwrap();
    detector.says_after(said, "\"reloaded\"");
    world.show(1, "off-2");
    world.show(2, "off-3");
    assert_eq!((world.told("off-2"), world.told("off-3")), (0, 1));

    // A new detector knows of it before it judges anything; a new correlator keeps what was done.
    detector.stop_well();
    server.stop_well();
    let mut server = Monitor::start_server(&config);
    let mut detector = Monitor::start_detector(&config);
    world.show(3, "off-2");
    world.show(4, "off-4");
    assert_eq!((world.told("off-2"), world.told("off-4")), (0, 1));
    let after = case(&mut server, &first);
    assert_eq!(
        (&after["case"]["state"], &after["case"]["assignee"]),
        (&json!("acknowledged"), &json!("ben"))
    );

    // Revoked, the rule speaks again, as soon as it is not repeating itself.
    let said = detector.log().len();
    let revoke = format!("/api/v1/exceptions/{}/revoke", kept["id"].as_str().unwrap());
    assert_eq!(server.post(&revoke, &json!({"by": "ann", "reason": "over"})).0, 200);
    detector.says_after(said, "\"reloaded\"");
    world.show(14, "off-2");
    assert_eq!(world.told("off-2"), 1);

    // It goes on after it was resolved: somebody has to look again.
    done(
        &mut server,
        &acts,
        json!({"by": "ben", "act": {"kind": "resolve", "resolution": "benign"}}),
    );
    world.show(15, "off-1");
    assert_eq!(world.told("off-1"), 2);
    until("reopened", || {
        let now = case(&mut server, &first);
        let last = now["acts"].as_array().and_then(|acts| acts.last()).cloned().unwrap_or_default();
        let reopened = last["act"]["kind"] == "reopen" && last["by"] == "tidewaiter";
        if reopened && now["case"]["state"] == "new" { Ok(()) } else { Err(now.to_string()) }
    });

    // Two are one, says ann, and then that they are not; a restart changes neither.
    let third = incident_of(&mut server, "off-3");
    assert_ne!(first, third);
    done(
        &mut server,
        &acts,
        json!({"by": "ann", "act": {"kind": "absorb", "incident": third.as_str()}}),
    );
    until("absorbed", || {
        let other = json_of(&mut server, &format!("/api/v1/incidents/{third}"))?;
        if other["merged_into"] == first.as_str() { Ok(()) } else { Err(other.to_string()) }
    });
    let whole = json_of(&mut server, &format!("/api/v1/incidents/{first}")).unwrap();
    let details = whole["finding_details"].as_array().unwrap();
    let theirs = details.iter().find(|f| f["actor"] == "off-3" && f["rule"] == RULE).unwrap();
    let split = json!({"by": "ann", "act": {"kind": "split", "finding": theirs["id"]}});
    done(&mut server, &acts, split);
    let apart = |server: &mut Monitor| {
        let finding = theirs["id"].as_str().unwrap();
        until("apart", || {
            let left = json_of(server, &format!("/api/v1/incidents/{first}"))?;
            let page = json_of(server, "/api/v1/incidents?status=open,quiet,signal&actor=off-3")?;
            let alone =
                page["items"][0]["findings"].as_array().is_some_and(|all| *all == [finding]);
            let gone =
                left["findings"].as_array().is_some_and(|all| !all.contains(&json!(finding)));
            if alone && gone { Ok(()) } else { Err(format!("{left} {page}")) }
        });
    };
    apart(&mut server);
    server.stop_well();
    let mut server = Monitor::start_server(&config);
    apart(&mut server);
    world.show(30, "off-1");
    apart(&mut server);
    detector.stop_well();
    server.stop_well();
}
