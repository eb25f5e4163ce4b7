//! An agency's reads as JSON, for the rules' benchmarks here and beside the peer.

use serde_json::{Value as Json, json};

/// 2026-03-02T08:00:00Z, in milliseconds.
pub const START_MS: i64 = 1_772_438_400_000;

/// `count` events, 20 ms apart; every `tenth` by one reader going through the records.
pub fn events(count: u64, tenth: u64) -> Vec<(i64, Json)> {
    let mut random = 7_u64;
    let mut next = move |n: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) % n
    };
    let event = |i: u64| {
        let ms = i * 20;
        let (hour, minute) = (8 + ms / 3_600_000, ms / 60_000 % 60);
        let time = format!(
            "2026-03-{:02}T{:02}:{minute:02}:{:02}.{:03}Z",
            2 + hour / 24,
            hour % 24,
            ms / 1_000 % 60,
            ms % 1_000
        );
        let is_bulk = tenth > 0 && i.is_multiple_of(tenth);
        let who = if is_bulk { 0 } else { 1 + next(3_000) };
        let record = if is_bulk { i } else { next(500_000) };
        let action = match next(20) {
            _ if is_bulk => "read",
            0 => "export",
            1 => "print",
            2..=5 => "search",
            _ => "read",
        };
        let outcome = if next(50) == 0 { "denied" } else { "allowed" };
        let dataset = if next(4) == 0 { "manifest" } else { "pnr" };
        let event = json!({
            "kind": "access", "id": format!("01JQ7Y2E{i:012}"), "time": time,
            "actor": {"id": format!("off-{who}"), "role": "border_officer", "unit": "AMS-T2",
                      "type": "person"},
            "session": format!("s-{who:x}"),
            "source": {"ip": format!("10.20.{}.{}", who / 250, who % 250),
                       "host": format!("ws-{who}"), "site": "AMS"},
            "system": "pnr-gateway", "action": action, "outcome": outcome,
            "resource": {"dataset": dataset, "category": "travel",
                         "record": format!("PNR-{record}"), "subject": format!("T-{record}")},
            "records": 1, "bytes": 1_000 + next(2_000), "case": format!("C-2026-{}", next(9_999)),
            "purpose": "secondary_inspection",
        });
        (START_MS + ms as i64, event)
    };
    (0..count).map(event).collect()
}
