//! Keeping a claim alive and ending it.

use super::{Engine, HEARTBEAT, LEASE, Next, Stop, again};
use crate::store::{self, Again, Claim, Tx};

impl Engine {
    /// Begins a transaction that records something for this claim: the claim is proved and locked first.
    pub(super) async fn begin(&self, claim: &Claim) -> store::Result<Tx> {
        let mut tx = self.ctx.db.begin().await?;
        tx.hold_work(claim, self.ctx.clock.now(), LEASE).await?;
        Ok(tx)
    }

    /// Extends the lease again and again; ends only when another worker has taken over.
    pub(super) async fn heartbeat(&self, claim: &Claim) {
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            let held = async { self.begin(claim).await?.commit().await }.await;
            match held {
                Err(store::Error::Fenced) => return,
                Err(error) => {
                    tracing::warn!(
                        %error,
                        work.backend = claim.backend,
                        work.kind = claim.kind.key(),
                        work.key = %claim.key,
                        "a sign of life was not recorded"
                    );
                }
                Ok(()) => {}
            }
        }
    }

    /// Records how a piece of work ended.
    pub(super) async fn conclude(&self, claim: &Claim, outcome: Result<Next, Stop>) {
        let now = self.ctx.clock.now();
        let kind = claim.kind.key();
        let label = match &outcome {
            Ok(Next::InPart(..)) => "in-part",
            Ok(_) => "ok",
            Err(Stop::Retry { .. }) => "retry",
            Err(Stop::Fenced) => "fenced",
        };
        let backend = claim.backend.clone();
        metrics::counter!("nmp_sync_work_total", "backend" => backend, "kind" => kind, "outcome" => label).increment(1);
        let recorded = async {
            let mut tx = self.ctx.db.begin().await?;
            match outcome {
                Ok(Next::WhenWanted) => tx.work_done(claim, now, None).await?,
                Ok(Next::DoneUntil(next)) => tx.work_done(claim, now, Some(next)).await?,
                Ok(Next::Unfinished(next, note)) => tx.give_back_work(claim, now, next, note.as_deref()).await?,
                Ok(Next::InPart(at, reason)) => {
                    tx.work_failed(claim, reason, now, Again { at, not_before: None }).await?;
                }
                Err(Stop::Retry { reason, after }) => {
                    tracing::info!(
                        work.backend = claim.backend,
                        work.kind = kind,
                        work.key = %claim.key,
                        attempt = claim.attempt,
                        %reason,
                        "sync work is tried again later"
                    );
                    tx.work_failed(claim, &reason, now, again(now, claim.attempt, after)).await?;
                }
                Err(Stop::Fenced) => {
                    tracing::info!(
                        work.backend = claim.backend,
                        work.kind = kind,
                        work.key = %claim.key,
                        "another worker has taken over"
                    );
                }
            }
            tx.commit().await
        };
        if let Err(error) = recorded.await {
            tracing::warn!(
                %error,
                work.backend = claim.backend,
                work.kind = kind,
                work.key = %claim.key,
                "the end of sync work was not recorded; it is claimed again when its lease ends"
            );
        }
    }
}
