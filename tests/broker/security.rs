//! How clients must identify themselves, and the certificates for it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{PASSWORD, USER};

/// What the broker's client listener demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    Plaintext,
    /// TLS, the client stays anonymous.
    Tls,
    /// TLS and SCRAM-SHA-512 (SCRAM-SHA-256 is accepted too).
    SaslTlsScram,
    /// TLS and PLAIN.
    SaslTlsPlain,
    /// PLAIN without TLS.
    SaslPlaintext,
}

impl Security {
    /// Every kind, for tests that try them all.
    pub const ALL: [Self; 5] =
        [Self::Plaintext, Self::Tls, Self::SaslTlsScram, Self::SaslTlsPlain, Self::SaslPlaintext];

    pub fn uses_tls(self) -> bool {
        matches!(self, Self::Tls | Self::SaslTlsScram | Self::SaslTlsPlain)
    }

    /// Kafka's `security.protocol`.
    pub fn protocol(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Tls => "SSL",
            Self::SaslTlsScram | Self::SaslTlsPlain => "SASL_SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
        }
    }

    /// Kafka's `sasl.mechanism`, where the broker wants credentials.
    pub fn mechanism(self) -> Option<&'static str> {
        match self {
            Self::Plaintext | Self::Tls => None,
            Self::SaslTlsScram => Some("SCRAM-SHA-512"),
            Self::SaslTlsPlain | Self::SaslPlaintext => Some("PLAIN"),
        }
    }

    /// Arguments to `StorageTool format`: SCRAM users are part of the first metadata.
    pub(super) fn format_arguments(self) -> Vec<String> {
        if self != Self::SaslTlsScram {
            return Vec::new();
        }
        ["SCRAM-SHA-256", "SCRAM-SHA-512"]
            .iter()
            .flat_map(|mechanism| {
                let user = format!("{mechanism}=[name={USER},password={PASSWORD}]");
                ["--add-scram".to_owned(), user]
            })
            .collect()
    }

    pub(super) fn broker_properties(self, tls: Option<&TlsFiles>) -> String {
        let mut text = String::new();
        if let Some(tls) = tls {
            text.push_str(&format!(
                "listener.name.client.ssl.keystore.type=PEM\n\
                 listener.name.client.ssl.keystore.location={}\n\
                 listener.name.client.ssl.client.auth=none\n",
                tls.key_and_certificate.display()
            ));
        }
        match self {
            Self::Plaintext | Self::Tls => {}
            Self::SaslTlsScram => {
                text.push_str("sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512\n");
                for mechanism in ["scram-sha-256", "scram-sha-512"] {
                    text.push_str(&format!(
                        "listener.name.client.{mechanism}.sasl.jaas.config=\
                         org.apache.kafka.common.security.scram.ScramLoginModule required;\n"
                    ));
                }
            }
            Self::SaslTlsPlain | Self::SaslPlaintext => text.push_str(&format!(
                "sasl.enabled.mechanisms=PLAIN\n\
                 listener.name.client.plain.sasl.jaas.config=\
                 org.apache.kafka.common.security.plain.PlainLoginModule required \
                 user_{USER}=\"{PASSWORD}\";\n"
            )),
        }
        text
    }
}

/// A certificate authority of the test's own, the broker's key, and a second authority that has
/// nothing to do with it.
pub struct TlsFiles {
    pub ca: PathBuf,
    pub stranger_ca: PathBuf,
    /// One PEM file, as Kafka wants it: the key, then its certificate.
    pub key_and_certificate: PathBuf,
}

impl TlsFiles {
    pub fn generate(folder: &Path) -> Result<Self, String> {
        let name = |file: &str| folder.join(file);
        let path = |file: &str| name(file).to_string_lossy().into_owned();
        for (authority, subject) in [("ca", "/CN=Test authority"), ("stranger", "/CN=Stranger")] {
            let (key, certificate) =
                (path(&format!("{authority}.key")), path(&format!("{authority}.pem")));
            let request = ["req", "-x509", "-days", "2", "-subj", subject, "-keyout", &key];
            openssl(&[&request[..], &NEW_KEY, &["-out", &certificate]].concat())?;
        }
        let (key, request, certificate) = (path("node.key"), path("node.csr"), path("node.pem"));
        let names = "subjectAltName=IP:127.0.0.1,DNS:localhost";
        let ask = ["req", "-subj", "/CN=127.0.0.1", "-addext", names, "-keyout", &key];
        openssl(&[&ask[..], &NEW_KEY, &["-out", &request]].concat())?;
        let (ca, ca_key) = (path("ca.pem"), path("ca.key"));
        let sign = ["x509", "-req", "-days", "2", "-copy_extensions", "copy", "-in", &request];
        let by = ["-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial", "-out", &certificate];
        openssl(&[&sign[..], &by].concat())?;

        let read = |file: &str| {
            std::fs::read_to_string(file).map_err(|e| format!("cannot read {file}: {e}"))
        };
        let key_and_certificate = name("node.keystore.pem");
        std::fs::write(&key_and_certificate, read(&key)? + &read(&certificate)?)
            .map_err(|e| format!("cannot write {}: {e}", key_and_certificate.display()))?;
        Ok(Self { ca: name("ca.pem"), stranger_ca: name("stranger.pem"), key_and_certificate })
    }
}

/// An unencrypted key on a curve that is quick to make.
const NEW_KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

fn openssl(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("openssl").args(arguments).output().map_err(|e| {
        format!(
            "cannot run openssl, which makes the test certificates: {e}; `make test` installs it"
        )
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("openssl {} failed: {}", arguments.join(" "), said.trim()))
}
