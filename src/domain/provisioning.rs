//! What a backend said about a resource, word for word.

use serde::{Deserialize, Serialize};

/// One error of a backend, kept verbatim (decision: our own explanation stands beside it, never instead).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProvisioningError {
    /// The backend's stable code, such as `InvalidRequest`.
    pub code: String,
    /// The backend's own words.
    pub message: String,
    /// What the error is about, such as `oc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}
