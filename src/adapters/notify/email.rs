//! Mail by SMTP: over TLS or STARTTLS, in the clear only on this machine.
//!
//! The idempotency key is the Message-ID; all mails about one incident refer to one id, so that
//! mail programs keep them together.

use std::error::Error;
use std::io::ErrorKind;
use std::path::PathBuf;

use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{SmtpTransport, Transport};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::config::MailServer;
use super::facts::Facts;
use super::post::ANSWER_MAX;
use super::sink::UnusableSink;
use super::template::Templates;
use super::{Attempt, SinkConfig, SinkError};

#[derive(Debug, thiserror::Error)]
pub enum EmailError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} holds no certificate", .0.display())]
    Certificate(PathBuf),
    #[error("TLS cannot be set up for this server")]
    Tls,
    #[error("`{0}` is no mail address")]
    Address(String),
    #[error("the URL names no mail server")]
    Server,
}

pub(super) struct Email {
    transport: SmtpTransport,
    from: Mailbox,
    to: Vec<Mailbox>,
    templates: Templates,
}

impl Email {
    pub fn new(config: &SinkConfig, url: &str) -> Result<Self, UnusableSink> {
        let server = MailServer::parse(url).ok_or(EmailError::Server)?;
        let address =
            |text: &String| text.parse::<Mailbox>().map_err(|_| EmailError::Address(text.clone()));
        let from = address(config.from.as_ref().ok_or(UnusableSink::Missing("from"))?)?;
        let to = config.to.iter().map(address).collect::<Result<Vec<_>, _>>()?;
        let tls = match (server.wrapped, config.starttls) {
            (false, false) => Tls::None,
            (true, _) => Tls::Wrapper(trust(config, &server.host)?),
            (false, true) => Tls::Required(trust(config, &server.host)?),
        };
        let mut builder = SmtpTransport::builder_dangerous(server.host)
            .port(server.port)
            .tls(tls)
            .timeout(Some(ANSWER_MAX))
            .hello_name(ClientId::Domain(from.email.domain().to_owned()));
        if let (Some(user), Some(secret)) = (&config.user, &config.secret) {
            builder = builder.credentials(Credentials::new(user.clone(), secret.read()?.text()));
        }
        let templates = Templates::new(config.title.as_deref(), config.body.as_deref());
        Ok(Self { transport: builder.build(), from, to, templates })
    }

    pub fn send(&self, facts: &Facts, attempt: &Attempt) -> Result<(), SinkError> {
        let text = self.templates.render(facts, &attempt.key, str::to_owned);
        let domain = self.from.email.domain();
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(text.title)
            .message_id(Some(format!("<{}@{domain}>", attempt.key)))
            .header(ContentType::TEXT_PLAIN)
            // No out-of-office answers.
            .header(AutoSubmitted);
        for to in &self.to {
            message = message.to(to.clone());
        }
        if !facts.incident.is_empty() {
            message = message.references(format!("<incident.{}@{domain}>", facts.incident));
        }
        let message = message.body(text.body).map_err(|_| SinkError::Request)?;
        self.transport.send(&message).map(drop).map_err(|error| plain(&error))
    }
}

fn trust(config: &SinkConfig, host: &str) -> Result<TlsParameters, EmailError> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(path) = &config.ca_file {
        let pem = std::fs::read(path)
            .map_err(|source| EmailError::Read { path: path.clone(), source })?;
        // A file without any reads as an empty list of them.
        let first = CertificateDer::pem_slice_iter(&pem).next();
        let certificate = first
            .and_then(|first| first.ok().and_then(|_| Certificate::from_pem(&pem).ok()))
            .ok_or_else(|| EmailError::Certificate(path.clone()))?;
        builder =
            builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|_| EmailError::Tls)
}

/// The server's own words may repeat an address.
fn plain(error: &smtp::Error) -> SinkError {
    if let Some(code) = error.status().map(u16::from) {
        return if LOGIN.contains(&code) {
            SinkError::Login(code)
        } else {
            SinkError::Status(code)
        };
    }
    if error.is_timeout() {
        return SinkError::Late;
    }
    if error.is_tls() {
        return SinkError::Tls;
    }
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            // rustls speaks of certificates through I/O errors.
            return match io.kind() {
                ErrorKind::InvalidData => distrust(io),
                // How a read ends that has a timeout.
                ErrorKind::WouldBlock => SinkError::Late,
                kind => SinkError::Unreachable(kind),
            };
        }
        source = error.source();
    }
    match error.source().map(ToString::to_string) {
        Some(said) if error.is_client() && said.contains("STARTTLS") => SinkError::NoStartTls,
        Some(said) if error.is_client() && said.contains("authentication") => SinkError::NoLogin,
        _ if error.is_client() => SinkError::Tls,
        _ => SinkError::Away,
    }
}

/// RFC 4954, section 6: a login is asked for, refused, too weak, or wants TLS first.
const LOGIN: [u16; 4] = [530, 534, 535, 538];

fn distrust(error: &std::io::Error) -> SinkError {
    use rustls::{CertificateError as Wrong, Error::InvalidCertificate};
    let said = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    match said {
        Some(InvalidCertificate(Wrong::NotValidForName | Wrong::NotValidForNameContext { .. })) => {
            SinkError::OtherName
        }
        Some(InvalidCertificate(
            Wrong::Expired
            | Wrong::ExpiredContext { .. }
            | Wrong::NotValidYet
            | Wrong::NotValidYetContext { .. },
        )) => SinkError::NotNow,
        Some(InvalidCertificate(_)) => SinkError::Untrusted,
        _ => SinkError::Tls,
    }
}

/// RFC 3834.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
