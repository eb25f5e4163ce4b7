//! What rules cost, in the time of whoever asks.

/// Nanoseconds since some moment. The engine has no clock of its own, and nothing that it decides
/// rests on this one.
pub type Ticks = fn() -> u64;

/// One event in so many is timed, and counts for all of them: asking a clock costs as much as
/// looking at a rule does.
const ONE_IN: u32 = 64;

/// Time spent, by place of the rule.
#[derive(Debug, Default)]
pub(super) struct Meter {
    ticks: Option<Ticks>,
    events: u32,
    spent: Vec<u64>,
}

/// The event in hand, where it is timed.
#[derive(Clone, Copy)]
pub(super) struct Timing {
    ticks: Ticks,
    /// What asking the clock costs.
    asking: u64,
    since: u64,
}

impl Meter {
    pub fn use_clock(&mut self, ticks: Ticks) {
        self.ticks = Some(ticks);
    }

    /// Begins with an event.
    pub fn begin(&mut self) -> Option<Timing> {
        let ticks = self.ticks?;
        self.events = self.events.wrapping_add(1);
        if !self.events.is_multiple_of(ONE_IN) {
            return None;
        }
        let asked = ticks();
        let since = ticks();
        Some(Timing { ticks, asking: since.saturating_sub(asked), since })
    }

    /// What has passed since the last lap goes to the rule at `place`.
    pub fn lap(&mut self, timing: &mut Timing, place: usize) {
        let now = (timing.ticks)();
        let spent = now.saturating_sub(timing.since).saturating_sub(timing.asking);
        timing.since = now;
        if self.spent.len() <= place {
            self.spent.resize(place + 1, 0);
        }
        if let Some(total) = self.spent.get_mut(place) {
            *total = total.saturating_add(spent.saturating_mul(u64::from(ONE_IN)));
        }
    }

    /// By place: nanoseconds since this was last asked.
    pub fn take(&mut self, mut of: impl FnMut(usize, u64)) {
        for (place, spent) in self.spent.iter_mut().enumerate().filter(|(_, spent)| **spent > 0) {
            of(place, std::mem::take(spent));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local!(static NOW: Cell<u64> = const { Cell::new(0) });

    /// Asking costs five.
    fn ticks() -> u64 {
        NOW.set(NOW.get() + 5);
        NOW.get()
    }

    #[test]
    fn one_event_in_sixty_four_counts_for_all_and_asking_for_nothing() {
        let mut meter = Meter::default();
        assert!(meter.begin().is_none(), "there is no clock");
        meter.use_clock(ticks);
        let timed: Vec<Timing> = (0..128).filter_map(|_| meter.begin()).collect();
        assert_eq!(timed.len(), 2);
        let mut timing = timed[1];
        NOW.set(NOW.get() + 100);
        meter.lap(&mut timing, 3);
        meter.lap(&mut timing, 1);
        let mut told = Vec::new();
        meter.take(|place, spent| told.push((place, spent)));
        assert_eq!(told, [(3, 6_400)]);
        meter.take(|place, _| panic!("{place} is told twice"));
    }
}
