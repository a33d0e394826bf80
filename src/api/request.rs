//! What every operation reads of its request before anything else, and how it answers.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::conditional::{Current, Preconditions, Purpose, Weighed};
use super::query::{API_VERSION, Parameters};
use super::repeatable::{Rejected, Repeatable, SentRequest};
use crate::authz::Principal;
use crate::description::VERSIONS;
use crate::domain::{AccountName, E164, TenantId};
use crate::http::Problem;
use crate::service::api::{ApiAnswer, Outcome, Repeat};
use crate::service::{self, Ctx, ItemProblem};
use crate::wire::{InputProblem, Resource};

/// Checks that the request is for a version of the contract that is spoken here.
pub(super) fn check_version(parts: &Parts) -> Result<(), Problem> {
    let query = parts.uri.query().unwrap_or_default();
    let given = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == API_VERSION);
    match given {
        Some((_, version)) if VERSIONS.contains(&version.as_ref()) => Ok(()),
        Some((_, version)) if !version.is_empty() => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "unsupported_api_version_value",
            "Unsupported version",
            format!(
                "Unsupported api-version '{}'. The supported api-versions are '{}'.",
                version.escape_debug(),
                VERSIONS.join(", ")
            ),
        )
        .at(API_VERSION)),
        _ => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "missing_api_version_parameter",
            "Missing version",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
        .at(API_VERSION)),
    }
}

/// Makes one problem of several. A single one gives it its code and target.
fn problem_of(status: StatusCode, all: Vec<(&'static str, String, String)>) -> Problem {
    let start = match all.as_slice() {
        [(code, target, message)] => {
            let problem = Problem::new(status, code, "The request cannot be taken", message.clone());
            if target.is_empty() { problem } else { problem.at(target.clone()) }
        }
        several => {
            let message = format!("{} things are wrong with the request; details lists them.", several.len());
            Problem::new(status, "invalid_request", "The request cannot be taken", message)
        }
    };
    all.into_iter().fold(start, |problem, (code, target, message)| problem.field_with(target, message, code))
}

/// Says what is wrong with parameters, headers and bodies.
pub(super) fn refused(problems: Vec<InputProblem>) -> Problem {
    let all = problems.into_iter().map(|problem| (problem.code, problem.target, problem.message));
    problem_of(StatusCode::BAD_REQUEST, all.collect())
}

/// A body of up to so many bytes, which a batch of numbers seldom exceeds, is read in a few milliseconds at the most.
const SOON_READ: usize = 65_536;

/// Reads a body, a large one beside the threads that answer requests.
pub(super) async fn read_body<T: Send + 'static>(
    body: Bytes,
    read: impl FnOnce(&[u8]) -> Result<T, Vec<InputProblem>> + Send + 'static,
) -> Result<T, Problem> {
    if body.len() <= SOON_READ {
        return read(&body).map_err(refused);
    }
    let reading = tokio::task::spawn_blocking(move || read(&body));
    reading.await.map_err(|error| Problem::internal().because(&error))?.map_err(refused)
}

/// Says what a service refused. Items of a batch are told by their place in it.
pub(super) fn refused_by_service(error: service::Error, batch: bool) -> Problem {
    let service::Error::Items(items) = error else { return error.into() };
    let conflict = items.iter().all(|item| item.conflict);
    let target = |item: &ItemProblem| {
        if batch { format!("numbers[{}].{}", item.index, item.property) } else { item.property.clone() }
    };
    let all = items.iter().map(|item| (item.code, target(item), item.message.clone())).collect();
    problem_of(if conflict { StatusCode::CONFLICT } else { StatusCode::BAD_REQUEST }, all)
}

fn bad_path(name: &str, message: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_path_parameter", "The path cannot be read", message).at(name)
}

/// Reads the account of the path.
pub(super) fn account_name(text: &str) -> Result<AccountName, Problem> {
    AccountName::parse(text).map_err(|message| bad_path("accountName", message))
}

/// Reads the number of the path.
pub(super) fn telephone_number(text: &str) -> Result<E164, Problem> {
    E164::parse_wire(text).map_err(|error| bad_path("telephoneNumber", format!("{error}")))
}

/// Reads the tenant of the path.
pub(super) fn tenant_id(text: &str) -> Result<TenantId, Problem> {
    TenantId::parse(text).map_err(|error| bad_path("tenantId", crate::domain::account::sentence(&error.to_string())))
}

/// Checks the version and the parameters of an operation without conditions.
pub(super) fn plain(parts: &Parts, supported: &[&str]) -> Result<Parameters, Problem> {
    check_version(parts)?;
    let parameters = Parameters::read(parts.uri.query(), supported);
    parameters.clone().finish().map_err(refused)?;
    Ok(parameters)
}

/// A request for one resource.
pub(super) struct Reading(Preconditions);

impl Reading {
    pub(super) fn of(parts: &Parts) -> Result<Self, Problem> {
        plain(parts, &[])?;
        Ok(Self(Preconditions::read(&parts.headers).map_err(refused)?))
    }

    /// Answers with the resource, or that the client has it already.
    pub(super) fn answer(
        &self,
        resource: &impl Resource,
        changed_at: time::OffsetDateTime,
    ) -> Result<Response, Problem> {
        let etag = resource.etag();
        let tag = HeaderValue::from_str(&etag).map_err(|error| Problem::internal().because(&error))?;
        match self.0.evaluate(Purpose::Read, Some(&Current::new(&etag, changed_at))) {
            Weighed::Proceed => Ok(([(header::ETAG, tag)], axum::Json(resource)).into_response()),
            Weighed::NotModified => Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response()),
            Weighed::Failed(reason) => Err(service::Error::Precondition(reason).into()),
        }
    }
}

/// A request that changes something.
pub(super) struct Writing {
    preconditions: Preconditions,
    pub(super) repeat: Option<Repeat>,
    _running: Option<Running>,
}

impl Writing {
    /// Reads version, parameters, conditions and what makes the request repeatable.
    pub(super) fn of(
        parts: &Parts,
        body: &[u8],
        supported: &[&str],
        ctx: &Ctx,
        person: &Principal,
    ) -> Result<(Self, Parameters), Problem> {
        let parameters = plain(parts, supported)?;
        let preconditions = Preconditions::read(&parts.headers).map_err(refused)?;
        let (repeat, running) = match repeatable(parts, body, ctx)? {
            Some(repeat) => {
                let running = Running::begin(person, &repeat)?;
                (Some(repeat), Some(running))
            }
            None => (None, None),
        };
        Ok((Self { preconditions, repeat, _running: running }, parameters))
    }

    /// Checks that the conditions allow the change of what there is now.
    pub(super) fn allows(
        &self,
        purpose: Purpose,
        current: Option<&(String, time::OffsetDateTime)>,
    ) -> service::Result<()> {
        let current = current.map(|(etag, at)| Current::new(etag, *at));
        match self.preconditions.evaluate(purpose, current.as_ref()) {
            Weighed::Failed(reason) => Err(service::Error::Precondition(reason)),
            Weighed::Proceed | Weighed::NotModified => Ok(()),
        }
    }

    /// Answers with what was made with the change, or with the first of these requests.
    pub(super) fn answer(&self, answer: ApiAnswer) -> Response {
        let status = match answer.outcome {
            Outcome::Created => StatusCode::CREATED,
            Outcome::Done => StatusCode::OK,
            Outcome::Deleted => StatusCode::NO_CONTENT,
        };
        let mut response = match answer.body {
            Some(body) => {
                let json = HeaderValue::from_static("application/json");
                (status, [(header::CONTENT_TYPE, json)], Body::from(body)).into_response()
            }
            None => status.into_response(),
        };
        if let Some(etag) = answer.tag.and_then(|etag| HeaderValue::from_str(&etag).ok()) {
            response.headers_mut().insert(header::ETAG, etag);
        }
        if self.repeat.is_some() {
            response.headers_mut().insert("repeatability-result", HeaderValue::from_static("accepted"));
        }
        response
    }
}

/// Makes the answer that tells a client what a resource is now.
pub(super) fn answer_of(outcome: Outcome, resource: &impl Resource) -> ApiAnswer {
    ApiAnswer { outcome, tag: Some(resource.etag()), body: Some(serde_json::to_string(resource).unwrap_or_default()) }
}

/// Makes the answer to a deletion.
pub(super) fn answer_of_deletion() -> ApiAnswer {
    ApiAnswer { outcome: Outcome::Deleted, tag: None, body: None }
}

fn repeatable(parts: &Parts, body: &[u8], ctx: &Ctx) -> Result<Option<Repeat>, Problem> {
    match Repeatable::read(&parts.headers, ctx.clock.now()) {
        Ok(None) => Ok(None),
        Ok(Some(repeatable)) => {
            let request = SentRequest {
                method: parts.method.as_str(),
                path: parts.uri.path(),
                query: parts.uri.query(),
                headers: &parts.headers,
                body,
            };
            Ok(Some(Repeat { id: repeatable.id, fingerprint: request.fingerprint() }))
        }
        Err(Rejected::Malformed(refusals)) => Err(refused(refusals)),
        Err(Rejected::OutsideWindow(refusal)) => {
            Err(problem_of(StatusCode::PRECONDITION_FAILED, vec![(refusal.code, refusal.target, refusal.message)]))
        }
    }
}

/// The repeatable requests that this process is answering, by client and id.
static RUNNING: Mutex<Option<HashSet<RunningKey>>> = Mutex::new(None);

/// Issuer and subject of the client, and its id of the request.
type RunningKey = (Arc<str>, Arc<str>, String);

/// Holds the place of a repeatable request while it is being answered.
struct Running(RunningKey);

impl Running {
    fn begin(person: &Principal, repeat: &Repeat) -> Result<Self, Problem> {
        let key = (person.issuer.clone(), person.subject.clone(), repeat.id.clone());
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if !running.get_or_insert_default().insert(key.clone()) {
            return Err(service::Error::RepeatRunning.into());
        }
        Ok(Self(key))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        running.get_or_insert_default().remove(&self.0);
    }
}
