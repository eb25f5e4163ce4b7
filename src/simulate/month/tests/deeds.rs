//! Attacks and oddities: that they are what their rows say, and that the truth says so too.

use std::collections::{BTreeMap, HashSet};
use std::sync::OnceLock;

use super::{drafts, quiet};
use crate::simulate::month::attacks::ATTACKS;
use crate::simulate::month::deed::When;
use crate::simulate::month::draft::Draft;
use crate::simulate::month::oddities::ODDITIES;
use crate::simulate::month::{Month, MonthConfig, Truth, attack_names, core_attack_names};

const DAY_MS: i64 = 86_400_000;

/// A full-length month with every kind, of few accounts that read little.
fn all() -> MonthConfig {
    MonthConfig {
        seed: 11,
        actors: 700,
        days: 28,
        scale: 0.02,
        kinds: attack_names().map(str::to_owned).collect(),
        each: Some(2),
        ..MonthConfig::default()
    }
}

/// Every deed's drafts, beside the truth of the same month.
fn run(config: MonthConfig) -> (Truth, BTreeMap<u16, Vec<Draft>>) {
    let mut month = Month::new(config.clone()).expect("valid").with_ids();
    let mut line = Vec::new();
    while month.write_next(&mut line).is_some() {
        line.clear();
    }
    let mut deeds = BTreeMap::<u16, Vec<Draft>>::new();
    for draft in drafts(config).into_iter().filter(|draft| draft.deed > 0) {
        deeds.entry(draft.deed - 1).or_default().push(draft);
    }
    (month.into_truth(), deeds)
}

/// The month of [`all`], which several tests look at from their own side.
fn month() -> &'static (Truth, BTreeMap<u16, Vec<Draft>>) {
    static MONTH: OnceLock<(Truth, BTreeMap<u16, Vec<Draft>>)> = OnceLock::new();
    MONTH.get_or_init(|| run(all()))
}

#[test]
fn the_truth_agrees_with_the_events() {
    let (truth, deeds) = month();
    let mut named = HashSet::new();
    let ids: Vec<&String> = truth.entries.iter().flat_map(|entry| &entry.ids).collect();
    assert_eq!(ids.len(), ids.iter().collect::<HashSet<_>>().len(), "an id in two entries");
    for (n, entry) in truth.entries.iter().enumerate() {
        let drafts = deeds.get(&(n as u16)).map_or(&[][..], Vec::as_slice);
        assert_eq!(entry.events, drafts.len() as u64, "{}", entry.name);
        assert_eq!(entry.ids.len(), drafts.len(), "{}", entry.name);
        assert_eq!(entry.start.map(|t| t.millis()), drafts.first().map(|d| d.at_ms));
        assert_eq!(entry.end.map(|t| t.millis()), drafts.last().map(|d| d.at_ms));
        assert!(entry.actors.iter().all(|actor| named.insert(actor.clone())), "in two entries");
    }
}

#[test]
fn attacks_begin_on_days_15_to_26_and_nearly_all_take_place() {
    let (truth, _) = month();
    let attacks: Vec<_> = truth.entries.iter().filter(|entry| entry.attack).collect();
    let begun = attacks.iter().filter_map(|entry| entry.start);
    let days: Vec<i64> = begun.map(|t| t.since(truth.start).div_euclid(DAY_MS)).collect();
    // A site ahead of UTC begins a little early; who is off waits for the next day of work.
    assert!(days.iter().all(|day| (13..28).contains(day)), "{days:?}");
    assert!(days.len() * 20 >= attacks.len() * 19, "{} of {}", days.len(), attacks.len());
    let kinds: HashSet<_> = attacks.iter().map(|entry| entry.kind).collect();
    let missing: Vec<_> = attack_names().filter(|name| !kinds.contains(name)).collect();
    assert_eq!(missing, [""; 0], "kinds without an attack");
}

#[test]
fn attacks_have_the_sizes_and_lengths_they_are_named_after() {
    let (truth, deeds) = month();
    for (kind, events, minutes) in [
        ("dump-5000", 5_000, 10),
        ("burst-400", 400, 10),
        ("off-hours", 60, 90),
        ("new-dataset", 40, 60),
        ("service-takeover", 1_500, 60),
        ("enumeration", 400, 60),
        ("new-hire", 300, 120),
        ("admin-crawl", 3_600, 180),
    ] {
        let entries = truth.entries.iter().filter(|e| e.kind == kind && e.start.is_some());
        let mut seen = 0;
        for entry in entries {
            assert_eq!(entry.events, events, "{}", entry.name);
            let span = entry.end.zip(entry.start).map_or(0, |(end, start)| end.since(start));
            assert!(span <= minutes * 60_000 + 2_000, "{}: {span} ms", entry.name);
            assert!(span > minutes * 60_000 * 3 / 4, "{}: {span} ms", entry.name);
            seen += 1;
        }
        assert!(seen > 0, "{kind}");
    }
    for (n, drafts) in deeds {
        let entry = &truth.entries[usize::from(*n)];
        let uncited = drafts.iter().filter(|draft| draft.case == 0).count();
        if entry.attack && drafts.len() > 300 {
            assert!(uncited * 100 > drafts.len() * 80, "{}: {uncited}", entry.name);
        }
    }
}

#[test]
fn sequences_go_up_by_ones_and_ranges_are_shared_out() {
    let (truth, deeds) = month();
    let of = |kind: &str| {
        let n = truth.entries.iter().position(|e| e.kind == kind && e.start.is_some());
        &deeds[&(n.expect("took place") as u16)]
    };
    for kind in ["enumeration", "admin-crawl"] {
        let steps = of(kind).windows(2).map(|pair| pair[1].position - pair[0].position);
        assert!(steps.clone().all(|step| step == 1 || step == 2), "{kind}");
    }
    let range = of("range-40");
    let positions: HashSet<u64> = range.iter().map(|draft| draft.position).collect();
    let accounts: HashSet<u32> = range.iter().map(|draft| draft.actor).collect();
    assert_eq!(positions.len(), range.len(), "nobody reads what another has read");
    let span = positions.iter().max().unwrap_or(&0) - positions.iter().min().unwrap_or(&0);
    assert!(span < 1_600 && accounts.len() >= 30, "{span} by {} accounts", accounts.len());
    let person: HashSet<u64> = of("officers-25").iter().map(|draft| draft.position).collect();
    assert_eq!(person.len(), 1);
}

#[test]
fn honest_work_is_the_same_with_attacks_and_without() {
    let kinds = ["dump-5000", "plus-100", "off-profile", "enumeration-slow"].map(str::to_owned);
    let config = MonthConfig { days: 12, scale: 0.05, ..quiet() };
    let honest = |config| -> Vec<_> {
        let drafts: Vec<Draft> = drafts(config);
        drafts
            .iter()
            .filter(|d| d.deed == 0)
            .map(|d| (d.at_ms, d.actor, d.position, d.case))
            .collect()
    };
    let without = honest(config.clone());
    let with = honest(MonthConfig { kinds: kinds.into(), each: Some(3), ..config });
    assert!(without.len() > 10_000);
    assert!(without == with, "{} and {} honest events", without.len(), with.len());
}

#[test]
fn attackers_cite_cases_as_often_as_asked() {
    let config =
        |share| MonthConfig { kinds: vec!["dump-5000".into()], attack_case_share: share, ..all() };
    for share in [0.0, 0.5, 1.0] {
        let (_, deeds) = run(config(share));
        let attack = &deeds[&0];
        let cited = attack.iter().filter(|draft| draft.case != 0).count() as f64;
        assert!((cited / attack.len() as f64 - share).abs() < 0.04, "{cited} for {share}");
    }
    let (_, deeds) = run(MonthConfig { cases: false, ..config(1.0) });
    assert!(deeds.values().flatten().all(|draft| draft.case == 0));
}

#[test]
fn rows_are_named_once_and_there_are_enough_of_them() {
    let names: HashSet<_> = ATTACKS.iter().chain(&ODDITIES).map(|deed| deed.name).collect();
    assert_eq!(names.len(), ATTACKS.len() + ODDITIES.len());
    assert_eq!(core_attack_names().count(), 17);
    assert!(ODDITIES.len() >= 30);
    for deed in ATTACKS.iter().chain(&ODDITIES) {
        assert!(!deed.what.is_empty() && deed.days > 0 && deed.accounts > 0, "{}", deed.name);
        assert!(deed.when != When::Swapped || deed.days == 1, "{}", deed.name);
    }
}

#[test]
fn oddities_take_place() {
    let (truth, _) = run(MonthConfig { kinds: Vec::new(), actors: 1_500, scale: 0.1, ..all() });
    let missing: Vec<_> =
        truth.entries.iter().filter(|e| e.start.is_none()).map(|e| e.name.as_str()).collect();
    assert!(truth.entries.len() >= 34 && missing.len() <= 2, "did not take place: {missing:?}");
}
