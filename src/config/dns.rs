//! Sections `direct_routing`, `dns` and `dynamic_update`: the names of Direct Routing and who answers for them.

mod check;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use super::addresses::{Network, SERVER_ADDRESS, ServerAddress};
use super::numbers::Enum;
use super::reader::{Reader, minutes};
use super::{Config, DatabaseUrl};
use crate::domain::direct_routing::{Layout, NameServer, Region, Zones};

/// Section `direct_routing`.
#[derive(Clone, Debug)]
pub struct DirectRouting {
    /// The domain below which every customer gets names; none, and Direct Routing has no DNS here.
    pub base_domain: Option<String>,
    /// The regions, in the order of an account's tokens.
    pub regions: Vec<Region>,
    /// A label that was given up stays with its last account for so many days.
    pub quarantine_days: u32,
}

/// Section `dns`.
#[derive(Clone, Debug)]
pub struct Dns {
    /// Where to listen, UDP and TCP.
    pub listen: SocketAddr,
    /// The servers that the base domain is delegated to.
    pub name_servers: Vec<NameServer>,
    /// Mail address of whoever looks after the zone.
    pub contact: Option<String>,
    /// Servers that fetch the zone from here.
    pub secondaries: Vec<ServerAddress>,
    /// What they sign with.
    pub transfer_key: Key,
    /// Where the last zone is kept for a start without the database.
    pub catalog_file: Option<PathBuf>,
    /// Answers a second to one network before they are only truncated or left out; 0: any number.
    pub rate_per_second: u32,
    /// Networks that are not counted.
    pub rate_exempt_networks: Vec<Network>,
    /// TCP connections open at once.
    pub max_tcp_connections: u32,
    /// TCP connections open at once from one address; 0: as many as in all.
    pub max_tcp_connections_per_address: u32,
    /// A TCP connection that is silent for so long is closed.
    pub tcp_idle: Duration,
    /// Time between two checks of all names.
    pub check_every: Duration,
    /// Whom to ask whether the base domain is delegated to us.
    pub resolver: Option<ServerAddress>,
    /// ENUM.
    pub numbers: Enum,
}

/// Section `dynamic_update`.
#[derive(Clone, Debug)]
pub struct DynamicUpdate {
    /// The operator's own primary, which is told of changes; then this program serves no zone itself.
    pub primary: Option<ServerAddress>,
    /// The zone there that holds the base domain.
    pub zone: Option<String>,
    /// What updates are signed with.
    pub key: Key,
}

/// A key shared with another server (TSIG, RFC 8945).
#[derive(Clone, Debug)]
pub struct Key {
    /// Its name.
    pub name: Option<String>,
    /// What is computed with it.
    pub algorithm: KeyAlgorithm,
    /// The secret in base64.
    pub secret: Option<SecretString>,
}

/// What signs with a shared key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// `hmac-sha256`
    Sha256,
    /// `hmac-sha384`
    Sha384,
    /// `hmac-sha512`
    Sha512,
}

impl Key {
    /// Returns the secret's bytes.
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        BASE64_STANDARD.decode(self.secret.as_ref()?.expose_secret().trim()).ok()
    }

    fn is_whole(&self) -> bool {
        self.name.is_some() && self.secret.is_some()
    }
}

impl DirectRouting {
    pub(super) fn read(r: &mut Reader) -> Self {
        Self {
            base_domain: r
                .text(
                    "direct_routing.base_domain",
                    None,
                    "The domain below which every Direct Routing customer gets its names, such as \
                     `pstn.example.net`. Without it Direct Routing has no DNS here.",
                )
                .map(|name| name.trim_end_matches('.').to_ascii_lowercase()),
            regions: r
                .tables(
                    "direct_routing.regions",
                    "[{ label = \"1r1\" }, { label = \"1r2\" }]",
                    "One or two regions, in the order of an account's tokens: the label below the base domain, its \
                     `addresses` and, rarely, its `srv`, such as `{ label = \"1r1\", addresses = [\"192.0.2.1\", \
                     \"2001:db8::1\"], srv = [{ service = \"_sip._tls\", port = 5061, target = \"sbc1.example.net\" \
                     }] }`.",
                )
                .into_iter()
                .map(|region: Region| Region { label: region.label.to_ascii_lowercase(), ..region })
                .collect(),
            quarantine_days: r.integer(
                "direct_routing.quarantine_days",
                30,
                0..=3_650,
                "A subdomain that an account gave up stays reserved for it so many days, lest somebody else take over a verified name.",
            ),
        }
    }
}

impl Dns {
    pub(super) fn read(r: &mut Reader) -> Self {
        Self {
            listen: r.socket("dns.listen", "127.0.0.1:5354", "Address and port of the name server, UDP and TCP."),
            name_servers: r
                .tables(
                    "dns.name_servers",
                    "[]",
                    "The servers that the base domain is delegated to, such as `[{ name = \"ns1.example.net\" }]`; \
                     one below the base domain needs its `addresses` too. The first is named as the primary.",
                )
                .into_iter()
                .map(|server: NameServer| NameServer {
                    name: server.name.trim_end_matches('.').to_ascii_lowercase(),
                    ..server
                })
                .collect(),
            contact: r.text(
                "dns.contact",
                None,
                "Mail address of whoever looks after the zone; `hostmaster@` the base domain unless it is written.",
            ),
            secondaries: r.list(
                "dns.secondaries",
                &[],
                SERVER_ADDRESS,
                "Servers that may fetch the zone (AXFR), with the key below, and are notified of changes.",
            ),
            transfer_key: TRANSFER_KEY.read(r),
            catalog_file: r
                .text(
                    "dns.catalog_file",
                    None,
                    "Where the last zone is kept, so that it is answered after a restart without the database. \
                     Beside a SQLite database unless it is written.",
                )
                .map(PathBuf::from),
            rate_per_second: r.integer(
                "dns.rate_per_second",
                200,
                0..=1_000_000,
                "UDP answers a second to one network (/24, /56); beyond that every second one is truncated and the \
                 others are left out. 0: any number.",
            ),
            rate_exempt_networks: r.list(
                "dns.rate_exempt_networks",
                &[],
                "an IP address or a network such as 192.0.2.0/24 or 2001:db8::/48",
                "Networks whose answers are not counted.",
            ),
            max_tcp_connections: r.integer(
                "dns.max_tcp_connections",
                200,
                1..=100_000,
                "TCP connections open at once; for a further one that which is silent for longest is closed.",
            ),
            max_tcp_connections_per_address: r.integer(
                "dns.max_tcp_connections_per_address",
                20,
                0..=100_000,
                "TCP connections open at once from one address (IPv6: one /64); further ones are closed. \
                 `dns.secondaries` and `dns.rate_exempt_networks` are not counted. 0: as many as in all.",
            ),
            tcp_idle: Duration::from_secs(u64::from(r.integer(
                "dns.tcp_idle_seconds",
                10,
                1..=600,
                "A TCP connection that says nothing for so many seconds is closed.",
            ))),
            check_every: minutes(
                r,
                "dns.check_minutes",
                15,
                "Minutes between two checks that every customer's name is answered rightly.",
            ),
            resolver: r.server(
                "dns.resolver",
                "The resolver that is asked whether the base domain is delegated to `dns.name_servers`; none, and that is not checked.",
            ),
            numbers: Enum::read(r),
        }
    }
}

impl DynamicUpdate {
    pub(super) fn read(r: &mut Reader) -> Self {
        Self {
            primary: r.server(
                "dynamic_update.primary",
                "An existing primary that gets the customers' records by dynamic update (RFC 2136). With it this \
                 program serves no zone itself.",
            ),
            zone: r
                .text(
                    "dynamic_update.zone",
                    None,
                    "The zone of that server that the base domain is in; the base domain itself unless it is written.",
                )
                .map(|name| name.trim_end_matches('.').to_ascii_lowercase()),
            key: UPDATE_KEY.read(r),
        }
    }
}

/// The settings of a key that is shared with another server.
struct SharedKeySettings {
    name: Setting,
    algorithm: Setting,
    secret: Setting,
}

/// A key of the configuration, and what it is for.
struct Setting {
    key: &'static str,
    doc: &'static str,
}

const ALGORITHM_DOC: &str = "`hmac-sha256`, `hmac-sha384` or `hmac-sha512`.";

const TRANSFER_KEY: SharedKeySettings = SharedKeySettings {
    name: Setting { key: "dns.transfer_key_name", doc: "Name of the TSIG key of the secondaries." },
    algorithm: Setting { key: "dns.transfer_key_algorithm", doc: ALGORITHM_DOC },
    secret: Setting { key: "dns.transfer_key", doc: "The key of the secondaries in base64." },
};

const UPDATE_KEY: SharedKeySettings = SharedKeySettings {
    name: Setting { key: "dynamic_update.key_name", doc: "Name of the TSIG key that updates are signed with." },
    algorithm: Setting { key: "dynamic_update.key_algorithm", doc: ALGORITHM_DOC },
    secret: Setting { key: "dynamic_update.key", doc: "That key in base64." },
};

impl SharedKeySettings {
    fn read(self, r: &mut Reader) -> Key {
        let algorithms = [
            ("hmac-sha256", KeyAlgorithm::Sha256),
            ("hmac-sha384", KeyAlgorithm::Sha384),
            ("hmac-sha512", KeyAlgorithm::Sha512),
        ];
        let Self { name, algorithm, secret } = self;
        Key {
            name: r.text(name.key, None, name.doc).map(|name| name.trim_end_matches('.').to_ascii_lowercase()),
            algorithm: r.choice(algorithm.key, &algorithms, algorithm.doc).unwrap_or(KeyAlgorithm::Sha256),
            secret: r.secret(secret.key, secret.doc),
        }
    }
}

impl Config {
    /// Returns the names that accounts get; none where Direct Routing has no base domain.
    #[must_use]
    pub fn zones(&self) -> Option<Zones> {
        self.layout().map(|layout| layout.zones())
    }

    /// Returns the zone without its customers; none where Direct Routing has no base domain.
    #[must_use]
    pub fn layout(&self) -> Option<Layout> {
        let base = self.direct_routing.base_domain.clone()?;
        let contact = self.dns.contact.clone().unwrap_or_else(|| format!("hostmaster@{base}"));
        Some(Layout {
            base,
            regions: self.direct_routing.regions.clone(),
            name_servers: self.dns.name_servers.clone(),
            contact,
        })
    }

    /// Returns where the last zone is kept.
    #[must_use]
    pub fn catalog_file(&self) -> Option<PathBuf> {
        let beside = || match &self.database.url {
            DatabaseUrl::Sqlite(path) => Some(path.with_added_extension("zone")),
            DatabaseUrl::Postgres(_) => None,
        };
        self.dns.catalog_file.clone().or_else(beside)
    }
}
