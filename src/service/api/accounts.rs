//! Accounts that a program creates, replaces and deletes.

use serde_json::json;
use time::OffsetDateTime;

use super::{ApiAnswer, ChangeRequest, Outcome};
use crate::authz::{AccountsDelete, AccountsRead, AccountsWrite, Grant, NumbersDelete};
use crate::domain::{Account, AccountAsSent, AccountDraft, OrderSource, ReconcileState, SentAccount, Service};
use crate::service::accounts::{AccountDeletion, by_service, create_in, delete_in, in_use, update_in};
use crate::service::labels::{self, AccountLabel, Tenant, Unavailable};
use crate::service::transact::{give_up, transact_together};
use crate::service::{Ctx, Error, ItemProblem, Origin, Result, Rules, audit_entry, orders};
use crate::store::{Tx, at, micros};

/// An account with how many of its numbers have each service.
#[derive(Clone, Debug)]
pub struct CountedAccount {
    /// The account.
    pub account: Account,
    /// Numbers by service, without those that are being released.
    pub counts: Vec<(Service, i64)>,
}

impl CountedAccount {
    pub(super) async fn of(tx: &mut Tx, account: Account) -> Result<Self> {
        let sets = tx.kept_service_counts(&[account.id]).await?.remove(&account.id).unwrap_or_default();
        Ok(Self { account, counts: by_service(&sets) })
    }
}

/// One account. An account that is being deleted is gone already.
///
/// # Errors
/// When it is not there, or the database fails.
pub async fn get(ctx: &Ctx, _: &Grant<AccountsRead>, name: &str) -> Result<CountedAccount> {
    let mut tx = ctx.db.read().await?;
    let account = tx.account(name).await?.filter(|account| !account.deleting).ok_or(Error::NotFound("account"))?;
    CountedAccount::of(&mut tx, account).await
}

/// What waits for a person before anything of an account is sent, in words.
///
/// # Errors
/// When the database fails.
pub async fn held_changes(ctx: &Ctx, _: &Grant<AccountsRead>, account: &Account) -> Result<Option<String>> {
    if account.pushed(ctx.policy.backends.provisioned()).is_empty() {
        return Ok(None);
    }
    let compared = ctx.db.read().await?.reconciles(account.id).await?;
    let held = compared.iter().filter(|one| one.state == ReconcileState::Held);
    let changes: i64 = held.map(|one| one.plan.changes()).sum();
    Ok((changes > 0).then(|| {
        let are = if changes == 1 { "change is" } else { "changes are" };
        format!(
            "{changes} {are} not sent to the backend before a person confirms it on the account's page in the portal"
        )
    }))
}

/// Creates an account, or makes the one of this name what is wanted.
///
/// # Errors
/// When the precondition does not hold, numbers or another account stand against it (everything is told), or the database
/// fails.
pub async fn put(
    ctx: &Ctx,
    grant: &Grant<AccountsWrite>,
    request: &ChangeRequest<'_, CountedAccount>,
    sent: &SentAccount,
) -> Result<ApiAnswer> {
    let SentAccount { draft: wanted, as_sent, .. } = sent;
    let name = wanted.name.as_str();
    let answer = transact_together!(ctx, |tx| {
        let now = ctx.clock.now();
        if let Some(answer) = request.earlier_answer(&mut tx, grant.principal(), now).await? {
            return give_up(answer);
        }
        let before = match tx.account_locked(name).await? {
            Some(account) if account.deleting => {
                return Err(being_deleted(&mut tx, &account).await?);
            }
            Some(account) => Some(CountedAccount::of(&mut tx, account).await?),
            None => None,
        };
        (request.precondition)(before.as_ref())?;
        let problems = against(&mut tx, ctx, grant, before.as_ref(), wanted).await?;
        if !problems.is_empty() {
            return Err(Error::Items(problems));
        }
        let outcome = match &before {
            None => {
                create_in(&mut tx, ctx, grant, request.origin, wanted).await.map_err(taken_meanwhile)?;
                Outcome::Created
            }
            Some(before) => {
                if !is_as_wanted(&before.account, wanted)
                    && !update_in(&mut tx, ctx, grant, request.origin, &before.account, wanted)
                        .await
                        .map_err(taken_meanwhile)?
                {
                    return Err(Error::Overtaken(
                        "The account changed at the same moment. Send the request again.".into(),
                    ));
                }
                Outcome::Done
            }
        };
        let mut account = tx.account(name).await?.ok_or(Error::NotFound("account"))?;
        if account.as_sent != *as_sent {
            tx.set_account_as_sent(account.id, as_sent, now).await?;
            append_as_sent(&mut tx, grant, request.origin, (&account, as_sent), now).await?;
            (account.as_sent, account.updated_at) = (as_sent.clone(), at(micros(now)));
        }
        let after = CountedAccount::of(&mut tx, account).await?;
        request.answer(&mut tx, grant.principal(), outcome, Some(&after), now).await?
    })?;
    ctx.wake_followers_of_accounts().await;
    Ok(answer)
}

/// Says that an account is being deleted: which passes by itself, unless the backend refused to release a number of it.
pub(super) async fn being_deleted(tx: &mut Tx, account: &Account) -> Result<Error> {
    let name = &account.name;
    let Some((number, error)) = tx.first_failed(account.id).await? else {
        return Ok(Error::NotYet(format!(
            "Account {name} is being deleted. Wait until it is gone, then create it anew."
        )));
    };
    let (code, message) = (&error.code, &error.message);
    Ok(Error::Conflict(format!(
        "Account {name} is being deleted, and the backend refused to release its number {number} ({code}: {message}). \
         Delete the account again with deleteNumbers=true, or that number, to try once more."
    )))
}

/// Finds what stands against an account that is not put, because something else is wrong with the request.
///
/// # Errors
/// When the database fails.
pub async fn stands_against(ctx: &Ctx, grant: &Grant<AccountsWrite>, sent: &SentAccount) -> Result<Vec<ItemProblem>> {
    let mut tx = ctx.db.read().await?;
    let before = match tx.account(sent.draft.name.as_str()).await?.filter(|account| !account.deleting) {
        Some(account) => Some(CountedAccount::of(&mut tx, account).await?),
        None => None,
    };
    let wanted = sent.as_far_as_read(before.as_ref().map(|before| &before.account));
    against(&mut tx, &ctx.rules(), grant, before.as_ref(), &wanted).await
}

/// What the audit says of services that a program sent as not enabled.
async fn append_as_sent(
    tx: &mut Tx,
    grant: &Grant<AccountsWrite>,
    origin: &Origin,
    (before, after): (&Account, &AccountAsSent),
    now: OffsetDateTime,
) -> Result<()> {
    // Of the tokens nothing is said.
    let said = |sent: &AccountAsSent| {
        let subdomain = sent.direct_routing.as_ref().map(|routing| &routing.subdomain);
        json!({ "disabledServices": sent.disabled, "disabledSubdomain": subdomain }).to_string()
    };
    let mut entry = audit_entry(grant, origin, "account.update");
    entry.subject_kind = "account";
    entry.subject.clone_from(&before.name);
    (entry.before, entry.after) = (Some(said(&before.as_sent)), Some(said(after)));
    tx.append_audit(entry, now).await?;
    Ok(())
}

/// Says that somebody else took the name or the subdomain after it was found to be free.
fn taken_meanwhile(error: Error) -> Error {
    match error {
        Error::Store(error) if error.is_taken() => Error::Overtaken(
            "The account or its subdomain was taken by another request at the same moment. Send the request again."
                .into(),
        ),
        error => error,
    }
}

/// Deletes an account. While numbers exist it is refused, unless `release` is granted: then they are released first, and
/// the account is gone to programs at once.
///
/// # Errors
/// When the precondition does not hold, numbers exist and may not be released, or the database fails.
pub async fn delete(
    ctx: &Ctx,
    grant: &Grant<AccountsDelete>,
    request: &ChangeRequest<'_, Account>,
    name: &str,
    release: Option<&Grant<NumbersDelete>>,
) -> Result<ApiAnswer> {
    let answer = transact_together!(ctx, |tx| {
        let now = ctx.clock.now();
        if let Some(answer) = request.earlier_answer(&mut tx, grant.principal(), now).await? {
            return give_up(answer);
        }
        let found = tx.account_locked(name).await?;
        if let (Some(account), Some(release)) = (found.as_ref().filter(|account| account.deleting), release) {
            release_again(&mut tx, ctx, request.origin, account, release).await?;
        }
        let account = found.filter(|account| !account.deleting);
        (request.precondition)(account.as_ref())?;
        if let Some(account) = &account {
            let deletion =
                AccountDeletion { account, grant, release, origin: request.origin, source: OrderSource::Api };
            delete_in(&mut tx, ctx, &deletion).await?;
        }
        request.answer(&mut tx, grant.principal(), Outcome::Deleted, None, now).await?
    })?;
    ctx.wake_followers_of_accounts().await;
    Ok(answer)
}

/// Releases again what the backend refused to release with an account that is being deleted.
async fn release_again(
    tx: &mut Tx,
    rules: &Rules,
    origin: &Origin,
    account: &Account,
    release: &Grant<NumbersDelete>,
) -> Result<()> {
    if tx.first_failed(account.id).await?.is_some() {
        orders::release_in(tx, rules, release, origin, account, OrderSource::Api).await?;
        tx.delete_empty_account(account.id, rules.clock.now()).await?;
    }
    Ok(())
}

fn is_as_wanted(account: &Account, wanted: &AccountDraft) -> bool {
    account.tenant_id == wanted.tenant_id
        && account.correlation_id == wanted.correlation_id
        && account.services == wanted.services
        && account.synced == wanted.synced
        && account.direct_routing == wanted.direct_routing
}

/// Finds what stands against the account becoming what is wanted.
async fn against(
    tx: &mut Tx,
    rules: &Rules,
    grant: &Grant<AccountsWrite>,
    before: Option<&CountedAccount>,
    wanted: &AccountDraft,
) -> Result<Vec<ItemProblem>> {
    let problem = |property: String, code, message| ItemProblem { index: 0, property, code, message, conflict: true };
    let mut problems = Vec::new();
    if let Some(before) = before {
        problems.extend(in_use(tx, rules, &before.account, wanted).await?.into_iter().map(|used| match used.service {
            Some(service) => {
                problem(format!("serviceDetails.{}.enabled", service.contract_name()), "service_in_use", used.reason)
            }
            None => problem("serviceDetails.teamsTenantId".to_owned(), "tenant_in_use", used.reason),
        }));
    }
    let kept = before.and_then(|before| labels::of_former_tenant(rules, &before.account, wanted));
    let subdomain = || "serviceDetails.teamsDirectRouting.configuration.subdomain".to_owned();
    // Where the tenant cannot change at all, that is enough.
    let kept = kept.filter(|_| problems.iter().all(|problem| problem.code != "tenant_in_use"));
    problems.extend(kept.map(|reason| problem(subdomain(), "subdomain_reserved", reason)));
    let had = before.and_then(|before| before.account.direct_routing.as_ref().map(|routing| &routing.subdomain));
    // A label that the account has already stays good, whatever the deployment's names became.
    let label = wanted.direct_routing.as_ref().map(|routing| &routing.subdomain).filter(|label| Some(*label) != had);
    let Some(label) = label else { return Ok(problems) };
    if let Some(Err(found)) = rules.policy.zones.as_ref().map(|zones| zones.check_label(label)) {
        let refused = |message| ItemProblem { conflict: false, ..problem(subdomain(), "invalid_value", message) };
        problems.extend(found.into_iter().map(refused));
    }
    let wanted = (AccountLabel { account: wanted.name.as_str(), label }, Tenant::Is(wanted.tenant_id.as_ref()));
    let taken = labels::unavailable(tx, rules, grant.principal(), wanted).await?;
    problems.extend(taken.map(|taken| {
        let code = match taken {
            Unavailable::Taken(_) => "subdomain_taken",
            Unavailable::Reserved(_) => "subdomain_reserved",
        };
        problem(subdomain(), code, taken.into_reason())
    }));
    Ok(problems)
}
