//! The register of the API's operations: what is served, and which right opens it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::handler::Handler;
use axum::http::request::Parts;
use axum::http::uri::{PathAndQuery, Uri};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, patch, post, put};

use crate::http::listener::access::{Access, RouteEntry};
use crate::http::listener::body::{declared_length, drain};
use crate::http::listener::error::Problem;
use crate::http::listener::info::RequestInfo;

use super::state::ApiState;

/// The body of a refused request is read and thrown away up to this size, because a client that is cut off while it sends
/// may never see the answer.
const DRAINED: u64 = 16 * 1024 * 1024;

/// Builds the register. A path may end in an action, such as `/accounts/{account}:deleteNumbers`: an operation of its own.
#[derive(Default)]
pub struct ApiRoutes {
    routes: Vec<(RouteEntry, MethodRouter<ApiState>)>,
}

impl ApiRoutes {
    /// Makes an empty register.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an operation that reads.
    #[must_use]
    pub fn get<H: Handler<T, ApiState>, T: 'static>(self, path: &'static str, access: Access, handler: H) -> Self {
        self.add(Method::GET, path, access, get(handler))
    }

    /// Adds an operation that creates or replaces.
    #[must_use]
    pub fn put<H: Handler<T, ApiState>, T: 'static>(self, path: &'static str, access: Access, handler: H) -> Self {
        self.add(Method::PUT, path, access, put(handler))
    }

    /// Adds an operation that changes a part.
    #[must_use]
    pub fn patch<H: Handler<T, ApiState>, T: 'static>(self, path: &'static str, access: Access, handler: H) -> Self {
        self.add(Method::PATCH, path, access, patch(handler))
    }

    /// Adds an operation that removes.
    #[must_use]
    pub fn delete<H: Handler<T, ApiState>, T: 'static>(self, path: &'static str, access: Access, handler: H) -> Self {
        self.add(Method::DELETE, path, access, delete(handler))
    }

    /// Adds an action.
    #[must_use]
    pub fn post<H: Handler<T, ApiState>, T: 'static>(self, path: &'static str, access: Access, handler: H) -> Self {
        self.add(Method::POST, path, access, post(handler))
    }

    /// Adds everything another register holds.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.routes.extend(other.routes);
        self
    }

    /// Returns every operation, in the order in which it was added.
    pub fn entries(&self) -> impl Iterator<Item = &RouteEntry> {
        self.routes.iter().map(|(entry, _)| entry)
    }

    fn add(mut self, method: Method, path: &'static str, access: Access, handler: MethodRouter<ApiState>) -> Self {
        self.routes.push((RouteEntry { method, path, access }, handler));
        self
    }

    /// Builds the router with a gate before each handler; whatever is not in the register is for callers with a token
    /// to learn.
    pub(super) fn into_router(self, state: &ApiState) -> Router<ApiState> {
        let limit = state.config().api.max_body_bytes;
        let router = self.routes.into_iter().fold(Router::new().without_v07_checks(), |router, (entry, handler)| {
            let gate = Arc::new(Gate { state: state.clone(), access: entry.access, limit: limit.into() });
            let handler = handler
                .route_layer(DefaultBodyLimit::max(usize::try_from(limit).unwrap_or(usize::MAX)))
                .route_layer(from_fn_with_state(gate, pass));
            router.route(&own_segment(entry.path), handler)
        });
        router.method_not_allowed_fallback(wrong_method).fallback(no_resource)
    }
}

/// Returns the pattern with the action in a segment of its own, which is how the router can tell actions apart.
fn own_segment(path: &str) -> String {
    path.replacen("}:", "}/:", 1)
}

/// Gives an action a segment of its own: `/accounts/contoso:deleteNumbers` is routed as `/accounts/contoso/:deleteNumbers`.
/// Nothing else in a path begins with a colon, so what arrives in that form already leads nowhere.
pub(super) fn split_action(mut request: Request) -> Request {
    if let Some(uri) = routed(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

fn routed(uri: &Uri) -> Option<Uri> {
    let (path, colon) = (uri.path(), |text: &str| text.find(':').map(|at| (at, 1)));
    let encoded = |text: &str| text.to_ascii_lowercase().find("%3a").map(|at| (at, 3));
    let start = path.rfind('/')? + 1;
    let (before, last) = path.split_at_checked(start)?;
    // Actions are of accounts; deeper down a colon means nothing.
    let encoded_nowhere = path.to_ascii_lowercase().contains("/%3a");
    if before.matches('/').count() > 2 && !path.contains("/:") && !encoded_nowhere {
        return None;
    }
    let routed = if path.contains("/:") || path.to_ascii_lowercase().contains("/%3a") {
        "/".to_owned()
    } else {
        let (at, length) = colon(last).or_else(|| encoded(last))?;
        format!("{before}{}/:{}", last.get(..at)?, last.get(at + length..)?)
    };
    let with_query = uri.query().map_or_else(|| routed.clone(), |query| format!("{routed}?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(with_query).ok()?);
    Uri::from_parts(parts).ok()
}

struct Gate {
    state: ApiState,
    access: Access,
    limit: u64,
}

async fn pass(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let allowed = match RequestInfo::of(&parts) {
        Ok(info) => gate.check(&info, &parts.headers).await,
        Err(problem) => Err(problem),
    };
    let declared = declared_length(&parts.headers);
    let refused = match allowed {
        Err(problem) => Some(problem),
        Ok(()) if declared > gate.limit => Some(Problem::too_large(gate.limit)),
        Ok(()) => None,
    };
    match refused {
        None => next.run(Request::from_parts(parts, body)).await,
        Some(problem) => {
            // A client that asks first (`Expect: 100-continue`) has not sent anything yet.
            let most = gate.limit.max(DRAINED);
            if declared <= most && !parts.headers.contains_key(header::EXPECT) {
                drain(body, most).await;
            }
            problem.into_response()
        }
    }
}

impl Gate {
    async fn check(&self, info: &RequestInfo, headers: &HeaderMap) -> Result<(), Problem> {
        match self.access {
            Access::Public => self.state.admit_anyone(info),
            Access::SignedIn => self.state.caller(info, headers).await.map(drop),
            Access::Needs { check, .. } => Ok(check(self.state.caller(info, headers).await?)?),
        }
    }
}

async fn no_resource(State(state): State<ApiState>, parts: Parts) -> Problem {
    let no_resource = Problem::new(
        StatusCode::NOT_FOUND,
        "resource_not_found",
        "No such resource",
        "There is no resource at this path. Paths are case-sensitive and end without a slash.",
    );
    known_caller(&state, &parts).await.err().unwrap_or(no_resource)
}

async fn wrong_method(State(state): State<ApiState>, parts: Parts) -> Problem {
    let detail = format!("This resource does not accept {}; the header Allow says what it accepts.", parts.method);
    let wrong = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed", detail);
    known_caller(&state, &parts).await.err().unwrap_or(wrong)
}

async fn known_caller(state: &ApiState, parts: &Parts) -> Result<(), Problem> {
    state.caller(RequestInfo::of(parts)?.as_ref(), &parts.headers).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_routed_in_a_segment_of_its_own() {
        let routed = |uri: &str| routed(&uri.parse().unwrap()).map(|uri| uri.to_string());
        let split = Some("/accounts/contoso/:deleteNumbers?a=b:c".to_owned());
        assert_eq!(routed("/accounts/contoso:deleteNumbers?a=b:c"), split);
        assert_eq!(routed("/accounts/contoso%3AdeleteNumbers?a=b:c"), split);
        assert_eq!(routed("http://h:1/accounts/x:y"), Some("http://h:1/accounts/x/:y".to_owned()));
        assert_eq!(routed("/accounts/contoso?a=b:c"), None);
        assert_eq!(routed("/accounts/a:b:c"), Some("/accounts/a/:b:c".to_owned()));
        assert_eq!(routed("/accounts/a:b/numbers"), None);
        for nowhere in ["/accounts/contoso/:deleteNumbers", "/accounts/contoso/%3adeleteNumbers", "/accounts/:x", "/:"]
        {
            assert_eq!(routed(nowhere), Some("/".to_owned()), "{nowhere}");
        }
        assert_eq!(own_segment("/accounts/{account}:deleteNumbers"), "/accounts/{account}/:deleteNumbers");
    }
}
