//! Sinks against the real thing: Alertmanager itself shows what it was told.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tidewaiter::adapters::notify::{Attempt, Facts, NotifyConfig, Sink};
use tidewaiter::adapters::telemetry::now;
use tidewaiter::engine::model::Severity;

use crate::broker::free_port;
use crate::monitor::until;

struct Alertmanager {
    process: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Debian's, the system's or the copy that `scripts/setup` unpacks.
fn binary() -> PathBuf {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(".cache/prometheus/usr/bin/prometheus-alertmanager");
    if ours.exists() { ours } else { "prometheus-alertmanager".into() }
}

impl Alertmanager {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("alertmanager.yml");
        std::fs::write(&config, "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
            .unwrap();
        let port = free_port().unwrap();
        let process = Command::new(binary())
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus-alertmanager starts; scripts/setup test fetches it");
        let this = Self { process, url: format!("http://127.0.0.1:{port}"), _folder: folder };
        until("Alertmanager is ready", || this.get("/-/ready").map(drop));
        this
    }

    fn get(&self, path: &str) -> Result<String, String> {
        let got = ureq::get(format!("{}{path}", self.url)).call();
        got.and_then(|mut answer| answer.body_mut().read_to_string()).map_err(|e| e.to_string())
    }

    /// Alerts that fire, as `(incident, severity)`, with what else there is.
    fn firing(&self) -> Vec<Value> {
        let all = self.get("/api/v2/alerts?active=true").unwrap();
        serde_json::from_str(&all).unwrap()
    }
}

fn attempt(facts: &Facts, before: Option<Facts>) -> Attempt {
    Attempt { key: "key-1".into(), payload: facts.json(), before, now_ms: now().millis() }
}

#[test]
fn alertmanager_shows_an_incident_once_raises_it_and_resolves_it() {
    let alertmanager = Alertmanager::start();
    let config: NotifyConfig = toml::from_str(&format!(
        "console_url = \"https://console.example\"\n\
         [[sink]]\nname = \"am\"\nkind = \"alertmanager\"\nurl = \"{}\"\n",
        alertmanager.url
    ))
    .unwrap();
    let sink = Sink::new(&config.sink[0]).unwrap();
    let opened = Facts {
        kind: "opened".into(),
        incident: "4f3c".into(),
        title: "Bulk read by off-10442".into(),
        severity: Severity::High,
        time: now(),
        link: Some("https://console.example/incidents/4f3c".into()),
        ..Facts::default()
    };
    // Twice, as after an answer that was lost.
    sink.send(&attempt(&opened, None)).unwrap();
    sink.send(&attempt(&opened, None)).unwrap();
    until("one alert", || match alertmanager.firing().len() {
        1 => Ok(()),
        n => Err(format!("{n} alerts")),
    });
    let alert = alertmanager.firing().remove(0);
    assert_eq!(alert["labels"]["alertname"], "TidewaiterIncident");
    assert_eq!(alert["labels"]["incident"], "4f3c");
    assert_eq!(alert["generatorURL"], "https://console.example/incidents/4f3c");
    assert!(!alert["labels"].to_string().contains("off-10442"), "{alert}");

    let raised =
        Facts { kind: "severity_raised".into(), severity: Severity::Critical, ..opened.clone() };
    sink.send(&attempt(&raised, Some(opened))).unwrap();
    until("the alert of the higher severity only", || {
        let firing = alertmanager.firing();
        let severities: Vec<&Value> = firing.iter().map(|a| &a["labels"]["severity"]).collect();
        if severities == ["critical"] { Ok(()) } else { Err(format!("{severities:?}")) }
    });

    let quiet = Facts { kind: "quiet".into(), ..raised.clone() };
    sink.send(&attempt(&quiet, Some(raised))).unwrap();
    until("no alert", || match alertmanager.firing().len() {
        0 => Ok(()),
        n => Err(format!("{n} alerts")),
    });
}
