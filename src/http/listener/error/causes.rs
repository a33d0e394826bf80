//! What becomes a problem: a missing right, what a service refuses, what the framework cannot read.

use std::error::Error;

use axum::extract::multipart::{MultipartError, MultipartRejection};
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::{NO_ORDER, NOT_YET, Problem};
use crate::authz::Missing;
use crate::http::listener::pace::TooSlow;
use crate::service;

/// Seconds after which what happened at the same moment is over.
const AT_ONCE: u32 = 1;

impl From<Missing> for Problem {
    fn from(missing: Missing) -> Self {
        Self::missing_roles(missing)
    }
}

impl From<service::Error> for Problem {
    fn from(error: service::Error) -> Self {
        match error {
            service::Error::NotFound(noun) => Self {
                code: if noun == "order" { NO_ORDER } else { "not_found" },
                title: format!("No such {noun}").into(),
                detail: format!(
                    "There is no {noun} at this address. It may have been removed, or the address mistyped."
                )
                .into(),
                ..Self::not_found()
            },
            service::Error::Conflict(reason) => Self::conflict("This cannot be done now", reason),
            service::Error::NotYet(reason) => Self::conflict("This cannot be done yet", reason).again_after(NOT_YET),
            service::Error::Overtaken(reason) => Self::conflict("This cannot be done now", reason).again_after(AT_ONCE),
            service::Error::Invalid(problems) => {
                let text = problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join(" ");
                problems
                    .iter()
                    .fold(Self::bad_request(text), |problem, field| problem.field(field.field, field.message.clone()))
            }
            service::Error::Items(problems) => {
                let text = problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join(" ");
                let start = if problems.iter().all(|problem| problem.conflict) {
                    Self::conflict("This cannot be done now", text)
                } else {
                    Self::bad_request(text)
                };
                problems.into_iter().fold(start, |problem, item| problem.field(item.property, item.message))
            }
            service::Error::Precondition(reason) => {
                Self::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", "The condition does not hold", reason)
            }
            service::Error::RepeatDiffers => Self::new(
                StatusCode::BAD_REQUEST,
                "repeatability_request_id_used",
                "This request id was used before",
                "The Repeatability-Request-ID was used for another request. Take a new one for each request.",
            ),
            service::Error::RepeatRunning => Self::conflict(
                "The same request is being answered",
                "A request with this Repeatability-Request-ID is being answered. Ask again in a moment.",
            )
            .again_after(AT_ONCE),
            service::Error::Busy(reason) => Self::unavailable(reason),
            service::Error::Store(error) if error.is_over_time() => Self::unavailable(
                "To answer this, too much has to be looked through. Narrow the filter: of numbers for example to one account, \
                 or to how they start.",
            )
            .because(&error),
            service::Error::Store(error) if error.is_unclear() => Self::unavailable(
                "The database failed while the change was being stored, and whether it was stored is not known. Look \
                 before you try again.",
            )
            .because(&error),
            service::Error::Store(error) if error.is_full() => Self::unavailable(
                "The database has no room left. Nothing was stored; try again when the people who run this service have \
                 made room.",
            )
            .because(&error),
            service::Error::Store(error) if error.is_unavailable() => {
                Self::unavailable("The database cannot be used at present. Nothing was changed; try again in a moment.")
                    .because(&error)
            }
            service::Error::Store(error) => Self::internal().because(&error),
        }
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::not_found().because(&rejection)
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        Self::body(rejection.status(), &rejection)
    }
}

impl From<MultipartRejection> for Problem {
    fn from(rejection: MultipartRejection) -> Self {
        Self::body(StatusCode::UNSUPPORTED_MEDIA_TYPE, &rejection)
    }
}

impl From<MultipartError> for Problem {
    fn from(error: MultipartError) -> Self {
        Self::body(error.status(), &error)
    }
}

impl Problem {
    /// Makes the problem of a body that could not be read: too large, too slow, cut short, or not what it says it is.
    fn body(status: StatusCode, cause: &(dyn Error + 'static)) -> Self {
        let problem = match status {
            StatusCode::PAYLOAD_TOO_LARGE => Self::from_status(status),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(
                status,
                "unsupported_media_type",
                "This form cannot be read",
                "The request does not hold a form of the kind this page expects.",
            ),
            _ if timed_out(cause) => Self::from_status(StatusCode::REQUEST_TIMEOUT),
            _ => Self::bad_request("The form that was sent is damaged or incomplete. Send it again."),
        };
        problem.because(cause)
    }
}

/// Returns the answer in place of that of a handler that panicked.
#[expect(clippy::needless_pass_by_value, reason = "what the layer calls")]
pub(in crate::http) fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response {
    let text =
        cause.downcast_ref::<&str>().map(ToString::to_string).or_else(|| cause.downcast_ref::<String>().cloned());
    let cause = std::io::Error::other(format!("panicked: {}", text.unwrap_or_default()));
    Problem::internal().because(&cause).into_response()
}

fn timed_out(cause: &(dyn Error + 'static)) -> bool {
    let mut next = Some(cause);
    while let Some(error) = next {
        if error.is::<tower_http::timeout::TimeoutError>() || error.is::<TooSlow>() {
            return true;
        }
        next = error.source();
    }
    false
}
