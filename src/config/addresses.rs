//! Addresses of other machines as they are written in settings.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;

/// An IP address, or a network in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Whether the address belongs to it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl FromStr for Network {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let whole = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        whole.map(Self).map_err(drop)
    }
}

/// The address of a name server; port 53 unless it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerAddress(pub SocketAddr);

/// What to write where a server's address is wanted.
pub(super) const SERVER_ADDRESS: &str = "an IP address, with a port unless it is 53: 192.0.2.53 or [2001:db8::53]:5353";

impl FromStr for ServerAddress {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let alone = || text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53));
        text.parse().or_else(|_| alone()).map(Self).map_err(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_an_address_or_a_prefix() {
        let network = |text: &str| text.parse::<Network>();
        let holds = |text: &str, address: &str| network(text).unwrap().contains(address.parse().unwrap());
        assert!(holds("192.0.2.7", "192.0.2.7") && !holds("192.0.2.7", "192.0.2.8"));
        assert!(holds("192.0.2.0/24", "192.0.2.255") && !holds("192.0.2.0/24", "192.0.3.0"));
        // Bits behind the prefix mean nothing.
        assert!(holds("10.1.2.3/8", "10.255.0.1"));
        assert!(holds("2001:db8::/48", "2001:db8:0:ffff::1") && !holds("2001:db8::/48", "2001:db9::"));
        assert!(holds("0.0.0.0/0", "203.0.113.1") && !holds("0.0.0.0/0", "2001:db8::1"));
        for wrong in ["", "example.com", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0-192.0.2.9", "192.0.2.7:80"] {
            assert!(network(wrong).is_err(), "{wrong}");
        }
    }
}
