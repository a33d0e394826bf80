//! What a person says an account should be, and every check of it that needs no look at other data.

use super::account::{Account, AccountDraft, AccountName, CORRELATION_ID_MAX, DirectRouting, NO_TOKEN, sentence};
use super::direct_routing::{Zones, parse_label, parse_token};
use super::field::{FieldProblem, check_ticket, filled};
use super::service::{Service, ServiceSet};
use super::tenant::TenantId;

/// The form fields of the tokens, region by region.
const TOKEN_FIELDS: [&str; 2] = ["token1", "token2"];

/// What a person says an account should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountForm {
    /// The name as typed.
    pub name: String,
    /// The tenant as typed.
    pub tenant_id: String,
    /// The correlation id as typed.
    pub correlation_id: String,
    /// Ticked services.
    pub services: ServiceSet,
    /// Ticked "Sync with backend service".
    pub synced: ServiceSet,
    /// What stays true of the sync of services that are not enabled: only programs say that.
    pub synced_though_off: ServiceSet,
    /// What Direct Routing needs. It is looked at only where that service is ticked.
    pub direct_routing: DirectRoutingForm,
    /// Ticket of this change.
    pub ticket: String,
}

/// What a person says of Direct Routing.
#[derive(Clone, PartialEq, Eq)]
pub struct DirectRoutingForm {
    /// Ticked "Enable call screening".
    pub call_screening: bool,
    /// Subdomain as typed.
    pub subdomain: String,
    /// The tokens as typed, region by region. Empty ones are still to come.
    pub tokens: [String; 2],
}

impl Default for DirectRoutingForm {
    fn default() -> Self {
        Self { call_screening: true, subdomain: String::new(), tokens: [String::new(), String::new()] }
    }
}

impl From<&DirectRouting> for DirectRoutingForm {
    fn from(routing: &DirectRouting) -> Self {
        Self {
            call_screening: routing.call_screening,
            subdomain: routing.subdomain.clone(),
            tokens: routing.tokens.clone(),
        }
    }
}

/// The tokens prove who owns a name; they never reach a log.
impl std::fmt::Debug for DirectRoutingForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DirectRoutingForm")
            .field("call_screening", &self.call_screening)
            .field("subdomain", &self.subdomain)
            .finish_non_exhaustive()
    }
}

impl AccountForm {
    /// The form as a change of this account: its name stays, and so does whether services that are not `provisioned` by a
    /// backend are synced, which only programs may want to know.
    #[must_use]
    pub fn over(&self, before: &Account, provisioned: ServiceSet) -> Self {
        let unasked = before.services.or(before.synced).without(provisioned);
        Self {
            name: before.name.clone(),
            synced: self.synced.without(unasked).or(before.synced.and(unasked)),
            synced_though_off: before.synced.without(before.services),
            ..self.clone()
        }
    }

    /// Checks the form and reports every problem at once. `zones` are the names that Direct Routing has here.
    ///
    /// # Errors
    /// Every problem, each with its field.
    pub fn check(&self, zones: Option<&Zones>) -> Result<AccountDraft, Vec<FieldProblem>> {
        self.check_change(None, zones)
    }

    /// The same of a change: what the account had before, and programs may put, is no problem as long as it stays so.
    ///
    /// # Errors
    /// Every problem, each with its field.
    pub fn check_change(
        &self,
        before: Option<&Account>,
        zones: Option<&Zones>,
    ) -> Result<AccountDraft, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let name = AccountName::parse(self.name.trim()).map_err(|m| problems.push(FieldProblem::new("name", m))).ok();
        let tenant_id = filled(&self.tenant_id).and_then(|text| {
            TenantId::parse(text).map_err(|e| problems.push(FieldProblem::new("tenant", sentence(&e.to_string())))).ok()
        });
        let correlation_id = filled(&self.correlation_id).map(str::to_owned);
        if before.is_none_or(|before| before.correlation_id != correlation_id) {
            check_correlation_id(correlation_id.as_deref(), &mut problems);
        }
        let without_tenant = before.filter(|before| before.tenant_id.is_none());
        let kept = without_tenant.map_or(ServiceSet::default(), |before| before.services);
        let teams = self.services.and(ServiceSet::TEAMS).without(kept);
        if self.services.is_empty() && before.is_some_and(|before| before.services.is_empty()) {
            // It stays without any.
        } else if self.services.is_empty() {
            problems.push(FieldProblem::new("service", "Enable at least one service for the account."));
        } else if !teams.is_empty() && filled(&self.tenant_id).is_none() {
            let needs = if teams.len() == 1 { "needs" } else { "need" };
            let message = format!("{} {needs} the enterprise's tenant ID.", teams.in_words());
            problems.push(FieldProblem::new("tenant", message));
        }
        let direct_routing = if self.services.contains(Service::DirectRouting) {
            self.direct_routing.check(before, zones, &mut problems)
        } else {
            None
        };
        let ticket = filled(&self.ticket).map(str::to_owned);
        check_ticket(ticket.as_deref(), &mut problems);
        match name {
            Some(name) if problems.is_empty() => Ok(AccountDraft {
                name,
                tenant_id,
                correlation_id,
                services: self.services,
                synced: self.all_synced().and(ServiceSet::WITH_SYNC),
                direct_routing,
                ticket,
            }),
            _ => Err(problems),
        }
    }
}

impl AccountForm {
    /// The services that are synced, with those that are not enabled and would be.
    #[must_use]
    pub fn all_synced(&self) -> ServiceSet {
        self.synced.and(self.services).or(self.synced_though_off.without(self.services))
    }
}

fn check_correlation_id(id: Option<&str>, problems: &mut Vec<FieldProblem>) {
    let Some(id) = id else { return };
    let count = id.chars().count();
    let message = if count > CORRELATION_ID_MAX {
        format!("The correlation ID has {count} characters; up to {CORRELATION_ID_MAX} are kept.")
    } else if id.chars().any(char::is_control) {
        "The correlation ID holds a control character.".to_owned()
    } else {
        return;
    };
    problems.push(FieldProblem::new("correlation_id", message));
}

impl DirectRoutingForm {
    /// Nothing where something is wrong, which is then among the problems. Tokens may come later: the enterprise is told
    /// them only once it has registered the names that follow from the subdomain.
    fn check(
        &self,
        before: Option<&Account>,
        zones: Option<&Zones>,
        problems: &mut Vec<FieldProblem>,
    ) -> Option<DirectRouting> {
        let label = self.subdomain.trim();
        let before = before.filter(|before| before.services.contains(Service::DirectRouting));
        let had = before.and_then(|before| before.direct_routing.as_ref());
        if before.is_some()
            && had.is_none()
            && label.is_empty()
            && self.tokens.iter().all(|typed| typed.trim().is_empty())
        {
            return None;
        }
        // A label that the account has already stays good, whatever the deployment's names became.
        let zones = zones.filter(|_| had.is_none_or(|had| !had.subdomain.eq_ignore_ascii_case(label)));
        let label = match zones {
            Some(zones) => zones.check_label(label),
            None => parse_label(label),
        };
        let subdomain = label
            .map_err(|found| problems.extend(found.into_iter().map(|reason| FieldProblem::new("subdomain", reason))))
            .ok();
        let mut region = 0;
        let tokens = self.tokens.each_ref().map(|typed| {
            region += 1;
            let Some(token) = filled(typed).filter(|token| *token != NO_TOKEN) else { return Some(String::new()) };
            let field = TOKEN_FIELDS.into_iter().nth(region - 1).unwrap_or_default();
            parse_token(token)
                .map_err(|reason| {
                    problems.push(FieldProblem::new(field, format!("Token of region {region}: {reason}")));
                })
                .ok()
        });
        let [Some(first), Some(second)] = tokens else { return None };
        Some(DirectRouting { call_screening: self.call_screening, subdomain: subdomain?, tokens: [first, second] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_reported_at_once() {
        let form =
            AccountForm { name: "a b".into(), tenant_id: "x".into(), ticket: "t".repeat(65), ..AccountForm::default() };
        let fields: Vec<_> = form.check(None).unwrap_err().iter().map(|p| p.field).collect();
        assert_eq!(fields, ["name", "tenant", "service", "ticket"]);
    }

    #[test]
    fn every_problem_of_direct_routing_is_reported_with_its_field() {
        let mut form = AccountForm {
            name: "contoso".into(),
            tenant_id: "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a".into(),
            services: Service::DirectRouting.into(),
            ..AccountForm::default()
        };
        let zones = Zones { base: "pstn.example.net".into(), regions: vec!["1r1".into(), "1r2".into()] };
        let problems = |form: &AccountForm| -> Vec<String> {
            let found = form.check(Some(&zones)).err().unwrap_or_default();
            found.into_iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect()
        };
        assert!(problems(&form).iter().all(|problem| problem.starts_with("subdomain: ")));
        form.direct_routing.subdomain = " ConToso ".into();
        assert_eq!(problems(&form), [""; 0]);
        for bad in ["MS=\"1\"", "MS 1", "MS;1", "MS\n1", &"x".repeat(101)] {
            form.direct_routing.tokens = ["MS=ms1".into(), bad.to_owned()];
            let found = problems(&form);
            assert!(found.len() == 1 && found[0].starts_with("token2: Token of region 2: "), "{bad}: {found:?}");
        }
        form.direct_routing.tokens = ["MS=ms1".into(), " - ".into()];
        let routing = form.check(Some(&zones)).unwrap().direct_routing.unwrap();
        assert_eq!((routing.subdomain.as_str(), routing.tokens[0].as_str()), ("contoso", "MS=ms1"));
        assert!(routing.call_screening && routing.has_tokens(1) && !routing.has_tokens(2));
        // What is typed for a service that is not enabled is not looked at.
        form.services = Service::ZoomPhoneCloudPeering.into();
        form.direct_routing.subdomain = "a b".into();
        assert_eq!(form.check(Some(&zones)).unwrap().direct_routing, None);
    }

    fn put(services: ServiceSet, synced: ServiceSet) -> Account {
        Account {
            id: 1,
            name: "contoso".into(),
            tenant_id: None,
            correlation_id: None,
            services,
            synced,
            number_count: 0,
            deleting: false,
            rev: 1,
            created_at: time::OffsetDateTime::UNIX_EPOCH,
            updated_at: time::OffsetDateTime::UNIX_EPOCH,
            direct_routing: None,
            subdomain_status: crate::domain::direct_routing::SubdomainStatus::NotProvisioned,
            as_sent: crate::domain::AccountAsSent::default(),
        }
    }

    #[test]
    fn a_change_keeps_what_only_programs_put() {
        let off = Service::OperatorConnect.into();
        let zoom = Service::ZoomPhoneCloudPeering.into();
        let before = put(zoom, off);
        let form = AccountForm { services: zoom, ..AccountForm::default() };
        let draft = form.over(&before, ServiceSet::ALL).check_change(Some(&before), None).unwrap();
        assert_eq!(draft.synced, off, "a service that is not enabled stays as it was sent");
        // Who enables it says whether it is synced.
        let form =
            AccountForm { services: zoom.or(off), tenant_id: "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a".into(), ..form };
        let draft = form.over(&before, ServiceSet::ALL).check_change(Some(&before), None).unwrap();
        assert_eq!(draft.synced, ServiceSet::default());
    }

    #[test]
    fn only_what_a_change_changes_is_refused() {
        let none = ServiceSet::default();
        let fields = |form: &AccountForm, before: &Account| -> Vec<&str> {
            let form = form.over(before, ServiceSet::ALL);
            let problems = form.check_change(Some(before), None).err().unwrap_or_default();
            problems.iter().map(|problem| problem.field).collect()
        };
        let empty = AccountForm { correlation_id: "c".into(), ..AccountForm::default() };
        assert_eq!(fields(&empty, &put(none, none)), [""; 0], "it had no service before");
        assert_eq!(fields(&empty, &put(Service::ZoomPhoneCloudPeering.into(), none)), ["service"]);
        let routing = AccountForm { services: Service::DirectRouting.into(), ..empty };
        assert_eq!(fields(&routing, &put(Service::DirectRouting.into(), none)), [""; 0], "nor a tenant or a subdomain");
        assert!(fields(&routing, &put(none, none)).contains(&"tenant"));
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
        let draft = form.check(None).unwrap();
        assert_eq!(draft.synced, Service::OperatorConnect.into());
        assert_eq!(draft.tenant_id.unwrap().as_str(), "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a");
    }
}
