//! What Slack-compatible webhooks and Alertmanager are posted.

use super::{NOW, attempt, config, facts, receiver};
use crate::adapters::notify::{Attempt, Sink, SinkConfig};
use crate::engine::model::Severity;

async fn send(sink: &SinkConfig, attempt: Attempt) {
    let sink = Sink::new(sink).unwrap();
    tokio::task::spawn_blocking(move || sink.send(&attempt)).await.unwrap().unwrap();
}

fn alertmanager(url: &str, rest: &str) -> SinkConfig {
    let text =
        format!("[[sink]]\nname = \"am\"\nkind = \"alertmanager\"\nurl = \"{url}/\"\n{rest}");
    config(&text).sink.remove(0)
}

#[tokio::test]
async fn slack_hears_of_an_incident_and_a_name_from_the_logs_calls_nobody() {
    let (address, seen) = receiver("/services/T1/B1").await;
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("address");
    std::fs::write(&secret, format!("{address}/services/T1/B1\n")).unwrap();
    let sink = config(&format!(
        "[[sink]]\nname = \"s\"\nkind = \"slack\"\nsecret = {{ file = {secret:?} }}\n\
         title = \"{{{{ what }}}}: {{{{ title }}}}\"\nbody = \"{{{{ link }}}} & so on\"\n"
    ))
    .sink
    .remove(0);
    let mut said = facts("opened");
    said.title = "Bulk read by <!channel>\n\u{202e}x & y".into();
    send(&sink, attempt(&said)).await;
    let seen = seen.lock().unwrap();
    let (headers, body) = &seen[0];
    assert_eq!(headers["idempotency-key"], "key-1");
    assert_eq!(
        body["text"],
        "*Incident opened: Bulk read by &lt;!channel&gt; \\u{202e}x &amp; y*\n\
         https://console.example/incidents/4f3c & so on"
    );
}

#[tokio::test]
async fn an_alert_is_told_by_labels_that_stay_and_name_no_person() {
    let (address, seen) = receiver("/api/v2/alerts").await;
    send(&alertmanager(&address, ""), attempt(&facts("opened"))).await;
    let seen = seen.lock().unwrap();
    let alert = &seen[0].1[0];
    let labels = serde_json::json!({
        "alertname": "TidewaiterIncident", "incident": "4f3c", "severity": "high",
    });
    assert_eq!(alert["labels"], labels);
    assert_eq!(alert["generatorURL"], "https://console.example/incidents/4f3c");
    assert_eq!(alert["annotations"]["notice"], "key-1");
    assert_eq!(
        alert["annotations"]["summary"],
        "[HIGH] Incident opened: Bulk read: passenger data (apis) by off-10442"
    );
    assert_eq!(alert["startsAt"], "2023-11-14T22:12:20.000Z");
    assert_eq!(alert["endsAt"], "2023-11-14T23:13:20.000Z");
}

#[tokio::test]
async fn a_raised_severity_resolves_the_alert_before_and_quiet_resolves_the_last() {
    let (address, seen) = receiver("/api/v2/alerts").await;
    let sink = alertmanager(&address, "");
    let mut raised = facts("severity_raised");
    raised.severity = Severity::Critical;
    let before = Some(facts("opened"));
    send(&sink, Attempt { before, ..attempt(&raised) }).await;
    // Severities fall without a notice: what counts is what was told.
    let before = Some(raised);
    send(&sink, Attempt { before, ..attempt(&facts("quiet")) }).await;
    let seen = seen.lock().unwrap();
    let said = |request: usize| -> Vec<(String, bool)> {
        let alerts = seen[request].1.as_array().unwrap();
        let over = |at: &serde_json::Value| at == "2023-11-14T22:13:20.000Z";
        let word =
            |alert: &serde_json::Value| alert["labels"]["severity"].as_str().unwrap().to_owned();
        alerts.iter().map(|alert| (word(alert), over(&alert["endsAt"]))).collect()
    };
    assert_eq!(said(0), [("high".to_owned(), true), ("critical".to_owned(), false)]);
    assert_eq!(said(1), [("critical".to_owned(), true), ("high".to_owned(), true)]);
}

#[tokio::test]
async fn an_alert_from_a_clock_ahead_of_ours_begins_now() {
    let (address, seen) = receiver("/api/v2/alerts").await;
    let mut ahead = facts("opened");
    ahead.time = crate::engine::model::EventTime::from_millis(NOW + 86_400_000).unwrap();
    send(&alertmanager(&address, ""), attempt(&ahead)).await;
    assert_eq!(seen.lock().unwrap()[0].1[0]["startsAt"], "2023-11-14T22:13:20.000Z");
}

#[tokio::test]
async fn alertmanager_may_want_a_login_or_a_token() {
    let (address, seen) = receiver("/api/v2/alerts").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "open sesame").unwrap();
    let secret = format!("secret = {{ file = {file:?} }}\n");
    send(&alertmanager(&address, &secret), attempt(&facts("opened"))).await;
    let with_user = format!("{secret}user = \"tide\"\n");
    send(&alertmanager(&address, &with_user), attempt(&facts("opened"))).await;
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].0["authorization"], "Bearer open sesame");
    // `tide:open sesame`
    assert_eq!(seen[1].0["authorization"], "Basic dGlkZTpvcGVuIHNlc2FtZQ==");
}
