//! Headers and checks that protect the people who use the portal.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use tower_http::csrf::{CsrfLayer, ProtectionError};

use crate::http::listener::error::Problem;

use super::flash::Flash;
use super::page::ShownPage;
use super::request::PortalRequest;
use super::state::PortalState;

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
pub(super) fn with_headers(mut response: Response, request: &PortalRequest, state: &PortalState) -> Response {
    let secure = state.sessions().secure();
    let notice = match response.extensions().get::<Flash>() {
        Some(flash) => flash.set_cookie(secure),
        None if response.extensions().get::<ShownPage>().is_some() && request.flash.is_some() => {
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

/// Refuses forms that another site sent, by `Sec-Fetch-Site` and `Origin`.
pub(super) fn cross_site_gate() -> CsrfLayer<impl Fn(ProtectionError) -> Response + Clone> {
    CsrfLayer::new()
        .with_rejection_response(|error: ProtectionError| Problem::cross_site().because(&error).into_response())
}
