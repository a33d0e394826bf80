//! Setting up an enterprise for Direct Routing: what is done, and who says so.

use serde_json::json;
use time::macros::format_description;
use time::{Date, Duration};

use super::transact::transact;
use super::{Ctx, Error, Origin, Result, audit_entry};
use crate::authz::{AccountsRead, AccountsWrite, Grant};
use crate::domain::field::filled;
use crate::domain::hand_over::{self, Progress, Step, Tick};
use crate::domain::{Account, DirectRouting, FieldProblem};

pub use super::labels::AccountLabel;

/// How many tokens an account has to have.
fn regions(ctx: &Ctx) -> usize {
    ctx.policy.zones.as_ref().map_or(2, |zones| zones.regions.len())
}

/// Every step of the account with how far it is.
///
/// # Errors
/// When the database fails.
pub async fn steps(ctx: &Ctx, _: &Grant<AccountsRead>, account: &Account) -> Result<Vec<Progress>> {
    let routing = account.direct_routing.as_ref();
    let ticks = match routing {
        Some(routing) => ctx.db.read().await?.hand_over_ticks(account.id, &routing.subdomain).await?,
        None => Vec::new(),
    };
    Ok(hand_over::progress(routing, regions(ctx), account.subdomain_status, &ticks))
}

/// Ticks a step that only a person can know of, for the subdomain that the page showed. `on` is the day it was done, such
/// as 2026-11-21. Without one it is today.
///
/// # Errors
/// When the day is none, the step follows from the data, the account has another subdomain by now, or the database fails.
pub async fn tick(
    ctx: &Ctx,
    grant: &Grant<AccountsWrite>,
    origin: &Origin,
    of: AccountLabel<'_>,
    step: Step,
    on: &str,
) -> Result<()> {
    let now = ctx.clock.now();
    let day = match filled(on) {
        None => Ok(now.date()),
        Some(text) => Date::parse(text, format_description!("[year]-[month]-[day]"))
            .map_err(|_| "Write the day as year, month and day, such as 2026-11-21.".to_owned()),
    };
    // Where the day has begun already it may be tomorrow here.
    let day = day.and_then(|day| match now.date().saturating_add(Duration::DAY) {
        last if day > last => Err(format!("{day} is still to come. Tick the step when it is done.")),
        _ => Ok(day),
    });
    let day = day.map_err(|reason| Error::field(step.key(), reason))?;
    change(ctx, grant, origin, of, step, Some(day)).await
}

/// Takes a tick back.
///
/// # Errors
/// When [`tick`] fails.
pub async fn untick(
    ctx: &Ctx,
    grant: &Grant<AccountsWrite>,
    origin: &Origin,
    of: AccountLabel<'_>,
    step: Step,
) -> Result<()> {
    change(ctx, grant, origin, of, step, None).await
}

async fn change(
    ctx: &Ctx,
    grant: &Grant<AccountsWrite>,
    origin: &Origin,
    of: AccountLabel<'_>,
    step: Step,
    done_on: Option<Date>,
) -> Result<()> {
    let AccountLabel { account: name, label } = of;
    if !step.by_hand() {
        let reason = format!("\u{201c}{}\u{201d} follows from the data; nobody ticks it.", step.label());
        return Err(Error::Invalid(vec![FieldProblem::new("", reason)]));
    }
    let now = ctx.clock.now();
    transact!(ctx, |tx| {
        let account = tx.account_locked(name).await?.ok_or(Error::NotFound("account"))?;
        match &account.direct_routing {
            Some(DirectRouting { subdomain, .. }) if subdomain == label && !account.deleting => {}
            _ => {
                return Err(Error::Conflict(format!(
                    "Account {name} changed meanwhile: it no longer has the subdomain {label}. Look at the page again."
                )));
            }
        }
        let before = tx.hand_over_ticks(account.id, label).await?.into_iter().find(|tick| tick.step == step);
        let by = grant.principal().name.to_string();
        match done_on {
            Some(on) => tx.keep_hand_over_tick(account.id, label, &Tick { step, on, by, at: now }).await?,
            None => tx.drop_hand_over_tick(account.id, label, step).await?,
        }
        let said =
            |on: Option<Date>| json!({ "step": step.key(), "subdomain": label, "doneOn": on.map(|on| on.to_string()) });
        let mut entry = audit_entry(grant, origin, "account.hand_over");
        entry.subject_kind = "account";
        entry.subject = name.to_owned();
        entry.before = Some(said(before.map(|tick| tick.on)).to_string());
        entry.after = Some(said(done_on).to_string());
        tx.append_audit(entry, now).await?;
    })
}
