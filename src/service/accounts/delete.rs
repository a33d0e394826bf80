//! Deleting an account, with the numbers it has where that was chosen.

use time::OffsetDateTime;

use super::audited::AuditedAccount;
use super::in_use::on_their_way;
use crate::authz::{AccountsDelete, Grant, NumbersDelete};
use crate::domain::field::counted;
use crate::domain::filter::Filter;
use crate::domain::{Account, OrderSource};
use crate::service::transact::transact;
use crate::service::{Ctx, Error, Origin, Result, Rules, audit_entry, orders};
use crate::store::Tx;

/// What became of a deletion.
#[derive(Debug, PartialEq, Eq)]
pub enum Deleted {
    /// The account is gone, or goes with the last of its numbers, which are being released already.
    Done,
    /// Its numbers are being released by this order; the account goes with the last of them.
    Releasing(i64),
}

/// Deletes an account. While numbers exist it is refused, unless `release` is granted: then they are released first.
///
/// # Errors
/// When numbers exist and may not be released, there is no such account, or the database fails.
pub async fn delete(
    ctx: &Ctx,
    grant: &Grant<AccountsDelete>,
    origin: &Origin,
    name: &str,
    release: Option<&Grant<NumbersDelete>>,
) -> Result<Deleted> {
    let deleted = transact!(ctx, |tx| {
        let account = tx.account_locked(name).await?.ok_or(Error::NotFound("account"))?;
        let deletion = AccountDeletion { account: &account, grant, release, origin, source: OrderSource::Portal };
        delete_in(&mut tx, ctx, &deletion).await?
    })?;
    ctx.wake_followers_of_accounts().await;
    Ok(deleted)
}

/// The deletion of an account.
pub(in crate::service) struct AccountDeletion<'a> {
    /// The account, locked.
    pub(in crate::service) account: &'a Account,
    pub(in crate::service) grant: &'a Grant<AccountsDelete>,
    /// The right to release its numbers with it, where that was chosen.
    pub(in crate::service) release: Option<&'a Grant<NumbersDelete>>,
    pub(in crate::service) origin: &'a Origin,
    pub(in crate::service) source: OrderSource,
}

/// Deletes an account that is locked, or marks it to go with the last of its numbers and releases them, all in one
/// transaction: whatever happens to the process, the account goes or stays with all it has.
pub(in crate::service) async fn delete_in(
    tx: &mut Tx,
    rules: &Rules,
    deletion: &AccountDeletion<'_>,
) -> Result<Deleted> {
    let AccountDeletion { account, grant, release, origin, source } = *deletion;
    let now = rules.clock.now();
    let coming = tx.numbers_coming(account.id).await?;
    if coming > 0 {
        return Err(Error::Conflict(format!("Account {} cannot be deleted: {}", account.name, on_their_way(coming))));
    }
    if tx.delete_empty_account(account.id, now).await? {
        append_deleted(tx, grant, origin, account, now).await?;
        return Ok(Deleted::Done);
    }
    let kept = tx.count_numbers_listed(Some(account.id), &Filter::default()).await?;
    if kept > 0 && release.is_none() {
        let or = match source {
            OrderSource::Portal | OrderSource::Import => "choose to release them with the account",
            OrderSource::Api => "delete the account with deleteNumbers=true",
        };
        return Err(Error::Conflict(format!(
            "Account {} has {}. Release {them} first, or {or}.",
            account.name,
            counted(kept, "number", "numbers"),
            them = if kept == 1 { "it" } else { "them" },
        )));
    }
    // From here on nothing is added to it, so that its last number really is the last.
    tx.mark_account_deleting(account.id, now).await?;
    append_deleted(tx, grant, origin, account, now).await?;
    let Some(release) = release.filter(|_| kept > 0) else { return Ok(Deleted::Done) };
    let order = orders::release_in(tx, rules, release, origin, account, source).await?;
    Ok(if tx.delete_empty_account(account.id, now).await? { Deleted::Done } else { Deleted::Releasing(order) })
}

async fn append_deleted(
    tx: &mut Tx,
    grant: &Grant<AccountsDelete>,
    origin: &Origin,
    account: &Account,
    now: OffsetDateTime,
) -> Result<()> {
    let mut entry = audit_entry(grant, origin, "account.delete");
    entry.subject_kind = "account";
    entry.subject.clone_from(&account.name);
    entry.before = Some(AuditedAccount::from(account).to_json());
    tx.append_audit(entry, now).await?;
    Ok(())
}
