//! Telling the backend where the operator stands with an enterprise.

use super::{Engine, Next, Stop};
use crate::backend::{Backend, BackendError, RelationshipUpdate};
use crate::domain::{SyncState, TenantId};
use crate::store::Claim;

impl<B: Backend> Engine<B> {
    pub(super) async fn push_relationship(&self, claim: &Claim) -> Result<Next, Stop> {
        let Ok(tenant) = TenantId::parse(&claim.key) else { return Ok(Next::WhenWanted) };
        let row = self.ctx.db.read().await?.consent(&tenant).await?;
        let Some((row, request_id)) = row.and_then(|row| row.request_id.clone().map(|id| (row, id))) else {
            return Ok(Next::WhenWanted);
        };
        if row.sync_state != SyncState::Pending {
            return Ok(Next::WhenWanted);
        }
        let relationship = row.consent.customer_relationship;
        let update = RelationshipUpdate { request_id, status: relationship.status, comment: relationship.comment };
        let answer = self.backend.update_relationship(&tenant, &update).await;
        let mut tx = self.begin(claim).await?;
        match answer {
            Ok(_) => tx.relationship_pushed(&tenant, &update.request_id).await?,
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
