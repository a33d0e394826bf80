//! What the backend accepts for one number.

use serde::Serialize;

use super::tenant::{ConsentAsSent, Tenant};
use super::wire::{Service, Settings, UploadTerms};
use crate::domain::{E164, ProvisioningError};

const CALLING_USER: &str = "CallingUserAssignment";
/// Area codes of toll-free numbers in the North American numbering plan.
const TOLL_FREE: [i64; 7] = [800, 833, 844, 855, 866, 877, 888];

/// What numbers of a usage can do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Plan {
    name: &'static str,
    offer_types: &'static [&'static str],
    usage: &'static str,
    mandatory_capabilities: &'static [&'static str],
    choosable_capabilities: &'static [&'static str],
    supports_toll_free: bool,
}

/// The plans every tenant has.
pub(super) const PLANS: [Plan; 3] = [
    Plan {
        name: "Calling users",
        offer_types: &["Calling"],
        usage: CALLING_USER,
        mandatory_capabilities: &["UserAssignment"],
        choosable_capabilities: &["InboundCalling", "OutboundCalling", "Mobile"],
        supports_toll_free: false,
    },
    Plan {
        name: "Voice applications",
        offer_types: &["VoiceApplications"],
        usage: "FirstPartyAppAssignment",
        mandatory_capabilities: &["FirstPartyAppAssignment"],
        choosable_capabilities: &["InboundCalling", "OutboundCalling"],
        supports_toll_free: true,
    },
    Plan {
        name: "Audio conferencing",
        offer_types: &["Conferencing"],
        usage: "ConferenceAssignment",
        mandatory_capabilities: &["ConferenceAssignment", "InboundCalling"],
        choosable_capabilities: &["OutboundCalling"],
        supports_toll_free: true,
    },
];

/// What every number can do besides what its plan says: the platform it is on, and the kind of number it is.
const PLATFORM: &str = "Office365";
const TOLL_FREE_KIND: &str = "TollFree";
const GEOGRAPHIC_KIND: &str = "Geographic";

fn plan(usage: &str) -> Option<&'static Plan> {
    PLANS.iter().find(|plan| plan.usage == usage)
}

/// Returns what a number of these settings can do, and what it could do.
pub(super) fn capabilities(settings: &Settings) -> (Vec<String>, Vec<String>) {
    let Some(plan) = plan(&settings.usage) else { return Default::default() };
    let all = || plan.mandatory_capabilities.iter().chain(plan.choosable_capabilities).map(|c| (*c).to_owned());
    let chosen =
        |c: &String| plan.mandatory_capabilities.contains(&c.as_str()) || settings.choosable_capabilities.contains(c);
    (all().filter(chosen).collect(), all().collect())
}

/// Returns the capabilities of a plan as a number has them, with its platform and kind.
pub(super) fn with_kind(of_plan: &[String], number: E164) -> Vec<&str> {
    let kind = if is_toll_free(number) { TOLL_FREE_KIND } else { GEOGRAPHIC_KIND };
    of_plan.iter().map(String::as_str).chain([PLATFORM, kind]).collect()
}

/// Returns why this number cannot be uploaded with these terms.
pub(super) fn refuse_upload(tenant: &Tenant, terms: &UploadTerms, number: E164) -> Option<ProvisioningError> {
    if let Some(status) = tenant.consent.as_ref().map(ConsentAsSent::status)
        && status.forbids_numbers()
    {
        return Some(error("ConsentNotActive", format!("The consent of the tenant is {status}."), terms.service));
    }
    if tenant.numbers.get(&number).is_some_and(|held| held.status.is_being_removed()) {
        let message = format!("The telephone number {number} is being removed from the tenant.");
        return Some(error("NumberBeingRemoved", message, terms.service));
    }
    let why =
        settings_fault(&terms.settings, is_toll_free(number)).or_else(|| address_fault(tenant, &terms.settings))?;
    Some(error("InvalidRequest", why, terms.service))
}

/// Returns the error of an entry that goes by one of the codes that Microsoft Teams is known to answer.
pub(super) fn entry_error(code: &str, number: E164, service: Service) -> ProvisioningError {
    let message = match code {
        "internal_error" => "An internal error occurred.".to_owned(),
        "unable_to_retrieve_default_location" => "The default location of the tenant cannot be retrieved.".to_owned(),
        "unknown_country_code" => format!("The country code of {number} is not known."),
        "unable_to_retrieve_location" => "The location cannot be retrieved.".to_owned(),
        "unable_to_retrieve_partner_info" => "The information of the partner cannot be retrieved.".to_owned(),
        "unable_to_match_geography_entry" => format!("No geography matches {number}."),
        _ => format!("The entry {number} failed."),
    };
    error(code, message, service)
}

/// Makes an error about one number.
pub(super) fn error(code: &str, message: impl Into<String>, service: Service) -> ProvisioningError {
    let target = Some(service.target().to_owned());
    ProvisioningError::new(code, message, target)
}

fn missing(attributes: &str) -> String {
    format!("Invalid/missing required configuration attributes: {attributes}")
}

fn settings_fault(settings: &Settings, toll_free: bool) -> Option<String> {
    let Some(plan) = plan(&settings.usage) else { return Some(missing("Usage")) };
    let known = |capability: &String| {
        plan.choosable_capabilities.contains(&capability.as_str())
            || plan.mandatory_capabilities.contains(&capability.as_str())
    };
    if !settings.choosable_capabilities.iter().all(known) {
        return Some(missing("ChoosableCapabilities"));
    }
    if settings.additional_usages.iter().any(|usage| self::plan(usage).is_none()) {
        return Some(missing("AdditionalUsages"));
    }
    if toll_free && !plan.supports_toll_free {
        return Some(format!("A toll-free number cannot have the usage {}.", settings.usage));
    }
    if toll_free && settings.displayed_country_code.as_deref().is_none_or(str::is_empty) {
        return Some(missing("DisplayedCountryCode"));
    }
    None
}

fn address_fault(tenant: &Tenant, settings: &Settings) -> Option<String> {
    let (address_id, location_id) = (settings.civic_address_id.as_deref(), settings.location_id.as_deref());
    if address_id.is_none() && location_id.is_none() {
        let needed = settings.usage == CALLING_USER && !settings.allow_tenant_address_update;
        return needed.then(|| missing("CivicAddressId or LocationId"));
    }
    if let Some(id) = address_id.filter(|id| !tenant.civic_addresses.contains_key(*id)) {
        return Some(format!("CivicAddressId {id} is not a civic address of this tenant."));
    }
    let location_id = location_id?;
    let home = tenant.civic_addresses.values().find(|a| a.locations.iter().any(|l| l.id == location_id));
    match (home, address_id) {
        (None, _) => Some(format!("LocationId {location_id} is not a location of this tenant.")),
        (Some(home), Some(id)) if home.id != id => {
            Some(format!("LocationId {location_id} does not belong to CivicAddressId {id}."))
        }
        _ => None,
    }
}

fn is_toll_free(number: E164) -> bool {
    let digits = number.as_i64();
    number.digits() == 11 && digits / 10_000_000_000 == 1 && TOLL_FREE.contains(&(digits / 10_000_000 % 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn north_american_toll_free_numbers_are_known_by_their_area_code() {
        for (text, expected) in
            [("+18005550100", true), ("+18885550100", true), ("+12125550100", false), ("+448005550100", false)]
        {
            assert_eq!(is_toll_free(E164::parse_wire(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn toll_free_numbers_need_a_country_and_are_not_for_calling_users() {
        let settings = |usage: &str, country: Option<&str>| Settings {
            usage: usage.to_owned(),
            displayed_country_code: country.map(str::to_owned),
            ..Settings::default()
        };
        let fault = |s: &Settings| settings_fault(s, true).unwrap_or_default();
        assert!(fault(&settings(CALLING_USER, Some("US"))).contains("toll-free"));
        assert!(fault(&settings("ConferenceAssignment", None)).ends_with("DisplayedCountryCode"));
        assert_eq!(fault(&settings("ConferenceAssignment", Some("US"))), "");
        assert_eq!(
            settings_fault(&settings("", None), false).unwrap(),
            "Invalid/missing required configuration attributes: Usage"
        );
    }
}
