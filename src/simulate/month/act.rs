//! A day's part of a deed, between or beside the usual work.

use rand::RngExt;

use super::super::chance::{Purpose, below, chance, happens, hash, wait};
use super::super::sites::SITES;
use super::calendar::{HOUR_MS, MINUTE_MS};
use super::dataset::{DATASETS, Dataset};
use super::deed::{Amount, Cited, Data, Deed, From, Ids, When};
use super::person::{Shift, new_case};
use super::plan::{Instance, Task};
use super::role;
use super::work::Desk;

/// Records that keep coming back in one case.
const LINKED: u64 = 200;
/// Steady reads are this much apart at least.
const GAP_MS_MIN: i64 = 20;
/// Reads in a row when a deed is spread over a shift.
const CLUMP: f64 = 4.0;

/// What one day of a deed settles before its first read.
struct Scene<'a> {
    deed: &'static Deed,
    task: Task,
    /// The same for all accounts of the instance, on all its days.
    family: u64,
    datasets: Vec<Dataset>,
    instance: &'a Instance,
    ticket: u32,
    /// Where a sequence goes on.
    next: u64,
}

/// Does today's part. `shift` is when the person was at work. Says whether it was done.
pub(super) fn act(
    desk: &mut Desk<'_>,
    instance: &Instance,
    task: Task,
    shift: Option<Shift>,
) -> bool {
    let deed = instance.deed;
    let number = u64::from(task.instance);
    let place = u64::from(desk.person.number) << 16 | u64::from(desk.day.day);
    desk.rng = chance(desk.setting.seed, Purpose::Deed, number + 1, place);
    let Some((start_ms, end_ms)) = span(desk, deed, shift) else { return false };
    let family = hash(desk.setting.seed, Purpose::Deed, number + 1, u64::MAX);
    let own = hash(family, Purpose::Deed, u64::from(desk.person.number), 0);
    let ticket = 1_000_000 + (family % 89_000_000) as u32;
    // A sequence goes on where it was left the day before.
    let next =
        1 + own % (desk.setting.calendar.records_before(0) - 1) + u64::from(task.days_done) * 90;
    let datasets = datasets(desk, deed.data, own);
    let mut scene = Scene { deed, task, family, datasets, instance, ticket, next };
    let reads = amount(desk, &scene, start_ms, end_ms);
    // Every other attacker sits at the account's usual place.
    if !instance.attack || family.is_multiple_of(2) {
        come_from(desk, deed.from);
    }
    desk.deed = task.instance + 1;
    if deed.span_min == 0 {
        scene.clumps(desk, reads, start_ms, end_ms);
    } else {
        scene.steadily(desk, reads, start_ms, end_ms);
    }
    true
}

/// True where the usual work of the day is itself what is odd.
pub(super) fn replaces_work(deed: &Deed) -> bool {
    deed.when == When::Swapped
}

/// Sets where the work is done from.
pub(super) fn come_from(desk: &mut Desk<'_>, from: From) {
    let number = desk.person.number;
    match from {
        From::Usual => return,
        From::OtherDesk => desk.ip = desk.elsewhere(),
        From::Remote => desk.ip = desk.person.remote(),
        From::OtherSite => {
            desk.day.site = (desk.day.site + 3) % SITES.len() as u8;
            desk.ip = (10 << 24) | ((20 + u32::from(desk.day.site)) << 16) | (number & 0xffff);
        }
        From::Renamed => {
            desk.person.ip = desk.person.desk(number ^ 0x8000);
            desk.ip = desk.person.ip;
        }
    }
    desk.session = desk.rng.random();
}

fn span(desk: &mut Desk<'_>, deed: &Deed, shift: Option<Shift>) -> Option<(i64, i64)> {
    let usual = desk.person.usual_hours(&desk.day);
    let (from, to) = match (deed.when, shift) {
        (When::Shift, Some(shift)) => (shift.start_ms, shift.end_ms),
        (When::DayOff, None) => (usual.start_ms, usual.end_ms),
        (When::OffHours, _) => (usual.end_ms + 4 * HOUR_MS, usual.end_ms + 9 * HOUR_MS),
        (When::Swapped, _) => (usual.start_ms + 8 * HOUR_MS, usual.end_ms + 8 * HOUR_MS),
        (When::Shift, None) | (When::DayOff, Some(_)) => return None,
    };
    if deed.span_min == 0 {
        return Some((from, to));
    }
    let length = (i64::from(deed.span_min) * MINUTE_MS).min(to - from);
    let start = from + below(&mut desk.rng, (to - from - length) as u64 + 1) as i64;
    Some((start, start + length))
}

fn amount(desk: &Desk<'_>, scene: &Scene<'_>, start_ms: i64, end_ms: i64) -> u32 {
    let usual = desk.expected_day();
    let reads = match scene.deed.amount {
        Amount::Nothing => 0.0,
        Amount::Reads(reads) => f64::from(reads),
        Amount::Share(share) => share * usual,
        Amount::Ramp(growth) => {
            let days = desk.day.day.saturating_sub(scene.instance.start) + 1;
            ((1.0 + growth).powi(days as i32) - 1.0) * usual
        }
        Amount::Times(times) => {
            // A day's work fills eight hours, a machine's twenty-four.
            let shift = desk.person.usual_hours(&desk.day);
            let hours = (shift.end_ms - shift.start_ms) as f64;
            (times - 1.0) * usual * (end_ms - start_ms) as f64 / hours
        }
    };
    reads.round() as u32
}

fn datasets(desk: &Desk<'_>, data: Data, own: u64) -> Vec<Dataset> {
    let unused = || {
        let first = own % DATASETS.len() as u64;
        (0..DATASETS.len() as u64)
            .map(|n| ((first + n) % DATASETS.len() as u64) as Dataset)
            .filter(|&dataset| !desk.person.uses(dataset))
            .collect::<Vec<_>>()
    };
    match data {
        Data::Usual => Vec::new(),
        Data::Main => vec![desk.person.main_dataset()],
        Data::Unused => unused().into_iter().take(1).collect(),
        Data::Unlike => unused().into_iter().take(3).collect(),
        Data::Named(named) => named.to_vec(),
    }
}

impl Scene<'_> {
    /// Evenly, as a script or a determined person would.
    fn steadily(&mut self, desk: &mut Desk<'_>, reads: u32, start_ms: i64, end_ms: i64) {
        let gap = (end_ms - start_ms) as f64 / f64::from(reads.max(1));
        let mut case = self.case(desk);
        for n in 0..reads {
            if n % 4 == 0 {
                case = self.case(desk);
            }
            let at = start_ms + (gap * (f64::from(n) + desk.rng.random::<f64>() * 0.8)) as i64;
            self.read(desk, at.max(start_ms + i64::from(n) * GAP_MS_MIN), n, case);
        }
    }

    /// In handfuls, hidden among the day's work.
    fn clumps(&mut self, desk: &mut Desk<'_>, reads: u32, start_ms: i64, end_ms: i64) {
        let mut n = 0;
        while n < reads {
            let size = 1 + wait(&mut desk.rng, CLUMP - 1.0).round() as u32;
            let mut at = start_ms + below(&mut desk.rng, (end_ms - start_ms).max(1) as u64) as i64;
            let case = self.case(desk);
            for _ in 0..size.min(reads - n) {
                self.read(desk, at, n, case);
                at += 400 + wait(&mut desk.rng, 9_000.0) as i64;
                n += 1;
            }
        }
    }

    fn case(&self, desk: &mut Desk<'_>) -> u32 {
        match self.deed.cited {
            Cited::Attacker | Cited::Nothing => 0,
            Cited::Ticket => self.ticket,
            Cited::Each => new_case(&mut desk.rng),
            Cited::Usual => {
                let dataset = desk.person.main_dataset();
                desk.case_for(dataset)
            }
        }
    }

    fn read(&mut self, desk: &mut Desk<'_>, at_ms: i64, n: u32, case: u32) {
        let dataset = match self.datasets.len() {
            0 => desk.person.dataset(&mut desk.rng),
            known => self.datasets[n as usize % known],
        };
        let position = self.position(desk, at_ms, n);
        // A service works for no case, in whatever hands.
        let own = self.deed.cited == Cited::Attacker
            && role::facts(desk.person.post.role).for_case > 0.0
            && happens(&mut desk.rng, desk.setting.attack_case_share);
        let case = if own {
            let slot = below(&mut desk.rng, desk.person.cases.len() as u64) as usize;
            desk.person.cases[slot]
        } else {
            case
        };
        desk.push(at_ms, dataset, position, case, self.deed.act, self.deed.records);
    }

    fn position(&mut self, desk: &mut Desk<'_>, at_ms: i64, n: u32) -> u64 {
        let known = desk.setting.calendar.records_before(0) - 1;
        match self.deed.ids {
            Ids::Today => desk.of_today(at_ms),
            Ids::Spread => desk.historic(),
            Ids::Popular if self.datasets.len() > 1 => {
                let person = u64::from(n) / self.datasets.len() as u64;
                1 + hash(self.family, Purpose::Subject, 3, person) % known
            }
            Ids::Popular => desk.popular(),
            Ids::Sequence => {
                self.next += 1 + u64::from(happens(&mut desk.rng, 0.1));
                self.next
            }
            Ids::Range => {
                let accounts = u64::from(self.deed.accounts);
                let first = 1 + self.family % (known - 100_000).max(1);
                first + u64::from(n) * accounts + u64::from(self.task.place)
            }
            Ids::One => 1 + self.family % known,
            Ids::Linked => {
                let one = below(&mut desk.rng, LINKED);
                1 + hash(self.family, Purpose::Subject, 2, one) % known
            }
        }
    }
}
