//! What a day is at a site: where its clock stands, whether it is a holiday, which records are
//! worked on.

use crate::engine::model::EventTime;

use super::super::chance::{Purpose, hash, unit};
use super::super::sites::{Clocks, SITES, weekday};

pub(super) const DAY_MS: i64 = 86_400_000;
pub(super) const HOUR_MS: i64 = 3_600_000;
pub(super) const MINUTE_MS: i64 = 60_000;

/// Countries that keep holidays of their own.
const HOLIDAY_REGIONS: u64 = 4;
/// Records that are older than the simulation, as days of new ones.
const HISTORY_DAYS: u64 = 500;

/// One local day at one site.
#[derive(Clone, Copy, Debug)]
pub(super) struct SiteDay {
    /// Counted from the first day of the simulation.
    pub day: u32,
    pub site: u8,
    /// The instant of local midnight.
    pub midnight_ms: i64,
    /// 0 is Monday.
    pub weekday: i64,
    pub holiday: bool,
    /// The last two days of a month, or the first.
    pub month_end: bool,
}

/// The sites' days, and the numbers of the records that come in on them.
#[derive(Debug)]
pub(super) struct Calendar {
    seed: u64,
    start_ms: i64,
    days: u32,
    clocks: Clocks,
    /// First record of each site within a day's numbers, and the day's length.
    offsets: Vec<u64>,
    stride: u64,
}

impl Calendar {
    /// `staff` counts people by site.
    pub(super) fn new(seed: u64, start: EventTime, days: u32, staff: &[u32]) -> Self {
        let mut offsets = Vec::with_capacity(SITES.len());
        let mut stride = 0;
        for site in 0..SITES.len() {
            offsets.push(stride);
            stride += (u64::from(staff.get(site).copied().unwrap_or(0)) * 24).max(256);
        }
        Self { seed, start_ms: start.millis(), days, clocks: Clocks::new(), offsets, stride }
    }

    pub(super) fn site_day(&self, site: u8, day: u32) -> SiteDay {
        let local_day = self.start_ms.div_euclid(DAY_MS) + i64::from(day);
        let midnight_ms = self.clocks.utc_ms(site, local_day * DAY_MS);
        let date = |day: i64| {
            let time = EventTime::MIN.plus_ms(day * DAY_MS - EventTime::MIN.millis());
            time.civil().2
        };
        SiteDay {
            day,
            site,
            midnight_ms,
            weekday: weekday(local_day),
            holiday: self.holidays(site).contains(&day),
            month_end: date(local_day) == 1 || date(local_day + 2) <= 2,
        }
    }

    /// Two days: one that everybody keeps, one of the site's country.
    pub(super) fn holidays(&self, site: u8) -> [u32; 2] {
        let day = |region: u64| {
            let h = hash(self.seed, Purpose::Calendar, region, 0);
            (3.0 + unit(h) * f64::from(self.days.saturating_sub(4))) as u32
        };
        let region = hash(self.seed, Purpose::Calendar, 100, u64::from(site)) % HOLIDAY_REGIONS;
        [day(50), day(region)]
    }

    /// First record that came in at a site on a day, and how many did.
    pub(super) fn block(&self, site: u8, day: u32) -> (u64, u64) {
        let site = usize::from(site) % self.offsets.len();
        let end = self.offsets.get(site + 1).copied().unwrap_or(self.stride);
        let first = (HISTORY_DAYS + u64::from(day)) * self.stride + self.offsets[site];
        (first, end - self.offsets[site])
    }

    /// Records that came in before a day.
    pub(super) fn records_before(&self, day: u32) -> u64 {
        (HISTORY_DAYS + u64::from(day)) * self.stride
    }
}
