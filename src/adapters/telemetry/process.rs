//! Figures of our own process, from the kernel.

/// `/proc` counts processor time in these, whatever the kernel's own tick (USER_HZ, proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// The most memory ever resident, in bytes.
pub fn peak_rss_bytes() -> Option<u64> {
    status_kib("VmHWM:")
}

/// Memory resident now, in bytes.
pub fn rss_bytes() -> Option<u64> {
    status_kib("VmRSS:")
}

/// Processor time used, user and system, in seconds.
pub fn cpu_s() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    Some((stat_field(&stat, 14)? + stat_field(&stat, 15)?) / TICKS_PER_SECOND)
}

/// When the process started, in seconds since 1970.
pub fn start_time_s() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let machine = std::fs::read_to_string("/proc/stat").ok()?;
    let booted = machine.lines().find_map(|line| line.strip_prefix("btime "))?;
    let booted: f64 = booted.trim().parse().ok()?;
    Some(booted + stat_field(&stat, 22)? / TICKS_PER_SECOND)
}

/// A field by its number in proc(5); the second, the program's name, may hold anything in
/// parentheses.
fn stat_field(stat: &str, number: usize) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

fn status_kib(key: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(key))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_is_no_field() {
        let stat = "42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1 0 900 1 2";
        assert_eq!(stat_field(stat, 14), Some(250.0));
        assert_eq!(stat_field(stat, 15), Some(50.0));
        assert_eq!(stat_field(stat, 22), Some(900.0));
        assert_eq!(stat_field(stat, 99), None);
    }

    #[test]
    fn we_started_in_the_past_and_use_memory() {
        let started = start_time_s().expect("Linux");
        let now = super::super::now().millis() as f64 / 1e3;
        assert!(started > now - 86_400.0 && started < now + 2.0, "{started} {now}");
        assert!(rss_bytes() > Some(1_000_000));
        assert!(cpu_s() >= Some(0.0));
    }
}
