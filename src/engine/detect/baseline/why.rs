//! What an analyst reads: observed, expected, how rare, what is new, in one sentence. The same
//! events give the same sentence.

use super::actor::{ALL, Baseline, HOUR, SHIFT, Span, TEN, UNEXPLAINED};
use super::actor_day::ActorDay;
use super::blocks::Hot;
use super::config::BaselineConfig;
use super::fan_in::FanInHit;
use super::lane::{Lane, Part, parts_of};
use super::lanes::Lanes;
use super::lookup::Written;
use super::novelty;
use super::peers::Peers;
use super::rate::{Expected, Rate};
use super::returned::{Returned, kind_of};
use super::season::hour_of_week;
use super::suite::{SHOWN_SHRINK, ln_p};
use super::{
    ID_BLOCK, NOVELTY, SEQUENCE, SESSION_START, SLOW_DRIFT, SUBJECT_FAN_IN, UNEXPLAINED_READS,
    VOLUME,
};
use crate::engine::detect::Judged;
use crate::engine::detect::mode::Mode;
use crate::engine::detect::severity_of;
use crate::engine::detect::state::cut;
use crate::engine::model::{
    EventTime, Finding, FindingId, IdHasher, Key, KeyKind, Source, UsualHour, Window,
};

/// Score at a lane's threshold, and points for each decade beyond.
const BASE: f32 = 43.0;
const PER_DECADE: f32 = 14.0;
const SCORE_MAX: f32 = 90.0;
/// What a detector in shadow says.
const SHADOW: u8 = 15;

/// The part of the day that speaks for a lane.
fn leading(lane: Lane, day: &ActorDay, lanes: &Lanes) -> Part {
    let parts = parts_of(lane);
    // By how rare each is: their own scores are not on one scale.
    let rank = |part: Part| (lanes.part_rarity(day, part), day.part(part));
    let best = |best: Part, &part: &Part| if rank(part) > rank(best) { part } else { best };
    parts.iter().fold(parts[0], best)
}

/// The detector that speaks for a lane, and whether it may.
pub fn detector_of(
    lane: Lane,
    day: &ActorDay,
    lanes: &Lanes,
    config: &BaselineConfig,
) -> (&'static str, Mode) {
    match leading(lane, day, lanes) {
        Part::TenAll | Part::HourAll | Part::DayAll => (VOLUME, config.unusual_volume),
        Part::TenUnexplained | Part::HourUnexplained | Part::DayUnexplained => {
            (UNEXPLAINED_READS, config.unusual_unexplained)
        }
        Part::Novelty => (NOVELTY, config.novelty),
        Part::Sequence => (SEQUENCE, config.sequence),
        Part::SlowAll | Part::SlowUnexplained | Part::SlowShare => (SLOW_DRIFT, config.slow_drift),
        Part::OffHours => (SESSION_START, config.session_start),
    }
}

/// What a sentence says of a window.
struct Told {
    observed: f32,
    expected: f32,
    minutes: u32,
    unit: &'static str,
    text: String,
    attack: &'static str,
}

/// What is told of: an event, whose it is, and among whom.
#[derive(Clone, Copy)]
pub struct Seen<'s, 'e> {
    pub judged: &'s Judged<'e>,
    pub actor: &'s Baseline,
    pub peers: &'s Peers,
    /// The role's place and the group's.
    pub places: (u16, u16),
}

/// The alert of a lane.
pub fn finding(
    seen: Seen<'_, '_>,
    (lane, beyond): (Lane, f32),
    (detector, mode): (&'static str, Mode),
) -> Finding {
    let Seen { judged, actor, peers, places } = seen;
    let part = leading(lane, &actor.day, &peers.lanes);
    let told = match part {
        Part::TenAll => counted(seen, TEN, ALL),
        Part::TenUnexplained => counted(seen, TEN, UNEXPLAINED),
        Part::HourAll => counted(seen, HOUR, ALL),
        Part::HourUnexplained => counted(seen, HOUR, UNEXPLAINED),
        Part::DayAll => counted(seen, SHIFT, ALL),
        Part::DayUnexplained => counted(seen, SHIFT, UNEXPLAINED),
        Part::Novelty => novel(seen),
        Part::Sequence => walked(seen),
        Part::SlowAll => crept(seen, ALL),
        Part::SlowUnexplained | Part::SlowShare => crept(seen, UNEXPLAINED),
        Part::OffHours => counted(seen, HOUR, ALL),
    };
    let returned = Returned::of(judged);
    let subjects = peers.usual_bytes.subjects(places.0, kind_of(judged), returned);
    let many = returned.words(subjects);
    let failed = if is_unexplained(part) { judged.case_words() } else { String::new() };
    let why = format!("{}{many}{failed}; {}", told.text, how_rare(actor, peers, lane));
    let score = match mode {
        Mode::Shadow => SHADOW,
        _ => (BASE + PER_DECADE * beyond.max(0.0)).min(SCORE_MAX) as u8,
    };
    let mut finding = judged.finding(detector, lane.name(), score, why);
    let span = i64::from(told.minutes) * 60_000;
    finding.window = Window { start: judged.at.minus_ms(span), end: judged.at };
    finding.observed = f64::from(told.observed.round());
    finding.expected = f64::from((told.expected * 10.0).round() / 10.0);
    finding.unit = told.unit.into();
    finding.subjects = actor.spans[span_of(part)].counts[ALL].round() as u64;
    finding.attack = vec![told.attack.into()];
    finding.usual = usual_hours(seen);
    finding
}

const fn is_unexplained(part: Part) -> bool {
    matches!(
        part,
        Part::TenUnexplained
            | Part::HourUnexplained
            | Part::DayUnexplained
            | Part::SlowUnexplained
            | Part::SlowShare
    )
}

/// Hours told of, the one of the finding being the last.
const USUAL_HOURS: u32 = 24;

/// What the actor's own hours and its peers' lead one to expect as of now, hour by hour. What the
/// peers do differently in this hour is part of its own figures alone.
fn usual_hours(seen: Seen<'_, '_>) -> Vec<UsualHour> {
    let Seen { actor, peers, places, .. } = seen;
    let (group, span) = (peers.group(places.1), &actor.spans[HOUR]);
    let hours = (span.index.saturating_sub(USUAL_HOURS - 1))..=span.index;
    let expected = hours.map(|hour| {
        let own = actor.hours.as_ref().map_or(1.0, |own| own.factor(hour as usize, actor.service));
        let context = if hour == span.index { span.context } else { 1.0 };
        let factor = group.season.factor(hour_of_week(hour)) * own * context;
        (hour, span.rates[ALL].forecast(&group.priors[HOUR][ALL], factor))
    });
    expected
        .map(|(hour, expected)| UsualHour {
            start: EventTime::from_millis(i64::from(hour) * 3_600_000).unwrap_or_default(),
            median: f64::from(expected.median()),
            p99: f64::from(expected.p99()),
        })
        .collect()
}

fn span_of(part: Part) -> usize {
    match part {
        Part::TenAll | Part::TenUnexplained => TEN,
        Part::HourAll | Part::HourUnexplained => HOUR,
        _ => SHIFT,
    }
}

/// `lane burst: one actor-day in 4,200 (threshold: one in 800)`.
fn how_rare(actor: &Baseline, peers: &Peers, lane: Lane) -> String {
    let threshold = peers.lanes.threshold_rarity(&actor.day, lane);
    format!(
        "lane {}: one actor-day in {} is so unusual, {} is told of",
        lane.name(),
        one_in(peers.lanes.rarity(&actor.day, lane)),
        one_in(threshold),
    )
}

fn one_in(rarity: f32) -> u64 {
    round(10_f32.powf(rarity.min(9.0)))
}

/// To two digits.
fn round(x: f32) -> u64 {
    let x = f64::from(x.max(1.0));
    let unit = 10_f64.powf((x.log10().floor() - 1.0).max(0.0));
    ((x / unit).round() * unit) as u64
}

const SPAN_WORDS: [&str; 3] = ["10 min", "1 h", "this shift"];

fn counted(seen: Seen<'_, '_>, which: usize, kind: usize) -> Told {
    let Seen { judged, actor, .. } = seen;
    let span = &actor.spans[which];
    let times = times(seen, kind);
    let (observed, own) = (as_read(span, kind, times), span.expected[kind]);
    let what = if kind == ALL { "distinct subjects" } else { "subjects without a case" };
    let minutes = match which {
        TEN => 10,
        HOUR => 60,
        _ => actor.last.saturating_sub(span.index).max(1),
    };
    let text = format!(
        "{observed:.0} {what} in {}; {}{}{}{}",
        SPAN_WORDS[which],
        usual(seen, (which, kind)),
        beside(seen, which, kind),
        as_many(seen, (which, kind)),
        start_words(actor),
    );
    let attack = if judged.facts.category == "secret" { "T1555.006" } else { "T1213.006" };
    Told { observed, expected: own.mu * times, minutes, unit: "subjects", text, attack }
}

/// `; one in 3,400 such windows has as many`: the probability, as far as it is known.
fn as_many(seen: Seen<'_, '_>, what: (usize, usize)) -> String {
    let ln_p = ln_p(seen.actor, seen.peers, seen.places.0, what, SHOWN_SHRINK);
    let decades = (-ln_p / std::f64::consts::LN_10).clamp(0.0, 6.0);
    match one_in(decades as f32) {
        1 => "; any such window may have as many".into(),
        windows if decades < 6.0 => format!("; one in {windows} such windows has as many"),
        windows => format!("; fewer than one in {windows} such windows has as many"),
    }
}

/// `this clerk's usual here is 3 and stays under 9, U5's 4 and under 10`: what half of such windows
/// reach, and one in a hundred.
fn usual(seen: Seen<'_, '_>, (which, kind): (usize, usize)) -> String {
    let Seen { judged, actor, peers, places } = seen;
    let span = &actor.spans[which];
    let times = times(seen, kind);
    let own = span.expected[kind];
    // Most hours have no read without a case.
    let half = |expected: &Expected| match kind == UNEXPLAINED && expected.is_mostly_none() {
        true => 0.0,
        false => expected.median(),
    };
    let peer: Expected =
        Rate::default().forecast(&peers.group(places.1).priors[which][kind], span.factor);
    format!(
        "this {}'s usual here is {:.0} and stays under {:.0}, {}'s {:.0} and under {:.0}",
        judged.role_words(),
        half(&own) * times,
        own.p99() * times,
        if judged.facts.unit.is_empty() { "the role" } else { judged.facts.unit },
        half(&peer) * times,
        peer.p99() * times,
    )
}

/// Reads that a count without cases stands for: each counts by how many of its kind carry a case.
fn times(seen: Seen<'_, '_>, kind: usize) -> f32 {
    if kind == ALL {
        return 1.0;
    }
    let cases = &seen.peers.role(seen.places.0).cases;
    1.0 / cases.part_share(kind_of(seen.judged)).clamp(0.5, 1.0)
}

/// A window's count, in reads.
fn as_read(span: &Span, kind: usize, times: f32) -> f32 {
    (span.counts[kind] * times).min(span.counts[ALL])
}

/// The share without a case beside all reads, or that there are no cases to look at.
fn beside(seen: Seen<'_, '_>, which: usize, kind: usize) -> String {
    if !seen.peers.has_cases() {
        return "; the stream carries no cases, so there is no context".into();
    }
    let span = &seen.actor.spans[which];
    if kind == UNEXPLAINED {
        return format!(", of {:.0} in all", span.counts[ALL]);
    }
    let without = as_read(span, UNEXPLAINED, times(seen, UNEXPLAINED));
    let share = 100.0 * without / span.counts[ALL].max(1.0);
    format!("; {:.0}% without a case", share.min(100.0))
}

fn start_words(actor: &Baseline) -> String {
    if actor.session.start >= 0.05 {
        return String::new();
    }
    actor.session.words()
}

fn novel(seen: Seen<'_, '_>) -> Told {
    let Seen { judged, actor, peers, places } = seen;
    let text = format!(
        "reads this {} does not make: `{}` by {}{}, and {:.0} decades of surprise in this shift; such shifts were {:.1} of its last {}{}",
        judged.role_words(),
        judged.facts.dataset,
        judged.event.action.name(),
        novelty::elsewhere(judged, peers, places),
        actor.novelty,
        actor.novel_shifts,
        actor.shifts.min(30),
        beside(seen, SHIFT, ALL),
    );
    let minutes = actor.last.saturating_sub(actor.spans[SHIFT].index).max(1);
    Told { observed: actor.novelty, expected: 0.0, minutes, unit: "decades", text, attack: "T1213" }
}

fn walked(seen: Seen<'_, '_>) -> Told {
    let Seen { judged, actor, .. } = seen;
    let (run, rate) = (actor.sequence.run as f32, actor.sequence.hit_rate());
    let text = format!(
        "{run} record ids of `{}` that follow on another; ordinarily {:.0}% of this {}'s ids do{}",
        judged.facts.dataset,
        rate * 100.0,
        judged.role_words(),
        beside(seen, SHIFT, ALL),
    );
    let minutes = actor.last.saturating_sub(actor.spans[SHIFT].index).max(1);
    Told { observed: run, expected: run * rate, minutes, unit: "records", text, attack: "T1119" }
}

fn crept(seen: Seen<'_, '_>, kind: usize) -> Told {
    let actor = seen.actor;
    let span = &actor.spans[SHIFT];
    let times = times(seen, kind);
    let (observed, expected) = (as_read(span, kind, times), span.expected[kind].mu * times);
    let text = format!(
        "{observed:.0} {} so far this shift, day after day more; {}{}",
        if kind == ALL { "subjects" } else { "subjects without a case" },
        usual(seen, (SHIFT, kind)),
        beside(seen, SHIFT, kind),
    );
    let minutes = actor.last.saturating_sub(span.index).max(1);
    Told { observed, expected, minutes, unit: "subjects", text, attack: "T1030" }
}

/// An account's reads in blocks that many accounts read.
pub fn block(lookup: &Written<'_>, source: Source, hot: &Hot, mode: Mode) -> Finding {
    let why = format!(
        "{} reads in ranges of `{}` ids that many accounts read today: {} in this block of 256, {:.1} in those around it",
        hot.of_reader, lookup.dataset, hot.reads, hot.usual,
    );
    let score = if mode == Mode::Shadow { SHADOW } else { 55 };
    let key = Key { kind: KeyKind::Dataset, value: lookup.dataset.to_owned() };
    let id = IdHasher::new("finding")
        .part(ID_BLOCK.as_bytes())
        .part(key.kind.name().as_bytes())
        .part(key.value.as_bytes())
        .part(lookup.event_id.as_bytes())
        .finish();
    Finding {
        window: Window { start: lookup.at.minus_ms(86_400_000), end: lookup.at },
        observed: f64::from(hot.reads),
        expected: f64::from((hot.usual * 10.0).round() / 10.0),
        unit: "records".into(),
        attack: vec!["T1119".into(), "T1213.006".into()],
        ..across(lookup, source, (id, ID_BLOCK), key, score, why)
    }
}

/// One more reader of a subject many look up. Its id names subject, day and how many they are, not
/// the read: whoever is last, it is the same finding.
pub fn fan_in(lookup: &Written<'_>, source: Source, hit: &FanInHit, mode: Mode) -> Finding {
    let why = format!(
        "about {:.0} accounts of {:.0} units looked up {} without a case in two days; usual is {:.1}",
        hit.readers, hit.groups, lookup.name, hit.usual,
    );
    let score = if mode == Mode::Shadow { SHADOW } else { 50 };
    let key = Key { kind: KeyKind::Subject, value: cut(&lookup.name).to_owned() };
    let id = IdHasher::new("finding")
        .part(SUBJECT_FAN_IN.as_bytes())
        .part(key.kind.name().as_bytes())
        .part(key.value.as_bytes())
        .part(&lookup.subject.to_le_bytes())
        .part(&lookup.day.to_le_bytes())
        .part(&hit.bits.to_le_bytes())
        .finish();
    Finding {
        window: Window { start: lookup.at.minus_ms(2 * 86_400_000), end: lookup.at },
        observed: f64::from(hit.readers.round()),
        expected: f64::from((hit.usual * 10.0).round() / 10.0),
        unit: "actors".into(),
        subjects: 1,
        attack: vec!["T1213".into()],
        ..across(lookup, source, (id, SUBJECT_FAN_IN), key, score, why)
    }
}

/// What is counted across accounts, as of one that was looked up last.
fn across(
    lookup: &Written<'_>,
    source: Source,
    (id, detector): (FindingId, &'static str),
    key: Key,
    score: u8,
    why: String,
) -> Finding {
    let text = |text: Option<&str>| text.map(str::to_owned);
    Finding {
        id,
        time: lookup.at,
        detector: detector.into(),
        rule: None,
        severity: severity_of(score),
        score,
        key,
        actor: text(lookup.actor),
        source_ip: text(lookup.source_ip),
        session: text(lookup.session),
        dataset: text(Some(lookup.dataset).filter(|d| !d.is_empty())),
        category: text(lookup.category),
        tier: lookup.tier,
        window: Window { start: lookup.at, end: lookup.at },
        observed: 1.0,
        expected: 0.0,
        unit: "events".into(),
        subjects: 1,
        records: lookup.records,
        bytes: lookup.bytes,
        attack: Vec::new(),
        why,
        evidence: vec![lookup.event_id.as_ref().to_owned()],
        source,
        usual: Vec::new(),
        source_actors: 0,
    }
}
