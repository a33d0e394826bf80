//! Turns problems into what the visitor can read: a page, a part of one, or JSON.

use std::fmt::Write as _;
use std::sync::Arc;

use askama::Template;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Json, Response};
use serde_json::json;

use crate::authz::{Role, RoleNames};

use super::error::{Carried, Problem};
use super::info::RequestInfo;
use super::page::{page_with, see_other};
use super::shell::Shell;
use super::state::PortalState;

/// Code of the problem that there is no such order: it may have been a draft.
pub(super) const NO_ORDER: &str = "order_not_found";

/// What `templates/error.html` shows of a problem.
struct Shown<'a> {
    status: u16,
    title: &'a str,
    detail: &'a str,
    request_id: &'a str,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    shell: Shell,
    problem: Shown<'a>,
}

/// A role that is missing: our name for it and the provider's.
struct MissingRole<'a> {
    word: &'static str,
    claim: &'a str,
}

#[derive(Template)]
#[template(path = "access.html")]
struct AccessPage<'a> {
    shell: Shell,
    missing: Vec<MissingRole<'a>>,
    no_role: bool,
    issuer: &'a str,
    request_id: &'a str,
}

/// Renders a problem of the portal; any other answer stays as it is.
pub(super) fn pages(response: Response, info: Option<&RequestInfo>, state: &PortalState) -> Response {
    let (Some(problem), Some(info)) = (problem_of(&response), info) else {
        return response;
    };
    problem.log();
    let mut rendered = page_for(&problem, info, state);
    keep_headers(&response, &mut rendered, &problem);
    rendered
}

/// Renders the problems of a listener for machines.
pub(super) async fn json_problems(request: Request, next: Next) -> Response {
    let info = request.extensions().get::<Arc<RequestInfo>>().cloned();
    let response = next.run(request).await;
    let Some(problem) = problem_of(&response) else {
        return response;
    };
    problem.log();
    let body = json!({ "error": {
        "code": problem.code,
        "message": problem.title,
        "detail": problem.detail,
        "requestId": info.map(|info| info.id.clone()).unwrap_or_default(),
    }});
    let mut rendered = (problem.status, Json(body)).into_response();
    keep_headers(&response, &mut rendered, &problem);
    rendered
}

/// The problem an answer carries, or stands for when no code of ours made it.
pub(super) fn problem_of(response: &Response) -> Option<Arc<Problem>> {
    if let Some(Carried(problem)) = response.extensions().get::<Carried>() {
        return Some(Arc::clone(problem));
    }
    let status = response.status();
    let ours = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes().starts_with(b"text/html") || kind.as_bytes().starts_with(b"application/json")
    });
    ((status.is_client_error() || status.is_server_error()) && !ours).then(|| Arc::new(Problem::from_status(status)))
}

pub(super) fn keep_headers(from: &Response, to: &mut Response, problem: &Problem) {
    for name in [header::ALLOW, header::SET_COOKIE, header::CONNECTION] {
        for value in from.headers().get_all(&name) {
            to.headers_mut().append(name.clone(), value.clone());
        }
    }
    if let Some(seconds) = problem.retry_after {
        to.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

fn page_for(problem: &Problem, info: &RequestInfo, state: &PortalState) -> Response {
    if problem.status == StatusCode::UNAUTHORIZED {
        return to_sign_in(info);
    }
    let session = info.session.get().cloned().flatten();
    let mut shell = Shell::new(info, session.as_deref());
    // The notice is for the page the person wanted to see.
    shell.flash = None;
    if !problem.missing.is_empty() {
        return page_with(
            problem.status,
            &AccessPage {
                missing: problem
                    .missing
                    .iter()
                    .map(|role| missing_role(role, &state.config().identity.role_names))
                    .collect(),
                no_role: session.as_deref().is_some_and(|session| session.principal.roles.is_empty()),
                issuer: &state.config().identity.issuer,
                request_id: &info.id,
                shell,
            },
        );
    }
    let mut detail = problem.detail.to_string();
    for field in &problem.fields {
        let _ = write!(detail, " {}: {}.", field.name, field.message);
    }
    let days = state.config().orders.keep_drafts;
    if problem.code == NO_ORDER && days > 0 {
        let _ = write!(detail, " A draft that is not submitted is kept for {days} days and then removed.");
    }
    let shown = Shown { status: problem.status.as_u16(), title: &problem.title, detail: &detail, request_id: &info.id };
    page_with(problem.status, &ErrorPage { shell, problem: shown })
}

fn missing_role(role: Role, names: &RoleNames) -> MissingRole<'_> {
    MissingRole { word: role.name(), claim: names.of(role) }
}

/// A page request is sent on to the sign-in page; htmx is told to take the whole browser there.
fn to_sign_in(info: &RequestInfo) -> Response {
    let login = info.login();
    if !info.htmx {
        return see_other(&login);
    }
    match HeaderValue::from_str(&login) {
        Ok(location) => (StatusCode::UNAUTHORIZED, [("hx-redirect", location)]).into_response(),
        Err(_) => StatusCode::UNAUTHORIZED.into_response(),
    }
}
