//! Accounts as they are: lists of them, one of them, how many numbers it has.

use crate::authz::{AccountsRead, Grant};
use crate::domain::{Account, Service, ServiceSet, TenantId};
use crate::service::{Ctx, Error, Result};
use crate::store::{AccountFilter, AccountPage, Page, Tx};

/// Accounts on one page.
pub const PAGE_SIZE: usize = 50;

/// One page of accounts.
///
/// # Errors
/// When the database fails.
pub async fn list(
    ctx: &Ctx,
    _: &Grant<AccountsRead>,
    filter: &AccountFilter,
    page: &Page<String>,
) -> Result<AccountPage> {
    let mut tx = ctx.db.read_or_search(*filter != AccountFilter::default()).await?;
    Ok(tx.accounts_page(filter, page, PAGE_SIZE).await?)
}

/// Rows of an export fetched at a time.
const EXPORT_CHUNK: usize = 1_000;

/// Reads the next accounts of an export behind the name `after`, and gives the name to go on behind.
///
/// # Errors
/// When the database fails.
pub async fn export(
    ctx: &Ctx,
    _: &Grant<AccountsRead>,
    filter: &AccountFilter,
    after: Option<String>,
) -> Result<(Vec<Account>, Option<String>)> {
    let page = after.map_or(Page::First, Page::After);
    let mut tx = ctx.db.read_or_search(*filter != AccountFilter::default()).await?;
    let page = tx.accounts_page(filter, &page, EXPORT_CHUNK).await?;
    let next = page.accounts.last().map(|account| account.name.clone()).filter(|_| page.more_after);
    Ok((page.accounts, next))
}

/// Whether there is an account at all.
///
/// # Errors
/// When the database fails.
pub async fn any(ctx: &Ctx, _: &Grant<AccountsRead>) -> Result<bool> {
    let first = ctx.db.read().await?.accounts_page(&AccountFilter::default(), &Page::First, 1).await?;
    Ok(!first.accounts.is_empty())
}

/// One account.
///
/// # Errors
/// When there is none of this name, or the database fails.
pub async fn get(ctx: &Ctx, _: &Grant<AccountsRead>, name: &str) -> Result<Account> {
    find(&mut ctx.db.read().await?, name).await
}

/// The accounts of a tenant.
///
/// # Errors
/// When the database fails.
pub async fn of_tenant(ctx: &Ctx, _: &Grant<AccountsRead>, tenant: &TenantId) -> Result<Vec<Account>> {
    Ok(ctx.db.read().await?.accounts_of_tenant(tenant).await?)
}

/// How many numbers of the account have each service.
///
/// # Errors
/// When the database fails.
pub async fn service_counts(ctx: &Ctx, _: &Grant<AccountsRead>, account: &Account) -> Result<Vec<(Service, i64)>> {
    count_services(&mut ctx.db.read().await?, account).await
}

pub(super) async fn count_services(tx: &mut Tx, account: &Account) -> Result<Vec<(Service, i64)>> {
    Ok(by_service(&tx.service_counts(account.id).await?))
}

/// How many numbers have each service, from how many have each set of services.
pub(in crate::service) fn by_service(sets: &[(ServiceSet, i64)]) -> Vec<(Service, i64)> {
    Service::ALL
        .into_iter()
        .map(|service| (service, sets.iter().filter(|(set, _)| set.contains(service)).map(|(_, count)| count).sum()))
        .collect()
}

pub(super) async fn find(tx: &mut Tx, name: &str) -> Result<Account> {
    tx.account(name).await?.ok_or(Error::NotFound("account"))
}

/// Finds the account, unless it only waits for its last number to be released.
pub(in crate::service) async fn find_kept(tx: &mut Tx, name: &str) -> Result<Account> {
    let account = find(tx, name).await?;
    if account.deleting { Err(Error::NotFound("account")) } else { Ok(account) }
}
