//! What submitting a draft would write, for whoever sends it another way.

use std::sync::Arc;

use super::orders::OrderRight;
use super::{Ctx, Result};
use crate::domain::{E164, NumberSettings};

pub use crate::store::AccountWrites;

/// The accounts that the draft would write to, by name, with how many numbers each.
///
/// # Errors
/// When the database fails.
pub async fn accounts(ctx: &Ctx, _: &OrderRight, order_id: i64) -> Result<Vec<AccountWrites>> {
    Ok(ctx.db.read().await?.order_writes(order_id).await?)
}

/// The first `most` numbers behind `after` that the draft would write to one of its accounts, ascending, each with its
/// settings. Fewer than asked for means that these are the last.
///
/// # Errors
/// When the database fails.
pub async fn numbers(
    ctx: &Ctx,
    _: &OrderRight,
    order_id: i64,
    account: &AccountWrites,
    after: Option<E164>,
    most: usize,
) -> Result<Vec<(E164, Arc<NumberSettings>)>> {
    let after = after.map_or(account.first.as_i64() - 1, E164::as_i64);
    Ok(ctx.db.read().await?.order_writes_of(order_id, account.account_id, after, most as i64).await?)
}
