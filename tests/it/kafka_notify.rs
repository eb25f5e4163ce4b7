//! A webhook hears of every incident, once by its idempotency keys, through a kill of the process.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use crate::monitor::{Monitor, until};
use crate::setup::Setup;
use crate::simulated::Simulated;
use crate::stream::SharedBroker;

const INPUTS: [(&str, i32); 3] = [("access", 3), ("auth", 3), ("network", 3)];

/// What was received, by idempotency key.
type Heard = Arc<Mutex<BTreeMap<String, Value>>>;

fn receiver() -> (String, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let heard = Heard::default();
    let kept = Arc::clone(&heard);
    thread::spawn(move || {
        for (count, stream) in listener.incoming().enumerate() {
            let Ok(stream) = stream else { continue };
            // The first two are refused, and come again.
            let _ = answer(stream, count >= 2, &kept);
        }
    });
    (url, heard)
}

fn answer(mut stream: TcpStream, take: bool, heard: &Heard) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut key, mut length, mut line) = (String::new(), 0, String::new());
    while reader.read_line(&mut line)? > 2 {
        let (name, value) = line.split_once(':').unwrap_or_default();
        match name.to_lowercase().as_str() {
            "idempotency-key" => value.trim().clone_into(&mut key),
            "content-length" => length = value.trim().parse().unwrap(),
            _ => {}
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let status = if take { "200 OK" } else { "500 Internal Server Error" };
    if take {
        heard.lock().unwrap().insert(key, serde_json::from_slice(&body).unwrap());
    }
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

/// A monitor of an hour that lies in the past, with one webhook; `notify` goes below `[notify]`.
fn with_a_desk(
    broker: &SharedBroker,
    name: &str,
    breaches: &str,
    notify: &str,
) -> (Setup, Simulated, Heard) {
    let setup = Setup::new(&broker.lock(), name, &INPUTS);
    let simulated = Simulated::hour_with(&setup.folder, 7, 400, breaches);
    let (url, heard) = receiver();
    std::fs::write(setup.path("hook.key"), "0123456789abcdef0123456789abcdef").unwrap();
    let rest = format!(
        "{}[notify]\n{notify}\n[[notify.sink]]\nname = \"desk\"\nkind = \"webhook\"\n\
         url = \"{url}\"\nseverity_min = \"medium\"\nsecret = {{ file = \"hook.key\" }}\n",
        simulated.data_section()
    );
    setup.configure(broker.lock().bootstrap(), "", &rest);
    (setup, simulated, heard)
}

#[test]
fn a_start_over_a_backlog_is_told_in_one_notice() {
    let broker = SharedBroker::get();
    let (setup, simulated, heard) = with_a_desk(&broker, "backlog", "all", "fold_wait_s = 30");
    simulated.produce(&setup);
    let monitor = Monitor::start(&setup.config());
    setup.settled();
    until("the notice", || match heard.lock().unwrap().len() {
        0 => Err("none yet".to_owned()),
        _ => Ok(()),
    });
    let stands = |incident: &Value| incident["status"] != "merged";
    let incidents = setup.opened().into_iter().filter(stands).count();
    assert!(incidents > 1, "{incidents}");
    let heard: Vec<Value> = heard.lock().unwrap().values().cloned().collect();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!(heard[0]["kind"], "backlog");
    assert_eq!(heard[0]["count"], incidents);
    monitor.stop_well();
}

#[test]
fn a_webhook_hears_of_every_incident_and_of_none_that_is_not_there() {
    let broker = SharedBroker::get();
    let (setup, simulated, heard) =
        with_a_desk(&broker, "notify", "bulk-dump", "fold_older_than_s = 0");
    let first = Monitor::start(&setup.config());
    simulated.produce(&setup);
    let opened = || -> BTreeSet<String> {
        let heard = heard.lock().unwrap();
        let opened = heard.values().filter(|notice| notice["kind"] == "opened");
        opened.map(|notice| notice["incident"].as_str().unwrap().to_owned()).collect()
    };
    until("a first notice", || if opened().is_empty() { Err("none yet".into()) } else { Ok(()) });
    first.kill();
    let second = Monitor::start(&setup.config());
    setup.settled();
    until("a notice of every incident", || {
        let stored = setup.opened();
        let stored: BTreeSet<String> =
            stored.iter().map(|incident| incident["id"].as_str().unwrap().to_owned()).collect();
        let told = opened();
        let missing: Vec<_> = stored.difference(&told).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("not told: {missing:?}")) }
    });
    let keys = heard.lock().unwrap().values().filter(|n| n["kind"] == "opened").count();
    assert_eq!(keys, opened().len(), "an incident that opened has one key");
    second.stop_well();
}
