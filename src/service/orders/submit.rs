//! Submitting a draft: what was reviewed becomes what should be.

use serde_json::json;
use time::OffsetDateTime;

use super::decision::{Decision, held, only_confirmed, verdicts};
use super::find::find;
use super::freshness::{compare_draft, compared_with};
use super::recheck::recheck;
use super::review::{refused, touched};
use super::right::OrderRight;
use super::undo::is_overtaken;
use crate::authz::Principal;
use crate::domain::field::counted;
use crate::domain::{Account, Backends, DriftWay, Moves, Order, OrderKind, OrderSource, OrderStatus, Outside, Verdict};
use crate::service::bulk::withdrawn;
use crate::service::transact::{give_up, transact};
use crate::service::{Ctx, Error, Origin, Result, Rules, identity};
use crate::store::{
    Applied, AuditEntry, ComparedWith, GivenSettings, NewOrder, OrderToApply, OutsideCount, Place, TouchedThere, Tx,
};

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

/// Submits a draft exactly as it was reviewed. An upload is compared once more with what the backends hold. With refused
/// lines, numbers that lose their emergency address, or changed ones that somebody uses, it goes through only when that was
/// agreed to.
///
/// # Errors
/// When something was not agreed to, when nothing is left to do, or the database fails.
pub async fn submit(
    ctx: &Ctx,
    right: &OrderRight,
    origin: &Origin,
    id: i64,
    decision: impl Into<Decision>,
) -> Result<Submitted> {
    let decision = decision.into();
    let outcome = transact!(ctx, |tx| {
        let order = find(&mut tx, id).await?;
        if !right.opens(&order) {
            return Err(Error::NotFound("order"));
        }
        match apply(&mut tx, ctx, (right, origin), &order, decision).await? {
            Submitted::Done => Submitted::Done,
            other => return give_up(other),
        }
    })?;
    match outcome {
        Submitted::Moved(_) => {
            let moved = transact!(ctx, |tx| {
                tx.take_time().await?;
                compare_draft(&mut tx, ctx, id).await?
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
        if !right.opens(&order) {
            return Err(Error::NotFound("order"));
        }
        if order.status != OrderStatus::Draft {
            return Err(Error::Conflict(format!("Order {id} is not under review any more.")));
        }
        tx.take_time().await?;
        compare_draft(&mut tx, ctx, id).await?
    })
}

/// Locks the accounts of an order, and tells whether accounts and numbers are those that it was made from. One that can never be
/// done is refused.
async fn stands_as_made(tx: &mut Tx, rules: &Rules, order: &Order) -> Result<bool> {
    let id = order.id;
    if tx.lock_order_accounts(id).await?.is_none() || (order.form_of.follows_numbers() && tx.has_moved_on(id).await?) {
        return Ok(false);
    }
    if is_overtaken(tx, order).await? {
        return Err(Error::Conflict(
            "What this would undo has been changed since, and undoing it would undo that too. Discard this draft."
                .into(),
        ));
    }
    if order.moves == Some(Moves::ToOtherTenant) {
        for account in tx.receivers(id).await? {
            let account = tx.account_by_id(account).await?.ok_or(Error::NotFound("account"))?;
            if let Some(problem) = withdrawn(tx, rules, &account).await? {
                return Err(Error::Conflict(problem.message));
            }
        }
    }
    Ok(true)
}

async fn apply(
    tx: &mut Tx,
    rules: &Rules,
    (right, origin): (&OrderRight, &Origin),
    order: &Order,
    decision: Decision,
) -> Result<Submitted> {
    let now = rules.clock.now();
    let id = order.id;
    if order.status != OrderStatus::Draft {
        return Ok(Submitted::NotDraft(Box::new(order.clone())));
    }
    tx.take_time().await?;
    // From here on nobody compares it anew, so that what is counted is what is submitted.
    if !tx.submit_order(id, now).await? {
        return Ok(Submitted::NotDraft(Box::new(find(tx, id).await?)));
    }
    if decision.seen.is_some() && tx.compared_at(id).await? != decision.seen {
        return Ok(Submitted::Moved(0));
    }
    // What was read before may have been compared anew since.
    let order = &find(tx, id).await?;
    if !right.opens(order) {
        return Err(Error::NotFound("order"));
    }
    let given = tx.given_settings(id).await?;
    let reviewed = GivenSettings::counts(&given);
    let refused = refused(&verdicts(&reviewed)) + order.refused_lines;
    if refused > 0 && !decision.good_only {
        return Err(Error::Conflict(format!(
            "{} refused. Correct what is refused and begin again, or choose to go on without it.",
            counted(refused, "line is", "lines are")
        )));
    }
    if !stands_as_made(tx, rules, order).await? {
        return Ok(Submitted::Moved(0));
    }
    let way = tx.drift_way(id).await?;
    if way.is_some() && tx.drifted_no_more(id).await? > 0 {
        return Ok(Submitted::Moved(0));
    }
    tx.forget_draft_text(id).await?;
    let compared = match way {
        Some(_) => Some(reviewed),
        None => compared_again(tx, rules, order, (&given, reviewed)).await?,
    };
    let Some(outside) = compared else { return Ok(Submitted::Moved(0)) };
    let touched = touched(tx, id, &outside, 0).await?;
    let missing = decision.missing(&touched);
    if !missing.is_empty() {
        return Err(Error::Invalid(missing));
    }
    if way == Some(DriftWay::Release) {
        tx.take_over_drifted(id, now).await?;
    }
    let counts = verdicts(&outside);
    // What is adopted is so already: no backend has to hear of it.
    let none = Backends::new(Vec::new());
    let backends = if way == Some(DriftWay::Adopt) { &none } else { &rules.policy.backends };
    let to_apply =
        OrderToApply { order_id: id, verdicts: &counts, backends, moves: order.moves, is_reviewed: true, now };
    let Some(applied) = tx.apply_order(&to_apply).await? else { return Ok(Submitted::Moved(0)) };
    if applied.progress.total == 0 {
        return Err(Error::Conflict("There is nothing to do: no number is new, changed or to be released.".into()));
    }
    if order.kind == OrderKind::Upload {
        tx.end_used_reservations(id).await?;
    }
    if held(&outside, Outside::Equal) + held(&outside, Outside::Different) > 0 {
        tx.mark_assigned_there(id).await?;
    }
    if held(&outside, Outside::Unknown) > 0 {
        for backend in rules.policy.backends.iter() {
            tx.look_first(id, backend).await?;
        }
    }
    tx.add_progress(id, applied.progress, now).await?;
    for account in applied.to_push {
        tx.want_account(account, backends, now).await?;
    }
    let submission = Submission {
        order_id: id,
        accounts: &order.accounts,
        ticket: order.ticket.as_deref(),
        verdicts: &counts,
        refused_lines: order.refused_lines,
        there: There { outside: &outside, touched: &touched },
        way,
        not_possible: None,
        moves: order.moves,
    };
    tx.append_audit(submission.audit(right, origin), now).await?;
    Ok(Submitted::Done)
}

/// Compares an upload once more with what its accounts allow, which are locked, and with what the backends hold: both may have
/// changed since the review. Nothing where it is not
/// what was reviewed any more; that a number turns out to be as it was taken to be is no change.
async fn compared_again(
    tx: &mut Tx,
    rules: &Rules,
    order: &Order,
    (given, reviewed): (&[GivenSettings], Vec<OutsideCount>),
) -> Result<Option<Vec<OutsideCount>>> {
    let found = recheck(tx, rules, order, given).await?;
    let with = ComparedWith { is_reviewed_anew: false, flawed: &found.flawed, ..compared_with(rules) };
    if order.kind != OrderKind::Upload || tx.compare_items(order.id, OrderKind::Upload, with).await? == 0 {
        return Ok(Some(reviewed));
    }
    let now = tx.outside_counts(order.id).await?;
    Ok(only_confirmed(&reviewed, &now).then_some(now))
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
    /// What the audit says of its numbers that no numbering plan knows, where there are such.
    pub(in crate::service) not_possible: Option<String>,
    /// How many of its numbers a backend is known to have otherwise than they are here.
    pub(in crate::service) otherwise_there: i64,
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
    let OrderToSubmit { id, account, verdicts, place, backends, not_possible, otherwise_there } = order;
    let touched = TouchedThere::default();
    let outside = [(Verdict::Changed, Some(Outside::Different), otherwise_there)];
    let there = There { outside: &outside, touched: &touched };
    let submission = Submission {
        order_id: id,
        accounts: account,
        ticket: None,
        verdicts,
        refused_lines: 0,
        there,
        way: None,
        not_possible,
        moves: None,
    };
    let entry = submission.audit(right, origin);
    let to_apply = OrderToApply { order_id: id, verdicts, backends, moves: None, is_reviewed: false, now };
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
    there: There<'a>,
    /// How it settles drift, where it does.
    way: Option<DriftWay>,
    /// Numbers of it that no numbering plan knows.
    not_possible: Option<String>,
    /// Where its numbers go, where it moves them.
    moves: Option<Moves>,
}

/// What the backends held of the numbers of an order.
struct There<'a> {
    outside: &'a [OutsideCount],
    touched: &'a TouchedThere,
}

impl There<'_> {
    /// What the audit says of it; nothing where nothing was held.
    fn audited(&self) -> serde_json::Map<String, serde_json::Value> {
        [
            ("adopted", held(self.outside, Outside::Equal)),
            ("heldOtherwise", held(self.outside, Outside::Different)),
            ("notKnown", held(self.outside, Outside::Unknown)),
            ("inUse", self.touched.assigned.0),
            ("lostAddress", self.touched.lost.0),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| (name.to_owned(), json!(count)))
        .collect()
    }
}

impl Submission<'_> {
    /// Makes the row of the audit.
    fn audit(&self, right: &OrderRight, origin: &Origin) -> AuditEntry {
        let numbers: serde_json::Map<String, serde_json::Value> =
            self.verdicts.iter().map(|(verdict, count)| (verdict.key().to_owned(), json!(count))).collect();
        let mut after = json!({
            "kind": right.kind().key(),
            "accounts": self.accounts,
            "numbers": numbers,
            "refusedLines": self.refused_lines,
        });
        let there = self.there.audited();
        if let Some(after) = after.as_object_mut().filter(|_| !there.is_empty()) {
            after.insert("atBackend".to_owned(), there.into());
        }
        if let (Some(moves), Some(members)) = (self.moves, after.as_object_mut()) {
            members.insert("moves".to_owned(), json!(moves.key()));
        }
        if let (Some(way), Some(members)) = (self.way, after.as_object_mut()) {
            members.insert("drift".to_owned(), json!(way.key()));
        }
        if let (Some(numbers), Some(members)) = (&self.not_possible, after.as_object_mut()) {
            members.insert("notPossible".to_owned(), json!(numbers));
        }
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
