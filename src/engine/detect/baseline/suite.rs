//! The learned detectors together: an event in, counts and scores up, an alert where a lane's
//! threshold is crossed.

use std::sync::Arc;

use super::actor::{ALL, Baseline, HOUR, SHARE, SHIFT, TEN, Told, UNEXPLAINED};
use super::config::BaselineConfig;
use super::fan_in::Reader;
use super::lane::{Lane, Part};
use super::lookup::{Lookup, Lookups, Written};
use super::mark::mark;
use super::novelty;
use super::peers::Peers;
use super::regions::Near;
use super::returned::{Returned, kind_of, record_hash, spread};
use super::role::{DRIFTS, KINDS, Role, SPANS};
use super::roll::{NEWCOMER_SHIFTS, START_UNUSUAL, relative};
use super::sequence::place_of;
use super::slow::{Peered, Slow};
use super::why::{self, Seen};
use crate::engine::detect::mode::Mode;
use crate::engine::detect::{Judged, Rulings};
use crate::engine::enrich::Standing;
use crate::engine::model::{ActorType, EventTime, Finding};

/// Parts of the counts, by span and kind.
const COUNT_PARTS: [[Part; KINDS]; SPANS] = [
    [Part::TenAll, Part::TenUnexplained],
    [Part::HourAll, Part::HourUnexplained],
    [Part::DayAll, Part::DayUnexplained],
];
/// Below this share of reads that carry a case, a read without one says nothing.
pub(super) const CASE_SHARE_MIN: f32 = 0.15;
/// The tail is computed again at each further tenth.
pub(super) const GATE_STEP: f32 = 1.1;

/// One that speaks for a lane, and whether it may.
type Detector = (&'static str, Mode);

/// The learned detectors and their settings.
#[derive(Clone)]
pub struct Suite {
    pub(super) config: BaselineConfig,
    pub(super) budget: f64,
    /// None while they are not known: then what is in force stays so.
    pub(super) rulings: Option<Arc<Rulings>>,
}

impl Suite {
    pub fn new(config: BaselineConfig, budget: f64) -> Self {
        Self { config, budget, rulings: None }
    }

    /// The alert budget these settings ask for.
    pub fn budget(&self) -> f64 {
        self.budget
    }

    /// Takes an event into account.
    pub fn observe(
        &self,
        judged: &Judged<'_>,
        state: &mut Option<Box<Baseline>>,
        peers: &mut Peers,
        findings: &mut Vec<Finding>,
    ) {
        let Some(minute) = minute(judged, peers) else { return };
        peers.advance(minute / 10, self.budget);
        let actor = state.get_or_insert_with(Box::default);
        let places = self.place(judged, actor, peers, minute);
        actor.roll(minute, peers, places);
        let place = judged.event.source_ip().map_or(0, mark);
        actor.come_from(place, minute, peers, places.0);
        let read = self.count(judged, actor, peers, places);
        let raised = self.score(judged, actor, peers, places, &read);
        if raised {
            peers.lanes.doubt(&mut actor.day);
            self.tell(judged, actor, peers, places, findings);
        }
        if read.unseen {
            self.across(judged, actor, peers, &read, findings);
        }
    }

    /// The actor's peers; a change of role or unit is noticed here.
    fn place(
        &self,
        judged: &Judged<'_>,
        actor: &mut Baseline,
        peers: &mut Peers,
        minute: u32,
    ) -> (u16, u16) {
        let role = mark(judged.facts.role) ^ judged.facts.actor_type as u32;
        let group = role.wrapping_mul(31) ^ mark(judged.facts.unit);
        if let Some(places) = actor.places.filter(|_| actor.group == group && actor.role == role) {
            return places;
        }
        // What was restored has lost its places, and is no other's.
        if actor.role != 0 && (actor.group != group || actor.role != role) {
            actor.forget((minute / 1_440) as u16);
        }
        let places = peers.places(role, group, self.config.groups_max);
        (actor.role, actor.group, actor.places) = (role, group, Some(places));
        actor.service = judged.facts.actor_type == ActorType::Service;
        places
    }

    /// Counts the event's subjects in the three windows.
    fn count(
        &self,
        judged: &Judged<'_>,
        actor: &mut Baseline,
        peers: &mut Peers,
        (role, _): (u16, u16),
    ) -> Read {
        let event = judged.event;
        let kind = kind_of(judged);
        let returned = Returned::of(judged);
        let subjects = peers.usual_bytes.subjects(role, kind, returned);
        let mut read = Read { kind, ..Read::default() };
        // One that fails against the work items is none.
        let standing = judged.facts.case;
        let case = event.case.as_deref().filter(|_| standing.is_cased()).map(mark);
        let mut new = 0;
        let mut add = |hash: u64, actor: &mut Baseline| {
            // In ten minutes and in a shift a subject has places that have nothing to do with
            // each other.
            let [ten, hour, shift] = &mut actor.spans;
            let fresh =
                [ten.bits.add(hash.rotate_left(32)), hour.bits.add(hash), shift.bits.add(hash)];
            new += u32::from(fresh[SHIFT] > 0.0);
            for (fresh, total) in fresh.iter().zip(&mut read.fresh) {
                *total += fresh;
                read.unseen |= *fresh > 0.0;
            }
        };
        if judged.facts.tokens.is_empty() {
            let hash = record_hash(judged);
            add(hash.unwrap_or_else(|| spread(judged.origin.position)), actor);
        }
        for token in &judged.facts.tokens {
            add(token.short(), actor);
        }
        let times = subjects / returned.listed.max(1) as f32;
        read.fresh.iter_mut().for_each(|fresh| *fresh *= times);
        read.fresh_today = read.fresh[SHIFT] > 0.0;
        let fresh_today = read.fresh_today;
        let teaches = fresh_today && !actor.is_breach(actor.last, actor.last);
        if teaches {
            peers.usual_bytes.add(role, kind, returned);
        }
        let role = peers.role_mut(role);
        let explained = standing == Standing::Explains
            || case.is_some_and(|case| {
                !fresh_today || actor.cases.explains(case, times * new as f32, &role.case_sizes)
            });
        read.explained = explained;
        if teaches {
            let cased = f32::from(u8::from(case.is_some()));
            role.cases.add(kind, 1.0, cased);
        }
        let share = role.cases.part_share(kind);
        let weight = if explained || share < CASE_SHARE_MIN { 0.0 } else { share };
        for (span, fresh) in actor.spans.iter_mut().zip(read.fresh) {
            span.counts[ALL] += fresh;
            span.counts[UNEXPLAINED] += fresh * weight;
        }
        if teaches {
            peers.count_case(case.is_some());
        }
        read
    }

    /// Brings the scores up to date; true where one rose.
    fn score(
        &self,
        judged: &Judged<'_>,
        actor: &mut Baseline,
        peers: &mut Peers,
        places: (u16, u16),
        read: &Read,
    ) -> bool {
        let mut raised = false;
        for which in [TEN, HOUR, SHIFT] {
            if read.fresh[which] <= 0.0 {
                continue;
            }
            for kind in [ALL, UNEXPLAINED] {
                if actor.spans[which].counts[kind] >= actor.spans[which].gates[kind] {
                    let score = count_score(actor, peers, places, which, kind);
                    let gate = &mut actor.spans[which].gates[kind];
                    *gate = (*gate * GATE_STEP).max(actor.spans[which].counts[kind] + 1.0);
                    let part = COUNT_PARTS[which][kind];
                    raised |= peers.lanes.raise(&mut actor.day, part, score);
                    if actor.session.start < START_UNUSUAL && which != SHIFT {
                        let decades = off_hours_score(actor, peers.role(places.0), which, kind);
                        raised |= peers.lanes.raise(&mut actor.day, Part::OffHours, decades);
                    }
                }
            }
        }
        if read.fresh_today {
            raised |= score_slow(actor, peers, places);
            raised |= novelty::score(judged, actor, peers, places, (read.kind, read.explained));
        }
        // A walk must not be broken because its ids fall on others' places.
        if (read.fresh_today || actor.spans[SHIFT].bits.is_crowded())
            && !read.explained
            && let Some(place) = judged.event.resource.record.as_deref().and_then(place_of)
            && let role = peers.role(places.0)
            && let Some(score) = actor.sequence.take(place, || role.walks.mean(0.7, 2.0).exp_m1())
            && score > 1.0
        {
            raised |= peers.lanes.raise(&mut actor.day, Part::Sequence, score);
        }
        raised
    }

    /// Tells of the lane that is furthest beyond its threshold, unless that is no news.
    fn tell(
        &self,
        judged: &Judged<'_>,
        actor: &mut Baseline,
        peers: &mut Peers,
        places: (u16, u16),
        findings: &mut Vec<Finding>,
    ) {
        let day = actor.day.day;
        let mut news: Vec<(Lane, f32, Detector)> = Vec::new();
        for lane in Lane::ALL {
            let (beyond, above) = peers.lanes.verdict(&actor.day, lane);
            let told = actor.told(lane);
            let recent = told.day != 0 && day.saturating_sub(told.day) < lane.memory_days();
            if above && (!recent || beyond >= told.beyond + ESCALATION) {
                let detector = why::detector_of(lane, &actor.day, &peers.lanes, &self.config);
                news.push((lane, beyond, detector));
            }
        }
        // One that is on trial keeps nobody else silent.
        let on = news.iter().any(|(_, _, (_, mode))| *mode == Mode::On);
        let wanted = if on { Mode::On } else { Mode::Shadow };
        news.retain(|(_, _, (_, mode))| *mode == wanted);
        let furthest = news.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a });
        let Some((lane, beyond, detector)) = furthest else { return };
        let last = actor.told_last();
        let first = last.day != day;
        if on && !first && beyond < last.beyond + SAME_DAY_ESCALATION {
            return;
        }
        for (lane, beyond, _) in news {
            actor.set_told(lane, Told { day, beyond });
        }
        let seen = Seen { judged, actor, peers, places };
        findings.push(why::finding(seen, (lane, beyond), detector));
        if !on {
            return;
        }
        peers.lanes.told(&mut actor.day, lane, beyond, first);
        let days = if beyond > 0.5 { STRONGLY_SUSPECT_DAYS } else { SUSPECT_DAYS };
        actor.suspect((judged.at.millis() / 60_000) as u32, Told { day, beyond }, days);
        if matches!(lane, Lane::SlowAll | Lane::SlowUnexplained) {
            actor.slow.iter_mut().for_each(Slow::told);
        }
    }

    /// What is counted across actors: blocks of ids, and readers of a subject.
    fn across(
        &self,
        judged: &Judged<'_>,
        actor: &Baseline,
        peers: &mut Peers,
        read: &Read,
        findings: &mut Vec<Finding>,
    ) {
        let who = mark(judged.event.actor_id().unwrap_or(""));
        let group = if judged.facts.unit.is_empty() { 0 } else { actor.group };
        let day = actor.day.day;
        let person = judged.facts.actor_type != ActorType::Service;
        if person
            && read.fresh_today
            && self.config.id_block != Mode::Off
            && let Some(place) = judged.event.resource.record.as_deref().and_then(place_of)
            && let Some(near) = peers.regions.take(who, day, place)
        {
            let unit = judged.facts.unit;
            let reader =
                Reader { account: who, group: if unit.is_empty() { 0 } else { mark(unit) } };
            if let Some(leaving) = &mut peers.leaving {
                leaving.push(&Written::placed(judged, reader, day), reader.group, Some(near));
            } else if let Some(hot) = peers.blocks.take(near, reader) {
                let found = Written::placed(judged, reader, day);
                findings.push(why::block(&found, judged.source(), &hot, self.config.id_block));
            }
        }
        let counts = person && (!read.explained || !peers.has_cases());
        if self.config.subject_fan_in == Mode::Off || !counts {
            return;
        }
        let reader = Reader { account: who, group };
        let mut look = |hash: u64, name: &dyn Fn() -> String| {
            let told = || Written::new(judged, (hash, name().into()), reader, day);
            if let Some(leaving) = &mut peers.leaving {
                leaving.push(&told(), reader.group, None);
            } else if let Some(hit) = peers.fan_in.take(hash, reader, day, self.config.subjects_max)
            {
                let mode = self.config.subject_fan_in;
                findings.push(why::fan_in(&told(), judged.source(), &hit, mode));
            }
        };
        // Of a long list the same subjects are looked at whoever reads it.
        let one_in = (judged.facts.tokens.len() / LOOKUPS_AN_EVENT + 1) as u64;
        for token in judged.facts.tokens.iter().filter(|token| token.short() % one_in == 0) {
            look(token.short(), &|| token.to_string());
        }
        if let Some(hash) = record_hash(judged).filter(|_| judged.facts.tokens.is_empty()) {
            look(hash, &|| format!("a record of `{}`", judged.facts.dataset));
        }
    }

    /// Counts what other shards tell of their accounts' lookups, `now` being when it arrived.
    pub fn gather(
        &self,
        told: Lookups,
        now: EventTime,
        peers: &mut Peers,
        findings: &mut Vec<Finding>,
    ) {
        peers.gathered.take(told, now);
        while let Some((lookup, turns)) = peers.gathered.next_due() {
            if turns {
                let (actors, shards) = (peers.gathered.actors_a_day(), peers.gathered.shards());
                peers.fan_in.turn(self.budget, actors, shards);
                peers.blocks.turn(self.budget, actors);
            }
            let found = match lookup.place {
                Some(near) => self.count_placed(&lookup, near, peers),
                None => self.count_subject(&lookup, peers),
            };
            findings.extend(found);
        }
    }

    fn count_placed(&self, lookup: &Lookup, near: Near, peers: &mut Peers) -> Option<Finding> {
        let mode = self.config.id_block;
        let hot = peers.blocks.take(near, lookup.reader).filter(|_| mode != Mode::Off)?;
        let told = lookup.written();
        Some(why::block(&told, told.source(), &hot, mode))
    }

    fn count_subject(&self, lookup: &Lookup, peers: &mut Peers) -> Option<Finding> {
        let Lookup { subject, reader, day, .. } = *lookup;
        let hit = peers.fan_in.take(subject, reader, day, self.config.subjects_max);
        let mode = self.config.subject_fan_in;
        let hit = hit.filter(|_| mode != Mode::Off)?;
        let told = lookup.written();
        Some(why::fan_in(&told, told.source(), &hit, mode))
    }
}

/// Minutes since 1970 of an event that the learned detectors take into account.
pub(super) fn minute(judged: &Judged<'_>, peers: &Peers) -> Option<u32> {
    let millis = judged.at.millis();
    // Before 1970 and after 2149 nothing is learned.
    let in_range = millis > 86_400_000 && millis < 5_600_000_000_000;
    if judged.late || !in_range || !judged.is_disclosure() || judged.facts.tier == 0 {
        return None;
    }
    Some((millis / 60_000) as u32).filter(|&minute| minute >= peers.learned_until())
}

/// Decades by which a lane must have grown to be told again within its memory, and any lane on
/// the same day.
const ESCALATION: f32 = 0.5;
const SAME_DAY_ESCALATION: f32 = 1.0;
/// Days after an alert on which the actor teaches nobody.
const SUSPECT_DAYS: u16 = 3;
const STRONGLY_SUSPECT_DAYS: u16 = 10;
/// Subjects of one event that are counted.
const LOOKUPS_AN_EVENT: usize = 64;

/// An event as it was counted.
#[derive(Clone, Copy, Debug, Default)]
struct Read {
    /// Dataset and action together.
    kind: u32,
    fresh: [f32; SPANS],
    fresh_today: bool,
    /// New in some window: in a day's bitmap, a subject may fall on another's place.
    unseen: bool,
    explained: bool,
}

/// Decades of one window's count, with how unusual the session's beginning is.
fn count_score(
    actor: &Baseline,
    peers: &Peers,
    (role, _): (u16, u16),
    which: usize,
    kind: usize,
) -> f32 {
    // The product of two uniforms: x (1 - ln x).
    let ln_p = ln_p(actor, peers, role, (which, kind), BURST_SHRINK);
    let ln_x = ln_p + f64::from(actor.session.start).ln();
    let ln_joint = ln_x + (1.0 - ln_x).ln();
    compressed((-ln_joint / std::f64::consts::LN_10).max(0.0)) as f32
}

/// `ln` of the probability of one window's count or a larger one: ordinary work, or a batch. So many
/// windows of the role's stand behind the actor's own share of batch work.
pub(super) fn ln_p(
    actor: &Baseline,
    peers: &Peers,
    role: u16,
    (which, kind): (usize, usize),
    shrink: f32,
) -> f64 {
    let span = &actor.spans[which];
    let ln_tail = span.expected[kind].ln_tail(span.counts[kind], kind == ALL);
    let bursts = &peers.role(role).bursts[which][kind];
    let own = span.bursts[kind] + shrink * bursts.share();
    let share = own / (span.rates[ALL].den + shrink);
    let share = f64::from(share.clamp(0.0, 0.5));
    let batch = bursts
        .tail(relative(span.counts[kind], &span.expected[kind]))
        .map_or(0.0, |tail| share * tail);
    let p = ((1.0 - share).ln() + ln_tail).exp() + batch;
    let ln_p = if p > 0.0 { p.ln() } else { ln_tail };
    if kind == UNEXPLAINED { ln_p.max(ln_part(actor, peers.role(role), which)) } else { ln_p }
}

/// `ln` of the probability of at least this part without a case. Many more than usual, and more of
/// all that was read than usual: a large batch has its share of reads without a case, a quiet hour
/// a few of few.
fn ln_part(actor: &Baseline, role: &Role, which: usize) -> f64 {
    let span = &actor.spans[which];
    let [all, part] = span.counts;
    role.clumps[which].ln_tail(part, all, span.share)
}

/// Decades as they are ranked: beyond six they count less and less, so that what is far out keeps
/// its order within the ranks' scale.
fn compressed(decades: f64) -> f64 {
    const STRAIGHT: f64 = 6.0;
    if decades <= STRAIGHT { decades } else { STRAIGHT * (1.0 + (decades / STRAIGHT).ln()) }
}

/// Decades of an unusual beginning, with some of what was read then: of how much, and where reads
/// carry cases, of how much without one, by number and by part.
fn off_hours_score(actor: &Baseline, role: &Role, which: usize, kind: usize) -> f32 {
    const DECADES_MAX: [f64; KINDS] = [3.0, 6.0];
    let span = &actor.spans[which];
    let mut ln_tail = span.expected[kind].ln_tail(span.counts[kind], kind == ALL);
    if kind == UNEXPLAINED {
        ln_tail = ln_tail.max(ln_part(actor, role, which));
    }
    let read = (-ln_tail / std::f64::consts::LN_10).clamp(0.0, DECADES_MAX[kind]);
    -actor.session.start.log10() + read as f32
}

/// Pseudo-windows of the role's share of batch work behind an actor's own: one, so that who never
/// did any is not taken to.
const BURST_SHRINK: f32 = 1.0;
/// The same of a probability that people read: to be true of everybody, whoever never did any may begin.
pub(super) const SHOWN_SHRINK: f32 = 50.0;

fn score_slow(actor: &mut Baseline, peers: &mut Peers, (role, _): (u16, u16)) -> bool {
    let mut raised = false;
    for (kind, part) in SLOW_PARTS.into_iter().enumerate() {
        let count = actor.spans[SHIFT].counts[kind.min(UNEXPLAINED)];
        if count < actor.slow_gates[kind] || actor.shifts < NEWCOMER_SHIFTS {
            continue;
        }
        actor.slow_gates[kind] = count * GATE_STEP + 1.0;
        let exposure = actor.exposure.max(actor.usual_exposure);
        let of = peers.role(role);
        let peered = Peered {
            group_mean: of.slow_moments[kind].mean(1.0, 1.0),
            role_within: of.slow_moments[kind].within(),
            ranks: &of.slow[kind],
            drift: of.drift(kind),
        };
        // A share means something once half a usual shift is read.
        let early = kind == SHARE && actor.exposure < 0.5 * actor.usual_exposure;
        let residual = actor.slow[kind].residual(actor.drifting(kind, exposure), &peered);
        if residual > 0.2 && !early {
            let score = actor.slow[kind].score_if(residual, &peered);
            raised |= peers.lanes.raise(&mut actor.day, part, score);
        }
    }
    raised
}

const SLOW_PARTS: [Part; DRIFTS] = [Part::SlowAll, Part::SlowUnexplained, Part::SlowShare];
