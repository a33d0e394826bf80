//! Jobs of a backend.

use std::time::Duration;

use serde::Deserialize;

use super::NumberResult;

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
    pub results: Vec<NumberResult>,
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
