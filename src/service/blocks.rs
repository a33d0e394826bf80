//! The operator's own blocks: see them, change them, find free numbers in them.

mod change;
mod free;
mod import;
mod review;

use std::collections::HashMap;

use crate::authz::{BlocksRead, Grant};
use crate::domain::E164;
use crate::domain::block::Block;
use crate::service::{Ctx, Error, Result};
use crate::store::Page;

pub use self::change::{Changed, change, create, remove};
pub use self::free::{FreeForm, LASTING, end_reservation, reservation, reservations, reserve_next_free};
pub use self::import::{Plan, import, look_through};
pub(in crate::service) use self::review::warnings;
pub use crate::store::{BlockPage, KeptBlock, Reservation, UsedBlock};

/// Blocks on one page.
pub const PAGE_SIZE: usize = 50;

/// One page of blocks, with how much of each is used.
///
/// # Errors
/// When the database fails.
pub async fn list(ctx: &Ctx, _: &Grant<BlocksRead>, page: Page<E164>) -> Result<BlockPage> {
    Ok(ctx.db.search().await?.blocks_page(page, PAGE_SIZE, ctx.clock.now()).await?)
}

/// How many blocks there are.
///
/// # Errors
/// When the database fails.
pub async fn count(ctx: &Ctx, _: &Grant<BlocksRead>) -> Result<i64> {
    Ok(ctx.db.read().await?.count_blocks().await?)
}

/// Every block, in order; there are [`crate::domain::block::MOST_BLOCKS`] at most.
///
/// # Errors
/// When the database fails.
pub async fn every(ctx: &Ctx, _: &Grant<BlocksRead>) -> Result<Vec<Block>> {
    let blocks = ctx.db.read().await?.blocks().await?;
    Ok(blocks.into_iter().map(|kept| kept.block).collect())
}

/// The block that begins with this number.
///
/// # Errors
/// When there is none, or the database fails.
pub async fn get(ctx: &Ctx, _: &Grant<BlocksRead>, first: E164) -> Result<KeptBlock> {
    ctx.db.read().await?.block(first).await?.ok_or(Error::NotFound("block"))
}

/// Blocks by their first number.
fn by_first(blocks: Vec<KeptBlock>) -> HashMap<E164, KeptBlock> {
    blocks.into_iter().map(|kept| (kept.block.first, kept)).collect()
}
