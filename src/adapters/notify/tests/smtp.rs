//! A mail server that takes one mail a connection, and remembers how it came.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Received {
    pub encrypted: bool,
    /// What AUTH PLAIN said, decoded.
    pub login: Option<String>,
    pub from: String,
    pub to: Vec<String>,
    /// As it came, without the dots that were added.
    pub mail: String,
}

pub(super) type Mails = Arc<Mutex<Vec<Received>>>;

/// How the server speaks.
#[derive(Clone)]
pub(super) struct Manner {
    pub tls: Option<Arc<ServerConfig>>,
    /// TLS at once.
    pub wrapped: bool,
    /// Said to RCPT.
    pub answer: &'static str,
}

impl Manner {
    pub(super) fn plain() -> Self {
        Self { tls: None, wrapped: false, answer: "250 fine" }
    }
}

/// A certificate for `localhost` under an authority of its own, as `(authority, server's side)`.
pub(super) fn certificate(folder: &Path) -> (PathBuf, Arc<ServerConfig>) {
    let path = |name: &str| folder.join(name);
    let run = |arguments: &[&str]| {
        let made = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    };
    let ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    run(&[
        &[
            "req",
            "-x509",
            "-days",
            "2",
            "-subj",
            "/CN=Test authority",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
        ],
        &ec[..],
    ]
    .concat());
    run(&[&["req", "-subj", "/CN=localhost", "-keyout", "mail.key", "-out", "mail.csr"], &ec[..]]
        .concat());
    std::fs::write(path("names"), "subjectAltName=DNS:localhost\n").unwrap();
    run(&[
        "x509",
        "-req",
        "-days",
        "2",
        "-in",
        "mail.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-extfile",
        "names",
        "-out",
        "mail.pem",
    ]);
    let chain = vec![CertificateDer::from_pem_file(path("mail.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(path("mail.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    (path("ca.pem"), Arc::new(config))
}

/// The port, and what comes in.
pub(super) fn server(manner: Manner) -> (u16, Mails) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mails = Mails::default();
    let kept = Arc::clone(&mails);
    thread::spawn(move || {
        for stream in listener.incoming() {
            // A client that breaks off is part of the tests.
            let _ = take(stream.unwrap(), &manner, &kept);
        }
    });
    (port, mails)
}

fn take(stream: TcpStream, manner: &Manner, mails: &Mails) -> std::io::Result<()> {
    let mut received = Received::default();
    if manner.wrapped {
        received.encrypted = true;
        return speak(tls(stream, manner), manner, received, true, mails).map(drop);
    }
    let raw = stream.try_clone()?;
    if let Some(received) = speak(stream, manner, received, true, mails)? {
        let received = Received { encrypted: true, ..received };
        speak(tls(raw, manner), manner, received, false, mails)?;
    }
    Ok(())
}

fn tls(stream: TcpStream, manner: &Manner) -> StreamOwned<ServerConnection, TcpStream> {
    let config = manner.tls.clone().unwrap();
    StreamOwned::new(ServerConnection::new(config).unwrap(), stream)
}

/// Ends with `Some` where the client goes on under TLS.
fn speak<S: Read + Write>(
    stream: S,
    manner: &Manner,
    mut received: Received,
    greet: bool,
    mails: &Mails,
) -> std::io::Result<Option<Received>> {
    let mut stream = BufReader::with_capacity(1, stream);
    if greet {
        stream.get_mut().write_all(b"220 mail.test ESMTP\r\n")?;
    }
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let (verb, rest) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
        let answer = match verb {
            "EHLO" if manner.tls.is_some() && !received.encrypted => {
                "250-mail.test\r\n250 STARTTLS".to_owned()
            }
            "EHLO" => "250-mail.test\r\n250 AUTH PLAIN".to_owned(),
            "STARTTLS" => {
                stream.get_mut().write_all(b"220 go ahead\r\n")?;
                return Ok(Some(received));
            }
            "AUTH" => {
                use base64::Engine;
                let text = rest.trim_start_matches("PLAIN ");
                let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
                received.login = Some(String::from_utf8(bytes).unwrap());
                "235 welcome".to_owned()
            }
            "MAIL" => {
                received.from = rest.to_owned();
                "250 fine".to_owned()
            }
            "RCPT" => {
                received.to.push(rest.to_owned());
                manner.answer.to_owned()
            }
            "DATA" => {
                stream.get_mut().write_all(b"354 go on\r\n")?;
                loop {
                    line.clear();
                    stream.read_line(&mut line)?;
                    if line == ".\r\n" {
                        break;
                    }
                    received.mail += line.strip_prefix('.').unwrap_or(&line);
                }
                mails.lock().unwrap().push(std::mem::take(&mut received));
                "250 taken".to_owned()
            }
            "QUIT" => {
                stream.get_mut().write_all(b"221 bye\r\n")?;
                return Ok(None);
            }
            _ => "250 fine".to_owned(),
        };
        stream.get_mut().write_all(format!("{answer}\r\n").as_bytes())?;
    }
}
