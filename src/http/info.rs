//! What every part of a request's handling may want to know about it, gathered once.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, Method, Uri, header};
use tokio::sync::OnceCell;

use crate::authz::Principal;

use super::cookie::Cookies;
use super::flash::Flash;
use super::return_to::ReturnTo;
use super::serve::Peer;
use super::session::Session;

/// Facts about a request; in its extensions as `Arc<RequestInfo>`.
#[derive(Debug)]
pub struct RequestInfo {
    /// The request's identifier, also in the `x-request-id` (of the API `x-ms-request-id`) of the answer and in every log line.
    pub id: String,
    /// Method.
    pub method: Method,
    /// Path and query of the page: for a fragment, of the page it belongs to.
    pub page: String,
    /// Whether htmx asks.
    pub htmx: bool,
    /// Whether htmx wants only the part of the page it will swap.
    pub partial: bool,
    /// Theme from the cookie: `auto`, `light` or `dark`.
    pub theme: &'static str,
    /// A notice left by the request before.
    pub flash: Option<Flash>,
    /// Where the request comes from.
    pub client: IpAddr,
    /// Who is signed in; looked up when first asked for.
    pub(super) session: OnceCell<Option<Arc<Session>>>,
    /// Who calls the API; looked up when first asked for.
    pub(super) caller: OnceCell<Principal>,
}

impl RequestInfo {
    pub(super) fn new(request: &Request, trusted_proxies: &[IpAddr]) -> Self {
        let headers = request.headers();
        let cookies = Cookies::new(headers);
        let partial = headers.get("hx-request-type").is_some_and(|value| value == "partial");
        let htmx = headers.get("hx-request").is_some_and(|value| value == "true");
        Self {
            id: request_id(),
            method: request.method().clone(),
            page: page_of(request.uri(), headers, htmx, request.method()),
            htmx,
            partial: htmx && partial,
            theme: theme(cookies.get("theme")),
            flash: Flash::from_cookies(cookies),
            client: client(request.extensions(), headers, trusted_proxies),
            session: OnceCell::new(),
            caller: OnceCell::new(),
        }
    }

    /// The way to the sign-in page that comes back to this page.
    #[must_use]
    pub fn login(&self) -> String {
        ReturnTo::new(&self.page).login()
    }
}

fn theme(value: Option<&str>) -> &'static str {
    ["light", "dark"].into_iter().find(|known| Some(*known) == value).unwrap_or("auto")
}

/// The page a person is on: what a GET asks for, else the page the form or fragment is part of.
fn page_of(uri: &Uri, headers: &HeaderMap, htmx: bool, method: &Method) -> String {
    let own = || uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let around = |name: &str| {
        let url = url::Url::parse(headers.get(name)?.to_str().ok()?).ok()?;
        let host = headers.get(header::HOST)?.to_str().ok()?;
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        (authority == host).then(|| url[url::Position::BeforePath..url::Position::AfterQuery].to_owned())
    };
    if htmx {
        around("hx-current-url").unwrap_or_else(own)
    } else if method == Method::GET || method == Method::HEAD {
        own()
    } else {
        around("referer").unwrap_or_else(|| "/".to_owned())
    }
}

/// The nearest address that is not a proxy of ours.
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

fn request_id() -> String {
    super::random::hex::<12>()
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

    #[test]
    fn the_page_of_a_form_or_fragment_is_where_it_was_sent_from() {
        let host = |method: &str, path: &str| Request::builder().method(method).uri(path).header("host", "p.example");
        assert_eq!(info(host("GET", "/numbers?q=1"), &[]).page, "/numbers?q=1");
        assert_eq!(
            info(host("POST", "/x").header("referer", "https://p.example/accounts/new?t=1"), &[]).page,
            "/accounts/new?t=1"
        );
        assert_eq!(info(host("POST", "/x").header("referer", "https://evil.example/y"), &[]).page, "/");
        let fragment =
            host("GET", "/orders/1").header("hx-request", "true").header("hx-current-url", "https://p.example/orders");
        assert_eq!(info(fragment, &[]).page, "/orders");
    }
}
