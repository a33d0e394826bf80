//! Numbers that a program puts on an account or takes from it: one order, all of it or nothing.

use std::collections::HashMap;
use std::sync::Arc;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::addresses::CheckedAddresses;
use super::{ApiAnswer, ChangeRequest, Outcome};
use crate::authz::{Grant, NumbersDelete, NumbersRead, NumbersWrite, Principal};
use crate::domain::{
    Account, E164, ItemState, Number, NumberSettings, OrderKind, OrderSource, Refusal, Service, ServiceSet, SyncState,
    Verdict, number,
};
use crate::service::orders::{OrderRight, OrderToSubmit, new_order, submit_in};
use crate::service::transact::{give_up, transact_together};
use crate::service::{Ctx, Error, ItemProblem, Result};
use crate::store::{Begun, NewItem, NumberFilter, Page, QuarantinedItem, Tx};

/// The most items read of an order that was refused: more than a batch can hold.
const REFUSED_SHOWN: usize = 1_000;

/// What became of putting numbers on an account.
struct Put {
    /// The answer, where it was made with the change.
    answer: Option<ApiAnswer>,
    outcome: Outcome,
    /// The numbers as they are now, where the change itself tells.
    after: Option<Vec<Number>>,
    to_push: bool,
}

/// Puts numbers on an account with these settings, each number once. A number that is there already gets the settings.
/// `addresses` is what [`addresses::check`](super::addresses::check) says of them.
///
/// # Errors
/// When there is no such account, any of the numbers cannot be taken (all of them are told), or the database fails.
pub async fn put(
    ctx: &Ctx,
    grant: &Grant<NumbersWrite>,
    request: &ChangeRequest<'_, [Number]>,
    account: &str,
    wanted: &[(E164, NumberSettings)],
    addresses: &CheckedAddresses,
) -> Result<ApiAnswer> {
    let person = grant.principal();
    let numbers: Vec<E164> = wanted.iter().map(|(number, _)| *number).collect();
    let profile = ctx.policy.default_calling_profile.as_ref();
    let wanted = WantedNumber::all(wanted, profile);
    let put = transact_together!(ctx, ctx.db.begin_order(account, &numbers), |tx, found| {
        let now = ctx.clock.now();
        if let Some(answer) = request.earlier_answer(&mut tx, person, now).await? {
            return give_up(Put { answer: Some(answer), outcome: Outcome::Done, after: None, to_push: false });
        }
        let Begun { account, next_order, before } = present_account(found, account)?;
        (request.precondition)(here(&before, &account))?;
        let mut missing = not_enabled(&account, &wanted);
        missing.extend(addresses.problems.iter().cloned());
        if !missing.is_empty() {
            return Err(Error::Items(missing));
        }
        let outcome = if before.is_empty() { Outcome::Created } else { Outcome::Done };
        let (mut after, mut to_push) = (None, false);
        if !wanted.iter().all(|wanted| wanted.stands(&before, &account)) {
            let right = OrderRight::Upload(grant.clone());
            let id = match next_order {
                Some(id) => id,
                None => tx.next_number("orders").await?,
            };
            let (values, items) = staged(&account, &wanted, ctx.policy.backends.provisioned());
            let order = new_order(id, OrderKind::Upload, OrderSource::Api, person, &account);
            let quarantine = ctx.policy.quarantine.binds_api.then_some(now);
            let account_at = (account.id, account.rev);
            let (verdicts, place) = tx.stage_order(&order, account_at, &values, &items, (now, quarantine)).await?;
            if verdicts.iter().any(|(verdict, _)| matches!(verdict, Verdict::Refused(_))) {
                return Err(Error::Items(refused(&mut tx, id, &numbers, person).await?));
            }
            let backends = &ctx.policy.backends;
            let order = OrderToSubmit { id, account: &account.name, verdicts: &verdicts, place, backends };
            let Some(applied) = submit_in(&mut tx, &right, request.origin, order, now).await? else {
                return Err(moved());
            };
            to_push = !applied.to_push.is_empty();
            if before.is_empty() {
                let now_written = |state| created(&wanted, &account, Written { order_id: id, state, at: now });
                after = applied.one_state().map(now_written);
            }
        }
        // What is kept for a repetition is made with the change; otherwise nobody waits for the answer to be made.
        let answer = match request.repeat {
            Some(_) => {
                let after = match &after {
                    Some(after) => after,
                    None => &tx.numbers_among(&numbers).await?,
                };
                Some(request.answer(&mut tx, person, outcome, Some(after), now).await?)
            }
            None => None,
        };
        Put { answer, outcome, after, to_push }
    })?;
    if put.to_push {
        ctx.wake_sync().await;
    }
    if let Some(answer) = put.answer {
        return Ok(answer);
    }
    let after = match put.after {
        Some(after) => after,
        None => ctx.db.read().await?.numbers_among(&numbers).await?,
    };
    if after.len() < numbers.len() { Err(moved()) } else { Ok((request.make_answer)(put.outcome, Some(&after))) }
}

/// How an order has just written its numbers.
#[derive(Clone, Copy)]
struct Written {
    order_id: i64,
    state: SyncState,
    at: OffsetDateTime,
}

/// Makes the new numbers as an order of one state has just written them, in order.
fn created(wanted: &[WantedNumber], account: &Account, written: Written) -> Vec<Number> {
    let Written { order_id, state, at } = written;
    let (name, tenant_id): (Arc<str>, Option<Arc<str>>) =
        (account.name.as_str().into(), account.tenant_id.as_ref().map(|tenant| tenant.as_str().into()));
    let number = |wanted: &WantedNumber| Number {
        telephone_number: wanted.number,
        account: Arc::clone(&name),
        tenant_id: tenant_id.clone(),
        settings: Arc::new(wanted.settings.clone()),
        country: wanted.country.clone(),
        state,
        assigned: false,
        error: None,
        rev: 1,
        order_id,
        changed_at: at,
    };
    let mut numbers: Vec<Number> = wanted.iter().map(number).collect();
    numbers.sort_unstable_by_key(|number| number.telephone_number);
    numbers
}

/// A number as it is wanted.
struct WantedNumber {
    number: E164,
    settings: NumberSettings,
    settings_id: i64,
    country: Option<String>,
}

impl WantedNumber {
    fn all(wanted: &[(E164, NumberSettings)], profile: Option<&String>) -> Vec<Self> {
        let mut countries = number::Countries::default();
        let one = |(number, settings): &(E164, NumberSettings)| {
            let settings = settings.clone().with_usual_profile(profile).normalised();
            Self { number: *number, settings_id: settings.id(), settings, country: countries.of(*number) }
        };
        wanted.iter().map(one).collect()
    }

    /// Whether the number is so already, or on its way there.
    fn stands(&self, before: &[Number], account: &Account) -> bool {
        before.iter().any(|number| {
            number.telephone_number == self.number
                && *number.account == *account.name
                && matches!(number.state, SyncState::Pending | SyncState::Synced)
                && *number.settings == self.settings
        })
    }
}

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
            let order = OrderToSubmit { id, account: &account.name, verdicts: &verdicts, place: None, backends };
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
fn present_account(begun: Option<Begun>, name: &str) -> Result<Begun> {
    let begun = begun.ok_or(Error::NotFound("account"))?;
    if begun.account.deleting {
        return Err(Error::Conflict(format!(
            "Account {name} is being deleted. Wait until it is gone, then create it anew."
        )));
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

/// Finds the items with a service that the account has not.
fn not_enabled(account: &Account, wanted: &[WantedNumber]) -> Vec<ItemProblem> {
    let problem = |index: usize, service: Service| ItemProblem {
        index,
        property: format!("serviceDetails.{}.enabled", service.contract_name()),
        code: "service_not_enabled",
        message: format!(
            "{service} is not enabled on account {}. Enable it on the account first, or leave it out here.",
            account.name
        ),
        conflict: false,
    };
    wanted
        .iter()
        .enumerate()
        .flat_map(|(index, wanted)| {
            wanted.settings.services.without(account.services).iter().map(move |service| problem(index, service))
        })
        .collect()
}

/// Makes the numbers to stage, and each of their settings once.
fn staged(account: &Account, wanted: &[WantedNumber], provisioned: ServiceSet) -> (Vec<NumberSettings>, Vec<NewItem>) {
    let values: HashMap<i64, &NumberSettings> =
        wanted.iter().map(|wanted| (wanted.settings_id, &wanted.settings)).collect();
    let item = |wanted: &WantedNumber| NewItem {
        number: wanted.number,
        line: 0,
        account_id: account.id,
        settings_id: wanted.settings_id,
        country: wanted.country.clone(),
        state: ItemState::of_new(account, wanted.settings.services, provisioned),
    };
    (values.into_values().cloned().collect(), wanted.iter().map(item).collect())
}

/// Tells why items of an order cannot be taken. The account that a number belongs to is told to those who may see numbers.
async fn refused(tx: &mut Tx, order_id: i64, numbers: &[E164], person: &Principal) -> Result<Vec<ItemProblem>> {
    let (items, ..) = tx.items_page(order_id, (None, None), Page::First, REFUSED_SHOWN).await?;
    let mut problems: Vec<ItemProblem> = items
        .into_iter()
        .filter_map(|item| {
            let Verdict::Refused(refusal) = item.verdict else { return None };
            if let Some(quarantined) = &item.quarantine {
                return Some(in_quarantine(item.number, quarantined, numbers, person));
            }
            let (code, message) = match (refusal, item.owner.filter(|_| person.may::<NumbersRead>())) {
                (Refusal::OtherAccount, Some(owner)) => (
                    "number_on_other_account",
                    format!(
                        "The number {} belongs to account {owner}. Delete it there first, then create it here.",
                        item.number
                    ),
                ),
                (Refusal::OtherAccount, None) => (
                    "number_on_other_account",
                    format!(
                        "The number {} belongs to another account. Delete it there first, then create it here.",
                        item.number
                    ),
                ),
                (Refusal::Releasing, _) => (
                    "number_releasing",
                    format!(
                        "The number {} is being released. Wait until that is complete, then create it again.",
                        item.number
                    ),
                ),
                (other, _) => ("number_refused", format!("The number {}: {}", item.number, other.reason())),
            };
            Some(conflict(item.number, numbers, code, message))
        })
        .collect();
    problems.sort_by_key(|problem| problem.index);
    Ok(problems)
}

fn conflict(number: E164, numbers: &[E164], code: &'static str, message: String) -> ItemProblem {
    ItemProblem {
        index: numbers.iter().position(|other| *other == number).unwrap_or_default(),
        property: "telephoneNumber".to_owned(),
        code,
        message,
        conflict: true,
    }
}

/// Tells until when a number is in quarantine. The account that had it is told to those who may see numbers.
fn in_quarantine(number: E164, quarantined: &QuarantinedItem, numbers: &[E164], person: &Principal) -> ItemProblem {
    let had_it = match quarantined.account.as_deref().filter(|_| person.may::<NumbersRead>()) {
        Some(account) => format!("account {account}"),
        None => "another account".to_owned(),
    };
    let until = quarantined.until.format(&Rfc3339).unwrap_or_default();
    let message = format!(
        "The number {number} is in quarantine until {until}: {had_it} had it until lately. Until then only that account \
         can have it again. Wait, or choose another number."
    );
    conflict(number, numbers, "number_in_quarantine", message)
}

/// Says that what was compared is not what is any more. The same request goes through a moment later.
fn moved() -> Error {
    Error::Overtaken("The account or its numbers changed at the same moment. Send the request again.".into())
}
