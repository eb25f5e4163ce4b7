//! The columns of `conn.log` given their meaning.

use super::super::{
    Refusal, Str,
    json::Scalar,
    number::{COUNT_MAX, Counts},
};
use super::header::unescape;
use crate::engine::model::{Action, Endpoint, Event, EventTime, Flow, Format, Kind, Outcome};

/// The columns that are read, in the order of [`Conn`].
pub const COLUMNS: [&str; 16] = [
    "ts",
    "uid",
    "id.orig_h",
    "id.orig_p",
    "id.resp_h",
    "id.resp_p",
    "proto",
    "service",
    "duration",
    "orig_bytes",
    "resp_bytes",
    "conn_state",
    "orig_pkts",
    "orig_ip_bytes",
    "resp_pkts",
    "resp_ip_bytes",
];

/// Columns that only `conn.log` has: one of them must be there.
pub const SIGNS: [&str; 5] =
    ["conn_state", "orig_pkts", "orig_ip_bytes", "missed_bytes", "history"];

/// One line's values of [`COLUMNS`].
#[derive(Default)]
pub struct Conn<'a> {
    pub values: [Scalar<'a>; COLUMNS.len()],
    /// Text may hold Zeek's own escapes.
    pub tab_separated: bool,
}

impl<'a> Conn<'a> {
    pub fn event(self) -> Result<Event<'a>, Refusal> {
        let [
            ts,
            uid,
            orig_h,
            orig_p,
            resp_h,
            resp_p,
            proto,
            service,
            duration,
            orig_bytes,
            resp_bytes,
            conn_state,
            orig_pkts,
            orig_ip_bytes,
            resp_pkts,
            resp_ip_bytes,
        ] = self.values;
        let text = |scalar, field| text(scalar, field, self.tab_separated);
        let mut counts = Counts::default();
        let time = time(&ts)?;
        let origin = text(orig_h, "id.orig_h")?.ok_or(Refusal::MissingField("id.orig_h"))?;
        let responder = text(resp_h, "id.resp_h")?.ok_or(Refusal::MissingField("id.resp_h"))?;
        let protocol = text(proto, "proto")?;
        let state = text(conn_state, "conn_state")?;
        let ip_bytes_out = some_count(&orig_ip_bytes, "orig_ip_bytes", &mut counts)?;
        let ip_bytes_in = some_count(&resp_ip_bytes, "resp_ip_bytes", &mut counts)?;
        let bytes_out = counts.read(&orig_bytes, "orig_bytes", 0)?;
        let bytes_in = counts.read(&resp_bytes, "resp_bytes", 0)?;
        let flow = Flow {
            duration_ms: duration_ms(&duration, &mut counts)?,
            destination: Endpoint {
                ip: Some(responder),
                port: counts.port(&resp_p, "id.resp_p")?,
                ..Endpoint::default()
            },
            application: text(service, "service")?,
            bytes_out: bounded(bytes_out, ip_bytes_out, &mut counts),
            bytes_in: bounded(bytes_in, ip_bytes_in, &mut counts),
            packets_out: counts.read(&orig_pkts, "orig_pkts", 0)?,
            packets_in: counts.read(&resp_pkts, "resp_pkts", 0)?,
            ip_bytes_out,
            ip_bytes_in,
            protocol: None,
        };
        let source = Endpoint {
            ip: Some(origin),
            port: counts.port(&orig_p, "id.orig_p")?,
            ..Endpoint::default()
        };
        let outcome = outcome(protocol.as_deref(), state.as_deref());
        Ok(Event {
            kind: Kind::Network,
            format: Format::Zeek,
            time,
            id: text(uid, "uid")?,
            source,
            action: Action::Flow,
            outcome,
            records: 1,
            flow: Some(Flow { protocol, ..flow }),
            saturated: counts.saturated,
            ..Event::default()
        })
    }
}

/// Seconds with a fraction; ISO 8601 where Zeek is told to write that.
fn time(scalar: &Scalar<'_>) -> Result<EventTime, Refusal> {
    match scalar {
        Scalar::Absent | Scalar::Null => Err(Refusal::MissingField("ts")),
        Scalar::Number(number) => number
            .parse()
            .ok()
            .and_then(|seconds| EventTime::from_seconds(seconds).ok())
            .ok_or(Refusal::BadTime),
        Scalar::Text(text) => EventTime::parse(&text.text()).map_err(|_| Refusal::BadTime),
        _ => Err(Refusal::WrongType("ts")),
    }
}

fn text<'a>(
    scalar: Scalar<'a>,
    field: &'static str,
    tab_separated: bool,
) -> Result<Option<Str<'a>>, Refusal> {
    match scalar {
        Scalar::Absent | Scalar::Null => Ok(None),
        Scalar::Text(text) if text.is_empty() => Ok(None),
        Scalar::Text(text) if tab_separated => Ok(Some(unescape(text.text()))),
        Scalar::Text(text) => Ok(Some(text.text())),
        _ => Err(Refusal::WrongType(field)),
    }
}

fn some_count(
    scalar: &Scalar<'_>,
    field: &'static str,
    counts: &mut Counts,
) -> Result<Option<u64>, Refusal> {
    match scalar {
        Scalar::Absent | Scalar::Null => Ok(None),
        scalar => counts.read(scalar, field, 0).map(Some),
    }
}

/// Seconds to milliseconds, rounded.
fn duration_ms(scalar: &Scalar<'_>, counts: &mut Counts) -> Result<u64, Refusal> {
    let seconds: f64 = match scalar {
        Scalar::Absent | Scalar::Null => return Ok(0),
        Scalar::Number(number) => number.parse().map_err(|_| Refusal::WrongType("duration"))?,
        _ => return Err(Refusal::WrongType("duration")),
    };
    let millis = (seconds * 1e3).round();
    counts.saturated += u32::from(millis < 0.0 || millis > COUNT_MAX as f64);
    Ok((millis.max(0.0) as u64).min(COUNT_MAX))
}

/// Payload cannot exceed what the IP layer carried. Zeek infers TCP payload from sequence
/// numbers, which capture loss and hostile segments inflate; then the IP bytes, which were seen,
/// stand for it, and the correction is counted. Under capture loss this is a lower bound.
fn bounded(payload: u64, ip_bytes: Option<u64>, counts: &mut Counts) -> u64 {
    match ip_bytes {
        Some(ip_bytes) if payload > ip_bytes => {
            counts.saturated += 1;
            ip_bytes
        }
        _ => payload,
    }
}

/// A rejected TCP connection was refused; one that never got established is an error. Without a
/// handshake (UDP, ICMP) nothing can be said, and silence is ordinary.
fn outcome(protocol: Option<&str>, state: Option<&str>) -> Outcome {
    match (protocol, state) {
        (Some("tcp"), Some("REJ")) => Outcome::Denied,
        (Some("tcp"), Some("S0" | "SH" | "SHR" | "RSTOS0" | "RSTRH")) => Outcome::Error,
        _ => Outcome::Allowed,
    }
}
