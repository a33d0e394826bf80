//! Taking over what the backend has: every consent becomes an account, every number that nobody here has is adopted.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Import;
use crate::domain::field::counted;
use crate::domain::moving::{AtSource, Incoming, IncomingAccount, IncomingNumber, KeyedSettings, MovingProblem};
use crate::domain::{AccountDraft, AccountName, Service, ServiceSet, TenantId};
use crate::service::Result;
use crate::store::{ConsentFilter, ConsentRow, ListThere, NumberThere, Page};

/// Consents and lists that are read together.
const AT_ONCE: usize = 500;
/// Numbers that are read together.
const NUMBERS: i64 = 5_000;
/// Numbers after a name that is taken, until one is found that is free.
const FURTHER_NAMES: u32 = 100;

/// Hands what the backend has to an import: an account for each consent whose tenant has none here, and each number that
/// nobody here has. What was pulled last counts.
///
/// # Errors
/// When the database fails.
pub async fn from_backend(import: &mut Import) -> Result<()> {
    let mut page = Page::First;
    let mut taken = HashSet::new();
    loop {
        let (consents, _, more) = {
            let mut tx = import.ctx.db.read().await?;
            tx.consents_page(&ConsentFilter::default(), &page, AT_ONCE).await?
        };
        page = consents.last().map_or(Page::First, |consent| Page::After(consent.key()));
        let mut accounts = Vec::new();
        for consent in consents {
            match consent.account {
                None => accounts.push(proposed(import, &consent, &mut taken).await?),
                Some(_) => import.account_is_here(),
            }
        }
        import.accounts("consents", accounts).await?;
        if !more {
            break;
        }
    }
    let proposed = proposed_names(import);
    let mut behind = 0;
    loop {
        let lists = import.ctx.db.read().await?.lists_there(behind, AT_ONCE as i64).await?;
        let Some(last) = lists.last() else { return Ok(()) };
        behind = last.id;
        for list in lists {
            adopt(import, &list, &proposed).await?;
        }
    }
}

/// The accounts that a dry run proposes and a run has created by now, by tenant.
fn proposed_names(import: &Import) -> HashMap<String, String> {
    let drafts = import.drafts.values().filter(|_| import.is_dry_run());
    let of_tenant =
        |draft: &AccountDraft| Some((draft.tenant_id.as_ref()?.as_str().to_owned(), draft.name.to_string()));
    drafts.filter_map(of_tenant).collect()
}

/// The account that a consent becomes.
async fn proposed(import: &Import, row: &ConsentRow, taken: &mut HashSet<String>) -> Result<Incoming<IncomingAccount>> {
    let tenant = &row.consent.tenant_id;
    let problem = |reason: String| Incoming::Problems(vec![MovingProblem::new(0, "status", tenant.as_str(), reason)]);
    if row.consent.status.forbids_numbers() {
        let reason =
            format!("The consent of {} is {}, so no account is proposed for it.", row.company, row.consent.status);
        return Ok(problem(reason));
    }
    let consented = import.ctx.policy.backends.consented();
    let usual = consented.and(Service::OperatorConnect.into());
    let services = if usual.is_empty() { consented } else { usual };
    let base = match AccountName::suggest(&row.company) {
        base if base.is_empty() || base == tenant.as_str() => {
            format!("tenant-{}", tenant.as_str().split('-').next().unwrap_or_default())
        }
        base => base,
    };
    let mut tx = import.ctx.db.read().await?;
    for further in 1..FURTHER_NAMES {
        let suffix = if further == 1 { String::new() } else { format!("-{further}") };
        let base: String = base.chars().take(100 - suffix.len()).collect();
        let name = format!("{base}{suffix}");
        if taken.contains(&name) || tx.account(&name).await?.is_some() {
            continue;
        }
        let Ok(parsed) = AccountName::parse(&name) else { break };
        taken.insert(name);
        return Ok(Incoming::Item(IncomingAccount {
            draft: draft(parsed, tenant, services),
            created_at: None,
            line: 0,
        }));
    }
    Ok(problem(format!("No free name was found for {}. Create its account by hand.", row.company)))
}

fn draft(name: AccountName, tenant: &TenantId, services: ServiceSet) -> AccountDraft {
    AccountDraft {
        name,
        tenant_id: Some(tenant.clone()),
        correlation_id: None,
        services,
        synced: services,
        direct_routing: None,
        ticket: None,
    }
}

/// Adopts the numbers of one list. Where its tenant has no account yet, a dry run looks at the one that is `proposed`.
async fn adopt(import: &mut Import, list: &ListThere, proposed: &HashMap<String, String>) -> Result<()> {
    let backends = &import.ctx.policy.backends;
    let label = backends.iter().find(|backend| backend.name == list.backend).map(|backend| backend.label.clone());
    let Some(label) = label else { return Ok(()) };
    let place = format!("{label}, tenant {}", list.tenant);
    if !list.is_whole {
        let reason = "The list of the backend was never read to its end, so some of its numbers may be missing here. Pull it \
                      on the Connection page, then import again.";
        import.problem(MovingProblem::new(0, "", list.tenant.as_str(), reason).at(&place));
    }
    let accounts = import.ctx.db.read().await?.accounts_of_tenant(&list.tenant).await?;
    let mut names: Vec<String> =
        accounts.into_iter().filter(|account| !account.deleting).map(|account| account.name).collect();
    if names.is_empty() {
        names.extend(proposed.get(list.tenant.as_str()).cloned());
    }
    let mut known: HashMap<i64, Arc<KeyedSettings>> = HashMap::new();
    let mut behind = 0;
    let [name] = names.as_slice() else { return leave_out(import, list, &names, &place).await };
    let account: Arc<str> = name.as_str().into();
    loop {
        let there = import.ctx.db.read().await?.numbers_only_there(list.id, behind, NUMBERS).await?;
        let Some(last) = there.last() else { return Ok(()) };
        behind = last.number.as_i64();
        let mut numbers = Vec::with_capacity(there.len());
        for number in &there {
            numbers.push(adopted(number, &account, &mut known)?);
        }
        import.numbers(&place, numbers).await?;
    }
}

/// Counts the numbers of a list that go to no account here, and says why once for all of them.
async fn leave_out(import: &mut Import, list: &ListThere, names: &[String], place: &str) -> Result<()> {
    let (mut behind, mut count, mut first) = (0, 0_u64, None);
    loop {
        let there = import.ctx.db.read().await?.numbers_only_there(list.id, behind, NUMBERS).await?;
        let Some(last) = there.last() else { break };
        behind = last.number.as_i64();
        count += there.len() as u64;
        first = first.or(there.first().map(|there| there.number));
    }
    let Some(first) = first else { return Ok(()) };
    let these = counted(i64::try_from(count).unwrap_or(i64::MAX), "number", "numbers, this one first");
    let reason = match names {
        [] => format!(
            "The backend has {these} for this tenant, which has no account here. Create one, then import again."
        ),
        several => format!(
            "The backend has {these} for this tenant. The tenant has several accounts here ({}), so it is not known which of \
             them it belongs to. Import such numbers from a file that names the account of each.",
            several.join(", ")
        ),
    };
    import.leave_out_numbers(count);
    import.problem(MovingProblem::new(0, "", &first.to_string(), reason).at(place));
    Ok(())
}

fn adopted(
    there: &NumberThere,
    account: &Arc<str>,
    known: &mut HashMap<i64, Arc<KeyedSettings>>,
) -> Result<Incoming<IncomingNumber>> {
    let settings = if let Some(settings) = known.get(&there.settings_id) {
        Arc::clone(settings)
    } else {
        let settings = Arc::new(KeyedSettings::from(there.settings()?));
        known.insert(there.settings_id, Arc::clone(&settings));
        settings
    };
    if let Some(leaving) = there.leaving {
        let reason = format!(
            "The backend is removing the number ({}), so it is not taken over. Should it stay, import again.",
            leaving.label()
        );
        return Ok(Incoming::Problems(vec![MovingProblem::new(0, "status", &there.number.to_string(), reason)]));
    }
    if settings.settings.services.is_empty() {
        let reason = format!(
            "The backend has the number for the service {:?}, which is none of those that there are here.",
            there.service
        );
        return Ok(Incoming::Problems(vec![MovingProblem::new(0, "service", &there.number.to_string(), reason)]));
    }
    Ok(Incoming::Item(IncomingNumber {
        number: there.number,
        account: Arc::clone(account),
        settings,
        assigned: there.assigned,
        at_source: AtSource::Synced,
        line: 0,
    }))
}
