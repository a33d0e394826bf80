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
