//! The wire: the native contract, order, repetition, files that fit.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::super::{BreachKind, Simulation, SimulationConfig};
use super::{BreachChoice, HOUR_MS, Line, config, day, run, with_breaches};
use crate::engine::model::EventTime;

/// `+` required, `?` optional; `/` goes into an object.
const ACCESS: &str = "+kind +id +time +actor ?actor/role ?actor/unit ?actor/type +actor/id ?session \
    +source +source/ip ?source/host ?source/site +system +action +outcome +resource \
    +resource/dataset +resource/category ?resource/record ?resource/subject ?resource/subjects \
    +records +bytes ?case ?purpose";
const AUTH: &str = "+kind +id +time +actor +actor/id ?session +source +source/ip ?source/host \
    ?source/site +system +action +outcome ?mfa";
const NETWORK: &str = "+kind +id +time +duration_ms +source +source/ip ?source/host +source/port \
    +destination +destination/ip +destination/port +destination/host +protocol +application \
    +bytes_out +bytes_in +packets_out +packets_in +verdict ?actor ?actor/id";

fn check_shape(line: &Line) {
    let shape = match line.text_at("/kind") {
        "access" => ACCESS,
        "auth" => AUTH,
        "network" => NETWORK,
        other => panic!("kind {other}"),
    };
    let mut present = HashSet::new();
    collect(&line.json, "", &mut present);
    let mut known = HashSet::new();
    for field in shape.split_whitespace() {
        let (mark, path) = field.split_at(1);
        known.insert(path);
        assert!(mark == "?" || present.contains(path), "no {path}: {}", line.text);
    }
    for path in &present {
        assert!(known.contains(path.as_str()), "unknown {path}: {}", line.text);
    }
    // A key written twice would be lost in parsing, and the text would be longer.
    assert_eq!(line.json.to_string().len(), line.text.len(), "{}", line.text);
}

fn collect(value: &Value, prefix: &str, present: &mut HashSet<String>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        let path = format!("{prefix}{key}");
        collect(value, &format!("{path}/"), present);
        present.insert(path);
    }
}

fn check_values(line: &Line) {
    assert_eq!(EventTime::parse(line.text_at("/time")).map(EventTime::millis), Ok(line.at_ms));
    let words: &[&str] = match line.text_at("/kind") {
        "access" => &["read", "search", "list", "export", "print", "unmask", "share", "update"],
        "auth" => &["login", "logout", "mfa_challenge", "mfa_removed"],
        _ => &[""],
    };
    assert!(words.contains(&line.text_at("/action")), "{}", line.text);
    let outcome = line.text_at("/outcome").to_owned() + line.text_at("/verdict");
    assert!(["allowed", "denied", "error"].contains(&outcome.as_str()), "{}", line.text);
    assert!(line.text_at("/source/ip").parse::<std::net::Ipv4Addr>().is_ok(), "{}", line.text);
    assert!(line.subjects().len() <= 100 && line.text.len() < 4_000, "{}", line.text);
    let expected_key = match line.text_at("/actor/id") {
        _ if line.is("network") => line.text_at("/source/ip"),
        "" => line.text_at("/source/ip"),
        id => id,
    };
    assert_eq!(line.key, expected_key);
    if line.is("network") {
        assert!(line.number_at("/duration_ms") > 0, "{}", line.text);
        let carried = line.number_at("/packets_out") * 1_460;
        assert!(carried >= line.number_at("/bytes_out"), "{}", line.text);
    }
}

#[test]
fn every_line_keeps_the_contract() {
    let (simulation, lines) = day();
    assert!(lines.len() > 50_000);
    let mut ids = HashSet::new();
    for line in lines {
        check_shape(line);
        check_values(line);
        assert!(ids.insert(line.text_at("/id")), "id twice: {}", line.text);
    }
    for kind in ["access", "auth", "network"] {
        assert!(lines.iter().filter(|l| l.is(kind)).count() > 300, "{kind}");
    }
    assert_eq!(simulation.truth().len(), BreachKind::ALL.len());
}

#[test]
fn events_come_in_order_and_within_the_time_asked_for() {
    let config = with_breaches(150, 24);
    let (from, to) = (config.start.millis(), config.end().millis());
    let (_, lines) = day();
    assert!(lines.is_sorted_by_key(|line| line.at_ms));
    assert!(lines.iter().all(|line| (from..to).contains(&line.at_ms)));
    // The day begins at once and goes on to its end.
    assert!(lines[0].at_ms < from + 60_000 && lines[lines.len() - 1].at_ms > to - 60_000);
}

#[test]
fn the_same_configuration_gives_the_same_bytes() {
    let bytes = |config: SimulationConfig| {
        let mut out = Vec::new();
        for event in Simulation::new(config).expect("valid") {
            event.write_json(&mut out);
        }
        out
    };
    let config = with_breaches(60, 2);
    let first = bytes(config.clone());
    assert!(first == bytes(config.clone()));
    assert!(first != bytes(SimulationConfig { seed: 2, ..config }));
}

#[test]
fn another_simulation_has_other_ids() {
    let base = config(60, 1);
    let ids = |config: SimulationConfig| -> HashSet<String> {
        run(config).1.iter().map(|line| line.text_at("/id").to_owned()).collect()
    };
    let first = ids(base.clone());
    for other in [
        SimulationConfig { seed: 2, ..base.clone() },
        SimulationConfig { actors: 61, ..base.clone() },
        SimulationConfig { start: base.start.plus_ms(24 * HOUR_MS), ..base.clone() },
        SimulationConfig { breaches: BreachChoice::All, ..base.clone() },
        SimulationConfig { network: false, ..base },
    ] {
        assert!(first.is_disjoint(&ids(other.clone())), "{other:?}");
    }
}

#[test]
fn what_is_not_wanted_is_left_out_and_not_in_the_truth() {
    let config = SimulationConfig { network: false, auth: false, ..with_breaches(60, 2) };
    let (simulation, lines) = run(config);
    assert!(lines.iter().all(|line| line.is("access")));
    assert!(simulation.truth().iter().all(|breach| breach.bytes_out == 0));
    assert!(simulation.truth().iter().any(|breach| breach.records > 1_000));
}

#[test]
fn the_files_fit_the_stream() {
    let (simulation, lines) = day();
    let directory: toml::Table = simulation.directory_toml().parse().expect("toml");
    let catalogue: toml::Table = simulation.catalogue_toml().parse().expect("toml");
    let sites: toml::Table = simulation.sites_toml().parse().expect("toml");
    let rows = |table: &toml::Table, name: &str, key: &str| -> HashMap<String, toml::Value> {
        let rows = table[name].as_array().expect("array");
        rows.iter().map(|r| (r[key].as_str().expect("text").to_owned(), r.clone())).collect()
    };
    let actors = rows(&directory, "actor", "id");
    let datasets = rows(&catalogue, "dataset", "name");
    let sites = rows(&sites, "site", "name");
    assert_eq!(actors.len(), 150);
    assert_eq!(rows(&directory, "protected", "subject").len(), 10);
    assert_eq!(rows(&directory, "canary", "subject").len(), 3);
    assert!(actors.values().any(|a| a.get("left").is_some()));
    for line in lines.iter().filter(|line| !line.text_at("/actor/id").is_empty()) {
        let actor = &actors[line.text_at("/actor/id")];
        if line.is("access") {
            for key in ["role", "unit", "type"] {
                assert_eq!(actor[key].as_str(), Some(line.text_at(&format!("/actor/{key}"))));
            }
            let dataset = &datasets[line.text_at("/resource/dataset")];
            assert_eq!(dataset["category"].as_str(), Some(line.text_at("/resource/category")));
        }
        assert!(line.breach.is_some() || actor.get("left").is_none(), "{}", line.text);
        assert!(
            line.text_at("/source/site").is_empty()
                || sites.contains_key(line.text_at("/source/site"))
        );
    }
}

/// Held down to the byte: the first event of each kind, and the first of a breach.
#[test]
fn golden_lines() {
    let config = SimulationConfig {
        seed: 42,
        breaches: BreachChoice::Named(vec![BreachKind::NullActor, BreachKind::CanaryTouch]),
        ..config(60, 2)
    };
    let (_, lines) = run(config);
    let first = |wanted: &dyn Fn(&Line) -> bool| {
        lines.iter().find(|line| wanted(line)).map_or("none", |line| line.text.as_str())
    };
    let shown = [
        first(&|l| l.is("access") && l.text_at("/action") == "read"),
        first(&|l| l.is("access") && l.text_at("/action") == "search"),
        first(&|l| l.is("auth")),
        first(&|l| l.is("network")),
        first(&|l| l.breach == Some(1) && !l.text_at("/resource/subject").is_empty()),
    ]
    .join("\n");
    assert_eq!(shown, include_str!("golden.jsonl").trim_end());
    let null = first(&|l| l.breach == Some(0));
    assert!(null.contains("\"actor\":{\"id\":null},\"source\":{\"ip\":\"192.0.2."), "{null}");
}
