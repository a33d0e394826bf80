//! The sync engine: makes the outside world match what is stored, and records what the outside says.
//!
//! Each backend has an engine of its own, with workers, schedules and an idea of whether the backend answers, so that one
//! that is away keeps nobody from the others. They meet in the database only.
//!
//! Work is claimed by lease in a short transaction, never held over a call. What is sent is written down first; after a
//! lost answer the backend is asked what it knows before anything is sent again. Every write for a claim begins by
//! proving that the claim is still ours, so a worker that comes back from the dead records nothing.

mod at_once;
mod claim;
mod compare;
mod engines;
mod health;
mod housekeeping;
mod job;
mod observe;
mod outage;
mod pace;
mod pull;
mod push;
mod reconcile;
mod relationship;
mod replaced;

use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use time::{Duration, OffsetDateTime};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backend::{Backend, BackendError, Properties};
use crate::domain::BackendInfo;
use crate::service::Ctx;
use crate::store::{self, Again, Claim, Lane, WorkKind, micros};

pub use engines::{Engines, Workers};
use health::Health;
use outage::Watched;

/// How long a claim lasts without a sign of life.
const LEASE: Duration = Duration::seconds(30);
/// How often a worker gives a sign of life.
const HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(10);
/// The longest a worker sleeps when nothing wakes it.
const SLOW_POLL: std::time::Duration = std::time::Duration::from_secs(5);
/// The shortest pause of a worker that found nothing.
const SHORTEST_PAUSE: std::time::Duration = std::time::Duration::from_millis(20);
/// The longest pause between two tries.
const LONGEST_BACKOFF: Duration = Duration::minutes(15);
/// The shortest time between two tries, whatever the backend or a person asks for.
const SHORTEST_BACKOFF: Duration = Duration::SECOND;
/// A clock that is so many microseconds behind what it said before was set back.
const CLOCK_SLACK: i64 = 1_000_000;

/// How the engines of one process work.
#[derive(Clone, Copy, Debug)]
pub struct SyncOptions {
    /// Requests of one account to a backend under way at a time.
    pub pushes_at_once: usize,
    /// Accounts and relationships sent to a backend at the same time by this process.
    pub push_workers: usize,
    /// Lists pulled from a backend at the same time by this process.
    pub pull_workers: usize,
}

impl Default for SyncOptions {
    fn default() -> Self {
        Self { pushes_at_once: 4, push_workers: 8, pull_workers: 4 }
    }
}

/// What makes one backend match what is stored.
#[derive(Clone, Debug)]
pub struct Engine {
    ctx: Ctx,
    backend: Watched,
    options: SyncOptions,
    shared: Arc<Shared>,
}

/// What the workers of one engine have in common.
#[derive(Debug, Default)]
struct Shared {
    wake_pushes: Notify,
    wake_pulls: Notify,
    health: Health,
    /// The latest time that was seen on the clock, in microseconds.
    latest: AtomicI64,
    /// Pushes whose job takes so long that it was said.
    slow_jobs: Mutex<HashSet<i64>>,
}

impl Shared {
    const fn wake(&self, lane: Lane) -> &Notify {
        match lane {
            Lane::Pushes => &self.wake_pushes,
            Lane::Pulls => &self.wake_pulls,
        }
    }
}

/// Why a piece of work ended early.
#[derive(Debug)]
enum Stop {
    /// To be tried again; the reason is shown to people.
    Retry {
        /// What went wrong.
        reason: String,
        /// How long the backend asked to be left alone.
        after: Option<std::time::Duration>,
    },
    /// Another worker has taken over; nothing more may be recorded.
    Fenced,
}

impl From<store::Error> for Stop {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Fenced => Self::Fenced,
            error => {
                tracing::warn!(%error, "the database kept the sync engine from its work");
                Self::Retry { reason: "Our own database did not answer.".into(), after: None }
            }
        }
    }
}

impl From<BackendError> for Stop {
    fn from(error: BackendError) -> Self {
        match error {
            BackendError::Retry { after, reason } => Self::Retry { reason, after },
            BackendError::Rejected(error) => {
                Self::Retry { reason: format!("{}: {}", error.code, error.message), after: None }
            }
        }
    }
}

/// When work that went well is due again.
enum Next {
    /// When somebody wants it.
    WhenWanted,
    /// Then: the work is done for now.
    DoneUntil(OffsetDateTime),
    /// Then: the work is not finished. With what people should know meanwhile.
    Unfinished(OffsetDateTime, Option<String>),
    /// Then: the backend made it impossible to do it all, for this reason.
    InPart(OffsetDateTime, &'static str),
}

/// What a worker found when it looked for work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There was a piece of work, and it is done.
    Done,
    /// Nothing is due before this time, as far as is known. Where the time is past, somebody else was quicker.
    NothingUntil(Option<OffsetDateTime>),
}

impl Engine {
    /// Puts the parts together.
    #[must_use]
    pub fn new(ctx: Ctx, backend: Backend, options: SyncOptions) -> Self {
        Self { ctx, backend: Watched::new(backend), options, shared: Arc::default() }
    }

    /// The backend as everybody knows it.
    const fn info(&self) -> &BackendInfo {
        &self.backend.backend.info
    }

    const fn properties(&self) -> &Properties {
        &self.backend.backend.properties
    }

    /// Starts the workers. They finish what they are recording when they are told to stop, and give their claims back.
    fn start(&self, stop: &CancellationToken, tasks: &TaskTracker) -> Vec<AbortHandle> {
        let begun = CancellationToken::new();
        let worker = |lane| {
            let (engine, stop, begun) = (self.clone(), stop.clone(), begun.clone());
            tasks
                .spawn(async move {
                    if stop.run_until_cancelled(begun.cancelled()).await.is_some() {
                        engine.work(lane, &stop).await;
                    }
                })
                .abort_handle()
        };
        let pushes = (0..self.options.push_workers.max(1)).map(|_| worker(Lane::Pushes));
        let pulls = (0..self.options.pull_workers.max(1)).map(|_| worker(Lane::Pulls));
        let (engine, stop, begun) = (self.clone(), stop.clone(), begun.clone());
        let house = tasks.spawn(async move { engine.keep_house(&stop, &begun).await }).abort_handle();
        pushes.chain(pulls).chain([house]).collect()
    }

    fn wake(&self) {
        for lane in Lane::ALL {
            self.shared.wake(lane).notify_one();
        }
    }

    async fn work(&self, lane: Lane, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            match self.step_in(lane, stop).await {
                Ok(Step::Done) => {}
                Ok(Step::NothingUntil(next)) => {
                    let pause = self.pause(next);
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = self.shared.wake(lane).notified() => {}
                        () = tokio::time::sleep(pause) => {}
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the sync engine could not claim work");
                    let _ = stop.run_until_cancelled(tokio::time::sleep(SLOW_POLL)).await;
                }
            }
        }
    }

    /// Until the next piece of work is due, at most [`SLOW_POLL`].
    fn pause(&self, next: Option<OffsetDateTime>) -> std::time::Duration {
        let until = |next| std::time::Duration::try_from(next - self.ctx.clock.now()).unwrap_or_default();
        next.map_or(SLOW_POLL, until).clamp(SHORTEST_PAUSE, SLOW_POLL)
    }

    /// The time now, for work. When the clock was set back since it was read last, what it was used for is brought to it.
    async fn now(&self) -> store::Result<OffsetDateTime> {
        let now = self.ctx.clock.now();
        let latest = self.shared.latest.fetch_max(micros(now), Ordering::SeqCst);
        if micros(now) < latest.saturating_sub(CLOCK_SLACK)
            // Only one of the workers sees to it.
            && self.shared.latest.compare_exchange(latest, micros(now), Ordering::SeqCst, Ordering::SeqCst).is_ok()
            && let Err(error) = self.follow_clock_back(now).await
        {
            self.shared.latest.fetch_max(latest, Ordering::SeqCst);
            return Err(error);
        }
        Ok(now)
    }

    /// Claims one piece of work and does it, of whichever lane has some.
    ///
    /// # Errors
    /// When no work can be claimed because the database fails.
    pub async fn step(&self, stop: &CancellationToken) -> store::Result<Step> {
        let mut soonest: Option<OffsetDateTime> = None;
        for lane in Lane::ALL {
            match self.step_in(lane, stop).await? {
                Step::Done => return Ok(Step::Done),
                Step::NothingUntil(next) => soonest = [soonest, next].into_iter().flatten().min(),
            }
        }
        Ok(Step::NothingUntil(soonest))
    }

    async fn step_in(&self, lane: Lane, stop: &CancellationToken) -> store::Result<Step> {
        let now = self.now().await?;
        // Looked first: on SQLite who claims stands in line with everybody who writes.
        let next = self.ctx.db.read().await?.next_work_at(&self.info().name, lane, now).await?;
        if next.is_none_or(|next| next > now) {
            return Ok(Step::NothingUntil(next));
        }
        let mut tx = self.ctx.db.begin().await?;
        let claimed = tx.claim_work(&self.info().name, lane, now, LEASE).await?;
        tx.commit().await?;
        let Some(claim) = claimed else { return Ok(Step::NothingUntil(next)) };
        // One wish may have meant several pieces of work: another worker looks for the next.
        self.shared.wake(lane).notify_one();
        let outcome = {
            let beats = self.heartbeat(&claim);
            tokio::pin!(beats);
            tokio::select! {
                outcome = self.perform(&claim, stop) => outcome,
                () = &mut beats => Err(Stop::Fenced),
            }
        };
        self.conclude(&claim, outcome).await;
        Ok(Step::Done)
    }

    async fn perform(&self, claim: &Claim, stop: &CancellationToken) -> Result<Next, Stop> {
        match claim.kind {
            WorkKind::Account => self.push_account(claim, stop).await,
            WorkKind::Relationship => self.push_relationship(claim).await,
            WorkKind::Consents => self.pull_consents(claim).await,
            WorkKind::CivicAddresses => self.pull_civic_addresses(claim).await,
            WorkKind::Numbers => self.pull_numbers(claim).await,
        }
    }

    /// Does everything that is due, and everything that becomes due while the clock stands: for tests.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn run_until_idle(&self) -> store::Result<usize> {
        let stop = CancellationToken::new();
        let mut steps = 0;
        while self.step(&stop).await? == Step::Done {
            steps += 1;
        }
        Ok(steps)
    }
}

/// An interval of a backend's properties for the clock of the services.
fn interval(duration: std::time::Duration) -> Duration {
    Duration::try_from(duration).unwrap_or(Duration::WEEK)
}

/// The pause before try number `attempt` (from 0): doubling from one second to 15 minutes, full jitter in its upper half.
fn backoff(attempt: i64) -> Duration {
    let seconds = 1_i64 << attempt.clamp(0, 10);
    let most = Duration::seconds(seconds).min(LONGEST_BACKOFF);
    most * rand::random_range(0.5..=1.0)
}

/// When to try again: after our own back-off, and not before the backend wants it.
fn again(now: OffsetDateTime, attempt: i64, after: Option<std::time::Duration>) -> Again {
    let asked = after.and_then(|after| Duration::try_from(after).ok()).map(|after| after.min(LONGEST_BACKOFF));
    let at = now + asked.unwrap_or_default().max(backoff(attempt)).max(SHORTEST_BACKOFF);
    Again { at, not_before: Some(now + asked.unwrap_or_default().max(SHORTEST_BACKOFF)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_pause_grows_and_never_exceeds_a_quarter_of_an_hour(attempt in -3_i64..10_000) {
            let pause = backoff(attempt);
            let most = Duration::seconds(1_i64 << attempt.clamp(0, 10)).min(LONGEST_BACKOFF);
            prop_assert!(pause >= most / 2 && pause <= most);
        }

        #[test]
        fn what_the_backend_asks_for_is_obeyed_and_never_hurries_us(seconds in 0_u64..100_000, attempt in 0_i64..20) {
            let now = OffsetDateTime::UNIX_EPOCH;
            let tried = again(now, attempt, Some(std::time::Duration::from_secs(seconds)));
            let asked = now + Duration::seconds(seconds as i64).min(LONGEST_BACKOFF);
            prop_assert!(tried.at >= asked && tried.not_before >= Some(asked));
            let ours = Duration::seconds(1_i64 << attempt.min(10)).min(LONGEST_BACKOFF) / 2;
            prop_assert!(tried.at >= now + ours && tried.at >= now + SHORTEST_BACKOFF);
            prop_assert!(tried.not_before >= Some(now + SHORTEST_BACKOFF) && tried.not_before <= Some(tried.at));
            prop_assert!(tried.at <= now + LONGEST_BACKOFF);
        }
    }
}
