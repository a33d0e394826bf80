//! What keeps the work going besides the work: schedules, waking what sleeps, a clock that was set back.

use time::{Duration, OffsetDateTime};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Engine, SLOW_POLL, interval};
use crate::domain::ReconcileWhy;
use crate::store::{self, Lane, WorkKind};

/// Time between two looks whether a sleeper should try.
const LOOK: std::time::Duration = std::time::Duration::from_secs(1);

/// A database with which nothing was synced for longer than this may be a backup.
const GAP: Duration = Duration::HOUR;

impl Engine {
    /// Keeps house until it is told to stop. Workers begin once it is known which accounts have to be compared first.
    pub(super) async fn keep_house(&self, stop: &CancellationToken, begun: &CancellationToken) {
        while let Err(error) = self.begin_house(begun).await {
            tracing::warn!(%error, "the pulls could not be scheduled; it is tried again");
            if stop.run_until_cancelled(tokio::time::sleep(SLOW_POLL)).await.is_none() {
                return;
            }
        }
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.backend.outage.back.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            for lane in Lane::ALL {
                if let Err(error) = self.wake_sleepers(lane).await {
                    tracing::warn!(%error, "what waits for the backend was not woken; it wakes by itself");
                }
            }
        }
    }

    /// What a start does: nothing may sleep because of what the last process saw of the backend or of the clock.
    async fn begin_house(&self, begun: &CancellationToken) -> store::Result<()> {
        if !begun.is_cancelled() {
            self.compare_after_a_gap().await?;
            begun.cancel();
        }
        self.follow_clock_back(self.ctx.clock.now()).await?;
        for lane in Lane::ALL {
            self.wake_all(lane).await?;
        }
        self.seed().await
    }

    /// A database with which nothing was done for a while was restored, or the product stood still: what the backend holds
    /// is looked at before anything is pushed.
    async fn compare_after_a_gap(&self) -> store::Result<()> {
        let now = self.ctx.clock.now();
        let last = self.ctx.db.read().await?.last_work_at(&self.info().name).await?;
        let Some(last) = last.filter(|last| now - *last > GAP) else { return Ok(()) };
        let mut tx = self.ctx.db.begin().await?;
        let accounts = tx.begin_all_reconciles(self.info(), ReconcileWhy::Restored, now).await?;
        tx.commit().await?;
        if accounts > 0 {
            tracing::warn!(
                backend = self.info().name,
                accounts,
                minutes = (now - last).whole_minutes(),
                "nothing was synced for a while; the accounts are compared with the backend before anything is pushed"
            );
        }
        Ok(())
    }

    /// When the backend is back all that sleeps is due at once; while it is away one sleeper tries now and then.
    async fn wake_sleepers(&self, lane: Lane) -> store::Result<()> {
        let outage = &self.backend.outage;
        if outage.is_back(lane) {
            tracing::info!(backend = self.info().name, ?lane, "the backend answers again; what waited for it is due");
            self.wake_all(lane).await?;
        } else if outage.is_probe_due(lane, Instant::now()) {
            let mut tx = self.ctx.db.begin().await?;
            for kind in lane.kinds() {
                if tx.wake_one(&self.info().name, kind, self.ctx.clock.now()).await? {
                    break;
                }
            }
            tx.commit().await?;
            self.shared.wake(lane).notify_one();
        }
        Ok(())
    }

    async fn wake_all(&self, lane: Lane) -> store::Result<()> {
        for kind in lane.kinds() {
            self.ctx.db.wake_failed_work(&self.info().name, kind, self.ctx.clock.now()).await?;
        }
        self.shared.wake(lane).notify_one();
        Ok(())
    }

    /// Brings pauses and leases that a clock wrote which was set back since to the clock of now.
    pub(super) async fn follow_clock_back(&self, now: OffsetDateTime) -> store::Result<()> {
        let mut tx = self.ctx.db.begin().await?;
        let moved = tx.clock_went_back(now).await?;
        tx.commit().await?;
        if moved > 0 {
            tracing::warn!(moved, "the clock was set back; work that was planned by it is planned anew");
        }
        Ok(())
    }

    /// Schedules the pulls of what the backend offers: the consents, and the addresses and numbers of every tenant that is
    /// synced.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn seed(&self) -> store::Result<()> {
        let (now, info) = (self.ctx.clock.now(), self.info());
        let consents = WorkKind::Consents.at(&info.name, "");
        if info.offers.consents
            && self.ctx.db.read().await?.work_row(consents, now).await?.is_none_or(|row| row.next_at.is_none())
        {
            let mut tx = self.ctx.db.begin().await?;
            tx.want_work(consents, now).await?;
            tx.commit().await?;
        }
        let pulls = self.properties().pulls;
        if info.offers.facts_of_tenants() {
            let interval = interval(pulls.addresses);
            self.ctx.db.schedule_pulls(info, WorkKind::CivicAddresses, now, interval).await?;
        }
        self.ctx.db.schedule_pulls(info, WorkKind::Numbers, now, interval(pulls.numbers)).await?;
        self.shared.wake(Lane::Pulls).notify_one();
        Ok(())
    }
}
