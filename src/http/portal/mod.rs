//! What only the pages need: the portal's router, with registered routes behind everything that protects them, its
//! sessions and sign-in, and what its handlers take and answer.

pub(in crate::http) mod assets;
mod content_policy;
mod cookie;
pub(in crate::http) mod extract;
pub(in crate::http) mod flash;
pub(in crate::http) mod page;
mod render;
mod request;
pub(in crate::http) mod return_to;
pub(in crate::http) mod routes;
mod seal;
mod security;
pub(in crate::http) mod session;
pub(in crate::http) mod shell;
pub mod sign_in;
pub(in crate::http) mod state;

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
use crate::http::listener::error::Problem;
use crate::http::listener::error::causes::panicked;
use crate::http::listener::host::AllowedHosts;
use crate::http::listener::info::RequestInfo;
use crate::http::listener::observe::{Observed, observe};
use crate::http::listener::security::checks;

use assets::serve_asset;
use request::PortalRequest;
use routes::Routes;
use state::PortalState;

/// Longest time until an answer must begin.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(200);

/// Builds the router of the portal.
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
        .layer(from_fn_with_state(hosts, checks))
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
async fn answer(State(state): State<PortalState>, mut request: Request, next: Next) -> Response {
    let info = request.extensions().get::<Arc<RequestInfo>>().cloned();
    let asked = Arc::new(PortalRequest::new(&request));
    request.extensions_mut().insert(Arc::clone(&asked));
    let response = state.shares().answer(request, next).await;
    let response = render::pages(response, &asked, info.as_deref(), &state);
    security::with_headers(response, &asked, &state)
}

/// Returns the values of `Host` the portal answers to.
#[must_use]
pub fn portal_hosts(settings: &Portal) -> AllowedHosts {
    AllowedHosts::new(&settings.public_url, &settings.allowed_hosts, "portal.allowed_hosts")
}

/// Answers that there is no such page; a person who is signed in keeps the navigation.
async fn no_page(State(state): State<PortalState>, mut parts: Parts) -> Problem {
    let admitted = async {
        let session = state.session(&mut parts).await?;
        state.admit(RequestInfo::of(&parts)?.as_ref(), session.as_deref())
    };
    admitted.await.err().unwrap_or_else(Problem::not_found)
}
