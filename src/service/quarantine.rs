//! Quarantine: which numbers nobody else may have yet, and letting another account have them all the same.

use serde_json::json;
use time::OffsetDateTime;

use super::transact::{give_up, transact};
use super::{Ctx, Error, Origin, Result, audit_entry, identity};
use crate::authz::{Grant, NumbersRead, OrdersRead, QuarantineOverride};
use crate::domain::field::filled;
use crate::domain::quarantine::REASON_MAX;
use crate::domain::{E164, FieldProblem, OrderKind, OrderStatus};
use crate::store::{NewOverride, Page};

use super::numbers::{COUNTED, Matching, PAGE_SIZE};
use super::orders::compare_draft;

pub use crate::store::{Override, QuarantineFilter, QuarantineRange, QuarantineRow};

/// Rows of an export fetched at a time.
const EXPORT_CHUNK: usize = 1_000;
/// Rows of numbers that the audit names of an override.
const RANGES_AUDITED: i64 = 50;

/// Lets numbers stay in quarantine for as long as the configuration says, those too that are in it.
///
/// # Errors
/// When the database fails.
pub async fn follow_configuration(ctx: &Ctx) -> Result<()> {
    transact!(ctx, |tx| {
        if !tx.set_quarantine_periods(&ctx.policy.quarantine).await? {
            return give_up(());
        }
    })
}

/// The next numbers in quarantine that match, folded into ranges, and the key behind which the next page starts.
///
/// # Errors
/// When the database fails.
pub async fn ranges(
    ctx: &Ctx,
    _: &Grant<NumbersRead>,
    filter: &QuarantineFilter,
    page: Page<E164>,
) -> Result<(Vec<QuarantineRange>, Option<E164>)> {
    let mut tx = ctx.db.search().await?;
    Ok(tx.quarantine_ranges(filter, page, PAGE_SIZE, ctx.clock.now()).await?)
}

/// How many numbers in quarantine match.
///
/// # Errors
/// When the database fails.
pub async fn matching(ctx: &Ctx, _: &Grant<NumbersRead>, filter: &QuarantineFilter) -> Result<Matching> {
    let count = ctx.db.search().await?.count_quarantine(filter, COUNTED + 1, ctx.clock.now()).await?;
    Ok(if count > COUNTED { Matching::MoreThan(COUNTED) } else { Matching::Exactly(count) })
}

/// Reads the next rows of an export behind `after`, and gives the number to go on behind until it is finished.
///
/// # Errors
/// When the database fails.
pub async fn export(
    ctx: &Ctx,
    _: &Grant<NumbersRead>,
    filter: &QuarantineFilter,
    after: Option<E164>,
) -> Result<(Vec<QuarantineRow>, Option<E164>)> {
    let page = after.map_or(Page::First, Page::After);
    let mut tx = ctx.db.search().await?;
    let rows = tx.quarantine_rows(filter, page, EXPORT_CHUNK, ctx.clock.now()).await?;
    let next = rows.last().map(QuarantineRow::number).filter(|_| rows.len() >= EXPORT_CHUNK);
    Ok((rows, next))
}

/// Until when a number is in quarantine, if it is.
///
/// # Errors
/// When the database fails.
pub async fn until(ctx: &Ctx, _: &Grant<NumbersRead>, number: E164) -> Result<Option<OffsetDateTime>> {
    Ok(ctx.db.read().await?.quarantined_until(number, ctx.clock.now()).await?)
}

/// What was let out of quarantine for an order, the earliest first.
///
/// # Errors
/// When the database fails.
pub async fn overrides(ctx: &Ctx, _: &Grant<OrdersRead>, order_id: i64) -> Result<Vec<Override>> {
    Ok(ctx.db.read().await?.overrides(order_id).await?)
}

/// Which numbers of a draft another account is to have before their time, and why.
#[derive(Clone, Debug)]
pub struct OverrideForm {
    /// The numbers; without them all that the review refuses for quarantine.
    pub numbers: Option<Vec<E164>>,
    /// Why.
    pub reason: String,
}

impl OverrideForm {
    fn check(&self) -> Result<&str> {
        let mut problems = Vec::new();
        if self.numbers.as_ref().is_some_and(Vec::is_empty) {
            let text = "Tick the numbers that the account is to have all the same, or all of them.";
            problems.push(FieldProblem::new("number", text));
        }
        let reason = filled(&self.reason);
        let count = reason.map_or(0, |reason| reason.chars().count());
        if count == 0 {
            problems.push(FieldProblem::new("reason", "Say why; it is kept with the order and in the audit."));
        } else if count > REASON_MAX {
            let text = format!("The reason has {count} characters; up to {REASON_MAX} are kept.");
            problems.push(FieldProblem::new("reason", text));
        } else if reason.is_some_and(|reason| reason.chars().any(|c| c.is_control() && c != '\n' && c != '\r')) {
            problems
                .push(FieldProblem::new("reason", "The reason holds a control character; use printable characters."));
        }
        match reason {
            Some(reason) if problems.is_empty() => Ok(reason),
            _ => Err(Error::Invalid(problems)),
        }
    }
}

/// Lets numbers of a draft out of quarantine; the review then takes them for new ones. Tells how many there were.
///
/// # Errors
/// When the form has problems, the order is no upload under review, none of the numbers is refused for quarantine, or the
/// database fails.
pub async fn override_quarantine(
    ctx: &Ctx,
    grant: &Grant<QuarantineOverride>,
    origin: &Origin,
    order_id: i64,
    form: &OverrideForm,
) -> Result<i64> {
    let reason = form.check()?;
    let person = grant.principal();
    let author_id = identity(person);
    transact!(ctx, |tx| {
        let now = ctx.clock.now();
        let order = tx.order(order_id).await?.ok_or(Error::NotFound("order"))?;
        if order.kind != OrderKind::Upload || order.status != OrderStatus::Draft {
            return Err(Error::Conflict(format!("Order {order_id} is no upload under review any more.")));
        }
        tx.take_time().await?;
        let numbers = form.numbers.as_deref();
        let new = NewOverride { order_id, numbers, reason, author: &person.name, author_id: &author_id };
        let count = tx.override_quarantine(new, now).await?;
        if count == 0 {
            return Err(Error::Conflict("None of these numbers is refused for quarantine any more.".into()));
        }
        compare_draft(&mut tx, ctx, order_id).await?;
        let ranges = tx.overridden_ranges(order_id, RANGES_AUDITED).await?;
        let ranges: Vec<String> = ranges
            .into_iter()
            .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
            .collect();
        let mut entry = audit_entry(grant, origin, "quarantine.override");
        entry.subject_kind = "order";
        entry.subject = order_id.to_string();
        entry.order_id = Some(order_id);
        entry.ticket.clone_from(&order.ticket);
        let after = json!({"accounts": order.accounts, "numbers": count, "ranges": ranges, "reason": reason});
        entry.after = Some(after.to_string());
        tx.append_audit(entry, now).await?;
        count
    })
}
