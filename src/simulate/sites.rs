//! Where the agency works: airports, seaports, headquarters, each on its own clock.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::chance::{Purpose, hash, unit};

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SiteKind {
    Airport,
    Seaport,
    Headquarters,
}

/// One place. The daylight rule stands beside the zone's name, so that no time zone database is
/// read; a test compares the two.
#[derive(Debug)]
pub(super) struct SiteFacts {
    pub code: &'static str,
    pub zone: &'static str,
    pub rule: &'static str,
    pub kind: SiteKind,
    /// Share of the agency's staff, before scaling.
    pub weight: f64,
    /// Terminals or quays, each a unit of its own.
    pub terminals: u8,
}

use SiteKind::{Airport, Headquarters, Seaport};

const WEST: &str = "WET0WEST,M3.5.0/1,M10.5.0";
const UK: &str = "GMT0BST,M3.5.0/1,M10.5.0";
const MIDDLE: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
const EAST: &str = "EET-2EEST,M3.5.0/3,M10.5.0/4";

pub(super) static SITES: [SiteFacts; 30] = [
    site("AMS", "Europe/Amsterdam", MIDDLE, Airport, 12.0, 3),
    site("RTM", "Europe/Amsterdam", MIDDLE, Seaport, 10.0, 4),
    site("FRA", "Europe/Berlin", MIDDLE, Airport, 8.0, 2),
    site("CDG", "Europe/Paris", MIDDLE, Airport, 8.0, 3),
    site("LHR", "Europe/London", UK, Airport, 8.0, 4),
    site("ANR", "Europe/Brussels", MIDDLE, Seaport, 7.0, 3),
    site("HAG", "Europe/Amsterdam", MIDDLE, Headquarters, 6.0, 1),
    site("HAM", "Europe/Berlin", MIDDLE, Seaport, 4.0, 2),
    site("MAD", "Europe/Madrid", MIDDLE, Airport, 4.0, 2),
    site("FCO", "Europe/Rome", MIDDLE, Airport, 3.0, 1),
    site("JFK", "America/New_York", "EST5EDT,M3.2.0,M11.1.0", Airport, 4.0, 2),
    site("SIN", "Asia/Singapore", "<+08>-8", Airport, 4.0, 2),
    site("DXB", "Asia/Dubai", "<+04>-4", Airport, 3.0, 1),
    site("LAX", "America/Los_Angeles", "PST8PDT,M3.2.0,M11.1.0", Airport, 2.0, 1),
    site("BRU", "Europe/Brussels", MIDDLE, Airport, 2.0, 1),
    site("MUC", "Europe/Berlin", MIDDLE, Airport, 2.0, 1),
    site("DUB", "Europe/Dublin", "IST-1GMT0,M10.5.0,M3.5.0/1", Airport, 1.5, 1),
    site("LIS", "Europe/Lisbon", WEST, Airport, 1.5, 1),
    site("LEH", "Europe/Paris", MIDDLE, Seaport, 1.5, 1),
    site("FXT", "Europe/London", UK, Seaport, 1.5, 1),
    site("GOA", "Europe/Rome", MIDDLE, Seaport, 1.2, 1),
    site("ATH", "Europe/Athens", EAST, Airport, 1.2, 1),
    site("WAW", "Europe/Warsaw", MIDDLE, Airport, 1.2, 1),
    site("CPH", "Europe/Copenhagen", MIDDLE, Airport, 1.0, 1),
    site("ARN", "Europe/Stockholm", MIDDLE, Airport, 1.0, 1),
    site("HEL", "Europe/Helsinki", EAST, Airport, 1.0, 1),
    site("IST", "Europe/Istanbul", "<+03>-3", Airport, 1.0, 1),
    site("NRT", "Asia/Tokyo", "JST-9", Airport, 0.8, 1),
    site("SYD", "Australia/Sydney", "AEST-10AEDT,M10.1.0,M4.1.0/3", Airport, 0.6, 1),
    site("NBO", "Africa/Nairobi", "EAT-3", Airport, 0.4, 1),
];

const fn site(
    code: &'static str,
    zone: &'static str,
    rule: &'static str,
    kind: SiteKind,
    weight: f64,
    terminals: u8,
) -> SiteFacts {
    SiteFacts { code, zone, rule, kind, weight, terminals }
}

/// `sites.toml` for the agency: which time zone each site keeps.
pub(super) fn sites_toml() -> String {
    let mut text = String::from("# Where the agency works, and by which clock.\n");
    for site in &SITES {
        text.push_str(&format!(
            "\n[[site]]\nname = \"{}\"\ntime_zone = \"{}\"\n",
            site.code, site.zone
        ));
    }
    text
}

/// The sites' clocks.
#[derive(Debug)]
pub(super) struct Clocks {
    zones: Vec<TimeZone>,
}

impl Clocks {
    pub(super) fn new() -> Self {
        let zones =
            SITES.iter().map(|s| TimeZone::posix(s.rule).unwrap_or(TimeZone::UTC)).collect();
        Self { zones }
    }

    /// Milliseconds that the site's clock is ahead of UTC.
    pub(super) fn offset_ms(&self, site: u8, utc_ms: i64) -> i64 {
        let Some(zone) = self.zones.get(usize::from(site)) else { return 0 };
        Timestamp::from_millisecond(utc_ms)
            .map_or(0, |at| i64::from(zone.to_offset(at).seconds()) * 1_000)
    }

    /// The instant when the site's clock shows `local_ms` (milliseconds since 1970 on that clock).
    pub(super) fn utc_ms(&self, site: u8, local_ms: i64) -> i64 {
        let guess = local_ms - self.offset_ms(site, local_ms);
        local_ms - self.offset_ms(site, guess)
    }
}

/// Day of the week of a local day number (days since 1970): 0 is Monday.
pub(super) const fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

/// How much more work than usual there is at a site right now: a jumbo has landed, a vessel has
/// berthed, and everybody there speeds up.
pub(super) fn surge(seed: u64, site: u8, utc_ms: i64) -> f64 {
    let facts = &SITES[usize::from(site) % SITES.len()];
    if facts.kind == Headquarters {
        return 1.0;
    }
    let day = utc_ms.div_euclid(DAY_MS);
    for n in 0..3_u64 {
        let h = hash(seed, Purpose::Site, u64::from(site) * 8 + n, day as u64);
        let chance = unit(h);
        if chance > 0.6 {
            continue;
        }
        let start = day * DAY_MS + (unit(h.rotate_left(17)) * (22 * HOUR_MS) as f64) as i64;
        let length = 20 * 60_000 + (unit(h.rotate_left(34)) * (40 * 60_000) as f64) as i64;
        if (start..start + length).contains(&utc_ms) {
            return 1.4 + chance;
        }
    }
    1.0
}

/// How busy a site is at an hour of its own clock, 1 being an average working hour.
pub(super) fn busy(kind: SiteKind, local_ms: i64) -> f64 {
    const AIRPORT: [f64; 24] = [
        0.35, 0.2, 0.15, 0.15, 0.3, 0.8, 1.3, 1.5, 1.4, 1.2, 1.1, 1.1, 1.0, 1.0, 1.1, 1.2, 1.3,
        1.4, 1.4, 1.3, 1.1, 0.9, 0.7, 0.5,
    ];
    const SEAPORT: [f64; 24] = [
        0.5, 0.5, 0.5, 0.5, 0.6, 0.8, 1.0, 1.2, 1.3, 1.3, 1.2, 1.1, 0.9, 1.1, 1.2, 1.2, 1.1, 1.0,
        0.9, 0.8, 0.7, 0.7, 0.6, 0.6,
    ];
    let hour = (local_ms.div_euclid(HOUR_MS).rem_euclid(24)) as usize;
    let weekend = weekday(local_ms.div_euclid(DAY_MS)) >= 5;
    match kind {
        Airport => AIRPORT[hour] * if weekend { 1.1 } else { 1.0 },
        Seaport => SEAPORT[hour] * if weekend { 0.6 } else { 1.0 },
        Headquarters => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the system's time zone database, where it has one: on some day of every month of
    /// 2025 to 2027 and at the hours around each change.
    #[test]
    fn daylight_rules_agree_with_the_named_zones() {
        let clocks = Clocks::new();
        let mut compared = 0;
        for (n, facts) in SITES.iter().enumerate() {
            let Ok(zone) = TimeZone::get(facts.zone) else {
                eprintln!("not checked: no time zone database entry for {}", facts.zone);
                continue;
            };
            for step in 0..(3 * 365 * 8) {
                let at = 1_735_689_600_000 + step * 3 * HOUR_MS + 1_800_000;
                let theirs = zone.to_offset(Timestamp::from_millisecond(at).expect("in range"));
                assert_eq!(
                    clocks.offset_ms(n as u8, at),
                    i64::from(theirs.seconds()) * 1_000,
                    "{} at {at}",
                    facts.code
                );
                compared += 1;
            }
        }
        assert!(TimeZone::get("UTC").is_err() || compared > 200_000);
    }

    #[test]
    fn every_rule_parses() {
        for facts in &SITES {
            assert!(TimeZone::posix(facts.rule).is_ok(), "{}: {}", facts.code, facts.rule);
        }
    }

    #[test]
    fn local_time_comes_back() {
        let clocks = Clocks::new();
        for site in 0..SITES.len() as u8 {
            let local = 20_500 * DAY_MS + 14 * HOUR_MS;
            let utc = clocks.utc_ms(site, local);
            assert_eq!(utc + clocks.offset_ms(site, utc), local);
        }
    }

    #[test]
    fn weeks_begin_on_monday() {
        assert_eq!(weekday(0), 3, "1970-01-01 was a Thursday");
        assert_eq!(weekday(20_514), 0, "2026-03-02 is a Monday");
    }

    #[test]
    fn surges_are_there_and_are_rare() {
        let minutes = 30 * 1_440;
        let high = (0..minutes).filter(|m| surge(3, 0, m * 60_000) > 1.0).count();
        assert!(high > minutes as usize / 100 && high < minutes as usize / 8, "{high}");
        assert!((0..minutes).all(|m| surge(3, 6, m * 60_000) == 1.0), "headquarters have none");
    }
}
