//! Settling drift by an order: a draft that is reviewed and submitted as any other.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::target::{LeftOut, Target, Targets};
use super::{DriftFilter, DriftRow};
use crate::authz::{Grant, NumbersRead};
use crate::domain::field::{check_ticket, counted};
use crate::domain::{Account, DriftKind, DriftWay, ItemState, NumberSettings, OrderKind, OrderSource};
use crate::service::orders::{OrderRight, compared_with};
use crate::service::staging::account_names;
use crate::service::transact::transact;
use crate::service::{Ctx, Error, Result, Rules, beside, identity};
use crate::store::{NewItem, NewOrder, Page, Tx};

/// Rows that are staged in one go.
const CHUNK: usize = 2_000;

/// A draft that settles drift.
#[derive(Clone, Debug)]
pub struct Staged {
    /// Number of the draft.
    pub order_id: i64,
    /// What is not part of it, each a sentence that says how many numbers and why.
    pub left_out: Vec<String>,
}

/// What an order that settles the drift that matches does with numbers: what the backend does not have for its tenant is
/// adopted by removing it here.
///
/// # Errors
/// When nothing matches any more, or the database fails.
pub async fn kind_of_order(
    ctx: &Ctx,
    _: &Grant<NumbersRead>,
    filter: &DriftFilter,
    way: DriftWay,
) -> Result<OrderKind> {
    let counts = ctx.db.read().await?.drift_counts(filter, ctx.clock.now()).await?;
    if counts.is_empty() {
        return Err(nothing());
    }
    let removes = |kind: DriftKind| matches!(kind, DriftKind::OnlyHere | DriftKind::OtherTenant);
    Ok(match way {
        DriftWay::Release => OrderKind::Release,
        DriftWay::Adopt if counts.iter().all(|count| removes(count.kind)) => OrderKind::Release,
        DriftWay::Adopt | DriftWay::Push => OrderKind::Upload,
    })
}

fn nothing() -> Error {
    Error::Conflict("No drift matches any more; there is nothing to settle.".into())
}

/// Stages an order that settles the drift that matches, of the kind that the right is for. `chosen` is the account that gets
/// what only the backend has; without it the tenant's only account does.
///
/// # Errors
/// When nothing can be settled that way (every reason is told), when it is too much for one order, or the database fails.
pub async fn stage(
    ctx: &Ctx,
    right: &OrderRight,
    filter: &DriftFilter,
    way: DriftWay,
    chosen: Option<&str>,
    ticket: Option<&str>,
) -> Result<Staged> {
    let mut problems = Vec::new();
    check_ticket(ticket, &mut problems);
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    let (ctx, right, filter) = (ctx.clone(), right.clone(), filter.clone());
    let (chosen, ticket) = (chosen.map(str::to_owned), ticket.map(str::to_owned));
    beside(async move {
        let ctx = &ctx;
        transact!(ctx, |tx| {
            tx.take_time_aside().await?;
            let chosen = match &chosen {
                None => None,
                Some(name) => Some(named(&mut tx, name).await?),
            };
            let id = tx.next_number("orders").await?;
            let mut staging = Staging {
                id,
                filter: &filter,
                targets: Targets {
                    way,
                    kind: right.kind(),
                    backends: &ctx.policy.backends,
                    chosen,
                    accounts: HashMap::new(),
                    left_out: BTreeMap::new(),
                },
                last: None,
                items: Vec::new(),
                values: HashMap::new(),
                interned: HashSet::new(),
                staged: 0,
            };
            staging.begin(&mut tx, ctx, &right, ticket.as_deref()).await?;
            staging.run(&mut tx, ctx).await?;
            staging.end(&mut tx, ctx).await?
        })
    })
    .await?
}

async fn named(tx: &mut Tx, name: &str) -> Result<Account> {
    match tx.account(name).await? {
        Some(account) if account.deleting => {
            Err(Error::field("to", format!("Account {name} is being deleted. Choose another.")))
        }
        Some(account) => Ok(account),
        None => Err(Error::field("to", format!("There is no account named {name}."))),
    }
}

/// A draft while its numbers are put into it.
struct Staging<'a> {
    id: i64,
    filter: &'a DriftFilter,
    targets: Targets<'a>,
    /// The number that came last: the next row may be about it, at another backend.
    last: Option<Target>,
    items: Vec<NewItem>,
    values: HashMap<i64, NumberSettings>,
    interned: HashSet<i64>,
    staged: usize,
}

impl Staging<'_> {
    async fn begin(&self, tx: &mut Tx, rules: &Rules, right: &OrderRight, ticket: Option<&str>) -> Result<()> {
        let person = right.principal();
        let order = NewOrder {
            id: self.id,
            kind: self.targets.kind,
            source: OrderSource::Portal,
            accounts: String::new(),
            author: &person.name,
            author_id: identity(person),
            ticket,
            form: "{}".into(),
            refused_lines: 0,
        };
        tx.insert_order(&order, rules.clock.now()).await?;
        Ok(tx.set_drift_way(self.id, self.targets.way).await?)
    }

    /// Puts in all numbers that match, some at a time.
    async fn run(&mut self, tx: &mut Tx, rules: &Rules) -> Result<()> {
        let (now, most) = (rules.clock.now(), rules.policy.max_numbers);
        let mut page = Page::First;
        loop {
            let found = tx.drift_page(self.filter, &page, CHUNK, now).await?;
            for row in &found.rows {
                self.take(tx, row).await?;
            }
            self.write(tx).await?;
            if self.staged > most {
                return Err(Error::Conflict(format!(
                    "More numbers match than one order takes, which is {most}. Filter further."
                )));
            }
            match found.rows.last().filter(|_| found.more_after) {
                Some(last) => page = Page::After(last.key()),
                None => break,
            }
        }
        self.items.extend(self.last.take().map(|last| item(&last, &mut self.values)));
        self.write(tx).await
    }

    async fn take(&mut self, tx: &mut Tx, row: &DriftRow) -> Result<()> {
        let Some(mut target) = self.targets.of(tx, row).await? else { return Ok(()) };
        if let Some(last) = self.last.take() {
            if last.number == target.number && last.account_id == target.account_id {
                // What the other backend says was taken over from is the base of this.
                if self.targets.way == DriftWay::Adopt && self.targets.kind == OrderKind::Upload {
                    let both = DriftRow { ours: Some(last.settings.clone()), ..row.clone() };
                    target = self.targets.of(tx, &both).await?.unwrap_or(target);
                }
            } else if last.number == target.number {
                self.targets.leave_out(LeftOut::OtherTenantToo);
                target = last;
            } else {
                self.items.push(item(&last, &mut self.values));
            }
        }
        self.last = Some(target);
        Ok(())
    }

    async fn write(&mut self, tx: &mut Tx) -> Result<()> {
        let interned = &mut self.interned;
        let values: Vec<NumberSettings> =
            self.values.drain().filter(|(id, _)| interned.insert(*id)).map(|(_, value)| value).collect();
        tx.intern_all_settings(&values).await?;
        tx.insert_items(self.id, &self.items).await?;
        self.staged += self.items.len();
        self.items.clear();
        Ok(())
    }

    async fn end(self, tx: &mut Tx, rules: &Rules) -> Result<Staged> {
        let left_out = sentences(&self.targets.left_out);
        if self.staged == 0 {
            return Err(if left_out.is_empty() { nothing() } else { Error::Conflict(left_out.join(" ")) });
        }
        let accounts = tx.record_order_accounts(self.id).await?;
        tx.compare_items(self.id, self.targets.kind, compared_with(rules)).await?;
        tx.correct_drift_verdicts(self.id, self.targets.way, rules.clock.now()).await?;
        let names: Vec<&str> = accounts.iter().map(String::as_str).collect();
        tx.describe_order(self.id, &account_names(&names), 0).await?;
        Ok(Staged { order_id: self.id, left_out })
    }
}

/// A number of the draft; its settings are noted, to be stored.
fn item(target: &Target, values: &mut HashMap<i64, NumberSettings>) -> NewItem {
    let settings_id = target.settings.id();
    values.entry(settings_id).or_insert_with(|| target.settings.as_ref().clone());
    NewItem {
        number: target.number,
        line: 0,
        account_id: target.account_id,
        settings_id,
        country: target.country.clone(),
        state: ItemState::Idle,
        before: None,
    }
}

fn sentences(left_out: &BTreeMap<LeftOut, i64>) -> Vec<String> {
    let sentence = |(reason, count): (&LeftOut, &i64)| {
        format!("{} left out: {}.", counted(*count, "number is", "numbers are"), reason.words())
    };
    left_out.iter().map(sentence).collect()
}
