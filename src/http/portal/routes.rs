//! The register of routes: what is served, and which right opens it.
//!
//! A route says its [`Access`] where it is added; the gate in front of the handler enforces it
//! before a byte of the body is read, and a test walks the register with every person.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::handler::Handler;
use axum::http::{Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};

use crate::http::listener::access::{Access, RouteEntry};
use crate::http::listener::body::{declared_length, drain};
use crate::http::listener::error::Problem;
use crate::http::listener::info::RequestInfo;

use super::state::PortalState;

/// Body limit of a form without files, in bytes.
const FORM_LIMIT: u64 = 1024 * 1024;
/// A body that is too large is read and thrown away up to this size, because a browser shows the
/// answer only after it has sent everything.
const DRAIN_LIMIT: u64 = 1024 * 1024 * 1024;

struct Route {
    entry: RouteEntry,
    handler: MethodRouter<PortalState>,
    limit: Limit,
}

#[derive(Clone, Copy)]
enum Limit {
    Form,
    Upload,
}

/// Builds the register.
#[derive(Default)]
pub struct Routes {
    routes: Vec<Route>,
}

impl Routes {
    /// Makes an empty register.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a page.
    #[must_use]
    pub fn get<H, T>(self, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, PortalState>,
        T: 'static,
    {
        self.add(Method::GET, path, access, get(handler), Limit::Form)
    }

    /// Adds the target of a form.
    #[must_use]
    pub fn post<H, T>(self, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, PortalState>,
        T: 'static,
    {
        self.add(Method::POST, path, access, post(handler), Limit::Form)
    }

    /// Adds the target of a form with a file. The handler reads it piece by piece and keeps no more than the configuration
    /// allows, so that a form with too large a file comes back with what was typed.
    #[must_use]
    pub fn post_upload<H, T>(self, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, PortalState>,
        T: 'static,
    {
        self.add(Method::POST, path, access, post(handler), Limit::Upload)
    }

    /// Adds everything another register holds.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.routes.extend(other.routes);
        self
    }

    /// Returns every route, in the order in which it was added.
    pub fn entries(&self) -> impl Iterator<Item = &RouteEntry> {
        self.routes.iter().map(|route| &route.entry)
    }

    fn add(
        mut self,
        method: Method,
        path: &'static str,
        access: Access,
        handler: MethodRouter<PortalState>,
        limit: Limit,
    ) -> Self {
        self.routes.push(Route { entry: RouteEntry { method, path, access }, handler, limit });
        self
    }

    /// Builds the router with a gate before each handler.
    pub(super) fn into_router(self, state: &PortalState) -> Router<PortalState> {
        self.routes.into_iter().fold(Router::new(), |router, route| {
            let limit = match route.limit {
                Limit::Form => FORM_LIMIT,
                Limit::Upload => DRAIN_LIMIT,
            };
            let gate = Arc::new(Gate { state: state.clone(), access: route.entry.access, limit });
            let handler = route
                .handler
                .layer(DefaultBodyLimit::max(usize::try_from(limit).unwrap_or(usize::MAX)))
                .layer(from_fn_with_state(gate, pass));
            router.route(route.entry.path, handler)
        })
    }
}

struct Gate {
    state: PortalState,
    access: Access,
    limit: u64,
}

async fn pass(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let declared = declared_length(&parts.headers);
    let allowed = async {
        if matches!(gate.access, Access::Public) {
            // A public page is there without the database too; its visitor counts by address then.
            let session = gate.state.session(&mut parts).await.ok().flatten();
            return gate.state.admit(RequestInfo::of(&parts)?.as_ref(), session.as_deref());
        }
        let session = gate.state.session(&mut parts).await?;
        gate.state.admit(RequestInfo::of(&parts)?.as_ref(), session.as_deref())?;
        let session = session.ok_or_else(Problem::sign_in)?;
        if let Access::Needs { check, .. } = gate.access {
            check(&session.principal)?;
        }
        Ok(())
    };
    let refused = match allowed.await {
        Err(problem) => Some((problem, gate.limit)),
        Ok(()) if declared > gate.limit => Some((Problem::too_large(gate.limit), DRAIN_LIMIT)),
        Ok(()) => None,
    };
    match refused {
        None => next.run(Request::from_parts(parts, body)).await,
        Some((problem, drained)) => {
            // A client that asks first (`Expect: 100-continue`) has not sent anything yet.
            if declared <= drained && !parts.headers.contains_key(header::EXPECT) {
                drain(body, drained).await;
            }
            problem.into_response()
        }
    }
}
