//! Which addresses are the agency's own.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

use crate::engine::model::Problems;

/// `[addresses]`: where inside ends.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AddressConfig {
    /// Networks that count as inside, in CIDR form.
    pub internal: Vec<String>,
}

impl Default for AddressConfig {
    fn default() -> Self {
        let private =
            ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"];
        Self { internal: private.map(String::from).to_vec() }
    }
}

impl AddressConfig {
    pub fn check(&self, problems: &mut Problems) {
        for (i, network) in self.internal.iter().enumerate() {
            problems.require(
                network.parse::<IpNet>().is_ok(),
                &format!("addresses.internal[{i}]"),
                || format!("must be a network such as 10.0.0.0/8, got `{network}`"),
            );
        }
    }
}

/// Tells inside from outside.
#[derive(Clone, Debug)]
pub struct Addresses {
    internal: Vec<IpNet>,
}

impl Default for Addresses {
    fn default() -> Self {
        Self::new(&AddressConfig::default())
    }
}

impl Addresses {
    /// Networks that do not parse are left out; `AddressConfig::check` has reported them.
    pub fn new(config: &AddressConfig) -> Self {
        Self { internal: config.internal.iter().filter_map(|n| n.parse().ok()).collect() }
    }

    /// True for an address that data could leave to: not ours, and not one that stays on the
    /// wire here (loopback, link-local, multicast, broadcast, unspecified). Text that is no
    /// address counts as external, because it cannot be shown to be ours.
    pub fn is_external(&self, ip: &str) -> bool {
        let Ok(ip) = ip.parse::<IpAddr>() else { return true };
        let stays = match ip {
            IpAddr::V4(v4) => {
                v4.is_loopback()
                    || v4.is_link_local()
                    || v4.is_multicast()
                    || v4.is_broadcast()
                    || v4.is_unspecified()
            }
            IpAddr::V6(v6) => {
                v6.is_loopback()
                    || v6.is_multicast()
                    || v6.is_unspecified()
                    || v6.is_unicast_link_local()
            }
        };
        !stays && !self.internal.iter().any(|network| network.contains(&ip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ip: &str, external: bool) {
        assert_eq!(Addresses::new(&AddressConfig::default()).is_external(ip), external, "{ip}");
    }

    #[test]
    fn own_and_local_addresses_are_inside() {
        for ip in [
            "10.20.3.17",
            "172.31.0.1",
            "192.168.1.9",
            "127.0.0.1",
            "224.0.0.252",
            "255.255.255.255",
            "::1",
            "ff02::1:3",
            "fe80::1",
            "fd00::7",
        ] {
            check(ip, false);
        }
    }

    #[test]
    fn the_rest_of_the_world_is_outside() {
        for ip in
            ["203.0.113.9", "172.32.0.1", "2001:db8::1", "06.237.252.245", "files.example.net"]
        {
            check(ip, true);
        }
    }
}
