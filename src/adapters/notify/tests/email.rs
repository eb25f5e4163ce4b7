//! Mail, handed in to a server that speaks SMTP.

use mailparse::MailHeaderMap;

use super::smtp::{Mails, Manner, certificate, server};
use super::{attempt, config, facts};
use crate::adapters::notify::{Facts, Sink, SinkConfig};

fn sink(url: &str, rest: &str) -> SinkConfig {
    config(&format!(
        "[[sink]]\nname = \"mail\"\nkind = \"email\"\nurl = \"{url}\"\n\
         from = \"Tidewaiter <monitor@agency.example>\"\n\
         to = [\"desk@agency.example\", \"Duty Officer <duty@agency.example>\"]\n{rest}"
    ))
    .sink
    .remove(0)
}

/// What sending came to: empty where it was taken.
fn send(sink: &SinkConfig, facts: &Facts) -> String {
    let sent = Sink::new(sink).unwrap().send(&attempt(facts));
    sent.err().map(|error| error.to_string()).unwrap_or_default()
}

fn only(mails: &Mails) -> super::smtp::Received {
    let mails = mails.lock().unwrap();
    assert_eq!(mails.len(), 1);
    mails[0].clone()
}

#[test]
fn a_mail_reads_back_with_its_key_as_its_message_id() {
    let (port, mails) = server(Manner::plain());
    let mut said = facts("opened");
    said.title = "Bulk read by Zoë\r\nBcc: all@agency.example".into();
    assert_eq!(send(&sink(&format!("smtp://127.0.0.1:{port}"), "starttls = false\n"), &said), "");
    let received = only(&mails);
    assert!(received.from.contains("<monitor@agency.example>"), "{}", received.from);
    assert_eq!(received.to.len(), 2);
    let mail = mailparse::parse_mail(received.mail.as_bytes()).unwrap();
    let header = |name: &str| mail.headers.get_first_value(name).unwrap_or_default();
    assert_eq!(header("Message-ID"), "<key-1@agency.example>");
    assert_eq!(header("References"), "<incident.4f3c@agency.example>");
    assert_eq!(header("Auto-Submitted"), "auto-generated");
    assert_eq!(
        header("Subject"),
        "[HIGH] Incident opened: Bulk read by Zoë Bcc: all@agency.example",
        "a line break in a title makes no header"
    );
    assert_eq!(header("Bcc"), "");
    assert!(header("To").contains("duty@agency.example"));
    let body = mail.get_body().unwrap();
    assert!(body.contains("Severity high, score 71 of 100"), "{body}");
    assert!(body.contains("https://console.example/incidents/4f3c"), "{body}");
}

#[test]
fn over_starttls_and_over_tls_the_password_goes_under_encryption() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, tls) = certificate(folder.path());
    let password = folder.path().join("password");
    std::fs::write(&password, "open sesame\n").unwrap();
    let rest = format!(
        "user = \"monitor\"\nsecret = {{ file = {password:?} }}\nca_file = {authority:?}\n"
    );
    for (scheme, wrapped) in [("smtp", false), ("smtps", true)] {
        let (port, mails) = server(Manner { tls: Some(tls.clone()), wrapped, ..Manner::plain() });
        let url = format!("{scheme}://localhost:{port}");
        assert_eq!(send(&sink(&url, &rest), &facts("opened")), "", "{scheme}");
        let received = only(&mails);
        assert!(received.encrypted, "{scheme}");
        assert_eq!(received.login.as_deref(), Some("\0monitor\0open sesame"), "{scheme}");
    }
}

#[test]
fn nothing_is_handed_to_a_server_that_is_not_trusted_or_speaks_no_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (_, tls) = certificate(folder.path());
    let (port, mails) = server(Manner { tls: Some(tls), ..Manner::plain() });
    let told = send(&sink(&format!("smtp://localhost:{port}"), ""), &facts("opened"));
    assert_eq!(
        told,
        "its certificate is not from whom is trusted; `ca_file` names another authority"
    );
    assert!(mails.lock().unwrap().is_empty());
    let (port, mails) = server(Manner::plain());
    let told = send(&sink(&format!("smtp://localhost:{port}"), ""), &facts("opened"));
    assert_eq!(told, "offers no STARTTLS; smtps:// is for a server that speaks TLS at once");
    assert!(mails.lock().unwrap().is_empty());
}

#[test]
fn a_refused_login_and_a_certificate_for_another_name_say_what_to_look_at() {
    let (port, mails) =
        server(Manner { answer: "535 no desk@agency.example here", ..Manner::plain() });
    let url = format!("smtp://127.0.0.1:{port}");
    let told = send(&sink(&url, "starttls = false\n"), &facts("opened"));
    assert_eq!(told, "answered 535: it refuses the login, or asks for one (`user`, `secret`)");
    assert!(mails.lock().unwrap().is_empty());
    let folder = tempfile::tempdir().unwrap();
    let (authority, tls) = certificate(folder.path());
    let (port, mails) = server(Manner { tls: Some(tls), ..Manner::plain() });
    let rest = format!("ca_file = {authority:?}\n");
    let told = send(&sink(&format!("smtp://127.0.0.1:{port}"), &rest), &facts("opened"));
    assert_eq!(told, "its certificate is for another name than the `url` has");
    assert!(mails.lock().unwrap().is_empty());
}

#[test]
fn a_refusal_is_told_by_its_code_and_repeats_no_address() {
    let (port, mails) =
        server(Manner { answer: "550 no desk@agency.example here", ..Manner::plain() });
    let url = format!("smtp://127.0.0.1:{port}");
    assert_eq!(send(&sink(&url, "starttls = false\n"), &facts("opened")), "answered 550");
    assert!(mails.lock().unwrap().is_empty());
}
