//! What is wrong with a request's parameters and headers.

/// One thing that is wrong with a parameter or a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Stable name in snake case, such as `invalid_filter`.
    pub code: &'static str,
    /// The parameter or header, such as `filter` or `If-Match`.
    pub target: String,
    /// What is wrong and what would be right, in sentences.
    pub message: String,
}

impl Refusal {
    pub(super) fn new(code: &'static str, target: &str, message: impl Into<String>) -> Self {
        Self { code, target: target.to_owned(), message: message.into() }
    }
}
