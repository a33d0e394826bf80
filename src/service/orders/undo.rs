//! Undoing an order while nothing has changed since: the inverse order is staged, to be reviewed as any other.

use serde_json::json;

use super::find::find;
use super::freshness::compare_given;
use crate::authz::{Grant, Missing, NumbersDelete, NumbersWrite, OrdersRead, Principal};
use crate::domain::field::counted;
use crate::domain::{DriftWay, FormOf, Moves, Order, OrderKind, OrderSource, OrderStatus, UndoPart};
use crate::service::staging::account_names;
use crate::service::transact::transact;
use crate::service::{Ctx, Error, Result, beside, identity};
use crate::store::{NewOrder, OrderStanding, Tx};

/// The right to undo a part of an order.
#[derive(Clone, Debug)]
pub enum UndoRight {
    /// To write: former settings, or numbers as they were.
    Write(Grant<NumbersWrite>),
    /// To release what was new.
    Release(Grant<NumbersDelete>),
    /// To move back, to another tenant too.
    Both(Grant<NumbersWrite>, Grant<NumbersDelete>),
}

impl UndoRight {
    /// Gives the right of this person to undo a part of an order.
    ///
    /// # Errors
    /// When the person lacks it. The error names the roles that are missing.
    pub fn of(person: &Principal, order: &Order, part: UndoPart) -> std::result::Result<Self, Missing> {
        Ok(match part {
            UndoPart::New => Self::Release(person.grant()?),
            UndoPart::Moved => match person.grant() {
                Ok(release) => Self::Both(person.grant()?, release),
                Err(missing) if order.moves == Some(Moves::ToOtherTenant) => return Err(missing),
                Err(_) => Self::Write(person.grant()?),
            },
            UndoPart::Changed | UndoPart::Released => Self::Write(person.grant()?),
        })
    }

    fn principal(&self) -> &Principal {
        match self {
            Self::Write(grant) | Self::Both(grant, _) => grant.principal(),
            Self::Release(grant) => grant.principal(),
        }
    }

    /// Whether it is the right for this part of the order.
    fn opens(&self, order: &Order, part: UndoPart) -> bool {
        let crosses = part == UndoPart::Moved && order.moves == Some(Moves::ToOtherTenant);
        match self {
            Self::Release(_) => part == UndoPart::New,
            Self::Both(..) => part == UndoPart::Moved,
            Self::Write(_) => part != UndoPart::New && !crosses,
        }
    }
}

/// What can be undone of an order.
#[derive(Clone, Debug, Default)]
pub struct Undoable {
    /// The parts of it, each with how many numbers.
    pub parts: Vec<(UndoPart, i64)>,
    /// Why the rest cannot be undone, in sentences.
    pub why_not: Vec<String>,
}

/// The parts of an order that can be undone, each with how many numbers. There is none once one of its numbers has changed.
///
/// # Errors
/// When the database fails.
pub async fn undoable(ctx: &Ctx, grant: &Grant<OrdersRead>, order: &Order) -> Result<Vec<(UndoPart, i64)>> {
    Ok(look_for_undo(ctx, grant, order).await?.parts)
}

/// What can be undone of an order, and why the rest cannot.
///
/// # Errors
/// When the database fails.
pub async fn look_for_undo(ctx: &Ctx, _: &Grant<OrdersRead>, order: &Order) -> Result<Undoable> {
    if let Some(reason) = why_never(order) {
        return Ok(Undoable { why_not: vec![reason.to_owned()], ..Undoable::default() });
    }
    if !may_be_undone(order) {
        return Ok(Undoable::default());
    }
    let mut tx = ctx.db.read().await?;
    let standing = tx.order_standing(order.id).await?;
    let mut why_not: Vec<String> = standing.iter().flat_map(why_not).collect();
    if standing.is_empty() {
        why_not.push("This order changed no number, so there is nothing to undo.".to_owned());
    }
    Ok(Undoable { parts: whole(standing), why_not })
}

/// Whether an order is one that can be undone, as long as its numbers have not changed since.
pub fn may_be_undone(order: &Order) -> bool {
    order.status.is_final() && order.status != OrderStatus::Discarded && why_never(order).is_none()
}

/// Why an order can never be undone by another.
fn why_never(order: &Order) -> Option<&'static str> {
    match (order.source, order.way) {
        (OrderSource::Import, _) => Some(
            "This order cannot be undone: it took numbers over as another system or a backend has them, and sent nothing. To take \
             them away again means to release them, at the backend too.",
        ),
        (_, Some(DriftWay::Push)) => Some(
            "This order cannot be undone: it sent to the backend what stands here, which it left as it is. What the backend had \
             before is not kept.",
        ),
        _ => None,
    }
}

/// Why a part of an order cannot be undone.
fn why_not(of: &OrderStanding) -> Vec<String> {
    let OrderStanding { part, count, stands, were_there } = *of;
    let mut said = Vec::new();
    if were_there > 0 {
        said.push(format!(
            "What is new here cannot be undone: {} at the backend before, and a release would take away there what this order did \
             not bring.",
            counted(were_there, "number was", "numbers were")
        ));
    }
    let changed = count - stands - were_there;
    if changed > 0 {
        let left = ("of its numbers is not as this order left it", "of its numbers are not as this order left them");
        let (what, (one, many)) = match part {
            UndoPart::New => ("What was new", left),
            UndoPart::Changed => ("What was changed", left),
            UndoPart::Moved => ("What was moved", left),
            UndoPart::Released => {
                ("What was released", ("of its numbers is on an account again", "of its numbers are on accounts again"))
            }
        };
        said.push(format!("{what} cannot be undone any more: {}.", counted(changed, one, many)));
    }
    said
}

fn whole(standing: Vec<OrderStanding>) -> Vec<(UndoPart, i64)> {
    let whole = standing.into_iter().filter(|part| part.stands == part.count);
    whole.map(|OrderStanding { part, count, .. }| (part, count)).collect()
}

async fn parts(tx: &mut Tx, order: &Order) -> Result<Vec<(UndoPart, i64)>> {
    if why_never(order).is_some() {
        return Ok(Vec::new());
    }
    Ok(whole(tx.order_standing(order.id).await?))
}

/// Whether what a draft undoes has changed since it was made.
pub(super) async fn is_overtaken(tx: &mut Tx, draft: &Order) -> Result<bool> {
    let form = if draft.form_of == FormOf::Undo { tx.order_form(draft.id).await? } else { None };
    let Some((undone, part)) = form.as_deref().and_then(undoes) else { return Ok(false) };
    let order = find(tx, undone).await?;
    Ok(!parts(tx, &order).await?.iter().any(|(known, _)| *known == part))
}

/// Stages an order that undoes a part of another, and gives the draft's number.
///
/// # Errors
/// When one of the numbers has changed since, the right is not for this part, or the database fails.
pub async fn stage_undo(ctx: &Ctx, right: &UndoRight, order_id: i64, part: UndoPart) -> Result<i64> {
    let (ctx, right) = (ctx.clone(), right.clone());
    beside(async move { stage_here(&ctx, &right, order_id, part).await }).await?
}

async fn stage_here(ctx: &Ctx, right: &UndoRight, order_id: i64, part: UndoPart) -> Result<i64> {
    transact!(ctx, |tx| {
        let order = find(&mut tx, order_id).await?;
        if !right.opens(&order, part) {
            return Err(Error::NotFound("order"));
        }
        let is_standing =
            may_be_undone(&order) && parts(&mut tx, &order).await?.iter().any(|(known, _)| *known == part);
        if !is_standing {
            return Err(Error::Conflict(format!(
                "Order {order_id} cannot be undone any more: its numbers have changed since."
            )));
        }
        tx.take_time_aside().await?;
        let id = tx.next_number("orders").await?;
        let kind = if part == UndoPart::New { OrderKind::Release } else { OrderKind::Upload };
        let person = right.principal();
        let new = NewOrder {
            id,
            kind,
            source: OrderSource::Portal,
            accounts: String::new(),
            author: &person.name,
            author_id: identity(person),
            ticket: order.ticket.as_deref(),
            form: json!({"undoes": order_id, "part": part.key()}).to_string(),
            refused_lines: 0,
        };
        tx.insert_order(&new, ctx.clock.now()).await?;
        tx.stage_undo(id, order_id, part).await?;
        tx.remember_numbers(id).await?;
        let moves = if part == UndoPart::Moved { Some(tx.where_to(id).await?) } else { None };
        if moves == Some(Moves::ToOtherTenant) && !matches!(right, UndoRight::Both(..)) {
            return Err(Error::Conflict(format!(
                "The accounts of order {order_id} belong to different enterprises by now. Moving its numbers back releases them \
                 first, which needs the role DeleteUser besides."
            )));
        }
        tx.set_form_of(id, FormOf::Undo, moves).await?;
        let accounts = tx.record_both_accounts(id).await?;
        let names: Vec<&str> = accounts.iter().map(String::as_str).collect();
        tx.describe_order(id, &account_names(&names), 0).await?;
        let draft = find(&mut tx, id).await?;
        compare_given(&mut tx, ctx, &draft).await?;
        id
    })
}

/// The order that a draft was made to undo.
pub(super) fn undone(form: &str) -> Option<i64> {
    serde_json::from_str::<serde_json::Value>(form).ok()?.get("undoes")?.as_i64()
}

/// The order, and the part of it, that a draft was made to undo.
fn undoes(form: &str) -> Option<(i64, UndoPart)> {
    let form: serde_json::Value = serde_json::from_str(form).ok()?;
    Some((form.get("undoes")?.as_i64()?, UndoPart::from_key(form.get("part")?.as_str()?)?))
}
