//! What the portal wants to know about a request besides what every listener does, gathered once.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri, header};
use tokio::sync::OnceCell;

use crate::http::listener::error::Problem;

use super::cookie::Cookies;
use super::flash::Flash;
use super::return_to::ReturnTo;
use super::session::Session;

/// Facts about a request to the portal; in its extensions as `Arc<PortalRequest>`.
#[derive(Debug)]
pub(super) struct PortalRequest {
    /// Path and query of the page: for a fragment, of the page it belongs to.
    pub(super) page: String,
    /// Whether htmx asks.
    pub(super) htmx: bool,
    /// Whether htmx wants only the part of the page it will swap.
    pub(super) partial: bool,
    /// Theme from the cookie: `auto`, `light` or `dark`.
    pub(super) theme: &'static str,
    /// A notice left by the request before.
    pub(super) flash: Option<Flash>,
    /// Who is signed in; looked up when first asked for.
    pub(super) session: OnceCell<Option<Arc<Session>>>,
}

impl PortalRequest {
    pub(super) fn new(request: &Request) -> Self {
        let headers = request.headers();
        let cookies = Cookies::new(headers);
        let partial = headers.get("hx-request-type").is_some_and(|value| value == "partial");
        let htmx = headers.get("hx-request").is_some_and(|value| value == "true");
        Self {
            page: page_of(request.uri(), headers, htmx, request.method()),
            htmx,
            partial: htmx && partial,
            theme: theme(cookies.get("theme")),
            flash: Flash::from_cookies(cookies),
            session: OnceCell::new(),
        }
    }

    /// Returns the facts about the request that these parts belong to.
    pub(super) fn of(parts: &Parts) -> Result<Arc<Self>, Problem> {
        parts.extensions.get::<Arc<Self>>().cloned().ok_or_else(Problem::internal)
    }

    /// Returns the way to the sign-in page that comes back to this page.
    pub(super) fn login(&self) -> String {
        ReturnTo::new(&self.page).login()
    }
}

fn theme(value: Option<&str>) -> &'static str {
    ["light", "dark"].into_iter().find(|known| Some(*known) == value).unwrap_or("auto")
}

/// Returns the page a person is on: what a GET asks for, else the page the form or fragment is part of.
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

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(build: axum::http::request::Builder) -> PortalRequest {
        PortalRequest::new(&build.body(Body::empty()).unwrap())
    }

    #[test]
    fn the_page_of_a_form_or_fragment_is_where_it_was_sent_from() {
        let host = |method: &str, path: &str| Request::builder().method(method).uri(path).header("host", "p.example");
        assert_eq!(request(host("GET", "/numbers?q=1")).page, "/numbers?q=1");
        assert_eq!(
            request(host("POST", "/x").header("referer", "https://p.example/accounts/new?t=1")).page,
            "/accounts/new?t=1"
        );
        assert_eq!(request(host("POST", "/x").header("referer", "https://evil.example/y")).page, "/");
        let fragment =
            host("GET", "/orders/1").header("hx-request", "true").header("hx-current-url", "https://p.example/orders");
        assert_eq!(request(fragment).page, "/orders");
    }
}
