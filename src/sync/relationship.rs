//! Telling the backend where the operator stands with an enterprise.

use super::{Engine, Next, Stop};
use crate::backend::{BackendError, RelationshipUpdate};
use crate::domain::{SyncState, TenantId};
use crate::store::{Claim, Lane, WorkKind};

impl Engine {
    pub(super) async fn push_relationship(&self, claim: &Claim) -> Result<Next, Stop> {
        let Ok(tenant) = TenantId::parse(&claim.key) else { return Ok(Next::WhenWanted) };
        let row = self.ctx.db.read().await?.consent(&tenant).await?;
        let Some((row, request_id)) = row.and_then(|row| row.request_id.clone().map(|id| (row, id))) else {
            return Ok(Next::WhenWanted);
        };
        if row.sync_state != SyncState::Pending {
            return Ok(Next::WhenWanted);
        }
        if let Some(other) = self.ctx.policy.backends.of_relationships()
            && other.name != self.info().name
        {
            // Another backend was made the one that is told, since this was asked for.
            let mut tx = self.begin(claim).await?;
            tx.want_work(WorkKind::Relationship.at(&other.name, tenant.as_str()), self.ctx.clock.now()).await?;
            tx.commit().await?;
            return Ok(Next::WhenWanted);
        }
        let relationship = row.consent.customer_relationship;
        let update = RelationshipUpdate { request_id, status: relationship.status, comment: relationship.comment };
        let answer = match self.directory() {
            Some(directory) if self.info().offers.relationships => {
                self.backend.ask(Lane::Pushes, directory.update_relationship(&tenant, &update)).await.map(drop)
            }
            // There is nobody to be told: what is wanted is what is.
            _ => Ok(()),
        };
        let mut tx = self.begin(claim).await?;
        match answer {
            Ok(()) => tx.relationship_pushed(&tenant, &update.request_id).await?,
            Err(BackendError::Rejected(error)) => {
                let id = tx.intern_error(&error).await?;
                tx.relationship_refused(&tenant, &update.request_id, id).await?;
            }
            Err(error) => {
                tx.commit().await?;
                return Err(error.into());
            }
        }
        tx.commit().await?;
        Ok(Next::WhenWanted)
    }
}
