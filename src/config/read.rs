//! Every key with its default and meaning, in the order of the reference.

use secrecy::ExposeSecret as _;

use super::backends::one_of_the_services;
use super::listener::{PER_ADDRESS, loopback};
use super::reader::{Reader, minutes};
use super::tokens::role;
use super::{
    Api, Backend, CallPath, Config, Database, DatabaseUrl, DirectRouting, Dns, DynamicUpdate, Identity, Log, LogFormat,
    Operations, OperatorConnect, Orders, Portal, Services, Uploads,
};
use crate::authz::RoleNames;
use crate::domain::{MassChange, UsualCapabilities};

impl Config {
    pub(super) fn read(r: &mut Reader) -> Self {
        Self {
            portal: Portal::read(r),
            api: Api::read(r),
            operations: Operations {
                listen: r.socket(
                    "operations.listen",
                    "127.0.0.1:8082",
                    "Address and port of `/healthz`, `/readyz` and `/metrics`. Keep it away from the public.",
                ),
            },
            database: Database::read(r),
            identity: Identity::read(r),
            operator_connect: OperatorConnect::read(r),
            further_backends: Backend::read_further(r),
            roles: r.list(
                "roles.run",
                &["portal", "api", "sync", "dns"],
                "one of portal, api, sync, dns",
                "What this process does. With SQLite one process does everything.",
            ),
            services: Services {
                offered: r.list(
                    "services.offered",
                    &["operatorConnect", "teamsPhoneMobile", "directRouting", "zoomPhoneCloudPeering"],
                    &one_of_the_services(),
                    "The services that the portal offers. The Provisioning API takes every one, and what an account \
                     has already is always shown.",
                ),
            },
            uploads: Uploads {
                max_numbers: r.integer("uploads.max_numbers", 100_000, 1..=10_000_000, "Numbers in one upload."),
                max_bytes: r.integer("uploads.max_bytes", 33_554_432, 1_024..=1_073_741_824, "Bytes of one upload, all files together."),
                capabilities: r.tables(
                    "uploads.capabilities",
                    UsualCapabilities::DEFAULT,
                    "For each usage the capabilities that the upload form begins with, as far as the tenant's plan offers them; \
                     where they would be outbound calls alone, inbound calls too.",
                ),
            },
            orders: Orders {
                keep_drafts: r.integer(
                    "orders.keep_drafts",
                    30,
                    0..=3_650,
                    "Days after which a draft that was not submitted is removed with its lines, one that was discarded too. 0: never.",
                ),
            },
            quarantine: super::quarantine::read(r),
            mass_change: MassChange {
                percent: r.integer(
                    "sync.mass_change_percent",
                    5,
                    0..=100,
                    "Where a service of an account is synced from now on, the account gets a tenant, or the database was restored, \
                     the account is compared with the backend first. If a push would then change a larger share of its numbers \
                     there than this, in per cent, nothing is pushed until a person has confirmed it on the account's page.",
                ),
                numbers: r.integer(
                    "sync.mass_change_numbers",
                    20,
                    0..=10_000_000,
                    "Fewer changes than this need nobody to confirm them.",
                ),
            },
            relationship_statuses: r.tables(
                "relationship.statuses",
                "[{ label = \"Consent acknowledged\", value = \"ConsentAcknowledged\" }, \
                 { label = \"Customer contacted\", value = \"CustomerContacted\" }, \
                 { label = \"Agreement signed\", value = \"AgreementSigned\" }, \
                 { label = \"Consent declined\", value = \"ConsentDeclined\", needs_reason = true }, \
                 { label = \"Contract terminated\", value = \"ContractTerminated\", needs_reason = true }]",
                "The choices of \u{201c}Update relationship status\u{201d}: what people see, what the backend is \
                 told, whether a reason must be given.",
            ),
            log: Log {
                format: r
                    .choice(
                        "log.format",
                        &[("json", LogFormat::Json), ("text", LogFormat::Text)],
                        "`json` or `text`; always to standard error.",
                    )
                    .unwrap_or(LogFormat::Json),
                level: r
                    .text("log.level", Some("info"), "What to log, such as `info` or `nmp=debug,info`.")
                    .unwrap_or_else(|| "info".to_owned()),
            },
            direct_routing: DirectRouting::read(r),
            dns: Dns::read(r),
            dynamic_update: DynamicUpdate::read(r),
            call_path: CallPath::read(r),
        }
    }
}

impl Portal {
    fn read(r: &mut Reader) -> Self {
        Self {
            listen: r.socket(
                "portal.listen",
                "127.0.0.1:8080",
                "Address and port of the pages. Plain HTTP: put a proxy with TLS in front of it.",
            ),
            public_url: r
                .url(
                    "portal.public_url",
                    Some("http://127.0.0.1:8080/"),
                    "The address people type. Must be https unless it is loopback.",
                )
                .unwrap_or_else(|| loopback(8080)),
            allowed_hosts: r.list(
                "portal.allowed_hosts",
                &[],
                "a host name, with its port unless it is the usual one",
                "Further `Host` values to accept beside that of `portal.public_url`; any other is answered with 421.",
            ),
            trusted_proxies: r.list(
                "portal.trusted_proxies",
                &[],
                "an IP address",
                "Proxies whose `X-Forwarded-For` is believed. The proxy must pass `Host` and `Origin` on unchanged.",
            ),
            session_idle: minutes(
                r,
                "portal.session_idle_minutes",
                30,
                "A session that is not used for so many minutes ends.",
            ),
            session_absolute: minutes(
                r,
                "portal.session_absolute_minutes",
                720,
                "A session ends after so many minutes, used or not.",
            ),
            max_connections: r.integer(
                "portal.max_connections",
                1_000,
                10..=100_000,
                "Connections open at once; more have to wait.",
            ),
            max_connections_per_address: r.integer("portal.max_connections_per_address", 200, 0..=100_000, PER_ADDRESS),
            rate_per_second: r.integer(
                "portal.rate_per_second",
                50,
                0..=100_000,
                "Requests a second that one session may go on making, and one address (IPv6: one /64) without a \
                 session; more are answered with 429. Static files are not counted. 0: any number.",
            ),
            rate_burst: r.integer(
                "portal.rate_burst",
                200,
                1..=1_000_000,
                "Requests that it may make at once after a rest.",
            ),
        }
    }
}

impl Database {
    fn read(r: &mut Reader) -> Self {
        const DOC: &str =
            "`sqlite:` and a path, or `postgres://user:password@host/database`. Secret, as it may hold a password.";
        const WANTED: &str =
            "must be sqlite: and a path, such as sqlite:/var/lib/nmp/nmp.db, or postgres://user:password@host/database";
        let given = r.secret("database.url", DOC);
        let url =
            given.map_or_else(|| Some(DatabaseUrl::Sqlite("nmp.db".into())), |text| text.expose_secret().parse().ok());
        if url.is_none() {
            r.problem("database.url", WANTED);
        }
        Self {
            url: url.unwrap_or_else(|| DatabaseUrl::Sqlite("nmp.db".into())),
            max_connections: r.integer(
                "database.max_connections",
                10,
                2..=500,
                "Connections of this process to PostgreSQL: two fifths of them read, the others write. One more for each of the \
                 roles sync and dns listens for changes. Of SQLite at most 4 readers.",
            ),
            statement_timeout_seconds: r.integer(
                "database.statement_timeout_seconds",
                60,
                5..=3_600,
                "The longest that one statement may take on PostgreSQL. Longer where uploads have millions of numbers.",
            ),
            lock_timeout_seconds: r.integer(
                "database.lock_timeout_seconds",
                4,
                1..=60,
                "The longest that a statement waits on PostgreSQL for a row that another transaction has.",
            ),
            idle_in_transaction_seconds: r.integer(
                "database.idle_in_transaction_seconds",
                3,
                1..=60,
                "A process that falls silent in the middle of a transaction keeps its rows from the others on PostgreSQL for \
                 so long. Less than `database.lock_timeout_seconds`, so that those who wait for them get them.",
            ),
        }
    }
}

impl Identity {
    fn read(r: &mut Reader) -> Self {
        let mut scopes: Vec<String> = r.list(
            "identity.scopes",
            &["openid", "profile", "offline_access"],
            "a scope",
            "Scopes to ask for. Without `offline_access` most providers give no refresh token, and people are sent \
             to sign in again at each check of their roles.",
        );
        if !scopes.iter().any(|scope| scope == "openid") {
            scopes.insert(0, "openid".to_owned());
        }
        Self {
            issuer: r
                .text(
                    "identity.issuer",
                    None,
                    "Exact issuer of the identity provider. One issuer; a template with `{tenantid}` is refused.",
                )
                .unwrap_or_default(),
            client_id: r
                .text("identity.client_id", None, "Client identifier of the portal at the provider.")
                .unwrap_or_default(),
            client_secret: r.secret("identity.client_secret", "Client secret of the portal at the provider."),
            scopes,
            roles_claim: r
                .text(
                    "identity.roles_claim",
                    Some("roles"),
                    "Claim of the ID token that holds the roles: an array of texts.",
                )
                .unwrap_or_default(),
            role_names: RoleNames {
                read: role(
                    r,
                    "identity.role_read",
                    "ProvisioningAPI.ReadUser",
                    "What the provider calls the role that may view.",
                ),
                write: role(
                    r,
                    "identity.role_write",
                    "ProvisioningAPI.WriteUser",
                    "The role that, with the viewing one, may add and change.",
                ),
                delete: role(
                    r,
                    "identity.role_delete",
                    "ProvisioningAPI.DeleteUser",
                    "The role that, with the viewing one, may remove.",
                ),
                admin: role(r, "identity.role_admin", "ProvisioningAPI.AdminUser", "The role that may do everything."),
            },
            algorithms: r.list(
                "identity.algorithms",
                &["RS256"],
                "one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA",
                "Signature algorithms accepted on ID tokens.",
            ),
            roles_recheck: minutes(
                r,
                "identity.roles_recheck_minutes",
                15,
                "Roles are confirmed with the provider at least every so many minutes.",
            ),
        }
    }
}
