//! All accounts' days as one stream in time order.

use crate::engine::model::EventTime;

use super::super::chance::{Purpose, chance, hash};
use super::super::config::SimulationError;
use super::super::json::Json;
use super::super::sites::SITES;
use super::act::{act, come_from, replaces_work};
use super::calendar::{Calendar, DAY_MS, HOUR_MS};
use super::config::MonthConfig;
use super::deed::Amount;
use super::draft::{Draft, Writer, actor_json};
use super::person::Person;
use super::plan::{Instance, Plan, Task};
use super::roster;
use super::truth::{Truth, TruthEntry};
use super::work::{Desk, Setting};

/// Bits of an event's id that count; those above tell simulations apart.
const COUNT_BITS: u32 = 36;

/// What is known of an event beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub time: EventTime,
    /// Number of the account.
    pub actor: u32,
    /// Index into [`Truth::entries`] of the attack or oddity it belongs to.
    pub entry: Option<u16>,
    /// Rows it returned.
    pub records: u32,
    /// Its id is [`event_id`] of this.
    pub number: u64,
}

/// An event's id as it stands on the wire.
pub fn event_id(number: u64) -> String {
    let mut out = Vec::with_capacity(12);
    Json::new(&mut out).bare_id(number);
    String::from_utf8(out).unwrap_or_default()
}

/// A month of an agency: writes its events one by one, holding about a day and a half of them in a
/// compact form.
#[derive(Debug)]
pub struct Month {
    config: MonthConfig,
    calendar: Calendar,
    people: Vec<Person>,
    actors_json: Vec<String>,
    plan: Plan,
    truth: Truth,
    /// The next local day of each site, and the instant it begins.
    due: Vec<(i64, u32)>,
    /// Drafts by the hour they fall into, the first hour's in order and being written.
    hours: std::collections::VecDeque<Vec<Draft>>,
    hour: u64,
    next: usize,
    drafts: Vec<Draft>,
    writer: Writer,
    emitted: u64,
    family: u64,
    keep_ids: bool,
}

impl Month {
    pub fn new(config: MonthConfig) -> Result<Self, SimulationError> {
        config.check()?;
        let mut people = roster::people(&config);
        let staff = roster::staff_by_site(&people);
        let calendar = Calendar::new(config.seed, config.start, config.days, &staff);
        let plan = Plan::draw(&config, &mut people);
        let truth = Truth {
            seed: config.seed,
            actors: config.actors,
            days: config.days,
            start: config.start,
            entries: plan.instances.iter().map(|instance| entry(instance, &people)).collect(),
        };
        let due =
            (0..SITES.len() as u8).map(|s| (calendar.site_day(s, 0).midnight_ms, 0)).collect();
        Ok(Self {
            actors_json: people.iter().map(actor_json).collect(),
            writer: Writer::new(config.seed),
            family: hash(config.seed, Purpose::Stream, u64::from(config.actors), 28) << COUNT_BITS,
            config,
            calendar,
            people,
            plan,
            truth,
            due,
            hours: std::collections::VecDeque::new(),
            hour: 0,
            next: 0,
            drafts: Vec::new(),
            emitted: 0,
            keep_ids: false,
        })
    }

    /// Notes the ids of attacks' and oddities' events in the truth.
    #[must_use]
    pub fn with_ids(mut self) -> Self {
        self.keep_ids = true;
        self
    }

    /// Whether the event belongs to an attack.
    pub fn is_attack(&self, told: &Told) -> bool {
        let entry = told.entry.and_then(|n| self.truth().entries.get(usize::from(n)));
        entry.is_some_and(|entry| entry.attack)
    }

    /// Complete once the stream has ended; names and accounts are there from the start.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    pub fn into_truth(self) -> Truth {
        self.truth
    }

    /// An account's name, by its number.
    pub fn actor_id(&self, actor: u32) -> String {
        self.people.get(actor as usize).map(Person::id).unwrap_or_default()
    }

    /// Appends the next event to `out`, without a line end. None at the end of the month.
    pub fn write_next(&mut self, out: &mut Vec<u8>) -> Option<Told> {
        let draft = self.next_draft()?;
        Some(self.tell(&draft, out))
    }

    pub(super) fn next_draft(&mut self) -> Option<Draft> {
        loop {
            let draft = self.hours.front().and_then(|hour| hour.get(self.next)).copied();
            if let Some(draft) = draft {
                self.next += 1;
                return Some(draft);
            }
            if !self.next_hour() {
                return None;
            }
        }
    }

    /// Events planned and not yet written.
    #[cfg(test)]
    pub(super) fn planned(&self) -> usize {
        self.hours.iter().map(Vec::len).sum()
    }

    fn tell(&mut self, draft: &Draft, out: &mut Vec<u8>) -> Told {
        let id = self.family | self.emitted;
        self.emitted += 1;
        self.writer.write(out, id, &self.actors_json[draft.actor as usize], draft);
        let time = EventTime::MIN.plus_ms(draft.at_ms - EventTime::MIN.millis());
        let entry = draft.deed.checked_sub(1);
        if let Some(known) = entry.and_then(|n| self.truth.entries.get_mut(usize::from(n))) {
            known.start.get_or_insert(time);
            known.end = Some(time);
            known.events += 1;
            known.records += u64::from(draft.records);
            if self.keep_ids {
                known.ids.push(event_id(id));
            }
        }
        Told { time, actor: draft.actor, entry, records: draft.records, number: id }
    }

    /// Moves to the next hour that has events, planning the days that begin before its end.
    fn next_hour(&mut self) -> bool {
        let hours = u64::from(self.config.days) * 24;
        if self.next > 0 || !self.hours.is_empty() {
            self.hours.pop_front();
            self.hour += 1;
        }
        self.next = 0;
        if self.hour >= hours {
            return false;
        }
        let end_ms = self.config.start.millis() + (self.hour as i64 + 1) * HOUR_MS;
        for site in 0..self.due.len() {
            while self.due[site].0 < end_ms && self.due[site].1 <= self.config.days {
                let day = self.due[site].1;
                self.plan_site_day(site as u8, day);
                let next = self.calendar.site_day(site as u8, day + 1).midnight_ms;
                self.due[site] = (next, day + 1);
            }
        }
        if self.hours.is_empty() {
            self.hours.push_back(Vec::new());
        }
        if let Some(hour) = self.hours.front_mut() {
            hour.sort_unstable_by_key(|draft| (draft.at_ms, draft.actor, draft.order));
        }
        true
    }

    fn plan_site_day(&mut self, site: u8, day: u32) {
        for n in 0..self.people.len() {
            let changes =
                self.people[n].change.filter(|&(from, to)| from == day && to.site == site);
            if let Some((_, to)) = changes {
                let person = &mut self.people[n];
                person.post = to;
                let mut rng = chance(self.config.seed, Purpose::Roster, n as u64, 2);
                person.settle(&mut rng);
                self.actors_json[n] = actor_json(person);
            }
            let person = &self.people[n];
            let gone = person.change.is_some_and(|(from, to)| from <= day && to != person.post);
            if person.post.site == site && !gone {
                self.plan_day(n, site, day);
            }
        }
    }

    fn plan_day(&mut self, n: usize, site: u8, day: u32) {
        let setting = Setting {
            seed: self.config.seed,
            cases: self.config.cases,
            lost_case_share: self.config.lost_case_share,
            attack_case_share: self.config.attack_case_share,
            scale: self.config.scale,
            calendar: &self.calendar,
        };
        let task = self.plan.tasks[n].filter(|task| self.plan.is_due(task, day));
        let site_day = self.calendar.site_day(site, day);
        let mut desk = Desk::new(setting, &mut self.people[n], site_day, &mut self.drafts);
        let deed = task.map(|task| self.plan.instances[usize::from(task.instance)].deed);
        let mut shift = None;
        if !deed.is_some_and(replaces_work) {
            if let (Some(deed), Some(task)) = (deed, task)
                && deed.amount == Amount::Nothing
            {
                come_from(&mut desk, deed.from);
                desk.deed = task.instance + 1;
            }
            shift = desk.honest_day();
        }
        if let Some(task) = task {
            let instance = &self.plan.instances[usize::from(task.instance)];
            if act(&mut desk, instance, task, shift)
                && let Some(task) = &mut self.plan.tasks[n]
            {
                task.days_done += 1;
            }
        }
        self.file();
    }

    /// Puts the drafts into their hours; what lies before the start or after the end is dropped.
    fn file(&mut self) {
        let start_ms = self.config.start.millis();
        let end_ms = start_ms + i64::from(self.config.days) * DAY_MS;
        let first_hour = self.hour as i64;
        for draft in self.drafts.drain(..) {
            if draft.at_ms < start_ms || draft.at_ms >= end_ms {
                continue;
            }
            let at = ((draft.at_ms - start_ms) / HOUR_MS - first_hour).max(0) as usize;
            while self.hours.len() <= at {
                self.hours.push_back(Vec::new());
            }
            self.hours[at].push(draft);
        }
    }
}

impl Plan {
    /// Whether an account has something to do on a day.
    fn is_due(&self, task: &Task, day: u32) -> bool {
        let instance = &self.instances[usize::from(task.instance)];
        let days = instance.deed.days;
        day >= instance.start
            && if days <= 3 { task.days_done < days } else { day < instance.start + days }
    }
}

fn entry(instance: &Instance, people: &[Person]) -> TruthEntry {
    TruthEntry {
        name: instance.name.clone(),
        kind: instance.deed.name,
        description: instance.deed.what,
        attack: instance.attack,
        slow: instance.deed.days > 3,
        actors: instance.actors.iter().map(|&n| people[n as usize].id()).collect(),
        ..TruthEntry::default()
    }
}
