//! Numbers: find them, look at one, see its life.

use std::collections::HashMap;

use time::OffsetDateTime;

use super::{Ctx, Error, Result};
use crate::authz::{Grant, NumbersRead};
use crate::domain::{E164, Holdings, Number, Places};
use crate::service::civic_addresses::places_of;
use crate::store::{Beside, Page, Tx};

pub use crate::store::{
    Alike, Assignment, FilterChoices, NumberFilter, NumberLine, NumberLines, NumberRange, OrderHistory, RangePage,
    SeenStep,
};

/// Numbers on one page.
pub const PAGE_SIZE: usize = 50;
/// Matches are counted up to here. Beyond it a list says "more than".
pub const COUNTED: i64 = 1_000;
/// Orders shown on one number's page.
const HISTORY: u16 = 100;

/// How many numbers match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// Exactly so many.
    Exactly(i64),
    /// More than so many.
    MoreThan(i64),
}

/// Reads one page of the numbers that match, and tells how many match in all. With `offer` the page also has what
/// [`filter_choices`] tells.
///
/// # Errors
/// When the database fails.
pub async fn list(
    ctx: &Ctx,
    _: &Grant<NumbersRead>,
    filter: &NumberFilter,
    page: Page<E164>,
    offer: bool,
) -> Result<(NumberLines, Matching)> {
    let mut tx = ctx.db.read_or_search(filter.searches()).await?;
    let names = offer.then_some(NAMES_OFFERED as i64 + 1);
    let mut found = tx.number_lines(filter, page, PAGE_SIZE, names).await?;
    few_names(&mut found.choices);
    // A first page that is not full has said it already.
    let matching = match page {
        Page::First if !found.more_after => Matching::Exactly(found.lines.len() as i64),
        _ if filter.is_account_only() && !found.lines.is_empty() => Matching::Exactly(found.of_accounts),
        _ => count(&mut tx, filter).await?,
    };
    Ok((found, matching))
}

/// One page of the numbers that match, those in a row on one line.
///
/// # Errors
/// When the database fails.
pub async fn range_page(
    ctx: &Ctx,
    _: &Grant<NumbersRead>,
    filter: &NumberFilter,
    page: Page<E164>,
) -> Result<RangePage> {
    let mut tx = ctx.db.search().await?;
    Ok(tx.number_ranges(filter, page, PAGE_SIZE).await?)
}

/// The same as the ranges, and the key behind which the next page starts.
///
/// # Errors
/// When the database fails.
pub async fn ranges(
    ctx: &Ctx,
    grant: &Grant<NumbersRead>,
    filter: &NumberFilter,
    page: Page<E164>,
) -> Result<(Vec<NumberRange>, Option<E164>)> {
    let page = range_page(ctx, grant, filter, page).await?;
    let next = page.ranges.last().map(|range| range.last).filter(|_| page.more_after);
    Ok((page.ranges, next))
}

/// How many numbers match, in a time that does not grow with how many there are.
///
/// # Errors
/// When the database fails.
pub async fn matching(ctx: &Ctx, _: &Grant<NumbersRead>, filter: &NumberFilter) -> Result<Matching> {
    count(&mut ctx.db.read_or_search(filter.searches()).await?, filter).await
}

async fn count(tx: &mut Tx, filter: &NumberFilter) -> Result<Matching> {
    if filter.is_account_only() {
        let account = tx.account(filter.account.as_deref().unwrap_or_default()).await?;
        return Ok(Matching::Exactly(account.map_or(0, |account| account.number_count)));
    }
    if *filter == NumberFilter::default() {
        return Ok(Matching::Exactly(tx.number_counts().await?.0));
    }
    let count = tx.count_numbers(filter, COUNTED + 1).await?;
    Ok(if count > COUNTED { Matching::MoreThan(COUNTED) } else { Matching::Exactly(count) })
}

/// The most names of accounts that a form offers.
pub const NAMES_OFFERED: usize = 200;

/// Tells what the filters of the list offer. It names no account when there are more than [`NAMES_OFFERED`], for nobody
/// would look through them.
///
/// # Errors
/// When the database fails.
pub async fn filter_choices(ctx: &Ctx, _: &Grant<NumbersRead>) -> Result<FilterChoices> {
    let mut choices = ctx.db.read().await?.filter_choices(NAMES_OFFERED as i64 + 1).await?;
    few_names(&mut choices);
    Ok(choices)
}

fn few_names(choices: &mut FilterChoices) {
    if choices.accounts.len() > NAMES_OFFERED {
        choices.accounts.clear();
    }
}

/// How many other numbers the backend refuses for the same reason as this one, counted up to [`COUNTED`].
///
/// # Errors
/// When the database fails.
pub async fn failing_alike(ctx: &Ctx, _: &Grant<NumbersRead>, number: E164) -> Result<i64> {
    let filter = NumberFilter { fails_like: Some(number), ..NumberFilter::default() };
    Ok(ctx.db.read().await?.count_numbers(&filter, COUNTED + 1).await? - 1)
}

/// One number.
///
/// # Errors
/// When we do not have it, or the database fails.
pub async fn get(ctx: &Ctx, _: &Grant<NumbersRead>, number: E164) -> Result<Number> {
    ctx.db.number(number).await?.ok_or(Error::NotFound("number"))
}

/// The addresses and locations that a number has here, and at the backends.
///
/// # Errors
/// When the database fails.
pub async fn places(ctx: &Ctx, _: &Grant<NumbersRead>, number: Option<&Number>, beside: &[Beside]) -> Result<Places> {
    let here = number.and_then(|number| Some((number.tenant_id.as_deref()?, &*number.settings)));
    let there = beside.iter().filter_map(|side| Some((side.tenant.as_str(), &*side.held.as_ref()?.settings)));
    let named = here.into_iter().chain(there).filter(|(_, settings)| settings.teams.has_emergency_address());
    let named: Vec<_> = named.collect();
    if named.is_empty() {
        return Ok(Places::default());
    }
    places_of(&mut ctx.db.read().await?, named).await
}

/// Reads the submitted orders that a number was in, the newest first. A number that is gone has them too.
///
/// # Errors
/// When the database fails.
pub async fn history(ctx: &Ctx, _: &Grant<NumbersRead>, number: E164) -> Result<Vec<OrderHistory>> {
    Ok(ctx.db.read().await?.number_history(number, i64::from(HISTORY)).await?)
}

/// Who has and had a number, the latest first.
///
/// # Errors
/// When the database fails.
pub async fn holdings(ctx: &Ctx, _: &Grant<NumbersRead>, number: E164) -> Result<Holdings> {
    Ok(ctx.db.read().await?.holdings(number).await?)
}

/// Whether a number is or was on an account.
///
/// # Errors
/// When the database fails.
pub async fn is_known(ctx: &Ctx, _: &Grant<NumbersRead>, number: E164) -> Result<bool> {
    Ok(ctx.db.read().await?.is_known_number(number).await?)
}

/// What happened to a number at backends without our having asked for it, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn seen(ctx: &Ctx, _: &Grant<NumbersRead>, number: E164) -> Result<Vec<SeenStep>> {
    Ok(ctx.db.read().await?.seen_of_number(number, usize::from(HISTORY)).await?)
}

/// Since when the accounts that have numbers have them.
pub type HeldSince = HashMap<E164, OffsetDateTime>;

/// Since when these numbers are held, as far as the orders tell.
///
/// # Errors
/// When the database fails.
pub async fn held_since(ctx: &Ctx, _: &Grant<NumbersRead>, numbers: &[Number]) -> Result<HeldSince> {
    let numbers: Vec<E164> = numbers.iter().map(|number| number.telephone_number).collect();
    Ok(ctx.db.read().await?.held_since(&numbers).await?)
}

/// Reads the next ranges of an export behind `after`, and gives the number to go on behind until it is finished.
///
/// # Errors
/// When the database fails.
pub async fn export_ranges(
    ctx: &Ctx,
    _: &Grant<NumbersRead>,
    filter: &NumberFilter,
    after: Option<E164>,
) -> Result<(Vec<NumberRange>, Option<E164>)> {
    let page = after.map_or(Page::First, Page::After);
    let mut tx = ctx.db.read_or_search(filter.searches()).await?;
    let found = tx.number_ranges(filter, page, EXPORT_CHUNK).await?;
    let next = found.ranges.last().filter(|_| found.more_after).map(|range| range.last);
    Ok((found.ranges, next))
}

/// Rows of an export fetched at a time.
const EXPORT_CHUNK: usize = 1_000;

/// Reads the next rows of an export behind `after`, and gives the number to go on behind until it is finished.
///
/// # Errors
/// When the database fails.
pub async fn export(
    ctx: &Ctx,
    _: &Grant<NumbersRead>,
    filter: &NumberFilter,
    after: Option<E164>,
) -> Result<(Vec<Number>, Option<E164>)> {
    let page = after.map_or(Page::First, Page::After);
    let mut tx = ctx.db.read_or_search(filter.searches()).await?;
    let page = tx.numbers_page(filter, page, EXPORT_CHUNK).await?;
    let next = page.numbers.last().map(|number| number.telephone_number).filter(|_| page.more_after);
    Ok((page.numbers, next))
}
