//! The enterprise's Microsoft Entra tenant.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A tenant id: a GUID in its hyphenated form, kept in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(String);

/// The text is not a tenant id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tenant ID has the form 8-4-4-4-12 hexadecimal digits, such as a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a")]
pub struct TenantIdError;

impl TenantId {
    /// Reads a tenant id; upper case is folded.
    ///
    /// # Errors
    /// When the text is not of the form 8-4-4-4-12 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, TenantIdError> {
        let text = text.trim();
        if text.len() != 36 {
            return Err(TenantIdError);
        }
        Uuid::try_parse(text).map(|id| Self(id.hyphenated().to_string())).map_err(|_| TenantIdError)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for TenantId {
    type Error = TenantIdError;
    fn try_from(text: String) -> Result<Self, TenantIdError> {
        Self::parse(&text)
    }
}

impl From<TenantId> for String {
    fn from(id: TenantId) -> Self {
        id.0
    }
}
