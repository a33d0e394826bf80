//! What a service function can refuse.

use crate::domain::FieldProblem;
use crate::domain::field::counted;
use crate::store;

/// The result of a service function.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a service function did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing. It holds the noun, such as `account`.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The state of things does not allow it. It holds a sentence for people.
    #[error("{0}")]
    Conflict(String),
    /// The state of things does not allow it yet, and will by itself. It holds a sentence for people.
    #[error("{0}")]
    NotYet(String),
    /// What was read had changed before it was written. The same goes through when it is begun anew; the sentence is for when
    /// it keeps happening.
    #[error("{0}")]
    Overtaken(String),
    /// What was typed has these problems.
    #[error("{}", counted(.0.len() as i64, "problem", "problems"))]
    Invalid(Vec<FieldProblem>),
    /// Items that a program sent cannot be taken, for these reasons.
    #[error("{}", counted(.0.len() as i64, "item is refused", "items are refused"))]
    Items(Vec<ItemProblem>),
    /// What the request asks for first does not hold. It holds a sentence for people.
    #[error("{0}")]
    Precondition(String),
    /// Another request had the same id.
    #[error("the id of the request was used for another request")]
    RepeatDiffers,
    /// The same request is being answered.
    #[error("the same request is being answered")]
    RepeatRunning,
    /// There is too much to do at this moment. It holds a sentence for people.
    #[error("{0}")]
    Busy(&'static str),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Why one item of what a program sent cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemProblem {
    /// Its place in what was sent, from 0.
    pub index: usize,
    /// The property, such as `telephoneNumber`, with dots between the parts of its path.
    pub property: String,
    /// Stable name of the problem, such as `service_not_enabled`.
    pub code: &'static str,
    /// What is wrong and what would be right, as a sentence.
    pub message: String,
    /// True when the item is well formed but what exists stands against it.
    pub conflict: bool,
}

impl Error {
    /// A refusal because of one field.
    pub(crate) fn field(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldProblem::new(field, message)])
    }

    /// True when the same transaction may go through if it is begun anew.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Overtaken(_) => true,
            Self::Store(error) => error.is_transient(),
            _ => false,
        }
    }
}
