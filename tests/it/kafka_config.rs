//! Configurations that cannot work, and topics that are not there: said at once, with exit code 3.

use std::fs;

use crate::monitor::{Monitor, tidewaiter, until};
use crate::setup::Setup;
use crate::stream::SharedBroker;

/// A configuration with a dozen mistakes in every room, and the secret where it must not be.
const MISTAKES: &str = r#"
[kafka]
brokers = "broker-without-port"
partitions = "three"
partitons = 5
prefix = "with space"
commit_interval_ms = 5
security = "sasl_tls"
[kafka.client]
"ssl.key.pasword" = "high-tide-4711"
"fetch.wait.max.ms" = "low-tide-4711"
"sasl.password" = 4711471147
"enable.auto.commit" = "true"
[kafka.tls]
ca_file = "nowhere.pem"
[kafka.sasl]
mechanism = "PLAIN"
username = "tidewaiter"
password = "low-tide-4711"
[store]
path = "a.db"
url = "postgres://tidewaiter:low-tide-4711@localhost/tide"
password = "low-tide-4711"
[data]
catalogue = "missing.toml"
directory = 7
[http]
listen = "everywhere"
[time]
allowed_lateness_s = 999999
[detect.bulk_read]
mode = "yes"
[[input]]
topic = "access"
format = "xml"
[[input]]
topc = "auth"
"#;

/// Key, and what is said of it: the value or what is allowed.
const NAMED: [(&str, &str); 22] = [
    ("kafka.client.enable.auto.commit", "decided by Tidewaiter"),
    ("kafka.brokers", "broker-without-port"),
    ("kafka.brokers", "host:port"),
    ("kafka.partitions", "three"),
    ("kafka.partitions", "expected a whole number"),
    ("kafka.partitons", "`partitions`"),
    ("kafka.client.ssl.key.pasword", "no setting of librdkafka"),
    ("kafka.client.fetch.wait.max.ms", "does not take"),
    ("kafka.client.sasl.password", "text between quotes"),
    ("data.directory", "expected text between quotes"),
    ("kafka.prefix", "with space"),
    ("kafka.commit_interval_ms", "10 to 60000 milliseconds, got 5"),
    ("kafka.tls.ca_file", "nowhere.pem"),
    ("kafka.sasl.password", "file"),
    ("store.url", "give `store.path` (SQLite) or `store.url` (PostgreSQL), not both"),
    ("store.url", "a password does not stand in this file"),
    ("store.password", "file"),
    ("data.catalogue", "missing.toml"),
    ("http.listen", "everywhere"),
    ("time.allowed_lateness_s", "0 to 86400 seconds, got 999999"),
    ("detect.bulk_read.mode", "until_learned"),
    ("input[0].format", "xml"),
];

#[test]
fn every_mistake_is_named_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tidewaiter.toml");
    fs::write(&path, MISTAKES).unwrap();
    let path = path.to_str().unwrap();
    for command in [vec!["config", "check", "-c", path], vec!["run", "-c", path]] {
        let output = tidewaiter(&command);
        assert_eq!(output.status.code(), Some(3), "{command:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        for (key, words) in NAMED {
            let named =
                said.lines().any(|l| l.starts_with(&format!("{key}:")) && l.contains(words));
            assert!(named, "{command:?} does not say `{words}` of {key}:\n{said}");
        }
        assert!(said.contains("input[1].topc: unknown field"), "{said}");
        for secret in ["low-tide-4711", "high-tide-4711", "4711471147"] {
            assert!(!said.contains(secret), "a secret is shown:\n{said}");
        }
    }
}

/// What the monitor writes to its own topics would come in again, and what comes of that too.
#[test]
fn what_cannot_work_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tidewaiter.toml");
    let text = "[kafka]\nprefix = \"tide\"\nsecurity = \"sasl_plaintext\"\n[kafka.sasl]\nmechanism = \"PLAIN\"\nusername = \"\"\npassword = {env = \"HOME\"}\n[detect.bulk_read.roles.clerk]\nsubjects = [5, 4, 3]\n[[notify.sink]]\n[[input]]\ntopic = \"tide.deadletter\"\n[[input]]\ntopic = \"tide.changelog.access\"\n";
    fs::write(&path, text).unwrap();
    let output = tidewaiter(["config", "check", "-c", path.to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    for wrong in [
        "input[0].topic: `tide.deadletter`",
        "input[1].topic: `tide.changelog.access`",
        "kafka.sasl.username: must not be empty",
        "detect.bulk_read.roles.clerk: missing field `records`",
        "detect.bulk_read.roles.clerk: missing field `bytes`",
        "notify.sink[0]: missing field `name`",
        "notify.sink[0]: missing field `kind`",
    ] {
        assert!(said.contains(wrong), "{said}");
    }
}

#[test]
fn a_missing_topic_is_named_where_none_may_be_created() {
    let broker = SharedBroker::get();
    let setup = Setup::new(&broker.lock(), "uncreated", &[("access", 1)]);
    let brokers = broker.lock().bootstrap().to_owned();
    setup.configure(&brokers, "create_topics = false", "");
    let (status, log) = Monitor::start(&setup.config()).ended();
    assert_eq!(status.code(), Some(3), "{log:#?}");
    let last = log.last().unwrap();
    assert!(last.contains(&setup.own("findings")), "{last}");
    assert!(last.contains("create_topics"), "{last}");
    assert!(!setup.stream.topics().contains(&setup.own("findings")));

    setup.configure(&brokers, "create_topics = true", "");
    let mut monitor = Monitor::start(&setup.config());
    monitor.says("partitions assigned");
    let topics = setup.stream.topics();
    for own in ["findings", "evidence", "watch", "alerts", "deadletter"] {
        assert!(topics.contains(&setup.own(own)), "{own} is not among {topics:?}");
    }
    monitor.stop_well();

    // What was made is found again by one who may make nothing.
    setup.configure(&brokers, "create_topics = false", "");
    let mut monitor = Monitor::start(&setup.config());
    monitor.says("partitions assigned");
    monitor.stop_well();
}

#[test]
fn an_input_topic_may_come_later() {
    let broker = SharedBroker::get();
    let setup = Setup::without_topics(&broker.lock(), "later", &[("access", 1)]);
    let brokers = broker.lock().bootstrap().to_owned();
    setup.configure(
        &brokers,
        "[kafka.client]\n\"topic.metadata.refresh.interval.ms\" = \"500\"",
        "",
    );
    let mut monitor = Monitor::start(&setup.config());
    let line = monitor.says("input topic does not exist yet");
    assert!(line.contains(&setup.input("access")), "{line}");
    until("a reason", || {
        let (status, body) = monitor.get("/readyz");
        assert_eq!(status, 503, "{body}");
        let reasons = &serde_json::from_str::<serde_json::Value>(&body).unwrap()["reasons"];
        let named = format!("`{}` does not exist", setup.input("access"));
        let is_named = |reason: &serde_json::Value| reason.as_str().unwrap().contains(&named);
        reasons.as_array().unwrap().iter().any(is_named).then_some(()).ok_or(body)
    });
    let missing = format!("tidewaiter_input_missing{{topic=\"{}\"}}", setup.input("access"));
    let (_, metrics) = monitor.get("/metrics");
    assert!(metrics.contains(&format!("{missing} 1")), "{metrics}");
    broker.lock().create_topic(&setup.input("access"), 1).unwrap();
    let event =
        r#"{"kind":"access","id":"e1","time":"2026-03-02T09:00:00Z","actor":{"id":"off-1"}}"#;
    setup.stream.produce(&setup.input("access"), [(None, Some(event.into()))]);
    setup.settled();
    until("readiness", || match monitor.get("/readyz") {
        (200, _) => Ok(()),
        (_, body) => Err(body),
    });
    let (_, metrics) = monitor.get("/metrics");
    assert!(metrics.contains(&format!("{missing} 0")), "{metrics}");
    monitor.stop_well();
}

/// What `config check` says of a configuration, line by line.
fn said_of(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tidewaiter.toml");
    fs::write(&path, text).unwrap();
    let output = tidewaiter(["config", "check", "-c", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3), "{text}");
    String::from_utf8(output.stderr).unwrap().lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn what_is_wrong_is_not_called_missing_too() {
    let said = said_of(
        "[kafka]\nsecurity = \"sasl_tls\"\n[kafka.sasl]\nmechanism = \"SCRAM-SHA-1\"\n\
         username = \"tidewaiter\"\npassword = { env = \"PATH\" }\n[[input]]\ntopic = \"access\"\n",
    );
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(
        said[0].starts_with("kafka.sasl.mechanism: unknown variant `SCRAM-SHA-1`"),
        "{said:#?}"
    );
    let said = said_of("[kafka.sasl]\nmechanism = 7\n");
    assert_eq!(
        said,
        [
            "kafka.sasl.mechanism: must be text between quotes",
            "kafka.sasl: missing field `username`",
            "kafka.sasl: missing field `password`",
            "kafka.security: must be sasl_plaintext or sasl_tls where [kafka.sasl] is given",
        ]
    );
    let said = said_of("[kafka.sasl]\nmechanism = \"MD5\"\nusername = \"tidewaiter\"\n");
    assert!(said[0].starts_with("kafka.sasl.mechanism: unknown variant `MD5`"), "{said:#?}");
    assert!(said.contains(&"kafka.sasl: missing field `password`".into()), "{said:#?}");
}

/// Of the files a configuration names, too: what is in one does not hide what is in the next.
#[test]
fn every_file_that_is_wrong_is_named_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let configured = |text: &str| {
        let path = folder.path().join("tidewaiter.toml");
        fs::write(&path, text).unwrap();
        let output = tidewaiter(["config", "check", "-c", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(3), "{text}");
        String::from_utf8(output.stderr).unwrap()
    };
    let said = configured(
        "[kafka]\nsecurity = \"sasl_tls\"\n[kafka.sasl]\nmechanism = \"PLAIN\"\n\
         username = \"tidewaiter\"\npassword = { file = \"no-password\" }\n[[input]]\ntopic = \"access\"\n\
         [store]\npath = \".\"\n[[notify.sink]]\nname = \"desk\"\nkind = \"webhook\"\n\
         url = \"https://desk.example/hook\"\nsecret = { file = \"no-key\" }\n",
    );
    for (key, words) in [
        ("kafka.sasl.password", "no-password does not exist"),
        ("notify.sink[0].secret", "no-key does not exist"),
        ("store.path", "must be a file"),
    ] {
        let named = said.lines().any(|l| l.starts_with(&format!("{key}:")) && l.contains(words));
        assert!(named, "{said}");
    }
    let files = ["catalogue", "directory", "exceptions", "regimes", "placeholders"];
    for file in files {
        fs::write(folder.path().join(format!("{file}.toml")), "[[unclosed\n").unwrap();
    }
    fs::write(folder.path().join("ca.pem"), "no certificate\n").unwrap();
    let named = files.map(|file| format!("{file} = \"{file}.toml\"\n")).concat();
    let said = configured(&format!(
        "[[input]]\ntopic = \"access\"\n[data]\n{named}[[notify.sink]]\nname = \"desk\"\nkind = \"email\"\n\
         url = \"smtp://mail.example\"\nfrom = \"a@b.example\"\nto = [\"c@d.example\"]\nca_file = \"ca.pem\"\n"
    ));
    assert!(said.contains("sink `desk` cannot be served:"), "{said}");
    assert!(said.contains("ca.pem holds no certificate"), "{said}");
    for file in files {
        assert!(said.contains(&format!("{file}.toml")), "{file} is not named:\n{said}");
    }
}

#[test]
fn items_of_a_list_keep_their_numbers() {
    let said = said_of(
        "[[input]]\nformat = \"zeek\"\n[[input]]\ntopic = \"a\"\n[[input]]\ntopc = \"b\"\n\
         [[input]]\ntopic = \"c\"\nformat = \"xml\"\n",
    );
    let begins = |key: &str| said.iter().any(|line| line.starts_with(key));
    assert!(begins("input[0]: missing field `topic`"), "{said:#?}");
    assert!(begins("input[2].topc: unknown field"), "{said:#?}");
    assert!(begins("input[2]: missing field `topic`"), "{said:#?}");
    assert!(begins("input[3].format: unknown format `xml`"), "{said:#?}");
}

/// A key with what was meant; a detector that nothing takes the place of waits for nothing.
#[test]
fn detectors_settings_are_told_with_what_was_meant() {
    let said = said_of(
        "[[input]]\ntopic = \"access\"\n[detect.baselin]\n[detect.baseline]\nnovlty = \"on\"\n\
         sequence = \"shadwo\"\nid_block = \"until_learned\"\n[detect.egress]\nfloor_byte = 1\n\
         [detect.beacon]\nmode = \"until_learned\"\n",
    );
    for line in [
        "detect.baselin: unknown field `baselin`; did you mean `baseline`?",
        "detect.baseline.novlty: unknown field `novlty`; did you mean `novelty`?",
        "detect.baseline.sequence: unknown variant `shadwo`; did you mean `shadow`?",
        "detect.baseline.id_block: must be on, shadow or off: nothing that learns takes its place",
        "detect.egress.floor_byte: unknown field `floor_byte`; did you mean `floor_bytes`?",
        "detect.beacon.mode: must be on, shadow or off: nothing that learns takes its place",
    ] {
        assert!(said.iter().any(|told| told.starts_with(line)), "{line}\n{said:#?}");
    }
}
