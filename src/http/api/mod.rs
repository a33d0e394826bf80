//! What only the Provisioning API needs: its router, with registered operations behind everything that protects them, its
//! access tokens, and what its handlers take.

mod bearer;
pub(in crate::http) mod extract;
mod render;
pub(in crate::http) mod routes;
pub(in crate::http) mod state;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower::ServiceBuilder;
use tower::util::MapRequestLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use super::listener::error::Problem;
use super::listener::error::causes::panicked;
use super::listener::host::AllowedHosts;
use super::listener::info::RequestInfo;
use super::listener::observe::{Observed, observe};
use super::listener::security;

use routes::ApiRoutes;
use state::ApiState;

/// Longest time until an answer must begin.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Builds the router of the Provisioning API.
pub fn api_router(routes: ApiRoutes, state: ApiState) -> Router {
    let settings = &state.config().api;
    let hosts = AllowedHosts::new(&settings.public_url, &settings.allowed_hosts, "api.allowed_hosts");
    let observed = Observed {
        listener: "api",
        trusted_proxies: settings.trusted_proxies.as_slice().into(),
        id_header: "x-ms-request-id",
    };
    // Few layers: each has a copy of all that are inside it made for every request.
    let inner = ServiceBuilder::new()
        .layer(CatchPanicLayer::custom(panicked))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, REQUEST_TIMEOUT))
        .layer(from_fn_with_state(Arc::new(hosts), security::checks));
    let router = routes
        .into_router(&state)
        .layer(inner)
        .layer(from_fn_with_state(state.clone(), answer))
        .layer(from_fn_with_state(observed, observe))
        .with_state(state);
    // Outside, for the path must be ready before the router looks at it.
    Router::new()
        .fallback_service(ServiceBuilder::new().layer(MapRequestLayer::new(routes::split_action)).service(router))
}

/// Lets a call in, and gives its answer the form and the headers that every answer of the API has.
async fn answer(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let client_id = render::client_request_id(request.headers());
    let is_repeatable = render::is_repeatable(request.headers());
    let response = match allowed_network(&state, &request) {
        Ok(()) => state.shares().answer(request, next).await,
        Err(problem) => problem.into_response(),
    };
    let mut response = render::with_headers(render::errors(response, &state), client_id, &state);
    if is_repeatable {
        render::reject(&mut response);
    }
    response
}

/// Refuses calls from elsewhere than the allowed networks, before anything else of them is looked at.
fn allowed_network(state: &ApiState, request: &Request) -> Result<(), Problem> {
    let allowed = &state.config().api.allowed_networks;
    let client = request.extensions().get::<Arc<RequestInfo>>().map(|info| info.client);
    if allowed.is_empty() || client.is_some_and(|client| allowed.iter().any(|network| network.contains(client))) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "address_not_allowed",
        "Not from this address",
        "Calls are not accepted from your address. Ask the people who run this service to allow it.",
    ))
}
