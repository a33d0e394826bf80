//! What one key alone cannot tell: settings that do not fit each other or the purpose.

use std::path::Path;

use url::Url;

use super::listener::{PublicAddress, is_loopback};
use super::reader::Reader;
use super::tokens::check_algorithms;
use super::{Config, DatabaseUrl, ProcessRole, Purpose};

impl Config {
    pub(super) fn check(&self, purpose: Purpose, r: &mut Reader) {
        self.check_database(r);
        if purpose == Purpose::DatabaseOnly {
            return;
        }
        self.check_portal(purpose, r);
        self.check_api(purpose, r);
        if self.roles.is_empty() {
            r.problem(
                "roles.run",
                "is empty, so this process would do nothing; name at least one of portal, api, sync, dns",
            );
        }
        if self.runs(ProcessRole::Portal) || self.runs(ProcessRole::Api) {
            self.check_issuer(purpose, r);
        }
        if self.runs(ProcessRole::Portal) {
            self.check_sign_in(r);
        }
        if self.runs(ProcessRole::Sync) {
            self.check_connections(purpose, r);
        }
        self.check_backends(r);
        self.check_statuses(r);
        self.check_direct_routing(r);
        self.check_call_path(r);
        self.check_enum(r);
        if self.log.level.parse::<tracing_subscriber::EnvFilter>().is_err() {
            r.problem(
                "log.level",
                format!(
                    "\u{201c}{}\u{201d} is not a filter; write a level such as info, or nmp=debug,info",
                    self.log.level
                ),
            );
        }
    }

    /// Whether this process has the role.
    #[must_use]
    pub fn runs(&self, role: ProcessRole) -> bool {
        self.roles.contains(&role)
    }

    /// Whether the deployment has a Provisioning API: in this process, or in another one that it is set up for.
    #[must_use]
    pub fn has_api(&self) -> bool {
        self.runs(ProcessRole::Api) || !self.api.audience.is_empty()
    }

    fn check_portal(&self, purpose: Purpose, r: &mut Reader) {
        let reached = PublicAddress {
            key: "portal.public_url",
            url: &self.portal.public_url,
            listener: "the portal",
            travels: "people's sessions",
        };
        reached.check(purpose, r);
        if self.portal.session_idle > self.portal.session_absolute {
            r.problem(
                "portal.session_idle_minutes",
                "is longer than portal.session_absolute_minutes; the idle time must be the shorter",
            );
        }
    }

    fn check_issuer(&self, purpose: Purpose, r: &mut Reader) {
        let issuer = &self.identity.issuer;
        if issuer.is_empty() {
            if !r.has_problem("identity.issuer") {
                r.problem(
                    "identity.issuer",
                    "is missing; write the issuer of your identity provider, such as https://login.example.com/",
                );
            }
        } else if issuer.contains(['{', '}']) || issuer.contains("/common/") || issuer.contains("/organizations/") {
            r.problem(
                "identity.issuer",
                format!("{issuer} stands for many issuers; write the one issuer of your own directory"),
            );
        } else {
            match Url::parse(issuer) {
                Err(_) => r.problem(
                    "identity.issuer",
                    format!("\u{201c}{issuer}\u{201d} is not an address such as https://login.example.com/"),
                ),
                Ok(url) if purpose == Purpose::Production => {
                    check_outside(r, ("identity.issuer", ""), &url, "/identity");
                }
                Ok(_) => {}
            }
        }
    }

    fn check_sign_in(&self, r: &mut Reader) {
        if self.identity.client_id.is_empty() && !r.has_problem("identity.client_id") {
            r.problem("identity.client_id", "is missing; write the client identifier the provider gave to the portal");
        }
        check_algorithms(r, "identity.algorithms", &self.identity.algorithms);
    }

    fn check_statuses(&self, r: &mut Reader) {
        if self.relationship_statuses.is_empty() {
            r.problem("relationship.statuses", "is empty; name at least one status");
        }
        for (index, status) in self.relationship_statuses.iter().enumerate() {
            let repeated = self.relationship_statuses.iter().take(index).any(|other| other.value == status.value);
            if status.value.is_empty() || status.label.is_empty() || repeated {
                r.problem("relationship.statuses", format!("entry {} needs a label and a value of its own", index + 1));
            }
        }
    }

    fn check_database(&self, r: &mut Reader) {
        let DatabaseUrl::Sqlite(path) = &self.database.url else {
            let (idle, lock) = (self.database.idle_in_transaction_seconds, self.database.lock_timeout_seconds);
            if idle >= lock {
                r.problem(
                    "database.idle_in_transaction_seconds",
                    format!(
                        "is {idle}, and database.lock_timeout_seconds is {lock}: whoever waits for the rows of a process that \
                         fell silent would give up before the server takes them from it. Write less than {lock}"
                    ),
                );
            }
            return;
        };
        if let Err(message) = writable(path) {
            r.problem("database.url", message);
        }
    }
}

/// Checks that a production start talks to the outside world: encrypted, and never to our own sandbox.
pub(super) fn check_outside(r: &mut Reader, (key, about): (&str, &str), url: &Url, sandbox_path: &str) {
    if is_loopback(url) {
        if url.path() == sandbox_path || url.path().starts_with(&format!("{sandbox_path}/")) {
            r.problem(
                key,
                format!(
                    "{about}{url} is the sandbox, which signs in anyone; use \u{201c}nmp demo\u{201d} to \
                     try things out, and the real address here"
                ),
            );
        }
    } else if url.scheme() != "https" {
        r.problem(key, format!("{about}{url} is plain HTTP; write an https address"));
    }
}

fn writable(path: &Path) -> Result<(), String> {
    if path.exists() {
        return match std::fs::OpenOptions::new().append(true).open(path) {
            Ok(_) => Ok(()),
            Err(error) => {
                Err(format!("cannot write to {}: {error}; choose a file that this user may write", path.display()))
            }
        };
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(format!("the folder {} does not exist; create it, writable for this user", folder.display()));
    }
    // Permission bits do not tell the whole truth (read-only mounts, other users), a trial does.
    let trial = folder.join(format!(".nmp-write-trial-{}", std::process::id()));
    std::fs::write(&trial, b"").and_then(|()| std::fs::remove_file(&trial)).map_err(|error| {
        format!("cannot create a file in {}: {error}; choose a folder that this user may write", folder.display())
    })
}
