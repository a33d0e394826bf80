//! Reading the bodies about numbers.

use std::collections::HashMap;

use super::InputProblem;
use super::reader::{self, Node, Object, Read};
use crate::domain::country;
use crate::domain::number::check_sip_header;
use crate::domain::rules::check_number;
use crate::domain::{E164, NumberAsSent, NumberSettings, SentNumber, Service, ServiceSet, TeamsSettings};

/// The most numbers of one batch.
pub const BATCH_MOST: usize = 100;
/// The most characters of a name or id that a backend gave. The contract names no limit; no backend comes near this one.
pub const TEXT_MOST: usize = 256;
/// The most items of a list of names.
pub const NAMES_MOST: usize = 100;

/// Reads the number that shall be on this account, as far as the request's address says which and where.
pub fn read_number(body: &[u8], account: Option<&str>, number: Option<E164>) -> Read<SentNumber> {
    reader::gathered(body, |found| {
        if let Some(node) = found.required("telephoneNumber")
            && node.number().is_some()
            && let Some(number) = number
        {
            node.must_be("number_mismatch", &number.to_string());
        }
        sent(found, account, number)
    })
}

/// Reads 1 to 100 numbers that shall be on this account, each once. What can be read of the others is there too.
pub fn read_numbers(body: &[u8], account: Option<&str>) -> Read<Vec<SentNumber>> {
    // Read even where the number cannot be: its problems are told too.
    let read = batch(body, Some(BATCH_MOST), |found, number| Some(sent(found, account, number)));
    read.map(|numbers| numbers.into_iter().map(|(index, number)| SentNumber { index, ..number }).collect())
}

/// Reads 1 to 100 numbers that shall be released, each once.
///
/// # Errors
/// Every problem of the body.
pub fn read_numbers_to_delete(body: &[u8]) -> Result<Vec<E164>, Vec<InputProblem>> {
    numbers_alone(batch(body, Some(BATCH_MOST), |_, number| number))
}

/// Reads one or more numbers that a question is about, each once. The size of a body is their only limit.
///
/// # Errors
/// Every problem of the body.
pub fn read_number_identifiers(body: &[u8]) -> Result<Vec<E164>, Vec<InputProblem>> {
    numbers_alone(batch(body, None, |_, number| number))
}

fn numbers_alone(read: Read<Vec<(usize, E164)>>) -> Result<Vec<E164>, Vec<InputProblem>> {
    read.whole().map(|numbers| numbers.into_iter().map(|(_, number)| number).collect())
}

/// The items of a batch that could be read, each with its place.
fn batch<T>(
    body: &[u8],
    most: Option<usize>,
    read: impl Fn(&Object<'_>, Option<E164>) -> Option<T>,
) -> Read<Vec<(usize, T)>> {
    reader::gathered(body, |body| {
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
        let read_item = |(index, node): (usize, Node<'_>)| {
            let found = node.object()?;
            let node = found.required("telephoneNumber");
            let number = node.as_ref().and_then(Node::number);
            if let (Some(node), Some(number)) = (node, number) {
                if let Some(first) = seen.get(&number) {
                    let message =
                        format!("{number} is already at numbers[{first}].telephoneNumber. Send each number once.");
                    node.refuse("duplicate_number", message);
                    return read(&found, None).map(|item| (index, item));
                }
                seen.insert(number, index);
            }
            read(&found, number).map(|item| (index, item))
        };
        items.into_iter().enumerate().filter_map(read_item).collect()
    })
}

/// The settings of a number resource of another service; `number` is `None` where it could not be read.
pub(super) fn settings(found: &Object<'_>, account: &str, number: Option<E164>) -> NumberSettings {
    sent(found, Some(account), number).settings
}

/// A number resource as far as it can be read.
fn sent(found: &Object<'_>, account: Option<&str>, number: Option<E164>) -> SentNumber {
    if let Some(node) = found.required("accountName") {
        match account {
            Some(account) => node.must_be("name_mismatch", account),
            None => drop(node.text()),
        }
    }
    found.spelt_right(&["configuration"], &["telephoneNumber", "accountName", "serviceDetails"]);
    let (mut settings, mut as_sent) = (NumberSettings::default(), NumberAsSent::default());
    if let Some(details) = found.required("serviceDetails").and_then(Node::object) {
        details.spelt_right(&super::service_names(&[]), &[]);
        for service in Service::ALL {
            let Some(found) = details.optional(service.contract_name()).and_then(Node::object) else { continue };
            let enabled = found.required("enabled").and_then(Node::boolean);
            let teams = ServiceSet::WITH_TEAMS_SETTINGS
                .contains(service)
                .then(|| service_settings(&found, service, number, enabled == Some(true)))
                .flatten();
            match enabled {
                Some(true) => {
                    settings.services = settings.services.or(service.into());
                    if let Some(teams) = teams {
                        as_sent.keep_order(&teams);
                        settings.teams = teams;
                    }
                }
                Some(false) => as_sent.keep_disabled(service, teams),
                None => {}
            }
        }
        for service in settings.services.and(ServiceSet::TEAMS).iter().skip(1) {
            let message = format!("A number has at most one of {}. Enable one.", ServiceSet::TEAMS.labels());
            details.refuse(service.contract_name(), "conflicting_services", message);
        }
    }
    let configuration = found.optional("configuration").and_then(Node::object);
    let header = configuration.and_then(|configuration| {
        configuration.spelt_right(&["customSipHeader"], &[]);
        configuration.filled("customSipHeader")
    });
    settings.custom_sip_header = header.and_then(|node| sip_header(&node, settings.services));
    SentNumber { index: 0, number, settings: settings.normalised(), as_sent }
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
    if !enabled {
        found.spelt_right(&["configuration"], &["enabled", "assignmentStatus"]);
    } else if !found.has("configuration") {
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
    let optional =
        ["additionalUsages", "civicAddressId", "locationId", "allowTenantAddressUpdate", "displayedCountryCode"];
    found.spelt_right(&optional, &["usage", "choosableCapabilities"]);
    let text = |node: Node<'_>| node.text_up_to(TEXT_MOST).map(str::to_owned);
    TeamsSettings {
        // An empty usage is for the backend to refuse.
        usage: found.required("usage").and_then(text).unwrap_or_default(),
        choosable_capabilities: found.required("choosableCapabilities").map(|node| names(&node)).unwrap_or_default(),
        additional_usages: found.optional("additionalUsages").map(|node| names(&node)).unwrap_or_default(),
        civic_address_id: found.filled("civicAddressId").and_then(text),
        location_id: found.filled("locationId").and_then(text),
        allow_tenant_address_update: found.optional("allowTenantAddressUpdate").and_then(Node::boolean) == Some(true),
        displayed_country_code: found
            .filled("displayedCountryCode")
            .and_then(|node| node.parsed(|text| country::read(text).map(str::to_owned))),
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

fn sip_header(node: &Node<'_>, services: ServiceSet) -> Option<String> {
    if !services.is_empty() && !services.iter().any(Service::takes_sip_header) {
        let message = format!("{} numbers have no custom SIP header. Leave it out.", services.labels());
        node.refuse("invalid_value", message);
        return None;
    }
    node.parsed(|text| check_sip_header(text).map(|()| text.to_owned()))
}
