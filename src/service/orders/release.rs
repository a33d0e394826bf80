//! Releasing numbers: a draft of those that a person selected, or an order of all that an account has.

use super::right::OrderRight;
use super::submit::{OrderToSubmit, new_order, submit_in};
use crate::authz::{Grant, NumbersDelete};
use crate::domain::field::check_ticket;
use crate::domain::{Account, E164, OrderKind, OrderSource};
use crate::service::staging::account_names;
use crate::service::transact::transact;
use crate::service::{Ctx, Error, Origin, Result, Rules, identity};
use crate::store::{NewOrder, NumberFilter, Tx};

/// Which numbers to release.
#[derive(Clone, Debug)]
pub enum ReleaseSelection {
    /// These numbers, as far as they are on the account where one is named.
    Numbers(Option<String>, Vec<E164>),
    /// All numbers that match.
    Matching(Box<NumberFilter>),
}

/// Stages a release as a draft order and gives its number.
///
/// # Errors
/// When nothing is selected or nothing matches, or the database fails.
pub async fn stage_release(
    ctx: &Ctx,
    grant: &Grant<NumbersDelete>,
    selection: &ReleaseSelection,
    ticket: Option<&str>,
) -> Result<i64> {
    let mut problems = Vec::new();
    check_ticket(ticket, &mut problems);
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    let mut of_account = NumberFilter::default();
    let (filter, numbers) = match selection {
        ReleaseSelection::Numbers(_, numbers) if numbers.is_empty() => {
            return Err(Error::field("number", "Tick the numbers to release first."));
        }
        ReleaseSelection::Numbers(account, numbers) => {
            of_account.account.clone_from(account);
            (&of_account, Some(numbers.as_slice()))
        }
        ReleaseSelection::Matching(filter) => (filter.as_ref(), None),
    };
    let now = ctx.clock.now();
    transact!(ctx, |tx| {
        tx.take_time_aside().await?;
        let id = tx.next_number("orders").await?;
        tx.insert_order(
            &NewOrder {
                id,
                kind: OrderKind::Release,
                source: OrderSource::Portal,
                accounts: String::new(),
                author: &grant.principal().name,
                author_id: identity(grant.principal()),
                ticket,
                form: "{}".into(),
                refused_lines: 0,
            },
            now,
        )
        .await?;
        if tx.stage_release(id, filter, numbers).await? == 0 {
            return Err(Error::Conflict("No number matches any more; there is nothing to release.".into()));
        }
        let accounts = tx.record_order_accounts(id).await?;
        let names: Vec<&str> = accounts.iter().map(String::as_str).collect();
        tx.describe_order(id, &account_names(&names), 0).await?;
        id
    })
}

/// Releases every number of an account without a review, because the deletion of the account was confirmed. Gives the
/// order. Numbers that are being released already stay with theirs.
pub(in crate::service) async fn release_in(
    tx: &mut Tx,
    rules: &Rules,
    grant: &Grant<NumbersDelete>,
    origin: &Origin,
    account: &Account,
    source: OrderSource,
) -> Result<i64> {
    let now = rules.clock.now();
    tx.take_time().await?;
    let id = tx.next_number("orders").await?;
    let order = new_order(id, OrderKind::Release, source, grant.principal(), account);
    tx.insert_order(&order, now).await?;
    tx.insert_order_account(id, account.id, account.rev).await?;
    let all = NumberFilter { account: Some(account.name.clone()), ..NumberFilter::default() };
    tx.stage_release(id, &all, None).await?;
    let verdicts = tx.verdict_counts(id).await?;
    let right = OrderRight::Release(grant.clone());
    let backends = &rules.policy.backends;
    let order = OrderToSubmit {
        id,
        account: &account.name,
        verdicts: &verdicts,
        place: None,
        backends,
        not_possible: None,
        otherwise_there: 0,
    };
    if submit_in(tx, &right, origin, order, now).await?.is_none() {
        return Err(Error::Overtaken("The numbers keep changing. Try again in a moment.".into()));
    }
    Ok(id)
}
