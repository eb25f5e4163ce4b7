//! What many share, and what therefore joins nothing by itself: gateways, and accounts that several use.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hashbrown::{HashMap, HashSet};
use ipnet::IpNet;

use super::CorrelateConfig;
use crate::engine::model::{Finding, Source};

/// Source addresses whose actors are remembered; beyond it only gateways are kept.
const SOURCES_KNOWN_MAX: usize = 200_000;
/// Actors remembered of one source, to tell a gateway.
const ACTORS_PER_SOURCE_MAX: usize = 64;

/// As configured, and as findings have shown.
pub struct Sharing {
    gateway_actors_min: usize,
    source_actors: HashMap<String, HashSet<String>>,
    /// What shards knew of earlier days, by address and topic, partition by partition.
    known: HashMap<String, BTreeMap<String, BTreeMap<i32, u32>>>,
    gateways: Vec<IpNet>,
    accounts: HashSet<String>,
    /// How the names of more of them begin.
    prefixes: Vec<String>,
}

impl Sharing {
    pub fn new(config: &CorrelateConfig) -> Self {
        let (prefixes, accounts): (Vec<&String>, Vec<&String>) =
            config.shared_accounts.iter().partition(|name| name.ends_with('*'));
        let prefixes = prefixes.into_iter().map(|name| name.trim_end_matches('*').to_owned());
        Self {
            gateway_actors_min: config.gateway_actors_min,
            source_actors: HashMap::new(),
            known: HashMap::new(),
            gateways: config.gateway_networks(),
            accounts: accounts.into_iter().cloned().collect(),
            prefixes: prefixes.collect(),
        }
    }

    /// Notes who had a finding where.
    pub fn note(&mut self, finding: &Finding) {
        if self.source_actors.len() >= SOURCES_KNOWN_MAX {
            let gateway = self.gateway_actors_min;
            self.source_actors.retain(|_, actors| actors.len() >= gateway);
        }
        if let Some(ip) = &finding.source_ip {
            self.learn(ip, finding);
        }
        if let (Some(ip), Some(actor)) = (&finding.source_ip, &finding.actor) {
            let actors = self.source_actors.entry(ip.clone()).or_default();
            if actors.len() < ACTORS_PER_SOURCE_MAX {
                actors.insert(actor.clone());
            }
        }
    }

    /// Takes what the shard knew. Each partition of a topic has actors of its own; another topic has
    /// the same ones.
    fn learn(&mut self, ip: &str, finding: &Finding) {
        if finding.source_actors == 0 {
            return;
        }
        if self.known.len() >= SOURCES_KNOWN_MAX {
            let gateway = self.gateway_actors_min as u64;
            self.known.retain(|_, topics| most(topics) >= gateway);
        }
        let (topic, partition) = match &finding.source {
            Source::Kafka { topic, partition, .. } => (topic.as_str(), *partition),
            // Files are read by one shard.
            Source::File { .. } | Source::Monitor { .. } => ("", 0),
        };
        let topics = self.known.entry_ref(ip).or_default();
        topics.entry(topic.to_owned()).or_default().insert(partition, finding.source_actors);
    }

    pub fn is_gateway(&self, ip: &str) -> bool {
        let shown = self.source_actors.get(ip).map_or(0, HashSet::len) >= self.gateway_actors_min;
        let known = || self.known.get(ip).map_or(0, most) >= self.gateway_actors_min as u64;
        shown || known() || (!self.gateways.is_empty() && self.is_configured(ip))
    }

    fn is_configured(&self, ip: &str) -> bool {
        let Ok(ip) = ip.parse::<IpAddr>() else { return false };
        self.gateways.iter().any(|network| network.contains(&ip))
    }

    /// Whether several use the account.
    pub fn is_shared(&self, actor: &str) -> bool {
        self.accounts.contains(actor)
            || self.prefixes.iter().any(|prefix| actor.starts_with(prefix.as_str()))
    }
}

/// The most actors of any topic.
fn most(topics: &BTreeMap<String, BTreeMap<i32, u32>>) -> u64 {
    let of = |partitions: &BTreeMap<i32, u32>| partitions.values().map(|&n| u64::from(n)).sum();
    topics.values().map(of).max().unwrap_or(0)
}
