//! The tests that lie beside rules: events and what the rules make of them.
//!
//! ```yaml
//! positive:
//!     - name: stopped
//!       event: {eventName: StopLogging}
//!     - name: three in a minute             # for a correlation: events with times
//!       events:
//!           - {at: 0s, event: {action: login, actor.id: a}}
//!           - {at: 20s, event: {action: login, actor.id: a}, times: 2}
//!       fires: [{at: 20s, group: {actor.id: a}, value: 3}]
//! negative:
//!     - name: started
//!       event: {eventName: StartLogging}
//! ```
//!
//! A case is for every rule of the file beside it, or for the one it names by `rule`. Events
//! alone are for the file's detection rules, sequences for its correlations. `fires` lists every
//! firing, in order; where a positive case has none, one firing of whatever kind is enough.

use serde_json::Value as Json;

use super::{
    correlation::{Firing, GroupScratch, Groups, Held},
    error::{Fault, Problem, RuleError},
    fields,
    logsource::LogSource,
    rule::Rule,
    scratch::Scratch,
    set::{RuleIndex, RuleSet},
    value::Value,
    yaml::{self, Data, Node},
};
use crate::engine::detect::state::Table;
use crate::engine::model::{ActorType, EventTime, Outcome};

/// How often one event of a sequence may be repeated.
const TIMES_MAX: u32 = 100_000;
/// Events are allowed to be this late in a sequence.
const LATENESS_MS: u32 = 600_000;

/// What came of one case for one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestReport {
    pub rule: String,
    pub title: String,
    pub case: String,
    pub positive: bool,
    /// What went wrong; `None` where the case holds.
    pub failure: Option<String>,
}

/// Runs the tests in `text`, which lies beside the rule file `beside` of `set`. Faults of the
/// tests themselves are told under the name `file`.
pub fn run_tests(
    set: &RuleSet,
    beside: &str,
    file: &str,
    text: &str,
) -> Result<Vec<TestReport>, Box<RuleError>> {
    let refuse = |fault: Fault| Box::new(fault.within(&file.into(), ""));
    let nodes = yaml::parse(text).map_err(refuse)?;
    let mut runner = Runner { set, beside, reports: Vec::new(), scratch: Scratch::default() };
    for node in &nodes {
        known(node, "tests", SECTIONS).map_err(refuse)?;
        for (section, positive) in [("positive", true), ("negative", false)] {
            let Some(cases) = node.entry(section) else { continue };
            let Data::List(cases) = &cases.data else {
                let problem = Problem::Expected("a list of cases");
                return Err(refuse(Fault::new(cases.line, section, problem)));
            };
            for case in cases {
                runner.case(case, positive).map_err(refuse)?;
            }
        }
    }
    if runner.reports.is_empty() {
        let line = nodes.first().map_or(1, |node| node.line);
        return Err(refuse(Fault::new(line, "tests", Problem::Missing("a case"))));
    }
    Ok(runner.reports)
}

const SECTIONS: &str = "positive, negative";

/// Refuses what is no map, and keys that are not among `keys`: a case under a word misspelt would
/// not be run, and nobody would hear of it.
fn known(node: &Node, name: &str, keys: &'static str) -> Result<(), Fault> {
    let map = node.map().ok_or_else(|| Fault::new(node.line, name, Problem::Expected("a map")))?;
    match map.iter().find(|(key, _)| keys.split(", ").all(|known| known != key.text)) {
        Some((key, _)) => Err(Fault::new(key.line, key.text.as_str(), Problem::Unknown(keys))),
        None => Ok(()),
    }
}

struct Runner<'s> {
    set: &'s RuleSet,
    beside: &'s str,
    reports: Vec<TestReport>,
    scratch: Scratch,
}

/// One event of a sequence.
struct Step {
    at_ms: i64,
    event: Json,
    times: u32,
}

impl Runner<'_> {
    fn case(&mut self, case: &Node, positive: bool) -> Result<(), Fault> {
        known(case, "case", "name, rule, event, events, fires")?;
        let name = case.entry("name").and_then(Node::text);
        let name = name.ok_or_else(|| Fault::new(case.line, "case", Problem::Missing("name")))?;
        let only = case.entry("rule").and_then(Node::text);
        if let Some(fires) =
            case.entry("fires").filter(|_| !positive || case.entry("events").is_none())
        {
            let problem = Problem::Expected("beside the `events` of a positive case");
            return Err(Fault::new(fires.line, "fires", problem));
        }
        let before = self.reports.len();
        match (case.entry("event"), case.entry("events")) {
            (Some(event), None) => self.single(name, only, &event.json(), positive),
            (None, Some(events)) => self.sequence(name, only, case, events, positive)?,
            _ => {
                return Err(Fault::new(case.line, name, Problem::Expected("`event` or `events`")));
            }
        }
        if self.reports.len() == before {
            return Err(Fault::new(case.line, only.unwrap_or(name), Problem::NoSuchRule));
        }
        Ok(())
    }

    fn is_meant(&self, rule: &Rule, only: Option<&str>) -> bool {
        *rule.file == *self.beside
            && only.is_none_or(|only| rule.id == only || rule.name.as_deref() == Some(only))
    }

    fn report(&mut self, rule: &Rule, case: &str, positive: bool, failure: Option<String>) {
        self.reports.push(TestReport {
            rule: rule.id.clone(),
            title: rule.title.clone(),
            case: case.to_owned(),
            positive,
            failure,
        });
    }

    /// The rules that match an event which comes from wherever each of them looks.
    fn matched(&mut self, event: &Json, rule: &Rule, index: RuleIndex) -> bool {
        let mut matched = Vec::new();
        let scope = self.set.scope(&[source(rule)]);
        let event = if rule.logsource.is_ours() { &normalised(event) } else { event };
        self.set.matches(&scope, event, &mut self.scratch, &mut matched);
        matched.contains(&index)
    }

    fn single(&mut self, name: &str, only: Option<&str>, event: &Json, positive: bool) {
        let set = self.set;
        for (rule, index) in set.rules().iter().zip(0..) {
            if self.is_meant(rule, only) {
                let failure = match (self.matched(event, rule, index), positive) {
                    (true, false) => Some("matches and must not".to_owned()),
                    (false, true) => Some("does not match".to_owned()),
                    _ => None,
                };
                self.report(rule, name, positive, failure);
            }
        }
    }

    fn sequence(
        &mut self,
        name: &str,
        only: Option<&str>,
        case: &Node,
        events: &Node,
        positive: bool,
    ) -> Result<(), Fault> {
        let Data::List(nodes) = &events.data else {
            return Err(Fault::new(events.line, "events", Problem::Expected("a list")));
        };
        let steps = nodes.iter().map(step).collect::<Result<Vec<_>, _>>()?;
        let set = self.set;
        let firings = self.play(&steps);
        for (correlation, index) in set.correlations().iter().zip(0..) {
            if !self.is_meant(&correlation.rule, only) {
                continue;
            }
            let told: Vec<&Firing> = firings.iter().filter(|f| f.correlation == index).collect();
            let failure = match case.entry("fires") {
                Some(fires) if positive => compare(fires, &told)?,
                _ => match (told.is_empty(), positive) {
                    (true, true) => Some("does not fire".to_owned()),
                    (false, false) => Some(format!("fires and must not: {}", shown(&told))),
                    _ => None,
                },
            };
            self.report(&correlation.rule, name, positive, failure);
        }
        Ok(())
    }

    /// All firings, the events taken in the order listed. Each event counts as coming from
    /// wherever a rule looks.
    fn play(&mut self, steps: &[Step]) -> Vec<Firing> {
        let set = self.set;
        let mut sources: Vec<LogSource<'_>> = set.rules().iter().map(source).collect();
        sources.dedup();
        let scope = set.scope(&sources);
        let mut table = Table::new(100_000);
        let mut scratch = GroupScratch::default();
        let (mut firings, mut matched) = (Vec::new(), Vec::new());
        let mut watermark: Option<EventTime> = None;
        let mut held = Held::default();
        let beside = |rule: &&Rule| *rule.file == *self.beside;
        let is_ours = set.rules().iter().filter(beside).all(|rule| rule.logsource.is_ours());
        for step in steps {
            let event = if is_ours { &normalised(&step.event) } else { &step.event };
            let at = start().plus_ms(step.at_ms);
            watermark = watermark.max(Some(at));
            for _ in 0..step.times {
                matched.clear();
                set.matches(&scope, event, &mut self.scratch, &mut matched);
                let table = &mut table;
                let held = Some(&mut held);
                let mut groups =
                    Groups { table, at, watermark, lateness_ms: LATENESS_MS, seed: 0, held };
                set.correlate(&matched, event, &(), &mut groups, &mut scratch, &mut firings);
            }
        }
        // What had to wait waits no longer.
        let (table, held, at) = (&mut table, Some(&mut held), watermark.unwrap_or_default());
        let mut groups = Groups { table, at, watermark, lateness_ms: LATENESS_MS, seed: 0, held };
        let mut released = Vec::new();
        set.release(None, &mut groups, &mut scratch, &mut released);
        firings.extend(released.into_iter().map(|released| released.firing));
        firings
    }
}

/// An event as decoding gives it to rules that go by our names: who says nothing of it was let in,
/// and is a person.
fn normalised(event: &Json) -> Json {
    let mut event = event.clone();
    for (name, word) in
        [("outcome", Outcome::default().name()), ("actor.type", ActorType::default().name())]
    {
        let is_absent = matches!(fields::find(&event, name), Value::Absent);
        if let Some(map) = event.as_object_mut().filter(|_| is_absent) {
            map.insert(name.to_owned(), word.into());
        }
    }
    event
}

/// When sequences start: a Monday, for rules that ask for the time.
fn start() -> EventTime {
    EventTime::default().plus_ms(1_772_409_600_000)
}

/// The source of records that `rule` is about.
fn source(rule: &Rule) -> LogSource<'_> {
    LogSource {
        product: rule.logsource.product.as_deref(),
        service: rule.logsource.service.as_deref(),
        categories: rule.logsource.category.as_deref().into_iter().collect(),
    }
}

fn step(node: &Node) -> Result<Step, Fault> {
    known(node, "events", "at, event, times")?;
    let event = node.entry("event");
    let event = event.ok_or_else(|| Fault::new(node.line, "events", Problem::Missing("event")))?;
    let times = match node.entry("times") {
        None => 1,
        Some(times) => {
            let number = times.text().and_then(|text| text.parse().ok());
            number.filter(|n| (1..=TIMES_MAX).contains(n)).ok_or_else(|| {
                Fault::new(times.line, "times", Problem::Expected("a number from 1 to 100000"))
            })?
        }
    };
    Ok(Step { at_ms: instant(node)?, event: event.json(), times })
}

/// `at`: milliseconds from the start of the sequence, of `90s`, `2m` or an instant.
fn instant(node: &Node) -> Result<i64, Fault> {
    let at = node.entry("at");
    let at = at.ok_or_else(|| Fault::new(node.line, "events", Problem::Missing("at")))?;
    let text = at.text().unwrap_or_default();
    if let Ok(time) = EventTime::parse(text) {
        return Ok(time.since(start()));
    }
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    let read = |(unit, size): (&str, i64)| {
        let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
        number.is_finite().then_some((number * size as f64) as i64)
    };
    let wanted = Problem::Expected("a number and ms, s, m, h or d, or an RFC 3339 time");
    units.into_iter().find_map(read).ok_or_else(|| Fault::new(at.line, text, wanted))
}

/// What differs between the firings listed and those told.
fn compare(fires: &Node, told: &[&Firing]) -> Result<Option<String>, Fault> {
    let Data::List(wanted) = &fires.data else {
        return Err(Fault::new(fires.line, "fires", Problem::Expected("a list")));
    };
    let mut differs = wanted.len() != told.len();
    for (wanted, firing) in wanted.iter().zip(told) {
        known(wanted, "fires", "at, group, value")?;
        differs |= instant(wanted)? != firing.at.since(start());
        if let Some(value) = wanted.entry("value").and_then(Node::text) {
            differs |= value.parse::<f64>().ok() != Some(firing.value);
        }
        for (field, value) in wanted.entry("group").and_then(Node::map).unwrap_or_default() {
            let of_group = firing.group.iter().find(|(name, _)| **name == *field.text);
            let found = of_group.and_then(|(_, value)| value.as_deref());
            let nothing = value.scalar() == Some(yaml::Scalar::Null);
            differs |= found != value.text().filter(|_| !nothing);
        }
    }
    Ok(differs.then(|| format!("fires otherwise than listed: {}", shown(told))))
}

fn shown(told: &[&Firing]) -> String {
    if told.is_empty() {
        return "not at all".to_owned();
    }
    let one = |firing: &&Firing| {
        let seconds = firing.at.since(start()) as f64 / 1e3;
        let group = firing
            .group
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.as_deref().unwrap_or("null")));
        let group = group.collect::<Vec<_>>().join(", ");
        format!("at {seconds}s with {} for {{{group}}}", firing.value)
    };
    told.iter().take(10).map(one).collect::<Vec<_>>().join("; ")
}
