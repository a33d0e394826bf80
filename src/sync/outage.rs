//! Whether the backend answers: noticed at every call, so that what sleeps is woken when it is back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::backend::{
    Answer, Backend, BackendError, BackendNumber, Cursor, Job, Page, RelationshipUpdate, ReleaseRequest, UploadRequest,
};
use crate::domain::{CapabilityPlan, CivicAddress, Consent, CustomerRelationship, TenantId};
use crate::store::Lane;

/// So many calls in a row without an answer mean that the backend is away.
const AWAY: u32 = 3;
/// The longest time until one of the sleepers tries whether the backend is back.
const LONGEST_PROBE: Duration = Duration::from_secs(30);

/// A backend whose every call tells the [`Outage`] how it went.
#[derive(Debug)]
pub(super) struct Watched<B> {
    backend: Arc<B>,
    pub(super) outage: Arc<Outage>,
}

impl<B> Clone for Watched<B> {
    fn clone(&self) -> Self {
        Self { backend: Arc::clone(&self.backend), outage: Arc::clone(&self.outage) }
    }
}

/// What is known of the backend's answers, lane by lane: one that refuses to list may still take numbers.
#[derive(Debug, Default)]
pub(super) struct Outage {
    pushes: Mutex<Calls>,
    pulls: Mutex<Calls>,
    /// Told when a lane is back.
    pub(super) back: Notify,
}

/// The calls of one lane.
#[derive(Debug, Default)]
struct Calls {
    /// Calls in a row without an answer.
    failures: u32,
    /// Since when, and why the last of them failed.
    away: Option<(Instant, String)>,
    /// When one of the sleepers is to try, and how often that was done.
    probe: Option<Instant>,
    probes: u32,
    /// It answered after it was away, and nobody has woken the sleepers yet.
    is_back: bool,
}

impl Outage {
    fn calls(&self, lane: Lane) -> MutexGuard<'_, Calls> {
        let calls = match lane {
            Lane::Pushes => &self.pushes,
            Lane::Pulls => &self.pulls,
        };
        calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note<T>(&self, lane: Lane, answer: &Answer<T>) {
        match answer {
            Ok(_) | Err(BackendError::Rejected(_)) => self.answered(lane),
            Err(BackendError::Retry { reason, .. }) => self.failed(lane, reason, Instant::now()),
        }
    }

    fn failed(&self, lane: Lane, reason: &str, now: Instant) {
        let mut calls = self.calls(lane);
        calls.failures = calls.failures.saturating_add(1);
        let since = calls.away.as_ref().map_or(now, |(since, _)| *since);
        calls.away = Some((since, reason.to_owned()));
        if calls.probe.is_none() && calls.failures >= AWAY {
            calls.probe = Some(now + probe_pause(0));
        }
    }

    fn answered(&self, lane: Lane) {
        let mut calls = self.calls(lane);
        if calls.failures > 0 {
            let is_back = calls.is_back || calls.failures >= AWAY;
            *calls = Calls { is_back, ..Calls::default() };
            if is_back {
                self.back.notify_one();
            }
        }
    }

    /// Whether the lane has come back since this was asked last.
    pub(super) fn is_back(&self, lane: Lane) -> bool {
        std::mem::take(&mut self.calls(lane).is_back)
    }

    /// Whether it is time that one of those that sleep in this lane tries.
    pub(super) fn is_probe_due(&self, lane: Lane, now: Instant) -> bool {
        let mut calls = self.calls(lane);
        let due = calls.probe.is_some_and(|at| at <= now);
        if due {
            calls.probes = calls.probes.saturating_add(1);
            calls.probe = Some(now + probe_pause(calls.probes));
        }
        due
    }

    /// Since when the backend has not answered in a lane, and why the last call failed; nothing while it answers.
    pub(super) fn away(&self, lane: Lane) -> Option<(Duration, String)> {
        let calls = self.calls(lane);
        let (since, reason) = calls.away.as_ref().filter(|_| calls.failures >= AWAY)?;
        Some((since.elapsed(), reason.clone()))
    }
}

/// Doubling from two seconds to half a minute, with jitter.
fn probe_pause(probes: u32) -> Duration {
    Duration::from_secs(2 << probes.min(4)).min(LONGEST_PROBE).mul_f64(rand::random_range(0.5..=1.0))
}

impl<B: Backend> Watched<B> {
    pub(super) fn new(backend: Arc<B>) -> Self {
        Self { backend, outage: Arc::default() }
    }

    async fn watch<T>(&self, lane: Lane, call: impl Future<Output = Answer<T>> + Send) -> Answer<T> {
        let answer = call.await;
        self.outage.note(lane, &answer);
        answer
    }
}

impl<B: Backend> Backend for Watched<B> {
    async fn consents_page(&self, cursor: &Cursor) -> Answer<Page<Consent>> {
        self.watch(Lane::Pulls, self.backend.consents_page(cursor)).await
    }

    async fn update_relationship(
        &self,
        tenant: &TenantId,
        update: &RelationshipUpdate,
    ) -> Answer<CustomerRelationship> {
        self.watch(Lane::Pushes, self.backend.update_relationship(tenant, update)).await
    }

    async fn capability_plans(&self, tenant: &TenantId) -> Answer<Vec<CapabilityPlan>> {
        self.watch(Lane::Pulls, self.backend.capability_plans(tenant)).await
    }

    async fn civic_addresses_page(&self, tenant: &TenantId, cursor: &Cursor) -> Answer<Page<CivicAddress>> {
        self.watch(Lane::Pulls, self.backend.civic_addresses_page(tenant, cursor)).await
    }

    async fn upload(&self, request: &UploadRequest) -> Answer<Job> {
        self.watch(Lane::Pushes, self.backend.upload(request)).await
    }

    async fn release(&self, request: &ReleaseRequest) -> Answer<Job> {
        self.watch(Lane::Pushes, self.backend.release(request)).await
    }

    async fn job(&self, tenant: &TenantId, job_id: &str) -> Answer<Job> {
        self.watch(Lane::Pushes, self.backend.job(tenant, job_id)).await
    }

    async fn find_job(&self, tenant: &TenantId, request_id: &str) -> Answer<Option<Job>> {
        self.watch(Lane::Pushes, self.backend.find_job(tenant, request_id)).await
    }

    async fn numbers_page(&self, tenant: &TenantId, cursor: &Cursor) -> Answer<Page<BackendNumber>> {
        self.watch(Lane::Pulls, self.backend.numbers_page(tenant, cursor)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_answer_after_several_without_one_is_news_once() {
        let outage = Outage::default();
        for _ in 0..AWAY {
            assert!(outage.away(Lane::Pushes).is_none());
            outage.failed(Lane::Pushes, "no connection", Instant::now());
        }
        assert_eq!(outage.away(Lane::Pushes).unwrap().1, "no connection");
        assert!(outage.away(Lane::Pulls).is_none(), "the other lane is not concerned");
        assert!(!outage.is_back(Lane::Pushes));
        outage.answered(Lane::Pushes);
        outage.answered(Lane::Pushes);
        assert!(outage.is_back(Lane::Pushes) && !outage.is_back(Lane::Pushes));
        assert!(outage.away(Lane::Pushes).is_none());
    }

    #[test]
    fn a_call_that_fails_now_and_then_wakes_nobody() {
        let outage = Outage::default();
        for _ in 0..100 {
            outage.failed(Lane::Pushes, "status 500", Instant::now());
            outage.answered(Lane::Pushes);
        }
        assert!(!outage.is_back(Lane::Pushes) && !outage.is_probe_due(Lane::Pushes, Instant::now()));
    }

    #[test]
    fn while_the_backend_is_away_a_sleeper_tries_at_least_every_half_minute() {
        let outage = Outage::default();
        for _ in 0..AWAY {
            outage.failed(Lane::Pushes, "no connection", Instant::now());
        }
        let began = Instant::now();
        let probes =
            (0..600).filter(|second| outage.is_probe_due(Lane::Pushes, began + Duration::from_secs(*second))).count();
        assert!((20..=60).contains(&probes), "{probes} in ten minutes");
    }
}
