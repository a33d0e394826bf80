//! What the zone of Direct Routing holds beside the customers' records: it comes from the configuration.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Zones;

/// The most regions of a deployment: an account has a token for each.
pub const REGIONS_MAX: usize = 2;

/// A region that calls come in at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Its label below the base domain, such as `1r1`.
    pub label: String,
    /// Where it is reached; every customer's name in the region has these addresses too.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// Its services.
    #[serde(default)]
    pub srv: Vec<Srv>,
}

/// A service of a region (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Srv {
    /// Service and protocol, such as `_sip._tls`.
    pub service: String,
    /// Lower is tried first.
    #[serde(default)]
    pub priority: u16,
    /// Share among those of one priority.
    #[serde(default)]
    pub weight: u16,
    /// Port.
    pub port: u16,
    /// Host name.
    pub target: String,
}

/// A server that the zone is delegated to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameServer {
    /// Its name.
    pub name: String,
    /// Its addresses, which are needed where the name is below the base domain.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
}

/// The zone without its customers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The base domain, which is the apex of the zone.
    pub base: String,
    /// Its regions, in the order of the tokens.
    pub regions: Vec<Region>,
    /// Who serves it; the first is the primary that SOA names.
    pub name_servers: Vec<NameServer>,
    /// Mail address of whoever looks after it.
    pub contact: String,
}

impl Layout {
    /// The names that accounts get in it.
    #[must_use]
    pub fn zones(&self) -> Zones {
        Zones { base: self.base.clone(), regions: self.regions.iter().map(|region| region.label.clone()).collect() }
    }
}

/// Reads a host name: labels of letters, digits and dashes, at least two; folded to lower case, without the last dot.
///
/// # Errors
/// Says what is wrong with the text.
pub fn parse_host(text: &str) -> Result<String, String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    if !name.contains('.') {
        return Err(format!("\u{201c}{text}\u{201d} is not a full name such as pstn.example.com"));
    }
    if name.len() > 253 {
        return Err(format!("\u{201c}{text}\u{201d} has {} characters; a name has at most 253", name.len()));
    }
    for label in name.split('.') {
        check_host_label(label).map_err(|problem| format!("\u{201c}{text}\u{201d}: {problem}"))?;
    }
    Ok(name.to_ascii_lowercase())
}

/// Checks one label of a host name.
///
/// # Errors
/// Says what is wrong with the text.
pub fn check_host_label(label: &str) -> Result<(), String> {
    let plain = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if label.is_empty() || label.len() > 63 || !plain || label.starts_with('-') || label.ends_with('-') {
        return Err(format!(
            "\u{201c}{label}\u{201d} is not a label of 1 to 63 letters, digits and dashes, with no dash at either end"
        ));
    }
    Ok(())
}
