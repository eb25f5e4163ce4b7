//! A correlation as people know it, and as it is worked with.

use super::super::{condition::Condition as Expression, fields::Field, rule::Rule};
use super::condition::Bounds;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    EventCount,
    ValueCount,
    Temporal,
    TemporalOrdered,
    ValueSum,
    ValueAvg,
    ValuePercentile,
}

impl Kind {
    pub const ALL: [Self; 7] = [
        Self::EventCount,
        Self::ValueCount,
        Self::Temporal,
        Self::TemporalOrdered,
        Self::ValueSum,
        Self::ValueAvg,
        Self::ValuePercentile,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::EventCount => "event_count",
            Self::ValueCount => "value_count",
            Self::Temporal => "temporal",
            Self::TemporalOrdered => "temporal_ordered",
            Self::ValueSum => "value_sum",
            Self::ValueAvg => "value_avg",
            Self::ValuePercentile => "value_percentile",
        }
    }

    pub(super) const fn is_temporal(self) -> bool {
        matches!(self, Self::Temporal | Self::TemporalOrdered)
    }

    /// What an observed value is a number of.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::EventCount => "events",
            Self::ValueCount => "distinct values",
            Self::Temporal | Self::TemporalOrdered => "rules",
            Self::ValueSum => "sum",
            Self::ValueAvg => "mean",
            Self::ValuePercentile => "percentile",
        }
    }
}

/// One correlation rule, linked to the rules it names.
#[derive(Clone, Debug)]
pub struct Correlation {
    /// Its log source is empty: it follows from the rules it names.
    pub rule: Rule,
    pub kind: Kind,
    /// Ids of the rules it names, in the order listed.
    pub references: Vec<String>,
    pub group_by: Vec<Box<str>>,
    /// Names of the fields whose values are counted.
    pub fields: Vec<Box<str>>,
    pub timespan_ms: u32,
    /// The rules it names tell of themselves too.
    pub generate: bool,
    pub(super) bounds: Bounds,
    pub(super) percentile: f64,
    /// Of temporal correlations that name their rules in a condition; indices are positions.
    pub(super) expression: Option<Expression>,
    /// More events can take back what holds: what it counts waits until none can come before it.
    pub(super) can_be_undone: bool,
    /// Stands for this definition in saved state: the same after a reload exactly where the
    /// correlation and the rules it names are the same.
    pub(super) fingerprint: u64,
    /// Stands for the names of the group-by fields.
    pub(super) grouping: u64,
    /// The same at the head of a group's name.
    pub(super) grouping_name: Box<str>,
}

impl Correlation {
    /// Whether events that come later can make its condition untrue of a window.
    pub(super) fn is_undone(kind: Kind, bounds: &Bounds, expression: Option<&Expression>) -> bool {
        match kind {
            Kind::ValueAvg | Kind::ValuePercentile => true,
            Kind::TemporalOrdered => false,
            _ => !bounds.only_floor() || expression.is_some_and(Expression::denies),
        }
    }

    pub(in super::super) fn is(&self, fingerprint: u64) -> bool {
        self.fingerprint == fingerprint
    }

    /// The number its condition is about, for people.
    pub fn threshold(&self) -> f64 {
        match self.kind.is_temporal() {
            true => self.bounds.threshold().unwrap_or(self.references.len() as f64),
            false => self.bounds.threshold().unwrap_or(0.0),
        }
    }
}

/// What a match of one rule is to one correlation that names it.
#[derive(Clone, Debug)]
pub(in super::super) struct Link {
    pub correlation: u32,
    /// Place among the rules that the correlation names.
    pub position: u8,
    /// The group-by fields by this rule's names.
    pub group_by: Vec<Field>,
    /// Links of the same number name the same group for one event.
    pub group: u32,
    pub fields: Vec<Field>,
}

/// Correlations and who feeds them.
#[derive(Debug, Default)]
pub(in super::super) struct Plan {
    pub correlations: Vec<Correlation>,
    /// By rule index.
    pub of_rule: Vec<Vec<Link>>,
    /// By correlation index.
    pub of_correlation: Vec<Vec<Link>>,
    /// By rule index: false for rules that only feed correlations.
    pub tells: Vec<bool>,
    /// The same by correlation index.
    pub correlation_tells: Vec<bool>,
}
