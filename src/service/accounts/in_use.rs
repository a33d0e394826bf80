//! What the numbers of an account stand in the way of.

use super::find::count_services;
use crate::domain::field::counted;
use crate::domain::{Account, AccountDraft, Service, ServiceSet};
use crate::service::{Result, Rules};
use crate::store::Tx;

/// Why a change of an account cannot be made: numbers stand against it.
pub(in crate::service) struct InUse {
    /// The service that would go. `None` means that the tenant would change.
    pub(in crate::service) service: Option<Service>,
    /// What stands against it and what to do, as a sentence.
    pub(in crate::service) reason: String,
}

/// Finds what numbers of the account stand against the change.
pub(in crate::service) async fn in_use(
    tx: &mut Tx,
    rules: &Rules,
    before: &Account,
    draft: &AccountDraft,
) -> Result<Vec<InUse>> {
    let provisioned = rules.policy.backends.provisioned();
    let coming = tx.numbers_coming(before.id).await?;
    let counts = count_services(tx, before).await?;
    let mut found: Vec<InUse> = counts
        .iter()
        .filter(|(service, count)| *count > 0 && !draft.services.contains(*service))
        .map(|(service, count)| InUse {
            service: Some(*service),
            reason: format!(
                "{service} cannot be disabled: {} it, with those that are still being released. Release them first, and wait \
                 until that is complete.",
                counted(*count, "number of the account has", "numbers of the account have")
            ),
        })
        .collect();
    let withdrawn = tx.withdrawals(before.id).await?;
    found.extend(withdrawn.iter().filter(|(service, _)| !draft.services.contains(*service)).map(|(service, count)| InUse {
        service: Some(*service),
        reason: format!(
            "{service} cannot be disabled: {} still being withdrawn from its backend. Wait until that is complete, or send those \
             that failed again.",
            counted(
                *count,
                "number of the account that has it no more is",
                "numbers of the account that have it no more are",
            )
        ),
    }));
    if coming > 0 {
        let pushed = |services: ServiceSet, synced: ServiceSet| services.and(synced).and(provisioned);
        let (was, is) = (pushed(before.services, before.synced), pushed(draft.services, draft.synced));
        let changed = before.services.without(draft.services).or(was.without(is)).or(is.without(was));
        found.extend(changed.iter().map(|service| InUse {
            service: Some(service),
            reason: format!("{service} cannot be switched on or off: {}", on_their_way(coming)),
        }));
    }
    let pushed: i64 = counts.iter().filter(|(service, _)| provisioned.contains(*service)).map(|(_, count)| count).sum();
    let pushed = pushed + withdrawn.iter().map(|(_, count)| count).sum::<i64>();
    // Numbers that wait for a tenant get one: nobody has them yet.
    if before.tenant_id.is_some() && before.tenant_id != draft.tenant_id && pushed > 0 {
        found.push(InUse {
            service: None,
            reason: format!(
                "The tenant cannot change: the account has {} of {}, with those that are still being released. Release them \
                 first, and wait until that is complete.",
                counted(pushed, "number", "numbers"),
                provisioned.iter().map(Service::label).collect::<Vec<_>>().join(" or ")
            ),
        });
    }
    if coming > 0 && before.tenant_id.is_some() && before.tenant_id != draft.tenant_id {
        found.push(InUse { service: None, reason: format!("The tenant cannot change: {}", on_their_way(coming)) });
    }
    Ok(found)
}

/// Says that numbers are on their way to an account, and what to do.
pub(super) fn on_their_way(count: i64) -> String {
    format!(
        "{} being moved to the account, and will be on it once the backend has released {}. Wait until that order is complete.",
        counted(count, "number of another enterprise is", "numbers of another enterprise are"),
        if count == 1 { "it" } else { "them" }
    )
}
