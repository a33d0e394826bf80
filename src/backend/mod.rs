//! The outside systems that carry numbers, behind one trait.
//!
//! The wire is written down in docs/operator-connect-backend.md. Nothing here knows what the
//! product stores; the sync engine compares and records.

mod answer;
pub mod operator_connect;
mod pages;
#[cfg(test)]
mod tests;
mod token;

use std::future::Future;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{
    CapabilityPlan, CivicAddress, Consent, CustomerRelationship, E164, ProvisioningError, Service, TeamsSettings,
    TenantId,
};

pub use operator_connect::{OperatorConnect, OperatorConnectOptions};
pub use pages::{Cursor, ListFault, Pages};

/// The most numbers one upload or release may carry.
pub const MAX_BATCH: usize = 1_000;

/// A backend that provisions numbers to enterprises.
///
/// Every method may fail with [`BackendError`]; a repeat with the same request id is recognised by the backend. A list is
/// read with [`Pages`], which ends whatever comes.
pub trait Backend: Send + Sync + 'static {
    /// One page of the consents given to this operator.
    fn consents_page(&self, cursor: &Cursor) -> impl Future<Output = Answer<Page<Consent>>> + Send;

    /// Tells the enterprise where it stands with the operator.
    fn update_relationship(
        &self,
        tenant: &TenantId,
        update: &RelationshipUpdate,
    ) -> impl Future<Output = Answer<CustomerRelationship>> + Send;

    /// The usages and capabilities a tenant's numbers may have.
    fn capability_plans(&self, tenant: &TenantId) -> impl Future<Output = Answer<Vec<CapabilityPlan>>> + Send;

    /// One page of a tenant's civic addresses.
    fn civic_addresses_page(
        &self,
        tenant: &TenantId,
        cursor: &Cursor,
    ) -> impl Future<Output = Answer<Page<CivicAddress>>> + Send;

    /// Starts an upload of at most [`MAX_BATCH`] numbers with the same settings.
    fn upload(&self, request: &UploadRequest) -> impl Future<Output = Answer<Job>> + Send;

    /// Starts a release (unassigning first where needed) of at most [`MAX_BATCH`] numbers.
    fn release(&self, request: &ReleaseRequest) -> impl Future<Output = Answer<Job>> + Send;

    /// How a job stands.
    fn job(&self, tenant: &TenantId, job_id: &str) -> impl Future<Output = Answer<Job>> + Send;

    /// The job of a request, `None` when the backend never saw the request: ask this before sending again.
    fn find_job(&self, tenant: &TenantId, request_id: &str) -> impl Future<Output = Answer<Option<Job>>> + Send;

    /// One page of the numbers a tenant holds, ordered by number.
    fn numbers_page(
        &self,
        tenant: &TenantId,
        cursor: &Cursor,
    ) -> impl Future<Output = Answer<Page<BackendNumber>>> + Send;
}

/// What a call to a backend gives.
pub type Answer<T> = Result<T, BackendError>;

/// Why a call to a backend gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// It may work later: too many requests, the backend's own fault, no connection, no readable answer.
    /// Whether the work was done is not known.
    #[error("{reason}")]
    Retry {
        /// How long the backend asked us to wait; at most 15 minutes.
        after: Option<Duration>,
        /// In plain words, safe to show.
        reason: String,
    },
    /// The backend refused the request as a whole and will refuse it again; nothing was done.
    #[error("{}: {}", .0.code, .0.message)]
    Rejected(ProvisioningError),
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page starts; `None` on the last one.
    pub next_cursor: Option<String>,
    /// How many items of the page could not be read and are missing from `items`. While this is not 0,
    /// an item that is not in the list cannot be taken as gone.
    pub unreadable: usize,
}

/// A change of the customer relationship.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RelationshipUpdate {
    /// Stable id of this change.
    pub request_id: String,
    /// The new status.
    pub status: String,
    /// The reason or remark.
    pub comment: Option<String>,
}

/// Numbers to upload with the same settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadRequest {
    /// The enterprise.
    #[serde(skip)]
    pub tenant: TenantId,
    /// Stable id of this push; a repeat is the same job.
    pub request_id: String,
    /// Which service.
    pub service: Service,
    /// The calling profile, where the operator has more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calling_profile: Option<String>,
    /// Their settings.
    pub settings: TeamsSettings,
    /// At most [`MAX_BATCH`].
    pub numbers: Vec<E164>,
}

/// Numbers to take back from an enterprise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseRequest {
    /// The enterprise.
    #[serde(skip)]
    pub tenant: TenantId,
    /// Stable id of this push; a repeat is the same job.
    pub request_id: String,
    /// At most [`MAX_BATCH`].
    pub numbers: Vec<E164>,
}

/// Work a backend accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The backend's id.
    pub id: String,
    /// The request it came from.
    pub request_id: String,
    /// Where it stands.
    pub status: JobStatus,
    /// Per number; numbers not yet done may be pending or missing.
    pub results: Vec<JobResult>,
    /// When to ask again, while it runs.
    pub retry_after: Option<Duration>,
}

/// Where a job stands. Open: a value not known here is kept as it came.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum JobStatus {
    /// Not begun.
    Pending,
    /// Running.
    InProgress,
    /// Every number succeeded.
    Complete,
    /// Done; some numbers failed.
    CompleteWithErrors,
    /// Done; nothing succeeded.
    Failed,
    /// The backend has given it up; what it did shows only in the numbers themselves.
    Expired,
    /// A value not known here; the job is taken to be running.
    Other(String),
}

impl JobStatus {
    /// True when nothing will change any more.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Complete | Self::CompleteWithErrors | Self::Failed | Self::Expired)
    }
}

impl From<String> for JobStatus {
    fn from(value: String) -> Self {
        match value.as_str() {
            "pending" => Self::Pending,
            "inProgress" => Self::InProgress,
            "complete" => Self::Complete,
            "completeWithErrors" => Self::CompleteWithErrors,
            "failed" => Self::Failed,
            "expired" => Self::Expired,
            _ => Self::Other(value),
        }
    }
}

/// What became of one number in a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobResult {
    /// The number.
    pub telephone_number: E164,
    /// What became of it.
    pub outcome: JobOutcome,
}

/// What became of one number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// Not decided yet.
    Pending,
    /// Done.
    Succeeded,
    /// Refused, in the backend's own words.
    Failed(ProvisioningError),
}

/// A number as the backend holds it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendNumber {
    /// The number.
    pub telephone_number: E164,
    /// Which service; an open string.
    #[serde(default)]
    pub service: String,
    /// `assigned` or `unassigned`; an open string.
    pub assignment_status: String,
    /// The settings it has.
    #[serde(default)]
    pub settings: TeamsSettings,
    /// The calling profile it has.
    #[serde(default)]
    pub calling_profile: Option<String>,
    /// What it can do.
    #[serde(default)]
    pub acquired_capabilities: Vec<String>,
    /// What it could do.
    #[serde(default)]
    pub available_capabilities: Vec<String>,
}
