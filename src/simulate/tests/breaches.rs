//! Breaches: the truth says what the stream shows, and each leaves the traces it is named for.

use std::collections::{BTreeSet, HashSet};

use super::super::{BreachChoice, BreachKind, SimulationConfig, SimulationError};
use super::{HOUR_MS, Line, config, run, run_only, with_breaches};

const MINUTE_MS: i64 = 60_000;

/// The events of the one breach, of this kind, in a day of a small agency.
fn only(kind: BreachKind) -> Vec<Line> {
    let breaches = BreachChoice::Named(vec![kind]);
    let config = SimulationConfig { breaches, seed: 5, ..config(60, 24) };
    let (_, own) = run_only(config, |event| event.breach == Some(0));
    assert!(!own.is_empty(), "{kind} left no trace");
    own
}

fn accesses(lines: &[Line]) -> Vec<&Line> {
    lines.iter().filter(|line| line.is("access")).collect()
}

fn reads(lines: &[Line]) -> Vec<&Line> {
    accesses(lines).into_iter().filter(|l| l.text_at("/action") == "read").collect()
}

fn sent_out(lines: &[Line]) -> Vec<&Line> {
    let outside = |l: &&Line| l.is("network") && !l.text_at("/destination/ip").starts_with("10.");
    lines.iter().filter(outside).collect()
}

#[test]
fn the_truth_is_what_the_stream_shows() {
    for (actors, hours) in [(300, 24), (60, 1), (60, 72)] {
        let breach = |event: &super::Simulated| event.breach.is_some();
        let (simulation, lines) = run_only(with_breaches(actors, hours), breach);
        assert_eq!(simulation.truth().len(), BreachKind::ALL.len());
        for (n, breach) in simulation.truth().iter().enumerate() {
            let own: Vec<&Line> =
                lines.iter().filter(|line| line.breach == Some(n as u16)).collect();
            let allowed = |l: &&&Line| l.is("access") && l.text_at("/outcome") == "allowed";
            let allowed: Vec<&&Line> = own.iter().filter(allowed).collect();
            let set = |pointer: &str| -> BTreeSet<&str> {
                own.iter().map(|l| l.text_at(pointer)).filter(|t| !t.is_empty()).collect()
            };
            let subjects: HashSet<&str> = allowed.iter().flat_map(|l| l.subjects()).collect();
            let name = &breach.name;
            assert_eq!(breach.events, own.len() as u64, "{name}");
            assert!(breach.events > 0, "{name}");
            assert_eq!(
                breach.records,
                allowed.iter().map(|l| l.number_at("/records")).sum::<u64>(),
                "{name}"
            );
            assert_eq!(breach.subjects, subjects.len() as u64, "{name}");
            assert_eq!(breach.start.map(|t| t.millis()), own.first().map(|l| l.at_ms), "{name}");
            assert_eq!(breach.end.map(|t| t.millis()), own.last().map(|l| l.at_ms), "{name}");
            let named = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
            let shown = |set: BTreeSet<&str>| set.into_iter().map(str::to_owned).collect();
            assert_eq!(named(&breach.actors), shown(set("/actor/id")), "{name}");
            assert_eq!(named(&breach.sources), shown(set("/source/ip")), "{name}");
            let out = own.iter().filter(|l| !l.text_at("/destination/ip").starts_with("10."));
            assert_eq!(
                breach.bytes_out,
                out.map(|l| l.number_at("/bytes_out")).sum::<u64>(),
                "{name}"
            );
        }
    }
}

#[test]
fn breaches_change_nothing_in_the_honest_stream() {
    let strip = |line: &Line| {
        let mut json = line.json.clone();
        json.as_object_mut().map(|o| o.remove("id"));
        json.to_string()
    };
    let (_, quiet) = run(config(60, 4));
    let (_, loud) = run(with_breaches(60, 4));
    let honest: Vec<String> = loud.iter().filter(|l| l.breach.is_none()).map(strip).collect();
    assert!(loud.len() > honest.len() + 5_000);
    assert!(quiet.iter().map(strip).eq(honest));
}

#[test]
fn even_ten_minutes_hold_every_breach() {
    let config = SimulationConfig { duration_ms: 10 * MINUTE_MS, ..with_breaches(60, 1) };
    let (simulation, lines) = run(config.clone());
    assert!(lines.iter().all(|line| line.at_ms < config.end().millis()));
    for breach in simulation.truth() {
        assert!(breach.events >= 2, "{breach:?}");
    }
}

#[test]
fn the_demo_begins_its_first_breach_early_and_spreads_the_others() {
    for seed in 1..6 {
        let config = SimulationConfig::demo(seed);
        let simulation = super::Simulation::new(config.clone()).expect("valid");
        let starts: Vec<i64> = simulation
            .truth()
            .iter()
            .filter_map(|breach| breach.start.map(|start| start.since(config.start)))
            .collect();
        assert_eq!(starts.len(), 9);
        assert!(starts.is_sorted() && starts[0] < config.duration_ms * 3 / 100, "{starts:?}");
        assert!(starts[8] > config.duration_ms * 3 / 4);
        let actors: Vec<_> = simulation.truth().iter().flat_map(|b| &b.actors).collect();
        assert_eq!(actors.len(), actors.iter().collect::<HashSet<_>>().len());
    }
}

#[test]
fn a_kind_may_come_again_until_nobody_is_left_to_play_it() {
    let many = |n: usize| SimulationConfig {
        breaches: BreachChoice::Named(vec![BreachKind::FastDump400; n]),
        ..config(60, 24)
    };
    let (simulation, _) = run(many(3));
    let names: Vec<_> = simulation.truth().iter().map(|b| b.name.as_str()).collect();
    assert_eq!(names, ["fast-dump-400-1", "fast-dump-400-2", "fast-dump-400-3"]);
    let error = super::Simulation::new(many(100)).err();
    assert!(
        matches!(error, Some(SimulationError::NoActor { role: "border_officer", actors: 60, .. })),
        "{error:?}"
    );
}

#[test]
fn bulk_dump_is_followed_by_an_outflow_from_the_same_address() {
    let own = only(BreachKind::BulkDump);
    let (reads, sent) = (reads(&own), sent_out(&own));
    assert_eq!(reads.len(), 5_000);
    let took = reads[4_999].at_ms - reads[0].at_ms;
    assert!((9 * MINUTE_MS..11 * MINUTE_MS).contains(&took), "{took} ms");
    let after = sent[0].at_ms - reads[4_999].at_ms;
    assert!((14 * MINUTE_MS..17 * MINUTE_MS).contains(&after), "{after} ms");
    assert_eq!(sent.iter().map(|l| l.number_at("/bytes_out")).sum::<u64>(), 800_000_000);
    assert!(own.iter().all(|l| l.text_at("/source/ip") == own[0].text_at("/source/ip")));
}

#[test]
fn enumeration_counts_up() {
    let own = only(BreachKind::Enumeration);
    let numbers: Vec<u64> = reads(&own)
        .iter()
        .map(|l| l.text_at("/resource/record").trim_start_matches("PNR-").parse().expect("number"))
        .collect();
    assert_eq!(numbers.len(), 900);
    assert!(numbers.windows(2).all(|w| (1..=4).contains(&(w[1] - w[0]))));
}

#[test]
fn people_are_snooped_on_without_a_case_in_many_systems() {
    let own = only(BreachKind::ProtectedSnooping);
    assert!(accesses(&own).iter().all(|l| l.text_at("/case").is_empty()));
    let first = accesses(&own)[0].subjects()[0];
    let systems: HashSet<&str> = accesses(&own)
        .iter()
        .filter(|l| l.subjects() == [first])
        .map(|l| l.text_at("/system"))
        .collect();
    assert_eq!(systems.len(), 6);
    let planted = only(BreachKind::CanaryTouch);
    assert!(
        accesses(&planted)
            .iter()
            .all(|l| { ["T-777000", "T-1333000", "T-2468000"].contains(&l.subjects()[0]) })
    );
}

#[test]
fn outsiders_come_from_where_nobody_came_from() {
    for kind in [
        BreachKind::LeaverReturn,
        BreachKind::StolenService,
        BreachKind::MfaRemoved,
        BreachKind::NullActor,
    ] {
        let own = only(kind);
        assert!(own.iter().all(|l| l.text_at("/source/ip").starts_with("192.0.2.")), "{kind}");
    }
    assert!(only(BreachKind::NullActor).iter().all(|l| l.text_at("/actor/id").is_empty()));
    let removed = only(BreachKind::MfaRemoved);
    assert_eq!(removed[0].text_at("/action"), "mfa_removed");
    let sensitive = reads(&removed);
    assert_eq!(sensitive.len(), 80);
    assert!(sensitive.iter().all(|l| {
        l.text_at("/case").is_empty()
            && ["watchlist", "biometrics"].contains(&l.text_at("/resource/dataset"))
    }));
}

#[test]
fn the_chain_runs_in_its_order() {
    let own = only(BreachKind::ReconChain);
    let last = |wanted: &dyn Fn(&Line) -> bool| own.iter().rposition(wanted);
    let first = |wanted: &dyn Fn(&Line) -> bool| own.iter().position(wanted);
    let failed = last(&|l| l.is("auth") && l.text_at("/outcome") == "denied");
    let entered = first(&|l| l.text_at("/action") == "login" && l.text_at("/outcome") == "allowed");
    let refused = first(&|l| l.is("access") && l.text_at("/outcome") == "denied");
    let person = first(&|l| l.text_at("/action") == "read");
    let bulk = first(&|l| l.text_at("/action") == "list");
    let sent = first(&|l| l.text_at("/destination/host") == "files.example.net");
    let steps = [failed, entered, refused, person, bulk, sent];
    assert!(steps.iter().all(Option::is_some) && steps.is_sorted(), "{steps:?}");
    assert!(own.iter().filter(|l| l.is("auth") && l.text_at("/outcome") == "denied").count() >= 20);
}

#[test]
fn quiet_breaches_are_quiet() {
    let trickle = only(BreachKind::OffHoursTrickle);
    assert_eq!(reads(&trickle).len(), 60);
    let took = trickle[trickle.len() - 1].at_ms - trickle[0].at_ms;
    assert!((2 * HOUR_MS..4 * HOUR_MS).contains(&took), "{took} ms");
    let slow = only(BreachKind::LowAndSlow);
    assert!((6..=66).contains(&reads(&slow).len()), "{} reads", reads(&slow).len());
    let pins = only(BreachKind::PinLookup);
    let codes = |l: &&&Line| l.text_at("/resource/dataset") == "release_pins";
    assert_eq!(reads(&pins).iter().filter(codes).count(), 30);
    assert!(reads(&pins).iter().all(|l| l.text_at("/case").is_empty()));
    let exports = only(BreachKind::ExportReports);
    let exported = accesses(&exports);
    assert_eq!(exported.len(), 8);
    assert!(exported.iter().all(|l| l.number_at("/records") >= 900));
    assert_eq!(sent_out(&exports).len(), 8);
}
