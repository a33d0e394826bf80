//! ENUM in section `dns`: which zone, who may ask, and what numbers lead to.

use super::Config;
use super::addresses::Network;
use super::reader::Reader;
use crate::domain::direct_routing::{LABEL_MAX, parse_host};

/// ENUM (RFC 6116) from the name server; off without a zone.
#[derive(Clone, Debug)]
pub struct Enum {
    /// The zone that numbers are names of.
    pub zone: Option<String>,
    /// What a number leads to, with `{number}` in it.
    pub uri: Option<String>,
    /// Who may ask.
    pub networks: Vec<Network>,
}

/// What stands around a URI in a record's expression, which is one text of up to 255 bytes.
const AROUND: usize = "!^.*$!!".len();
const TEXT_MOST: usize = 255;
/// A number with its plus.
const NUMBER_MOST: usize = 16;

impl Enum {
    pub(super) fn read(r: &mut Reader) -> Self {
        Self {
            zone: r
                .text(
                    "dns.enum_zone",
                    None,
                    "The zone of private ENUM (RFC 6116), such as `e164.example.net`: each number of ours is a name \
                     in it with NAPTR records. Without it there is no ENUM.",
                )
                .map(|zone| zone.trim_end_matches('.').to_ascii_lowercase()),
            uri: r.text(
                "dns.enum_uri",
                None,
                "What every number leads to, such as `sip:{number}@sbc.example.net;user=phone`; may hold \
                 `{subdomain}` too, and then only numbers of Direct Routing are in the zone. Without it these are, \
                 and each leads to its customer's name in each region.",
            ),
            networks: r.list(
                "dns.enum_networks",
                &[],
                "an IP address or a network such as 192.0.2.0/24 or 2001:db8::/48",
                "Who may ask for numbers; others are refused. Needed for ENUM, for the name server may be known to everyone.",
            ),
        }
    }
}

impl Config {
    /// Returns what a number leads to, in the order in which to try it, with `{number}` and perhaps `{subdomain}` in
    /// it.
    #[must_use]
    pub fn enum_uris(&self) -> Vec<String> {
        match (&self.dns.numbers.uri, self.zones()) {
            (Some(uri), _) => vec![uri.clone()],
            (None, Some(zones)) => {
                zones.names("{subdomain}").iter().map(|name| format!("sip:{{number}}@{name};user=phone")).collect()
            }
            (None, None) => Vec::new(),
        }
    }

    pub(super) fn check_enum(&self, r: &mut Reader) {
        const ZONE: &str = "dns.enum_zone";
        let numbers = &self.dns.numbers;
        if let Some(uri) = &numbers.uri
            && let Err(problem) = check_uri(uri)
        {
            r.problem("dns.enum_uri", problem);
        }
        let Some(zone) = &numbers.zone else { return };
        if let Err(problem) = parse_host(zone) {
            r.problem(ZONE, problem);
        }
        let inside = |one: &str, other: &str| one == other || one.ends_with(&format!(".{other}"));
        match &self.direct_routing.base_domain {
            None => r.problem(
                ZONE,
                "needs the name server, which runs only with direct_routing.base_domain; write that too",
            ),
            Some(base) if inside(zone, base) || inside(base, zone) => r.problem(
                ZONE,
                format!(
                    "{zone} and direct_routing.base_domain {base} are one inside the other; write a zone beside it"
                ),
            ),
            Some(_) => {}
        }
        if self.dynamic_update.primary.is_some() {
            r.problem(ZONE, "needs the name server, which does not run beside dynamic_update.primary");
        }
        if numbers.networks.is_empty() && !r.has_problem("dns.enum_networks") {
            r.problem("dns.enum_networks", "is missing; write who may ask for numbers, such as [\"192.0.2.0/24\"]");
        }
    }
}

fn check_uri(uri: &str) -> Result<(), String> {
    let rest = uri.replacen("{number}", "", 1).replace("{subdomain}", "");
    if !uri.contains("{number}") {
        return Err("has no {number} in it; write such as sip:{number}@sbc.example.net;user=phone".to_owned());
    }
    if !(uri.starts_with("sip:") || uri.starts_with("sips:")) {
        return Err("is no SIP address; write such as sip:{number}@sbc.example.net;user=phone".to_owned());
    }
    if let Some(c) = rest.chars().find(|c| !c.is_ascii_graphic() || "!\\\"{}<>".contains(*c)) {
        return Err(format!("holds \u{201c}{}\u{201d}, which cannot stand in it", c.escape_debug()));
    }
    let subdomains = uri.matches("{subdomain}").count();
    let longest = rest.len() + NUMBER_MOST + subdomains * LABEL_MAX + AROUND;
    if longest > TEXT_MOST {
        return Err(format!("is too long: a record would have {longest} characters, and {TEXT_MOST} are the most"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_numbers_lead_to_is_checked() {
        for good in ["sip:{number}@sbc.example.net;user=phone", "sips:{number}@{subdomain}.example.net:5061"] {
            assert_eq!(check_uri(good), Ok(()), "{good}");
        }
        let long = format!("sip:{{number}}@{}", "x".repeat(240));
        for bad in [
            "sip:sbc.example.net",
            "tel:{number}",
            "sip:{number}@a!b",
            "sip:{number} @x",
            "sip:{number}@{region}",
            &long,
        ] {
            assert!(check_uri(bad).is_err(), "{bad}");
        }
    }
}
