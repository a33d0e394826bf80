//! What the settings of listeners have in common: where they are reached, and how many connections they take.

use std::net::IpAddr;

use url::{Host, Url};

use super::Purpose;
use super::reader::Reader;

/// What a limit of connections from one address does.
pub(super) const PER_ADDRESS: &str = "Connections open at once from one address (IPv6: one /64); further ones are \
                                      closed. For `trusted_proxies` the requests under way of each client behind \
                                      them count instead; further ones are answered with 429. 0: as many as in all.";

/// Returns the address of this machine with a port.
#[expect(clippy::expect_used, reason = "a number behind a constant that parses")]
pub(super) fn loopback(port: u16) -> Url {
    Url::parse(&format!("http://127.0.0.1:{port}/")).expect("a valid address")
}

/// An address that others reach a listener at.
pub(super) struct PublicAddress<'a> {
    pub(super) key: &'static str,
    pub(super) url: &'a Url,
    /// The listener, as it is called in a message.
    pub(super) listener: &'static str,
    /// What must not travel unprotected.
    pub(super) travels: &'static str,
}

impl PublicAddress<'_> {
    /// Checks that it is encrypted unless it is this machine, and has no path.
    pub(super) fn check(&self, purpose: Purpose, r: &mut Reader) {
        let Self { key, url, listener, travels } = *self;
        if purpose == Purpose::Production && url.scheme() == "http" && !is_loopback(url) {
            r.problem(
                key,
                format!(
                    "{url} is plain HTTP; {travels} would travel unprotected. Write the https address of the proxy in \
                     front of {listener}"
                ),
            );
        }
        if url.path() != "/" || url.query().is_some() {
            r.problem(key, format!("{url} has a path; {listener} answers at the root of its own host name only"));
        }
    }
}

/// Whether the address is this machine itself.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
