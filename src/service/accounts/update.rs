//! Changing an account.

use time::OffsetDateTime;

use super::audited::AuditedAccount;
use super::create::{not_to_be_had, taken_meanwhile, want_pulls};
use super::find::find;
use super::in_use::in_use;
use crate::authz::{AccountsWrite, Grant};
use crate::domain::{Account, AccountDraft, AccountForm, Backends, FieldProblem, ReconcileWhy};
use crate::service::transact::{give_up, transact};
use crate::service::{Ctx, Error, Origin, Result, Rules, audit_entry};
use crate::store::{NewlyPushed, Tx, WorkKind};

/// What became of a change.
#[derive(Debug)]
pub enum Updated {
    /// It is made. It holds the account as it is now.
    Done(Box<Account>),
    /// Somebody else changed the account meanwhile. It holds the account as they left it.
    Stale(Box<Account>),
}

/// Changes an account that still is at the rev the form was made from. The name stays.
///
/// # Errors
/// When the form has problems, a service in use would go, the tenant of pushed numbers would change, or the database fails.
pub async fn update(
    ctx: &Ctx,
    grant: &Grant<AccountsWrite>,
    origin: &Origin,
    name: &str,
    rev: i64,
    form: &AccountForm,
) -> Result<Updated> {
    let outcome = transact!(ctx, |tx| {
        // Locked: an order that is being submitted for it was reviewed for the account as it is.
        let before = tx.account_locked(name).await?.ok_or(Error::NotFound("account"))?;
        let draft = form
            .over(&before, ctx.policy.backends.provisioned())
            .check_change(Some(&before), ctx.policy.zones.as_ref())
            .map_err(Error::Invalid)?;
        if before.rev != rev || before.deleting {
            return give_up(Updated::Stale(Box::new(before)));
        }
        let mut problems = what_is_in_use(&mut tx, ctx, &before, &draft).await?;
        problems.extend(not_to_be_had(&mut tx, ctx, grant, &draft, Some(&before)).await?);
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        match update_in(&mut tx, ctx, grant, origin, &before, &draft).await {
            Err(Error::Store(error)) if error.is_taken() => return Err(taken_meanwhile()),
            Ok(false) => return give_up(Updated::Stale(Box::new(find(&mut tx, name).await?))),
            outcome => outcome?,
        };
        Updated::Done(Box::new(find(&mut tx, name).await?))
    })?;
    ctx.wake_followers_of_accounts().await;
    Ok(outcome)
}

/// Stores a change of an account that still is as it was read, with its audit row. Tells whether it still was.
pub(in crate::service) async fn update_in(
    tx: &mut Tx,
    rules: &Rules,
    grant: &Grant<AccountsWrite>,
    origin: &Origin,
    before: &Account,
    draft: &AccountDraft,
) -> Result<bool> {
    let (now, backends) = (rules.clock.now(), &rules.policy.backends);
    let provisioned = backends.provisioned();
    if !tx.update_account(before.id, before.rev, draft, now).await? {
        return Ok(false);
    }
    let newly_synced = draft.synced.and(draft.services).and(provisioned).without(before.pushed(provisioned));
    if !newly_synced.is_empty() {
        let pushed = draft.synced.and(draft.services).and(provisioned);
        tx.push_again(NewlyPushed { account_id: before.id, services: newly_synced, pushed, backends }, now).await?;
    }
    compare_first(tx, backends, before, draft, now).await?;
    // What waits is pushed, or is done at once where the service is not synced any more.
    for backend in backends.of(before.services.or(draft.services)) {
        tx.want_work(WorkKind::Account.at(&backend.name, &before.id.to_string()), now).await?;
    }
    if before.tenant_id != draft.tenant_id {
        want_pulls(tx, backends, draft, now).await?;
    }
    let mut entry = audit_entry(grant, origin, "account.update");
    entry.subject_kind = "account";
    entry.subject.clone_from(&before.name);
    entry.before = Some(AuditedAccount::from(before).to_json());
    entry.after = Some(AuditedAccount::from(draft).to_json());
    entry.ticket.clone_from(&draft.ticket);
    tx.append_audit(entry, now).await?;
    Ok(true)
}

/// What the backends hold already of a service that is synced from now on, or of a tenant that the account has got, is
/// looked at before anything is pushed.
async fn compare_first(
    tx: &mut Tx,
    backends: &Backends,
    before: &Account,
    draft: &AccountDraft,
    now: OffsetDateTime,
) -> Result<()> {
    let provisioned = backends.provisioned();
    let (was, is) = (before.pushed(provisioned), draft.synced.and(draft.services).and(provisioned));
    let (why, services) = if before.tenant_id == draft.tenant_id {
        (ReconcileWhy::Synced, is.without(was))
    } else {
        (ReconcileWhy::Tenant, is)
    };
    for backend in backends.iter() {
        if is.and(backend.services).is_empty() || draft.tenant_id.is_none() {
            tx.end_reconcile(before.id, &backend.name).await?;
        } else if !services.and(backend.services).is_empty() {
            tx.begin_reconcile(before.id, &backend.name, why, now).await?;
        }
    }
    Ok(())
}

async fn what_is_in_use(
    tx: &mut Tx,
    rules: &Rules,
    before: &Account,
    draft: &AccountDraft,
) -> Result<Vec<FieldProblem>> {
    let used = in_use(tx, rules, before, draft).await?.into_iter();
    Ok(used
        .map(|used| FieldProblem::new(if used.service.is_some() { "service" } else { "tenant" }, used.reason))
        .collect())
}
