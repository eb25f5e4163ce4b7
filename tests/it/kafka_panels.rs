//! Every query of every dashboard, answered by Prometheus itself, which scrapes a running monitor
//! under a simulated agency's load.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use crate::broker::free_port;
use crate::monitor::{Monitor, succeed, until};
use crate::setup::Setup;
use crate::simulated::Simulated;
use crate::stream::SharedBroker;

const INPUTS: [(&str, i32); 3] = [("access", 2), ("auth", 1), ("network", 2)];
/// What Grafana puts in a query, for a scrape each second.
const VARIABLES: [(&str, &str); 3] =
    [("$instance", ".+"), ("$__rate_interval", "8s"), ("$__range", "1h")];
/// Records in one burst, and between two of them.
const BURST: usize = 400;
const PAUSE: Duration = Duration::from_millis(200);

struct Prometheus {
    process: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Debian's, the system's or the copy that `scripts/setup` unpacks.
fn binary() -> PathBuf {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/prometheus/usr/bin/prometheus");
    if ours.exists() { ours } else { "prometheus".into() }
}

impl Prometheus {
    /// Scrapes `target` each second.
    fn start(target: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n\
             - job_name: tidewaiter\n  static_configs: [{{targets: [\"{target}\"]}}]\n"
        );
        std::fs::write(&config, text).unwrap();
        let port = free_port().unwrap();
        let process = Command::new(binary())
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus starts; scripts/setup test fetches it");
        Self { process, url: format!("http://127.0.0.1:{port}"), _folder: folder }
    }

    /// What it answers: `data`, or its complaint.
    fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let mut request = ureq::get(format!("{}{path}", self.url));
        for (name, value) in parameters {
            request = request.query(*name, *value);
        }
        let answer = request.config().http_status_as_error(false).build().call();
        let mut answer = answer.map_err(|error| error.to_string())?;
        let text = answer.body_mut().read_to_string().map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_str(&text).map_err(|e| format!("{e}: {text}"))?;
        match answer["status"].as_str() {
            Some("success") => Ok(answer["data"].clone()),
            _ => Err(answer["error"].to_string()),
        }
    }

    /// Asks as Grafana does: for this moment, or for the last minutes.
    fn run(&self, query: &Query) -> Result<Value, String> {
        if query.instant {
            return self.ask("/api/v1/query", &[("query", &query.text)]);
        }
        let now = self.ask("/api/v1/query", &[("query", "time()")])?;
        let now = now["result"][0].as_f64().ok_or("no time")?;
        let (start, end) = (format!("{:.3}", now - 120.0), format!("{now:.3}"));
        let parameters = [("query", query.text.as_str()), ("start", &start), ("end", &end)];
        self.ask("/api/v1/query_range", &[&parameters[..], &[("step", "2")]].concat())
    }
}

struct Query {
    panel: String,
    text: String,
    instant: bool,
}

/// Of every panel of every dashboard, rows opened.
fn queries() -> Vec<Query> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/grafana");
    let mut queries = Vec::new();
    for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let none = Vec::new();
        let list = |value: &Value| value.as_array().unwrap_or(&none).clone();
        let panels = list(&dashboard["panels"]);
        let within = panels.iter().flat_map(|panel| list(&panel["panels"])).collect::<Vec<_>>();
        for panel in panels.iter().chain(&within) {
            for target in list(&panel["targets"]) {
                let mut text = target["expr"].as_str().unwrap().to_owned();
                for (variable, value) in VARIABLES {
                    text = text.replace(variable, value);
                }
                assert!(!text.contains('$'), "{name}: a variable this test does not know: {text}");
                let panel = format!("{name}: {}", panel["title"].as_str().unwrap());
                queries.push(Query { panel, text, instant: target["instant"] == true });
            }
        }
    }
    queries
}

/// True where there is a number in it, be it 0.
fn has_a_number(data: &Value) -> bool {
    let number = |pair: &Value| pair[1].as_str().is_some_and(|text| text != "NaN");
    let series = data["result"].as_array().cloned().unwrap_or_default();
    series.iter().any(|one| {
        number(&one["value"]) || one["values"].as_array().is_some_and(|v| v.iter().any(number))
    })
}

/// Sends the hour again and again, with a broken record in each burst.
fn load(setup: &Setup, simulated: &Simulated, stop: &Arc<AtomicBool>) -> JoinHandle<()> {
    let feed = setup.stream.feed();
    let records: Vec<_> = simulated
        .in_order()
        .into_iter()
        .map(|(input, record)| (setup.input(input), record))
        .collect();
    let (access, stop) = (setup.input("access"), Arc::clone(stop));
    thread::spawn(move || {
        for burst in records.chunks(BURST).cycle() {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            burst.iter().for_each(|(topic, record)| feed.send(topic, record));
            feed.send(&access, &(None, Some(b"{\"kind\":".to_vec())));
            feed.pause(PAUSE);
        }
    })
}

/// Takes every notice.
fn receiver() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            // However much of the request has come: the answer closes the connection.
            let _ = stream.read(&mut [0; 4_096]);
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    url
}

/// Of a quiet month before, so that thresholds follow the alert budget from the start.
fn learned(setup: &Setup) -> PathBuf {
    let (month, learned) = (setup.path("month.ndjson"), setup.path("learned"));
    let of_month = ["simulate", "--profile", "month", "--breaches", "none", "--actors", "200"];
    let size = ["--duration", "10d", "--scale", "0.05", "--start", "2026-01-05T00:00:00Z", "--out"];
    let output = of_month.into_iter().chain(size).map(OsStr::new).chain([month.as_os_str()]);
    succeed(output);
    let learn = ["learn".as_ref(), "--from".as_ref(), month.as_os_str(), "--output".as_ref()];
    succeed(learn.into_iter().chain([learned.as_os_str()]));
    learned
}

#[test]
fn every_query_of_every_dashboard_is_answered() {
    let queries = queries();
    assert!(queries.len() > 50, "{} queries", queries.len());
    let broker = SharedBroker::get();
    let setup = Setup::new(&broker.lock(), "panels", &INPUTS);
    let simulated = Simulated::hour_with(&setup.folder, 7, 400, "all");
    std::fs::write(setup.path("hook.key"), "0123456789abcdef0123456789abcdef").unwrap();
    let rest = format!(
        "{}learned = \"{}\"\n[notify]\nfold_older_than_s = 0\n[[notify.sink]]\nname = \"desk\"\nkind = \"webhook\"\n\
         url = \"{}\"\nseverity_min = \"medium\"\nsecret = {{ file = \"hook.key\" }}\n",
        simulated.data_section(),
        learned(&setup).display(),
        receiver()
    );
    setup.configure(broker.lock().bootstrap(), "", &rest);
    let mut monitor = Monitor::start(&setup.config());
    let line = monitor.says("console at http://");
    let (_, address) = line.split_once("console at http://").unwrap();
    let prometheus = Prometheus::start(&address[..address.find('/').unwrap()]);
    until("a first scrape", || {
        let up = prometheus.ask("/api/v1/query", &[("query", "tidewaiter_build_info")])?;
        if has_a_number(&up) { Ok(()) } else { Err(up.to_string()) }
    });

    let stop = Arc::new(AtomicBool::new(false));
    let load = load(&setup, &simulated, &stop);
    until("an open incident", || match monitor.get("/api/v1/incidents?status=open").1 {
        page if page.contains("\"id\"") => Ok(()),
        page => Err(page),
    });
    let catalogue = std::fs::read_to_string(setup.path("catalogue.toml")).unwrap();
    std::fs::write(setup.path("beside"), catalogue + "\n# looked at again\n").unwrap();
    std::fs::rename(setup.path("beside"), setup.path("catalogue.toml")).unwrap();
    monitor.says("\"reloaded\"");

    let mut empty: BTreeSet<usize> = (0..queries.len()).collect();
    until("an answer to every query", || {
        for (number, query) in queries.iter().enumerate() {
            let data = prometheus.run(query);
            let data = data.unwrap_or_else(|e| panic!("{}: {e}: {}", query.panel, query.text));
            if has_a_number(&data) {
                empty.remove(&number);
            }
        }
        let left: Vec<String> = empty
            .iter()
            .map(|&number| format!("{}: {}", queries[number].panel, queries[number].text))
            .collect();
        if left.is_empty() { Ok(()) } else { Err(left.join("\n")) }
    });
    // What the dashboards' own list of instances is filled from.
    let instances = prometheus
        .ask("/api/v1/label/instance/values", &[("match[]", "tidewaiter_build_info")])
        .unwrap();
    assert_eq!(instances.as_array().map(Vec::len), Some(1), "{instances}");
    stop.store(true, Ordering::Relaxed);
    load.join().unwrap();
    monitor.stop_well();
}
