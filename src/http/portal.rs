//! The portal's router: registered routes behind everything that protects them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::{CompressionLayer, CompressionLevel};
use tower_http::timeout::TimeoutLayer;

use crate::config::Portal;

use super::assets::serve_asset;
use super::error::Problem;
use super::host::AllowedHosts;
use super::info::RequestInfo;
use super::observe::{Observed, observe};
use super::routes::Routes;
use super::state::PortalState;
use super::{render, security};

/// Longest time until an answer must begin.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(200);

/// The router of the portal.
pub fn portal_router(routes: Routes, state: PortalState) -> Router {
    let settings = &state.config().portal;
    let hosts = Arc::new(portal_hosts(settings));
    let observed = Observed {
        listener: "portal",
        trusted_proxies: settings.trusted_proxies.as_slice().into(),
        id_header: "x-request-id",
    };
    let inner = ServiceBuilder::new()
        .layer(CatchPanicLayer::custom(panicked))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, REQUEST_TIMEOUT))
        .layer(from_fn_with_state(hosts, security::checks))
        .layer(security::cross_site_gate());
    routes
        .into_router(&state)
        .route("/static/{*file}", get(serve_asset))
        .fallback(no_page)
        .layer(inner)
        .layer(from_fn_with_state(state.clone(), answer))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(from_fn_with_state(observed, observe))
        .with_state(state)
}

/// Gives every answer its form and its protecting headers.
async fn answer(State(state): State<PortalState>, request: Request, next: Next) -> Response {
    let info = request.extensions().get::<Arc<RequestInfo>>().cloned();
    let response = state.shares().answer(request, next).await;
    let response = render::pages(response, info.as_deref(), &state);
    security::with_headers(response, info.as_deref(), &state)
}

/// The values of `Host` the portal answers to.
#[must_use]
pub fn portal_hosts(settings: &Portal) -> AllowedHosts {
    AllowedHosts::new(&settings.public_url, &settings.allowed_hosts, "portal.allowed_hosts")
}

/// No such page; a person who is signed in keeps the navigation.
async fn no_page(State(state): State<PortalState>, mut parts: Parts) -> Problem {
    let admitted = async {
        let session = state.session(&mut parts).await?;
        state.admit(super::extract::info(&parts)?.as_ref(), session.as_deref())
    };
    admitted.await.err().unwrap_or_else(Problem::not_found)
}

#[expect(clippy::needless_pass_by_value, reason = "what the layer calls")]
pub(super) fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response {
    let text =
        cause.downcast_ref::<&str>().map(ToString::to_string).or_else(|| cause.downcast_ref::<String>().cloned());
    let cause = std::io::Error::other(format!("panicked: {}", text.unwrap_or_default()));
    axum::response::IntoResponse::into_response(Problem::internal().because(&cause))
}
