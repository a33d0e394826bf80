//! Drift: numbers of which a backend says something else than we do, and the ways to settle it.

mod ignore;
mod stage;
mod target;

use std::collections::BTreeSet;

use super::{Ctx, Result};
use crate::authz::{Grant, NumbersRead};
use crate::domain::{E164, Places, TenantId};
use crate::store::Page;

pub use self::ignore::{Ignore, MOST_IGNORED, heed, ignore};
pub use self::stage::{Staged, kind_of_order, stage};
pub use crate::store::{
    Beside, DRIFT_COUNTED, DriftCount, DriftFilter, DriftKey, DriftPage, DriftRange, DriftRow, Held, Ignored, Ignoring,
};

/// Rows on one page.
pub const PAGE_SIZE: usize = 50;
/// Rows of an export fetched at a time.
const EXPORT_CHUNK: usize = 1_000;

/// Reads one page of the drift that matches.
///
/// # Errors
/// When the database fails.
pub async fn list(ctx: &Ctx, _: &Grant<NumbersRead>, filter: &DriftFilter, page: &Page<DriftKey>) -> Result<DriftPage> {
    Ok(ctx.db.read_or_search(filter.searches()).await?.drift_page(filter, page, PAGE_SIZE, ctx.clock.now()).await?)
}

/// The drift that matches, folded into ranges, and the key behind which the next page starts.
///
/// # Errors
/// When the database fails.
pub async fn ranges(
    ctx: &Ctx,
    _: &Grant<NumbersRead>,
    filter: &DriftFilter,
    after: Option<E164>,
) -> Result<(Vec<DriftRange>, Option<E164>)> {
    Ok(ctx.db.search().await?.drift_ranges(filter, after, PAGE_SIZE, ctx.clock.now()).await?)
}

/// How many numbers drift in each kind, each counted up to one more than [`DRIFT_COUNTED`].
///
/// # Errors
/// When the database fails.
pub async fn counts(ctx: &Ctx, _: &Grant<NumbersRead>, filter: &DriftFilter) -> Result<Vec<DriftCount>> {
    Ok(ctx.db.read_or_search(filter.searches()).await?.drift_counts(filter, ctx.clock.now()).await?)
}

/// Reads the next rows of an export behind `after`, and gives the key to go on behind until it is finished.
///
/// # Errors
/// When the database fails.
pub async fn export(
    ctx: &Ctx,
    _: &Grant<NumbersRead>,
    filter: &DriftFilter,
    after: Option<DriftKey>,
) -> Result<(Vec<DriftRow>, Option<DriftKey>)> {
    let page = after.map_or(Page::First, Page::After);
    let mut tx = ctx.db.search().await?;
    let found = tx.drift_page(filter, &page, EXPORT_CHUNK, ctx.clock.now()).await?;
    let next = found.rows.last().map(DriftRow::key).filter(|_| found.more_after);
    Ok((found.rows, next))
}

/// What every backend that may have a number last said of it.
///
/// # Errors
/// When the database fails.
pub async fn beside(ctx: &Ctx, _: &Grant<NumbersRead>, number: E164) -> Result<Vec<Beside>> {
    Ok(ctx.db.read().await?.beside(number).await?)
}

/// The addresses that rows name, in words.
///
/// # Errors
/// When the database fails.
pub async fn places<'a>(
    ctx: &Ctx,
    _: &Grant<NumbersRead>,
    rows: impl IntoIterator<Item = &'a DriftRow>,
) -> Result<Places> {
    let mut ids: BTreeSet<(TenantId, String)> = BTreeSet::new();
    for row in rows {
        let Ok(tenant) = TenantId::parse(&row.tenant) else { continue };
        let sides = [&row.ours, &row.theirs].into_iter().flatten();
        let named = sides.filter_map(|settings| settings.teams.civic_address_id.clone());
        ids.extend(named.map(|id| (tenant.clone(), id)));
    }
    if ids.is_empty() {
        return Ok(Places::default());
    }
    let ids: Vec<(TenantId, String)> = ids.into_iter().collect();
    Ok(Places::of(&ctx.db.read().await?.civic_addresses_of_tenants(&ids).await?))
}
