//! What a shard's actors have in common: roles, and groups of one role in one unit.
//!
//! Sums are added to as windows end; what is *in force* is derived from them at the turn of each
//! ten minutes, hour or day of event time, and only then. Sums of several shards add up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::blocks::{Blocks, BlocksSaving};
use super::calibration::Calibration;
use super::fan_in::FanIn;
use super::figures::{Shared, SharedSaving};
use super::gauge::Gauge;
use super::journaled::JournaledSaving;
use super::lanes::Lanes;
use super::lanes_saved::LanesSaving;
use super::lookup::Leaving;
use super::lookups::Gathered;
use super::lookups_saved::GatheredSaving;
use super::pages::Pages;
use super::rate::Prior;
use super::regions::{Regions, RegionsSaving};
use super::returned::UsualBytes;
use super::role::{Group, KINDS, Role, SPANS};
use super::ruled::{RulingsInForce, RulingsSaving};
use super::saving::{PartKey, PartKind, PartSink, Parts, read_each, save_each};
use super::season::{GROUP_SHRINK, ROLE_SHRINK, Season, Starts};
use super::sums::Context;
use crate::engine::detect::destinations::Destinations;
use crate::engine::detect::dormant_system::Systems;
use crate::engine::detect::rule_noise::RuleNoise;
use crate::engine::detect::travel::Travel;
use crate::engine::model::SubjectToken;
use crate::engine::terse::FormError;

/// Pseudo-windows a group's mean is shrunk by towards its role's: five actors' worth.
const GROUP_MEAN_SHRINK: [f32; SPANS] = [300.0, 100.0, 15.0];
/// What is kept of the sums from one day to the next.
pub(super) const DAY_KEEP: f32 = 0.95;

/// All of a shard's peers, its calibration, and what is counted across actors.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Peers {
    roles: Pages<Role, 1>,
    groups: Pages<Group, 1>,
    role_index: BTreeMap<u32, u16>,
    group_index: BTreeMap<u32, u16>,
    pub lanes: Lanes,
    pub blocks: Blocks,
    pub fan_in: FanIn,
    pub regions: Regions,
    pub rules: RuleNoise,
    pub(super) bucket: u32,
    /// Reads with a case, and all; decayed.
    cased: (f32, f32),
    /// The alert budget in force; 0 before the first event.
    budget: f64,
    /// Minute up to which was learned from history: what comes from before was learned already.
    learned_until: u32,
    /// How long it takes from site to site.
    pub travel: Travel,
    pub destinations: Destinations,
    pub systems: Systems,
    #[serde(skip)]
    pub gauge: Gauge,
    /// The places of roles and groups are saved as they are.
    #[serde(skip)]
    places_saved: bool,
    /// Lookups that came from other shards.
    #[serde(skip)]
    pub gathered: Gathered,
    pub usual_bytes: UsualBytes,
    /// What people decided of actors.
    #[serde(skip)]
    pub rulings: RulingsInForce,
    /// Where subjects are counted in another shard: lookups on their way there.
    #[serde(skip)]
    pub leaving: Option<Leaving>,
    /// What is told to other shards of these, and known of theirs.
    #[serde(skip)]
    pub shared: Shared,
}

/// Kinds of saved parts: the numbers, places of roles and groups, a role, a group, rules,
/// changes of site, destinations, systems.
const HEAD: PartKind = PartKind::PeersHead;
const PLACES: PartKind = PartKind::Places;
const ROLE: PartKind = PartKind::Role;
const GROUP: PartKind = PartKind::Group;
const RULES: PartKind = PartKind::Rules;
const TRAVEL: PartKind = PartKind::Travel;
const DESTINATIONS: PartKind = PartKind::Destinations;
const SYSTEMS: PartKind = PartKind::Systems;

/// What a save has handed out, until it is known whether it arrived.
#[derive(Debug)]
pub struct PeersSaving {
    roles: Vec<u32>,
    groups: Vec<u32>,
    places: bool,
    travel: bool,
    destinations: bool,
    systems: bool,
    lanes: LanesSaving,
    blocks: BlocksSaving,
    fan_in: JournaledSaving,
    regions: RegionsSaving,
    gathered: GatheredSaving,
    usual_bytes: Vec<u32>,
    rulings: RulingsSaving,
    shared: SharedSaving,
}

impl Peers {
    /// Hands out what has changed since the last save.
    pub fn save(&mut self, sink: &mut impl PartSink) -> PeersSaving {
        let head = (self.bucket, self.cased, self.budget, self.learned_until);
        sink.put(PartKey::new(HEAD, 0), &head);
        let travel = !self.travel.set_saved(true);
        if travel {
            sink.put(PartKey::new(TRAVEL, 0), &self.travel);
        }
        let destinations = !self.destinations.set_saved(true);
        if destinations {
            sink.put(PartKey::new(DESTINATIONS, 0), &self.destinations);
        }
        let systems = !self.systems.set_saved(true);
        if systems {
            sink.put(PartKey::new(SYSTEMS, 0), &self.systems);
        }
        let places = !std::mem::replace(&mut self.places_saved, true);
        if places {
            sink.put(PartKey::new(PLACES, 0), &(&self.role_index, &self.group_index));
        }
        sink.put(PartKey::new(RULES, 0), &self.rules);
        PeersSaving {
            roles: save_each(&mut self.roles, ROLE, sink),
            groups: save_each(&mut self.groups, GROUP, sink),
            places,
            travel,
            destinations,
            systems,
            lanes: self.lanes.save(sink),
            blocks: self.blocks.save(sink),
            fan_in: self.fan_in.save(sink),
            regions: self.regions.save(sink),
            gathered: self.gathered.save(sink),
            usual_bytes: self.usual_bytes.save(sink),
            rulings: self.rulings.save(sink),
            shared: self.shared.save(sink),
        }
    }

    /// That save came to nothing.
    pub fn save_again(&mut self, saving: PeersSaving) {
        self.roles.save_again(saving.roles);
        self.groups.save_again(saving.groups);
        self.places_saved &= !saving.places;
        if saving.travel {
            self.travel.set_saved(false);
        }
        if saving.destinations {
            self.destinations.set_saved(false);
        }
        if saving.systems {
            self.systems.set_saved(false);
        }
        self.lanes.save_again(saving.lanes);
        self.blocks.save_again(saving.blocks);
        self.fan_in.save_again(saving.fan_in);
        self.regions.save_again(saving.regions);
        self.gathered.save_again(saving.gathered);
        self.usual_bytes.save_again(saving.usual_bytes);
        self.rulings.save_again(&saving.rulings);
        self.shared.save_again(&saving.shared);
    }

    /// Puts the parts together again. Nothing of it counts as changed.
    pub fn read(parts: &Parts) -> Result<Self, FormError> {
        let head = parts.one(PartKey::new(HEAD, 0))?.unwrap_or_default();
        let (bucket, cased, budget, learned_until) = head;
        let places = parts.one(PartKey::new(PLACES, 0))?;
        let places_saved = places.is_some();
        let (role_index, group_index) = places.unwrap_or_default();
        let mut peers = Self {
            roles: read_each(parts, ROLE)?,
            groups: read_each(parts, GROUP)?,
            role_index,
            group_index,
            lanes: Lanes::read(parts)?,
            blocks: Blocks::read(parts)?,
            fan_in: FanIn::read(parts)?,
            regions: Regions::read(parts)?,
            rules: parts.one(PartKey::new(RULES, 0))?.unwrap_or_default(),
            bucket,
            cased,
            budget,
            learned_until,
            travel: parts.one(PartKey::new(TRAVEL, 0))?.unwrap_or_default(),
            destinations: parts.one(PartKey::new(DESTINATIONS, 0))?.unwrap_or_default(),
            systems: parts.one(PartKey::new(SYSTEMS, 0))?.unwrap_or_default(),
            gauge: Gauge::default(),
            places_saved,
            gathered: Gathered::read(parts)?,
            usual_bytes: UsualBytes::read(parts)?,
            rulings: RulingsInForce::read(parts)?,
            leaving: None,
            shared: Shared::read(parts)?,
        };
        peers.travel.set_saved(true);
        peers.destinations.set_saved(true);
        peers.systems.set_saved(true);
        peers.lanes.rank();
        Ok(peers)
    }

    /// Places of a role and of its group, made where they are new. At the cap all further ones
    /// are one.
    pub fn places(&mut self, role: u32, group: u32, groups_max: usize) -> (u16, u16) {
        if let (Some(&r), Some(&g)) = (self.role_index.get(&role), self.group_index.get(&group)) {
            return (r, g);
        }
        let last = |places: usize| places.saturating_sub(1) as u16;
        let r = self.role_place(role, groups_max).unwrap_or(last(self.roles.len()));
        let g = self.group_place(group, r, groups_max).unwrap_or(last(self.groups.len()));
        (r, g)
    }

    /// The place of a role, made where it is new; none at the cap.
    pub(super) fn role_place(&mut self, mark: u32, groups_max: usize) -> Option<u16> {
        if let Some(&place) = self.role_index.get(&mark) {
            return Some(place);
        }
        if self.roles.len() >= (groups_max / 4).max(4) {
            return None;
        }
        let mut fresh = Role { context_now: 1.0, ..Role::default() };
        fresh.start_shares = [1.0 / 24.0; 24];
        self.roles.push(fresh);
        let place = self.roles.len() as u16 - 1;
        self.role_index.insert(mark, place);
        self.places_saved = false;
        Some(place)
    }

    /// The place of a group of the role at `role`, likewise.
    pub(super) fn group_place(&mut self, mark: u32, role: u16, groups_max: usize) -> Option<u16> {
        if let Some(&place) = self.group_index.get(&mark) {
            return Some(place);
        }
        if self.groups.len() >= groups_max.max(1) {
            return None;
        }
        let fresh = self.fresh_group(role);
        self.groups.push(fresh);
        let place = self.groups.len() as u16 - 1;
        self.group_index.insert(mark, place);
        self.places_saved = false;
        Some(place)
    }

    /// Roles and groups that have a place of their own, with it.
    pub(super) fn role_marks(&self) -> impl Iterator<Item = (u32, u16)> {
        self.role_index.iter().map(|(&mark, &place)| (mark, place))
    }

    pub(super) fn group_marks(&self) -> impl Iterator<Item = (u32, u16)> {
        self.group_index.iter().map(|(&mark, &place)| (mark, place))
    }

    fn fresh_group(&self, role: u16) -> Group {
        let of = &self.roles[usize::from(role)];
        let mut season = Season::default();
        season.refresh(Some(&of.season), GROUP_SHRINK);
        Group {
            role,
            rates: Default::default(),
            priors: of.priors,
            season,
            context: Context::default(),
            context_now: of.context_now,
            starts: Starts::default(),
            start_shares: of.start_shares,
        }
    }

    pub fn role(&self, place: u16) -> &Role {
        &self.roles[usize::from(place)]
    }

    pub fn role_mut(&mut self, place: u16) -> &mut Role {
        self.roles.at_mut(usize::from(place))
    }

    pub fn group(&self, place: u16) -> &Group {
        &self.groups[usize::from(place)]
    }

    pub fn group_mut(&mut self, place: u16) -> &mut Group {
        self.groups.at_mut(usize::from(place))
    }

    /// Reads what a look at these subjects would need, changing nothing.
    pub fn glance(&self, tokens: &[SubjectToken]) -> u64 {
        // Of a long list it is not worth it.
        let subjects = tokens.iter().take(4);
        subjects.fold(0, |read, token| read ^ self.fan_in.glance(token.short()))
    }

    pub fn count_case(&mut self, cased: bool) {
        self.cased.0 += f32::from(u8::from(cased));
        self.cased.1 += 1.0;
    }

    /// Whether the stream carries cases at all: one read in fifty does.
    pub fn has_cases(&self) -> bool {
        self.cased.1 > 0.0 && self.cased.0 / self.cased.1 > 0.02
    }

    /// Event time has reached `bucket`, in ten minutes since 1970. Everything in force changes
    /// here and nowhere else.
    pub fn advance(&mut self, bucket: u32, budget: f64) {
        if bucket <= self.bucket {
            return;
        }
        let before = std::mem::replace(&mut self.bucket, bucket);
        let day = (bucket / 144) as u16;
        let turns = before / 144 != bucket / 144;
        if turns {
            self.adopt(day);
        }
        self.turn_context(bucket);
        if before / 6 != bucket / 6 {
            self.turn_hour();
        }
        if turns {
            self.turn_day(day, budget);
        } else if self.budget != budget {
            self.lanes.dial(budget);
        }
        self.budget = budget;
    }

    pub fn learned_until(&self) -> u32 {
        self.learned_until
    }

    /// What was learned from history up to `minute`, for each of `shards` that share the actors.
    /// Sums become what one of them would have seen, but no less than makes thresholds stand.
    /// What is counted across actors only holds where there is one shard, and what is counted by
    /// subject only where `same_subjects` have the same tokens.
    pub fn learned(&mut self, minute: u32, shards: u32, same_subjects: bool) {
        (self.budget, self.learned_until) = (0.0, minute);
        if shards > 1 {
            let keep = self.lanes.least_keep().max(1.0 / shards as f32);
            self.decay(keep);
            self.cased = (self.cased.0 * keep, self.cased.1 * keep);
            self.lanes.scale(keep);
            self.rules.scale(keep);
            self.blocks = Blocks::default();
        }
        if shards > 1 || !same_subjects {
            self.fan_in = FanIn::default();
        }
    }

    /// How the budget is being held.
    pub fn calibration(&self) -> Calibration {
        Calibration::of(self)
    }

    /// The alert budget in force.
    pub fn budget(&self) -> f64 {
        self.budget
    }

    fn turn_context(&mut self, bucket: u32) {
        for role in self.roles.iter_mut() {
            let (sum, count) = role.context.sums(bucket);
            role.context_now = ((sum + 10.0) / (count + 10.0)).clamp(0.8, 2.5);
        }
        for group in self.groups.iter_mut() {
            let (sum, count) = group.context.sums(bucket);
            let prior = self.roles[usize::from(group.role)].context_now;
            group.context_now = ((sum + 10.0 * prior) / (count + 10.0)).clamp(0.8, 2.5);
        }
    }

    fn turn_hour(&mut self) {
        for role in self.roles.iter_mut() {
            for (sums, priors) in role.rates.iter().zip(&mut role.priors) {
                for (kind, (sums, prior)) in sums.iter().zip(priors).enumerate() {
                    let fresh = Prior { mean: [5.0, 1.0][kind], ..Prior::default() };
                    *prior = sums.prior(&fresh, 5.0);
                }
            }
            role.season.refresh(None, ROLE_SHRINK);
            role.start_shares = Starts::shares(&role.starts.hours, &[1.0 / 24.0; 24], 5.0);
            role.habits.refresh();
            role.cases.refresh();
        }
        self.usual_bytes.refresh();
        for group in self.groups.iter_mut() {
            let role = &self.roles[usize::from(group.role)];
            for (span, shrink) in GROUP_MEAN_SHRINK.into_iter().enumerate() {
                for kind in 0..KINDS {
                    let towards = &role.priors[span][kind];
                    let own = group.rates[span][kind].prior(towards, shrink);
                    // Spreads are the role's: a group is too few to tell.
                    group.priors[span][kind] = Prior { mean: own.mean, ..*towards };
                }
            }
            group.season.refresh(Some(&role.season), GROUP_SHRINK);
            group.start_shares = Starts::shares(&group.starts.hours, &role.start_shares, 10.0);
        }
    }

    fn turn_day(&mut self, day: u16, budget: f64) {
        let has_cases = self.has_cases();
        let keep = self.lanes.turn(day, budget, has_cases);
        self.cased = (self.cased.0 * DAY_KEEP, self.cased.1 * DAY_KEEP);
        self.decay(DAY_KEEP);
        self.shared.fade(DAY_KEEP, keep);
        let actors = self.actors_a_day();
        self.blocks.turn(budget, actors);
        self.fan_in.turn(budget, actors, 1);
        self.rules.turn(budget, self.own_actor_days());
        if self.shared.tells {
            self.shared.telling =
                Some(self.figures(day)).filter(|own| !own.is_empty()).map(Box::new);
        }
    }

    /// Goes on with the places of another's that has the same shards around it.
    pub fn take_links(&mut self, from: &mut Self) {
        self.leaving = from.leaving.take();
        self.shared.tells = from.shared.tells;
    }

    fn decay(&mut self, keep: f32) {
        self.roles.iter_mut().for_each(|role| role.decay(keep));
        self.groups.iter_mut().for_each(|group| group.decay(keep));
        self.usual_bytes.decay(keep);
    }
}
