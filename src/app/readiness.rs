//! Whether this process does its work just now.

use std::time::Duration;

use super::keep::Health;
use crate::adapters::kafka::Link;
use crate::adapters::store::Store;

/// How long the store may take to answer.
const ASK_STORE_MAX: Duration = Duration::from_secs(3);

/// Whether the store does not answer; each change is said once.
pub(super) async fn is_away(store: Option<&Store>, before: bool) -> bool {
    let Some(store) = store else { return false };
    let now = match tokio::time::timeout(ASK_STORE_MAX, store.revision()).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no answer within {ASK_STORE_MAX:?}")),
    };
    match &now {
        Some(error) if !before => tracing::warn!(%error, "the store cannot be reached"),
        None if before => tracing::info!("the store is back"),
        _ => {}
    }
    now.is_some()
}

/// Why records are not being watched just now.
pub(super) fn unready(link: &Link, health: &Health) -> Vec<String> {
    let connected = (!link.is_connected()).then(|| "Kafka cannot be reached".to_owned());
    let assigned = (!link.is_assigned()).then(|| "no partitions are assigned yet".to_owned());
    let failing = health
        .failing()
        .into_iter()
        .map(|role| format!("the {role} failed and is being started again; its log line says why"));
    let restoring = link.is_restoring().then(|| "state is being restored".to_owned());
    let missing = link.missing().into_iter().map(|topic| {
        format!("input topic `{topic}` does not exist; nothing of it is judged until it does")
    });
    connected.into_iter().chain(assigned).chain(restoring).chain(missing).chain(failing).collect()
}
