//! Errors as the contract writes them: of a request, and of a backend.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::ProvisioningError;

/// The answer to a request that could not be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ErrorResponse {
    /// What went wrong.
    pub error: Error,
}

/// One error, with the errors it is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Error {
    /// Stable name for programs.
    pub code: String,
    /// What went wrong and what would be right, for people.
    pub message: String,
    /// The property or parameter it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The single errors behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Vec<Error>>,
    /// A more precise code; this service says everything in the code itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub innererror: Option<Box<InnerError>>,
}

/// A more precise code inside an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct InnerError {
    /// The code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// A still more precise one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub innererror: Option<Box<InnerError>>,
}

impl Error {
    /// An error of a request, its code in the contract's spelling.
    pub fn new(code: &str, message: impl Into<String>, target: Option<String>) -> Self {
        Self { code: contract_code(code), message: message.into(), target, ..Self::default() }
    }

    /// The error with those it is made of.
    #[must_use]
    pub fn with_details(mut self, details: Vec<Self>) -> Self {
        self.details = Some(details).filter(|details| !details.is_empty());
        self
    }
}

/// A problem of a body, as one of the details.
impl From<&super::Problem> for Error {
    fn from(problem: &super::Problem) -> Self {
        Self::new(problem.code, problem.message.clone(), Some(problem.target.clone()).filter(|t| !t.is_empty()))
    }
}

/// A backend's error, word for word.
impl From<&ProvisioningError> for Error {
    fn from(error: &ProvisioningError) -> Self {
        Self {
            code: error.code.clone(),
            message: error.message.clone(),
            target: error.target.clone(),
            ..Self::default()
        }
    }
}

/// A code in the contract's spelling: `missing_property` becomes `MissingProperty`.
pub fn contract_code(code: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    code.split('_').map(word).collect()
}
