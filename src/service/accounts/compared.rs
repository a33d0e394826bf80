//! What a push of an account would change at its backends, and letting it go.

use serde_json::json;

use super::find::find_kept;
use crate::authz::{AccountsRead, Grant, NumbersWrite};
use crate::domain::{Account, Places, ReconcileState};
use crate::service::civic_addresses::places_of;
use crate::service::orders::{Decision, PlanAt, Source, look_at_plan};
use crate::service::transact::transact;
use crate::service::{Ctx, Error, Origin, Result, audit_entry};
use crate::store::{PushPlan, Reconcile, TheirList, WorkKind};

/// The comparisons of an account with its backends.
///
/// # Errors
/// When the database fails.
pub async fn comparisons(ctx: &Ctx, _: &Grant<AccountsRead>, account: &Account) -> Result<Vec<Reconcile>> {
    Ok(ctx.db.read().await?.reconciles(account.id).await?)
}

/// How old what a plan rests on is that a person has to confirm. What is too old is asked for, as for a review; then the plan
/// is made anew.
///
/// # Errors
/// When the database fails.
pub async fn plan_rests_on(
    ctx: &Ctx,
    _: &Grant<AccountsRead>,
    account: &Account,
    compared: &Reconcile,
) -> Result<Option<Source>> {
    let backend = ctx.policy.backends.iter().find(|info| info.name == compared.backend);
    match (backend, &account.tenant_id) {
        (Some(backend), Some(tenant)) if compared.state == ReconcileState::Held => {
            let as_of = compared.looked_at;
            look_at_plan(ctx, PlanAt { backend, tenant, account_id: account.id, as_of }).await
        }
        _ => Ok(None),
    }
}

/// Different settings that a comparison shows.
const SHOWN: i64 = 50;

/// What a push of an account would replace at a backend, setting by setting, with the addresses that it names.
///
/// # Errors
/// When the database fails.
pub async fn replaced(
    ctx: &Ctx,
    _: &Grant<AccountsRead>,
    account: &Account,
    backend: &str,
) -> Result<(TheirList, Places)> {
    let backend = ctx.policy.backends.iter().find(|info| info.name == backend);
    let (Some(backend), Some(tenant)) = (backend, &account.tenant_id) else { return Ok(Default::default()) };
    let mut tx = ctx.db.read_or_search(true).await?;
    let replaced = tx.replaced_there(account.id, backend, tenant.as_str(), SHOWN).await?;
    let sides = replaced.shown.iter().flat_map(|one| [&one.theirs, &one.ours]);
    let places = places_of(&mut tx, sides.map(|settings| (tenant.as_str(), settings))).await?;
    Ok((replaced, places))
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
    /// What was agreed to of what somebody at the enterprise notices.
    pub agreed: Decision,
}

/// What has to be agreed to and was not.
fn missing(plan: &PushPlan, agreed: Decision) -> Option<String> {
    let address = (plan.address_lost > 0 && !agreed.lose_address).then_some("lose their emergency address");
    let in_use = (plan.in_use > 0 && !agreed.change_assigned).then_some("are in use and change");
    let missing: Vec<&str> = address.into_iter().chain(in_use).collect();
    (!missing.is_empty()).then(|| {
        format!("Nothing was let go: some numbers {}. Tick that you agree, then confirm.", missing.join(", and some "))
    })
}

/// Lets the changes of an account go to a backend that were held for a person.
///
/// # Errors
/// When there is no such account, nothing is held, something else would change than was shown, what has to be agreed to was
/// not, or the database fails.
pub async fn confirm_changes(
    ctx: &Ctx,
    grant: &Grant<NumbersWrite>,
    origin: &Origin,
    confirmed: Confirmed<'_>,
) -> Result<()> {
    let Confirmed { account, backend, changes, agreed } = confirmed;
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
        if let Some(missing) = missing(&held.plan, agreed) {
            return Err(Error::Conflict(missing));
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
