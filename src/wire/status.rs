//! The words for how far something has come. The contract leaves each list open for words to come.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use std::borrow::Cow;

use crate::domain::{SyncState, direct_routing};

/// How far a resource has come to its backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ServiceProvisioningStatus {
    /// On its way.
    Pending,
    /// The backend holds it, or none has to.
    Synced,
    /// The backend refused it.
    Failed,
}

impl From<SyncState> for ServiceProvisioningStatus {
    fn from(state: SyncState) -> Self {
        match state {
            // A number being released is absent to the API; until it is gone, it is on its way.
            SyncState::Pending | SyncState::Releasing => Self::Pending,
            SyncState::Synced => Self::Synced,
            SyncState::Failed => Self::Failed,
        }
    }
}

/// Whether the names of an account's subdomain are answered as they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SubdomainStatus {
    /// In every region, with the right token.
    Provisioned,
    /// Not yet.
    NotProvisioned,
    /// Answered otherwise than it should be.
    Inconsistent,
}

impl From<direct_routing::SubdomainStatus> for SubdomainStatus {
    fn from(status: direct_routing::SubdomainStatus) -> Self {
        match status {
            direct_routing::SubdomainStatus::Provisioned => Self::Provisioned,
            direct_routing::SubdomainStatus::NotProvisioned => Self::NotProvisioned,
            direct_routing::SubdomainStatus::Inconsistent => Self::Inconsistent,
        }
    }
}

/// Whether somebody uses a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AssignmentStatus {
    /// Somebody does.
    Assigned,
    /// Nobody does, as far as is known.
    Unassigned,
}

/// The schema of an open list of words.
pub(super) fn open(description: &str, known: &[&str]) -> Schema {
    json_schema!({
        "description": description,
        "anyOf": [{ "type": "string", "enum": known }, { "type": "string" }],
    })
}

macro_rules! open_schema {
    ($type:ty, $name:literal, $description:literal, $known:expr) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                open($description, &$known)
            }
        }
    };
}

open_schema!(
    ServiceProvisioningStatus,
    "ServiceProvisioningStatus",
    "How far the resource has come to its backend. More words may come.",
    ["pending", "synced", "failed"]
);
open_schema!(
    SubdomainStatus,
    "TeamsDirectRoutingSubdomainProvisioningStatus",
    "Whether the account's names in DNS are answered as they should be. More words may come.",
    ["provisioned", "notProvisioned", "inconsistent"]
);
open_schema!(
    AssignmentStatus,
    "TelephoneNumberAssignmentStatus",
    "Whether somebody uses the number. More words may come.",
    ["assigned", "unassigned"]
);

/// The schema of a consent's status.
pub(super) struct ConsentStatusSchema;
open_schema!(
    ConsentStatusSchema,
    "TeamsConsentStatus",
    "Whether the enterprise's consent stands. More words may come.",
    ["active", "suspended", "removed"]
);

/// The schema of a civic address's validation.
pub(super) struct ValidationStatusSchema;
open_schema!(
    ValidationStatusSchema,
    "ValidationStatus",
    "Whether the emergency services' data holder knows the address. More words may come.",
    ["notValidated", "validated"]
);
