//! Headers and checks that protect the people who use the portal.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::csrf::{CsrfLayer, ProtectionError};
use tower_http::timeout::DeadlineBody;

use super::error::Problem;
use super::flash::Flash;
use super::host::AllowedHosts;
use super::info::RequestInfo;
use super::pace::{Least, PacedBody};
use super::page::ShownPage;
use super::state::PortalState;

/// A request body comes at least so fast: what a poor mobile line does, and far more than a byte now and then.
const BODY_AT_LEAST: Least = Least { pause: Duration::from_secs(10), rate: 2_048 };
/// Longest time for a whole request body.
const BODY_DEADLINE: Duration = Duration::from_mins(3);

const FIXED: [(HeaderName, HeaderValue); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("x-frame-options"), HeaderValue::from_static("DENY")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ),
];

/// Sets the protecting headers on every answer, and turns a notice into its cookie.
pub(super) fn with_headers(mut response: Response, info: Option<&RequestInfo>, state: &PortalState) -> Response {
    let secure = state.sessions().secure();
    let notice = match response.extensions().get::<Flash>() {
        Some(flash) => flash.set_cookie(secure),
        None if response.extensions().get::<ShownPage>().is_some() && info.is_some_and(|info| info.flash.is_some()) => {
            Flash::clear_cookie(secure)
        }
        None => None,
    };
    let headers = response.headers_mut();
    if let Some(cookie) = notice {
        headers.append(header::SET_COOKIE, cookie);
    }
    for (name, value) in FIXED {
        headers.insert(name, value);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, state.login().content_security_policy());
    if secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// The policy of every page. A form may also be answered with a redirect to the identity provider
/// (signing out), which `form-action` governs.
#[must_use]
pub(super) fn content_security_policy(provider_origins: &[String]) -> HeaderValue {
    let text = format!(
        "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'; form-action 'self' {}",
        provider_origins.join(" ")
    );
    HeaderValue::from_str(text.trim_end()).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// Refuses requests for another host, and bodies in a content encoding.
pub(super) async fn checks(State(hosts): State<Arc<AllowedHosts>>, request: Request, next: Next) -> Response {
    if hosts.accepted(request.version(), request.uri(), request.headers()).is_none() {
        return misdirected(request.version(), hosts.setting());
    }
    if let Err(problem) = plain_body(request.headers()) {
        return problem.into_response();
    }
    next.run(bounded(request)).await
}

fn misdirected(version: Version, setting: &str) -> Response {
    let problem = Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        "misdirected",
        "Not the address of this server",
        format!(
            "This server answers under its own name only. Check the address, or ask for the name to be added to {setting}."
        ),
    );
    let mut response = problem.into_response();
    if version >= Version::HTTP_11 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A compressed body could hide any size behind a small one.
pub(super) fn plain_body(headers: &HeaderMap) -> Result<(), Problem> {
    let plain = headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if plain {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "content_encoding",
        "Compressed requests are not accepted",
        "Send it without a Content-Encoding.",
    ))
}

/// Bounds how long the body may take to arrive, and how slowly.
pub(super) fn bounded(request: Request) -> Request {
    request.map(|body| Body::new(DeadlineBody::new(BODY_DEADLINE, PacedBody::new(body, BODY_AT_LEAST))))
}

/// Refuses forms that another site sent, by `Sec-Fetch-Site` and `Origin`.
pub(super) fn cross_site_gate() -> CsrfLayer<impl Fn(ProtectionError) -> Response + Clone> {
    CsrfLayer::new()
        .with_rejection_response(|error: ProtectionError| Problem::cross_site().because(&error).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_nothing_inline() {
        let policy = content_security_policy(&["https://login.example.com".to_owned()]);
        assert_eq!(
            policy,
            "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'; form-action 'self' https://login.example.com"
        );
    }

    #[test]
    fn only_plain_bodies() {
        let mut headers = HeaderMap::new();
        assert!(plain_body(&headers).is_ok());
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(plain_body(&headers).unwrap_err().status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}
