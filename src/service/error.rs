//! What a service function can refuse.

use crate::domain::FieldProblem;
use crate::store;

/// The result of a service function.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a service function did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing; the noun, such as `account`.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The state of things does not allow it; a sentence for people.
    #[error("{0}")]
    Conflict(String),
    /// What was typed has these problems.
    #[error("{} problems", .0.len())]
    Invalid(Vec<FieldProblem>),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// A refusal because of one field.
    pub(crate) fn field(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldProblem::new(field, message)])
    }

    /// True when the same call may go through later: the database is busy or away.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_transient())
    }
}
