//! Drift: numbers of which a backend says something else than we do, and the ways to settle it.

mod ignore;
mod stage;
mod target;

use super::{Ctx, Result};
use crate::authz::{Grant, NumbersRead};
use crate::domain::{E164, Places};
use crate::service::civic_addresses::places_of;
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
    let sides = rows.into_iter().flat_map(|row| {
        let sides = [row.ours.as_deref(), row.theirs.as_deref()].into_iter().flatten();
        sides.map(|settings| (row.tenant.as_str(), settings))
    });
    let sides: Vec<_> = sides.filter(|(_, settings)| settings.teams.has_emergency_address()).collect();
    if sides.is_empty() {
        return Ok(Places::default());
    }
    places_of(&mut ctx.db.read().await?, sides).await
}
