//! All that Operator Connect holds.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::faults::Faults;
use super::jobs::{Job, JobId, Outcome, Terms};
use super::rules;
use super::tenant::{HeldNumber, NumberStatus, Tenant};
use super::wire::{Order, Refusal, Service};
use crate::domain::{E164, ProvisioningError, TenantId};
use crate::sandbox::clock;
use axum::http::StatusCode;

/// The longest a job can be made to run, in seconds.
const LONGEST_JOB: f64 = 86_400.0;

/// Every tenant, and who holds which number.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) tenants: BTreeMap<TenantId, Tenant>,
    pub(super) faults: Faults,
    holders: HashMap<E164, TenantId>,
    /// Numbers a running job will still change, with the job's id.
    busy: HashMap<E164, String>,
    /// The running jobs by the time of their next step.
    steps: BinaryHeap<Reverse<Step>>,
    jobs_started: u64,
    /// Grows with every change, so that a world that stays the same need not be written again.
    revision: u64,
}

/// The next step of a running job. The earliest comes first; the count keeps jobs of the same moment in order.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    due: Instant,
    count: u64,
    tenant: TenantId,
    job: String,
}

impl World {
    /// Returns how often something may have changed.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Returns a tenant that is about to change, made when first spoken of.
    pub(super) fn tenant(&mut self, id: &TenantId) -> &mut Tenant {
        self.revision += 1;
        self.tenants.entry(id.clone()).or_default()
    }

    /// Plays every step that was due by now.
    pub(super) fn advance(&mut self, now: Instant) {
        while let Some(Reverse(step)) = self.steps.pop() {
            if step.due > now {
                self.steps.push(Reverse(step));
                return;
            }
            let job = self.tenants.get(&step.tenant).and_then(|tenant| tenant.jobs.get(&step.job));
            let Some((job, (_, number))) = job.and_then(|job| Some((job, job.next()?))) else { continue };
            let terms = job.terms.clone();
            let outcome = self.play(&step.tenant, &step.job, number, terms);
            let Some(job) = self.tenant(&step.tenant).jobs.get_mut(&step.job) else { continue };
            job.outcomes.push(outcome);
            if let Some((due, _)) = job.next() {
                self.steps.push(Reverse(Step { due, ..step }));
            }
        }
    }

    /// Starts a job, or finds the one this request started before.
    pub(super) fn start(&mut self, tenant_id: &TenantId, order: Order, now: Instant) -> Result<&Job, Refusal> {
        self.advance(now);
        if let Some(number) = order.numbers.iter().find(|number| self.faults.refuse_batch_numbers.contains(number)) {
            return Err(Refusal::invalid(
                format!("The request holds a number that cannot be processed: {number}."),
                "numbers",
            ));
        }
        let earlier = self.tenants.get(tenant_id).and_then(|tenant| tenant.requests.get(&order.request_id));
        if let Some(job_id) = earlier {
            let job = self.job(tenant_id, job_id)?;
            if job.is_for(&order) {
                return Ok(job);
            }
            let message = "This requestId was used for another request.";
            return Err(Refusal::new(StatusCode::CONFLICT, "RequestIdConflict", message, Some("requestId")));
        }
        let id = clock::new_id();
        let duration = Duration::try_from_secs_f64(self.faults.job_seconds.min(LONGEST_JOB)).unwrap_or_default();
        let terms = order.upload.clone().map(|upload| {
            let (acquired, available) = rules::capabilities(&upload.settings);
            Arc::new(Terms { upload, acquired, available })
        });
        self.take_up(
            tenant_id,
            Job::new(JobId { id: id.clone(), count: self.jobs_started + 1 }, order, terms, now, duration),
        );
        self.advance(now);
        self.job(tenant_id, &id)
    }

    /// Takes up a job where it stands; it was started after all that were taken up before.
    pub(super) fn take_up(&mut self, tenant_id: &TenantId, job: Job) {
        self.jobs_started = job.count;
        for number in job.pending() {
            self.busy.entry(*number).or_insert_with(|| job.id.clone());
        }
        if let Some((due, _)) = job.next() {
            self.steps.push(Reverse(Step { due, count: job.count, tenant: tenant_id.clone(), job: job.id.clone() }));
        }
        let tenant = self.tenant(tenant_id);
        if job.order.upload.is_none() {
            for number in job.pending() {
                tenant.set_status(*number, NumberStatus::ReleaseRequested);
            }
        }
        tenant.requests.insert(job.order.request_id.clone(), job.id.clone());
        tenant.jobs.insert(job.id.clone(), job);
    }

    /// Takes in a tenant with the numbers it holds.
    pub(super) fn admit(&mut self, id: TenantId, tenant: Tenant) {
        self.holders.extend(tenant.numbers.keys().map(|number| (*number, id.clone())));
        self.tenants.insert(id, tenant);
    }

    /// Returns a job by its id.
    pub(super) fn job(&self, tenant: &TenantId, job_id: &str) -> Result<&Job, Refusal> {
        self.tenants.get(tenant).and_then(|tenant| tenant.jobs.get(job_id)).ok_or_else(no_such_job)
    }

    /// Returns a job by the request that started it.
    pub(super) fn job_of_request(&self, tenant: &TenantId, request_id: &str) -> Result<&Job, Refusal> {
        let job_id = self.tenants.get(tenant).and_then(|tenant| tenant.requests.get(request_id));
        self.job(tenant, job_id.ok_or_else(no_such_job)?)
    }

    /// Gives a number to a user, or takes it back, as the enterprise's administrator does. True when the tenant holds
    /// it, and it can be given to somebody.
    pub(super) fn assign(&mut self, tenant: &TenantId, number: E164, assigned: bool) -> bool {
        let held = self.tenant(tenant).numbers.get_mut(&number);
        held.filter(|held| !assigned || !held.status.is_being_removed())
            .map(|held| {
                held.changes += u32::from(held.assigned != assigned);
                held.assigned = assigned;
            })
            .is_some()
    }

    /// Takes a number from its tenant. True when the tenant held it.
    pub(super) fn take_away(&mut self, tenant_id: &TenantId, number: E164) -> bool {
        let tenant = self.tenant(tenant_id);
        let Some(held) = tenant.numbers.remove(&number) else { return false };
        tenant.released.insert(number, held.changes + 1);
        self.holders.remove(&number);
        true
    }

    /// Gives a number to a tenant, or new terms to one it has.
    pub(super) fn hand_out(&mut self, tenant_id: &TenantId, number: E164, terms: Arc<Terms>) {
        let tenant = self.tenant(tenant_id);
        let before = tenant.released.remove(&number).unwrap_or_default();
        if let Some(held) = tenant.numbers.get_mut(&number) {
            held.terms = terms;
            held.changes += 1;
        } else {
            let status = NumberStatus::Active;
            tenant.numbers.insert(number, HeldNumber { terms, assigned: false, status, changes: before + 1 });
        }
        self.holders.insert(number, tenant_id.clone());
    }

    /// Puts a number at a tenant without anybody having asked for it, whoever had it.
    pub(super) fn hold(&mut self, tenant_id: &TenantId, number: E164, terms: Arc<Terms>) {
        if let Some(holder) = self.holders.get(&number).filter(|holder| *holder != tenant_id).cloned() {
            self.take_away(&holder, number);
        }
        self.hand_out(tenant_id, number, terms);
    }

    fn play(&mut self, tenant: &TenantId, job_id: &str, number: E164, terms: Option<Arc<Terms>>) -> Outcome {
        let service = terms.as_ref().map_or(Service::OperatorConnect, |terms| terms.upload.service);
        match self.busy.get(&number) {
            Some(job) if job == job_id => {
                self.busy.remove(&number);
            }
            Some(_) => {
                let message = format!("Another job is still working on {number}.");
                return Err(Box::new(rules::error("NumberBusy", message, service)));
            }
            None => {}
        }
        let rejected = self.faults.reject_numbers.contains(&number);
        let Some(terms) = terms else {
            if rejected {
                self.tenant(tenant).set_status(number, NumberStatus::Active);
                let message = format!("The telephone number {number} cannot be released while it is being ported.");
                return Err(Box::new(rules::error("ReleaseNotAllowed", message, service)));
            }
            self.take_away(tenant, number);
            return Ok(());
        };
        if let Some(error) = self.refuse(tenant, number, &terms, rejected) {
            return Err(Box::new(error));
        }
        self.hand_out(tenant, number, terms);
        Ok(())
    }

    fn refuse(&mut self, tenant: &TenantId, number: E164, terms: &Terms, rejected: bool) -> Option<ProvisioningError> {
        let service = terms.upload.service;
        if rejected {
            let message = format!("The telephone number {number} is not valid in the numbering plan of its country.");
            return Some(rules::error("InvalidTelephoneNumber", message, service));
        }
        if let Some(code) = self.faults.entry_errors.get(&number) {
            return Some(rules::entry_error(code, number, service));
        }
        if self.holders.get(&number).is_some_and(|holder| holder != tenant) {
            let message = format!("The telephone number {number} is already in use by another tenant.");
            return Some(rules::error("NumberInUse", message, service));
        }
        rules::refuse_upload(self.tenant(tenant), &terms.upload, number)
    }
}

fn no_such_job() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "JobNotFound", "There is no such job.", None)
}
