//! A consent: an enterprise asked, in its Teams admin centre, to be served by this operator.
//!
//! The enterprise owns the consent; the operator owns the customer relationship on it.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{TenantId, country};

/// The longest comment (the reason for a relationship status), in characters.
pub const MAX_COMMENT: usize = 1_000;

/// What one enterprise allowed the operator to do, as the backend holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Consent {
    /// The backend's id of the consent.
    #[serde(default)]
    pub id: String,
    /// The enterprise.
    pub tenant_id: TenantId,
    /// The product that was asked for. It is `teams` in all that is known.
    #[serde(default)]
    pub product_context: String,
    /// Which operator the enterprise picked.
    #[serde(default)]
    pub operator_id: String,
    /// Whether the consent stands. One that says nothing of it is not taken to stand.
    #[serde(default)]
    pub status: ConsentStatus,
    /// When the enterprise gave it.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub consented_on: Option<OffsetDateTime>,
    /// When the enterprise last changed it.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub last_modified_on: Option<OffsetDateTime>,
    /// The countries it covers, in the backend's spelling (`UK` is seen for `GB`).
    #[serde(default)]
    pub consented_countries: Vec<String>,
    /// Whom to talk to.
    #[serde(default)]
    pub contacts: Vec<Contact>,
    /// Where the operator stands with the enterprise.
    #[serde(default)]
    pub customer_relationship: CustomerRelationship,
}

impl Consent {
    /// True when the enterprise consented to numbers of this country (ISO 3166 alpha-2).
    #[must_use]
    pub fn covers(&self, country: &str) -> bool {
        self.consented_countries.iter().any(|c| country::iso(c).eq_ignore_ascii_case(country::iso(country)))
    }
}

/// Whether a consent stands. Open: a value not known here is kept as it came.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ConsentStatus {
    /// The consent stands.
    Active,
    /// The enterprise paused it.
    Suspended,
    /// The enterprise took it back.
    Removed,
    /// A value of the backend that is not known here.
    Other(String),
}

impl Default for ConsentStatus {
    fn default() -> Self {
        Self::Other("unknown".to_owned())
    }
}

impl ConsentStatus {
    /// True when numbers must not be uploaded: the consent is suspended or removed.
    #[must_use]
    pub fn forbids_numbers(&self) -> bool {
        matches!(self, Self::Suspended | Self::Removed)
    }

    /// The value as it stands on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Removed => "removed",
            Self::Other(value) => value,
        }
    }
}

impl From<String> for ConsentStatus {
    fn from(value: String) -> Self {
        match value.as_str() {
            "active" => Self::Active,
            "suspended" => Self::Suspended,
            "removed" => Self::Removed,
            _ => Self::Other(value),
        }
    }
}

impl From<ConsentStatus> for String {
    fn from(status: ConsentStatus) -> Self {
        match status {
            ConsentStatus::Other(value) => value,
            known => known.as_str().to_owned(),
        }
    }
}

impl fmt::Display for ConsentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A person at the enterprise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Contact {
    /// Full name.
    pub full_name: String,
    /// E-mail address.
    pub email: String,
    /// Telephone number as the person wrote it, which nobody checked.
    #[serde(alias = "phoneNumber", skip_serializing_if = "Option::is_none")]
    pub telephone_number: Option<String>,
    /// Company name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company_name: Option<String>,
    /// Size band, such as `L1_U1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company_size: Option<String>,
}

/// Where the operator stands with the enterprise; the status is an open string.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CustomerRelationship {
    /// The status, such as `AgreementSigned`. It is empty when none was set yet.
    pub status: String,
    /// When the operator last changed it.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_modified_on: Option<OffsetDateTime>,
    /// The reason or remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// What of a customer relationship changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelationshipPatch {
    /// The new status. Without it the old one stays.
    pub status: Option<String>,
    /// What becomes of the comment.
    pub comment: CommentChange,
}

/// What becomes of a comment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CommentChange {
    /// Nothing is said of it.
    #[default]
    Keep,
    /// The comment goes.
    Remove,
    /// This takes the comment's place.
    Set(String),
}

impl RelationshipPatch {
    /// The status and the comment once the patch is applied. A comment belongs to the status that it was given with: a
    /// patch that names a status and no comment clears the old one.
    #[must_use]
    pub fn applied(&self, before: &CustomerRelationship) -> (String, Option<String>) {
        let comment = match &self.comment {
            CommentChange::Keep if self.status.is_some() => None,
            CommentChange::Keep => before.comment.clone(),
            CommentChange::Remove => None,
            CommentChange::Set(comment) => Some(comment.clone()),
        };
        (self.status.clone().unwrap_or_else(|| before.status.clone()), comment)
    }
}

/// One relationship status a person may choose (the list is configurable).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationshipChoice {
    /// The value on the wire, such as `ContractTerminated`.
    pub value: String,
    /// What a person reads, such as "Contract terminated".
    pub label: String,
    /// True when a reason must be given.
    #[serde(default)]
    pub needs_reason: bool,
}

impl RelationshipChoice {
    /// The choices offered unless configured otherwise.
    #[must_use]
    pub fn defaults() -> Vec<Self> {
        [
            ("ConsentAcknowledged", "Consent acknowledged", false),
            ("CustomerContacted", "Customer contacted", false),
            ("AgreementSigned", "Agreement signed", false),
            ("ConsentDeclined", "Consent declined", true),
            ("ContractTerminated", "Contract terminated", true),
        ]
        .map(|(value, label, needs_reason)| Self { value: value.to_owned(), label: label.to_owned(), needs_reason })
        .to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backends_uk_is_the_united_kingdom() {
        let consent: Consent = serde_json::from_value(serde_json::json!({
            "id": "1", "tenantId": "A7F4BD5C-cc01-40f4-8baa-2b6bdb272b8a", "status": "active", "consentedCountries": ["US", "UK"]
        }))
        .unwrap();
        assert!(consent.covers("GB") && consent.covers("us") && !consent.covers("FR"));
        assert_eq!(consent.tenant_id.as_str(), "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a");
    }

    #[test]
    fn an_unknown_status_is_kept_as_it_came() {
        let status: ConsentStatus = serde_json::from_str("\"NotActive\"").unwrap();
        assert_eq!(status, ConsentStatus::Other("NotActive".to_owned()));
        assert_eq!(serde_json::to_string(&status).unwrap(), "\"NotActive\"");
        assert!(!status.forbids_numbers() && ConsentStatus::Removed.forbids_numbers());
    }
}
