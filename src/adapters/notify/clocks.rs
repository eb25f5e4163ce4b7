//! Legal deadlines that run out, told to the sinks: once when a clock runs out soon, and once when it
//! has.
//!
//! Nothing keeps such a notice back: neither a silence nor a window, since nobody who makes one means
//! a law, nor `severity_min`, since a severity fades while a clock runs on. `only` still says whom an
//! incident concerns; where it concerns no sink, all of them are told.

use serde::{Deserialize, Serialize};

use super::NotifyConfig;
use super::facts::Facts;
use crate::adapters::store::StoredNotice;
use crate::engine::cases::{Clock, ClockState};
use crate::engine::correlate::Involved;
use crate::engine::model::{EventTime, IdHasher, Incident};

/// Which of a clock's two steps a notice tells.
pub const SOON: &str = "clock_warned";
pub const RAN_OUT: &str = "clock_ran_out";

/// Whose deadline it is, and what is left of it as of the notice's `time`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    pub regime: String,
    pub regime_name: String,
    pub law: String,
    /// Who has to be told.
    pub recipient: String,
    pub phase: String,
    pub phase_name: String,
    pub due: EventTime,
    /// Below 0 once it has run out.
    pub seconds_left: i64,
    /// The same in words: `5 h 12 min left`, `overdue by 3 min`.
    pub time_left: String,
}

/// One notice of the clock for each sink it concerns; none for a clock that neither runs out soon nor
/// has run out.
pub fn clock_notices(
    config: &NotifyConfig,
    incident: &Incident,
    involved: Involved,
    clock: &Clock,
    now: EventTime,
) -> Vec<StoredNotice> {
    let kind = match clock.state {
        ClockState::Warned => SOON,
        ClockState::Overdue => RAN_OUT,
        _ => return Vec::new(),
    };
    let (Some(due), Some(seconds_left)) = (clock.due, clock.seconds_left) else {
        return Vec::new();
    };
    let key = IdHasher::new("clock")
        .part(incident.id.as_bytes())
        .part(clock.regime.as_bytes())
        .part(clock.phase.as_bytes())
        .part(kind.as_bytes())
        .part(&due.millis().to_le_bytes())
        .finish();
    let deadline = Deadline {
        regime: clock.regime.clone(),
        regime_name: clock.regime_name.clone(),
        law: clock.law.clone(),
        recipient: clock.recipient.clone(),
        phase: clock.phase.clone(),
        phase_name: clock.phase_name.clone(),
        due,
        seconds_left,
        time_left: time_left(seconds_left),
    };
    let facts = Facts::of(incident, kind, now, config).with(involved);
    let facts = Facts { clock: Some(deadline), ..facts };
    let payload = facts.json();
    let mut concerned: Vec<&str> = Vec::new();
    for sink in &config.sink {
        let mut only = sink.only.clone();
        only.severity.clear();
        if only.touches(&facts.noticed(Some(incident), &sink.name)) {
            concerned.push(&sink.name);
        }
    }
    if concerned.is_empty() {
        concerned = config.sink_names();
    }
    let notice = |sink: &str| {
        StoredNotice::waiting(sink, key.clone(), &incident.id, payload.clone(), now.millis())
    };
    concerned.into_iter().map(notice).collect()
}

/// In the two largest units of days, hours and minutes, as they have begun.
fn time_left(seconds: i64) -> String {
    let minutes = seconds.abs() / 60;
    let (days, hours, minutes) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    let span = match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    };
    if seconds < 0 { format!("overdue by {span}") } else { format!("{span} left") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_told_in_two_units() {
        let check = |seconds: i64, told: &str| assert_eq!(time_left(seconds), told);
        check(59, "0 min left");
        check(1_800, "30 min left");
        check(18_725, "5 h 12 min left");
        check(2 * 86_400 + 3_600 * 5 + 59, "2 d 5 h left");
        check(-200, "overdue by 3 min");
    }
}
