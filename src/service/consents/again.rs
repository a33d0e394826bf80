//! Sending numbers again that were refused because a consent did not stand.

use serde_json::json;

use crate::authz::{ConsentsRead, Grant, NumbersWrite};
use crate::domain::{Progress, TenantId};
use crate::service::transact::transact;
use crate::service::{Ctx, Error, Origin, Result, audit_entry};

/// How many numbers of a tenant were refused because its consent did not stand.
///
/// # Errors
/// When the database fails.
pub async fn refused_numbers(ctx: &Ctx, _: &Grant<ConsentsRead>, tenant: &TenantId) -> Result<i64> {
    let orders = ctx.db.read().await?.refused_for_consent(tenant).await?;
    Ok(orders.iter().map(|(_, count)| count).sum())
}

/// Sends them again, now that the consent stands. Tells how many there are.
///
/// # Errors
/// When the consent does not stand, there are none, or the database fails.
pub async fn send_again(ctx: &Ctx, grant: &Grant<NumbersWrite>, origin: &Origin, tenant: &TenantId) -> Result<i64> {
    let now = ctx.clock.now();
    let sent = transact!(ctx, |tx| {
        let consent = tx.consent(tenant).await?.ok_or(Error::NotFound("consent"))?;
        if consent.consent.status.forbids_numbers() {
            return Err(Error::Conflict("The consent still does not stand, so nothing was sent.".into()));
        }
        tx.take_time().await?;
        let mut all = 0;
        for (order, _) in tx.refused_for_consent(tenant).await? {
            let retried = tx.retry_refused_for_consent(order, now).await?;
            if retried.all() == 0 {
                continue;
            }
            tx.add_progress(order, Progress { failed: -retried.counted, ..Progress::default() }, now).await?;
            for account in tx.accounts_to_push(order).await? {
                tx.want_account(account, &ctx.policy.backends, now).await?;
            }
            all += retried.all();
        }
        if all == 0 {
            return Err(Error::Conflict("No number waits for this consent any more.".into()));
        }
        let mut entry = audit_entry(grant, origin, "consent.numbers_again");
        entry.subject_kind = "consent";
        entry.subject = tenant.to_string();
        entry.after = Some(json!({ "numbers": all }).to_string());
        tx.append_audit(entry, now).await?;
        all
    })?;
    ctx.wake_sync().await;
    Ok(sent)
}
