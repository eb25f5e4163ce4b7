//! Networks that an address may lie in.

use std::net::IpAddr;

use ipnet::IpNet;

#[derive(Clone, Debug)]
pub(super) struct Networks {
    all: Vec<IpNet>,
    /// Those of IPv4: network and mask.
    of_four: Vec<(u32, u32)>,
}

impl Networks {
    pub fn new(all: Vec<IpNet>) -> Self {
        let of_four = all.iter().filter_map(|network| match network {
            IpNet::V4(network) => Some((network.network().to_bits(), network.netmask().to_bits())),
            IpNet::V6(_) => None,
        });
        Self { of_four: of_four.collect(), all }
    }

    /// Whether `text` is an address in any of them. An IPv4 address written as IPv6
    /// (`::ffff:10.0.0.1`) counts as IPv4 too.
    pub fn hold(&self, text: &str) -> bool {
        if let Some(address) = dotted(text) {
            return self.of_four.iter().any(|(network, mask)| address & mask == *network);
        }
        let Ok(address) = text.parse::<IpAddr>() else { return false };
        let plain = address.to_canonical();
        self.all.iter().any(|network| network.contains(&address) || network.contains(&plain))
    }
}

/// An IPv4 address as it is nearly always written; what else there may be is for the library. By
/// hand: this runs for most events.
fn dotted(text: &str) -> Option<u32> {
    let mut address = 0;
    let mut parts = 0;
    let mut bytes = text.as_bytes();
    loop {
        let digits = bytes.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
        let part =
            bytes.get(..digits)?.iter().fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0'));
        if digits == 0 || part > 255 || (digits > 1 && bytes.first() == Some(&b'0')) {
            return None;
        }
        address = address << 8 | part;
        parts += 1;
        bytes = bytes.get(digits..)?;
        match bytes.split_first() {
            None => return (parts == 4).then_some(address),
            Some((b'.', rest)) if parts < 4 => bytes = rest,
            Some(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn check(networks: &[&str], text: &str, expected: bool) {
        let networks = networks.iter().map(|network| network.parse().expect("a network"));
        assert_eq!(Networks::new(networks.collect()).hold(text), expected, "{text}");
    }

    #[test]
    fn holds_addresses_of_either_kind() {
        let inside = ["10.0.0.0/8", "172.16.0.0/12", "2001:db8::/32"];
        check(&inside, "10.255.0.1", true);
        check(&inside, "172.31.255.255", true);
        check(&inside, "172.32.0.0", false);
        check(&inside, "::ffff:10.0.0.1", true);
        check(&inside, "2001:DB8::1", true);
        check(&inside, "2001:db9::1", false);
        check(&inside, "10.0.0", false);
        check(&inside, "10.0.0.1.2", false);
        check(&inside, "10.0.0.01", false);
        check(&inside, "10.0.0.256", false);
        check(&inside, "10.0.0.1 ", false);
        check(&["10.1.2.3/8"], "10.9.9.9", true);
        check(&["0.0.0.0/0"], "8.8.8.8", true);
        check(&["::/0"], "8.8.8.8", false);
    }

    proptest! {
        #[test]
        fn reads_as_the_library_does(text in "[0-9]{0,4}([.][0-9]{0,4}){2,4}[ .]?") {
            let read = text.parse::<Ipv4Addr>().ok().map(Ipv4Addr::to_bits);
            prop_assert_eq!(dotted(&text), read);
        }

        #[test]
        fn reads_every_address(address: u32) {
            prop_assert_eq!(dotted(&Ipv4Addr::from_bits(address).to_string()), Some(address));
        }
    }
}
