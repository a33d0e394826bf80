//! Turns problems into what the visitor can read: a page, or the way to the sign-in page.

use std::fmt::Write as _;

use askama::Template;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::authz::{Role, RoleNames};
use crate::domain::field::counted;
use crate::http::listener::error::carried::{keep_headers, problem_of};
use crate::http::listener::error::{NO_ORDER, Problem};
use crate::http::listener::info::RequestInfo;

use super::page::{page_with, see_other};
use super::request::PortalRequest;
use super::shell::Shell;
use super::state::PortalState;

/// What `templates/error.html` shows of a problem.
struct ShownProblem<'a> {
    status: u16,
    title: &'a str,
    detail: &'a str,
    request_id: &'a str,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    shell: Shell,
    problem: ShownProblem<'a>,
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
pub(super) fn pages(
    response: Response,
    request: &PortalRequest,
    info: Option<&RequestInfo>,
    state: &PortalState,
) -> Response {
    let (Some(problem), Some(info)) = (problem_of(&response), info) else {
        return response;
    };
    problem.log();
    let mut rendered = page_for(&problem, request, &info.id, state);
    keep_headers(&response, &mut rendered, &problem);
    rendered
}

fn page_for(problem: &Problem, request: &PortalRequest, request_id: &str, state: &PortalState) -> Response {
    if problem.status == StatusCode::UNAUTHORIZED {
        return to_sign_in(request);
    }
    let session = request.session.get().cloned().flatten();
    let mut shell = Shell::new(request, session.as_deref());
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
                request_id,
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
        let days = counted(days.into(), "day", "days");
        let _ = write!(detail, " A draft that is not submitted is kept for {days} and then removed.");
    }
    let shown = ShownProblem { status: problem.status.as_u16(), title: &problem.title, detail: &detail, request_id };
    page_with(problem.status, &ErrorPage { shell, problem: shown })
}

fn missing_role(role: Role, names: &RoleNames) -> MissingRole<'_> {
    MissingRole { word: role.name(), claim: names.of(role) }
}

/// Sends a page request on to the sign-in page; htmx is told to take the whole browser there.
fn to_sign_in(request: &PortalRequest) -> Response {
    let login = request.login();
    if !request.htmx {
        return see_other(&login);
    }
    match HeaderValue::from_str(&login) {
        Ok(location) => (StatusCode::UNAUTHORIZED, [("hx-redirect", location)]).into_response(),
        Err(_) => StatusCode::UNAUTHORIZED.into_response(),
    }
}
