//! Who may have a label of Direct Routing: the account that has it, and anybody when no other account had it lately.

use time::macros::format_description;
use time::{Duration, OffsetDateTime};

use super::{Result, Rules};
use crate::authz::{AccountsRead, Principal};
use crate::domain::field::counted;
use crate::domain::{Account, AccountDraft, TenantId};
use crate::store::{GivenUpLabel, Tx};

/// A label, in lower case, and the account that has or wants it.
#[derive(Clone, Copy, Debug)]
pub struct AccountLabel<'a> {
    /// Name of the account.
    pub account: &'a str,
    /// The label.
    pub label: &'a str,
}

/// For which tenant an account wants a label.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tenant<'a> {
    /// That is not known yet, and not asked.
    NotSaid,
    /// For this one, or for none.
    Is(Option<&'a TenantId>),
}

/// Why an account cannot have a label.
pub(super) enum Unavailable {
    /// Another account has it.
    Taken(String),
    /// Another account gave it up lately.
    Reserved(String),
}

impl Unavailable {
    /// The reason and the rule, in words.
    pub(super) fn into_reason(self) -> String {
        match self {
            Self::Taken(reason) | Self::Reserved(reason) => reason,
        }
    }
}

/// Tells what stands against the account having this label. The other account is named to those who may see accounts.
pub(super) async fn unavailable(
    tx: &mut Tx,
    rules: &Rules,
    person: &Principal,
    (wanted, tenant): (AccountLabel<'_>, Tenant<'_>),
) -> Result<Option<Unavailable>> {
    let AccountLabel { account, label } = wanted;
    let named = |name: &str| {
        if person.may::<AccountsRead>() { format!("account {name}") } else { "another account".to_owned() }
    };
    match tx.subdomain_owner(label).await? {
        Some(owner) if owner == account => return Ok(None),
        Some(owner) => {
            let reason = format!(
                "The subdomain {label} belongs to {}. Each account has its own; choose another one.",
                named(&owner)
            );
            return Ok(Some(Unavailable::Taken(reason)));
        }
        None => {}
    }
    let Some(GivenUpLabel { account: last, tenant: its, at: given_up_at }) = tx.given_up_label(label).await? else {
        return Ok(None);
    };
    let free_at = given_up_at.saturating_add(rules.policy.label_quarantine);
    let is_its = match tenant {
        Tenant::NotSaid => true,
        Tenant::Is(tenant) => its.is_none() || its.as_deref() == tenant.map(TenantId::as_str),
    };
    if (last == account && is_its) || free_at <= rules.clock.now() {
        return Ok(None);
    }
    if last == account {
        let reason = format!(
            "The subdomain {label} was given up by an account {account} of another tenant on {} and stays reserved for that \
             tenant until {}, because its names may still be verified there. Choose another one.",
            day(given_up_at),
            day(free_at),
        );
        return Ok(Some(Unavailable::Reserved(reason)));
    }
    let reason = format!(
        "The subdomain {label} was given up by {} on {} and stays reserved for it until {}, so that nobody else \
         gets a name that is verified for its customer. Choose another one.",
        named(&last),
        day(given_up_at),
        day(free_at),
    );
    Ok(Some(Unavailable::Reserved(reason)))
}

/// Tells what stands against an account keeping its label while its tenant changes.
pub(super) fn of_former_tenant(rules: &Rules, before: &Account, draft: &AccountDraft) -> Option<String> {
    let (had, wanted) = (before.direct_routing.as_ref()?, draft.direct_routing.as_ref()?);
    let former = before.tenant_id.as_ref().filter(|tenant| Some(*tenant) != draft.tenant_id.as_ref())?;
    let is_reserved = rules.policy.label_quarantine > Duration::ZERO;
    (is_reserved && had.subdomain == wanted.subdomain).then(|| {
        format!(
            "The subdomain {} was handed over to tenant {former}, where its names may be verified. With another tenant the \
             account needs another subdomain; this one stays reserved for the former tenant for {}. Choose another one.",
            wanted.subdomain,
            counted(rules.policy.label_quarantine.whole_days(), "day", "days"),
        )
    })
}

fn day(at: OffsetDateTime) -> String {
    at.format(format_description!("[day padding:none] [month repr:short] [year]")).unwrap_or_default()
}
