//! What Operator Connect holds, as it is kept in a file over a restart. Faults are not kept.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::jobs::{Job, JobId, Outcome, Terms};
use super::rules;
use super::tenant::{ConsentAsSent, HeldNumber, NumberStatus, Tenant};
use super::wire::{Order, UploadTerms};
use super::world::World;
use crate::domain::{CivicAddress, E164, ProvisioningError, TenantId};

/// A world at one moment.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::sandbox) struct KeptWorld {
    /// Numbers and jobs name their terms by the place in this list.
    terms: Vec<UploadTerms>,
    tenants: BTreeMap<TenantId, KeptTenant>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptTenant {
    consent: Option<ConsentAsSent>,
    /// By request: the status and the comment that were asked for.
    relationship_requests: HashMap<String, (String, Option<String>)>,
    civic_addresses: BTreeMap<String, CivicAddress>,
    numbers: Vec<KeptNumber>,
    released: BTreeMap<E164, u32>,
    jobs: Vec<KeptJob>,
}

/// The number, its terms, whether it is assigned, how often its state changed, and how it stands: short, for there are many.
#[derive(Debug, Serialize, Deserialize)]
struct KeptNumber(E164, usize, bool, u32, #[serde(default)] NumberStatus);

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptJob {
    id: String,
    request_id: String,
    /// In which order jobs started, over all tenants.
    count: u64,
    /// `None` is a release.
    terms: Option<usize>,
    numbers: Vec<E164>,
    /// How many of the numbers are done.
    done: usize,
    /// By place among the numbers.
    errors: BTreeMap<usize, ProvisioningError>,
    ran_millis: u64,
    lasts_millis: u64,
}

/// Gives each terms a place, however many numbers share them.
#[derive(Default)]
struct Places {
    list: Vec<UploadTerms>,
    by_address: HashMap<*const Terms, usize>,
}

impl Places {
    fn place(&mut self, terms: &Arc<Terms>) -> usize {
        *self.by_address.entry(Arc::as_ptr(terms)).or_insert_with(|| {
            self.list.push(terms.upload.clone());
            self.list.len() - 1
        })
    }
}

impl World {
    /// Returns all that outlives a restart.
    pub(super) fn keep(&self, now: Instant) -> KeptWorld {
        let mut places = Places::default();
        let keep = |(id, tenant): (&TenantId, &Tenant)| (id.clone(), keep_tenant(tenant, &mut places, now));
        let tenants = self.tenants.iter().map(keep).collect();
        KeptWorld { terms: places.list, tenants }
    }

    /// Goes on where the kept world stopped: the time in between does not count for running jobs.
    pub(super) fn resume(kept: KeptWorld, now: Instant) -> Result<Self, &'static str> {
        let with_capabilities = |upload: UploadTerms| {
            let (acquired, available) = rules::capabilities(&upload.settings);
            Arc::new(Terms { upload, acquired, available })
        };
        let terms: Vec<Arc<Terms>> = kept.terms.into_iter().map(with_capabilities).collect();
        let mut world = Self::default();
        let mut jobs = Vec::new();
        for (id, tenant) in kept.tenants {
            let KeptTenant { consent, relationship_requests, civic_addresses, numbers, released, jobs: started } =
                tenant;
            let held = numbers.into_iter().map(|KeptNumber(number, place, assigned, changes, status)| {
                let terms = terms.get(place).map(Arc::clone).ok_or(NO_TERMS)?;
                Ok((number, HeldNumber { terms, assigned, status, changes }))
            });
            let numbers = held.collect::<Result<_, &'static str>>()?;
            for job in started {
                jobs.push((id.clone(), resume_job(job, &terms, now)?));
            }
            let tenant =
                Tenant { consent, relationship_requests, civic_addresses, numbers, released, ..Tenant::default() };
            world.admit(id, tenant);
        }
        jobs.sort_by_key(|(_, job)| job.count);
        for (tenant, job) in jobs {
            world.take_up(&tenant, job);
        }
        Ok(world)
    }
}

const NO_TERMS: &str = "it names terms that are not in it";

fn keep_tenant(tenant: &Tenant, places: &mut Places, now: Instant) -> KeptTenant {
    let number = |(number, held): (&E164, &HeldNumber)| {
        KeptNumber(*number, places.place(&held.terms), held.assigned, held.changes, held.status)
    };
    let numbers = tenant.numbers.iter().map(number).collect();
    KeptTenant {
        consent: tenant.consent.clone(),
        relationship_requests: tenant.relationship_requests.clone(),
        civic_addresses: tenant.civic_addresses.clone(),
        numbers,
        released: tenant.released.clone(),
        jobs: tenant.jobs.values().map(|job| keep_job(job, places, now)).collect(),
    }
}

fn keep_job(job: &Job, places: &mut Places, now: Instant) -> KeptJob {
    let failed = job.outcomes.iter().enumerate();
    let errors =
        failed.filter_map(|(place, outcome)| Some((place, outcome.as_ref().err()?.as_ref().clone()))).collect();
    let (ran, lasts) = job.progress(now);
    KeptJob {
        id: job.id.clone(),
        request_id: job.order.request_id.clone(),
        count: job.count,
        terms: job.terms.as_ref().map(|terms| places.place(terms)),
        numbers: job.order.numbers.clone(),
        done: job.outcomes.len(),
        errors,
        ran_millis: millis(ran),
        lasts_millis: millis(lasts),
    }
}

fn resume_job(kept: KeptJob, terms: &[Arc<Terms>], now: Instant) -> Result<Job, &'static str> {
    let KeptJob { id, request_id, count, terms: place, numbers, done, mut errors, ran_millis, lasts_millis } = kept;
    if done > numbers.len() {
        return Err("a job has more results than numbers");
    }
    let terms = place.map(|place| terms.get(place).map(Arc::clone).ok_or(NO_TERMS)).transpose()?;
    let upload = terms.as_ref().map(|terms| terms.upload.clone());
    let started = now.checked_sub(Duration::from_millis(ran_millis)).unwrap_or(now);
    let order = Order { request_id, upload, numbers };
    let mut job = Job::new(JobId { id, count }, order, terms, started, Duration::from_millis(lasts_millis));
    let outcome = |place| -> Outcome { errors.remove(&place).map_or(Ok(()), |error| Err(Box::new(error))) };
    job.outcomes.extend((0..done).map(outcome));
    Ok(job)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
