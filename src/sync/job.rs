//! Following a job of the backend: recording its results, asking again, and giving it up when it does not end.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::PoisonError;

use time::{Duration, OffsetDateTime};
use tokio::time::Instant;

use super::push::Round;
use super::{Engine, Stop, interval};
use crate::backend::{BackendNumber, Job, JobPace, JobStatus, NumberOutcome, NumberResult, Pages};
use crate::domain::field::counted;
use crate::domain::{E164, Leaving, NumberSettings, OrderKind, ProvisioningError, Service};
use crate::store::{Claim, Lane, Push, PushOutcome, Tx};

/// A job is asked about after this part of the time it has run.
const PART: i32 = 8;
/// A job that has run so long is slow, and people are told.
const SLOW: Duration = Duration::minutes(10);
/// Numbers are read back for so long at most.
const READ_BACK: std::time::Duration = std::time::Duration::from_mins(5);

/// What became of numbers.
pub(super) type Results = HashMap<E164, Result<(), ProvisioningError>>;

/// What is decided of the numbers that a push carries.
pub(super) fn decided(results: &[NumberResult], carried: &BTreeSet<E164>) -> Results {
    let of_push = results.iter().filter(|result| carried.contains(&result.telephone_number));
    of_push
        .filter_map(|result| match &result.outcome {
            NumberOutcome::Pending => None,
            NumberOutcome::Succeeded => Some((result.telephone_number, Ok(()))),
            NumberOutcome::Failed(error) => Some((result.telephone_number, Err(error.clone()))),
        })
        .collect()
}

impl Engine {
    /// Records what the backend says of a job so far.
    pub(super) async fn follow(&self, claim: &Claim, push: &Push, job: &Job) -> Result<Round, Stop> {
        let carried: BTreeSet<E164> = {
            let mut tx = self.ctx.db.read().await?;
            tx.push_numbers(push.id).await?.into_iter().collect()
        };
        let mut results = decided(&job.results, &carried);
        let known = results.len();
        let open: BTreeSet<E164> = carried.into_iter().filter(|number| !results.contains_key(number)).collect();
        let has_expired = job.status == JobStatus::Expired || self.is_over_time(push);
        if has_expired && !open.is_empty() {
            let (proved, is_whole) = self.read_back(push, &open).await?;
            results.extend(open.iter().map(|number| {
                let result = if proved.contains(number) { Ok(()) } else { Err(job_expired(&job.status, is_whole)) };
                (*number, result)
            }));
        } else if job.status.is_done() {
            results.extend(open.into_iter().map(|number| (number, Err(no_result()))));
        }
        let mut tx = self.begin(claim).await?;
        let now = self.ctx.clock.now();
        let finished = self.record(&mut tx, push, &results).await?;
        if results.len() > known {
            // The backend may have done more than it told.
            tx.looked_at(&self.info().name, &push.tenant_id, None).await?;
            self.want_list(&mut tx, push.tenant_id.as_str()).await?;
        }
        let pace = &self.properties().jobs;
        let poll_at = now + poll_pause(pace, now - push.job_since.unwrap_or(now), job.retry_after);
        if !finished {
            tx.push_has_job(push.id, &job.id, now, poll_at).await?;
        }
        tx.commit().await?;
        if finished {
            self.shared.slow_jobs.lock().unwrap_or_else(PoisonError::into_inner).remove(&push.id);
            return Ok(Round::Again);
        }
        Ok(Round::Then(poll_at, self.slow_job(push, now)))
    }

    /// Records what became of numbers of a push; tells whether it carries none any more, and is ended.
    pub(super) async fn record(&self, tx: &mut Tx, push: &Push, results: &Results) -> Result<bool, Stop> {
        let (mut done, mut failed) = (Vec::new(), BTreeMap::<i64, Vec<E164>>::new());
        // What the push carries may have changed since it was read.
        for number in tx.push_numbers(push.id).await? {
            match results.get(&number) {
                None => {}
                Some(Ok(())) => done.push(number),
                Some(Err(error)) => {
                    let cause = tx.intern_error(&push.blamed(error.without_number(number))).await?;
                    failed.entry(cause).or_default().push(number);
                }
            }
        }
        let failed = failed.iter().map(|(error, numbers)| (PushOutcome::Refused(*error), numbers.as_slice()));
        let outcomes: Vec<_> = std::iter::once((PushOutcome::Done, done.as_slice())).chain(failed).collect();
        let recorded = tx.record_outcomes(push, &outcomes, self.ctx.clock.now()).await?;
        self.hand_to(tx, &recorded.receivers).await?;
        self.audit_replaced(tx, push, &recorded.replaced).await?;
        let finished = tx.end_push_if_empty(push.id).await?;
        if finished {
            self.let_account_go(tx, push.account_id).await?;
        }
        Ok(finished)
    }

    /// Whether the job was known longer than any may take.
    pub(super) fn is_over_time(&self, push: &Push) -> bool {
        push.job_since.is_some_and(|since| self.ctx.clock.now() - since >= self.job_time_out())
    }

    fn job_time_out(&self) -> Duration {
        interval(self.properties().jobs.time_out)
    }

    /// What people read of a job that takes long. The log says it once.
    pub(super) fn slow_job(&self, push: &Push, now: OffsetDateTime) -> Option<String> {
        let ran = now - push.job_since?;
        if ran < SLOW {
            return None;
        }
        if self.shared.slow_jobs.lock().unwrap_or_else(PoisonError::into_inner).insert(push.id) {
            tracing::warn!(
                push.id,
                job.id = push.job_id,
                minutes = ran.whole_minutes(),
                "a job of the backend takes long"
            );
        }
        Some(format!(
            "The backend has been at work on a job for {}. After {} it is given up, and the numbers are read back.",
            counted(ran.whole_minutes(), "minute", "minutes"),
            counted(self.job_time_out().whole_minutes(), "minute", "minutes"),
        ))
    }

    /// The numbers of these that are at the backend as the push wants them, by what the backend lists of the tenant, and
    /// whether that list was read to its end.
    async fn read_back(&self, push: &Push, numbers: &BTreeSet<E164>) -> Result<(BTreeSet<E164>, bool), Stop> {
        let settings = self.ctx.db.read().await?.settings(push.settings_id).await?.unwrap_or_default();
        let takes_back = push.kind == OrderKind::Release;
        let wanted = push.service.map(|service| (service, settings.part(service)));
        let (mut pages, began) = (Pages::default(), Instant::now());
        let (mut listed, mut alike) = (BTreeSet::new(), BTreeSet::new());
        while let Some(cursor) = pages.next() {
            if began.elapsed() > READ_BACK {
                pages.leave();
                break;
            }
            for held in pages.take(self.numbers_page(Lane::Pulls, &push.tenant_id, &cursor).await?) {
                let number = held.telephone_number;
                if numbers.contains(&number) {
                    listed.insert(number);
                    if wanted.as_ref().is_some_and(|(service, part)| is_as_wanted(held, *service, part)) {
                        alike.insert(number);
                    }
                }
            }
        }
        let is_whole = pages.is_whole();
        let proved = match (takes_back, is_whole) {
            (false, _) => alike,
            (true, true) => numbers.difference(&listed).copied().collect(),
            // A number that was not in a list that broke off may still be there.
            (true, false) => BTreeSet::new(),
        };
        Ok((proved, is_whole))
    }
}

/// Whether a number has at the backend what an upload gave it for a service, and is to stay there.
pub(super) fn is_as_wanted(held: BackendNumber, service: Service, settings: &NumberSettings) -> bool {
    let is = NumberSettings { teams: held.settings, ..NumberSettings::default() }.normalised().teams;
    let wanted = NumberSettings { teams: settings.teams.clone(), ..NumberSettings::default() }.normalised().teams;
    let leaving = held.acquired_number_status.as_deref().and_then(Leaving::from_status);
    held.service == service.key()
        && leaving.is_none()
        && is == wanted
        && (settings.calling_profile.is_none() || settings.calling_profile == held.calling_profile)
}

/// When a job that has run so long is asked about again: the longer it runs the later, and not before the backend wants it.
fn poll_pause(pace: &JobPace, ran: Duration, retry_after: Option<std::time::Duration>) -> Duration {
    let asked = retry_after.and_then(|after| Duration::try_from(after).ok()).unwrap_or_default();
    (ran / PART).max(asked).min(interval(pace.longest_poll)).max(interval(pace.shortest_poll))
}

/// What stands for a job of which the backend says nothing any more.
pub(super) fn given_up(push: &Push) -> Job {
    Job {
        id: push.job_id.clone().unwrap_or_default(),
        request_id: push.request_id.clone(),
        status: JobStatus::Expired,
        results: Vec::new(),
        retry_after: None,
    }
}

pub(super) fn no_result() -> ProvisioningError {
    let message = "The backend finished the job without saying what became of this number.";
    ProvisioningError::new("NoResult", message, None)
}

fn job_expired(status: &JobStatus, is_whole: bool) -> ProvisioningError {
    let why = match status {
        JobStatus::Expired => "The backend gave the job up".to_owned(),
        JobStatus::Other(status) => {
            format!("The backend did not finish the job in time (its last status was \u{201c}{status}\u{201d})")
        }
        _ => "The backend did not finish the job in time".to_owned(),
    };
    let found = if is_whole {
        "its list of numbers does not show this one as it should be"
    } else {
        "its list of numbers could not be read to the end"
    };
    ProvisioningError::new("JobExpired", format!("{why}, and {found}."), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_to_go_is_not_as_wanted() {
        let held = |status: Option<&str>| BackendNumber {
            acquired_number_status: status.map(str::to_owned),
            ..serde_json::from_str(r#"{"telephoneNumber":"+441632960000","service":"operatorConnect"}"#).unwrap()
        };
        let is_wanted = |status| is_as_wanted(held(status), Service::OperatorConnect, &NumberSettings::default());
        assert_eq!([None, Some("Active"), Some("ReleaseRequested")].map(is_wanted), [true, true, false]);
    }

    #[test]
    fn a_job_is_asked_about_less_and_less_often() {
        let pace = JobPace::default();
        let pause = |ran: i64, after| poll_pause(&pace, Duration::seconds(ran), after).whole_milliseconds();
        assert_eq!(
            [-3_600, 0, 4, 16, 80, 240, 100_000].map(|ran| pause(ran, None)),
            [1_000, 1_000, 1_000, 2_000, 10_000, 30_000, 30_000]
        );
        let asked = |seconds| Some(std::time::Duration::from_secs(seconds));
        assert_eq!([0, 5, 900].map(|seconds| pause(80, asked(seconds))), [10_000, 10_000, 30_000]);
        assert_eq!([0, 5, 900].map(|seconds| pause(0, asked(seconds))), [1_000, 5_000, 30_000]);
    }
}
