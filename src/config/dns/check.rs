//! What the settings of the names of Direct Routing must be, together.

use super::Key;
use crate::config::reader::Reader;
use crate::config::{Config, ProcessRole};
use crate::domain::direct_routing::{NAME_MAX, REGIONS_MAX, check_host_label, parse_host};

impl Config {
    pub(in crate::config) fn check_direct_routing(&self, r: &mut Reader) {
        self.check_regions(r);
        let Some(base) = &self.direct_routing.base_domain else {
            return;
        };
        if let Err(problem) = parse_host(base) {
            r.problem("direct_routing.base_domain", problem);
        }
        let least = self.direct_routing.regions.iter().map(|region| base.len() + region.label.len() + 3).max();
        if let Some(least) = least.filter(|least| *least > NAME_MAX) {
            r.problem(
                "direct_routing.base_domain",
                format!(
                    "\u{201c}{base}\u{201d} leaves no room for a customer: with one character the full name would \
                     have {least}, and Microsoft 365 takes up to {NAME_MAX}"
                ),
            );
        }
        if self.runs(ProcessRole::Dns) {
            match self.dynamic_update.primary {
                Some(_) => self.check_update(base, r),
                None => self.check_server(base, r),
            }
        }
    }

    fn check_regions(&self, r: &mut Reader) {
        const KEY: &str = "direct_routing.regions";
        let regions = &self.direct_routing.regions;
        if regions.is_empty() || regions.len() > REGIONS_MAX {
            r.problem(
                KEY,
                format!("names {} regions; name 1 or 2, for an account has that many tokens", regions.len()),
            );
        }
        for (index, region) in regions.iter().enumerate() {
            if let Err(problem) = check_host_label(&region.label) {
                r.problem(KEY, problem);
            }
            if regions.iter().take(index).any(|other| other.label == region.label) {
                r.problem(KEY, format!("\u{201c}{}\u{201d} is named twice", region.label));
            }
            for srv in &region.srv {
                let parts: Vec<&str> = srv.service.split('.').collect();
                if parts.len() != 2
                    || !parts.iter().all(|part| part.len() > 1 && part.len() < 64 && part.starts_with('_'))
                {
                    r.problem(KEY, format!("\u{201c}{}\u{201d} is not a service such as _sip._tls", srv.service));
                }
                if let Err(problem) = parse_host(&srv.target) {
                    r.problem(KEY, problem);
                }
            }
        }
    }

    fn check_server(&self, base: &str, r: &mut Reader) {
        const KEY: &str = "dns.name_servers";
        let dns = &self.dns;
        if dns.name_servers.is_empty() && !r.has_problem(KEY) {
            r.problem(
                KEY,
                "is empty; name the servers that the base domain is delegated to, or leave dns out of roles.run",
            );
        }
        for server in &dns.name_servers {
            if let Err(problem) = parse_host(&server.name) {
                r.problem(KEY, problem);
            }
            let Some(inside) = server.name.strip_suffix(base).and_then(|rest| rest.strip_suffix('.')) else { continue };
            if inside.contains('.') || self.direct_routing.regions.iter().any(|region| region.label == inside) {
                r.problem(
                    KEY,
                    format!("{} stands among the customers' names; write a name such as ns1.{base}", server.name),
                );
            } else if server.addresses.is_empty() {
                r.problem(
                    KEY,
                    format!("{} is inside the zone and has no addresses, so nobody could find it", server.name),
                );
            }
        }
        if let Some(contact) = &dns.contact
            && contact.split_once('@').is_none_or(|(user, host)| user.is_empty() || parse_host(host).is_err())
        {
            r.problem(
                "dns.contact",
                format!("\u{201c}{contact}\u{201d} is not a mail address such as hostmaster@example.net"),
            );
        }
        if !dns.secondaries.is_empty() || dns.transfer_key.is_whole() {
            dns.transfer_key.check(r, "dns.transfer_key_name", "dns.transfer_key");
        }
        if self.catalog_file().is_none() {
            r.problem(
                "dns.catalog_file",
                "is missing; write a file where the last zone is kept, such as /var/lib/nmp/zone, so that it is \
                 answered after a restart without the database",
            );
        }
    }

    fn check_update(&self, base: &str, r: &mut Reader) {
        let update = &self.dynamic_update;
        update.key.check(r, "dynamic_update.key_name", "dynamic_update.key");
        if let Some(zone) = &update.zone
            && zone != base
            && !base.ends_with(&format!(".{zone}"))
        {
            r.problem(
                "dynamic_update.zone",
                format!("{zone} does not hold {base}; write the zone that the base domain is in"),
            );
        }
    }
}

impl Key {
    fn check(&self, r: &mut Reader, name_key: &str, secret_key: &str) {
        match &self.name {
            None if !r.has_problem(name_key) => r.problem(name_key, "is missing; write the name of the TSIG key"),
            Some(name) if !name.split('.').all(|label| check_host_label(&label.replace('_', "-")).is_ok()) => {
                r.problem(
                    name_key,
                    format!("\u{201c}{name}\u{201d} is not a name of letters, digits, dashes and dots"),
                );
            }
            _ => {}
        }
        if self.secret.is_none() {
            if !r.has_problem(secret_key) {
                r.problem(secret_key, "is missing; write the key's secret in base64");
            }
        } else if self.bytes().is_none_or(|bytes| bytes.len() < 16) {
            r.problem(secret_key, "is not base64 of at least 16 bytes; make one with: openssl rand -base64 32");
        }
    }
}
