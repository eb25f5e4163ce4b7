//! Brokers that ask who one is: each kind of security by configuration, and what is said when it
//! is wrong.

use std::fs;

use crate::broker::{Broker, BrokerOptions, Security};
use crate::monitor::{Monitor, until};
use crate::setup::Setup;

/// The configuration's words for a broker's demands.
fn kafka_section(security: Security, broker: &Broker, setup: &Setup, password: &str) -> String {
    let mut text = format!(
        "security = \"{}\"\n",
        match security {
            Security::Plaintext => "plaintext",
            Security::Tls => "tls",
            Security::SaslTlsScram | Security::SaslTlsPlain => "sasl_tls",
            Security::SaslPlaintext => "sasl_plaintext",
        }
    );
    if let Some(ca) = broker.ca_file() {
        text += &format!("[kafka.tls]\nca_file = \"{}\"\n", ca.display());
    }
    let mechanism = match security {
        Security::Plaintext | Security::Tls => return text,
        Security::SaslTlsScram => "SCRAM-SHA-256",
        Security::SaslTlsPlain | Security::SaslPlaintext => "PLAIN",
    };
    fs::write(setup.path("password"), format!("{password}\n")).unwrap();
    let (user, _) = broker.credentials();
    text + &format!(
        "[kafka.sasl]\nmechanism = \"{mechanism}\"\nusername = \"{user}\"\n\
         password = {{ file = \"password\" }}\n"
    )
}

/// Somebody who left in January reads in March.
const DIRECTORY: &str = "[[actor]]\nid = \"off-1\"\nleft = \"2026-01-31T00:00:00Z\"\n";

fn read(number: u32) -> String {
    format!(
        r#"{{"kind":"access","id":"e{number}","time":"2026-03-02T09:00:{number:02}Z","actor":{{"id":"off-1"}},"action":"read","resource":{{"dataset":"pnr"}}}}"#
    )
}

/// Reads and writes with the right credentials, and says clearly why not with wrong ones.
fn check(security: Security) {
    let broker = Broker::start(BrokerOptions { security, ..Default::default() }).unwrap();
    let setup = Setup::new(&broker, "secured", &[("access", 1)]);
    fs::write(setup.path("directory.toml"), DIRECTORY).unwrap();
    let rest = "[data]\ndirectory = \"directory.toml\"\n";
    let (_, password) = broker.credentials();
    let right = kafka_section(security, &broker, &setup, password);
    setup.configure(broker.bootstrap(), &right, rest);
    let records = (0..20).map(|number| (Some("off-1".to_owned()), Some(read(number).into_bytes())));
    setup.stream.produce(&setup.input("access"), records);
    let monitor = Monitor::start(&setup.config());
    setup.settled();
    let findings = setup.findings();
    assert!(findings.values().any(|finding| finding["detector"] == "leaver"), "{findings:?}");
    let log = monitor.stop_well();
    assert!(!log.join("\n").contains(password), "the log shows the password");
    assert_eq!(setup.lag(), Ok(0));

    if security.mechanism().is_some() {
        let wrong = "wrong-4711-password";
        let text = kafka_section(security, &broker, &setup, wrong);
        setup.configure(broker.bootstrap(), &text, rest);
        check_refused(&setup, &["uthentication"], wrong);
    }
    if let Some(stranger) = broker.stranger_ca_file() {
        let right = kafka_section(security, &broker, &setup, password);
        let ca = broker.ca_file().unwrap().display().to_string();
        let text = right.replace(&ca, &stranger.display().to_string());
        setup.configure(broker.bootstrap(), &text, rest);
        check_refused(&setup, &["certificate", "ssl.ca.location"], password);
    }
}

/// The monitor stays, one line of the log names the reason, and none holds the password.
fn check_refused(setup: &Setup, reasons: &[&str], password: &str) {
    let mut monitor = Monitor::start(&setup.config());
    let line = until("a log line with the reason", || {
        monitor.assert_alive();
        let log = monitor.log();
        let told = |line: &&String| reasons.iter().any(|reason| line.contains(reason));
        log.iter().find(told).cloned().ok_or_else(|| log.join("\n"))
    });
    println!("{line}");
    assert!(line.contains("WARN") || line.contains("ERROR"), "{line}");
    let log = monitor.stop_well();
    assert!(!log.join("\n").contains(password), "the log shows the password");
}

#[test]
fn tls() {
    check(Security::Tls);
}

#[test]
fn scram_over_tls() {
    check(Security::SaslTlsScram);
}

#[test]
fn plain_over_tls() {
    check(Security::SaslTlsPlain);
}

#[test]
fn plain_in_the_clear() {
    check(Security::SaslPlaintext);
}
