//! What every operation reads of its request before anything else, and how it answers.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use time::OffsetDateTime;

use super::conditional::{Current, Preconditions, Purpose, Weighed};
use super::noted::{Noted, problem_of};
use super::query::{API_VERSION, Parameters};
use super::repeatable::{Rejected, Repeatable, SentRequest};
use crate::authz::Principal;
use crate::description::VERSIONS;
use crate::http::Problem;
use crate::service::api::{ApiAnswer, Outcome, Repeat};
use crate::service::{self, Ctx};
use crate::wire::{InputProblem, Resource, Written};

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

/// A request for one resource.
pub(super) struct Reading(Preconditions);

impl Reading {
    /// Reads version, parameters and conditions.
    pub(super) fn of(parts: &Parts) -> Result<(Self, Noted), Problem> {
        check_version(parts)?;
        let mut noted = Noted::default();
        noted.parameters(&Parameters::read(parts.uri.query(), &[]));
        let preconditions = noted.take(Preconditions::read(&parts.headers)).unwrap_or_default();
        Ok((Self(preconditions), noted))
    }

    /// Answers with the resource, or that the client has it already. `changed_at` is when it was last changed, as far as
    /// somebody here can change it.
    pub(super) fn answer(
        &self,
        resource: &impl Resource,
        changed_at: Option<OffsetDateTime>,
    ) -> Result<Response, Problem> {
        let Written { etag, body } = resource.written();
        let current = Current::new(&etag, changed_at.unwrap_or(OffsetDateTime::UNIX_EPOCH));
        let mut response = match self.0.evaluate(Purpose::Read, Some(&current)) {
            Weighed::Proceed => json(StatusCode::OK, body),
            Weighed::NotModified => StatusCode::NOT_MODIFIED.into_response(),
            Weighed::Failed(reason) => return Err(service::Error::Precondition(reason).into()),
        };
        describe(&mut response, Some(&etag), changed_at);
        Ok(response)
    }
}

fn json(status: StatusCode, body: String) -> Response {
    let json = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, json)], Body::from(body)).into_response()
}

/// Sets the tag of the resource and when it was changed last.
fn describe(response: &mut Response, etag: Option<&str>, changed_at: Option<OffsetDateTime>) {
    if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    let date = changed_at.map(|at| httpdate::fmt_http_date(at.into()));
    if let Some(date) = date.and_then(|date| HeaderValue::from_str(&date).ok()) {
        response.headers_mut().insert(header::LAST_MODIFIED, date);
    }
}

/// What a resource is now: its tag, and when it was changed last.
pub(super) type Now = (String, OffsetDateTime);

/// A request that changes something.
pub(super) struct Writing {
    preconditions: Preconditions,
    pub(super) repeat: Option<Repeat>,
    _running: Option<Running>,
}

/// A request that changes something, as far as it was looked at.
pub(super) struct Asked {
    pub(super) writing: Writing,
    pub(super) parameters: Parameters,
    /// What is wrong with it.
    pub(super) noted: Noted,
}

impl Writing {
    /// Reads version, parameters, conditions and what makes the request repeatable.
    pub(super) fn of(
        parts: &Parts,
        body: &[u8],
        supported: &[&str],
        ctx: &Ctx,
        person: &Principal,
    ) -> Result<Asked, Problem> {
        check_version(parts)?;
        let mut noted = Noted::default();
        let parameters = Parameters::read(parts.uri.query(), supported);
        noted.parameters(&parameters);
        let preconditions = noted.take(Preconditions::read(&parts.headers)).unwrap_or_default();
        let repeat = noted.take(repeatable(parts, body, ctx)?).flatten();
        let running = repeat.as_ref().map(|repeat| Running::begin(person, repeat)).transpose()?;
        let writing = Self { preconditions, repeat, _running: running };
        Ok(Asked { writing, parameters, noted })
    }

    /// Checks that the conditions, where there are any, allow the change of what there is now.
    pub(super) fn allows(&self, purpose: Purpose, current: impl FnOnce() -> Option<Now>) -> service::Result<()> {
        if self.preconditions.is_empty() {
            return Ok(());
        }
        let current = current();
        let current = current.as_ref().map(|(etag, at)| Current::new(etag, *at));
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
            Some(body) => json(status, body),
            None => status.into_response(),
        };
        describe(&mut response, answer.tag.as_deref(), answer.changed_at);
        if self.repeat.is_some() {
            response.headers_mut().insert("repeatability-result", HeaderValue::from_static("accepted"));
        }
        response
    }
}

/// Makes the answer that tells a client what a resource is now.
pub(super) fn answer_of(outcome: Outcome, resource: &impl Resource, changed_at: Option<OffsetDateTime>) -> ApiAnswer {
    let Written { etag, body } = resource.written();
    ApiAnswer { outcome, tag: Some(etag), changed_at, body: Some(body) }
}

/// Makes the answer to a deletion.
pub(super) fn answer_of_deletion() -> ApiAnswer {
    ApiAnswer { outcome: Outcome::Deleted, tag: None, changed_at: None, body: None }
}

/// What makes the request repeatable, or what is wrong with that.
fn repeatable(parts: &Parts, body: &[u8], ctx: &Ctx) -> Result<Result<Option<Repeat>, Vec<InputProblem>>, Problem> {
    match Repeatable::read(&parts.headers, ctx.clock.now()) {
        Ok(None) => Ok(Ok(None)),
        Ok(Some(repeatable)) => {
            let request = SentRequest {
                method: parts.method.as_str(),
                path: parts.uri.path(),
                query: parts.uri.query(),
                headers: &parts.headers,
                body,
            };
            Ok(Ok(Some(Repeat { id: repeatable.id, fingerprint: request.fingerprint() })))
        }
        Err(Rejected::Malformed(refusals)) => Ok(Err(refusals)),
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
