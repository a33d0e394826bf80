//! How old the state of the backends is that the review of a draft rests on. What is too old is pulled anew by itself, and
//! what a pull found is compared again, however many enterprises the draft is about.

use std::collections::BTreeSet;

use time::{Duration, OffsetDateTime};

use super::find::find;
use super::recheck::{Rechecked, is_rechecked, recheck};
use crate::authz::{Grant, OrdersRead};
use crate::domain::{BackendInfo, Order, OrderKind, OrderStatus, TenantId};
use crate::service::transact::transact;
use crate::service::{Ctx, Result, Rules, bulk};
use crate::store::{ComparedWith, ListState, ListsWanted, TenantOfOrder, Tx, WorkKind, WorkRow};

/// The state of a backend that is older is pulled anew where a decision rests on it.
pub const FRESH_FOR: Duration = Duration::minutes(5);
/// A longer list is pulled anew only when somebody asks for it.
pub const PULLED_UP_TO: i64 = 10_000;
/// A pull that did not go through is not asked for again by itself so soon.
const PAUSE: Duration = Duration::minutes(1);
/// Lists of one review that are told one by one.
const LISTS: usize = 20;
/// Lists that are looked at, and asked for, at once.
const CHUNK: usize = 1_000;

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
    /// How many numbers are known of it, no more than [`PULLED_UP_TO`] and one; nothing of one that is fresh or being pulled.
    pub size: i64,
    /// Whether it was just asked for.
    asked: bool,
}

impl Source {
    /// Whether it is being pulled, or about to be.
    #[must_use]
    pub fn is_busy(&self, now: OffsetDateTime) -> bool {
        self.asked || self.work.as_ref().is_some_and(|work| is_due(work, now))
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

/// The lists that the review of a draft rests on, and how old they are.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Those that want a look first: what is not known, then the oldest.
    pub shown: Vec<Source>,
    /// All others.
    pub further: Further,
}

/// Lists that a review rests on and does not show.
#[derive(Clone, Debug, Default)]
pub struct Further {
    /// How many there are.
    pub lists: i64,
    /// The names of their backends.
    pub backends: BTreeSet<String>,
    /// When the oldest of them was last read to its end, where each ever was.
    pub oldest: Option<OffsetDateTime>,
    /// How many were never read to their end.
    pub never: i64,
    /// How many are being pulled, or about to be.
    pub busy: i64,
    /// Of how many it is not known what they say of numbers that are not in them.
    pub unknown: i64,
}

impl Sources {
    /// Whether it rests on nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// How many of its lists are being pulled, or about to be.
    #[must_use]
    pub fn busy(&self, now: OffsetDateTime) -> i64 {
        self.further.busy + self.shown.iter().filter(|source| source.is_busy(now)).count() as i64
    }

    /// Takes more lists in, and keeps those that want a look first.
    fn add(&mut self, sources: impl IntoIterator<Item = Source>, now: OffsetDateTime) {
        self.shown.extend(sources);
        self.shown.sort_by_key(|source| (!source.is_unknown(now), source.as_of));
        for source in self.shown.drain(LISTS.min(self.shown.len())..) {
            let further = &mut self.further;
            // None is less than any time.
            further.oldest = if further.lists == 0 { source.as_of } else { further.oldest.min(source.as_of) };
            further.lists += 1;
            further.never += i64::from(source.as_of.is_none());
            further.busy += i64::from(source.is_busy(now));
            further.unknown += i64::from(source.is_unknown(now));
            further.backends.insert(source.backend);
        }
    }
}

/// Lists of a backend that are to be pulled anew.
struct Wanted<'a> {
    backend: &'a str,
    tenants: Vec<TenantId>,
}

/// What was found of the lists that a draft rests on.
#[derive(Default)]
struct Found<'a> {
    sources: Sources,
    wanted: Vec<Wanted<'a>>,
    /// Whether a pull has ended since the draft was compared.
    has_ended: bool,
}

/// Tells how old the state of the backends is that the review of a draft rests on. What is too old is asked for; what came
/// since the draft was compared is compared with it.
///
/// # Errors
/// When there is no such order, or the database fails.
pub async fn look(ctx: &Ctx, _: &Grant<OrdersRead>, id: i64) -> Result<Sources> {
    let now = ctx.clock.now();
    let (order, found, has_moved) = {
        let mut tx = ctx.db.read().await?;
        let order = find(&mut tx, id).await?;
        if order.status != OrderStatus::Draft {
            return Ok(Sources::default());
        }
        let compared_at = tx.compared_at(id).await?;
        let found = Found::of_order(&mut tx, ctx, id, compared_at).await?;
        let has_moved = order.kind == OrderKind::Upload && may_not_stand(&mut tx, &ctx.rules(), &order).await?;
        (order, found, has_moved)
    };
    // While many are being pulled, nobody compares the draft again for each that ends.
    let is_worth_it = found.sources.busy(now) <= LISTS as i64;
    let has_ended = order.kind == OrderKind::Upload && found.has_ended && is_worth_it;
    if has_moved || has_ended {
        transact!(ctx, |tx| {
            tx.take_time().await?;
            compare_draft(&mut tx, ctx, id).await?;
        })?;
    }
    for Wanted { backend, tenants } in &found.wanted {
        let keys: Vec<&str> = tenants.iter().map(TenantId::as_str).collect();
        transact!(ctx, |tx| tx.want_all_work(backend, WorkKind::Numbers, &keys, now).await?)?;
    }
    if !found.wanted.is_empty() {
        ctx.wake_sync().await;
    }
    Ok(found.sources)
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

impl<'a> Found<'a> {
    /// The lists that a draft rests on: those of its accounts' tenants, and of others that hold its numbers.
    async fn of_order(tx: &mut Tx, ctx: &'a Ctx, id: i64, compared_at: Option<OffsetDateTime>) -> Result<Self> {
        let now = ctx.clock.now();
        let mut found = Self::default();
        for backend in ctx.policy.backends.iter() {
            let mut after = None;
            loop {
                let tenants = tx.tenants_of_order(id, backend, after.as_ref(), CHUNK).await?;
                let Some(last) = tenants.last() else { break };
                after = Some(last.tenant.clone());
                let mut sources = read(tx, backend, &tenants, now).await?;
                found.has_ended |= sources.iter().any(|source| source.has_ended_since(compared_at));
                let wanted = ask(&mut sources, now);
                if !wanted.is_empty() {
                    found.wanted.push(Wanted { backend: &backend.name, tenants: wanted });
                }
                found.sources.add(sources, now);
                if tenants.len() < CHUNK {
                    break;
                }
            }
        }
        Ok(found)
    }
}

/// Marks those that are too old as asked for, and tells whose they are.
fn ask(sources: &mut [Source], now: OffsetDateTime) -> Vec<TenantId> {
    let wanted = sources.iter_mut().filter(|source| source.is_wanted(now));
    wanted
        .map(|source| {
            source.asked = true;
            source.tenant.clone()
        })
        .collect()
}

/// How the lists of some tenants stand.
async fn read(
    tx: &mut Tx,
    backend: &BackendInfo,
    tenants: &[TenantOfOrder],
    now: OffsetDateTime,
) -> Result<Vec<Source>> {
    let fresh_since = now - FRESH_FOR;
    let wanted = ListsWanted { backend: &backend.name, tenants, fresh_since, most: PULLED_UP_TO + 1 };
    let holders: BTreeSet<&TenantId> = tenants.iter().filter(|one| one.is_holder).map(|one| &one.tenant).collect();
    let states = tx.list_states(wanted, now).await?;
    let source = |state: ListState| Source {
        backend: backend.name.clone(),
        label: backend.label.clone(),
        is_holder: holders.contains(&state.tenant),
        tenant: state.tenant,
        company: state.company,
        as_of: state.as_of,
        work: state.work,
        size: state.size,
        asked: false,
    };
    Ok(states.into_iter().map(source).collect())
}

/// What the plan of an account rests on that waits for a person.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct PlanAt<'a> {
    pub(in crate::service) backend: &'a BackendInfo,
    pub(in crate::service) tenant: &'a TenantId,
    pub(in crate::service) account_id: i64,
    /// As of when the plan is.
    pub(in crate::service) as_of: Option<OffsetDateTime>,
}

/// Tells how old the state of a backend is that the plan of an account rests on. It is asked for by the rules of a review; the
/// plan is made anew with what comes.
pub(in crate::service) async fn look_at_plan(ctx: &Ctx, plan: PlanAt<'_>) -> Result<Option<Source>> {
    let now = ctx.clock.now();
    let PlanAt { backend, tenant, account_id, as_of } = plan;
    let (source, account) = {
        let mut tx = ctx.db.read().await?;
        let of = TenantOfOrder { tenant: tenant.clone(), is_holder: false };
        let source = read(&mut tx, backend, &[of], now).await?.pop();
        (source, tx.work_row(WorkKind::Account.at(&backend.name, &account_id.to_string()), now).await?)
    };
    let Some(mut source) = source else { return Ok(None) };
    source.as_of = as_of;
    if source.is_wanted(now) {
        transact!(ctx, |tx| tx.want_work(WorkKind::Numbers.at(&backend.name, tenant.as_str()), now).await?)?;
        ctx.wake_sync().await;
        source.asked = true;
    }
    // Once the list was read, the account is compared with it.
    source.asked |= source.is_old(now) && account.is_some_and(|work| is_due(&work, now));
    Ok(Some(source))
}

fn is_due(work: &WorkRow, now: OffsetDateTime) -> bool {
    work.running || work.next_at.is_some_and(|at| at <= now)
}
