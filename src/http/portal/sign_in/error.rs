//! Why a sign-in did not work.

use openidconnect::core::CoreErrorResponseType;
use openidconnect::{RequestTokenError, StandardErrorResponse};

use crate::http::identity_provider::{FetchError, ProviderError};
use crate::http::listener::error::Problem;

/// What the provider answers instead of tokens.
pub(super) type ErrorAnswer = StandardErrorResponse<CoreErrorResponseType>;
type TokenFailure = RequestTokenError<FetchError, ErrorAnswer>;

/// Why a sign-in did not work.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The provider is away.
    #[error("the identity provider cannot be reached")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The sign-in is unknown in this browser: too old, used already, or begun elsewhere.
    #[error("there is no such sign-in under way in this browser")]
    Unknown,
    /// The provider said no.
    #[error("the identity provider answered {0}")]
    Refused(String),
    /// What the provider sent does not hold up.
    #[error("the identity provider's answer is not valid")]
    Invalid(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Something of ours.
    #[error("{}", .0.title)]
    Problem(Box<Problem>),
}

impl From<Problem> for LoginError {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<ProviderError> for LoginError {
    fn from(error: ProviderError) -> Self {
        Self::Away(error.into())
    }
}

impl From<TokenFailure> for LoginError {
    fn from(error: TokenFailure) -> Self {
        match error {
            RequestTokenError::ServerResponse(answer) => Self::Refused(answer.error().as_ref().to_owned()),
            RequestTokenError::Parse(..) => Self::Invalid(error.into()),
            other => Self::Away(other.into()),
        }
    }
}
