//! Orders: review a draft, submit it, follow it, try again what failed.

use std::collections::BTreeSet;

use serde_json::json;
use time::OffsetDateTime;

use super::call::numbers::new_order;
use super::staging::account_names;
use super::transact::transact;
use super::{Ctx, Error, Origin, Result, Rules, audit_entry, identity};
use crate::authz::{Grant, Missing, NumbersDelete, NumbersWrite, OrdersRead, Principal};
use crate::domain::{
    Account, E164, ItemState, Order, OrderKind, OrderSource, OrderStatus, Places, Progress, SyncState, Verdict,
};
use crate::store::{Applied, AuditEntry, NewOrder, NumberFilter, Page, Place, Tx, WorkKind};

pub use crate::store::{Cause, ItemRange, ItemRow, OrderFilter, OrderPage, ProblemRow, SettingsChange};

/// Rows on one page of an order or of the list.
pub const PAGE_SIZE: usize = 50;
/// Assigned numbers that a release names.
const ASSIGNED_SHOWN: i64 = 100;
/// Lines of a report fetched at a time.
pub const REPORT_CHUNK: usize = 1_000;

/// The right that an order's kind asks for.
#[derive(Clone, Debug)]
pub enum OrderRight {
    /// To upload.
    Upload(Grant<NumbersWrite>),
    /// To release.
    Release(Grant<NumbersDelete>),
}

impl OrderRight {
    /// The right of this person for orders of this kind.
    ///
    /// # Errors
    /// Names the roles that are missing.
    pub fn of(person: &Principal, kind: OrderKind) -> std::result::Result<Self, Missing> {
        Ok(match kind {
            OrderKind::Upload => Self::Upload(person.grant()?),
            OrderKind::Release => Self::Release(person.grant()?),
        })
    }

    const fn kind(&self) -> OrderKind {
        match self {
            Self::Upload(_) => OrderKind::Upload,
            Self::Release(_) => OrderKind::Release,
        }
    }

    fn audit(&self, origin: &Origin, action: &'static str) -> AuditEntry {
        match self {
            Self::Upload(grant) => audit_entry(grant, origin, action),
            Self::Release(grant) => audit_entry(grant, origin, action),
        }
    }
}

/// One page of orders.
///
/// # Errors
/// When the database fails.
pub async fn list(ctx: &Ctx, _: &Grant<OrdersRead>, filter: &OrderFilter, page: Page<i64>) -> Result<OrderPage> {
    let mut tx = ctx.db.read_or_search(*filter != OrderFilter::default()).await?;
    Ok(tx.orders_page(filter, page, PAGE_SIZE).await?)
}

/// One order.
///
/// # Errors
/// When there is none of this number, or the database fails.
pub async fn get(ctx: &Ctx, _: &Grant<OrdersRead>, id: i64) -> Result<Order> {
    find(&mut ctx.db.read().await?, id).await
}

async fn find(tx: &mut Tx, id: i64) -> Result<Order> {
    tx.order(id).await?.ok_or(Error::NotFound("order"))
}

/// Why the numbers of an order failed, the most frequent reason first.
///
/// # Errors
/// When the database fails.
pub async fn causes(ctx: &Ctx, _: &Grant<OrdersRead>, id: i64) -> Result<Vec<Cause>> {
    Ok(ctx.db.read().await?.failure_causes(id).await?)
}

/// One page of an order's numbers.
#[derive(Clone, Debug)]
pub struct ItemPage {
    /// The numbers, ascending.
    pub items: Vec<ItemRow>,
    /// True when more follow behind the last.
    pub more_after: bool,
    /// True when some stand before the first.
    pub more_before: bool,
}

/// One page of an order's numbers with this verdict and state.
///
/// # Errors
/// When the database fails.
pub async fn items(
    ctx: &Ctx,
    _: &Grant<OrdersRead>,
    id: i64,
    only: (Option<Verdict>, Option<ItemState>),
    page: Page<E164>,
) -> Result<ItemPage> {
    let (items, more_before, more_after) = ctx.db.read().await?.items_page(id, only, page, PAGE_SIZE).await?;
    Ok(ItemPage { items, more_after, more_before })
}

/// The numbers of an order behind `after` for a report; fewer than asked for means that it is finished.
///
/// # Errors
/// When the database fails.
pub async fn report(
    ctx: &Ctx,
    _: &Grant<OrdersRead>,
    id: i64,
    after: Option<E164>,
) -> Result<(Vec<ItemRow>, Option<E164>)> {
    let page = after.map_or(Page::First, Page::After);
    let (items, _, more) = ctx.db.read().await?.items_page(id, (None, None), page, REPORT_CHUNK).await?;
    let next = items.last().map(|item| item.number).filter(|_| more);
    Ok((items, next))
}

/// The lines of a draft that could not be taken, behind `after`; [`REPORT_CHUNK`] of them.
///
/// # Errors
/// When the database fails.
pub async fn problems(ctx: &Ctx, _: &Grant<OrdersRead>, id: i64, after: i64) -> Result<Vec<ProblemRow>> {
    Ok(ctx.db.read().await?.order_problems(id, after, REPORT_CHUNK as i64).await?)
}

/// What a review shows before anything is done.
#[derive(Clone, Debug)]
pub struct Review {
    /// The draft.
    pub order: Order,
    /// How many numbers have each verdict.
    pub counts: Vec<(Verdict, i64)>,
    /// What changes for changed numbers.
    pub changes: Vec<SettingsChange>,
    /// The first ranges of new numbers, or of those to release.
    pub ranges: Vec<ItemRange>,
    /// The first lines that could not be taken.
    pub problems: Vec<ProblemRow>,
    /// The first numbers that are refused, with their verdicts.
    pub refused: Vec<ItemRow>,
    /// Of a release: how many numbers are in use, and the first of them.
    pub assigned: (i64, Vec<E164>),
    /// What a person should know before deciding.
    pub warnings: Vec<String>,
    /// The addresses and locations of the settings shown.
    pub places: Places,
}

impl Review {
    /// How many numbers have this verdict.
    pub fn count(&self, verdict: Verdict) -> i64 {
        self.counts.iter().find(|(other, _)| *other == verdict).map_or(0, |(_, count)| *count)
    }

    /// How many numbers would be written.
    pub fn accepted(&self) -> i64 {
        self.count(Verdict::New) + self.count(Verdict::Changed) + self.count(Verdict::Release)
    }

    /// How many numbers and lines are refused.
    pub fn refused_count(&self) -> i64 {
        refused(&self.counts) + self.order.refused_lines
    }
}

fn refused(counts: &[(Verdict, i64)]) -> i64 {
    counts.iter().filter(|(verdict, _)| matches!(verdict, Verdict::Refused(_))).map(|(_, count)| count).sum()
}

/// How many numbers of a draft have each verdict, to tell whether a review still shows what is.
///
/// # Errors
/// When the database fails.
pub async fn verdicts(ctx: &Ctx, _: &Grant<OrdersRead>, id: i64) -> Result<Vec<(Verdict, i64)>> {
    Ok(ctx.db.read().await?.verdict_counts(id).await?)
}

/// Ranges, lines and refused numbers that a review shows at once; the report has all.
pub const REVIEW_SHOWN: usize = 50;

/// What a review shows before anything is done.
///
/// # Errors
/// When there is no such order, or the database fails.
pub async fn review(ctx: &Ctx, _: &Grant<OrdersRead>, id: i64) -> Result<Review> {
    let mut tx = ctx.db.read().await?;
    tx.take_time().await?;
    let order = find(&mut tx, id).await?;
    let counts = tx.verdict_counts(id).await?;
    let main = if order.kind == OrderKind::Upload { Verdict::New } else { Verdict::Release };
    let mut refused = Vec::new();
    for (verdict, _) in counts.iter().filter(|(verdict, _)| matches!(verdict, Verdict::Refused(_))) {
        refused.extend(tx.items_page(id, (Some(*verdict), None), Page::First, REVIEW_SHOWN).await?.0);
    }
    let changes = tx.settings_changes(id).await?;
    let ranges = tx.item_ranges(id, main, 0, REVIEW_SHOWN as i64).await?;
    let settings = changes.iter().flat_map(|change| [&change.before, &change.after]);
    let settings = settings.chain(ranges.iter().map(|range| &range.settings));
    let addresses: BTreeSet<&str> = settings.filter_map(|s| s.teams.civic_address_id.as_deref()).collect();
    let addresses: Vec<&str> = addresses.into_iter().collect();
    let places = Places::of(&tx.civic_addresses_of_order(id, &addresses).await?);
    Ok(Review {
        changes,
        ranges,
        places,
        problems: tx.order_problems(id, 0, REVIEW_SHOWN as i64).await?,
        refused,
        assigned: tx.assigned_items(id, ASSIGNED_SHOWN).await?,
        warnings: warnings(&mut tx, id).await?,
        order,
        counts,
    })
}

/// What stands against uploading: consents that do not stand, countries that were not consented to.
async fn warnings(tx: &mut Tx, id: i64) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    let mut known: Option<(i64, Option<crate::domain::Consent>)> = None;
    for (account_id, country, count) in tx.item_countries(id).await? {
        if known.as_ref().is_none_or(|(known, _)| *known != account_id) {
            let account = tx.account_by_id(account_id).await?;
            let tenant = account.as_ref().and_then(|account| account.tenant_id.clone());
            let consent = match &tenant {
                Some(tenant) => tx.consent(tenant).await?.map(|row| row.consent),
                None => None,
            };
            let name = account.map(|account| account.name).unwrap_or_default();
            match &consent {
                Some(consent) if consent.status.forbids_numbers() => warnings.push(format!(
                    "The consent of {name} is {}. Numbers that need the backend will fail until the enterprise consents again.",
                    consent.status
                )),
                None if tenant.is_some() => warnings.push(format!(
                    "There is no consent of the tenant of {name}. The backend may refuse its numbers."
                )),
                _ => {}
            }
            known = Some((account_id, consent));
        }
        if let (Some((_, Some(consent))), Some(country)) = (&known, &country)
            && !consent.covers(country)
        {
            warnings.push(format!(
                "{count} numbers are in {country}, which the enterprise has not consented to ({}).",
                consent.consented_countries.join(", ")
            ));
        }
    }
    Ok(warnings)
}

/// What became of a submission.
#[derive(Debug)]
pub enum Submitted {
    /// Every reviewed number is as it should be here; the backend follows.
    Done,
    /// What exists is not what was reviewed. Nothing was done; the review is made anew, and so many verdicts moved.
    Moved(u64),
    /// The order was submitted or discarded before.
    NotDraft(Box<Order>),
}

/// Submits a draft exactly as it was reviewed. With refused lines it goes through only when `good_only` was chosen.
///
/// # Errors
/// When lines are refused and `good_only` was not chosen, when nothing is left to do, or the database fails.
pub async fn submit(ctx: &Ctx, right: &OrderRight, origin: &Origin, id: i64, good_only: bool) -> Result<Submitted> {
    let outcome = transact!(ctx, tx => {
        let order = find(&mut tx, id).await?;
        if order.kind != right.kind() {
            return Err(Error::NotFound("order"));
        }
        match apply(&mut tx, ctx, right, origin, &order, good_only).await? {
            Submitted::Done => Submitted::Done,
            // Leaves without a commit: nothing of it is stored.
            other => return Ok(other),
        }
    })?;
    match outcome {
        Submitted::Moved(_) => {
            let moved = transact!(ctx, tx => {
                tx.take_time().await?;
                tx.refresh_order_accounts(id).await?;
                tx.compare_items(id, right.kind()).await?
            })?;
            Ok(Submitted::Moved(moved))
        }
        other => {
            ctx.wake_sync().await;
            Ok(other)
        }
    }
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
    let audited = OrderToSubmit { id, kind: order.kind, accounts: &order.accounts, ticket: order.ticket.as_deref() };
    if !tx.submit_order(id, now).await? {
        return Ok(Submitted::NotDraft(Box::new(find(tx, id).await?)));
    }
    let Some(applied) = tx.apply_order(id, &counts, now).await? else { return Ok(Submitted::Moved(0)) };
    if applied.progress.total == 0 {
        return Err(Error::Conflict("There is nothing to do: no number is new, changed or to be released.".into()));
    }
    tx.add_progress(id, applied.progress, now).await?;
    for account in applied.to_push {
        tx.want_work(WorkKind::Account, &account.to_string(), now).await?;
    }
    tx.append_audit(submitted(right, origin, &audited, &counts, order.refused_lines), now).await?;
    Ok(Submitted::Done)
}

/// An order that is submitted.
pub(super) struct OrderToSubmit<'a> {
    pub(super) id: i64,
    pub(super) kind: OrderKind,
    /// Names of its accounts.
    pub(super) accounts: &'a str,
    pub(super) ticket: Option<&'a str>,
}

/// Submits an order that nobody has reviewed, with these verdicts, none of them a refusal, and tells what that set going.
/// `None` when what exists is not what the verdicts say: then the transaction must be given up.
pub(super) async fn submit_in(
    tx: &mut Tx,
    right: &OrderRight,
    origin: &Origin,
    order: &OrderToSubmit<'_>,
    (verdicts, place): (&[(Verdict, i64)], Option<Place>),
    now: OffsetDateTime,
) -> Result<Option<Applied>> {
    let entry = submitted(right, origin, order, verdicts, 0);
    Ok(tx.apply_and_finish(order.id, verdicts, (entry, place), now).await?)
}

/// The audit row of a submission.
fn submitted(
    right: &OrderRight,
    origin: &Origin,
    order: &OrderToSubmit<'_>,
    verdicts: &[(Verdict, i64)],
    refused_lines: i64,
) -> AuditEntry {
    let counts: serde_json::Map<String, serde_json::Value> =
        verdicts.iter().map(|(verdict, count)| (verdict.key().to_owned(), json!(count))).collect();
    let after =
        json!({"kind": order.kind.key(), "accounts": order.accounts, "numbers": counts, "refusedLines": refused_lines});
    AuditEntry {
        subject_kind: "order",
        subject: order.id.to_string(),
        order_id: Some(order.id),
        ticket: order.ticket.map(str::to_owned),
        after: Some(after.to_string()),
        ..right.audit(origin, "order.submit")
    }
}

/// Gives up a draft.
///
/// # Errors
/// When it is no draft any more, or the database fails.
pub async fn discard(ctx: &Ctx, right: &OrderRight, id: i64) -> Result<()> {
    let now = ctx.clock.now();
    transact!(ctx, tx => {
        let order = find(&mut tx, id).await?;
        if order.kind != right.kind() {
            return Err(Error::NotFound("order"));
        }
        if !tx.discard_order(id, now).await? {
            return Err(Error::Conflict(format!("Order {id} is no draft any more: it is {}.", order.status.label())));
        }
    })
}

/// Lets what failed in an order be tried again, as far as no later order has taken the numbers over. Tells how many.
///
/// # Errors
/// When nothing can be tried again, or the database fails.
pub async fn retry_failed(ctx: &Ctx, right: &OrderRight, origin: &Origin, id: i64) -> Result<i64> {
    let now = ctx.clock.now();
    let retried = transact!(ctx, tx => {
        let order = find(&mut tx, id).await?;
        if order.kind != right.kind() {
            return Err(Error::NotFound("order"));
        }
        tx.take_time().await?;
        let state = if order.kind == OrderKind::Upload { SyncState::Pending } else { SyncState::Releasing };
        let retried = tx.retry_failed(id, state.key(), now).await?;
        if retried == 0 {
            return Err(Error::Conflict(format!("Order {id} has no failed number to try again.")));
        }
        tx.add_progress(id, Progress { failed: -retried, ..Progress::default() }, now).await?;
        for account in tx.accounts_to_push(id).await? {
            tx.want_work(WorkKind::Account, &account.to_string(), now).await?;
        }
        let mut entry = right.audit(origin, "order.retry");
        entry.subject_kind = "order";
        entry.subject = id.to_string();
        entry.order_id = Some(id);
        entry.after = Some(json!({"numbers": retried}).to_string());
        tx.append_audit(entry, now).await?;
        retried
    })?;
    ctx.wake_sync().await;
    Ok(retried)
}

/// Which numbers to release.
#[derive(Clone, Debug)]
pub enum ReleaseSelection {
    /// These, as far as they are on the account, if one is named.
    Numbers(Option<String>, Vec<E164>),
    /// All that match.
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
    crate::domain::field::check_ticket(ticket, &mut problems);
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
    transact!(ctx, tx => {
        tx.take_time_aside().await?;
        let id = tx.next_number("orders").await?;
        tx.insert_order(&NewOrder {
            id,
            kind: OrderKind::Release,
            source: OrderSource::Portal,
            accounts: String::new(),
            author: &grant.principal().name,
            author_id: identity(grant.principal()),
            ticket,
            form: "{}".into(),
            refused_lines: 0,
        }, now).await?;
        if tx.stage_release(id, filter, numbers).await? == 0 {
            return Err(Error::Conflict("No number matches any more; there is nothing to release.".into()));
        }
        let accounts = tx.record_order_accounts(id).await?;
        let names: Vec<&str> = accounts.iter().map(String::as_str).collect();
        tx.describe_order(id, &account_names(&names), 0).await?;
        id
    })
}

/// Releases every number of an account, without a review: for the deletion of the account, which was confirmed. Gives the
/// order; numbers that are being released already stay with theirs.
pub(super) async fn release_in(
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
    let order = NewOrder { source, ..new_order(id, OrderKind::Release, grant.principal(), account) };
    tx.insert_order(&order, now).await?;
    tx.insert_order_account(id, account.id, account.rev).await?;
    let all = NumberFilter { account: Some(account.name.clone()), ..NumberFilter::default() };
    tx.stage_release(id, &all, None).await?;
    let verdicts = tx.verdict_counts(id).await?;
    let right = OrderRight::Release(grant.clone());
    let order = OrderToSubmit { id, kind: OrderKind::Release, accounts: &account.name, ticket: None };
    if submit_in(tx, &right, origin, &order, (&verdicts, None), now).await?.is_none() {
        return Err(Error::Overtaken("The numbers keep changing. Try again in a moment.".into()));
    }
    Ok(id)
}
