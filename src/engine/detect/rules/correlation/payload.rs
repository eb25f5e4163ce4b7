//! What a group's books note beside an instant.

use serde::{Deserialize, Serialize};

/// Something noted at an instant.
pub(super) trait Payload: Copy {
    /// Takes in another of the same instant; false where it must stand apart.
    fn absorb(&mut self, other: Self) -> bool;
    /// How many things it stands for.
    fn count(&self) -> u64 {
        1
    }
    /// Among those of one instant, smaller comes first.
    fn rank(&self) -> u8 {
        0
    }
}

/// So many events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Count(pub u32);

impl Payload for Count {
    fn absorb(&mut self, other: Self) -> bool {
        self.0 = self.0.saturating_add(other.0);
        true
    }

    fn count(&self) -> u64 {
        u64::from(self.0)
    }
}

/// One value, by its hash.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Tag(pub u32);

impl Payload for Tag {
    fn absorb(&mut self, other: Self) -> bool {
        self.0 == other.0
    }
}

/// A match of the rule at this position.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Hit(pub u8);

impl Payload for Hit {
    fn absorb(&mut self, other: Self) -> bool {
        self.0 == other.0
    }

    fn rank(&self) -> u8 {
        self.0
    }
}

/// Numbers added up. In halves, for an entry of 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Sum {
    pub count: u32,
    sum: [u32; 2],
}

impl Sum {
    pub fn of(number: f64) -> Self {
        Self { count: 1, sum: halves(number) }
    }

    pub fn sum(self) -> f64 {
        whole(self.sum)
    }
}

impl Payload for Sum {
    fn absorb(&mut self, other: Self) -> bool {
        self.count = self.count.saturating_add(other.count);
        self.sum = halves(self.sum() + other.sum());
        true
    }
}

/// One number of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Sample(pub [u32; 2]);

impl Sample {
    pub fn of(number: f64) -> Self {
        Self(halves(number))
    }

    pub fn number(self) -> f64 {
        whole(self.0)
    }
}

impl Payload for Sample {
    fn absorb(&mut self, _: Self) -> bool {
        false
    }
}

fn halves(number: f64) -> [u32; 2] {
    let bits = number.to_bits();
    [(bits >> 32) as u32, bits as u32]
}

fn whole([high, low]: [u32; 2]) -> f64 {
    f64::from_bits(u64::from(high) << 32 | u64::from(low))
}
