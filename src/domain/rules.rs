//! What settings a number may have: the rules of the portal, checked before anything is stored.

use std::collections::{HashMap, HashSet};

use super::account::Account;
use super::capability::CapabilityPlan;
use super::civic_address::{CivicAddress, Places};
use super::country;
use super::e164::E164;
use super::number::{CALLING_USER, NumberSettings, check_sip_header, is_north_american_toll_free};
use super::service::{Service, ServiceSet};

/// What is known of a tenant when its numbers are checked.
#[derive(Clone, Debug, Default)]
pub struct TenantFacts {
    /// Ids of the tenant's addresses with the ids of their locations.
    pub addresses: HashMap<String, HashSet<String>>,
    /// Ids of all these locations.
    pub locations: HashSet<String>,
    /// What the tenant's numbers may be used for, once the backend was asked.
    pub plans: Option<Vec<CapabilityPlan>>,
}

impl TenantFacts {
    /// Collects the facts from what was pulled.
    pub fn new(addresses: &[CivicAddress], plans: Option<Vec<CapabilityPlan>>) -> Self {
        let mut facts = Self { plans, ..Self::default() };
        facts.add(addresses);
        facts
    }

    /// Adds more of the tenant's addresses.
    pub fn add(&mut self, addresses: &[CivicAddress]) {
        for address in addresses {
            let places = || address.locations.iter().map(|location| location.id.clone());
            self.locations.extend(places());
            self.addresses.entry(address.id.clone()).or_default().extend(places());
        }
    }
}

/// A setting that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The form field it belongs to.
    pub field: &'static str,
    /// What stands there.
    pub value: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

fn flaw(field: &'static str, value: &str, reason: impl Into<String>) -> Flaw {
    Flaw { field, value: value.to_owned(), reason: reason.into() }
}

/// Finds every rule that settings break on an account. When there is none, they may be stored.
pub fn check(settings: &NumberSettings, account: &Account, facts: &TenantFacts) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let missing = settings.services.without(account.services);
    if !missing.is_empty() {
        let labels = missing.labels();
        flaws.push(flaw(
            "service",
            &labels,
            format!(
                "{labels} is not enabled on account {}. Enable it on the account first, or choose another service.",
                account.name
            ),
        ));
    }
    if account.deleting {
        flaws.push(flaw("account", &account.name, format!("Account {} is being deleted.", account.name)));
    }
    let clash = settings.services.and(ServiceSet::TEAMS);
    if clash.len() > 1 {
        flaws.push(flaw(
            "service",
            &clash.labels(),
            format!("A number has at most one of {}. Choose one.", ServiceSet::TEAMS.labels()),
        ));
    }
    if settings.has_teams_settings() {
        check_plan(settings, facts, &mut flaws);
        check_address(settings, facts, &mut flaws);
    } else if let Some(profile) = &settings.calling_profile {
        let reason = format!("{} numbers have no calling profile. Leave it blank.", settings.services.labels());
        flaws.push(flaw("calling_profile", profile, reason));
    }
    if let Some(header) = &settings.custom_sip_header {
        if settings.services.is_empty() || settings.services.iter().any(Service::takes_sip_header) {
            if let Err(reason) = check_sip_header(header) {
                flaws.push(flaw("custom_sip_header", header, reason));
            }
        } else {
            flaws.push(flaw(
                "custom_sip_header",
                header,
                format!("{} numbers have no custom SIP header. Leave it blank.", settings.services.labels()),
            ));
        }
    }
    if let Some(displayed) = &settings.teams.displayed_country_code
        && let Err(reason) = country::read(displayed)
    {
        flaws.push(flaw("country", displayed, reason));
    }
    flaws
}

fn check_plan(settings: &NumberSettings, facts: &TenantFacts, flaws: &mut Vec<Flaw>) {
    let teams = &settings.teams;
    if teams.usage.is_empty() {
        flaws.push(flaw("usage", "", "Choose what the numbers are for."));
    }
    let Some(plans) = facts.plans.as_ref().filter(|plans| !plans.is_empty()) else { return };
    let usages = || plans.iter().map(|plan| plan.usage.as_str()).collect::<Vec<_>>().join(", ");
    for (field, usage) in
        std::iter::once(("usage", &teams.usage)).chain(teams.additional_usages.iter().map(|u| ("additional_usage", u)))
    {
        if !usage.is_empty() && !plans.iter().any(|plan| plan.usage == *usage) {
            flaws.push(flaw(
                field,
                usage,
                format!("The tenant's capability plans have no such usage. They have {}.", usages()),
            ));
        }
    }
    let Some(plan) = plans.iter().find(|plan| plan.usage == teams.usage) else { return };
    for capability in &teams.choosable_capabilities {
        if !plan.choosable_capabilities.contains(capability) {
            let reason = format!(
                "{} does not offer this capability. It offers {}.",
                plan.usage,
                plan.choosable_capabilities.join(", ")
            );
            flaws.push(flaw("capability", capability, reason));
        }
    }
}

fn check_address(settings: &NumberSettings, facts: &TenantFacts, flaws: &mut Vec<Flaw>) {
    let teams = &settings.teams;
    match (&teams.civic_address_id, &teams.location_id) {
        (None, None) if teams.is_for_calling_users() && !teams.allow_tenant_address_update => flaws.push(flaw(
            "civic_address",
            "",
            "Calling users need an emergency address: choose a civic address or a location, or allow the enterprise to set it.",
        )),
        (Some(address), location) => match (facts.addresses.get(address), location) {
            (None, _) => flaws.push(flaw("civic_address", address, "The tenant has no such civic address.")),
            (Some(locations), Some(location)) if !locations.contains(location) => {
                flaws.push(flaw("location", location, "The location does not belong to this civic address."));
            }
            _ => {}
        },
        (None, Some(location)) if !facts.locations.contains(location) => {
            flaws.push(flaw("location", location, "The tenant has no such location."));
        }
        _ => {}
    }
}

/// The rules that a number breaks with these settings: North American toll-free numbers that a backend has to know need
/// a country and are not for calling users.
pub fn check_number(number: E164, settings: &NumberSettings) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    if !settings.has_teams_settings() || !is_north_american_toll_free(number) {
        return flaws;
    }
    if settings.teams.is_for_calling_users() {
        let field = if settings.teams.usage == CALLING_USER { "usage" } else { "additional_usage" };
        flaws.push(flaw(
            field,
            CALLING_USER,
            "A North American toll-free number cannot be for calling users. Choose another usage.",
        ));
    }
    if settings.teams.displayed_country_code.is_none() {
        flaws.push(flaw("country", "", "A North American toll-free number needs a country, such as US."));
    }
    flaws
}

/// One setting that differs between two values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What people call the setting.
    pub label: &'static str,
    /// The value before.
    pub before: String,
    /// The value after.
    pub after: String,
}

/// A settings value as people read it: label and text, in the order of the form, without what does not apply to its
/// services.
pub fn described(settings: &NumberSettings, places: &Places) -> Vec<(&'static str, String)> {
    let mut lines = all_described(settings, places);
    let takes_header = settings.services.is_empty() || settings.services.iter().any(Service::takes_sip_header);
    lines.retain(|(label, _)| match *label {
        SERVICE => true,
        SIP_HEADER => takes_header || settings.custom_sip_header.is_some(),
        _ => settings.has_teams_settings(),
    });
    lines
}

const SERVICE: &str = "Service";
const SIP_HEADER: &str = "Custom SIP header";

fn all_described(settings: &NumberSettings, places: &Places) -> Vec<(&'static str, String)> {
    let teams = &settings.teams;
    let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
    let place = |id: &Option<String>| id.as_deref().map_or("none", |id| places.words(id)).to_owned();
    let list = |values: &[String]| if values.is_empty() { "none".to_owned() } else { values.join(", ") };
    vec![
        (
            SERVICE,
            if settings.services.is_empty() { "none".to_owned() } else { settings.services.labels().into_owned() },
        ),
        ("Usage", if teams.usage.is_empty() { "none".to_owned() } else { teams.usage.clone() }),
        ("Capabilities", list(&teams.choosable_capabilities)),
        ("Additional usages", list(&teams.additional_usages)),
        ("Civic address", place(&teams.civic_address_id)),
        ("Location", place(&teams.location_id)),
        ("Enterprise may change the address", if teams.allow_tenant_address_update { "yes" } else { "no" }.to_owned()),
        ("Country", or_none(&teams.displayed_country_code)),
        ("Calling profile", or_none(&settings.calling_profile)),
        (SIP_HEADER, or_none(&settings.custom_sip_header)),
    ]
}

/// Finds what differs between two settings values. Two places of the same words are told apart by their ids.
pub fn differences(before: &NumberSettings, after: &NumberSettings, places: &Places) -> Vec<Difference> {
    let ids = places.by_id();
    let by_id = all_described(before, &ids).into_iter().zip(all_described(after, &ids));
    let in_words = all_described(before, places).into_iter().zip(all_described(after, places));
    by_id
        .zip(in_words)
        .filter(|(((_, before), (_, after)), _)| before != after)
        .map(|(ids, words)| if words.0.1 == words.1.1 { ids } else { words })
        .map(|((label, before), (_, after))| Difference { label, before, after })
        .collect()
}
