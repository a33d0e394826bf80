//! Submitting a draft: what was reviewed becomes what should be.

use serde_json::json;
use time::OffsetDateTime;

use super::find::find;
use super::review::refused;
use super::right::OrderRight;
use crate::authz::Principal;
use crate::domain::{Account, Backends, Order, OrderKind, OrderSource, OrderStatus, Verdict};
use crate::service::transact::{give_up, transact};
use crate::service::{Ctx, Error, Origin, Result, Rules, identity};
use crate::store::{Applied, AuditEntry, NewOrder, OrderToApply, Place, Tx};

/// What became of a submission.
#[derive(Debug)]
pub enum Submitted {
    /// Every reviewed number is as it should be here. The backend follows.
    Done,
    /// What exists is not what was reviewed. Nothing was done. The review is made anew, and so many verdicts moved.
    Moved(u64),
    /// The order was submitted or discarded before.
    NotDraft(Box<Order>),
}

/// Submits a draft exactly as it was reviewed. With refused lines it goes through only when `good_only` was chosen.
///
/// # Errors
/// When lines are refused and `good_only` was not chosen, when nothing is left to do, or the database fails.
pub async fn submit(ctx: &Ctx, right: &OrderRight, origin: &Origin, id: i64, good_only: bool) -> Result<Submitted> {
    let outcome = transact!(ctx, |tx| {
        let order = find(&mut tx, id).await?;
        if order.kind != right.kind() {
            return Err(Error::NotFound("order"));
        }
        match apply(&mut tx, ctx, right, origin, &order, good_only).await? {
            Submitted::Done => Submitted::Done,
            other => return give_up(other),
        }
    })?;
    match outcome {
        Submitted::Moved(_) => {
            let moved = transact!(ctx, |tx| {
                tx.take_time().await?;
                tx.refresh_order_accounts(id).await?;
                tx.compare_items(id, right.kind(), ctx.clock.now()).await?
            })?;
            Ok(Submitted::Moved(moved))
        }
        other => {
            ctx.wake_sync().await;
            Ok(other)
        }
    }
}

/// Makes the review of a draft anew; tells how many verdicts moved.
///
/// # Errors
/// When it is no draft any more, or the database fails.
pub async fn compare_again(ctx: &Ctx, right: &OrderRight, id: i64) -> Result<u64> {
    transact!(ctx, |tx| {
        let order = find(&mut tx, id).await?;
        if order.kind != right.kind() {
            return Err(Error::NotFound("order"));
        }
        if order.status != OrderStatus::Draft {
            return Err(Error::Conflict(format!("Order {id} is not under review any more.")));
        }
        tx.take_time().await?;
        tx.refresh_order_accounts(id).await?;
        tx.compare_items(id, right.kind(), ctx.clock.now()).await?
    })
}

async fn apply(
    tx: &mut Tx,
    rules: &Rules,
    right: &OrderRight,
    origin: &Origin,
    order: &Order,
    good_only: bool,
) -> Result<Submitted> {
    let now = rules.clock.now();
    let id = order.id;
    if order.status != OrderStatus::Draft {
        return Ok(Submitted::NotDraft(Box::new(order.clone())));
    }
    tx.take_time().await?;
    let counts = tx.verdict_counts(id).await?;
    let refused = refused(&counts) + order.refused_lines;
    if refused > 0 && !good_only {
        return Err(Error::Conflict(format!(
            "{refused} lines are refused. Correct them and start again, or choose to go on with the good lines only."
        )));
    }
    if tx.lock_order_accounts(id).await?.is_none() {
        return Ok(Submitted::Moved(0));
    }
    if order.kind == OrderKind::Upload && tx.entered_quarantine(id, now).await? {
        return Ok(Submitted::Moved(0));
    }
    if !tx.submit_order(id, now).await? {
        return Ok(Submitted::NotDraft(Box::new(find(tx, id).await?)));
    }
    let to_apply = OrderToApply { order_id: id, verdicts: &counts, backends: &rules.policy.backends, now };
    let Some(applied) = tx.apply_order(&to_apply).await? else { return Ok(Submitted::Moved(0)) };
    if applied.progress.total == 0 {
        return Err(Error::Conflict("There is nothing to do: no number is new, changed or to be released.".into()));
    }
    tx.add_progress(id, applied.progress, now).await?;
    for account in applied.to_push {
        tx.want_account(account, &rules.policy.backends, now).await?;
    }
    let submission = Submission {
        order_id: id,
        accounts: &order.accounts,
        ticket: order.ticket.as_deref(),
        verdicts: &counts,
        refused_lines: order.refused_lines,
    };
    tx.append_audit(submission.audit(right, origin), now).await?;
    Ok(Submitted::Done)
}

/// An order of one account that is submitted without a review.
pub(in crate::service) struct OrderToSubmit<'a> {
    pub(in crate::service) id: i64,
    /// Name of its account.
    pub(in crate::service) account: &'a str,
    /// How many of its numbers have each verdict. None is a refusal.
    pub(in crate::service) verdicts: &'a [(Verdict, i64)],
    /// The place of its row in the audit, where it has one already.
    pub(in crate::service) place: Option<Place>,
    /// Which backend has to know of which services.
    pub(in crate::service) backends: &'a Backends,
}

/// Submits an order that nobody has reviewed, and tells what that set going. `None` when what exists is not what the
/// verdicts say: then the transaction must be given up.
pub(in crate::service) async fn submit_in(
    tx: &mut Tx,
    right: &OrderRight,
    origin: &Origin,
    order: OrderToSubmit<'_>,
    now: OffsetDateTime,
) -> Result<Option<Applied>> {
    let OrderToSubmit { id, account, verdicts, place, backends } = order;
    let submission = Submission { order_id: id, accounts: account, ticket: None, verdicts, refused_lines: 0 };
    let entry = submission.audit(right, origin);
    let to_apply = OrderToApply { order_id: id, verdicts, backends, now };
    Ok(tx.apply_and_finish(&to_apply, (entry, place)).await?)
}

/// Makes a new order on one account that nobody reviews.
pub(in crate::service) fn new_order<'a>(
    id: i64,
    kind: OrderKind,
    source: OrderSource,
    person: &'a Principal,
    account: &Account,
) -> NewOrder<'a> {
    NewOrder {
        id,
        kind,
        source,
        accounts: account.name.clone(),
        author: &person.name,
        author_id: identity(person),
        ticket: None,
        form: "{}".into(),
        refused_lines: 0,
    }
}

/// What the audit says of a submission.
struct Submission<'a> {
    order_id: i64,
    /// Names of its accounts.
    accounts: &'a str,
    ticket: Option<&'a str>,
    verdicts: &'a [(Verdict, i64)],
    refused_lines: i64,
}

impl Submission<'_> {
    /// Makes the row of the audit.
    fn audit(&self, right: &OrderRight, origin: &Origin) -> AuditEntry {
        let numbers: serde_json::Map<String, serde_json::Value> =
            self.verdicts.iter().map(|(verdict, count)| (verdict.key().to_owned(), json!(count))).collect();
        let after = json!({
            "kind": right.kind().key(),
            "accounts": self.accounts,
            "numbers": numbers,
            "refusedLines": self.refused_lines,
        });
        AuditEntry {
            subject_kind: "order",
            subject: self.order_id.to_string(),
            order_id: Some(self.order_id),
            ticket: self.ticket.map(str::to_owned),
            after: Some(after.to_string()),
            ..right.audit(origin, "order.submit")
        }
    }
}
