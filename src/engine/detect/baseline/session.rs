//! How unusual a session is before anything is read in it: the hour it begins at, how long after
//! the last shift began, the place it comes from.

use serde::{Deserialize, Serialize};

use super::residuals::Residuals;
use super::season::Starts;
use super::sums::add_up;
use crate::engine::detect::state::Later;

/// Pseudo-starts of the group behind an actor's own.
const OWN_STARTS: f32 = 2.0;
/// What a start keeps of those before it: thirty sessions.
const STARTS_KEEP: f32 = 0.97;
/// Source addresses remembered of an actor; the one idle longest makes room.
const PLACES: usize = 6;
/// Sessions before a place can be new.
const KNOWN_SESSIONS: u16 = 4;
/// Sessions of the role behind an actor's own share of new places.
const ROLE_SESSIONS: f32 = 4.0;
/// A share below which a part of the session is told of.
const UNUSUAL: f32 = 0.05;

/// The sessions of a role.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct RoleSessions {
    turns: Turns,
    /// How unusual sessions are in all, in decades.
    ranks: Residuals,
    /// Sessions from a place new to the actor, and all.
    new_places: f32,
    sessions: f32,
}

impl RoleSessions {
    /// Adds `times` what another shard has counted.
    pub fn add_up(&mut self, more: &Self, times: f32) {
        add_up(&mut self.turns.counts, &more.turns.counts, times);
        self.ranks.add_up(&more.ranks, times);
        self.new_places += times * more.new_places;
        self.sessions += times * more.sessions;
    }

    pub fn turn(&mut self, keep: f32) {
        self.turns.turn(keep);
        self.ranks.turn(keep);
        self.new_places *= keep;
        self.sessions *= keep;
    }
}

/// Hours from the beginning of one shift to that of the next session; the last stands for more.
const TURN_HOURS: usize = 48;
/// Sessions before anything is unusual.
const TURNS_MIN: f32 = 50.0;

/// The rhythm of a role. Who has worked eight hours and is back four hours later does what hardly
/// anybody does, though both the hour and the rest may be ordinary by themselves.
#[derive(Clone, Serialize, Deserialize)]
struct Turns {
    counts: Vec<f32>,
    /// The probability of an hour as unusual, in force.
    unusual: Vec<f32>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { counts: vec![0.0; TURN_HOURS], unusual: vec![1.0; TURN_HOURS] }
    }
}

impl Turns {
    fn turn(&mut self, keep: f32) {
        let total: f32 = self.counts.iter().sum();
        if total >= TURNS_MIN {
            let near = |hour: usize| {
                let last = TURN_HOURS - 1;
                let beside =
                    self.counts[hour.saturating_sub(1)] + self.counts[(hour + 1).min(last)];
                (0.5 * self.counts[hour] + 0.25 * beside + 0.5 / TURN_HOURS as f32) / (total + 0.5)
            };
            let shares: Vec<f32> = (0..TURN_HOURS).map(near).collect();
            for (unusual, here) in self.unusual.iter_mut().zip(&shares) {
                let here = here * 1.000_1;
                *unusual = shares.iter().filter(|&&share| share <= here).sum();
            }
        }
        self.counts.iter_mut().for_each(|count| *count *= keep);
    }

    fn at(minutes: u32) -> usize {
        (minutes as usize / 60).min(TURN_HOURS - 1)
    }

    fn unusual(&self, minutes: u32) -> f32 {
        self.unusual.get(Self::at(minutes)).map_or(1.0, |share| share.clamp(1e-4, 1.0))
    }

    fn add(&mut self, minutes: u32) {
        if let Some(count) = self.counts.get_mut(Self::at(minutes)) {
            *count += 1.0;
        }
    }
}

/// The session an actor is in, and what is usual of its sessions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Session {
    /// The probability of one so unusual.
    pub start: f32,
    /// But for the first, which is the hour until there is a second.
    starts: Later<Starts>,
    hour: u8,
    /// Hours since the last shift began.
    turn_h: f32,
    /// Probabilities of the hour, the turn and the place.
    p_hour: f32,
    p_turn: f32,
    p_place: f32,
    places: [u32; PLACES],
    /// Where the last read came from.
    place: u32,
    sessions: u16,
    new_places: f32,
}

impl Session {
    pub fn heap_bytes(&self) -> usize {
        self.starts.heap_bytes()
    }

    /// A session begins at `hour` UTC, `turn_min` minutes after the last shift did.
    pub fn begin(
        &mut self,
        hour: usize,
        turn_min: Option<u32>,
        group_starts: &[f32; 24],
        role: &mut RoleSessions,
        learn: bool,
    ) {
        self.settle();
        let shares = Starts::shares(&self.starts.hours, group_starts, OWN_STARTS);
        self.hour = hour as u8;
        self.p_hour = Starts::unusual(&shares, hour);
        self.turn_h = turn_min.map_or(0.0, |minutes| minutes as f32 / 60.0);
        self.p_turn = turn_min.map_or(1.0, |minutes| role.turns.unusual(minutes));
        self.p_place = 1.0;
        self.place = 0;
        self.sessions = self.sessions.saturating_add(1);
        self.new_places *= STARTS_KEEP;
        if self.sessions > 1 {
            self.starts.decay(STARTS_KEEP);
            self.starts.add(hour);
        }
        self.rank(role);
        if learn {
            if let Some(minutes) = turn_min {
                role.turns.add(minutes);
            }
            role.ranks.add(self.decades());
            role.sessions += 1.0;
        }
    }

    /// The read comes from `place`; true where that is new, and so the session another.
    pub fn come_from(&mut self, place: u32, role: &mut RoleSessions, learn: bool) -> bool {
        if self.is_at(place) {
            return false;
        }
        self.place = place;
        if let Some(known) = self.places.iter().position(|&known| known == place) {
            self.places[..=known].rotate_right(1);
            return false;
        }
        self.places.rotate_right(1);
        self.places[0] = place;
        if self.sessions < KNOWN_SESSIONS {
            return false;
        }
        let share = (role.new_places + 0.05) / (role.sessions + 50.0);
        let own = f32::from(self.sessions).min(33.0);
        let p = (self.new_places + ROLE_SESSIONS * share) / (own + ROLE_SESSIONS);
        self.p_place = self.p_place.min(p.clamp(1e-4, 1.0));
        self.new_places += 1.0;
        self.rank(role);
        if learn {
            role.new_places += 1.0;
            role.ranks.add(self.decades());
        }
        true
    }

    fn decades(&self) -> f32 {
        -(self.p_hour.log10() + self.p_turn.log10() + self.p_place.log10())
    }

    /// Ranked among the role's: a role that begins at all hours surprises by none.
    fn rank(&mut self, role: &RoleSessions) {
        let share = role.ranks.at_least(self.decades());
        self.start = share.map_or(1.0, |share| share.clamp(1e-4, 1.0));
    }

    /// The only session so far goes with the others.
    fn settle(&mut self) {
        if self.sessions == 1 {
            self.starts.decay(STARTS_KEEP);
            self.starts.add(self.hour.into());
        }
    }

    /// Whether the last read came from there.
    pub fn is_at(&self, place: u32) -> bool {
        place == self.place || place == 0
    }

    /// Goes on with what was usual of the actor's sessions `before`.
    pub fn unlearn(&mut self, before: Self) {
        let Self { starts, places, sessions, new_places, .. } = before;
        (self.starts, self.places) = (starts, places);
        (self.sessions, self.new_places) = (sessions, new_places);
    }

    pub fn forget(&mut self, keep: f32) {
        self.settle();
        self.starts.decay(keep);
        self.places = [0; PLACES];
        self.sessions = 0;
        self.new_places = 0.0;
    }

    /// What is unusual of it, as the end of a sentence.
    pub fn words(&self) -> String {
        let mut words = String::new();
        if self.p_hour < UNUSUAL {
            words += &format!("; the session began at {:02}:00 UTC, which is unusual", self.hour);
        }
        if self.p_turn < UNUSUAL {
            words +=
                &format!("; {:.0} h after the last shift began, which is unusual", self.turn_h);
        }
        if self.p_place < UNUSUAL {
            words += "; it comes from an address this account did not use before";
        }
        if words.is_empty() {
            words += "; the session is unusual by hour, turn and place together";
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A role of people who begin at 8, a day after their last shift, at their own desks.
    fn known() -> (Session, RoleSessions) {
        let mut role = RoleSessions::default();
        let mut session = Session::default();
        for round in 0..400 {
            let turn = 1_380 + round % 7 * 20;
            session.begin(8, Some(turn), &[1.0 / 24.0; 24], &mut role, true);
            session.come_from(7, &mut role, true);
            if round % 50 == 49 {
                role.turn(0.95);
            }
        }
        (session, role)
    }

    fn start(hour: usize, turn_min: u32, place: u32) -> f32 {
        let (mut session, mut role) = known();
        session.begin(hour, Some(turn_min), &[1.0 / 24.0; 24], &mut role, true);
        session.come_from(place, &mut role, true);
        session.start
    }

    #[test]
    fn the_usual_is_usual_and_each_part_may_be_unusual() {
        assert!(start(8, 1_440, 7) > 0.05);
        assert!(start(2, 1_440, 7) < 0.02);
        assert!(start(8, 780, 7) < 0.02);
        assert!(start(8, 1_440, 9) < 0.02);
    }

    #[test]
    fn says_what_is_unusual() {
        let (mut session, mut role) = known();
        session.begin(8, Some(780), &[1.0 / 24.0; 24], &mut role, true);
        session.come_from(9, &mut role, true);
        let words = session.words();
        assert!(words.contains("13 h after") && words.contains("address"), "{words}");
    }
}
