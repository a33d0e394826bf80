//! Trying again what failed in an order.

use serde_json::json;

use super::find::find;
use super::right::OrderRight;
use crate::domain::{OrderKind, Progress, SyncState};
use crate::service::transact::transact;
use crate::service::{Ctx, Error, Origin, Result};

/// Lets what failed in an order be tried again, as far as no later order has taken the numbers over. Tells how many there are.
///
/// # Errors
/// When nothing can be tried again, or the database fails.
pub async fn retry_failed(ctx: &Ctx, right: &OrderRight, origin: &Origin, id: i64) -> Result<i64> {
    let now = ctx.clock.now();
    let retried = transact!(ctx, |tx| {
        let order = find(&mut tx, id).await?;
        if !right.opens(&order) {
            return Err(Error::NotFound("order"));
        }
        tx.take_time().await?;
        let state = if order.kind == OrderKind::Upload { SyncState::Pending } else { SyncState::Releasing };
        let leaving = if order.moves.is_some() {
            // Nobody changes the accounts that get the numbers between the look at them and the end.
            tx.lock_order_accounts(id).await?;
            tx.retry_leaving(id, now).await?
        } else {
            0
        };
        let there = tx.retry_failed(id, state.key(), now).await?;
        let retried = leaving + there.all();
        if retried == 0 {
            return Err(Error::Conflict(format!("Order {id} has no failed number to try again.")));
        }
        let failed = -(leaving + there.counted);
        tx.add_progress(id, Progress { failed, ..Progress::default() }, now).await?;
        let waiting = if order.moves.is_some() { tx.moves_waiting(id).await? } else { tx.accounts_to_push(id).await? };
        for account in waiting {
            tx.want_account(account, &ctx.policy.backends, now).await?;
        }
        let mut entry = right.audit(origin, "order.retry");
        entry.subject_kind = "order";
        entry.subject = id.to_string();
        entry.order_id = Some(id);
        entry.after = Some(json!({"numbers": retried}).to_string());
        tx.append_audit(entry, now).await?;
        retried
    })?;
    ctx.wake_sync().await;
    Ok(retried)
}
