//! Everything remembered of one source address.

use serde::{Deserialize, Serialize};

use super::{Evictable, Watching};
use crate::engine::detect::egress::EgressState;
use crate::engine::detect::port_scan::ScanState;
use crate::engine::detect::{RuleState, no_actor::NoActorState, outbound_bytes::OutboundState};
use crate::engine::model::EventTime;

/// One source address's record: flows from it, and reads from it by nobody.
#[derive(Default, Serialize, Deserialize)]
pub struct SourceState {
    pub touched: EventTime,
    pub risk: u8,
    /// Newest flight-recorder entry, as its number plus one; 0 for none.
    #[serde(skip)]
    pub chain: u64,
    pub watch: Watching,
    pub rules: RuleState,
    pub outbound: OutboundState,
    pub no_actor: NoActorState,
    pub egress: EgressState,
    pub scan: ScanState,
}

/// A source as versions 10 and 11 of saved state had it.
#[derive(Default, Serialize, Deserialize)]
pub struct SourceOfEleven {
    pub touched: EventTime,
    pub risk: u8,
    pub watch: Watching,
    pub rules: RuleState,
    pub outbound: OutboundState,
    pub no_actor: NoActorState,
    pub egress: EgressState,
}

impl From<SourceOfEleven> for SourceState {
    fn from(before: SourceOfEleven) -> Self {
        let SourceOfEleven { touched, risk, watch, rules, outbound, no_actor, egress } = before;
        let scan = ScanState::default();
        Self { touched, risk, chain: 0, watch, rules, outbound, no_actor, egress, scan }
    }
}

impl Evictable for SourceState {
    fn touched(&self) -> EventTime {
        self.touched
    }

    fn risk(&self) -> u8 {
        self.risk
    }

    fn heap_bytes(&self) -> usize {
        self.egress.heap_bytes()
            + self.outbound.heap_bytes()
            + self.no_actor.heap_bytes()
            + self.rules.heap_bytes()
            + self.scan.heap_bytes()
    }
}
