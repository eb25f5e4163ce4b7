//! How many a second, lately.

/// Whole seconds looked at.
const WINDOW_S: u64 = 5;
const SLOTS: usize = 8;
const _: () = assert!(SLOTS as u64 > WINDOW_S);

/// One slot a second; a slot is taken over when its second has come round again.
#[derive(Default)]
pub struct Rate {
    slots: [(u64, u64); SLOTS],
}

impl Rate {
    /// `second` counts from the process's start.
    pub fn add(&mut self, second: u64, n: u64) {
        let slot = &mut self.slots[second as usize % SLOTS];
        if slot.0 != second {
            *slot = (second, 0);
        }
        slot.1 += n;
    }

    /// Mean over the last 5 whole seconds, or over as many as there were; the running second is
    /// left out.
    pub fn per_second(&self, second: u64) -> f64 {
        let from = second.saturating_sub(WINDOW_S);
        let counted: u64 =
            self.slots.iter().filter(|(at, _)| (from..second).contains(at)).map(|(_, n)| n).sum();
        counted as f64 / (second - from).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(adds: &[(u64, u64)], at: u64, expected: f64) {
        let mut rate = Rate::default();
        adds.iter().for_each(|&(second, n)| rate.add(second, n));
        assert!((rate.per_second(at) - expected).abs() < 1e-9, "{}", rate.per_second(at));
    }

    #[test]
    fn means_over_whole_seconds() {
        check(&[(10, 100), (11, 100), (12, 100), (13, 100), (14, 100), (15, 999)], 15, 100.0);
    }

    #[test]
    fn divides_by_the_seconds_there_were() {
        check(&[(0, 10), (1, 30)], 2, 20.0);
        check(&[(0, 10)], 0, 0.0);
    }

    #[test]
    fn forgets_after_a_pause() {
        check(&[(3, 1_000), (4, 1_000)], 20, 0.0);
        check(&[(3, 1_000), (11, 50)], 12, 10.0);
    }
}
