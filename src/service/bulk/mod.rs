//! Changing and releasing many numbers as they are: what was chosen changes, everything else stays as it is on each.

mod columns;
mod form;
mod mending;
mod selection;
mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use self::columns::{Cleared, SentForm, clear, say_columns, unclear};
pub use self::form::{ADD, EditForm, NONE, REMOVE, SET};
pub use self::mending::mend;
use self::selection::Chooser;
pub use self::selection::Selection;
use self::stage::{Staging, Task};
use super::orders::{self, KeptLines, ReleaseSelection, compared_with};
use super::staging::{AccountFacts, account_facts, account_names, keep_text};
use super::transact::transact;
use super::{Ctx, Error, Result, Rules, beside, identity};
use crate::authz::{Grant, NumbersDelete, NumbersRead, NumbersWrite, Principal};
use crate::domain::block::free::Stretch;
use crate::domain::edit::SettingsEdit;
use crate::domain::field::{check_ticket, filled};
use crate::domain::{Account, E164, FieldProblem, FormOf, Moves, NumberSettings, Order, OrderKind, OrderSource};
use crate::store::{NewOrder, NumberFilter, Tx};

pub use crate::store::NumberGroup;

/// Different settings that a form counts. Beyond it there are so many that nobody looks through them.
const GROUPS: i64 = 2_000;
/// Stretches of numbers that one statement looks at.
const STRETCHES: usize = 400;

/// What is known of the numbers that are meant, before anything is chosen.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// How many there are, up to what an order takes and one.
    pub count: i64,
    /// They, by account and settings; where there are very many, those of the most numbers.
    pub groups: Vec<NumberGroup>,
}

impl Looked {
    /// The names of their accounts, each once, those with the most numbers first.
    pub fn accounts(&self) -> Vec<&str> {
        let mut accounts: Vec<&str> = Vec::new();
        for group in &self.groups {
            if !accounts.contains(&group.account.as_str()) {
                accounts.push(&group.account);
            }
        }
        accounts
    }

    /// Whether there are so many different settings that not all are among the groups.
    pub fn is_cut(&self) -> bool {
        self.groups.iter().map(|group| group.count).sum::<i64>() < self.count
    }

    /// How many numbers have each value that this tells of settings, the most frequent first.
    pub fn values(&self, value: impl Fn(&NumberSettings) -> String) -> Vec<(String, i64)> {
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        for group in &self.groups {
            *counts.entry(value(&group.settings)).or_default() += group.count;
        }
        let mut counts: Vec<(String, i64)> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| -count);
        counts
    }
}

/// Looks at the numbers that are meant; of a text nothing is known before it is read.
///
/// # Errors
/// When the database fails.
pub async fn look(ctx: &Ctx, _: &Grant<NumbersRead>, selection: &Selection) -> Result<Looked> {
    let most = ctx.policy.max_numbers as i64 + 1;
    let mut tx = ctx.db.search().await?;
    let (groups, count) = match selection {
        Selection::Written { .. } => (Vec::new(), 0),
        Selection::Matching(filter) => tx.number_groups(filter, None, most, GROUPS).await?,
        Selection::Numbers(account, _) => {
            let filter = NumberFilter { account: account.clone(), ..NumberFilter::default() };
            let numbers = selection.listed();
            let (mut groups, mut count): (Vec<NumberGroup>, i64) = (Vec::new(), 0);
            for stretches in stretches(numbers.into_iter().map(|(_, number)| number)).chunks(STRETCHES) {
                let (more, counted) = tx.number_groups(&filter, Some(stretches), most, GROUPS).await?;
                add_groups(&mut groups, more);
                count += counted;
            }
            (groups, count)
        }
    };
    Ok(Looked { count, groups })
}

/// Adds the numbers of some stretches to those of others; the largest groups stay first.
fn add_groups(groups: &mut Vec<NumberGroup>, more: Vec<NumberGroup>) {
    for group in more {
        match groups.iter_mut().find(|known| known.account == group.account && known.settings == group.settings) {
            Some(known) => known.count += group.count,
            None => groups.push(group),
        }
    }
    groups.sort_by_key(|group| -group.count);
}

/// How many tenants accounts of these names belong to; those without one count as one.
///
/// # Errors
/// When the database fails.
pub async fn tenants(ctx: &Ctx, _: &Grant<NumbersRead>, accounts: &[&str]) -> Result<usize> {
    let mut tx = ctx.db.read().await?;
    let mut tenants = BTreeSet::new();
    for chunk in accounts.chunks(500) {
        tenants.extend(
            tx.accounts_named(chunk).await?.into_iter().map(|account| account.tenant_id.map(|id| id.to_string())),
        );
    }
    Ok(tenants.len())
}

/// The form of a draft that changes or releases numbers as they are. Its numbers stand in it too, where they are not too many.
///
/// # Errors
/// When there is no such order, or the database fails.
pub async fn form_of(ctx: &Ctx, _: &Grant<NumbersRead>, order_id: i64) -> Result<EditForm> {
    let mut tx = ctx.db.read().await?;
    let json = tx.order_form(order_id).await?.ok_or(Error::NotFound("order"))?;
    let mut form: EditForm = serde_json::from_str(&json).unwrap_or_default();
    if form.numbers.is_empty() {
        let staged = tx.staged_numbers(order_id).await?;
        form.numbers = ranges(staged.into_iter().map(|staged| staged.number));
        if form.numbers.len() > form::KEPT_TEXT {
            form.numbers.clear();
        }
    }
    Ok(form)
}

/// Numbers in ascending order, those in a row as one stretch.
fn stretches(numbers: impl Iterator<Item = E164>) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for number in numbers {
        match stretches.last_mut().filter(|of| of.last.next() == Some(number)) {
            Some(stretch) => stretch.last = number,
            None => stretches.push(Stretch { first: number, last: number }),
        }
    }
    stretches
}

/// Numbers in ascending order as text, those in a row on one line.
fn ranges(numbers: impl Iterator<Item = E164>) -> String {
    stretches(numbers).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Stages changes of what was chosen, and gives the draft's number.
///
/// # Errors
/// When the form has problems (all of them are told), nothing is meant, it is too much for one order, or the database fails.
pub async fn stage_edit(ctx: &Ctx, grant: &Grant<NumbersWrite>, selection: &Selection, form: &EditForm) -> Result<i64> {
    let mut problems = checked(selection, form);
    let edit = form.edit().unwrap_or_else(|found| {
        problems.extend(found);
        SettingsEdit::default()
    });
    if problems.is_empty() && edit.changes_nothing() {
        problems.push(FieldProblem::new("", "Choose what to change: every field is kept as it is."));
    }
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    let new = NewBulk { kind: OrderKind::Upload, form_of: FormOf::Manage, may_release: false, task: Task::Edit(edit) };
    stage(ctx, grant.principal(), selection, form, new).await
}

/// Stages a release, and gives the draft's number.
///
/// # Errors
/// When the form has problems (all of them are told), or the database fails.
pub async fn stage_release(
    ctx: &Ctx,
    grant: &Grant<NumbersDelete>,
    selection: &Selection,
    form: &EditForm,
) -> Result<i64> {
    let problems = checked(selection, form);
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    let ticket = filled(&form.ticket);
    match selection {
        Selection::Numbers(account, numbers) => {
            let chosen = ReleaseSelection::Numbers(account.clone(), numbers.clone());
            return orders::stage_release(ctx, grant, &chosen, ticket).await;
        }
        Selection::Matching(filter) => {
            let chosen = ReleaseSelection::Matching(filter.clone());
            return orders::stage_release(ctx, grant, &chosen, ticket).await;
        }
        Selection::Written { .. } => {}
    }
    let new = NewBulk { kind: OrderKind::Release, form_of: FormOf::Release, may_release: true, task: Task::Release };
    stage(ctx, grant.principal(), selection, form, new).await
}

/// Stages a move to another account, and gives the draft's number. To another tenant it takes the right to release besides.
///
/// # Errors
/// When the form has problems (all of them are told), the right to release is missing and needed, nothing is meant, it is too
/// much for one order, or the database fails.
pub async fn stage_move(
    ctx: &Ctx,
    grant: &Grant<NumbersWrite>,
    release: Option<&Grant<NumbersDelete>>,
    selection: &Selection,
    form: &EditForm,
) -> Result<i64> {
    let mut problems = checked(selection, form);
    let edit = form.edit().unwrap_or_else(|found| {
        problems.extend(found);
        SettingsEdit::default()
    });
    let to = {
        let mut tx = ctx.db.read().await?;
        let to = receiver(&mut tx, &form.to, &mut problems).await?;
        if let Some(to) = &to {
            problems.extend(withdrawn(&mut tx, &ctx.rules(), &to.account).await?);
        }
        to
    };
    let Some(to) = to.filter(|_| problems.is_empty()) else { return Err(Error::Invalid(problems)) };
    let new = NewBulk {
        kind: OrderKind::Upload,
        form_of: FormOf::Move,
        may_release: release.is_some(),
        task: Task::Move(edit, Arc::new(to)),
    };
    stage(ctx, grant.principal(), selection, form, new).await
}

/// The account that gets numbers, and what is known of its tenant.
async fn receiver(tx: &mut Tx, name: &str, problems: &mut Vec<FieldProblem>) -> Result<Option<AccountFacts>> {
    let Some(name) = filled(name) else {
        problems.push(FieldProblem::new("to", "Choose the account that gets the numbers."));
        return Ok(None);
    };
    match tx.account(name).await? {
        None => problems.push(FieldProblem::new("to", format!("There is no account named {name}."))),
        Some(account) if account.deleting => {
            problems.push(FieldProblem::new("to", format!("Account {name} is being deleted. Choose another.")));
        }
        Some(account) => return Ok(Some(account_facts(tx, account).await?)),
    }
    Ok(None)
}

/// Says that no backend takes numbers for an account, whose enterprise has withdrawn its consent.
pub(super) async fn withdrawn(tx: &mut Tx, rules: &Rules, account: &Account) -> Result<Option<FieldProblem>> {
    let consented = rules.policy.backends.consented();
    let Some(tenant) = account.tenant_id.as_ref().filter(|_| !account.pushed(consented).is_empty()) else {
        return Ok(None);
    };
    let consent = tx.consent(tenant).await?.map(|row| row.consent).filter(|consent| consent.status.forbids_numbers());
    Ok(consent.map(|consent| {
        let message = format!(
            "The consent of account {} is {}: its numbers would be released and then refused. Wait until the enterprise \
             consents again, or choose another account.",
            account.name, consent.status
        );
        FieldProblem::new("to", message)
    }))
}

/// What is wrong with what is asked of any numbers.
fn checked(selection: &Selection, form: &EditForm) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    check_ticket(filled(&form.ticket), &mut problems);
    let is_empty = match selection {
        Selection::Numbers(_, numbers) => numbers.is_empty(),
        Selection::Matching(_) => false,
        Selection::Written { text, .. } => text.trim_start_matches('\u{feff}').trim().is_empty(),
    };
    if is_empty {
        problems.push(FieldProblem::new(
            "numbers",
            "Enter at least one number, choose a file, or tick numbers in the list.",
        ));
    }
    problems
}

/// A draft to make.
struct NewBulk {
    kind: OrderKind,
    form_of: FormOf,
    /// Whether numbers may go to another tenant.
    may_release: bool,
    task: Task,
}

/// Stages a draft beside the threads that answer requests. It is given up when the caller goes away.
async fn stage(ctx: &Ctx, person: &Principal, selection: &Selection, form: &EditForm, new: NewBulk) -> Result<i64> {
    const BUSY: Error =
        Error::Busy("Other uploads are being read. Nothing of yours was stored; send it again in a minute.");
    let turn = ctx.uploads.turn().await.ok_or(BUSY)?;
    let (ctx, person, selection, form) = (ctx.clone(), person.clone(), selection.clone(), form.clone());
    beside(async move {
        let staged = stage_here(&ctx, &person, &selection, &form, &new).await;
        drop(turn);
        staged
    })
    .await?
}

async fn stage_here(
    ctx: &Ctx,
    person: &Principal,
    selection: &Selection,
    form: &EditForm,
    new: &NewBulk,
) -> Result<i64> {
    let listed = selection.listed();
    let file = selection.file();
    transact!(ctx, |tx| {
        tx.take_time_aside().await?;
        let id = tx.next_number("orders").await?;
        let order = NewOrder {
            id,
            kind: new.kind,
            source: OrderSource::Portal,
            accounts: String::new(),
            author: &person.name,
            author_id: identity(person),
            ticket: filled(&form.ticket),
            form: form.kept(file.clone().into_iter().collect()),
            refused_lines: 0,
        };
        tx.insert_order(&order, ctx.clock.now()).await?;
        let mut staging = Staging::new(ctx, id, new.task.clone(), 0);
        staging.run(&mut tx, selection.chooser(&listed, ctx.policy.max_numbers)).await?;
        if staging.staged == 0 && staging.refused == 0 {
            return Err(Error::Conflict("No number matches any more; there is nothing to do.".into()));
        }
        if let Selection::Written { text, .. } = selection
            && (staging.has_proposals || file.is_some())
        {
            keep_text(&mut tx, id, text, filled(&form.numbers).is_none()).await?;
        }
        let moves = staging.moves();
        if moves == Some(Moves::ToOtherTenant) && !new.may_release {
            let message = "These numbers belong to another enterprise than this account. Moving them releases them first, which needs \
                           the role DeleteUser besides.";
            return Err(Error::field("to", message));
        }
        tx.set_form_of(id, new.form_of, moves).await?;
        describe(&mut tx, id, &staging).await?;
        tx.compare_items(id, new.kind, compared_with(ctx)).await?;
        id
    })
}

/// Makes the settings in a draft anew from what its numbers are by now: only what was chosen changes.
pub(super) async fn restage(tx: &mut Tx, rules: &Rules, order: &Order) -> Result<()> {
    let json = tx.order_form(order.id).await?.unwrap_or_default();
    let form: EditForm = serde_json::from_str(&json).unwrap_or_default();
    let Ok(edit) = form.edit() else { return Ok(()) };
    let task = if order.form_of == FormOf::Move {
        let Some(to) = receiver(tx, &form.to, &mut Vec::new()).await? else { return Ok(()) };
        Task::Move(edit, Arc::new(to))
    } else {
        Task::Edit(edit)
    };
    let staged = tx.staged_numbers(order.id).await?;
    tx.unstage(order.id).await?;
    let listed: Vec<(u32, E164)> = staged.iter().map(|staged| (staged.line, staged.number)).collect();
    let before = staged.iter().filter_map(|staged| Some((staged.number, staged.account_id?))).collect();
    let kept = KeptLines::of(tx, rules, order.id).await?;
    let mut staging = Staging::new(rules, order.id, task, order.refused_lines).anew(before);
    staging.run(tx, Chooser::Listed(&listed, kept.as_ref())).await?;
    tx.set_form_of(order.id, order.form_of, staging.moves()).await?;
    describe(tx, order.id, &staging).await
}

/// Says of a draft which accounts it touches, as they were read for it, and how many lines are refused.
async fn describe(tx: &mut Tx, id: i64, staging: &Staging<'_>) -> Result<()> {
    for (account, rev) in &staging.touched {
        tx.insert_order_account(id, *account, *rev).await?;
    }
    let names = tx.names_of_order_accounts(id).await?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(tx.describe_order(id, &account_names(&names), staging.refused).await?)
}
