//! Numbers that a program puts on an account: one order, all of it or nothing.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::refused::{not_enabled, refused};
use super::wanted::{WantedNumber, Written, created, find, sent_otherwise, to_stage};
use super::{here, moved, present_account};
use crate::authz::{AccountsRead, Grant, NumbersWrite, Principal};
use crate::domain::{E164, Number, OrderKind, OrderSource, SentNumber, Verdict, numbering_plan};
use crate::service::api::addresses::CheckedAddresses;
use crate::service::api::{ApiAnswer, ChangeRequest, Outcome};
use crate::service::orders::{OrderRight, OrderToSubmit, new_order, submit_in};
use crate::service::transact::{give_up, transact_together};
use crate::service::{Ctx, Error, ItemProblem, Origin, Result, Rules, audit_entry};
use crate::store::{OrderStart, Place, Reserved, SentAlike, StagedOrder, Tx, VerdictCount};

/// Numbers that shall be on an account.
#[derive(Clone, Copy, Debug)]
pub struct NumbersToPut<'a> {
    /// Name of the account.
    pub account: &'a str,
    /// The numbers as they were sent, each once.
    pub numbers: &'a [SentNumber],
    /// What [`addresses::check`](crate::service::api::addresses::check) says of them.
    pub addresses: &'a CheckedAddresses,
}

impl NumbersToPut<'_> {
    fn numbers(&self) -> Vec<E164> {
        self.numbers.iter().filter_map(|sent| sent.number).collect()
    }

    /// What stands against any of the numbers on this account, as far as no look at other numbers is needed.
    fn against(&self, begun: &OrderStart) -> Vec<ItemProblem> {
        let mut problems = not_enabled(&begun.account, self.numbers);
        let is_new = |problem: &&ItemProblem| !self.has_its_address(problem.index, begun);
        problems.extend(self.addresses.problems.iter().filter(is_new).cloned());
        problems
    }

    /// Whether the number that stands there has its address already: the tenant's addresses may have changed since, and what
    /// was read can be sent back.
    fn has_its_address(&self, index: usize, begun: &OrderStart) -> bool {
        let Some(sent) = self.numbers.iter().find(|sent| sent.index == index) else { return false };
        let was = sent.number.and_then(|number| find(&begun.before, number));
        was.filter(|was| *was.account == *begun.account.name).is_some_and(|was| {
            let (was, wanted) = (&was.settings.teams, &sent.settings.teams);
            (&was.civic_address_id, &was.location_id) == (&wanted.civic_address_id, &wanted.location_id)
        })
    }
}

/// The answer to putting numbers on an account, and what looks like a mistake, in words.
pub struct PutAnswer {
    /// The answer.
    pub answer: ApiAnswer,
    /// What was taken and yet looks like a mistake.
    pub doubts: Vec<String>,
}

/// What became of putting numbers on an account.
struct Put {
    /// The answer, where it was made with the change.
    answer: Option<ApiAnswer>,
    outcome: Outcome,
    changed: Changed,
}

/// What an order changed at once.
#[derive(Default)]
struct Changed {
    /// The numbers as they are now, where the change itself tells.
    after: Option<Vec<Number>>,
    to_push: bool,
    /// What of them somebody had reserved.
    reserved: Vec<Reserved>,
}

/// Puts numbers on an account with these settings. A number that is there already gets the settings, and keeps what the
/// contract has no words for.
///
/// # Errors
/// When there is no such account, any of the numbers cannot be taken (everything that stands against any of them is told),
/// or the database fails.
pub async fn put(
    ctx: &Ctx,
    grant: &Grant<NumbersWrite>,
    request: &ChangeRequest<'_, [Number]>,
    to_put: &NumbersToPut<'_>,
) -> Result<PutAnswer> {
    let person = grant.principal();
    let numbers = to_put.numbers();
    let usual_profile = ctx.policy.default_calling_profile.as_ref();
    let new = WantedNumber::all(to_put.numbers, usual_profile);
    let put = transact_together!(ctx, ctx.db.begin_order(to_put.account, &numbers), |tx, found| {
        let now = ctx.clock.now();
        if let Some(answer) = request.earlier_answer(&mut tx, person, now).await? {
            return give_up(Put { answer: Some(answer), outcome: Outcome::Done, changed: Changed::default() });
        }
        let begun = present_account(&mut tx, found).await?;
        (request.precondition)(here(&begun.before, &begun.account))?;
        let wanted = WantedNumber::over(&new, to_put.numbers, &begun.before, &begun.account, usual_profile);
        let outcome = if begun.before.is_empty() { Outcome::Created } else { Outcome::Done };
        let change = Change { rules: ctx, grant, origin: request.origin, begun: &begun, wanted: &wanted, now };
        let changed = change.write(&mut tx, to_put).await?;
        // What is kept for a repetition is made with the change; otherwise nobody waits for the answer to be made.
        let answer = match request.repeat {
            Some(_) => {
                let after = match &changed.after {
                    Some(after) => after,
                    None => &tx.numbers_among(&numbers).await?,
                };
                Some(request.answer(&mut tx, person, outcome, Some(after), now).await?)
            }
            None => None,
        };
        Put { answer, outcome, changed }
    })?;
    if put.changed.to_push {
        ctx.wake_sync().await;
    }
    let others = put.changed.reserved.iter().filter(|reserved| reserved.account != to_put.account);
    let doubts = others.map(|reserved| doubt_of(reserved, person)).collect();
    if let Some(answer) = put.answer {
        return Ok(PutAnswer { answer, doubts });
    }
    let after = match put.changed.after {
        Some(after) => after,
        None => ctx.db.read().await?.numbers_among(&numbers).await?,
    };
    if after.len() < numbers.len() {
        return Err(moved());
    }
    Ok(PutAnswer { answer: (request.make_answer)(put.outcome, Some(&after)), doubts })
}

/// Says that numbers were reserved. For which account is told to those who may see accounts.
fn doubt_of(reserved: &Reserved, person: &Principal) -> String {
    let Reserved { account, until, count } = reserved;
    let were = if *count == 1 { "number was" } else { "numbers were" };
    let whom = if person.may::<AccountsRead>() { format!("account {account}") } else { "another account".to_owned() };
    let until = until.truncate_to_second().format(&Rfc3339).unwrap_or_default();
    format!("{count} {were} reserved in the portal for {whom} until {until}")
}

/// Numbers as they are wanted, over what there is.
struct Change<'a> {
    rules: &'a Rules,
    grant: &'a Grant<NumbersWrite>,
    origin: &'a Origin,
    begun: &'a OrderStart,
    wanted: &'a [WantedNumber],
    now: OffsetDateTime,
}

impl Change<'_> {
    /// Writes all of it, or tells everything that stands against any of the numbers.
    async fn write(&self, tx: &mut Tx, to_put: &NumbersToPut<'_>) -> Result<Changed> {
        let OrderStart { account, before, .. } = self.begun;
        let mut problems = to_put.against(self.begun);
        let mut changed = Changed::default();
        let (standing, moving): (Vec<_>, Vec<_>) =
            self.wanted.iter().partition(|wanted| wanted.stands(before, account));
        let otherwise = self.otherwise_there(tx, &standing).await?;
        if !moving.is_empty() || !otherwise.is_empty() {
            let person = self.grant.principal();
            let mut staged = stage(tx, self.rules, person, self.begun, self.wanted, self.now).await?;
            if !otherwise.is_empty() {
                staged.verdicts = tx.send_again(staged.id, &otherwise).await?;
            }
            problems.extend(staged.refused(tx, to_put.numbers, person).await?);
            if problems.is_empty() {
                changed = self.submit(tx, staged, otherwise.len()).await?;
            }
        }
        if !problems.is_empty() {
            return Err(told(problems));
        }
        let sent_otherwise = sent_otherwise(self.wanted, before);
        if !sent_otherwise.is_empty() {
            tx.set_as_sent(&sent_otherwise, self.now).await?;
            // What an order tells needs no row of its own.
            if moving.is_empty() && otherwise.is_empty() {
                self.append_as_sent(tx, &sent_otherwise).await?;
            }
        }
        Ok(changed)
    }

    /// Those of the numbers that are here as they are wanted and that a backend has otherwise: they are sent again.
    async fn otherwise_there(&self, tx: &mut Tx, standing: &[&WantedNumber]) -> Result<BTreeSet<E164>> {
        let OrderStart { account, before, .. } = self.begun;
        let backends = &self.rules.policy.backends;
        let settled = standing.iter().filter(|wanted| wanted.is_settled(before));
        let settled: Vec<E164> = settled.map(|wanted| wanted.number).collect();
        if settled.is_empty() || account.pushed(backends.provisioned()).is_empty() {
            return Ok(BTreeSet::new());
        }
        Ok(tx.otherwise_there(backends, &settled).await?)
    }

    /// What the audit says of services that a program sent as not enabled, where nothing else has changed.
    async fn append_as_sent(&self, tx: &mut Tx, sent: &[SentAlike]) -> Result<()> {
        for alike in sent.iter().filter(|alike| alike.is_change) {
            let named: Vec<String> = alike.numbers.iter().take(NAMED).map(ToString::to_string).collect();
            let mut entry = audit_entry(self.grant, self.origin, "numbers.disabled_services");
            entry.subject_kind = "account";
            entry.subject.clone_from(&self.begun.account.name);
            entry.after = Some(
                json!({ "numbers": named, "count": alike.numbers.len(), "sent": alike.as_sent.settable() }).to_string(),
            );
            tx.append_audit(entry, self.now).await?;
        }
        Ok(())
    }

    async fn submit(&self, tx: &mut Tx, staged: Staged, otherwise_there: usize) -> Result<Changed> {
        let OrderStart { account, before, .. } = self.begun;
        let Staged { id, verdicts, reserved, place } = staged;
        let order = OrderToSubmit {
            id,
            account: &account.name,
            verdicts: &verdicts,
            place,
            backends: &self.rules.policy.backends,
            not_possible: not_possible(self.wanted),
            otherwise_there: otherwise_there as i64,
        };
        let right = OrderRight::Upload(self.grant.clone());
        let Some(applied) = submit_in(tx, &right, self.origin, order, self.now).await? else { return Err(moved()) };
        if !reserved.is_empty() {
            tx.end_used_reservations(id).await?;
        }
        let now_written = |state| created(self.wanted, account, Written { order_id: id, state, at: self.now });
        let after = applied.one_state().filter(|_| before.is_empty()).map(now_written);
        Ok(Changed { after, to_push: !applied.to_push.is_empty(), reserved })
    }
}

/// Finds what stands against numbers that are not put, because something else is wrong with the request. Nothing is changed.
///
/// # Errors
/// When there is no such account, or the database fails.
pub async fn against(ctx: &Ctx, grant: &Grant<NumbersWrite>, to_put: &NumbersToPut<'_>) -> Result<Vec<ItemProblem>> {
    let person = grant.principal();
    let numbers = to_put.numbers();
    let new = WantedNumber::all(to_put.numbers, None);
    let found: Result<Vec<ItemProblem>> =
        transact_together!(ctx, ctx.db.begin_order(to_put.account, &numbers), |tx, found| {
            let begun = present_account(&mut tx, found).await?;
            let mut problems = to_put.against(&begun);
            if !new.is_empty() {
                let staged = stage(&mut tx, ctx, person, &begun, &new, ctx.clock.now()).await?;
                problems.extend(staged.refused(&mut tx, to_put.numbers, person).await?);
            }
            // An error, so that nothing of what was staged is kept.
            Err(told(problems))?
        });
    match found {
        Err(Error::Items(problems)) => Ok(problems),
        other => other,
    }
}

/// An order whose numbers are staged and compared with what exists.
struct Staged {
    id: i64,
    verdicts: Vec<VerdictCount>,
    reserved: Vec<Reserved>,
    place: Option<Place>,
}

async fn stage(
    tx: &mut Tx,
    rules: &Rules,
    person: &Principal,
    begun: &OrderStart,
    wanted: &[WantedNumber],
    now: OffsetDateTime,
) -> Result<Staged> {
    let OrderStart { account, next_order, .. } = begun;
    let id = match next_order {
        Some(id) => *id,
        None => tx.next_number("orders").await?,
    };
    let (values, items) = to_stage(account, wanted, rules.policy.backends.provisioned());
    let order = new_order(id, OrderKind::Upload, OrderSource::Api, person, account);
    let quarantine = rules.policy.quarantine.binds_api.then_some(now);
    let account_at = (account.id, account.rev);
    let staged = tx.stage_order(&order, account_at, &values, &items, (now, quarantine)).await?;
    let StagedOrder { verdicts, reserved, place } = staged;
    Ok(Staged { id, verdicts, reserved, place })
}

impl Staged {
    /// Tells why numbers of it cannot be taken, where there are such.
    async fn refused(&self, tx: &mut Tx, sent: &[SentNumber], person: &Principal) -> Result<Vec<ItemProblem>> {
        if !self.verdicts.iter().any(|(verdict, _)| matches!(verdict, Verdict::Refused(_))) {
            return Ok(Vec::new());
        }
        refused(tx, self.id, sent, person).await
    }
}

fn told(mut problems: Vec<ItemProblem>) -> Error {
    problems.sort_by_key(|problem| problem.index);
    Error::Items(problems)
}

/// The most numbers that the audit names.
const NAMED: usize = 5;

/// What the audit says of numbers that no numbering plan knows; nothing where there are none.
fn not_possible(wanted: &[WantedNumber]) -> Option<String> {
    let doubt = |wanted: &WantedNumber| Some((wanted.number, numbering_plan::doubt(wanted.number)?));
    let found: Vec<_> = wanted.iter().filter_map(doubt).collect();
    let named = found.iter().take(NAMED).map(|(number, doubt)| format!("{number} is {}", doubt.words()));
    let mut named = named.collect::<Vec<_>>().join("; ");
    if found.len() > NAMED {
        let _ = write!(named, "; and {} more", found.len() - NAMED);
    }
    Some(named).filter(|named| !named.is_empty())
}
