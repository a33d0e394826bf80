//! What a push of an account would change at its backends, and letting it go.

use serde_json::json;

use super::find::find_kept;
use crate::authz::{AccountsRead, Grant, NumbersWrite};
use crate::domain::{Account, ReconcileState};
use crate::service::transact::transact;
use crate::service::{Ctx, Error, Origin, Result, audit_entry};
use crate::store::{Reconcile, WorkKind};

/// The comparisons of an account with its backends.
///
/// # Errors
/// When the database fails.
pub async fn comparisons(ctx: &Ctx, _: &Grant<AccountsRead>, account: &Account) -> Result<Vec<Reconcile>> {
    Ok(ctx.db.read().await?.reconciles(account.id).await?)
}

/// What a person confirms: the changes of an account at a backend, as many as were shown.
#[derive(Clone, Copy, Debug)]
pub struct Confirmed<'a> {
    /// Name of the account.
    pub account: &'a str,
    /// Name of the backend.
    pub backend: &'a str,
    /// How many changes were shown.
    pub changes: i64,
}

/// Lets the changes of an account go to a backend that were held for a person.
///
/// # Errors
/// When there is no such account, nothing is held, something else would change than was shown, or the database fails.
pub async fn confirm_changes(
    ctx: &Ctx,
    grant: &Grant<NumbersWrite>,
    origin: &Origin,
    confirmed: Confirmed<'_>,
) -> Result<()> {
    let Confirmed { account, backend, changes } = confirmed;
    transact!(ctx, |tx| {
        let now = ctx.clock.now();
        let account = find_kept(&mut tx, account).await?;
        let compared = tx.reconciles(account.id).await?;
        let held = compared.iter().find(|one| one.backend == backend && one.state == ReconcileState::Held);
        let held = held.ok_or_else(|| Error::Conflict("Nothing waits for a confirmation any more.".into()))?;
        if held.plan.changes() != changes {
            return Err(Error::Conflict(
                "Meanwhile something else would change than what you saw. Look at the counts again, then confirm."
                    .into(),
            ));
        }
        let who = grant.principal().name.to_string();
        if !tx.confirm_reconcile(account.id, backend, &who, now).await? {
            return Err(Error::Conflict("Nothing waits for a confirmation any more.".into()));
        }
        tx.want_work(WorkKind::Account.at(backend, &account.id.to_string()), now).await?;
        let mut entry = audit_entry(grant, origin, "account.push_confirmed");
        entry.subject_kind = "account";
        entry.subject.clone_from(&account.name);
        let plan = &held.plan;
        entry.after = Some(
            json!({
                "backend": backend, "new": plan.fresh, "changed": plan.different, "released": plan.released,
                "assignedChanged": plan.in_use, "emergencyAddressLost": plan.address_lost, "alike": plan.alike,
            })
            .to_string(),
        );
        tx.append_audit(entry, now).await?;
    })?;
    ctx.wake_sync().await;
    Ok(())
}
