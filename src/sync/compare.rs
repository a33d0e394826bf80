//! Comparing a tenant's numbers with what the backend last said of them, at the end of a pull.

use super::{Engine, Stop};
use crate::domain::TenantId;
use crate::store::{Claim, Compared, SETTLED_AT_ONCE};

impl Engine {
    /// Brings the drift that is kept of a tenant up to what its list says. Nobody waits for it: what is looked through is
    /// only read, a stretch at a time, and what is written are the numbers of which something else was kept.
    pub(super) async fn compare_drift(&self, claim: &Claim, tenant: &TenantId) -> Result<(), Stop> {
        self.tell_parts_apart(claim).await?;
        let compared = {
            let mut tx = self.ctx.db.read().await?;
            tx.drift_compared(self.info(), tenant).await?
        };
        for of in &compared {
            self.compare_drift_of(claim, of).await?;
        }
        for of in compared {
            if let Compared::List(list) = of {
                self.mark_absent(claim, tenant, list).await?;
            }
        }
        Ok(())
    }

    /// Says of numbers that are called synced and that a whole list does not have that they are not at the backend.
    async fn mark_absent(&self, claim: &Claim, tenant: &TenantId, list: i64) -> Result<(), Stop> {
        let mut after = 0;
        loop {
            let absent = self.ctx.db.read().await?.synced_only_here(self.info(), tenant, after).await?;
            let Some(last) = absent.last() else { return Ok(()) };
            after = *last;
            let mut tx = self.begin(claim).await?;
            tx.are_absent((list, self.info().services), &absent).await?;
            tx.commit().await?;
        }
    }

    async fn compare_drift_of(&self, claim: &Claim, of: &Compared) -> Result<(), Stop> {
        let mut after = 0;
        loop {
            let stretch = {
                let mut tx = self.ctx.db.along_keys().await?;
                tx.drift_stretch(self.info(), of, after).await?
            };
            for numbers in stretch.unkept.chunks(SETTLED_AT_ONCE) {
                let mut tx = self.begin(claim).await?;
                tx.settle_drift(self.info(), numbers, self.ctx.clock.now()).await?;
                tx.commit().await?;
            }
            match stretch.next {
                Some(next) => after = next,
                None => return Ok(()),
            }
        }
    }

    /// Stores what each backend sees of settings with several services, which the comparison looks up.
    async fn tell_parts_apart(&self, claim: &Claim) -> Result<(), Stop> {
        loop {
            let ids = {
                let mut tx = self.ctx.db.read().await?;
                tx.settings_without_parts().await?
            };
            if ids.is_empty() {
                return Ok(());
            }
            let mut tx = self.begin(claim).await?;
            tx.intern_parts(&ids).await?;
            tx.commit().await?;
        }
    }
}
