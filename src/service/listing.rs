//! Lists as programs read them: by key, through a filter, any part at a time.
//!
//! What is on its way out is in none of them: a number that is being released, an account that waits for its last number.

use super::accounts::{by_service, find_kept};
use super::api::accounts::CountedAccount;
use super::api::consents::ConsentOfAccount;
use super::{Ctx, Result};
use crate::authz::{AccountsRead, CivicAddressesRead, ConsentsRead, Grant, NumbersRead};
use crate::domain::filter::{AccountField, AddressField, ConsentField, Filter, NumberField};
use crate::domain::{Account, CivicAddress, E164, Number};
use crate::store::Tx;

pub use crate::store::{ListPart, Window};

/// Leaving out more than so many is a search of its own.
const SKIPPED: u32 = 10_000;

/// Numbers of one account, or of all, ascending.
///
/// # Errors
/// When there is no such account, or the database fails.
pub async fn numbers(
    ctx: &Ctx,
    _: &Grant<NumbersRead>,
    account: Option<&str>,
    filter: &Filter<NumberField>,
    window: &Window<E164>,
) -> Result<ListPart<Number>> {
    let searches = filter.searches() || window.skip > SKIPPED;
    let mut tx = ctx.db.read_or_search(searches).await?;
    let account = id_of(&mut tx, account).await?;
    Ok(tx.numbers_listed(account, filter, window).await?)
}

/// How many numbers of one account, or of all, match.
///
/// # Errors
/// When there is no such account, or the database fails.
pub async fn count_numbers(
    ctx: &Ctx,
    _: &Grant<NumbersRead>,
    account: Option<&str>,
    filter: &Filter<NumberField>,
) -> Result<i64> {
    let mut tx = ctx.db.read_or_search(!filter.is_everything()).await?;
    let account = id_of(&mut tx, account).await?;
    Ok(tx.count_numbers_listed(account, filter).await?)
}

async fn id_of(tx: &mut Tx, account: Option<&str>) -> Result<Option<i64>> {
    match account {
        Some(name) => Ok(Some(find_kept(tx, name).await?.id)),
        None => Ok(None),
    }
}

/// Accounts by name, each with how many of its numbers have each service.
///
/// # Errors
/// When the database fails.
pub async fn accounts(
    ctx: &Ctx,
    _: &Grant<AccountsRead>,
    filter: &Filter<AccountField>,
    window: &Window<String>,
) -> Result<ListPart<CountedAccount>> {
    let mut tx = ctx.db.read_or_search(!filter.is_everything()).await?;
    let ListPart { items, more } = tx.accounts_listed(filter, window).await?;
    let ids: Vec<i64> = items.iter().map(|account| account.id).collect();
    let mut counts = tx.kept_service_counts(&ids).await?;
    let counted = |account: Account| {
        let sets = counts.remove(&account.id).unwrap_or_default();
        CountedAccount { account, counts: by_service(&sets) }
    };
    Ok(ListPart { items: items.into_iter().map(counted).collect(), more })
}

/// How many accounts match.
///
/// # Errors
/// When the database fails.
pub async fn count_accounts(ctx: &Ctx, _: &Grant<AccountsRead>, filter: &Filter<AccountField>) -> Result<i64> {
    Ok(ctx.db.read_or_search(!filter.is_everything()).await?.count_accounts_listed(filter).await?)
}

/// Consents by tenant, each with its account.
///
/// # Errors
/// When the database fails.
pub async fn consents(
    ctx: &Ctx,
    _: &Grant<ConsentsRead>,
    filter: &Filter<ConsentField>,
    window: &Window<String>,
) -> Result<ListPart<ConsentOfAccount>> {
    let mut tx = ctx.db.read_or_search(!filter.is_everything()).await?;
    let ListPart { items, more } = tx.consents_listed(filter, window).await?;
    Ok(ListPart { items: items.into_iter().map(ConsentOfAccount::from).collect(), more })
}

/// How many consents match.
///
/// # Errors
/// When the database fails.
pub async fn count_consents(ctx: &Ctx, _: &Grant<ConsentsRead>, filter: &Filter<ConsentField>) -> Result<i64> {
    Ok(ctx.db.read_or_search(!filter.is_everything()).await?.count_consents_listed(filter).await?)
}

/// Civic addresses of an account's tenant by id; none while the account has no tenant.
///
/// # Errors
/// When there is no such account, or the database fails.
pub async fn civic_addresses(
    ctx: &Ctx,
    _: &Grant<CivicAddressesRead>,
    account: &str,
    filter: &Filter<AddressField>,
    window: &Window<String>,
) -> Result<ListPart<CivicAddress>> {
    let mut tx = ctx.db.read_or_search(!filter.is_everything()).await?;
    match find_kept(&mut tx, account).await?.tenant_id {
        Some(tenant) => Ok(tx.civic_addresses_listed(&tenant, filter, window).await?),
        None => Ok(ListPart::default()),
    }
}

/// How many civic addresses of an account's tenant match.
///
/// # Errors
/// When there is no such account, or the database fails.
pub async fn count_civic_addresses(
    ctx: &Ctx,
    _: &Grant<CivicAddressesRead>,
    account: &str,
    filter: &Filter<AddressField>,
) -> Result<i64> {
    let mut tx = ctx.db.read_or_search(!filter.is_everything()).await?;
    match find_kept(&mut tx, account).await?.tenant_id {
        Some(tenant) => Ok(tx.count_civic_addresses_listed(&tenant, filter).await?),
        None => Ok(0),
    }
}
