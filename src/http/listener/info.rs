//! What every part of a request's handling may want to know about it, gathered once.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use tokio::sync::OnceCell;

use crate::authz::Principal;

use super::error::Problem;
use super::random;
use super::serve::Peer;

/// Facts about a request; in its extensions as `Arc<RequestInfo>`.
#[derive(Debug)]
pub struct RequestInfo {
    /// The request's identifier, also in the `x-request-id` (of the API `x-ms-request-id`) of the answer and in every log line.
    pub id: String,
    /// Where the request comes from.
    pub client: IpAddr,
    /// Who sent it; set as soon as a token or session has told.
    pub(in crate::http) principal: OnceCell<Principal>,
}

impl RequestInfo {
    pub(super) fn new(request: &Request, trusted_proxies: &[IpAddr]) -> Self {
        Self {
            id: random::hex::<12>(),
            client: client(request.extensions(), request.headers(), trusted_proxies),
            principal: OnceCell::new(),
        }
    }

    /// Returns the facts about the request that these parts belong to.
    pub(in crate::http) fn of(parts: &Parts) -> Result<Arc<Self>, Problem> {
        parts.extensions.get::<Arc<Self>>().cloned().ok_or_else(Problem::internal)
    }
}

/// Returns the nearest address that is not a proxy of ours.
fn client(extensions: &Extensions, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let peer = extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip().to_canonical());
    if !trusted.contains(&peer) {
        return peer;
    }
    let values: Vec<&str> = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    let mut nearest = peer;
    for text in values.iter().flat_map(|value| value.split(',')).rev() {
        let Ok(address) = text.trim().parse::<IpAddr>() else { break };
        nearest = address.to_canonical();
        if !trusted.contains(&nearest) {
            break;
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn info(build: axum::http::request::Builder, trusted: &[IpAddr]) -> RequestInfo {
        let mut request = build.body(Body::empty()).unwrap();
        request.extensions_mut().insert(Peer(([10, 0, 0, 1], 4).into()));
        RequestInfo::new(&request, trusted)
    }

    #[test]
    fn a_forwarded_address_counts_only_from_a_trusted_proxy() {
        let build =
            || Request::get("/").header("x-forwarded-for", "1.1.1.1, 2.2.2.2").header("x-forwarded-for", "10.0.0.2");
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(info(build(), &[]).client, ip("10.0.0.1"));
        assert_eq!(info(build(), &[ip("10.0.0.1")]).client, ip("10.0.0.2"));
        assert_eq!(info(build(), &[ip("10.0.0.1"), ip("10.0.0.2")]).client, ip("2.2.2.2"));
    }
}
