//! Accounts: take on an enterprise, change what it takes, let it go.

use serde_json::json;
use time::OffsetDateTime;

use super::labels::Unavailable;
use super::transact::transact;
use super::{Ctx, Error, Origin, Result, Rules, audit_entry, labels, orders};
use crate::authz::{AccountsDelete, AccountsRead, AccountsWrite, Grant, NumbersDelete};
use crate::domain::direct_routing::parse_label;
use crate::domain::filter::Filter;
use crate::domain::{
    Account, AccountDraft, AccountForm, AccountName, DirectRouting, FieldProblem, OrderSource, Service, ServiceSet,
    TenantId,
};
use crate::store::{Page, Tx, WorkKind};

pub use crate::store::{AccountFilter, AccountPage};

/// Accounts on one page.
pub const PAGE_SIZE: usize = 50;

/// One page of accounts.
///
/// # Errors
/// When the database fails.
pub async fn list(
    ctx: &Ctx,
    _: &Grant<AccountsRead>,
    filter: &AccountFilter,
    page: &Page<String>,
) -> Result<AccountPage> {
    let mut tx = ctx.db.read_or_search(*filter != AccountFilter::default()).await?;
    Ok(tx.accounts_page(filter, page, PAGE_SIZE).await?)
}

/// Rows of an export fetched at a time.
const EXPORT_CHUNK: usize = 1_000;

/// The next accounts of an export behind the name `after`, and the name to go on behind.
///
/// # Errors
/// When the database fails.
pub async fn export(
    ctx: &Ctx,
    _: &Grant<AccountsRead>,
    filter: &AccountFilter,
    after: Option<String>,
) -> Result<(Vec<Account>, Option<String>)> {
    let page = after.map_or(Page::First, Page::After);
    let mut tx = ctx.db.read_or_search(*filter != AccountFilter::default()).await?;
    let page = tx.accounts_page(filter, &page, EXPORT_CHUNK).await?;
    let next = page.accounts.last().map(|account| account.name.clone()).filter(|_| page.more_after);
    Ok((page.accounts, next))
}

/// Whether there is an account at all.
///
/// # Errors
/// When the database fails.
pub async fn any(ctx: &Ctx, _: &Grant<AccountsRead>) -> Result<bool> {
    let first = ctx.db.read().await?.accounts_page(&AccountFilter::default(), &Page::First, 1).await?;
    Ok(!first.accounts.is_empty())
}

/// One account.
///
/// # Errors
/// When there is none of this name, or the database fails.
pub async fn get(ctx: &Ctx, _: &Grant<AccountsRead>, name: &str) -> Result<Account> {
    find(&mut ctx.db.read().await?, name).await
}

/// The accounts of a tenant.
///
/// # Errors
/// When the database fails.
pub async fn of_tenant(ctx: &Ctx, _: &Grant<AccountsRead>, tenant: &TenantId) -> Result<Vec<Account>> {
    Ok(ctx.db.read().await?.accounts_of_tenant(tenant).await?)
}

/// How many numbers of the account have each service.
///
/// # Errors
/// When the database fails.
pub async fn service_counts(ctx: &Ctx, _: &Grant<AccountsRead>, account: &Account) -> Result<Vec<(Service, i64)>> {
    count_services(&mut ctx.db.read().await?, account).await
}

pub(super) async fn count_services(tx: &mut Tx, account: &Account) -> Result<Vec<(Service, i64)>> {
    Ok(by_service(&tx.service_counts(account.id).await?))
}

/// How many numbers have each service, from how many have each set of services.
pub(super) fn by_service(sets: &[(ServiceSet, i64)]) -> Vec<(Service, i64)> {
    Service::ALL
        .into_iter()
        .map(|service| (service, sets.iter().filter(|(set, _)| set.contains(service)).map(|(_, count)| count).sum()))
        .collect()
}

async fn find(tx: &mut Tx, name: &str) -> Result<Account> {
    tx.account(name).await?.ok_or(Error::NotFound("account"))
}

/// The account, unless it only waits for its last number to be released.
pub(super) async fn find_kept(tx: &mut Tx, name: &str) -> Result<Account> {
    let account = find(tx, name).await?;
    if account.deleting { Err(Error::NotFound("account")) } else { Ok(account) }
}

/// What the form for a new account of a tenant starts with: a name from the company, the tenant, and sync on.
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

/// The name itself, or the name with the first number from 2 that makes it free.
async fn free_name(tx: &mut Tx, base: String) -> Result<String> {
    let candidates: Vec<String> = std::iter::once(base.clone()).chain((2..10).map(|n| format!("{base}-{n}"))).collect();
    let names: Vec<&str> = candidates.iter().map(String::as_str).collect();
    let taken = tx.accounts_named(&names).await?;
    Ok(candidates.iter().find(|name| !taken.iter().any(|account| account.name == **name)).cloned().unwrap_or(base))
}

fn described(account: &AccountDraft) -> serde_json::Value {
    json!({
        "name": account.name.as_str(),
        "tenantId": account.tenant_id,
        "correlationId": account.correlation_id,
        "services": account.services,
        "synced": account.synced,
        "subdomain": account.direct_routing.as_ref().map(|routing| &routing.subdomain),
        "callScreening": account.direct_routing.as_ref().map(|routing| routing.call_screening),
        "tokensKnown": account.direct_routing.as_ref().map(tokens_known),
    })
}

fn described_stored(account: &Account) -> serde_json::Value {
    json!({
        "name": account.name,
        "tenantId": account.tenant_id,
        "correlationId": account.correlation_id,
        "services": account.services,
        "synced": account.synced,
        "subdomain": account.direct_routing.as_ref().map(|routing| &routing.subdomain),
        "callScreening": account.direct_routing.as_ref().map(|routing| routing.call_screening),
        "tokensKnown": account.direct_routing.as_ref().map(tokens_known),
    })
}

/// How many regions have a token; the tokens themselves are nobody's business.
fn tokens_known(routing: &DirectRouting) -> usize {
    routing.tokens.iter().filter(|token| !token.is_empty()).count()
}

/// What stands against the form that only the data tells: services that there are not here, and the subdomain.
async fn not_to_be_had(
    tx: &mut Tx,
    rules: &Rules,
    grant: &Grant<AccountsWrite>,
    draft: &AccountDraft,
    kept: ServiceSet,
) -> Result<Vec<FieldProblem>> {
    let mut problems = Vec::new();
    let unknown = draft.services.without(rules.policy.services).without(kept);
    if !unknown.is_empty() {
        let message = format!("{} is not among the services that are offered here.", unknown.labels());
        problems.push(FieldProblem::new("service", message));
    }
    if let Some(routing) = &draft.direct_routing {
        let wanted = (draft.name.as_str(), routing.subdomain.as_str());
        let against = labels::unavailable(tx, rules, grant.principal(), wanted).await?;
        problems.extend(against.map(|against| FieldProblem::new("subdomain", against.into_reason())));
    }
    Ok(problems)
}

/// Somebody else took the name or the subdomain after both were found to be free.
fn faster() -> Error {
    Error::Overtaken("Somebody else took the account's name or its subdomain at the same moment. Try again.".into())
}

/// Why the account of this name cannot have this subdomain, each reason as a sentence; nothing when it can.
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
    let against = labels::unavailable(&mut tx, &ctx.rules(), grant.principal(), (account, &label)).await?;
    Ok(against.map(Unavailable::into_reason).into_iter().collect())
}

/// Creates an account.
///
/// # Errors
/// When the form has problems, the name is taken, or the database fails.
pub async fn create(ctx: &Ctx, grant: &Grant<AccountsWrite>, origin: &Origin, form: &AccountForm) -> Result<Account> {
    let draft = form.check(ctx.policy.zones.as_ref()).map_err(Error::Invalid)?;
    let now = ctx.clock.now();
    let created = transact!(ctx, tx => {
        let mut problems = Vec::new();
        if tx.account(draft.name.as_str()).await?.is_some() {
            problems.push(FieldProblem::new("name", format!("An account named {} exists. Choose another name.", draft.name)));
        }
        problems.extend(not_to_be_had(&mut tx, ctx, grant, &draft, ServiceSet::default()).await?);
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        match create_in(&mut tx, grant, origin, &draft, now).await {
            Err(Error::Store(error)) if error.is_taken() => return Err(faster()),
            outcome => outcome?,
        }
        tx.account(draft.name.as_str()).await?
    })?;
    ctx.wake_followers_of_accounts().await;
    created.ok_or(Error::NotFound("account"))
}

/// Stores a new account with its audit row.
pub(super) async fn create_in(
    tx: &mut Tx,
    grant: &Grant<AccountsWrite>,
    origin: &Origin,
    draft: &AccountDraft,
    now: OffsetDateTime,
) -> Result<()> {
    let id = tx.next_account_id().await?;
    tx.insert_account(id, draft, now).await?;
    want_pulls(tx, draft, now).await?;
    let mut entry = audit_entry(grant, origin, "account.create");
    entry.subject_kind = "account";
    entry.subject = draft.name.to_string();
    entry.after = Some(described(draft).to_string());
    entry.ticket.clone_from(&draft.ticket);
    tx.append_audit(entry, now).await?;
    Ok(())
}

/// Asks for the tenant's addresses, plans and number state soon, where a service of the account has a backend that knows them.
async fn want_pulls(tx: &mut Tx, draft: &AccountDraft, now: OffsetDateTime) -> Result<()> {
    let backed = !draft.services.and(ServiceSet::BACKED).is_empty();
    if let Some(tenant) = draft.tenant_id.as_ref().filter(|_| backed) {
        tx.want_work(WorkKind::CivicAddresses, tenant.as_str(), now).await?;
        tx.want_work(WorkKind::Numbers, tenant.as_str(), now).await?;
    }
    Ok(())
}

/// What became of a change.
#[derive(Debug)]
pub enum Updated {
    /// It is made; the account as it is now.
    Done(Box<Account>),
    /// Somebody else changed the account meanwhile; the account as they left it.
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
    change: (&str, i64),
    form: &AccountForm,
) -> Result<Updated> {
    let (name, rev) = change;
    let now = ctx.clock.now();
    let outcome = transact!(ctx, tx => {
        let before = find(&mut tx, name).await?;
        let draft = form.over(&before).check(ctx.policy.zones.as_ref()).map_err(Error::Invalid)?;
        if before.rev != rev || before.deleting {
            return Ok(Updated::Stale(Box::new(before)));
        }
        let mut problems = what_is_in_use(&mut tx, &before, &draft).await?;
        problems.extend(not_to_be_had(&mut tx, ctx, grant, &draft, before.services).await?);
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        match update_in(&mut tx, grant, origin, (&before, &draft), now).await {
            Err(Error::Store(error)) if error.is_taken() => return Err(faster()),
            Ok(false) => return Ok(Updated::Stale(Box::new(find(&mut tx, name).await?))),
            outcome => outcome?,
        };
        Updated::Done(Box::new(find(&mut tx, name).await?))
    })?;
    ctx.wake_followers_of_accounts().await;
    Ok(outcome)
}

/// Stores a change of an account that still is as it was read, with its audit row; tells whether it still was.
pub(super) async fn update_in(
    tx: &mut Tx,
    grant: &Grant<AccountsWrite>,
    origin: &Origin,
    change: (&Account, &AccountDraft),
    now: OffsetDateTime,
) -> Result<bool> {
    let (before, draft) = change;
    if !tx.update_account(before.id, before.rev, draft, now).await? {
        return Ok(false);
    }
    let newly_synced = draft.synced.and(draft.services).and(ServiceSet::BACKED).without(before.pushed());
    if !newly_synced.is_empty() {
        tx.push_again(before.id, newly_synced.bits(), now).await?;
    }
    // What waits is pushed, or is done at once where the service is not synced any more.
    tx.want_work(WorkKind::Account, &before.id.to_string(), now).await?;
    if before.tenant_id != draft.tenant_id {
        want_pulls(tx, draft, now).await?;
    }
    let mut entry = audit_entry(grant, origin, "account.update");
    entry.subject_kind = "account";
    entry.subject.clone_from(&before.name);
    entry.before = Some(described_stored(before).to_string());
    entry.after = Some(described(draft).to_string());
    entry.ticket.clone_from(&draft.ticket);
    tx.append_audit(entry, now).await?;
    Ok(true)
}

async fn what_is_in_use(tx: &mut Tx, before: &Account, draft: &AccountDraft) -> Result<Vec<FieldProblem>> {
    let used = in_use(tx, before, draft).await?.into_iter();
    Ok(used
        .map(|used| FieldProblem::new(if used.service.is_some() { "service" } else { "tenant" }, used.reason))
        .collect())
}

/// Why a change of an account cannot be made: numbers stand against it.
pub(super) struct InUse {
    /// The service that would go; `None`: the tenant that would change.
    pub(super) service: Option<Service>,
    /// What stands against it and what to do, as a sentence.
    pub(super) reason: String,
}

/// What numbers of the account stand against the change.
pub(super) async fn in_use(tx: &mut Tx, before: &Account, draft: &AccountDraft) -> Result<Vec<InUse>> {
    let counts = count_services(tx, before).await?;
    let mut found: Vec<InUse> = counts
        .iter()
        .filter(|(service, count)| *count > 0 && !draft.services.contains(*service))
        .map(|(service, count)| InUse {
            service: Some(*service),
            reason: format!(
                "{service} cannot be disabled: {count} numbers of the account have it, with those that are still \
                 being released. Release them first, and wait until that is complete."
            ),
        })
        .collect();
    let backed = counts.iter().filter(|(service, _)| ServiceSet::BACKED.contains(*service));
    let pushed: i64 = backed.map(|(_, count)| count).sum();
    if before.tenant_id != draft.tenant_id && pushed > 0 {
        found.push(InUse {
            service: None,
            reason: format!(
                "The tenant cannot change: the account has {pushed} Operator Connect or Teams Phone Mobile numbers, \
                 with those that are still being released. Release them first, and wait until that is complete."
            ),
        });
    }
    Ok(found)
}

/// What became of a deletion.
#[derive(Debug, PartialEq, Eq)]
pub enum Deleted {
    /// The account is gone, or goes with the last of its numbers, which are being released already.
    Done,
    /// Its numbers are being released by this order; the account goes with the last of them.
    Releasing(i64),
}

/// Deletes an account. While numbers exist it is refused, unless `release` is granted: then they are released first.
///
/// # Errors
/// When numbers exist and may not be released, there is no such account, or the database fails.
pub async fn delete(
    ctx: &Ctx,
    grant: &Grant<AccountsDelete>,
    origin: &Origin,
    name: &str,
    release: Option<&Grant<NumbersDelete>>,
) -> Result<Deleted> {
    let deleted = transact!(ctx, tx => {
        let account = tx.account_locked(name).await?.ok_or(Error::NotFound("account"))?;
        delete_in(&mut tx, ctx, (grant, release), origin, &account, OrderSource::Portal).await?
    })?;
    ctx.wake_followers_of_accounts().await;
    Ok(deleted)
}

/// Deletes an account that is locked, or marks it to go with the last of its numbers and releases them, all in one
/// transaction: whatever happens to the process, the account goes or stays with all it has.
pub(super) async fn delete_in(
    tx: &mut Tx,
    rules: &Rules,
    grants: (&Grant<AccountsDelete>, Option<&Grant<NumbersDelete>>),
    origin: &Origin,
    account: &Account,
    source: OrderSource,
) -> Result<Deleted> {
    let (grant, release) = grants;
    let now = rules.clock.now();
    if tx.delete_empty_account(account.id, now).await? {
        append_deleted(tx, grant, origin, account, now).await?;
        return Ok(Deleted::Done);
    }
    let kept = tx.count_numbers_listed(Some(account.id), &Filter::default()).await?;
    if kept > 0 && release.is_none() {
        let or = match source {
            OrderSource::Portal => "choose to release them with the account",
            OrderSource::Api => "delete the account with deleteNumbers=true",
        };
        return Err(Error::Conflict(format!(
            "Account {} has {kept} numbers. Release them first, or {or}.",
            account.name
        )));
    }
    // From here on nothing is added to it, so that its last number really is the last.
    tx.mark_account_deleting(account.id, now).await?;
    append_deleted(tx, grant, origin, account, now).await?;
    let Some(release) = release.filter(|_| kept > 0) else { return Ok(Deleted::Done) };
    let order = orders::release_in(tx, rules, release, origin, account, source).await?;
    Ok(if tx.delete_empty_account(account.id, now).await? { Deleted::Done } else { Deleted::Releasing(order) })
}

async fn append_deleted(
    tx: &mut Tx,
    grant: &Grant<AccountsDelete>,
    origin: &Origin,
    account: &Account,
    now: OffsetDateTime,
) -> Result<()> {
    let mut entry = audit_entry(grant, origin, "account.delete");
    entry.subject_kind = "account";
    entry.subject.clone_from(&account.name);
    entry.before = Some(described_stored(account).to_string());
    tx.append_audit(entry, now).await?;
    Ok(())
}
