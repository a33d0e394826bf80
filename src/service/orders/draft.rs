//! Giving up a draft.

use super::find::find;
use super::right::OrderRight;
use crate::service::transact::transact;
use crate::service::{Ctx, Error, Result};

/// Gives up a draft.
///
/// # Errors
/// When it is no draft any more, or the database fails.
pub async fn discard(ctx: &Ctx, right: &OrderRight, id: i64) -> Result<()> {
    let now = ctx.clock.now();
    transact!(ctx, |tx| {
        let order = find(&mut tx, id).await?;
        if !right.opens(&order) {
            return Err(Error::NotFound("order"));
        }
        if !tx.discard_order(id, now).await? {
            return Err(Error::Conflict(format!("Order {id} is no draft any more: it is {}.", order.status.label())));
        }
    })
}
