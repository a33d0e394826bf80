//! Creating an account.

use time::OffsetDateTime;

use super::audited::AuditedAccount;
use crate::authz::{AccountsWrite, Grant};
use crate::domain::{Account, AccountDraft, AccountForm, Backends, FieldProblem, ServiceSet};
use crate::service::labels::{self, AccountLabel, Tenant};
use crate::service::transact::transact;
use crate::service::{Ctx, Error, Origin, Result, Rules, audit_entry};
use crate::store::{Tx, WorkKind};

/// Creates an account.
///
/// # Errors
/// When the form has problems, the name is taken, or the database fails.
pub async fn create(ctx: &Ctx, grant: &Grant<AccountsWrite>, origin: &Origin, form: &AccountForm) -> Result<Account> {
    let draft = form.check(ctx.policy.zones.as_ref()).map_err(Error::Invalid)?;
    let created = transact!(ctx, |tx| {
        let mut problems = Vec::new();
        if tx.account(draft.name.as_str()).await?.is_some() {
            problems.push(FieldProblem::new(
                "name",
                format!("An account named {} exists. Choose another name.", draft.name),
            ));
        }
        problems.extend(not_to_be_had(&mut tx, ctx, grant, &draft, None).await?);
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        match create_in(&mut tx, ctx, grant, origin, &draft).await {
            Err(Error::Store(error)) if error.is_taken() => return Err(taken_meanwhile()),
            outcome => outcome?,
        }
        tx.account(draft.name.as_str()).await?
    })?;
    ctx.wake_followers_of_accounts().await;
    created.ok_or(Error::NotFound("account"))
}

/// Stores a new account with its audit row.
pub(in crate::service) async fn create_in(
    tx: &mut Tx,
    rules: &Rules,
    grant: &Grant<AccountsWrite>,
    origin: &Origin,
    draft: &AccountDraft,
) -> Result<()> {
    let now = rules.clock.now();
    let id = tx.next_account_id().await?;
    tx.insert_account(id, draft, now).await?;
    want_pulls(tx, &rules.policy.backends, draft, now).await?;
    let mut entry = audit_entry(grant, origin, "account.create");
    entry.subject_kind = "account";
    entry.subject = draft.name.to_string();
    entry.after = Some(AuditedAccount::from(draft).to_json());
    entry.ticket.clone_from(&draft.ticket);
    tx.append_audit(entry, now).await?;
    Ok(())
}

/// Asks for the tenant's addresses, plans and number state soon, where a service of the account has a backend that knows
/// them.
pub(super) async fn want_pulls(
    tx: &mut Tx,
    backends: &Backends,
    draft: &AccountDraft,
    now: OffsetDateTime,
) -> Result<()> {
    let Some(tenant) = &draft.tenant_id else { return Ok(()) };
    for backend in backends.of(draft.services) {
        if backend.offers.facts_of_tenants() {
            tx.want_work(WorkKind::CivicAddresses.at(&backend.name, tenant.as_str()), now).await?;
        }
        tx.want_work(WorkKind::Numbers.at(&backend.name, tenant.as_str()), now).await?;
    }
    Ok(())
}

/// Finds what only the data tells against the form: services that are not offered here, and the subdomain.
pub(super) async fn not_to_be_had(
    tx: &mut Tx,
    rules: &Rules,
    grant: &Grant<AccountsWrite>,
    draft: &AccountDraft,
    before: Option<&Account>,
) -> Result<Vec<FieldProblem>> {
    let mut problems = Vec::new();
    let kept = before.map_or(ServiceSet::default(), |before| before.services);
    let unknown = draft.services.without(rules.policy.services).without(kept);
    if !unknown.is_empty() {
        let message = format!("{} is not among the services that are offered here.", unknown.labels());
        problems.push(FieldProblem::new("service", message));
    }
    if let Some(routing) = &draft.direct_routing {
        let wanted = AccountLabel { account: draft.name.as_str(), label: &routing.subdomain };
        let for_tenant = (wanted, Tenant::Is(draft.tenant_id.as_ref()));
        let against = labels::unavailable(tx, rules, grant.principal(), for_tenant).await?;
        let kept = before.and_then(|before| labels::of_former_tenant(rules, before, draft));
        problems.extend(kept.map(|reason| FieldProblem::new("subdomain", reason)));
        problems.extend(against.map(|against| FieldProblem::new("subdomain", against.into_reason())));
    }
    Ok(problems)
}

/// Says that somebody else took the name or the subdomain after both were found to be free.
pub(super) fn taken_meanwhile() -> Error {
    Error::Overtaken("Somebody else took the account's name or its subdomain at the same moment. Try again.".into())
}
