//! Reading the bodies about numbers.

use std::collections::HashMap;

use super::InputProblem;
use super::reader::{self, Node, Object};
use crate::domain::country;
use crate::domain::number::check_sip_header;
use crate::domain::rules::check_number;
use crate::domain::{E164, NumberSettings, Service, ServiceSet, TeamsSettings};

/// The most numbers of one batch.
pub const BATCH_MOST: usize = 100;
/// The most characters of a name or id that a backend gave. The contract names no limit; no backend comes near this one.
pub const TEXT_MOST: usize = 256;
/// The most items of a list of names.
pub const NAMES_MOST: usize = 100;

/// Reads the number that shall be on this account.
///
/// # Errors
/// Every problem of the body.
pub fn read_number(body: &[u8], account: &str, number: E164) -> Result<NumberSettings, Vec<InputProblem>> {
    reader::body(body, |found| {
        if let Some(node) = found.required("telephoneNumber")
            && node.number().is_some()
        {
            node.must_be("number_mismatch", &number.to_string());
        }
        settings(found, account, Some(number))
    })
}

/// Reads 1 to 100 numbers that shall be on this account, each once.
///
/// # Errors
/// Every problem of the body.
pub fn read_numbers(body: &[u8], account: &str) -> Result<Vec<(E164, NumberSettings)>, Vec<InputProblem>> {
    batch(body, Some(BATCH_MOST), |found, number| {
        // Read even where the number cannot be: its problems are told too.
        let settings = settings(found, account, number);
        Some((number?, settings))
    })
}

/// Reads 1 to 100 numbers that shall be released, each once.
///
/// # Errors
/// Every problem of the body.
pub fn read_numbers_to_delete(body: &[u8]) -> Result<Vec<E164>, Vec<InputProblem>> {
    batch(body, Some(BATCH_MOST), |_, number| number)
}

/// Reads one or more numbers that a question is about, each once. The size of a body is their only limit.
///
/// # Errors
/// Every problem of the body.
pub fn read_number_identifiers(body: &[u8]) -> Result<Vec<E164>, Vec<InputProblem>> {
    batch(body, None, |_, number| number)
}

fn batch<T>(
    body: &[u8],
    most: Option<usize>,
    read: impl Fn(&Object<'_>, Option<E164>) -> Option<T>,
) -> Result<Vec<T>, Vec<InputProblem>> {
    reader::body(body, |body| {
        let Some((list, items)) = body.required("numbers").and_then(|list| list.items().map(|items| (list, items)))
        else {
            return Vec::new();
        };
        let count = items.len();
        if count == 0 {
            list.refuse("too_few_items", "There is no number here. Send at least one.");
        }
        if let Some(most) = most.filter(|most| count > *most) {
            let message = format!("There are {count} numbers; up to {most} are allowed in one request. Send several.");
            list.refuse("too_many_items", message);
            return Vec::new();
        }
        let mut seen = HashMap::new();
        let read_item = |found: Object<'_>| {
            let node = found.required("telephoneNumber");
            let number = node.as_ref().and_then(Node::number);
            if let (Some(node), Some(number)) = (node, number) {
                if let Some(first) = seen.get(&number) {
                    let message = format!("{number} is already at {first}. Send each number once.");
                    node.refuse("duplicate_number", message);
                } else {
                    seen.insert(number, node.target().to_owned());
                }
            }
            read(&found, number)
        };
        items.into_iter().filter_map(Node::object).filter_map(read_item).collect()
    })
}

/// The settings of a number resource; `number` is `None` where it could not be read.
pub(super) fn settings(found: &Object<'_>, account: &str, number: Option<E164>) -> NumberSettings {
    if let Some(node) = found.required("accountName") {
        node.must_be("name_mismatch", account);
    }
    let mut settings = NumberSettings::default();
    if let Some(details) = found.required("serviceDetails").and_then(Node::object) {
        for service in Service::ALL {
            let Some(found) = details.optional(service.contract_name()).and_then(Node::object) else { continue };
            let enabled = found.required("enabled").and_then(Node::boolean) == Some(true);
            if ServiceSet::WITH_TEAMS_SETTINGS.contains(service) {
                // What belongs to a service that is not enabled is looked at and dropped.
                let teams = service_settings(&found, service, number, enabled).filter(|_| enabled);
                settings.teams = teams.unwrap_or(settings.teams);
            }
            if enabled {
                settings.services = settings.services.or(service.into());
            }
        }
        for service in settings.services.and(ServiceSet::TEAMS).iter().skip(1) {
            let message = format!("A number has at most one of {}. Enable one.", ServiceSet::TEAMS.labels());
            details.refuse(service.contract_name(), "conflicting_services", message);
        }
    }
    let configuration = found.optional("configuration").and_then(Node::object);
    let header = configuration.and_then(|configuration| configuration.optional("customSipHeader"));
    settings.custom_sip_header = header.and_then(|node| sip_header(&node, settings.services));
    settings.normalised()
}

/// What a service with settings of Teams has to know.
fn service_settings(
    found: &Object<'_>,
    service: Service,
    number: Option<E164>,
    enabled: bool,
) -> Option<TeamsSettings> {
    if let Some(status) = found.optional("assignmentStatus") {
        // The backend knows better.
        let _ = status.text();
    }
    if enabled && !found.has("configuration") {
        let message = format!("{} needs it: at least usage and choosableCapabilities.", service.label());
        found.refuse("configuration", "missing_property", message);
    }
    let configuration = found.optional("configuration").and_then(Node::object)?;
    let teams = teams_settings(&configuration);
    let settings = NumberSettings { services: service.into(), teams, ..NumberSettings::default() };
    for flaw in number.filter(|_| enabled).map(|number| check_number(number, &settings)).unwrap_or_default() {
        match flaw.field {
            "country" => configuration.refuse("displayedCountryCode", "missing_property", flaw.reason),
            "additional_usage" => configuration.refuse("additionalUsages", "invalid_value", flaw.reason),
            _ => configuration.refuse("usage", "invalid_value", flaw.reason),
        }
    }
    Some(settings.teams)
}

fn teams_settings(found: &Object<'_>) -> TeamsSettings {
    let word = |name| found.optional(name).and_then(|node| node.text_up_to(TEXT_MOST).map(str::to_owned));
    let filled = |name| word(name).filter(|word| !word.is_empty());
    let country = found.optional("displayedCountryCode").and_then(|node| country(&node));
    TeamsSettings {
        // An empty usage is for the backend to refuse.
        usage: found
            .required("usage")
            .and_then(|node| node.text_up_to(TEXT_MOST).map(str::to_owned))
            .unwrap_or_default(),
        choosable_capabilities: found.required("choosableCapabilities").map(|node| names(&node)).unwrap_or_default(),
        additional_usages: found.optional("additionalUsages").map(|node| names(&node)).unwrap_or_default(),
        civic_address_id: filled("civicAddressId"),
        location_id: filled("locationId"),
        allow_tenant_address_update: found.optional("allowTenantAddressUpdate").and_then(Node::boolean) == Some(true),
        displayed_country_code: country,
    }
}

fn names(node: &Node<'_>) -> Vec<String> {
    let items = node.items().unwrap_or_default();
    if items.len() > NAMES_MOST {
        let message = format!("There are {} items; up to {NAMES_MOST} are allowed.", items.len());
        node.refuse("too_many_items", message);
        return Vec::new();
    }
    items.iter().filter_map(|item| item.text_up_to(TEXT_MOST).map(str::to_owned)).collect()
}

/// An empty country is none.
fn country(node: &Node<'_>) -> Option<String> {
    let country = node
        .parsed(|text| if text.is_empty() { Ok(None) } else { country::read(text).map(|code| Some(code.to_owned())) });
    country.flatten()
}

fn sip_header(node: &Node<'_>, services: ServiceSet) -> Option<String> {
    if !services.is_empty() && !services.iter().any(Service::takes_sip_header) {
        let message = format!("{} numbers have no custom SIP header. Leave it out.", services.labels());
        node.refuse("invalid_value", message);
        return None;
    }
    node.parsed(|text| {
        if text.is_empty() {
            return Err("The value is empty. Leave it out, or use letters, digits, _ and -.".to_owned());
        }
        check_sip_header(text).map(|()| text.to_owned())
    })
}
