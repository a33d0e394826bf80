//! Section `api`: the Provisioning API.

use std::net::{IpAddr, SocketAddr};

use url::Url;

use super::addresses::Network;
use super::listener::{PER_ADDRESS, PublicAddress, loopback};
use super::reader::Reader;
use super::tokens::{check_algorithms, role};
use super::{Config, ProcessRole, Purpose};
use crate::authz::{Role, RoleNames};
use crate::description::{Deployment, RoleWords};

/// Section `api`.
#[derive(Clone, Debug)]
pub struct Api {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The address programs call; `nextLink` of a list begins with it.
    pub public_url: Url,
    /// Further values of the `Host` header to accept.
    pub allowed_hosts: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Where calls may come from; empty: from everywhere.
    pub allowed_networks: Vec<Network>,
    /// Values of a token's `aud` that mean this API; one of them is enough.
    pub audience: Vec<String>,
    /// What the provider calls the roles of programs.
    pub role_names: RoleNames,
    /// Signature algorithms accepted on tokens.
    pub algorithms: Vec<String>,
    /// Calls a second that one client may go on making; 0: any number.
    pub rate_per_second: u32,
    /// Calls that one client may make at once after a rest.
    pub rate_burst: u32,
    /// Bytes of a request body.
    pub max_body_bytes: u32,
    /// Connections open at once; more wait.
    pub max_connections: u32,
    /// Connections open at once from one address; 0: as many as in all.
    pub max_connections_per_address: u32,
}

impl Api {
    pub(super) fn read(r: &mut Reader) -> Self {
        Self {
            listen: r.socket(
                "api.listen",
                "127.0.0.1:8081",
                "Address and port of the Provisioning API. Plain HTTP: put a proxy with TLS in front of it.",
            ),
            public_url: r
                .url(
                    "api.public_url",
                    Some("http://127.0.0.1:8081/"),
                    "The address programs call. Must be https unless it is loopback.",
                )
                .unwrap_or_else(|| loopback(8081)),
            allowed_hosts: r.list(
                "api.allowed_hosts",
                &[],
                "a host name, with its port unless it is the usual one",
                "Further `Host` values to accept beside that of `api.public_url`; any other is answered with 421.",
            ),
            trusted_proxies: r.list(
                "api.trusted_proxies",
                &[],
                "an IP address",
                "Proxies whose `X-Forwarded-For` is believed. The proxy must pass `Host` on unchanged.",
            ),
            allowed_networks: r.list(
                "api.allowed_networks",
                &[],
                "an IP address or a network such as 192.0.2.0/24 or 2001:db8::/48",
                "Where calls may come from; others are answered with 403. Empty: from everywhere.",
            ),
            audience: r.list(
                "api.audience",
                &[],
                "a text",
                "What a token's `aud` must be, or hold. Several when programs ask for the API under several names. \
                 Not the client identifier of the portal.",
            ),
            role_names: RoleNames {
                read: role(
                    r,
                    "api.role_read",
                    "ProvisioningAPI.Read",
                    "What the provider calls the role that may GET.",
                ),
                write: role(r, "api.role_write", "ProvisioningAPI.Write", "The role that may PUT, PATCH and upload."),
                delete: role(r, "api.role_delete", "ProvisioningAPI.Delete", "The role that may DELETE and release."),
                admin: role(r, "api.role_admin", "ProvisioningAPI.Admin", "The role that may do all of that."),
            },
            algorithms: r.list(
                "api.algorithms",
                &["RS256"],
                "one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA",
                "Signature algorithms accepted on access tokens.",
            ),
            rate_per_second: r.integer(
                "api.rate_per_second",
                100,
                0..=100_000,
                "Calls a second that one client may go on making; more are answered with 429. 0: any number.",
            ),
            rate_burst: r.integer(
                "api.rate_burst",
                200,
                1..=1_000_000,
                "Calls that one client may make at once after a rest.",
            ),
            max_body_bytes: r.integer(
                "api.max_body_bytes",
                1_048_576,
                1_024..=67_108_864,
                "Bytes of a request body; a larger one is answered with 413.",
            ),
            max_connections: r.integer(
                "api.max_connections",
                1_000,
                10..=100_000,
                "Connections open at once; more have to wait.",
            ),
            max_connections_per_address: r.integer("api.max_connections_per_address", 400, 0..=100_000, PER_ADDRESS),
        }
    }
}

impl Config {
    /// Returns what the description of the API says of this deployment.
    #[must_use]
    pub fn deployment(&self) -> Deployment<'_> {
        let role = |role| self.api.role_names.of(role);
        Deployment {
            address: self.api.public_url.as_str(),
            issuer: &self.identity.issuer,
            audience: &self.api.audience,
            roles: RoleWords {
                read: role(Role::ReadUser),
                write: role(Role::WriteUser),
                delete: role(Role::DeleteUser),
                admin: role(Role::AdminUser),
            },
        }
    }

    pub(super) fn check_api(&self, purpose: Purpose, r: &mut Reader) {
        let api = &self.api;
        let reached =
            PublicAddress { key: "api.public_url", url: &api.public_url, listener: "the API", travels: "tokens" };
        reached.check(purpose, r);
        if !self.runs(ProcessRole::Api) {
            return;
        }
        if api.audience.is_empty() && !r.has_problem("api.audience") {
            r.problem(
                "api.audience",
                "is missing; write what tokens for this API have as their aud, or leave api out of roles.run",
            );
        }
        if !self.identity.client_id.is_empty() && api.audience.contains(&self.identity.client_id) {
            r.problem(
                "api.audience",
                "is identity.client_id too, so that an ID token of the portal would open the API; register the API \
                 with an identifier of its own",
            );
        }
        check_algorithms(r, "api.algorithms", &api.algorithms);
    }
}
