//! Everything remembered of one actor.

use serde::{Deserialize, Serialize};

use super::{Evictable, Later, Watching};
use crate::engine::detect::{
    RuleState, baseline::Baseline, bulk_read::BulkState, denied_burst::DeniedState,
    enumeration::SequenceState, first_seen::SeenState, impossible_travel::SiteState,
    leaver::LeaverState, no_case::NoCaseState, sensitive::SensitiveState,
    watched_subject::WatchedState,
};
use crate::engine::model::EventTime;

/// One actor's record: a part a detector, none of which another detector reads.
#[derive(Default, Serialize, Deserialize)]
pub struct ActorState<B = Baseline> {
    pub touched: EventTime,
    /// Findings so far, for eviction and for nothing else.
    pub risk: u8,
    /// Newest flight-recorder entry, as its number plus one; 0 for none.
    #[serde(skip)]
    pub chain: u64,
    pub watch: Watching,
    pub rules: RuleState,
    /// Detectors that rest once others have learned hold nothing any more.
    pub rested: bool,
    pub baseline: Option<Box<B>>,
    pub bulk: BulkState,
    pub denied: DeniedState,
    pub no_case: NoCaseState,
    pub leaver: Later<LeaverState>,
    pub seen: SeenState,
    pub sequence: SequenceState,
    pub watched: WatchedState,
    pub sensitive: SensitiveState,
    pub site: SiteState,
}

impl<B> ActorState<B> {
    /// The same with its baseline in another form.
    pub fn with_baseline<N>(self, form: impl FnOnce(B) -> N) -> ActorState<N> {
        ActorState {
            baseline: self.baseline.map(|baseline| Box::new(form(*baseline))),
            touched: self.touched,
            risk: self.risk,
            chain: self.chain,
            watch: self.watch,
            rules: self.rules,
            rested: self.rested,
            bulk: self.bulk,
            denied: self.denied,
            no_case: self.no_case,
            leaver: self.leaver,
            seen: self.seen,
            sequence: self.sequence,
            watched: self.watched,
            sensitive: self.sensitive,
            site: self.site,
        }
    }
}

/// Reading without a purpose, so that what is read is at hand when it is wanted: the state itself,
/// what it points to, and what that points to, each to be asked of many actors before the next.
impl ActorState {
    pub fn glance(&self) -> u64 {
        let words = self.touched.millis() as u64 ^ self.chain ^ self.watch.sent;
        words ^ u64::from(self.rested) ^ self.seen.glance() ^ self.site.glance()
    }

    pub fn glance_behind(&self) -> u64 {
        let baseline = self.baseline.as_ref().map_or(0, |baseline| baseline.glance());
        baseline ^ self.bulk.glance() ^ self.sequence.glance()
    }

    /// `subject` is the one that is read, as a number.
    pub fn glance_further(&self, subject: u64) -> u64 {
        let baseline = self.baseline.as_ref().map_or(0, |baseline| baseline.glance_behind(subject));
        baseline ^ self.bulk.glance_behind(subject)
    }
}

impl Evictable for ActorState {
    fn touched(&self) -> EventTime {
        self.touched
    }

    fn risk(&self) -> u8 {
        self.risk
    }

    fn heap_bytes(&self) -> usize {
        self.baseline.as_ref().map_or(0, |baseline| baseline.heap_bytes())
            + self.bulk.heap_bytes()
            + self.seen.heap_bytes()
            + self.sequence.heap_bytes()
            + self.watched.heap_bytes()
            + self.sensitive.heap_bytes()
            + self.denied.heap_bytes()
            + self.rules.heap_bytes()
            + self.leaver.heap_bytes()
    }
}
