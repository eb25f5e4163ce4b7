//! What is told of identifiers in free text, and when.

use serde::{Deserialize, Serialize};

use super::find::{Counts, Identifier, TEXT_BYTES_MIN, ZONE_BYTES_MIN, find};
use crate::engine::detect::detector::{Detector, Judged, score_for_ratio};
use crate::engine::detect::ladder::Ladder;
use crate::engine::detect::mode::Mode;
use crate::engine::detect::state::ActorState;
use crate::engine::model::{EventTime, Finding, Problems, Window};

/// `[detect.sensitive_identifier]`: machine-readable zones, container numbers, MRNs and release PINs
/// in `query`, `note`, `purpose`, `case`, `user_agent` and, zones only, `resource.record`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SensitiveIdentifierConfig {
    pub mode: Mode,
    /// Identifiers of one kind by one actor in a day at which it is told again, and at each
    /// doubling: medium for people's documents and PINs, low for goods. The first one of a day is
    /// told at low or below.
    pub day_identifiers_max: u64,
    /// A release PIN has so many digits, at least and at most, and is called one in the words before.
    pub pin_digits_min: usize,
    pub pin_digits_max: usize,
}

impl Default for SensitiveIdentifierConfig {
    fn default() -> Self {
        Self { mode: Mode::On, day_identifiers_max: 20, pin_digits_min: 6, pin_digits_max: 9 }
    }
}

impl SensitiveIdentifierConfig {
    pub fn check(&self, problems: &mut Problems) {
        problems.require(
            (1..=1_000_000).contains(&self.day_identifiers_max),
            "detect.sensitive_identifier.day_identifiers_max",
            || format!("must be 1 to 1000000 identifiers, got {}", self.day_identifiers_max),
        );
        let (min, max) = (self.pin_digits_min, self.pin_digits_max);
        problems.require(
            6 <= min && min <= max && max <= 16,
            "detect.sensitive_identifier.pin_digits_min",
            || format!("must be 6 to pin_digits_max, and that at most 16, got {min} and {max}"),
        );
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Day {
    since: EventTime,
    counts: Counts,
    told: [Ladder; Identifier::ALL.len()],
}

#[derive(Default, Serialize, Deserialize)]
pub struct SensitiveState(Option<Box<Day>>);

impl SensitiveState {
    pub fn heap_bytes(&self) -> usize {
        if self.0.is_some() { size_of::<Day>() } else { 0 }
    }
}

const DAY_MS: i64 = 86_400_000;

pub struct SensitiveIdentifier {
    config: SensitiveIdentifierConfig,
}

impl SensitiveIdentifier {
    pub const NAME: &str = "sensitive_identifier";

    pub fn new(config: SensitiveIdentifierConfig) -> Self {
        Self { config }
    }

    /// By kind: how many the event's texts hold, and the last text that holds some.
    fn look(&self, judged: &Judged<'_>) -> Option<[(u32, &'static str); Identifier::ALL.len()]> {
        let event = judged.event;
        let mut held = [(0_u32, ""); Identifier::ALL.len()];
        for (name, text, bytes_min) in [
            ("query", &event.query, TEXT_BYTES_MIN),
            ("note", &event.note, TEXT_BYTES_MIN),
            ("purpose", &event.purpose, TEXT_BYTES_MIN),
            ("case", &event.case, TEXT_BYTES_MIN),
            ("user_agent", &event.user_agent, TEXT_BYTES_MIN),
            ("resource.record", &event.resource.record, ZONE_BYTES_MIN),
        ] {
            let Some(text) = text.as_deref().filter(|text| text.len() >= bytes_min) else {
                continue;
            };
            let mut found = Counts::default();
            find(text, &(self.config.pin_digits_min..=self.config.pin_digits_max), &mut found);
            if found == Counts::default() {
                continue;
            }
            for kind in Identifier::ALL {
                // Cargo systems are asked by these, and records are called by them.
                let belongs = kind.is_of_cargo() && judged.facts.category == "cargo"
                    || bytes_min == ZONE_BYTES_MIN && !kind.is_zone();
                if !belongs && found[kind as usize] > 0 {
                    let (count, place) = &mut held[kind as usize];
                    *count = count.saturating_add(found[kind as usize]);
                    *place = name;
                }
            }
        }
        held.iter().any(|(count, _)| *count > 0).then_some(held)
    }
}

impl Detector<ActorState> for SensitiveIdentifier {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn observe(&self, judged: &Judged<'_>, state: &mut ActorState, findings: &mut Vec<Finding>) {
        let Some(held) = self.look(judged) else { return };
        let day = state.sensitive.0.get_or_insert_default();
        if !(0..DAY_MS).contains(&judged.at.since(day.since)) {
            **day = Day { since: judged.at, ..Day::default() };
        }
        let limit = self.config.day_identifiers_max;
        for kind in Identifier::ALL {
            let (now, place) = held[kind as usize];
            if now == 0 {
                continue;
            }
            let total = &mut day.counts[kind as usize];
            let is_first = *total == 0;
            *total = total.saturating_add(now);
            let total = u64::from(*total);
            let crosses = day.told[kind as usize].climb(total, limit);
            if !is_first && !crosses {
                continue;
            }
            let score = match (kind.is_of_cargo(), crosses) {
                (false, false) => 25,
                (false, true) => score_for_ratio(42, total, limit),
                (true, false) => 12,
                (true, true) => score_for_ratio(22, total, limit).min(39),
            };
            let why = format!(
                "free text held {} in 1 day: {total}, last in `{place}`; whoever may read the log can read them there",
                kind.words(),
            );
            let mut finding = judged.finding(Self::NAME, kind.name(), score, why);
            finding.window = Window { start: day.since, end: judged.at };
            finding.observed = total as f64;
            finding.expected = 0.0;
            finding.unit = "identifiers".into();
            let secret = kind == Identifier::ReleasePin;
            finding.attack = vec![if secret { "T1552" } else { "T1213" }.into()];
            findings.push(finding);
        }
    }
}
