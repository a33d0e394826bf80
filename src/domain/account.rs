//! Accounts: an operator's customer and the services it takes.

use time::OffsetDateTime;

use super::direct_routing::SubdomainStatus;
use super::field::{FieldProblem, filled};
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
    /// The enabled services whose numbers are pushed to a backend.
    pub fn pushed(&self) -> ServiceSet {
        self.synced.and(self.services).and(ServiceSet::BACKED)
    }
}

/// What a person says an account should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountForm {
    /// Name as typed.
    pub name: String,
    /// Tenant as typed.
    pub tenant_id: String,
    /// Correlation id as typed.
    pub correlation_id: String,
    /// Ticked services.
    pub services: ServiceSet,
    /// Ticked "Sync with backend service".
    pub synced: ServiceSet,
    /// What Direct Routing needs; kept as it is.
    pub direct_routing: Option<DirectRouting>,
    /// Ticket of this change.
    pub ticket: String,
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
#[derive(Clone, PartialEq, Eq)]
pub struct DirectRouting {
    /// Whether calls are checked against the account's numbers.
    pub call_screening: bool,
    /// The account's label, in lower case: the first part of its names in each region.
    pub subdomain: String,
    /// What the enterprise's tenant asks to see in DNS, for the first and the second region.
    pub tokens: [String; 2],
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

impl AccountForm {
    /// The form as a change of this account: it offers the services that a backend carries, everything else stays as it is.
    #[must_use]
    pub fn over(&self, before: &Account) -> Self {
        Self {
            name: before.name.clone(),
            services: self.services.and(ServiceSet::BACKED).or(before.services.without(ServiceSet::BACKED)),
            synced: self.synced.and(ServiceSet::BACKED).or(before.synced.without(ServiceSet::BACKED)),
            direct_routing: before.direct_routing.clone(),
            ..self.clone()
        }
    }

    /// Checks the form and reports every problem at once.
    ///
    /// # Errors
    /// Every problem, each with its field.
    pub fn check(&self) -> Result<AccountDraft, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let name = AccountName::parse(self.name.trim()).map_err(|m| problems.push(FieldProblem::new("name", m))).ok();
        let tenant_id = filled(&self.tenant_id).and_then(|text| {
            TenantId::parse(text).map_err(|e| problems.push(FieldProblem::new("tenant", sentence(&e.to_string())))).ok()
        });
        let correlation_id = filled(&self.correlation_id).map(str::to_owned);
        if let Some(id) = &correlation_id {
            let count = id.chars().count();
            if count > CORRELATION_ID_MAX {
                problems.push(FieldProblem::new(
                    "correlation_id",
                    format!("The correlation ID has {count} characters; up to {CORRELATION_ID_MAX} are kept."),
                ));
            } else if id.chars().any(char::is_control) {
                problems.push(FieldProblem::new("correlation_id", "The correlation ID holds a control character."));
            }
        }
        if self.services.is_empty() {
            problems.push(FieldProblem::new("service", "Enable at least one service for the account."));
        } else if !self.services.and(ServiceSet::BACKED).is_empty() && filled(&self.tenant_id).is_none() {
            problems.push(FieldProblem::new(
                "tenant",
                format!("{} needs the enterprise's tenant ID.", self.services.and(ServiceSet::BACKED).labels()),
            ));
        }
        let ticket = filled(&self.ticket).map(str::to_owned);
        super::field::check_ticket(ticket.as_deref(), &mut problems);
        match name {
            Some(name) if problems.is_empty() => {
                let synced = self.synced.and(self.services);
                let direct_routing = self.direct_routing.clone();
                Ok(AccountDraft {
                    name,
                    tenant_id,
                    correlation_id,
                    services: self.services,
                    synced,
                    direct_routing,
                    ticket,
                })
            }
            _ => Err(problems),
        }
    }
}

/// An error text as a sentence: first letter in upper case, a full stop behind it.
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", chars.as_str().trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::service::Service;

    #[test]
    fn a_name_is_suggested_from_the_company() {
        assert_eq!(AccountName::suggest("Contoso Ltd."), "contoso-ltd");
        assert_eq!(AccountName::suggest("  Älva & Sons "), "lva-sons");
        assert_eq!(AccountName::suggest("東京"), "");
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let form =
            AccountForm { name: "a b".into(), tenant_id: "x".into(), ticket: "t".repeat(65), ..AccountForm::default() };
        let fields: Vec<_> = form.check().unwrap_err().iter().map(|p| p.field).collect();
        assert_eq!(fields, ["name", "tenant", "service", "ticket"]);
    }

    #[test]
    fn only_enabled_services_are_synced() {
        let form = AccountForm {
            name: "contoso".into(),
            tenant_id: "A7F4BD5C-cc01-40f4-8baa-2b6bdb272b8a".into(),
            services: Service::OperatorConnect.into(),
            synced: Service::ALL.into_iter().collect(),
            ..AccountForm::default()
        };
        let draft = form.check().unwrap();
        assert_eq!(draft.synced, Service::OperatorConnect.into());
        assert_eq!(draft.tenant_id.unwrap().as_str(), "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a");
    }
}
