//! Simulated breaches, and where what was found of each ends up: one breach is one incident, and
//! what a gateway or an account that several use has in common makes no two breaches one.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use tidewaiter::adapters::files::{Lines, Merge};
use tidewaiter::adapters::secrets::Secret;
use tidewaiter::app::load_settings;
use tidewaiter::app::replay::{Listener, Replay};
use tidewaiter::config::Config;
use tidewaiter::engine::correlate::{Correlated, Correlator};
use tidewaiter::engine::decode::{Decoder, Expected};
use tidewaiter::engine::model::{Finding, FindingId, IncidentId};
use tidewaiter::simulate::{BreachChoice, BreachKind, Simulation, SimulationConfig};

const HOUR_MS: i64 = 3_600_000;
/// Of one breach's findings, so many have to be in one incident.
const TOGETHER_PERCENT: usize = 95;

/// Where each finding is, signals counted.
#[derive(Default)]
struct Homes {
    findings: Vec<Finding>,
    home: BTreeMap<FindingId, IncidentId>,
}

impl Listener for Homes {
    fn correlated(&mut self, _: &Correlator, out: &Correlated) -> io::Result<()> {
        for (absorbed, by) in &out.merged {
            self.home.values_mut().filter(|id| *id == absorbed).for_each(|id| id.clone_from(by));
        }
        for (incident, finding) in &out.findings {
            self.home.insert(finding.id.clone(), incident.clone());
            self.findings.push(finding.clone());
        }
        Ok(())
    }
}

/// What is simulated: its lines, and the breach of each event that belongs to one.
struct Told {
    folder: tempfile::TempDir,
    config: Config,
    lines: Vec<String>,
    names: Vec<String>,
    /// Accounts and addresses of each breach.
    actors: Vec<Vec<String>>,
    sources: Vec<Vec<String>>,
    breach_of: BTreeMap<String, usize>,
}

fn simulated(seed: u64, hours: i64, breaches: BreachChoice) -> Told {
    let simulation = Simulation::new(SimulationConfig {
        seed,
        actors: 120,
        duration_ms: hours * HOUR_MS,
        breaches,
        ..SimulationConfig::default()
    })
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    for (place, name, text) in [
        (&mut config.data.catalogue, "catalogue.toml", simulation.catalogue_toml()),
        (&mut config.data.directory, "directory.toml", simulation.directory_toml()),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        *place = Some(path);
    }
    let truth = simulation.truth().to_vec();
    let (mut lines, mut breach_of) = (Vec::new(), BTreeMap::new());
    for event in simulation {
        let mut line = Vec::new();
        event.write_json(&mut line);
        let line = String::from_utf8(line).unwrap();
        if let Some(breach) = event.breach {
            let (_, rest) = line.split_once("\"id\":\"").unwrap();
            breach_of.insert(rest[..rest.find('"').unwrap()].to_owned(), usize::from(breach));
        }
        lines.push(line);
    }
    Told {
        folder,
        config,
        lines,
        names: truth.iter().map(|breach| breach.name.clone()).collect(),
        actors: truth.iter().map(|breach| breach.actors.clone()).collect(),
        sources: truth.iter().map(|breach| breach.sources.clone()).collect(),
        breach_of,
    }
}

impl Told {
    /// Puts one name in another's place, in every line.
    fn rename(&mut self, from: &str, to: &str) {
        let names = self.actors.iter_mut().chain(&mut self.sources).flatten();
        names.filter(|name| *name == from).for_each(|name| to.clone_into(name));
        let (from, to) = (format!("\"{from}\""), format!("\"{to}\""));
        self.lines.iter_mut().for_each(|line| *line = line.replace(&from, &to));
    }

    fn homes(&self) -> Homes {
        let file = self.folder.path().join("events.ndjson");
        std::fs::write(&file, self.lines.join("\n")).unwrap();
        replay(&self.config, &file)
    }

    /// The breach whose event a finding was triggered by; a chain's is that of what it joins.
    fn breach(&self, finding: &Finding, by_id: &BTreeMap<&str, &Finding>) -> Option<usize> {
        let last = finding.evidence.last()?;
        let trigger = by_id.get(last.as_str()).and_then(|joined| joined.evidence.last());
        self.breach_of.get(trigger.unwrap_or(last)).copied()
    }
}

fn replay(config: &Config, file: &Path) -> Homes {
    let (settings, _) =
        load_settings(config, &Secret::new(b"any key will do here".to_vec())).unwrap();
    let decoder = || Decoder::new(Expected::Auto);
    let files = vec![("events.ndjson".to_owned(), decoder())];
    let mut replay = Replay::new(files, &config.shard(), config.correlate.clone());
    let mut merge = Merge::new(vec![(Lines::open(file, Default::default()).unwrap(), decoder())]);
    let mut homes = Homes::default();
    replay.run(&mut merge, &settings, &mut homes).unwrap();
    homes
}

/// How many findings of each breach each incident has.
fn shares(told: &Told, homes: &Homes) -> BTreeMap<usize, BTreeMap<IncidentId, usize>> {
    let by_id: BTreeMap<&str, &Finding> =
        homes.findings.iter().map(|finding| (finding.id.as_str(), finding)).collect();
    let mut shares: BTreeMap<usize, BTreeMap<IncidentId, usize>> = BTreeMap::new();
    for finding in &homes.findings {
        if let Some(breach) = told.breach(finding, &by_id) {
            let home = homes.home[&finding.id].clone();
            *shares.entry(breach).or_default().entry(home).or_default() += 1;
        }
    }
    shares
}

/// Asserts that each breach is in one incident, no two in the same; gives how many findings there
/// are of breaches, and how many breaches were found.
#[track_caller]
fn check(told: &Told, what: &str) -> (usize, usize) {
    let homes = told.homes();
    let shares = shares(told, &homes);
    let mut of_incident: BTreeMap<&IncidentId, usize> = BTreeMap::new();
    let mut findings = 0;
    for (&breach, incidents) in &shares {
        let name = &told.names[breach];
        let total: usize = incidents.values().sum();
        let (home, most) = incidents.iter().max_by_key(|(_, n)| **n).unwrap();
        let apart = homes.findings.iter().filter(|finding| {
            let id = &homes.home[&finding.id];
            id != home && incidents.contains_key(id)
        });
        let apart: Vec<String> =
            apart.map(|finding| format!("{} {}", finding.time, finding.why)).collect();
        assert!(most * 100 >= total * TOGETHER_PERCENT, "{what}: {name}: apart: {apart:#?}");
        if let Some(other) = of_incident.insert(home, breach) {
            panic!("{what}: {name} and {} are one incident", told.names[other]);
        }
        let strangers: Vec<&str> = homes
            .findings
            .iter()
            .filter(|finding| homes.home[&finding.id] == *home)
            .filter_map(|finding| finding.actor.as_deref())
            .filter(|actor| !told.actors[breach].iter().any(|one| one == actor))
            .collect();
        assert_eq!(strangers, [""; 0], "{what}: {name}: nobody else is in it");
        findings += total;
    }
    (findings, shares.len())
}

#[test]
fn a_breach_is_one_incident() {
    let (mut findings, mut found) = (0, 0);
    for seed in [7, 11, 23] {
        let told = simulated(seed, 2, BreachChoice::All);
        let (more, breaches) = check(&told, &format!("seed {seed}"));
        findings += more;
        found += breaches;
    }
    assert!(findings >= 250 && found >= 30, "{findings} findings of {found} breaches");
}

/// Everybody works behind one address that is configured as a gateway.
#[test]
fn breaches_behind_one_gateway_stay_apart() {
    let mut told = simulated(7, 1, two_dumps());
    let [first, second] = [&told.sources[0][0], &told.sources[1][0]].map(Clone::clone);
    assert_ne!(first, second);
    told.rename(&second, &first);
    let shares = shares(&told, &told.homes());
    assert!(
        shares[&0].keys().any(|id| shares[&1].contains_key(id)),
        "the address alone joins them"
    );
    told.config.correlate.gateways = vec![first];
    assert_eq!(check(&told, "gateway").1, 2);
}

/// Two people use one account that is configured as shared.
#[test]
fn breaches_by_one_shared_account_stay_apart() {
    let mut told = simulated(7, 1, two_dumps());
    let [first, second] = [&told.actors[0][0], &told.actors[1][0]].map(Clone::clone);
    assert_ne!(first, second);
    told.rename(&second, &first);
    let shares = shares(&told, &told.homes());
    assert!(
        shares[&0].keys().any(|id| shares[&1].contains_key(id)),
        "the account alone joins them"
    );
    told.config.correlate.shared_accounts = vec![first];
    assert_eq!(check(&told, "shared account").1, 2);
}

/// Two officers who each read far too much, half an hour apart at most.
fn two_dumps() -> BreachChoice {
    BreachChoice::Named(vec![BreachKind::FastDump400, BreachKind::BulkDump])
}
