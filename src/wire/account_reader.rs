//! Reading the body with which a client puts an account.

use super::InputProblem;
use super::reader::{self, Node, Object};
use crate::domain::account::{CORRELATION_ID_MAX, NO_TOKEN, sentence};
use crate::domain::direct_routing::{parse_label, parse_token};
use crate::domain::{AccountDraft, AccountName, DirectRouting, Service, ServiceSet, TenantId};

/// Reads the account that shall have this name.
///
/// # Errors
/// Every problem of the body.
pub fn read_account(body: &[u8], name: &AccountName) -> Result<AccountDraft, Vec<InputProblem>> {
    reader::body(body, |account| {
        if let Some(given) = account.required("name") {
            given.must_be("name_mismatch", name.as_str());
        }
        draft(account, name)
    })
}

/// The account of a list, under the name that it has there.
pub(super) fn read_listed_account(body: &[u8]) -> Result<AccountDraft, Vec<InputProblem>> {
    let read = reader::body(body, |account| {
        let name = account.required("name").and_then(|node| node.parsed(AccountName::parse));
        // Read even where the name is none: its other problems are told too.
        name.or_else(|| AccountName::parse("unnamed").ok()).map(|name| draft(account, &name))
    })?;
    read.ok_or_else(Vec::new)
}

fn draft(account: &Object<'_>, name: &AccountName) -> AccountDraft {
    let mut draft = AccountDraft {
        name: name.clone(),
        tenant_id: None,
        correlation_id: account.optional("correlationId").and_then(|node| correlation_id(&node)),
        services: ServiceSet::default(),
        synced: ServiceSet::default(),
        direct_routing: None,
        ticket: None,
    };
    if let Some(details) = account.optional("serviceDetails").and_then(Node::object) {
        read_services(&details, &mut draft);
    }
    draft
}

/// An empty reference is none.
fn correlation_id(node: &Node<'_>) -> Option<String> {
    let text = node.text_up_to(CORRELATION_ID_MAX)?;
    if text.chars().any(char::is_control) {
        node.refuse("invalid_value", "The correlation ID holds a control character; use printable characters.");
        return None;
    }
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

fn read_services(details: &Object<'_>, draft: &mut AccountDraft) {
    for service in Service::ALL {
        let Some(found) = details.optional(service.contract_name()).and_then(Node::object) else { continue };
        let enabled = found.required("enabled").and_then(Node::boolean) == Some(true);
        // Call Protection has no backend and says nothing about one.
        let synced =
            service != Service::CallProtection && found.required("syncEnabled").and_then(Node::boolean) == Some(true);
        if service == Service::DirectRouting {
            let configuration = found.optional("configuration").and_then(Node::object);
            let routing = configuration.and_then(|configuration| direct_routing(&configuration));
            draft.direct_routing = routing.filter(|_| enabled);
        }
        if enabled {
            draft.services = draft.services.or(service.into());
        }
        if synced {
            draft.synced = draft.synced.or(service.into());
        }
    }
    let given = details.optional("teamsTenantId");
    draft.tenant_id =
        given.as_ref().and_then(|node| node.parsed(|text| TenantId::parse(text).map_err(|e| sentence(&e.to_string()))));
    let backed = draft.services.and(ServiceSet::WITH_TEAMS_SETTINGS);
    if given.is_none() && !backed.is_empty() {
        details.refuse(
            "teamsTenantId",
            "missing_property",
            format!(
                "{} needs the enterprise's tenant ID, such as a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a.",
                backed.labels()
            ),
        );
    }
}

/// A token, or nothing yet.
fn token(text: &str) -> Result<String, String> {
    if text == NO_TOKEN { Ok(String::new()) } else { parse_token(text) }
}

/// A label; its problems in one message, because each field has one.
fn label(text: &str) -> Result<String, String> {
    parse_label(text).map_err(|problems| problems.join(" "))
}

/// What Direct Routing needs; `None` where a part of it is missing or wrong.
fn direct_routing(configuration: &Object<'_>) -> Option<DirectRouting> {
    let call_screening = configuration.required("callScreening").and_then(Node::boolean);
    let subdomain = configuration.required("subdomain").and_then(|node| node.parsed(label));
    let tokens = configuration.required("subdomainTokens").and_then(Node::object).map(|tokens| {
        ["region1Token", "region2Token"].map(|region| tokens.required(region).and_then(|node| node.parsed(token)))
    });
    let [first, second] = tokens?;
    Some(DirectRouting { call_screening: call_screening?, subdomain: subdomain?, tokens: [first?, second?] })
}
