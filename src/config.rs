//! Settings of a deployment: defaults, file, environment and flags, read once at start.
//!
//! Every problem is found and reported together, each with the name of its key. Secrets are held
//! as [`SecretString`], which cannot be printed.

mod addresses;
mod api;
mod backends;
mod call_path;
mod check;
mod dns;
mod listener;
mod numbers;
mod quarantine;
mod read;
mod reader;
mod reference;
mod tokens;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::authz::RoleNames;
use crate::domain::{MassChange, Quarantine, RelationshipChoice, Service, UsualCapabilities};

pub use addresses::{Network, ServerAddress};
pub use api::Api;
pub use backends::{Backend, OperatorConnect};
pub use call_path::CallPath;
pub use dns::{DirectRouting, Dns, DynamicUpdate, Key, KeyAlgorithm};
pub use numbers::Enum;
pub use reader::{SettingProblem, Sources};
pub use reference::reference;

use reader::Reader;

/// All settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The pages for people.
    pub portal: Portal,
    /// The Provisioning API.
    pub api: Api,
    /// Health and metrics.
    pub operations: Operations,
    /// Where data is kept.
    pub database: Database,
    /// The identity provider people sign in with.
    pub identity: Identity,
    /// The Operator Connect backend.
    pub operator_connect: OperatorConnect,
    /// Further backends.
    pub further_backends: Vec<Backend>,
    /// What this process does.
    pub roles: Vec<ProcessRole>,
    /// Which services there are to choose from.
    pub services: Services,
    /// Limits of an upload.
    pub uploads: Uploads,
    /// What becomes of orders.
    pub orders: Orders,
    /// How long numbers that were released stay in quarantine.
    pub quarantine: Quarantine,
    /// How much may change at a backend without a person.
    pub mass_change: MassChange,
    /// The choices of "Update relationship status".
    pub relationship_statuses: Vec<RelationshipChoice>,
    /// Log output.
    pub log: Log,
    /// The names of Direct Routing.
    pub direct_routing: DirectRouting,
    /// The name server.
    pub dns: Dns,
    /// An existing primary that is told of changes instead.
    pub dynamic_update: DynamicUpdate,
    /// What is handed to what routes calls.
    pub call_path: CallPath,
}

/// Section `portal`.
#[derive(Clone, Debug)]
pub struct Portal {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The address people type; links, redirects and cookies follow it.
    pub public_url: Url,
    /// Further values of the `Host` header to accept.
    pub allowed_hosts: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// A session that is not used for so long ends.
    pub session_idle: Duration,
    /// A session ends after so long, used or not.
    pub session_absolute: Duration,
    /// Connections open at once; more wait.
    pub max_connections: u32,
    /// Connections open at once from one address; 0: as many as in all.
    pub max_connections_per_address: u32,
    /// Requests a second that one session, or one address without one, may go on making; 0: any number.
    pub rate_per_second: u32,
    /// Requests that it may make at once after a rest.
    pub rate_burst: u32,
}

/// Section `operations`.
#[derive(Clone, Debug)]
pub struct Operations {
    /// Where to listen.
    pub listen: SocketAddr,
}

/// Section `database`.
#[derive(Clone, Debug)]
pub struct Database {
    /// Which database.
    pub url: DatabaseUrl,
    /// PostgreSQL connections, or SQLite readers.
    pub max_connections: u32,
    /// Seconds that a statement may take on PostgreSQL.
    pub statement_timeout_seconds: u32,
    /// Seconds that a statement may wait for a row on PostgreSQL.
    pub lock_timeout_seconds: u32,
    /// Seconds that a transaction may be silent on PostgreSQL.
    pub idle_in_transaction_seconds: u32,
}

/// Where data is kept.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// An embedded SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL server; the whole address may hold a password.
    Postgres(SecretString),
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(_) => f.write_str("postgres:(hidden)"),
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let url = Url::parse(text).map_err(drop)?;
            return (url.path().len() > 1).then(|| Self::Postgres(text.to_owned().into())).ok_or(());
        }
        let path = text.strip_prefix("sqlite:").ok_or(())?;
        let path = path.strip_prefix("//").unwrap_or(path);
        (!path.is_empty()).then(|| Self::Sqlite(path.into())).ok_or(())
    }
}

/// Section `identity`.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Exact issuer; its discovery document is at `/.well-known/openid-configuration` below it.
    pub issuer: String,
    /// Our client identifier at the provider.
    pub client_id: String,
    /// Our client secret; a public client has none.
    pub client_secret: Option<SecretString>,
    /// Scopes to ask for; `openid` is always among them.
    pub scopes: Vec<String>,
    /// The claim of the ID token that holds the roles.
    pub roles_claim: String,
    /// What the provider calls our roles.
    pub role_names: RoleNames,
    /// Signature algorithms accepted on ID tokens.
    pub algorithms: Vec<String>,
    /// Roles are confirmed with the provider at least this often.
    pub roles_recheck: Duration,
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessRole {
    /// Serves the pages.
    Portal,
    /// Serves the Provisioning API.
    Api,
    /// Makes the backends match.
    Sync,
    /// Answers name queries.
    Dns,
}

impl FromStr for ProcessRole {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "portal" => Ok(Self::Portal),
            "api" => Ok(Self::Api),
            "sync" => Ok(Self::Sync),
            "dns" => Ok(Self::Dns),
            _ => Err(()),
        }
    }
}

/// Section `services`.
#[derive(Clone, Debug)]
pub struct Services {
    /// The services that the portal offers.
    pub offered: Vec<Service>,
}

/// Section `uploads`.
#[derive(Clone, Debug)]
pub struct Uploads {
    /// Numbers in one upload.
    pub max_numbers: u32,
    /// Bytes of one upload.
    pub max_bytes: u32,
    /// The capabilities that an upload begins with, for each usage.
    pub capabilities: Vec<UsualCapabilities>,
}

/// Section `orders`.
#[derive(Clone, Copy, Debug)]
pub struct Orders {
    /// A draft that is not submitted is removed after so many days; 0: never.
    pub keep_drafts: u32,
}

/// Section `log`.
#[derive(Clone, Debug)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// Filter such as `info` or `nmp=debug,info`.
    pub level: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// What is being started, which decides how strict to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `nmp serve`: refuses what is only fit for trying out.
    Production,
    /// `nmp demo`: on loopback, against the sandbox.
    Demo,
    /// `nmp migrate`, `nmp audit verify`: only the database matters.
    DatabaseOnly,
}

impl Config {
    /// Reads and checks all settings.
    ///
    /// # Errors
    /// Every problem of every source, each with the name of its key.
    pub fn load(sources: Sources, purpose: Purpose) -> Result<Self, Vec<SettingProblem>> {
        let mut reader = Reader::new(sources);
        let config = Self::read(&mut reader);
        config.check(purpose, &mut reader);
        let problems = reader.finish();
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }
}

#[cfg(test)]
mod tests;
