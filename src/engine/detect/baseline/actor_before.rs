//! An actor's part as earlier versions saved it.

use serde::{Deserialize, Serialize};

use super::actor::{Baseline, Span, Told};
use super::actor_day::{ActorDay, DayOfEight};
use super::cases::Cases;
use super::habits::Habits;
use super::hours::Hours;
use super::lane::LANES;
use super::role::{DRIFTS, SPANS};
use super::sequence::Sequence;
use super::session::Session;
use super::slow::Slow;
use super::suspicion::Suspicion;
use crate::engine::detect::state::Later;

/// As it was saved when there were eight lanes.
pub type BaselineOfEight = BaselineBefore<DayOfEight, [Told; 8]>;
/// As it was saved from version 7 to 12: what was told stood beside what was learned, of which nothing
/// was kept from before an alert.
pub type BaselineOfTwelve = BaselineBefore<ActorDay, Later<[Told; LANES]>>;

/// See [`Baseline`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BaselineBefore<D, T> {
    pub role: u32,
    pub service: bool,
    pub group: u32,
    pub since: u16,
    pub shifts: u16,
    pub last: u32,
    pub spans: [Span; SPANS],
    pub session: Session,
    pub hours: Option<Box<Hours>>,
    pub habits: Habits,
    pub novelty: f32,
    pub novelty_gate: f32,
    pub novel_shifts: f32,
    pub novelty_cusum: f32,
    pub newest: u32,
    pub slow: Later<[Slow; DRIFTS]>,
    pub slow_gates: [f32; DRIFTS],
    pub exposure: f32,
    pub usual_exposure: f32,
    pub sequence: Sequence,
    pub cases: Cases,
    pub hot_reads: u16,
    pub day: D,
    pub told: T,
    pub told_day: u16,
    pub told_beyond: f32,
    pub suspect_until: u16,
}

impl From<BaselineOfTwelve> for Baseline {
    fn from(before: BaselineOfTwelve) -> Self {
        let was_told = before.told.heap_bytes() > 0 || before.told_day > 0;
        let suspicion =
            || Box::new(Suspicion::of(*before.told, before.told_day, before.told_beyond));
        Self {
            suspicion: was_told.then(suspicion),
            places: None,
            role: before.role,
            service: before.service,
            group: before.group,
            since: before.since,
            shifts: before.shifts,
            last: before.last,
            spans: before.spans,
            session: before.session,
            hours: before.hours,
            habits: before.habits,
            novelty: before.novelty,
            novelty_gate: before.novelty_gate,
            novel_shifts: before.novel_shifts,
            novelty_cusum: before.novelty_cusum,
            newest: before.newest,
            slow: before.slow,
            slow_gates: before.slow_gates,
            exposure: before.exposure,
            usual_exposure: before.usual_exposure,
            sequence: before.sequence,
            cases: before.cases,
            day: before.day,
            suspect_until: before.suspect_until,
        }
    }
}
