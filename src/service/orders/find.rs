//! Orders as they are: lists of them, one of them, its numbers and its problems.

use crate::authz::{Grant, OrdersRead};
use crate::domain::{E164, ItemState, Order, OrderStatus, Verdict};
use crate::service::{Ctx, Error, Result};
use crate::store::{Cause, FoldedItems, HeldAccounts, ItemRow, OrderFilter, OrderPage, Page, ProblemRow, Tx};

/// Accounts of an order that are named where nothing is sent for them.
const HELD_SHOWN: i64 = 5;
/// Rows on one page of an order or of the list.
pub const PAGE_SIZE: usize = 50;
/// Lines of a report fetched at a time.
pub const REPORT_CHUNK: usize = 1_000;

/// One page of orders.
///
/// # Errors
/// When the database fails.
pub async fn list(ctx: &Ctx, _: &Grant<OrdersRead>, filter: &OrderFilter, page: Page<i64>) -> Result<OrderPage> {
    let mut tx = ctx.db.read_or_search(*filter != OrderFilter::default()).await?;
    Ok(tx.orders_page(filter, page, PAGE_SIZE).await?)
}

/// One order.
///
/// # Errors
/// When there is none of this number, or the database fails.
pub async fn get(ctx: &Ctx, _: &Grant<OrdersRead>, id: i64) -> Result<Order> {
    find(&mut ctx.db.read().await?, id).await
}

pub(super) async fn find(tx: &mut Tx, id: i64) -> Result<Order> {
    tx.order(id).await?.ok_or(Error::NotFound("order"))
}

/// Why the numbers of an order failed, the most frequent reason first.
///
/// # Errors
/// When the database fails.
pub async fn causes(ctx: &Ctx, _: &Grant<OrdersRead>, id: i64) -> Result<Vec<Cause>> {
    Ok(ctx.db.read().await?.failure_causes(id).await?)
}

/// The accounts of an order for which nothing is sent to a backend before somebody has confirmed what would change.
///
/// # Errors
/// When the database fails.
pub async fn held_accounts(ctx: &Ctx, _: &Grant<OrdersRead>, order: &Order) -> Result<HeldAccounts> {
    if order.status == OrderStatus::Draft || order.progress.waiting() == 0 {
        return Ok(HeldAccounts::default());
    }
    Ok(ctx.db.read().await?.held_accounts_of_order(order.id, HELD_SHOWN).await?)
}

/// One page of an order's numbers.
#[derive(Clone, Debug)]
pub struct ItemPage {
    /// The numbers, ascending.
    pub items: Vec<ItemRow>,
    /// True when more follow behind the last.
    pub more_after: bool,
    /// True when some stand before the first.
    pub more_before: bool,
}

/// Which numbers of an order to show.
#[derive(Clone, Copy, Debug, Default)]
pub struct ItemSelection {
    /// Only those with this verdict.
    pub verdict: Option<Verdict>,
    /// Only those in this state.
    pub state: Option<ItemState>,
}

/// One page of the selected numbers of an order.
///
/// # Errors
/// When the database fails.
pub async fn items(
    ctx: &Ctx,
    _: &Grant<OrdersRead>,
    id: i64,
    only: ItemSelection,
    page: Page<E164>,
) -> Result<ItemPage> {
    let only = (only.verdict, only.state);
    let (items, more_before, more_after) = ctx.db.read().await?.items_page(id, only, page, PAGE_SIZE).await?;
    Ok(ItemPage { items, more_after, more_before })
}

/// One page of an order's numbers, those in a row with the same result on one line; tells whether there are more before and
/// behind.
///
/// # Errors
/// When the database fails.
pub async fn folded(
    ctx: &Ctx,
    _: &Grant<OrdersRead>,
    id: i64,
    only: Option<ItemState>,
    page: Page<E164>,
) -> Result<(Vec<FoldedItems>, bool, bool)> {
    Ok(ctx.db.read().await?.folded_items(id, only, page, PAGE_SIZE).await?)
}

/// Reads the numbers of an order behind `after` for a report, and gives the number to go on behind until it is finished.
///
/// # Errors
/// When the database fails.
pub async fn report(
    ctx: &Ctx,
    _: &Grant<OrdersRead>,
    id: i64,
    after: Option<E164>,
) -> Result<(Vec<ItemRow>, Option<E164>)> {
    let page = after.map_or(Page::First, Page::After);
    let (items, _, more) = ctx.db.read().await?.items_page(id, (None, None), page, REPORT_CHUNK).await?;
    let next = items.last().map(|item| item.number).filter(|_| more);
    Ok((items, next))
}

/// Reads [`REPORT_CHUNK`] of the lines of a draft that could not be taken, behind `after`.
///
/// # Errors
/// When the database fails.
pub async fn problems(ctx: &Ctx, _: &Grant<OrdersRead>, id: i64, after: i64) -> Result<Vec<ProblemRow>> {
    Ok(ctx.db.read().await?.order_problems(id, after, REPORT_CHUNK as i64).await?)
}
