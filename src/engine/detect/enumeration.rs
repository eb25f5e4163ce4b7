//! Record ids read one after the other: somebody walks a range.
//!
//! Ids are compared before they are tokenised, in memory only, as their trailing number.

use serde::{Deserialize, Serialize};

use super::detector::{Detector, Judged};
use super::mode::Mode;
use super::state::ActorState;
use crate::engine::model::{ActorType, Finding, Problems};

/// `[detect.enumeration]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnumerationConfig {
    pub mode: Mode,
    /// Log-likelihood ratio, in nats, at which it fires. 30 is some 11 to 20 ids in a row.
    pub evidence_min: f64,
}

impl Default for EnumerationConfig {
    fn default() -> Self {
        Self { mode: Mode::UntilLearned, evidence_min: 30.0 }
    }
}

impl EnumerationConfig {
    pub fn check(&self, problems: &mut Problems) {
        problems.require(
            (5.0..=1_000.0).contains(&self.evidence_min),
            "detect.enumeration.evidence_min",
            || format!("must be 5 to 1000 nats, got {}", self.evidence_min),
        );
    }
}

/// Places an actor may be walking on from at once.
const FRONTIERS: usize = 8;
/// A walker's share of ids that continue a frontier. Source: DETECTORS section 5, "fast".
const WALKER_HIT_RATE: f64 = 0.9;
/// An honest actor's share before anything is known of it: one in twenty.
const PRIOR: (f64, f64) = (1.0, 20.0);
/// The honest share is kept within these, so that neither arm of the ratio runs away.
const HIT_RATE_RANGE: (f64, f64) = (0.02, 0.7);
/// Reads over which the honest share is remembered.
const MEMORY: f32 = 500.0;

/// Kept in 12 bytes: the number's lower and upper half.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(from = "(u32, u64)", into = "(u32, u64)")]
struct Frontier {
    prefix: u32,
    halves: [u32; 2],
}

impl From<(u32, u64)> for Frontier {
    fn from((prefix, number): (u32, u64)) -> Self {
        Self { prefix, halves: [number as u32, (number >> 32) as u32] }
    }
}

impl From<Frontier> for (u32, u64) {
    fn from(frontier: Frontier) -> Self {
        (frontier.prefix, frontier.number())
    }
}

impl Frontier {
    fn number(self) -> u64 {
        u64::from(self.halves[1]) << 32 | u64::from(self.halves[0])
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Sequence {
    frontiers: [Frontier; FRONTIERS],
    next: u8,
    /// CUSUM of the log-likelihood ratio, in nats.
    evidence: f64,
    /// Ids since it was last zero.
    run: u32,
    told_at_run: u32,
    #[serde(with = "halved")]
    hits: f32,
    #[serde(with = "halved")]
    reads: f32,
}

/// Saved as it was when it took twice the room.
mod halved {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(*value))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
        Ok(f64::deserialize(deserializer)? as f32)
    }
}

#[derive(Default, Serialize, Deserialize)]
pub struct SequenceState(Option<Box<Sequence>>);

impl SequenceState {
    /// See `ActorState::glance`.
    pub fn glance(&self) -> u64 {
        self.0.as_ref().map_or(0, |sequence| {
            let [first, .., last] = &sequence.frontiers;
            sequence.evidence.to_bits() ^ u64::from(sequence.run ^ first.prefix ^ last.prefix)
        })
    }

    pub fn heap_bytes(&self) -> usize {
        if self.0.is_some() { size_of::<Sequence>() } else { 0 }
    }
}

pub struct Enumeration {
    config: EnumerationConfig,
}

impl Enumeration {
    pub const NAME: &str = "enumeration";

    pub fn new(config: EnumerationConfig) -> Self {
        Self { config }
    }
}

impl Detector<ActorState> for Enumeration {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn observe(&self, judged: &Judged<'_>, state: &mut ActorState, findings: &mut Vec<Finding>) {
        let Some(record) = judged.event.resource.record.as_deref() else { return };
        if judged.event.kind != crate::engine::model::Kind::Access
            || !judged.event.action.discloses()
        {
            return;
        }
        let Some(place) = place(record) else { return };
        let sequence = state.sequence.0.get_or_insert_default();
        if !sequence.walk(place) || !sequence.is_news(self.config.evidence_min) {
            return;
        }
        let score = match judged.facts.actor_type {
            ActorType::Service => 48,
            _ => 55,
        };
        let longer = (sequence.run as f64 / 20.0).max(1.0).log2() * 6.0;
        let rate = sequence.hit_rate();
        let why = format!(
            "{} record ids of `{}` read one after the other; ordinarily {:.0}% of this {}'s ids follow on another",
            sequence.run,
            judged.facts.dataset,
            rate * 100.0,
            judged.role_words(),
        );
        let mut finding =
            judged.finding(Self::NAME, "", (f64::from(score) + longer).min(90.0) as u8, why);
        finding.observed = sequence.run as f64;
        finding.expected = (sequence.run as f64 * rate).round();
        finding.unit = "ids".into();
        finding.records = sequence.run.into();
        finding.attack = vec!["T1119".into(), "T1213.006".into()];
        findings.push(finding);
    }
}

impl Sequence {
    fn hit_rate(&self) -> f64 {
        let (hits, reads) = (f64::from(self.hits), f64::from(self.reads));
        ((hits + PRIOR.0) / (reads + PRIOR.1)).clamp(HIT_RATE_RANGE.0, HIT_RATE_RANGE.1)
    }

    /// Takes one id; false where it is one of the frontiers read again.
    fn walk(&mut self, place: Frontier) -> bool {
        let near = self.frontiers.iter().position(|frontier| {
            frontier.prefix == place.prefix && frontier.number().abs_diff(place.number()) <= 2
        });
        let hit = match near {
            Some(i) if self.frontiers[i].number() == place.number() => return false,
            Some(i) => {
                self.frontiers[i] = place;
                true
            }
            None => {
                self.frontiers[usize::from(self.next)] = place;
                self.next = (self.next + 1) % FRONTIERS as u8;
                false
            }
        };
        // A miss takes off more than one nat whatever the honest share, so that of nearly every read
        // no logarithm is asked.
        self.evidence = if !hit && self.evidence <= 1.0 {
            0.0
        } else {
            let honest = self.hit_rate();
            let ratio = if hit {
                (WALKER_HIT_RATE / honest).ln()
            } else {
                ((1.0 - WALKER_HIT_RATE) / (1.0 - honest)).ln()
            };
            (self.evidence + ratio).max(0.0)
        };
        if self.evidence == 0.0 {
            (self.run, self.told_at_run) = (0, 0);
        } else {
            self.run = self.run.saturating_add(1);
        }
        // What looks like a walk does not teach what is honest.
        if self.evidence < 8.0 {
            let keep = if self.reads >= MEMORY { 1.0 - 1.0 / MEMORY } else { 1.0 };
            self.hits = self.hits * keep + f32::from(u8::from(hit));
            self.reads = self.reads * keep + 1.0;
        }
        true
    }

    /// True at the limit, and each time the run has grown fourfold since.
    fn is_news(&mut self, evidence_min: f64) -> bool {
        // Bounded, so that evidence is gone soon after the walk ends.
        self.evidence = self.evidence.min(evidence_min * 3.0);
        let news =
            self.evidence >= evidence_min && self.run >= self.told_at_run.saturating_mul(4).max(1);
        if news {
            self.told_at_run = self.run;
        }
        news
    }
}

/// `PNR-8842013` → what comes before the number (hashed), and the number.
fn place(record: &str) -> Option<Frontier> {
    let digits = record.bytes().rev().take_while(u8::is_ascii_digit).count().min(18);
    if digits == 0 {
        return None;
    }
    let (before, number) = record.split_at(record.len() - digits);
    let prefix = before
        .bytes()
        .fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    Some((prefix | 1, number.parse().ok()?).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At which ids of the walk it fires.
    fn check(ids: impl Iterator<Item = u64>, fires: &[usize]) {
        let mut sequence = Sequence::default();
        let mut fired = Vec::new();
        for (i, id) in ids.enumerate() {
            let place = place(&format!("PNR-{id}")).expect("has a number");
            if sequence.walk(place) && sequence.is_news(30.0) {
                fired.push(i + 1);
            }
        }
        assert_eq!(fired, fires);
    }

    #[test]
    fn tells_of_a_walk_within_twenty_ids() {
        check(1_000..1_019, &[18]);
    }

    #[test]
    fn tells_of_a_walk_down_and_in_twos() {
        check((1_000..1_100).rev().step_by(2), &[18]);
    }

    #[test]
    fn random_ids_stay_quiet() {
        check((0_u64..20_000).map(|i| i.wrapping_mul(2_654_435_761) % 9_000_000), &[]);
    }

    #[test]
    fn work_in_neighbouring_pairs_stays_quiet() {
        check(
            (0_u64..20_000).map(|i| (i / 2).wrapping_mul(2_654_435_761) % 9_000_000 + i % 2),
            &[],
        );
    }

    #[test]
    fn an_id_without_a_number_has_no_place() {
        assert!(place("PNR-ABC").is_none() && place("").is_none());
        assert!(place("99999999999999999999999999999").is_some());
    }
}
