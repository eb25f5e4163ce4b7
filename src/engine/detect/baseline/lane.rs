//! What is scored of an actor's day, and the lanes it is alerted on by.

use super::scores::{Scores, Tail, score_of};

/// What is scored of an actor's day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    TenAll,
    TenUnexplained,
    HourAll,
    HourUnexplained,
    DayAll,
    DayUnexplained,
    Novelty,
    Sequence,
    SlowAll,
    SlowUnexplained,
    OffHours,
    SlowShare,
}

pub const PARTS: usize = 12;

impl Part {
    pub const ALL: [Self; PARTS] = [
        Self::TenAll,
        Self::TenUnexplained,
        Self::HourAll,
        Self::HourUnexplained,
        Self::DayAll,
        Self::DayUnexplained,
        Self::Novelty,
        Self::Sequence,
        Self::SlowAll,
        Self::SlowUnexplained,
        Self::OffHours,
        Self::SlowShare,
    ];

    /// Batch work and lists make tails heavy; the others are evidence that adds up.
    pub const fn tail(self) -> Tail {
        match self {
            Self::TenAll
            | Self::TenUnexplained
            | Self::HourAll
            | Self::HourUnexplained
            | Self::DayAll
            | Self::DayUnexplained
            | Self::Sequence => Tail::Heavy,
            Self::OffHours => Tail::Steep,
            _ => Tail::Straight,
        }
    }
}

/// What is alerted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    Fused,
    Burst,
    Unexplained,
    Novelty,
    Sequence,
    SlowAll,
    SlowUnexplained,
    OffHours,
    /// Who has just begun, held against everybody: nothing is known of them that could speak.
    Newcomer,
}

pub const LANES: usize = 9;

impl Lane {
    /// Whether what it shows takes days: a breach that takes its time must not teach, while it goes
    /// on, that it is ordinary.
    pub const fn waits(self) -> bool {
        matches!(self, Self::Sequence | Self::SlowAll | Self::SlowUnexplained)
    }

    pub const ALL: [Self; LANES] = [
        Self::Fused,
        Self::Burst,
        Self::Unexplained,
        Self::Novelty,
        Self::Sequence,
        Self::SlowAll,
        Self::SlowUnexplained,
        Self::OffHours,
        Self::Newcomer,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Fused => "fused",
            Self::Burst => "burst",
            Self::Unexplained => "unexplained",
            Self::Novelty => "novelty",
            Self::Sequence => "sequence",
            Self::SlowAll => "slow_all",
            Self::SlowUnexplained => "slow_unexplained",
            Self::OffHours => "off_hours",
            Self::Newcomer => "newcomer",
        }
    }

    pub const fn needs_cases(self) -> bool {
        matches!(self, Self::Unexplained | Self::SlowUnexplained)
    }

    /// True where honest batches and lists are what stands out most.
    pub const fn is_of_batches(self) -> bool {
        matches!(self, Self::Fused | Self::Burst | Self::Unexplained | Self::Sequence)
    }

    /// What it gets of the budget, over an even share.
    pub const fn weight(self) -> f64 {
        match self {
            Self::Burst | Self::Sequence | Self::Newcomer => 0.5,
            Self::SlowAll => 0.65,
            Self::SlowUnexplained => 1.5,
            _ => 1.0,
        }
    }

    /// How much stricter it may be made where it tells far more than its share. Breaches are told, too,
    /// and in a month of many they are most of what is; a tail that is taken to be steep is most often wrong.
    pub const fn stricter_at_most(self) -> f64 {
        if matches!(self.tail(), Tail::Steep) { 5.0 } else { 1.5 }
    }

    pub const fn tail(self) -> Tail {
        match self {
            Self::OffHours => Tail::Steep,
            Self::SlowUnexplained => Tail::Straight,
            Self::Newcomer => Tail::Rarity,
            _ => Tail::Heavy,
        }
    }

    /// False where everybody's actor-days are ranked together: newcomers are few, and slow evidence
    /// is on one scale whatever the role, since days were ranked within it.
    pub const fn is_by_role(self) -> bool {
        !matches!(self, Self::Newcomer | Self::SlowUnexplained)
    }

    /// Days within which the same strength is not told again.
    pub const fn memory_days(self) -> u16 {
        match self {
            Self::SlowAll | Self::SlowUnexplained => 14,
            _ => 5,
        }
    }
}

/// What can be said of a day without looking at others: the counts, novelty, walks.
const FAST: &[Part] = &[
    Part::TenAll,
    Part::TenUnexplained,
    Part::HourAll,
    Part::HourUnexplained,
    Part::DayAll,
    Part::DayUnexplained,
    Part::Novelty,
    Part::Sequence,
];
/// Of them, the counts.
const COUNTS: usize = 6;

/// The parts that can speak for a lane.
pub const fn parts_of(lane: Lane) -> &'static [Part] {
    match lane {
        Lane::Fused => FAST,
        Lane::Newcomer => FAST.split_at(COUNTS).0,
        Lane::Burst => &[Part::TenAll, Part::TenUnexplained],
        Lane::Unexplained => &[Part::HourUnexplained, Part::DayUnexplained],
        Lane::Novelty => &[Part::Novelty],
        Lane::Sequence => &[Part::Sequence],
        Lane::SlowAll => &[Part::SlowAll],
        Lane::SlowUnexplained => &[Part::SlowUnexplained, Part::SlowShare],
        Lane::OffHours => &[Part::OffHours],
    }
}

/// True of a lane whose strength is a rarity by itself.
pub fn is_straight(lane: Lane) -> bool {
    matches!(parts_of(lane), [part] if part.tail() == Tail::Straight)
}

/// The strength that only `share` of actor-days reach.
pub fn threshold(lane: Lane, share: f64, lanes: &[Scores]) -> f32 {
    let step_at = |share: f64| lanes[lane as usize].step_at(share.min(0.5)).map(score_of);
    let strength = match step_at(share) {
        None => f32::MAX,
        // A straight tail needs no ranking, unless it is plainly not as straight as that.
        Some(_) if is_straight(lane) => {
            let straight = -share.log10() as f32;
            straight.max(step_at(PLAINLY * share).unwrap_or(0.0))
        }
        Some(strength) => strength,
    };
    strength.max(THRESHOLDS_MIN[lane as usize])
}

/// Times its share at which a straight lane's past is believed before its rarities.
const PLAINLY: f64 = 4.0;

/// Below these nothing is told of, however quiet the past.
const THRESHOLDS_MIN: [f32; LANES] = [1.0, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 2.0, 2.0];
