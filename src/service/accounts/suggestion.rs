//! What the forms of accounts offer and say before they are sent.

use crate::authz::{AccountsWrite, Grant};
use crate::domain::direct_routing::parse_label;
use crate::domain::{AccountForm, AccountName, Service, ServiceSet, TenantId};
use crate::service::labels::{self, AccountLabel, Tenant, Unavailable};
use crate::service::{Ctx, Result};
use crate::store::Tx;

/// Fills the form for a new account of a tenant with a name from the company, the tenant, and sync on.
///
/// # Errors
/// When the database fails.
pub async fn suggestion(ctx: &Ctx, _: &Grant<AccountsWrite>, tenant: Option<&TenantId>) -> Result<AccountForm> {
    let services = ctx.policy.services.and(Service::OperatorConnect.into());
    let mut form = AccountForm { services, synced: ServiceSet::ALL, ..AccountForm::default() };
    if let Some(tenant) = tenant {
        tenant.as_str().clone_into(&mut form.tenant_id);
        let mut tx = ctx.db.read().await?;
        if let Some(consent) = tx.consent(tenant).await? {
            let base = AccountName::suggest(&consent.company);
            form.name = free_name(&mut tx, base).await?;
        }
    }
    Ok(form)
}

/// Gives the name itself, or the name with the first number from 2 that makes it free.
async fn free_name(tx: &mut Tx, base: String) -> Result<String> {
    let candidates: Vec<String> = std::iter::once(base.clone()).chain((2..10).map(|n| format!("{base}-{n}"))).collect();
    let names: Vec<&str> = candidates.iter().map(String::as_str).collect();
    let taken = tx.accounts_named(&names).await?;
    Ok(candidates.iter().find(|name| !taken.iter().any(|account| account.name == **name)).cloned().unwrap_or(base))
}

/// Tells why the account of this name cannot have this subdomain, each reason as a sentence. There is none when it can.
///
/// # Errors
/// When the database fails.
pub async fn against_subdomain(
    ctx: &Ctx,
    grant: &Grant<AccountsWrite>,
    account: &str,
    typed: &str,
) -> Result<Vec<String>> {
    let checked = match &ctx.policy.zones {
        Some(zones) => zones.check_label(typed.trim()),
        None => parse_label(typed.trim()),
    };
    let label = match checked {
        Ok(label) => label,
        Err(problems) => return Ok(problems),
    };
    let mut tx = ctx.db.read().await?;
    let wanted = (AccountLabel { account, label: &label }, Tenant::NotSaid);
    let against = labels::unavailable(&mut tx, &ctx.rules(), grant.principal(), wanted).await?;
    Ok(against.map(Unavailable::into_reason).into_iter().collect())
}
