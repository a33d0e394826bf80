//! The sync engine: makes the outside world match what is stored, and records what the outside says.
//!
//! Work is claimed by lease in a short transaction, never held over a call. What is sent is written down first; after a
//! lost answer the backend is asked what it knows before anything is sent again. Every write for a claim begins by
//! proving that the claim is still ours, so a worker that comes back from the dead records nothing.

mod claim;
mod pull;
mod push;
mod relationship;

use std::sync::Arc;

use time::{Duration, OffsetDateTime};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backend::{Backend, BackendError};
use crate::service::Ctx;
use crate::store::{self, Again, Claim, WorkKind};

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

/// How the engine works.
#[derive(Clone, Copy, Debug)]
pub struct SyncOptions {
    /// The most numbers in one request to the backend.
    pub batch_size: usize,
    /// Requests of one account under way at a time.
    pub pushes_at_once: usize,
    /// Time between two pulls of the consents.
    pub pull_consents: Duration,
    /// Time between two pulls of a tenant's addresses and capability plans.
    pub pull_addresses: Duration,
    /// Time between two pulls of the state of a tenant's numbers.
    pub pull_numbers: Duration,
    /// Accounts, tenants and pulls worked on at the same time by this process.
    pub workers: usize,
}

impl Default for SyncOptions {
    fn default() -> Self {
        Self {
            batch_size: crate::backend::MAX_BATCH,
            pushes_at_once: 4,
            pull_consents: Duration::minutes(5),
            pull_addresses: Duration::minutes(15),
            pull_numbers: Duration::minutes(15),
            workers: 4,
        }
    }
}

/// The engine of one process.
#[derive(Debug)]
pub struct Engine<B> {
    ctx: Ctx,
    backend: Arc<B>,
    options: SyncOptions,
}

impl<B> Clone for Engine<B> {
    fn clone(&self) -> Self {
        Self { ctx: self.ctx.clone(), backend: self.backend.clone(), options: self.options }
    }
}

/// The tasks of a running engine.
#[derive(Debug)]
pub struct Workers(Vec<AbortHandle>);

impl Workers {
    /// Whether all of them are at work or wait for some.
    #[must_use]
    pub fn are_running(&self) -> bool {
        !self.0.iter().any(AbortHandle::is_finished)
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
    /// Then: the work is not finished.
    Unfinished(OffsetDateTime),
}

/// What a worker found when it looked for work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Some, which is done.
    Done,
    /// None before this time, as far as is known. A time that is past: somebody else was quicker.
    NothingUntil(Option<OffsetDateTime>),
}

impl<B: Backend> Engine<B> {
    /// Puts the parts together.
    pub fn new(ctx: Ctx, backend: Arc<B>, options: SyncOptions) -> Self {
        Self { ctx, backend, options }
    }

    /// Works until it is told to stop. Finishes what it is recording, then gives its claims back.
    pub fn run(self, stop: CancellationToken, tasks: &TaskTracker) -> Workers {
        let worker = |_| {
            let (engine, stop) = (self.clone(), stop.clone());
            tasks.spawn(async move { engine.work(&stop).await }).abort_handle()
        };
        let workers = Workers((0..self.options.workers.max(1)).map(worker).collect());
        let (ctx, listening) = (self.ctx.clone(), stop);
        tasks.spawn(async move {
            while let Some(heard) = listening.run_until_cancelled(ctx.db.wait_for_notice()).await {
                match heard {
                    Ok(()) => ctx.wake.notify_one(),
                    Err(_) => {
                        let _ = listening.run_until_cancelled(tokio::time::sleep(SLOW_POLL)).await;
                    }
                }
            }
        });
        workers
    }

    async fn work(&self, stop: &CancellationToken) {
        if let Err(error) = self.seed().await {
            tracing::warn!(%error, "the pulls could not be scheduled; they are at the next start");
        }
        while !stop.is_cancelled() {
            match self.step(stop).await {
                Ok(Step::Done) => {}
                Ok(Step::NothingUntil(next)) => {
                    let pause = self.pause(next);
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = self.ctx.wake.notified() => {}
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

    /// Schedules the pulls: the consents, and the addresses and numbers of every tenant that is synced.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn seed(&self) -> store::Result<()> {
        let now = self.ctx.clock.now();
        let mut tx = self.ctx.db.begin().await?;
        if tx.work_row(WorkKind::Consents, "", now).await?.is_none_or(|row| row.next_at.is_none()) {
            tx.want_work(WorkKind::Consents, "", now).await?;
        }
        for tenant in tx.synced_tenants().await? {
            for kind in [WorkKind::CivicAddresses, WorkKind::Numbers] {
                if tx.work_row(kind, tenant.as_str(), now).await?.is_none_or(|row| row.next_at.is_none()) {
                    tx.want_work(kind, tenant.as_str(), now).await?;
                }
            }
        }
        tx.commit().await
    }

    /// Claims one piece of work and does it.
    ///
    /// # Errors
    /// When no work can be claimed because the database fails.
    pub async fn step(&self, stop: &CancellationToken) -> store::Result<Step> {
        let now = self.ctx.clock.now();
        // Looked first: on SQLite who claims stands in line with everybody who writes.
        let next = self.ctx.db.read().await?.next_work_at(now).await?;
        if next.is_none_or(|next| next > now) {
            return Ok(Step::NothingUntil(next));
        }
        let mut tx = self.ctx.db.begin().await?;
        let claimed = tx.claim_work(now, LEASE).await?;
        tx.commit().await?;
        let Some(claim) = claimed else { return Ok(Step::NothingUntil(next)) };
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

/// The pause before try number `attempt` (from 0): doubling from one second to 15 minutes, full jitter in its upper half.
fn backoff(attempt: i64) -> Duration {
    let seconds = 1_i64 << attempt.clamp(0, 10);
    let most = Duration::seconds(seconds).min(LONGEST_BACKOFF);
    most * rand::random_range(0.5..=1.0)
}

/// When to try again: as the backend asked, else after the back-off.
fn again(now: OffsetDateTime, attempt: i64, after: Option<std::time::Duration>) -> Again {
    match after.and_then(|after| Duration::try_from(after).ok()) {
        Some(after) => Again::NotBefore(now + after.min(LONGEST_BACKOFF)),
        None => Again::At(now + backoff(attempt)),
    }
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
        fn what_the_backend_asks_for_is_obeyed(seconds in 0_u64..100_000) {
            let now = OffsetDateTime::UNIX_EPOCH;
            let asked = again(now, 0, Some(std::time::Duration::from_secs(seconds)));
            prop_assert_eq!(asked, Again::NotBefore(now + Duration::seconds(seconds as i64).min(LONGEST_BACKOFF)));
        }
    }
}
