//! The outside systems that carry numbers: what each of them offers, and how it is asked.
//!
//! A [`Backend`] has a name, properties, perhaps a [`Directory`], and one of two manners of taking numbers. By job
//! ([`NumberJobs`]): a request starts a job that is followed and can be looked up by its request id. At once
//! ([`NumberWrites`]): the answer says what became of each number, and after a lost answer the numbers are read back.
//!
//! The wire of the first is written down in docs/operator-connect-backend.md. Nothing here knows what the product
//! stores; the sync engine compares and records.

mod answer;
pub mod contract;
mod job;
mod lenient;
pub mod operator_connect;
mod pages;
mod properties;
#[cfg(test)]
mod tests;
mod token;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{
    BackendInfo, CapabilityPlan, CivicAddress, Consent, CustomerRelationship, E164, ProvisioningError, Service,
    TeamsSettings, TenantId,
};

pub use job::{Job, JobStatus};
pub use lenient::Unread;
pub use operator_connect::{OperatorConnect, OperatorConnectOptions};
pub use pages::{Cursor, ListFault, Pages};
pub use properties::{JobPace, Properties, PullIntervals};

/// A backend that provisions numbers to enterprises.
#[derive(Clone)]
pub struct Backend {
    /// Its name, the services it carries, and which parts of its directory are used.
    pub info: BackendInfo,
    /// How it is treated.
    pub properties: Properties,
    /// What it knows of enterprises; a backend may know numbers only.
    pub directory: Option<Arc<dyn Directory>>,
    /// How it takes numbers.
    pub provisioning: Provisioning,
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend").field("info", &self.info).finish_non_exhaustive()
    }
}

/// The manner in which a backend takes numbers.
#[derive(Clone)]
pub enum Provisioning {
    /// A request starts a job.
    ByJob(Arc<dyn NumberJobs>),
    /// The answer to a request says what became of each number.
    AtOnce(Arc<dyn NumberWrites>),
}

impl Provisioning {
    /// The list of numbers, which both manners have.
    #[must_use]
    pub fn numbers_page<'a>(&'a self, tenant: &'a TenantId, cursor: &'a Cursor) -> Answering<'a, Page<BackendNumber>> {
        match self {
            Self::ByJob(jobs) => jobs.numbers_page(tenant, cursor),
            Self::AtOnce(writes) => writes.numbers_page(tenant, cursor),
        }
    }
}

/// What a question to a backend gives.
pub type Answer<T> = Result<T, BackendError>;
/// A question to a backend that is on its way.
pub type Answering<'a, T> = Pin<Box<dyn Future<Output = Answer<T>> + Send + 'a>>;

/// What a backend knows of enterprises. Only what [`BackendInfo::offers`] names is asked for; a list is read with
/// [`Pages`], which ends whatever comes.
pub trait Directory: Send + Sync {
    /// One page of the consents given to this operator.
    fn consents_page<'a>(&'a self, cursor: &'a Cursor) -> Answering<'a, Page<Consent>>;

    /// Tells the enterprise where it stands with the operator. A repeat with the same request id is done once.
    fn update_relationship<'a>(
        &'a self,
        tenant: &'a TenantId,
        update: &'a RelationshipUpdate,
    ) -> Answering<'a, CustomerRelationship>;

    /// The usages and capabilities a tenant's numbers may have.
    fn capability_plans<'a>(&'a self, tenant: &'a TenantId) -> Answering<'a, Vec<CapabilityPlan>>;

    /// One page of a tenant's civic addresses.
    fn civic_addresses_page<'a>(
        &'a self,
        tenant: &'a TenantId,
        cursor: &'a Cursor,
    ) -> Answering<'a, Page<CivicAddress>>;
}

/// What both manners of taking numbers have in common.
pub trait NumberList: Send + Sync {
    /// One page of the numbers a tenant holds, ordered by number.
    fn numbers_page<'a>(&'a self, tenant: &'a TenantId, cursor: &'a Cursor) -> Answering<'a, Page<BackendNumber>>;
}

/// Numbers are taken by jobs. A repeat with the same request id is the same job.
pub trait NumberJobs: NumberList {
    /// Starts an upload of numbers with the same settings, as many as [`Properties::batch_size`] at most.
    fn upload<'a>(&'a self, request: &'a UploadRequest) -> Answering<'a, Job>;

    /// Starts a release of as many numbers at most, unassigning first where needed.
    fn release<'a>(&'a self, request: &'a ReleaseRequest) -> Answering<'a, Job>;

    /// How a job stands.
    fn job<'a>(&'a self, tenant: &'a TenantId, job_id: &'a str) -> Answering<'a, Job>;

    /// The job of a request, `None` when the backend never saw the request: ask this before sending again.
    fn find_job<'a>(&'a self, tenant: &'a TenantId, request_id: &'a str) -> Answering<'a, Option<Job>>;
}

/// Numbers are taken at once. Nothing recognises a repeat: whether a request whose answer was lost was done shows only in
/// the numbers.
pub trait NumberWrites: NumberList {
    /// Gives numbers to a tenant or new settings to numbers it holds, as many as [`Properties::batch_size`] at most.
    fn write<'a>(&'a self, request: &'a UploadRequest) -> Answering<'a, Vec<NumberResult>>;

    /// Takes as many numbers back at most.
    fn remove<'a>(&'a self, request: &'a ReleaseRequest) -> Answering<'a, Vec<NumberResult>>;

    /// Those of these numbers that the tenant holds now. One that is not in the answer is surely not there.
    fn read_back<'a>(&'a self, tenant: &'a TenantId, numbers: &'a [E164]) -> Answering<'a, Vec<BackendNumber>>;
}

/// Why a question to a backend gave nothing.
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
    /// What of the items could not be read, a few of them named.
    pub unread: Vec<Unread>,
    /// How much of them could not be read.
    pub unread_count: usize,
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
    /// Stable id of this push.
    pub request_id: String,
    /// Which service.
    pub service: Service,
    /// The calling profile, where the operator has more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calling_profile: Option<String>,
    /// Their settings.
    pub settings: TeamsSettings,
    /// The numbers.
    pub numbers: Vec<E164>,
}

/// Numbers to take back from an enterprise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseRequest {
    /// The enterprise.
    #[serde(skip)]
    pub tenant: TenantId,
    /// Stable id of this push.
    pub request_id: String,
    /// The numbers.
    pub numbers: Vec<E164>,
}

/// What became of one number of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberResult {
    /// The number.
    pub telephone_number: E164,
    /// What became of it.
    pub outcome: NumberOutcome,
}

/// What became of one number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NumberOutcome {
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
    #[serde(default)]
    pub assignment_status: String,
    /// The settings it has.
    #[serde(default)]
    pub settings: TeamsSettings,
    /// The calling profile it has.
    #[serde(default)]
    pub calling_profile: Option<String>,
    /// `Active`, or how far it is on its way out; an open string.
    #[serde(default)]
    pub acquired_number_status: Option<String>,
    /// What it can do.
    #[serde(default)]
    pub acquired_capabilities: Vec<String>,
    /// What it could do.
    #[serde(default)]
    pub available_capabilities: Vec<String>,
}
