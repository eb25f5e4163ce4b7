//! What an incident was ruled to be, as far as the detectors that learn need to know.

use super::act::{Act, MONITOR, Recorded, Resolution};
use super::case::{Case, is_undone};
use crate::engine::detect::Ruling;
use crate::engine::model::Incident;

/// What people decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruled {
    /// Not the account's own work: a breach, or a test of one.
    Breach { goes_on: bool },
    /// It was allowed, or did not happen.
    Honest,
}

impl Resolution {
    const fn is_breach(self) -> bool {
        match self {
            Self::TruePositive | Self::Test => true,
            Self::Benign | Self::FalsePositive => false,
        }
    }
}

impl Case {
    /// None while nobody has decided. A breach goes on from when somebody decides that we are aware
    /// until it is resolved, and where the monitor itself reopens what was resolved as one. Whoever
    /// reopens it takes back what was decided. `acts` made the case.
    pub fn ruled(&self, acts: &[Recorded]) -> Option<Ruled> {
        if let Some(resolution) = self.resolution {
            let breach = Ruled::Breach { goes_on: false };
            return Some(if resolution.is_breach() { breach } else { Ruled::Honest });
        }
        let decided = acts.iter().rev().filter(|act| !is_undone(act.number, acts));
        let last = decided
            .filter_map(|recorded| match &recorded.act {
                Act::Resolve { resolution, .. } => Some(resolution.is_breach()),
                Act::Reopen { .. } if recorded.by != MONITOR => Some(false),
                _ => None,
            })
            .next();
        let goes_on = !self.aware.is_empty() || last == Some(true);
        goes_on.then_some(Ruled::Breach { goes_on })
    }
}

impl Ruled {
    /// The ruling on each actor of the incident.
    pub fn rulings(self, incident: &Incident) -> impl Iterator<Item = Ruling> {
        let until = Some(incident.last_event).filter(|_| self != Self::Breach { goes_on: true });
        incident.actors.iter().map(move |actor| Ruling {
            incident: incident.id.clone(),
            actor: actor.clone(),
            confirmed: self != Self::Honest,
            from: incident.first_event,
            until,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::model::EventTime;

    fn resolve(resolution: Resolution) -> Act {
        Act::Resolve { resolution, note: None }
    }

    fn reopen() -> Act {
        Act::Reopen { reason: "more".into() }
    }

    /// What acts make of an incident, each with who did it.
    fn check(acts: &[(&str, Act)], expected: Option<Ruled>) {
        let recorded: Vec<Recorded> = (1..)
            .zip(acts)
            .map(|(number, (by, act))| Recorded {
                number,
                incident: Some("i".into()),
                origin: Some("i".into()),
                time: EventTime::default(),
                by: (*by).to_owned(),
                act: act.clone(),
            })
            .collect();
        assert_eq!(Case::of("i", &recorded).ruled(&recorded), expected, "{acts:?}");
    }

    #[test]
    fn a_resolution_rules_and_whoever_reopens_takes_it_back() {
        let (over, goes_on) = (Ruled::Breach { goes_on: false }, Ruled::Breach { goes_on: true });
        let confirmed = || ("ann", resolve(Resolution::TruePositive));
        check(&[], None);
        check(&[("ann", Act::Acknowledge {})], None);
        check(&[confirmed()], Some(over));
        check(&[("ann", resolve(Resolution::Test))], Some(over));
        check(&[("ann", resolve(Resolution::Benign))], Some(Ruled::Honest));
        check(&[("ann", resolve(Resolution::FalsePositive))], Some(Ruled::Honest));
        check(&[confirmed(), ("ben", reopen())], None);
        check(&[confirmed(), ("ben", Act::Undo { act: 1 })], None);
        check(&[confirmed(), (MONITOR, reopen())], Some(goes_on));
        check(&[confirmed(), (MONITOR, reopen()), ("ben", Act::Acknowledge {})], Some(goes_on));
        let dismissed = ("ann", resolve(Resolution::FalsePositive));
        check(&[dismissed.clone(), (MONITOR, reopen())], None);
        check(&[confirmed(), (MONITOR, reopen()), dismissed], Some(Ruled::Honest));
    }

    #[test]
    fn who_is_aware_of_a_breach_has_confirmed_it() {
        let aware = Act::Aware { at: None, regimes: vec!["gdpr".into()], reason: "sure".into() };
        let goes_on = Some(Ruled::Breach { goes_on: true });
        check(&[("ann", aware.clone())], goes_on);
        check(&[("ann", aware.clone()), ("ann", Act::Undo { act: 1 })], None);
        let dismissed = ("ann", resolve(Resolution::FalsePositive));
        check(&[("ann", aware), dismissed], Some(Ruled::Honest));
    }

    #[test]
    fn each_actor_has_its_own() {
        let text = include_str!("../../../tests/golden/incident.json");
        let mut incident: Incident = serde_json::from_str(text).expect("reads");
        incident.actors = vec!["ann".into(), "ben".into()];
        let of = |ruled: Ruled| -> Vec<Ruling> { ruled.rulings(&incident).collect() };
        let breach = of(Ruled::Breach { goes_on: false });
        assert_eq!([&*breach[0].actor, &*breach[1].actor], ["ann", "ben"]);
        let spans = breach.iter().all(|ruling| {
            ruling.confirmed
                && (ruling.from, ruling.until) == (incident.first_event, Some(incident.last_event))
        });
        assert!(spans, "{breach:?}");
        assert!(
            of(Ruled::Breach { goes_on: true }).iter().all(|r| r.confirmed && r.until.is_none())
        );
        assert!(of(Ruled::Honest).iter().all(|r| !r.confirmed && r.until.is_some()));
    }
}
