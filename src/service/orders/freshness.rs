//! How old the state of the backends is that the review of a draft rests on. What is too old is pulled anew by itself, and
//! what a pull found is compared again.

use time::{Duration, OffsetDateTime};

use super::find::find;
use super::recheck::{Rechecked, is_rechecked, recheck};
use crate::authz::{Grant, OrdersRead};
use crate::domain::{BackendInfo, Order, OrderKind, OrderStatus, TenantId};
use crate::service::transact::transact;
use crate::service::{Ctx, Result, Rules, bulk};
use crate::store::{ComparedWith, Tx, WorkKind, WorkRow};

/// The state of a backend that is older is pulled anew where a decision rests on it.
pub const FRESH_FOR: Duration = Duration::minutes(5);
/// A longer list is pulled anew only when somebody asks for it.
pub const PULLED_UP_TO: i64 = 10_000;
/// A pull that did not go through is not asked for again by itself so soon.
const PAUSE: Duration = Duration::minutes(1);
/// Lists of one review that are told, and pulled.
const LISTS: i64 = 20;

/// A list of a backend that a review rests on.
#[derive(Clone, Debug)]
pub struct Source {
    /// Name of the backend.
    pub backend: String,
    /// What people call it.
    pub label: String,
    /// Whose numbers they are.
    pub tenant: TenantId,
    /// The enterprise's name, where a consent tells it.
    pub company: Option<String>,
    /// Whether the tenant is another than that of the order's accounts, and holds numbers of the order.
    pub is_holder: bool,
    /// When the list was last read to its end.
    pub as_of: Option<OffsetDateTime>,
    /// How its pull stands.
    pub work: Option<WorkRow>,
    /// How many numbers are known of it, no more than [`PULLED_UP_TO`] and one.
    pub size: i64,
    /// Whether it was just asked for.
    asked: bool,
}

impl Source {
    /// Whether it is being pulled, or about to be.
    #[must_use]
    pub fn is_busy(&self, now: OffsetDateTime) -> bool {
        let is_due = |work: &WorkRow| work.running || work.next_at.is_some_and(|at| at <= now);
        self.asked || self.work.as_ref().is_some_and(is_due)
    }

    /// What went wrong with its last pull.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.work.as_ref().and_then(|work| work.last_error.as_deref())
    }

    /// Whether it is too old for a decision.
    #[must_use]
    pub fn is_old(&self, now: OffsetDateTime) -> bool {
        self.as_of.is_none_or(|at| at < now - FRESH_FOR)
    }

    /// Whether what it says of numbers that are not in it is not known.
    #[must_use]
    pub fn is_unknown(&self, now: OffsetDateTime) -> bool {
        self.as_of.is_none() || self.has_failed() || (self.is_old(now) && self.error().is_some())
    }

    /// Whether nothing came of its last pull.
    fn has_failed(&self) -> bool {
        self.work.as_ref().is_some_and(|work| work.last_error.is_some() && work.last_error_at > work.last_ok_at)
    }

    /// Whether it is pulled anew by itself.
    fn is_wanted(&self, now: OffsetDateTime) -> bool {
        let failed_at = self.work.as_ref().filter(|work| work.last_error.is_some()).and_then(|work| work.last_error_at);
        // One that was read in part stays as old as it is.
        let read_at = self.work.as_ref().and_then(|work| work.last_ok_at);
        self.is_old(now)
            && !self.is_busy(now)
            && read_at.is_none_or(|at| at < now - FRESH_FOR)
            && self.size <= PULLED_UP_TO
            && failed_at.is_none_or(|at| at < now - PAUSE)
    }

    /// Whether a pull has ended since.
    fn has_ended_since(&self, since: Option<OffsetDateTime>) -> bool {
        let ended = self.work.as_ref().and_then(|work| work.last_ok_at.max(work.last_error_at));
        since.is_none_or(|since| ended.is_some_and(|ended| ended >= since))
    }
}

/// What a draft is compared with for a review.
pub(in crate::service) fn compared_with(rules: &Rules) -> ComparedWith<'_> {
    let now = rules.clock.now();
    ComparedWith {
        backends: &rules.policy.backends,
        fresh_since: now - FRESH_FOR,
        is_reviewed_anew: true,
        flawed: &[],
        now,
    }
}

/// Compares a draft with what exists, once what it gives to numbers was held against what their accounts allow; tells how many
/// verdicts moved.
pub(super) async fn compare_given(tx: &mut Tx, rules: &Rules, order: &Order) -> Result<u64> {
    let found = if is_rechecked(order) {
        let given = tx.given_settings(order.id).await?;
        recheck(tx, rules, order, &given).await?
    } else {
        Rechecked::default()
    };
    let with = ComparedWith { flawed: &found.flawed, ..compared_with(rules) };
    Ok(tx.compare_items(order.id, order.kind, with).await?)
}

/// Compares a draft with what exists now, and tells how many verdicts moved. What is no draft any more stays as it is.
pub(in crate::service) async fn compare_draft(tx: &mut Tx, rules: &Rules, id: i64) -> Result<u64> {
    let now = rules.clock.now();
    if !tx.begin_comparison(id, now).await? {
        return Ok(0);
    }
    let order = find(tx, id).await?;
    let has_moved_on = (order.form_of.follows_numbers() || order.moves.is_some()) && tx.has_moved_on(id).await?;
    tx.refresh_order_accounts(id).await?;
    if has_moved_on && order.form_of.follows_numbers() {
        bulk::restage(tx, rules, &order).await?;
    } else if has_moved_on {
        let moves = tx.where_to(id).await?;
        tx.set_form_of(id, order.form_of, Some(moves)).await?;
    }
    let way = tx.drift_way(id).await?;
    if way.is_some() {
        tx.leave_out_settled(id).await?;
    }
    let order = find(tx, id).await?;
    let moved = compare_given(tx, rules, &order).await?;
    if let Some(way) = way {
        tx.correct_drift_verdicts(id, way, now).await?;
    }
    Ok(moved)
}

/// Tells how old the state of the backends is that the review of a draft rests on. What is too old is asked for; what came
/// since the draft was compared is compared with it.
///
/// # Errors
/// When there is no such order, or the database fails.
pub async fn look(ctx: &Ctx, _: &Grant<OrdersRead>, id: i64) -> Result<Vec<Source>> {
    let now = ctx.clock.now();
    let (order, mut sources, compared_at, has_moved) = {
        let mut tx = ctx.db.read().await?;
        let order = find(&mut tx, id).await?;
        if order.status != OrderStatus::Draft {
            return Ok(Vec::new());
        }
        let sources = sources(&mut tx, ctx, id, order.kind).await?;
        let has_moved = order.kind == OrderKind::Upload && may_not_stand(&mut tx, &ctx.rules(), &order).await?;
        (order, sources, tx.compared_at(id).await?, has_moved)
    };
    let is_upload = order.kind == OrderKind::Upload;
    if has_moved || (is_upload && sources.iter().any(|source| source.has_ended_since(compared_at))) {
        transact!(ctx, |tx| {
            tx.take_time().await?;
            compare_draft(&mut tx, ctx, id).await?;
        })?;
    }
    let wanted: Vec<usize> =
        sources.iter().enumerate().filter(|(_, source)| source.is_wanted(now)).map(|(index, _)| index).collect();
    if wanted.is_empty() {
        return Ok(sources);
    }
    transact!(ctx, |tx| {
        for source in wanted.iter().filter_map(|index| sources.get(*index)) {
            tx.want_work(WorkKind::Numbers.at(&source.backend, source.tenant.as_str()), now).await?;
        }
    })?;
    ctx.wake_sync().await;
    for index in wanted {
        if let Some(source) = sources.get_mut(index) {
            source.asked = true;
        }
    }
    Ok(sources)
}

/// Whether the accounts of a draft are not what they were, or do not allow what it gives, or allow what they did not.
async fn may_not_stand(tx: &mut Tx, rules: &Rules, order: &Order) -> Result<bool> {
    if tx.have_accounts_moved_on(order.id).await? {
        return Ok(true);
    }
    if !is_rechecked(order) {
        return Ok(false);
    }
    let given = tx.given_settings(order.id).await?;
    Ok(recheck(tx, rules, order, &given).await?.has_moved)
}

/// The lists that a draft rests on: those of its accounts' tenants, and of others that hold its numbers.
async fn sources(tx: &mut Tx, ctx: &Ctx, id: i64, kind: OrderKind) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    let backends = &ctx.policy.backends;
    for (tenant, services) in tx.tenants_of_order(id, LISTS).await? {
        for backend in backends.of(services) {
            sources.push(source(tx, ctx, backend, &tenant, false).await?);
        }
    }
    if kind == OrderKind::Upload {
        for holder in tx.holders_of_order(id, LISTS).await? {
            if let Some(backend) = backends.iter().find(|backend| backend.name == holder.backend) {
                sources.push(source(tx, ctx, backend, &holder.tenant, true).await?);
            }
        }
    }
    Ok(sources)
}

async fn source(tx: &mut Tx, ctx: &Ctx, backend: &BackendInfo, tenant: &TenantId, is_holder: bool) -> Result<Source> {
    let list = tx.seen_list(&backend.name, tenant, PULLED_UP_TO + 1).await?;
    let work = tx.work_row(WorkKind::Numbers.at(&backend.name, tenant.as_str()), ctx.clock.now()).await?;
    let company = tx.consent(tenant).await?.map(|consent| consent.company).filter(|name| !name.is_empty());
    Ok(Source {
        backend: backend.name.clone(),
        label: backend.label.clone(),
        tenant: tenant.clone(),
        company,
        is_holder,
        as_of: list.as_of,
        work,
        size: list.size,
        asked: false,
    })
}
