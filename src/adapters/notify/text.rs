//! What a notice says.

use serde_json::json;

use super::NotifyConfig;
use crate::adapters::store::StoredNotice;
use crate::engine::correlate::Notice;
use crate::engine::model::{IdHasher, Incident};

/// One notice for each sink that wants it.
pub fn notices(
    config: &NotifyConfig,
    incident: &Incident,
    notice: &Notice,
    now_ms: i64,
) -> Vec<StoredNotice> {
    let kind = notice.kind.name();
    let key = IdHasher::new("notice")
        .part(incident.id.as_bytes())
        .part(kind.as_bytes())
        .part(notice.severity.name().as_bytes())
        .part(&notice.time.millis().to_le_bytes())
        .finish();
    let scope: Vec<_> = incident
        .datasets
        .iter()
        .map(|d| json!({"category": d.category, "records": d.records, "subjects": d.subjects}))
        .collect();
    let link = config
        .console_url
        .as_ref()
        .map(|url| format!("{}/incidents/{}", url.trim_end_matches('/'), incident.id));
    let payload = json!({
        "kind": kind, "incident": incident.id, "title": incident.title,
        "severity": notice.severity, "score": incident.score, "time": notice.time,
        "scope": scope, "link": link,
    })
    .to_string();
    let wanting = config.sink.iter().filter(|sink| notice.severity >= sink.severity_min);
    wanting
        .map(|sink| StoredNotice {
            sink: sink.name.clone(),
            key: key.clone(),
            payload: payload.clone(),
            created_ms: now_ms,
            attempts: 0,
            next_attempt_ms: now_ms,
            last_error: String::new(),
        })
        .collect()
}
