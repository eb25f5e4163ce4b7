//! How many subjects one event stands for: an export returns many at once, and need not list them.

use serde::{Deserialize, Serialize};

use super::mark::mark_of_two;
use super::pages::Pages;
use super::saving::{PartKind, PartSink, Parts, read_each, save_each};
use super::shares::Shares;
use crate::engine::detect::detector::Judged;
use crate::engine::model::Action;
use crate::engine::terse::FormError;

/// Hits of a search that are looked over as one page: they count as one look.
const PAGE: u64 = 100;
/// No single event counts for more.
const SUBJECTS_MAX: u64 = 1_000_000;
/// Times the usual bytes of such a read a subject that stand for one more: sizes are heavy-tailed.
const TIMES_USUAL: f32 = 20.0;
/// Subjects before a role's usual bytes are known.
const KNOWN_MIN: f32 = 500.0;

/// Dataset and action together.
pub fn kind_of(judged: &Judged<'_>) -> u32 {
    mark_of_two(judged.facts.dataset, judged.event.action.name())
}

/// Stands for the subject an event does not name: of the record read, where that has a name.
pub fn record_hash(judged: &Judged<'_>) -> Option<u64> {
    let record = judged.event.resource.record.as_deref()?;
    Some(spread(u64::from(mark_of_two(judged.facts.dataset, record))))
}

pub fn spread(hash: u64) -> u64 {
    hash.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32)
}

/// What an event says of how much it returned.
#[derive(Clone, Copy, Debug)]
pub struct Returned {
    /// Subjects it lists.
    pub listed: usize,
    pub records: u64,
    pub bytes: u64,
}

impl Returned {
    pub fn of(judged: &Judged<'_>) -> Self {
        let (mut records, bytes) = (judged.event.records, judged.event.bytes);
        let looks = matches!(judged.event.action, Action::Search | Action::List);
        if looks && records <= PAGE {
            records = 1;
        }
        Self { listed: judged.facts.tokens.len(), records, bytes }
    }

    /// `; this event alone counts for 5,000: 5,000 records, 0 bytes`, where it is of more than it lists.
    pub fn words(self, subjects: f32) -> String {
        if subjects < 2.0 * self.listed.max(1) as f32 {
            return String::new();
        }
        let Self { records, bytes, .. } = self;
        let s = |n: u64| if n == 1 { "" } else { "s" };
        format!(
            "; this event alone counts for {subjects:.0}: {records} record{}, {bytes} byte{}",
            s(records),
            s(bytes)
        )
    }

    /// Subjects by what is listed, or else by the records.
    fn subjects(self) -> f32 {
        match self.listed {
            0 => self.records.clamp(1, SUBJECTS_MAX) as f32,
            listed => listed as f32,
        }
    }
}

/// Bytes a subject, once there are any and enough is known of the role.
fn usual(of: &Shares, kind: u32) -> Option<f32> {
    let known = of.total() >= KNOWN_MIN;
    known.then(|| of.part_share(kind)).filter(|usual| *usual >= 1.0)
}

/// Bytes a subject, by role and kind of read.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct UsualBytes(Pages<Shares, 1>);

/// Kind of saved part.
const PART: PartKind = PartKind::UsualBytes;

impl UsualBytes {
    /// Subjects the event stands for.
    pub fn subjects(&self, role: u16, kind: u32, returned: Returned) -> f32 {
        let subjects = returned.subjects();
        let known = self.0.get(usize::from(role)).filter(|_| returned.bytes > 0);
        match known.and_then(|of| usual(of, kind)) {
            Some(usual) => {
                let by_bytes = returned.bytes as f32 / (usual * TIMES_USUAL);
                subjects.max(by_bytes.min(SUBJECTS_MAX as f32))
            }
            None => subjects,
        }
    }

    /// Learns from an event; one far out of the usual teaches no more than its limit.
    pub fn add(&mut self, role: u16, kind: u32, returned: Returned) {
        let place = usize::from(role);
        while self.0.len() <= place {
            self.0.push(Shares::default());
        }
        let of = self.0.at_mut(place);
        let subjects = returned.subjects();
        let most = usual(of, kind).map_or(f32::MAX, |usual| usual * TIMES_USUAL * subjects);
        of.add(kind, subjects, (returned.bytes as f32).min(most));
    }

    pub fn refresh(&mut self) {
        self.0.iter_mut().for_each(Shares::refresh);
    }

    pub fn decay(&mut self, keep: f32) {
        self.0.iter_mut().for_each(|of| of.decay(keep));
    }

    /// Hands out what has changed since the last save; which that was.
    pub fn save(&mut self, sink: &mut impl PartSink) -> Vec<u32> {
        save_each(&mut self.0, PART, sink)
    }

    pub fn save_again(&mut self, saving: Vec<u32>) {
        self.0.save_again(saving);
    }

    pub fn read(parts: &Parts) -> Result<Self, FormError> {
        read_each(parts, PART).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFICER: u16 = 1;
    const KIND: u32 = 7;

    fn returned(listed: usize, records: u64, bytes: u64) -> Returned {
        Returned { listed, records, bytes }
    }

    fn learned() -> UsualBytes {
        let mut usual = UsualBytes::default();
        (0..600).for_each(|_| usual.add(OFFICER, KIND, returned(1, 1, 2_000)));
        usual.refresh();
        usual
    }

    #[test]
    fn an_export_that_lists_nobody_counts_by_its_records() {
        let usual = UsualBytes::default();
        assert_eq!(usual.subjects(OFFICER, KIND, returned(0, 5_000, 0)), 5_000.0);
        assert_eq!(usual.subjects(OFFICER, KIND, returned(0, 0, 0)), 1.0);
        assert_eq!(usual.subjects(OFFICER, KIND, returned(0, u64::MAX, 0)), SUBJECTS_MAX as f32);
    }

    #[test]
    fn one_that_lists_them_counts_by_the_list_however_many_records_each_has() {
        assert_eq!(learned().subjects(OFFICER, KIND, returned(3, 90, 6_000)), 3.0);
    }

    #[test]
    fn far_more_bytes_than_usual_stand_for_more_subjects() {
        let usual = learned();
        assert_eq!(usual.subjects(OFFICER, KIND, returned(1, 1, 30_000)), 1.0, "15 times is usual");
        let of_a_dump = usual.subjects(OFFICER, KIND, returned(1, 1, 400_000_000));
        assert!((of_a_dump - 10_000.0).abs() < 100.0, "{of_a_dump}");
        assert_eq!(usual.subjects(OFFICER + 1, KIND, returned(1, 1, 400_000_000)), 1.0, "unknown");
    }

    #[test]
    fn a_dump_is_not_the_usual_afterwards() {
        let mut usual = learned();
        (0..5).for_each(|_| usual.add(OFFICER, KIND, returned(1, 1, 400_000_000)));
        usual.refresh();
        assert!(usual.subjects(OFFICER, KIND, returned(1, 1, 400_000_000)) > 7_000.0);
    }
}
