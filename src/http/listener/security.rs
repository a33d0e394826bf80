//! What every listener refuses before it looks at anything else of a request.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::body::{bounded, plain_body};
use super::error::Problem;
use super::host::AllowedHosts;

/// Refuses requests for another host, and bodies in a content encoding.
pub(in crate::http) async fn checks(State(hosts): State<Arc<AllowedHosts>>, request: Request, next: Next) -> Response {
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
