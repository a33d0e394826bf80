//! Accounts: an operator's customer and the services it takes.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::as_sent::AccountAsSent;
use super::direct_routing::SubdomainStatus;
use super::service::ServiceSet;
use super::tenant::TenantId;

/// The most characters of an account's name (contract: 1 to 100).
pub const NAME_MAX: usize = 100;
/// The most characters of a correlation id.
pub const CORRELATION_ID_MAX: usize = 256;
/// An account's name: 1 to 100 letters, digits, `_` and `-`; upper and lower case differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(String);

impl AccountName {
    /// Reads a name.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("Enter a name for the account.".into());
        }
        let count = text.chars().count();
        if count > NAME_MAX {
            return Err(format!("The name has {count} characters; up to {NAME_MAX} are allowed."));
        }
        match text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))) {
            None => Ok(Self(text.to_owned())),
            Some(c) => Err(format!(
                "\u{201c}{}\u{201d} cannot be part of a name; use letters, digits, _ and -.",
                if c.is_whitespace() { "space".into() } else { c.to_string() }
            )),
        }
    }

    /// The nearest allowed name to a company's name, for a suggestion: `Contoso Ltd.` gives `contoso-ltd`.
    pub fn suggest(company: &str) -> String {
        let mut name = String::new();
        for c in company.chars().flat_map(char::to_lowercase) {
            if c.is_ascii_alphanumeric() || c == '_' {
                name.push(c);
            } else if !name.ends_with('-') && !name.is_empty() {
                name.push('-');
            }
        }
        name.truncate(NAME_MAX);
        name.trim_end_matches('-').to_owned()
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for AccountName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// An account as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Internal key.
    pub id: i64,
    /// Unique name.
    pub name: String,
    /// The operator's own reference.
    pub correlation_id: Option<String>,
    /// The enterprise's tenant.
    pub tenant_id: Option<TenantId>,
    /// Enabled services.
    pub services: ServiceSet,
    /// Services of these that are synced with their backend.
    pub synced: ServiceSet,
    /// How many numbers the account has, those being released included.
    pub number_count: i64,
    /// How calls of the enterprise's own session border controller are told apart, where it uses Direct Routing.
    pub direct_routing: Option<DirectRouting>,
    /// Whether its names in DNS are answered as they should be.
    pub subdomain_status: SubdomainStatus,
    /// What a program sent of it besides.
    pub as_sent: AccountAsSent,
    /// True while the account waits for its last number to be released.
    pub deleting: bool,
    /// Grows with every change.
    pub rev: i64,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When it was last changed.
    pub updated_at: OffsetDateTime,
}

impl Account {
    /// The enabled services whose numbers are pushed to a backend, which can be had by the `provisioned` ones.
    pub fn pushed(&self, provisioned: ServiceSet) -> ServiceSet {
        self.synced.and(self.services).and(provisioned)
    }
}

/// An account's desired state after every check that needs no look at other data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountDraft {
    /// Unique name.
    pub name: AccountName,
    /// The enterprise's tenant.
    pub tenant_id: Option<TenantId>,
    /// The operator's own reference.
    pub correlation_id: Option<String>,
    /// Enabled services.
    pub services: ServiceSet,
    /// Services to sync.
    pub synced: ServiceSet,
    /// What Direct Routing needs.
    pub direct_routing: Option<DirectRouting>,
    /// Ticket of this change.
    pub ticket: Option<String>,
}

/// What Direct Routing needs of an account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DirectRouting {
    /// Whether calls are checked against the account's numbers.
    pub call_screening: bool,
    /// The account's label, in lower case: the first part of its names in each region.
    pub subdomain: String,
    /// What the enterprise's tenant asks to see in DNS, for the first and the second region. It is empty until it has told.
    pub tokens: [String; 2],
}

/// Stands for a token that is not known yet, where something has to stand. No tenant asks for this one.
pub const NO_TOKEN: &str = "-";

impl DirectRouting {
    /// True when there is a token for each of so many regions.
    pub fn has_tokens(&self, regions: usize) -> bool {
        self.tokens.iter().take(regions).all(|token| !token.is_empty())
    }
}

/// The tokens prove who owns a name; they never reach a log.
impl std::fmt::Debug for DirectRouting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DirectRouting")
            .field("call_screening", &self.call_screening)
            .field("subdomain", &self.subdomain)
            .finish_non_exhaustive()
    }
}

/// Makes a sentence of an error text: first letter in upper case, a full stop behind it.
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", chars.as_str().trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_suggested_from_the_company() {
        assert_eq!(AccountName::suggest("Contoso Ltd."), "contoso-ltd");
        assert_eq!(AccountName::suggest("  Älva & Sons "), "lva-sons");
        assert_eq!(AccountName::suggest("東京"), "");
    }
}
