//! Backends that do not fit each other, or lack what a process needs to speak to them.

use super::Backend;
use crate::config::check::check_outside;
use crate::config::reader::Reader;
use crate::config::{Config, Purpose};
use crate::domain::OPERATOR_CONNECT;

/// The key of the list.
const LIST: &str = "backends";
/// The longest name of a backend.
const NAME_MAX: usize = 40;

impl Config {
    /// What is wrong with the backends, whatever this process does.
    pub(in crate::config) fn check_backends(&self, r: &mut Reader) {
        let settings = &self.operator_connect;
        if let Some(id) = &settings.default_calling_profile
            && !settings.calling_profiles.iter().any(|profile| profile.id == *id)
        {
            r.problem(
                "operator_connect.default_calling_profile",
                format!("\u{201c}{id}\u{201d} is not the id of one of operator_connect.calling_profiles"),
            );
        }
        for backend in &self.further_backends {
            check_name(backend, r);
        }
        let backends = self.backends();
        for (index, backend) in backends.iter().enumerate() {
            check_services(backend, r);
            for other in backends.iter().take(index) {
                check_pair(other, backend, r);
            }
        }
    }

    /// What a process needs that speaks to the backends.
    pub(in crate::config) fn check_connections(&self, purpose: Purpose, r: &mut Reader) {
        for backend in self.backends() {
            let connection = Connection(backend);
            connection.check_missing(r);
            if purpose == Purpose::Production {
                connection.check_addresses(r);
            }
        }
    }
}

fn check_name(backend: &Backend, r: &mut Reader) {
    let name = &backend.info.name;
    let is_allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(is_allowed) {
        r.problem(
            LIST,
            format!("the name \u{201c}{name}\u{201d} must be 1 to {NAME_MAX} of the letters a to z, the digits and -"),
        );
    }
    if name == OPERATOR_CONNECT {
        r.problem(LIST, format!("{OPERATOR_CONNECT} is the backend of section operator_connect; choose another name"));
    }
    if backend.info.services.is_empty() {
        r.problem(LIST, format!("{name}: services is empty; name at least one service, or leave the entry out"));
    }
}

fn check_services(backend: &Backend, r: &mut Reader) {
    if let Some((one, other)) = backend.info.services.had_together() {
        let key = if backend.info.name == OPERATOR_CONNECT { "operator_connect.services" } else { LIST };
        r.problem(
            key,
            format!(
                "{}: a number may have {} and {} at once, and a backend holds it for one service; \
                 give them a backend each",
                backend.info.name,
                one.key(),
                other.key()
            ),
        );
    }
}

fn check_pair(first: &Backend, second: &Backend, r: &mut Reader) {
    let (first, second) = (&first.info, &second.info);
    if first.name == second.name {
        r.problem(LIST, format!("two backends are named {}; a name is of one backend", first.name));
        return;
    }
    for service in first.services.and(second.services).iter() {
        r.problem(
            LIST,
            format!(
                "{} is among the services of {} and of {}; its numbers go to one backend. Take it from one of them",
                service.key(),
                first.name,
                second.name
            ),
        );
    }
    let (one, other) = (first.offers, second.offers);
    let both = [
        ("consents", one.consents && other.consents),
        ("relationships", one.relationships && other.relationships),
        ("civicAddresses", one.civic_addresses && other.civic_addresses),
        ("capabilityPlans", one.capability_plans && other.capability_plans),
    ];
    for (part, _) in both.into_iter().filter(|(_, both)| *both) {
        r.problem(
            LIST,
            format!(
                "{part} is among what {} and {} offer; the product takes it from one backend. Take it from one of them",
                first.name, second.name
            ),
        );
    }
}

/// What a backend is spoken to with.
struct Connection<'a>(&'a Backend);

impl Connection<'_> {
    /// The key of a setting, and what a message about it begins with.
    fn key(&self, setting: &str) -> (String, String) {
        if self.0.info.name == OPERATOR_CONNECT {
            (format!("operator_connect.{setting}"), String::new())
        } else {
            (LIST.to_owned(), format!("{}: {setting} ", self.0.info.name))
        }
    }

    fn check_missing(&self, r: &mut Reader) {
        let backend = self.0;
        let missing = [
            (
                "base_url",
                backend.base_url.is_none(),
                format!("write the base address of the {} backend", backend.info.label),
            ),
            ("token_url", backend.token_url.is_none(), "write where access tokens are fetched".to_owned()),
            ("client_id", backend.client_id.is_empty(), "write the client identifier at the backend".to_owned()),
            ("client_secret", backend.client_secret.is_none(), "write the client secret at the backend".to_owned()),
        ];
        for (setting, _, advice) in missing.into_iter().filter(|(_, is_missing, _)| *is_missing) {
            let (key, about) = self.key(setting);
            if key == LIST || !r.has_problem(&key) {
                r.problem(key, format!("{about}is missing; {advice}, or leave sync out of roles.run"));
            }
        }
    }

    fn check_addresses(&self, r: &mut Reader) {
        let addresses =
            [("base_url", &self.0.base_url, "/operator-connect"), ("token_url", &self.0.token_url, "/identity")];
        for (setting, url, sandbox_path) in addresses {
            if let Some(url) = url {
                let (key, about) = self.key(setting);
                check_outside(r, (&key, &about), url, sandbox_path);
            }
        }
    }
}
