//! What an event says to correlations whose condition more events can take back: noted when its turn
//! comes.

use super::super::{fields::Fields, set::RuleSet};
use super::{
    definition::Link,
    held::Noting,
    observe::{Firing, GroupScratch, Grouped, Groups, Spokesman, group_of, read_notes, write_key},
};
use crate::engine::model::{EventTime, Finding};

/// A firing that had to wait, with what its event left to be told.
#[derive(Debug)]
pub struct Released {
    pub firing: Firing,
    pub about: Option<Box<Finding>>,
}

impl RuleSet {
    /// What an event says to a correlation, and what a firing of that would say to others, for
    /// when the event itself is no longer at hand.
    pub(super) fn noting<F: Fields + ?Sized>(
        &self,
        link: &Link,
        at: EventTime,
        fields: &F,
        event: &dyn Spokesman,
        seed: u64,
        scratch: &mut GroupScratch,
    ) -> Option<Noting> {
        let correlation = self.plan().correlations.get(link.correlation as usize)?;
        read_notes(correlation, link, fields, seed, scratch);
        if scratch.notes.is_empty() {
            return None;
        }
        write_key(correlation, link, fields, seed, scratch);
        let (key, notes) = (scratch.key.as_str().into(), scratch.notes.clone());
        let group = group_of(&correlation.group_by, link, fields, scratch);
        let firing = correlation.firing(link.correlation, at, 0.0, group);
        // Their number and depth are bounded as the rules are loaded.
        let fields: &dyn Fields = &Grouped { firing: &firing, event: fields };
        let then = self
            .chained(&firing, true)
            .filter_map(|link| self.noting(link, at, fields, event, seed, scratch));
        Some(Noting {
            correlation: correlation.fingerprint,
            key,
            notes,
            then: then.collect(),
            about: event.finding(&firing).map(Box::new),
            group: firing.group.into_iter().map(|(_, value)| value).collect(),
        })
    }

    /// Counts what has waited and whose turn has come: that of instants before `until`, or of all.
    /// Appends what fires, chains included.
    pub fn release(
        &self,
        until: Option<EventTime>,
        groups: &mut Groups<'_>,
        scratch: &mut GroupScratch,
        out: &mut Vec<Released>,
    ) {
        while let Some((at, noting)) = groups.held.as_mut().and_then(|held| held.pop(until)) {
            self.take_turn(at, noting, groups, scratch, out);
        }
    }

    fn take_turn(
        &self,
        at: EventTime,
        noting: Noting,
        groups: &mut Groups<'_>,
        scratch: &mut GroupScratch,
        out: &mut Vec<Released>,
    ) {
        let mut correlations = self.plan().correlations.iter().zip(0..);
        let found = correlations.find(|(correlation, _)| correlation.is(noting.correlation));
        // Another set of rules may be in use by now.
        let Some((correlation, index)) = found else { return };
        let place = groups.table.place_at(&noting.key, groups.over().min(at));
        for telling in self.note_at(place, index, at, &noting.notes, groups, scratch) {
            let names = correlation.group_by.iter().cloned();
            let group = names.zip(noting.group.iter().cloned()).collect();
            let firing = correlation.firing(index, telling.end, telling.value, group);
            if telling.is_news {
                out.push(Released { firing, about: noting.about.clone() });
                for then in &noting.then {
                    self.take_turn(telling.end, then.clone(), groups, scratch, out);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Held, Turn};
    use super::*;
    use crate::engine::detect::state::Table;

    #[test]
    fn no_group_that_something_waits_for_makes_room() {
        let at = |second: i64| EventTime::default().plus_ms(second * 1_000);
        let (mut table, mut held) = (Table::new(10), Held::default());
        let mut over = |held: &mut Held| {
            let (table, watermark) = (&mut table, Some(at(2_000)));
            let (lateness_ms, held) = (600_000, Some(held));
            Groups { table, at: at(2_000), watermark, lateness_ms, seed: 7, held }.over()
        };
        assert_eq!(over(&mut held), at(1_400));
        let noting = Noting {
            correlation: 1,
            key: "k".into(),
            group: Vec::new(),
            notes: Vec::new(),
            about: None,
            then: Vec::new(),
        };
        for second in [1_900, 1_000, 1_200] {
            held.push(Turn::new(at(second), 0), noting.clone());
        }
        assert_eq!(over(&mut held), at(1_000));
        held.pop(Some(at(1_400)));
        assert_eq!(over(&mut held), at(1_200));
    }
}
