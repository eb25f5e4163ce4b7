//! A shard's peers among those of the others: what it tells of its own, and how what the others
//! told comes to count here.

use super::book::RoleBook;
use super::figures::{Figures, Known, Version, earlier};
use super::lanes::{Lanes, MEMORY_DAYS};
use super::peers::Peers;
use super::role::{Group, Role};
use super::scores::Scores;
use super::suite::Suite;

/// Ten-minute windows, or actor-days, below which there is nothing to tell.
const LEAST: f32 = 0.5;

impl Peers {
    /// From now on the shard tells its figures as days turn.
    pub fn tell_figures(&mut self) {
        self.shared.tells = true;
    }

    /// Days since 1970 of the last event; 0 before the first.
    pub fn day(&self) -> u16 {
        (self.bucket / 144) as u16
    }

    /// Decides what counts of others from the turn of a day on that is to come, instead of what
    /// was decided before.
    pub fn offer(&mut self, known: Known) {
        self.shared.offer(known);
    }

    /// What of others counts now, and what is decided for the next turn.
    pub fn versions(&self) -> (&Version, Option<&Version>) {
        (&self.shared.in_force.version, self.shared.next.as_ref().map(|next| &next.version))
    }

    /// Actor-days in the memory that were counted here.
    pub fn own_actor_days(&self) -> f32 {
        (self.lanes.actor_days() - self.shared.in_force.figures.all.numbers.actor_days).max(0.0)
    }

    /// Own accounts of an ordinary day.
    pub fn actors_a_day(&self) -> f32 {
        self.lanes.a_day(self.own_actor_days())
    }

    /// The day turns: what was decided on for it comes to count, and what counted before is taken
    /// out.
    pub(super) fn adopt(&mut self, day: u16) {
        let Some(known) = self.shared.take_due(day) else { return };
        let before = std::mem::take(&mut self.shared.in_force);
        self.take_in(&before, -1.0);
        self.take_in(&known, 1.0);
        self.shared.set_in_force(known);
    }

    fn take_in(&mut self, known: &Known, times: f32) {
        let (figures, groups_max) = (&known.figures, known.groups_max as usize);
        for (&mark, role) in &figures.roles {
            if let Some(place) = self.role_place(mark, groups_max) {
                self.role_mut(place).add_up(role, times);
            }
        }
        for (&mark, (role, group)) in &figures.groups {
            let Some(role) = self.role_place(*role, groups_max) else { continue };
            if let Some(place) = self.group_place(mark, role, groups_max) {
                self.group_mut(place).add_up(group, times);
            }
        }
        for (&mark, book) in &figures.books {
            if let Some(place) = self.role_place(mark, groups_max) {
                self.lanes.add_up_book(place, book, times);
            }
        }
        self.lanes.add_up(figures, times);
    }

    /// What was counted here, without what is others'.
    pub(super) fn figures(&self, day: u16) -> Figures {
        let others = &self.shared.in_force.figures;
        let mut own = self.lanes.figures();
        own.day = day;
        own.all.add_up(&others.all, -1.0);
        own.told
            .iter_mut()
            .zip(others.told)
            .for_each(|(told, other)| *told = (*told - other).max(0.0));
        own.alerted = (own.alerted - others.alerted).max(0.0);
        for (mark, place) in self.role_marks() {
            let mut role = Role::default();
            role.add_up(self.role(place), 1.0);
            if let Some(other) = others.roles.get(&mark) {
                role.add_up(other, -1.0);
            }
            if role.windows() >= LEAST {
                own.roles.insert(mark, role);
            }
            let Some(mut book) = self.lanes.book_alone(place) else { continue };
            if let Some(other) = others.books.get(&mark) {
                book.add_up(other, -1.0);
            }
            if book.numbers.actor_days >= LEAST {
                own.books.insert(mark, book);
            }
        }
        let marks: std::collections::BTreeMap<u16, u32> =
            self.role_marks().map(|(mark, place)| (place, mark)).collect();
        for (mark, place) in self.group_marks() {
            let of = self.group(place);
            let Some(&role) = marks.get(&of.role) else { continue };
            let mut group = Group::default();
            group.add_up(of, 1.0);
            if let Some((_, other)) = others.groups.get(&mark) {
                group.add_up(other, -1.0);
            }
            if group.windows() >= LEAST {
                own.groups.insert(mark, (role, group));
            }
        }
        own
    }
}

impl Lanes {
    /// So many actor-days of the memory as actors a day.
    pub fn a_day(&self, actor_days: f32) -> f32 {
        let days = f32::from(self.numbers.days.max(1));
        actor_days / (MEMORY_DAYS * (1.0 - (-days / MEMORY_DAYS).exp())).max(1.0)
    }

    /// Adds `times` what others have counted of everybody; [`Lanes::turn`] is to follow.
    pub fn add_up(&mut self, more: &Figures, times: f32) {
        let histograms = self.parts.iter_mut().zip(&more.all.parts);
        let histograms = histograms.chain(self.lanes.iter_mut().zip(&more.all.lanes));
        histograms.for_each(|(scores, more)| scores.add_up(more, times));
        let numbers = &mut self.numbers;
        numbers.actor_days = (numbers.actor_days + times * more.all.numbers.actor_days).max(0.0);
        for (told, more) in numbers.told.iter_mut().zip(more.told) {
            *told = (*told + times * more).max(0.0);
        }
        numbers.alerted = (numbers.alerted + times * more.alerted).max(0.0);
        numbers.first_day = earlier(numbers.first_day, more.first_day);
        self.pasts_saved = false;
    }

    /// The same of the role at that place.
    pub fn add_up_book(&mut self, role: u16, more: &RoleBook, times: f32) {
        let place = usize::from(role);
        self.make_book(place);
        if let Some(book) = self.roles.get_mut(place) {
            book.add_up(more, times);
        }
    }

    /// The past of everybody, for others; roles' books are apart.
    pub fn figures(&self) -> Figures {
        let past = |scores: &[Scores]| scores.iter().map(Scores::past_alone).collect();
        let mut all = RoleBook::default();
        (all.parts, all.lanes) = (past(&self.parts), past(&self.lanes));
        all.numbers.actor_days = self.numbers.actor_days;
        Figures {
            first_day: self.numbers.first_day,
            all,
            told: self.numbers.told,
            alerted: self.numbers.alerted,
            ..Figures::default()
        }
    }

    /// The past of the role at that place.
    pub fn book_alone(&self, role: u16) -> Option<RoleBook> {
        self.roles.get(usize::from(role)).map(RoleBook::past_alone)
    }
}

impl Suite {
    /// Peer groups that may be.
    pub fn groups_max(&self) -> usize {
        self.config.groups_max
    }
}

#[cfg(test)]
mod tests {
    use super::super::actor_day::ActorDay;
    use super::super::lane::{Lane, Part};
    use super::super::rate::Expected;
    use super::super::returned::Returned;
    use super::super::saving::{Form, PartKey, PartSink, Parts};
    use super::*;

    const DAY: u32 = 144;
    const GROUPS_MAX: usize = 64;

    /// A day of those of `actors`, numbers out of 400; role and group by the number. Figures that
    /// were told as it began.
    fn work(peers: &mut Peers, day: u32, actors: impl Iterator<Item = u32>) -> Option<Figures> {
        peers.advance(day * DAY, 5.0);
        for actor in actors {
            let (role, group) = peers.places(1 + actor % 2, 10 + actor % 6, GROUPS_MAX);
            let mut today = ActorDay::default();
            peers.lanes.begin(&mut today, day as u16, role, true);
            let mixed =
                (u64::from(actor) << 32 | u64::from(day)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40;
            let score = -((mixed as f32 + 0.5) / 16_777_216.0).log10();
            peers.lanes.raise(&mut today, Part::TenAll, score);
            let expected = Expected { mu: 5.0, size: 2.0 };
            let count = 2.0 + (actor % 9) as f32;
            peers.role_mut(role).rates[0][0].add_window(count, &expected, 1.0);
            peers.group_mut(group).rates[0][0].add_window(count, &expected, 1.0);
            peers.role_mut(role).habits.add(actor % 5, 1.0, 0.0);
            let returned = Returned { listed: 1, records: 1, bytes: 2_000 };
            peers.usual_bytes.add(role, actor % 5, returned);
        }
        peers.shared.telling.take().map(|told| *told)
    }

    /// Shards that share 400 actors, after so many days of telling each other.
    fn shards(count: u32, days: u32) -> Vec<Peers> {
        let mut shards = vec![Peers::default(); count as usize];
        shards.iter_mut().for_each(Peers::tell_figures);
        for day in 1..=days {
            let mut told = Vec::new();
            for (number, peers) in (0..).zip(&mut shards) {
                let own = (0..400).filter(|actor| actor % count == number);
                let figures = work(peers, 20_000 + day, own);
                told.extend(figures.map(|f| ((Box::from("access"), number as i32), f)));
            }
            for (number, peers) in (0..).zip(&mut shards) {
                let others = told.iter().filter(|((_, of), _)| *of != number);
                let others = others.map(|(source, figures)| (source, figures));
                peers.offer(Known::of((20_001 + day) as u16, others, GROUPS_MAX));
            }
        }
        shards
    }

    fn threshold(peers: &Peers) -> f64 {
        peers.calibration().lanes()[Lane::Fused as usize].threshold.expect("learned")
    }

    #[test]
    fn eight_shards_hold_actors_to_what_one_does() {
        let (one, eight) = (shards(1, 16), shards(8, 16));
        assert_eq!(one[0].versions().0.of, [], "alone, nothing is others'");
        for shard in &eight {
            assert_eq!(shard.versions().0.of.len(), 7);
            let (here, whole) = (threshold(shard), threshold(&one[0]));
            assert!((here - whole).abs() < 0.15, "{here} {whole}");
            let prior = |peers: &Peers| peers.role(0).priors[0][0].mean;
            assert!((prior(shard) / prior(&one[0]) - 1.0).abs() < 0.05, "{}", prior(shard));
            // The others' last day is not known yet.
            let (all, whole) = (shard.lanes.actor_days(), one[0].lanes.actor_days());
            assert!((0.85..=1.0).contains(&(all / whole)), "{all} {whole}");
        }
        let own: f32 = eight.iter().map(Peers::own_actor_days).sum();
        assert!((own / one[0].lanes.actor_days() - 1.0).abs() < 1e-3, "{own}");
    }

    #[test]
    fn fifty_actors_alone_are_too_few_and_among_others_they_are_not() {
        let mut alone = Peers::default();
        for day in 1..=8 {
            work(&mut alone, 20_000 + day, (0..400).filter(|actor| actor % 16 == 0));
        }
        assert!(!alone.lanes.is_learned());
        assert!(shards(16, 9).iter().all(|shard| shard.lanes.is_learned()));
    }

    #[test]
    fn a_shard_that_begins_knows_what_others_know() {
        let told: Vec<_> = (0..)
            .zip(&mut shards(4, 12))
            .map(|(number, peers)| {
                let own = work(peers, 20_013, std::iter::empty());
                ((Box::from("access"), number), own.expect("has figures"))
            })
            .collect();
        let mut fresh = Peers::default();
        let others = told.iter().map(|(source, figures)| (source, figures));
        fresh.offer(Known::of(1, others, GROUPS_MAX));
        work(&mut fresh, 20_013, 0..1);
        assert!(fresh.lanes.is_learned());
        assert_eq!(fresh.own_actor_days(), 0.0);
    }

    #[derive(Default)]
    struct Kept(std::collections::BTreeMap<PartKey, Vec<u8>>);

    impl PartSink for Kept {
        fn put<T: serde::Serialize + ?Sized>(&mut self, part: PartKey, content: &T) {
            let mut bytes = Vec::new();
            crate::engine::terse::write(content, &mut bytes).expect("serialises");
            self.0.insert(part, bytes);
        }
        fn withdraw(&mut self, part: PartKey) {
            self.0.remove(&part);
        }
    }

    impl Kept {
        fn read(&self) -> Peers {
            let mut parts = Parts::default();
            self.0
                .iter()
                .for_each(|(key, content)| parts.insert(*key, Form::Terse, content.clone()));
            let mut peers = Peers::read(&parts).expect("reads back");
            peers.tell_figures();
            peers
        }
    }

    #[test]
    fn what_is_decided_comes_back_with_the_shard() {
        let mut shard = shards(4, 9).swap_remove(1);
        let mut kept = Kept::default();
        let saving = shard.save(&mut kept);
        shard.save_again(saving);
        shard.save(&mut kept);
        for day in 10..14 {
            let mut back = kept.read();
            assert_eq!(back.versions(), shard.versions());
            let own = || (0..400).filter(|actor| actor % 4 == 1);
            let told = work(&mut shard, 20_000 + day, own()).expect("tells");
            let again = work(&mut back, 20_000 + day, own()).expect("tells");
            assert_eq!(told.to_bytes().unwrap(), again.to_bytes().unwrap());
            assert_eq!(back.calibration(), shard.calibration());
            assert!(shard.versions().1.is_none(), "it has come to count");
            shard.save(&mut kept);
        }
    }

    #[test]
    fn what_is_told_reads_back() {
        let mut shard = shards(2, 6).swap_remove(0);
        let told = work(&mut shard, 20_007, std::iter::empty()).expect("tells");
        let bytes = told.to_bytes().unwrap();
        let again = Figures::from_bytes(&bytes).unwrap();
        assert_eq!(again.to_bytes().unwrap(), bytes);
        assert!(Figures::from_bytes(&[]).is_err() && Figures::from_bytes(&[9, 1]).is_err());
        assert!(Figures::from_bytes(&bytes[..bytes.len() / 2]).is_err());
    }
}
