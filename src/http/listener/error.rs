//! The one error of every page and listener.
//!
//! A handler or extractor answers with a [`Problem`]; it travels in the response's extensions (`carried`) and the outermost
//! layer of the listener turns it into a page, a fragment or JSON, that of the API into the contract's form. The cause is
//! logged there, once, with the request's id. A visitor never sees a cause.

pub(in crate::http) mod carried;
pub(in crate::http) mod causes;

use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;

use axum::http::StatusCode;

use crate::authz::{Missing, Roles};

/// Code of the problem that there is no such order: it may have been a draft.
pub(in crate::http) const NO_ORDER: &str = "order_not_found";

/// Seconds after which what is on its way may have come: a backend lets go of a number within some seconds, mostly.
pub const NOT_YET: u32 = 10;

/// Something that keeps a request from being answered as asked.
#[derive(Clone, Debug)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// Stable name of the problem for scripts and tests, such as `not_found`.
    pub code: &'static str,
    /// What went wrong, in a few words.
    pub title: Cow<'static, str>,
    /// What the visitor can do about it.
    pub detail: Cow<'static, str>,
    /// What of the request is wrong, such as a header, a query parameter or a field of the body.
    pub target: Option<String>,
    /// Problems with single fields.
    pub fields: Vec<ProblemField>,
    /// Roles that are missing, of a 403.
    pub missing: Roles,
    /// Seconds after which it makes sense to ask again, of a 503 or 429.
    pub retry_after: Option<u32>,
    /// What is wrong with the access token, for the API's `WWW-Authenticate`.
    pub(in crate::http) challenge: Option<Challenge>,
    /// Goes to the log and never to the visitor.
    cause: Option<Arc<str>>,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProblemField {
    /// Its name, in the API its path such as `numbers[3].telephoneNumber`.
    pub name: String,
    /// What is wrong and what would be right.
    pub message: String,
    /// Stable name of the problem, such as `invalid_value`.
    pub code: Cow<'static, str>,
}

/// What `WWW-Authenticate` says (RFC 6750, section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Challenge {
    /// No token was sent, so there is no error to name.
    NoToken,
    /// `invalid_request`
    InvalidRequest,
    /// `invalid_token`
    InvalidToken,
}

impl Problem {
    /// Makes a problem with its own words.
    #[must_use]
    pub fn new(
        status: StatusCode,
        code: &'static str,
        title: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code,
            title: title.into(),
            detail: detail.into(),
            target: None,
            fields: Vec::new(),
            missing: Roles::NONE,
            retry_after: None,
            challenge: None,
            cause: None,
        }
    }

    /// Makes a 400: the request cannot be understood.
    #[must_use]
    pub fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", "This request cannot be understood", detail)
    }

    /// Makes a 404: there is no such page.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "Page not found",
            "There is nothing at this address. It may have been mistyped or cut off.",
        )
    }

    /// Makes a 404: there is no such thing, such as `account`, of this name.
    #[must_use]
    pub fn no_such(kind: &str, name: &str) -> Self {
        let detail =
            format!("There is no {kind} \u{201c}{name}\u{201d}. It may have been removed, or the address mistyped.");
        Self { title: format!("No such {kind}").into(), detail: detail.into(), ..Self::not_found() }
    }

    /// Makes a 409: the data does not allow it, or changed meanwhile.
    #[must_use]
    pub fn conflict(title: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", title, detail)
    }

    /// Makes a 401: nobody is signed in. It is rendered as a way to the sign-in page.
    #[must_use]
    pub fn sign_in() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "sign_in", "Please sign in", "Sign in to see this page.")
    }

    /// Makes a 403: the person is signed in, but a role is missing.
    #[must_use]
    pub fn missing_roles(missing: Missing) -> Self {
        let mut problem = Self::new(
            StatusCode::FORBIDDEN,
            "missing_role",
            "You need another role for this",
            "You are signed in, but your account does not have the role this page needs.",
        );
        problem.missing = missing.roles.into_iter().collect();
        problem
    }

    /// Makes a 403: a form was sent from another site.
    #[must_use]
    pub fn cross_site() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "cross_site",
            "This form came from another site",
            "Nothing was changed. Open the page here and send the form again.",
        )
    }

    /// Makes a 413: the request is larger than the limit.
    #[must_use]
    pub fn too_large(limit: u64) -> Self {
        let shown =
            if limit >= 1_048_576 { format!("{} MB", limit / 1_048_576) } else { format!("{} kB", limit / 1024) };
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "This is too large",
            format!(
                "At most {shown} can be sent at once. Nothing was stored; split it and send the parts one after the other."
            ),
        )
    }

    /// Makes a 503: something we need is away for a while.
    #[must_use]
    pub fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available right now", detail);
        problem.retry_after = Some(5);
        problem
    }

    /// Makes a 429: the client makes more requests than it may; it may again after so many seconds.
    pub(in crate::http) fn too_fast(seconds: u32) -> Self {
        let mut problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            "Too many requests",
            format!(
                "More requests came from you than the portal answers at once. Nothing was changed by this one: wait \
                 {seconds} s and try again. A program should call the Provisioning API instead."
            ),
        );
        problem.retry_after = Some(seconds);
        problem
    }

    /// Makes a 429: too many requests of one client are being answered.
    pub(in crate::http) fn too_many_at_once() -> Self {
        let mut problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            "Too many requests at once",
            "Too many requests from your address are being answered. Nothing was changed by this one: wait for the others and try again.",
        );
        problem.retry_after = Some(1);
        problem
    }

    /// Makes a 500: it is our fault.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side",
            "Nothing you did. It has been logged; try again, and if it stays, tell the people who run this service the request id.",
        )
    }

    /// Returns the problem that a bare status stands for, for answers that no code of ours made.
    #[must_use]
    pub fn from_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::not_found(),
            StatusCode::METHOD_NOT_ALLOWED => Self::new(
                status,
                "method_not_allowed",
                "This address cannot be used that way",
                "There is something at this address, but it does not accept this kind of request.",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(status, "too_large", "This is too large", "Send less at once."),
            StatusCode::REQUEST_TIMEOUT => {
                Self::new(status, "timeout", "This took too long", "The request did not arrive in time. Try again.")
            }
            StatusCode::GATEWAY_TIMEOUT | StatusCode::SERVICE_UNAVAILABLE => {
                Self::unavailable("The answer took too long. Try again in a moment.")
            }
            status if status.is_client_error() => {
                Self { status, ..Self::bad_request("Something about the request is not as it should be.") }
            }
            _ => Self::internal(),
        }
    }

    /// Remembers what caused the problem, for the log.
    #[must_use]
    pub fn because(mut self, cause: &(dyn Error + 'static)) -> Self {
        let mut text = cause.to_string();
        let mut source = cause.source();
        while let Some(inner) = source {
            text.push_str(": ");
            text.push_str(&inner.to_string());
            source = inner.source();
        }
        self.cause = Some(text.into());
        self
    }

    /// Says what of the request is wrong.
    #[must_use]
    pub fn at(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// Says after how many seconds it makes sense to ask again.
    #[must_use]
    pub fn again_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Names a field and what is wrong with it.
    #[must_use]
    pub fn field(self, name: impl Into<String>, message: impl Into<String>) -> Self {
        self.field_with(name, message, "invalid_value")
    }

    /// Names a field, what is wrong with it, and a code of its own.
    #[must_use]
    pub fn field_with(
        mut self,
        name: impl Into<String>,
        message: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.fields.push(ProblemField { name: name.into(), message: message.into(), code: code.into() });
        self
    }

    /// Says what is wrong with the access token.
    pub(in crate::http) fn challenged(mut self, challenge: Challenge) -> Self {
        self.challenge = Some(challenge);
        self
    }

    /// Writes the cause to the log: an error when it is our fault, else for the curious. What is only not there yet (503
    /// without a cause) is nobody's fault.
    pub(in crate::http) fn log(&self) {
        let not_yet = self.status == StatusCode::SERVICE_UNAVAILABLE && self.cause.is_none();
        let cause = self.cause.as_deref().unwrap_or_default();
        if self.status.is_server_error() && !not_yet {
            tracing::error!(status = self.status.as_u16(), code = self.code, cause, "request failed");
        } else {
            tracing::debug!(status = self.status.as_u16(), code = self.code, cause, "request refused");
        }
    }
}
