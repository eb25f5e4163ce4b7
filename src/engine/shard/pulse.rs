//! What comes regularly, and no longer does.
//!
//! Judged by when records arrive (the broker's clock), not by what they say of their own time, so
//! that a source which delivers late is not called silent. Often that clock is the producer's, or the
//! time of the event once more: it is believed as far as it fits between two looks.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::engine::detect::{Stream, severity_of};
use crate::engine::model::{EventTime, Finding, IdHasher, Key, KeyKind, Window};

/// Systems watched in one partition; more are not told apart.
const SYSTEMS_MAX: usize = 64;
const SYSTEM_BYTES_MAX: usize = 64;
/// Records a source must have sent, and how long it must have been known, before its silence means
/// anything.
const RECORDS_MIN: u32 = 100;
const KNOWN_MS: i64 = 1_800_000;
/// A silence shorter than this is never told.
const SILENCE_MS_MIN: i64 = 300_000;
/// The longest usual gap is remembered with this half-life, so that quiet nights stay usual over a
/// weekend.
const HALF_LIFE_MS: f64 = 7.0 * 86_400_000.0;
/// A whole partition's silence opens an incident; one system's, of several, is a signal.
const PARTITION_SCORE: u8 = 45;
const SYSTEM_SCORE: u8 = 30;

/// One source's rhythm.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Beat {
    first: EventTime,
    last: EventTime,
    /// The longest gap lately, in milliseconds.
    usual_ms: f64,
    records: u32,
    /// Its present silence has been told.
    told: bool,
    /// When its last record came, as the looks have it.
    #[serde(skip)]
    heard: Option<EventTime>,
    /// It has sent something since the last look.
    #[serde(skip)]
    news: bool,
}

impl Beat {
    fn new(at: EventTime) -> Self {
        let (heard, news) = (None, true);
        Self { first: at, last: at, usual_ms: 0.0, records: 1, told: false, heard, news }
    }

    fn take(&mut self, at: EventTime) {
        self.records = self.records.saturating_add(1);
        let gap = at.since(self.last);
        if gap > 0 {
            // A silence that was told does not become usual at once.
            let gap = (gap as f64).min(self.allowed_ms() as f64);
            let faded = self.usual_ms * (-gap / HALF_LIFE_MS).exp2();
            self.usual_ms = faded.max(gap);
            self.last = at;
        }
        self.told = false;
        self.news = true;
    }

    /// When its last record came: not before the look before this one, if that did not know of it,
    /// and not after this one.
    fn hear(&mut self, before: Option<EventTime>, now: EventTime) -> EventTime {
        let news = std::mem::take(&mut self.news);
        let heard = match (self.heard, before) {
            (Some(heard), _) if !news => heard,
            (_, Some(before)) if news => self.last.max(before).min(now),
            _ => self.last.min(now),
        };
        self.heard = Some(heard);
        heard
    }

    /// How long it may be silent: five minutes, or twice its usual gap.
    fn allowed_ms(&self) -> i64 {
        SILENCE_MS_MIN.max((2.0 * self.usual_ms) as i64)
    }

    /// Since when it is silent, once for a silence that is longer than usual.
    fn falls_silent(&mut self, before: Option<EventTime>, now: EventTime) -> Option<EventTime> {
        let since = self.hear(before, now);
        let regular = self.records >= RECORDS_MIN && self.last.since(self.first) >= KNOWN_MS;
        let silent = regular && now.since(since) > self.allowed_ms();
        let first = silent && !self.told;
        self.told |= first;
        first.then_some(since)
    }
}

/// The rhythms of a partition and of the systems that write into it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Pulse {
    partition: Option<Beat>,
    systems: HashMap<Box<str>, Beat>,
    /// When it was last looked at.
    #[serde(skip)]
    looked: Option<EventTime>,
}

impl Pulse {
    /// A record of `system` has arrived.
    pub fn take(&mut self, system: Option<&str>, at: EventTime) {
        match &mut self.partition {
            Some(beat) => beat.take(at),
            None => self.partition = Some(Beat::new(at)),
        }
        let Some(system) = system.filter(|system| system.len() <= SYSTEM_BYTES_MAX) else { return };
        if let Some(beat) = self.systems.get_mut(system) {
            beat.take(at);
        } else if self.systems.len() < SYSTEMS_MAX {
            self.systems.insert(system.into(), Beat::new(at));
        }
    }

    /// Tells of what has fallen silent since the last look. `now` is the broker's time, and all
    /// that had arrived by then has been taken.
    pub fn look(&mut self, now: EventTime, stream: &Stream, findings: &mut Vec<Finding>) {
        let place = stream.name();
        let before = self.looked.replace(now);
        let mut silent: Vec<(&str, Beat, EventTime)> = self
            .systems
            .iter_mut()
            .filter_map(|(name, beat)| {
                beat.falls_silent(before, now).map(|since| (&**name, *beat, since))
            })
            .collect();
        if let Some(beat) = &mut self.partition
            && let Some(since) = beat.falls_silent(before, now)
        {
            let key = format!("topic {}", stream.topic());
            let window = Window { start: since, end: now };
            findings.push(finding(key, &place, PARTITION_SCORE, beat, window, stream));
            // Whatever wrote into it is silent with it, and that is said.
            self.systems.values_mut().for_each(|beat| beat.told = true);
            return;
        }
        silent.sort_unstable_by_key(|(name, ..)| *name);
        for (name, beat, since) in silent {
            let key = format!("system {name}");
            let window = Window { start: since, end: now };
            findings.push(finding(key, &place, SYSTEM_SCORE, &beat, window, stream));
        }
    }

    /// Whether the partition as a whole is silent just now.
    pub fn is_silent(&self) -> bool {
        self.partition.is_some_and(|beat| beat.told)
    }
}

fn finding(
    name: String,
    place: &str,
    score: u8,
    beat: &Beat,
    window: Window,
    stream: &Stream,
) -> Finding {
    let now = window.end;
    let silent_s = now.since(window.start) / 1_000;
    let usual_s = (beat.usual_ms / 1e3).ceil();
    let id = IdHasher::new("finding")
        .part(b"silent_source")
        .part(name.as_bytes())
        .part(place.as_bytes())
        .part(&beat.last.millis().to_le_bytes())
        .finish();
    let why = format!(
        "nothing has come from {name} ({place}) for {}; usually it is never silent for longer than {}",
        span(silent_s),
        span(usual_s as i64)
    );
    Finding {
        id,
        time: now,
        detector: "silent_source".into(),
        rule: None,
        severity: severity_of(score),
        score,
        key: Key { kind: KeyKind::System, value: name },
        actor: None,
        source_ip: None,
        session: None,
        dataset: None,
        category: None,
        tier: 0,
        window,
        observed: silent_s as f64,
        expected: usual_s,
        unit: "seconds of silence".into(),
        subjects: 0,
        records: 0,
        bytes: 0,
        attack: vec!["T1562.008".into()],
        why,
        evidence: Vec::new(),
        source: stream.source(0),
        usual: Vec::new(),
        source_actors: 0,
    }
}

fn span(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{:.1} h", seconds as f64 / 3_600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> EventTime {
        EventTime::default().plus_ms(1_800_000_000_000 + second * 1_000)
    }

    fn partition() -> Stream {
        Stream::Partition { topic: "access".into(), partition: 2 }
    }

    /// Seconds at which a look, each half minute, tells of something, with what is told.
    fn told(pulse: &mut Pulse, looks: std::ops::Range<i64>) -> Vec<(i64, String)> {
        let mut told = Vec::new();
        for second in looks.step_by(30) {
            let mut findings = Vec::new();
            pulse.look(at(second), &partition(), &mut findings);
            told.extend(findings.into_iter().map(|finding| (second, finding.key.value)));
        }
        told
    }

    #[test]
    fn a_busy_partition_is_told_after_five_minutes_and_once() {
        let mut pulse = Pulse::default();
        (0..4_000).for_each(|second| pulse.take(Some("pnr"), at(second)));
        assert_eq!(told(&mut pulse, 4_000..40_000), [(4_300, "topic access".to_owned())]);
        assert!(pulse.is_silent());
        pulse.take(Some("pnr"), at(40_000));
        assert!(!pulse.is_silent());
        // It has been back for a while: a second silence is told again, and no later.
        (40_000..44_000).for_each(|second| pulse.take(Some("pnr"), at(second)));
        let again = told(&mut pulse, 44_000..60_000);
        assert_eq!(again.len(), 1);
        assert!(again[0].0 <= 44_000 + 2 * 330 + 30, "{again:?}");
    }

    #[test]
    fn a_slow_one_is_given_twice_its_usual_gap() {
        let mut pulse = Pulse::default();
        (0..200).for_each(|n| pulse.take(None, at(n * 600)));
        let last = 199 * 600;
        assert_eq!(told(&mut pulse, last..last + 1_200), []);
        assert_eq!(told(&mut pulse, last + 1_200..last + 9_000).len(), 1);
    }

    #[test]
    fn who_stamps_its_records_late_or_early_is_silent_when_nothing_comes() {
        for stamped_s in [-900, 900] {
            let mut pulse = Pulse::default();
            let mut told_s = Vec::new();
            for second in 0..6_000 {
                if second < 4_000 {
                    pulse.take(Some("pnr"), at(second + stamped_s));
                }
                told_s.extend(told(&mut pulse, second..second + 1).into_iter().map(|(at, _)| at));
            }
            assert_eq!(told_s.len(), 1, "stamped by {stamped_s} s: {told_s:?}");
            assert!((4_295..4_305).contains(&told_s[0]), "stamped by {stamped_s} s: {told_s:?}");
        }
    }

    #[test]
    fn one_system_of_several_is_told_by_its_name() {
        let mut pulse = Pulse::default();
        (0..4_000)
            .for_each(|second| pulse.take(Some(["pnr", "visa"][second as usize % 2]), at(second)));
        (4_000..6_000).for_each(|second| pulse.take(Some("visa"), at(second)));
        assert_eq!(told(&mut pulse, 6_000..6_030), [(6_000, "system pnr".to_owned())]);
    }

    #[test]
    fn what_was_never_regular_is_never_silent() {
        let mut pulse = Pulse::default();
        (0..RECORDS_MIN as i64 - 1).for_each(|n| pulse.take(None, at(n * 60)));
        assert_eq!(told(&mut pulse, 6_000..90_000), []);
    }

    #[test]
    fn a_flood_of_made_up_systems_is_not_remembered() {
        let mut pulse = Pulse::default();
        (0..10_000).for_each(|n| pulse.take(Some(&format!("made-up-{n}")), at(n)));
        assert_eq!(pulse.systems.len(), SYSTEMS_MAX);
    }
}
