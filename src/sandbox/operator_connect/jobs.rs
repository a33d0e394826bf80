//! Jobs: numbers done one by one over time.
//!
//! No timer runs: whoever looks first plays all the steps that were due by now, in the order of their time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::wire::{Order, UploadTerms};
use crate::domain::{E164, ProvisioningError};

/// The longest a caller is asked to wait between two looks at a job, in seconds.
const LONGEST_WAIT: u64 = 5;

/// Work accepted from the operator.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: String,
    /// In which order jobs started, over all tenants.
    pub(super) count: u64,
    pub(super) order: Order,
    pub(super) terms: Option<Arc<Terms>>,
    started: Instant,
    duration: Duration,
    /// One for each number that is done, in the order of the request.
    pub(super) outcomes: Vec<Outcome>,
}

/// What tells a job from others.
pub(super) struct JobId {
    pub(super) id: String,
    /// In which order jobs started, over all tenants.
    pub(super) count: u64,
}

/// What became of a number; the error is boxed, since most succeed.
pub(super) type Outcome = Result<(), Box<ProvisioningError>>;

/// What all numbers of one upload have in common.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) upload: UploadTerms,
    pub(super) acquired: Vec<String>,
    pub(super) available: Vec<String>,
}

impl Job {
    /// Makes a job with nothing done yet.
    pub(super) fn new(
        JobId { id, count }: JobId,
        order: Order,
        terms: Option<Arc<Terms>>,
        started: Instant,
        duration: Duration,
    ) -> Self {
        let outcomes = Vec::with_capacity(order.numbers.len());
        Self { id, count, order, terms, started, duration, outcomes }
    }

    /// Returns how long it has run, and how long it runs in all.
    pub(super) fn progress(&self, now: Instant) -> (Duration, Duration) {
        (now.saturating_duration_since(self.started).min(self.duration), self.duration)
    }

    /// Returns the numbers that are still to be done.
    pub(super) fn pending(&self) -> &[E164] {
        self.order.numbers.get(self.outcomes.len()..).unwrap_or_default()
    }

    /// Returns the next number to do and when; `None` when the job is done.
    pub(super) fn next(&self) -> Option<(Instant, E164)> {
        let number = self.order.numbers.get(self.outcomes.len())?;
        let (step, steps) =
            (u32::try_from(self.outcomes.len() + 1).ok()?, u32::try_from(self.order.numbers.len()).ok()?);
        Some((self.started + self.duration * step / steps, *number))
    }

    /// True for the same request once more.
    pub(super) fn is_for(&self, order: &Order) -> bool {
        self.order.upload == order.upload && self.order.numbers == order.numbers
    }

    pub(super) fn is_done(&self) -> bool {
        self.outcomes.len() == self.order.numbers.len()
    }

    /// Returns the whole seconds after which it is worth asking again.
    pub(super) fn retry_after(&self, now: Instant) -> Option<u64> {
        let left = (self.started + self.duration).saturating_duration_since(now);
        (!self.is_done()).then(|| (left.as_secs() + 1).min(LONGEST_WAIT))
    }

    /// Returns the job as the protocol writes it.
    pub(super) fn view(&self) -> JobView<'_> {
        let done = self.outcomes.iter().zip(&self.order.numbers).map(|(outcome, number)| match outcome {
            Ok(()) => ResultView { telephone_number: *number, status: "succeeded", error: None },
            Err(error) => ResultView { telephone_number: *number, status: "failed", error: Some(error) },
        });
        let pending = self.pending().iter().map(|number| ResultView {
            telephone_number: *number,
            status: "pending",
            error: None,
        });
        JobView {
            id: &self.id,
            request_id: &self.order.request_id,
            kind: if self.order.upload.is_some() { "upload" } else { "release" },
            status: self.status(),
            results: done.chain(pending).collect(),
        }
    }

    fn status(&self) -> &'static str {
        let failed = self.outcomes.iter().filter(|outcome| outcome.is_err()).count();
        match (self.is_done(), self.outcomes.len(), failed) {
            (false, 0, _) => "pending",
            (false, ..) => "inProgress",
            (true, _, 0) => "complete",
            (true, all, failed) if all == failed => "failed",
            (true, ..) => "completeWithErrors",
        }
    }
}

/// A job on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobView<'a> {
    id: &'a str,
    request_id: &'a str,
    kind: &'static str,
    status: &'static str,
    results: Vec<ResultView<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultView<'a> {
    telephone_number: E164,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a ProvisioningError>,
}
