//! Numbers that a program puts on an account or takes from it: one order, all of it or nothing.

mod put;
mod refused;
mod wanted;

pub use self::put::{NumbersToPut, PutAnswer, against, put};
pub use self::refused::RELEASING;

use super::{ApiAnswer, ChangeRequest, Outcome};
use crate::authz::{Grant, NumbersDelete, NumbersRead};
use crate::domain::{Account, E164, Number, OrderKind, OrderSource, SyncState};
use crate::service::api::accounts::being_deleted;
use crate::service::orders::{OrderRight, OrderToSubmit, new_order, submit_in};
use crate::service::transact::{give_up, transact_together};
use crate::service::{Ctx, Error, ItemProblem, Result};
use crate::store::{NumberFilter, OrderStart, Tx};

/// Which numbers to take from which account.
#[derive(Clone, Copy, Debug)]
pub struct NumbersToDelete<'a> {
    /// Name of the account.
    pub account: &'a str,
    /// Whether it is an error when there is no such account.
    pub account_needed: bool,
    /// The numbers.
    pub numbers: &'a [E164],
}

/// Takes numbers from an account: unassigned where they are assigned, then released. Numbers that are not on it are gone
/// already, which is what was asked for.
///
/// # Errors
/// When the precondition does not hold, there is no such account although one is needed, or the database fails.
pub async fn delete(
    ctx: &Ctx,
    grant: &Grant<NumbersDelete>,
    request: &ChangeRequest<'_, [Number]>,
    wanted: &NumbersToDelete<'_>,
) -> Result<ApiAnswer> {
    let person = grant.principal();
    let answer = transact_together!(ctx, |tx| {
        let now = ctx.clock.now();
        if let Some(answer) = request.earlier_answer(&mut tx, person, now).await? {
            return give_up(answer);
        }
        let account = tx.account_locked(wanted.account).await?;
        if wanted.account_needed && account.as_ref().is_none_or(|account| account.deleting) {
            return Err(Error::NotFound("account"));
        }
        let before = match &account {
            Some(account) => present(tx.numbers_among(wanted.numbers).await?, account),
            None => Vec::new(),
        };
        (request.precondition)((!before.is_empty()).then_some(&before))?;
        if let Some(account) = account.filter(|_| !before.is_empty()) {
            let id = tx.next_number("orders").await?;
            tx.insert_order(&new_order(id, OrderKind::Release, OrderSource::Api, person, &account), now).await?;
            tx.insert_order_account(id, account.id, account.rev).await?;
            let present: Vec<E164> = before.iter().map(|number| number.telephone_number).collect();
            let of_account = NumberFilter { account: Some(account.name.clone()), ..NumberFilter::default() };
            tx.stage_release(id, &of_account, Some(&present)).await?;
            let verdicts = tx.verdict_counts(id).await?;
            let right = OrderRight::Release(grant.clone());
            let backends = &ctx.policy.backends;
            let order = OrderToSubmit {
                id,
                account: &account.name,
                verdicts: &verdicts,
                place: None,
                backends,
                not_possible: None,
                otherwise_there: 0,
            };
            if submit_in(&mut tx, &right, request.origin, order, now).await?.is_none() {
                return Err(moved());
            }
        }
        request.answer(&mut tx, person, Outcome::Deleted, None, now).await?
    })?;
    ctx.wake_sync().await;
    Ok(answer)
}

/// One number of an account. A number that is being released is gone already.
///
/// # Errors
/// When it is not there, or the database fails.
pub async fn get(ctx: &Ctx, _: &Grant<NumbersRead>, account: &str, number: E164) -> Result<Number> {
    let found = ctx.db.number(number).await?;
    found
        .filter(|number| *number.account == *account && number.state != SyncState::Releasing)
        .ok_or(Error::NotFound("number"))
}

/// These numbers of an account.
///
/// # Errors
/// When any of them is not there (all of those are told), or the database fails.
pub async fn get_all(ctx: &Ctx, _: &Grant<NumbersRead>, account: &str, numbers: &[E164]) -> Result<Vec<Number>> {
    let found = ctx.db.read().await?.numbers_among(numbers).await?;
    let is_here = |number: &Number| *number.account == *account && number.state != SyncState::Releasing;
    let found: Vec<Number> = found.into_iter().filter(is_here).collect();
    let missing: Vec<ItemProblem> = numbers
        .iter()
        .enumerate()
        .filter(|(_, number)| found.binary_search_by_key(*number, |stored| stored.telephone_number).is_err())
        .map(|(index, number)| ItemProblem {
            index,
            property: "telephoneNumber".to_owned(),
            code: "number_not_on_account",
            message: format!("The number {number} is not on account {account}. Create it first, or leave it out."),
            conflict: false,
        })
        .collect();
    if missing.is_empty() { Ok(found) } else { Err(Error::Items(missing)) }
}

/// Takes what an order begins with, when the account is there to stay.
async fn present_account(tx: &mut Tx, begun: Option<OrderStart>) -> Result<OrderStart> {
    let begun = begun.ok_or(Error::NotFound("account"))?;
    if begun.account.deleting {
        return Err(being_deleted(tx, &begun.account).await?);
    }
    Ok(begun)
}

fn present(numbers: Vec<Number>, account: &Account) -> Vec<Number> {
    let is_here = |number: &Number| *number.account == *account.name && number.state != SyncState::Releasing;
    numbers.into_iter().filter(is_here).collect()
}

/// Gives what the precondition is about: the numbers, when they are on the account.
fn here<'n>(numbers: &'n [Number], account: &Account) -> Option<&'n [Number]> {
    let is_here = |number: &Number| *number.account == *account.name && number.state != SyncState::Releasing;
    (!numbers.is_empty() && numbers.iter().all(is_here)).then_some(numbers)
}

/// Says that what was compared is not what is any more. The same request goes through a moment later.
fn moved() -> Error {
    Error::Overtaken("The account or its numbers changed at the same moment. Send the request again.".into())
}
