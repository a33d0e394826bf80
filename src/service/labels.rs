//! Who may have a label of Direct Routing: the account that has it, and anybody when no other account had it lately.

use time::OffsetDateTime;
use time::macros::format_description;

use super::{Result, Rules};
use crate::authz::{AccountsRead, Principal};
use crate::store::Tx;

/// A label, in lower case, and the account that has or wants it.
#[derive(Clone, Copy, Debug)]
pub struct AccountLabel<'a> {
    /// Name of the account.
    pub account: &'a str,
    /// The label.
    pub label: &'a str,
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
    wanted: AccountLabel<'_>,
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
    let Some((last, given_up_at)) = tx.given_up_label(label).await? else { return Ok(None) };
    let free_at = given_up_at.saturating_add(rules.policy.label_quarantine);
    if last == account || free_at <= rules.clock.now() {
        return Ok(None);
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

fn day(at: OffsetDateTime) -> String {
    at.format(format_description!("[day padding:none] [month repr:short] [year]")).unwrap_or_default()
}
