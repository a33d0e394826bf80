//! Reading the body with which a client puts an account.

use super::InputProblem;
use super::reader::{self, Node, Object, Read};
use crate::domain::account::{CORRELATION_ID_MAX, NO_TOKEN, sentence};
use crate::domain::direct_routing::{parse_label, parse_token};
use crate::domain::{
    AccountAsSent, AccountDraft, AccountName, DirectRouting, SentAccount, Service, ServiceSet, TenantId,
    as_sent::Unread,
};

/// Reads the account that shall have this name, where the request's address says one.
pub fn read_account(body: &[u8], name: Option<&AccountName>) -> Read<Option<SentAccount>> {
    reader::gathered(body, |account| {
        let given = account.required("name");
        let given = match (given, name) {
            (Some(given), Some(name)) => {
                given.must_be("name_mismatch", name.as_str());
                None
            }
            (Some(given), None) => given.parsed(AccountName::parse),
            (None, _) => None,
        };
        // Read even where the name is none: its other problems are told too.
        name.cloned().or(given).or_else(unnamed).map(|name| sent(account, &name))
    })
}

fn unnamed() -> Option<AccountName> {
    AccountName::parse("unnamed").ok()
}

/// The account of a list, under the name that it has there.
pub(super) fn read_listed_account(body: &[u8]) -> Result<AccountDraft, Vec<InputProblem>> {
    let read = reader::body(body, |account| {
        let name = account.required("name").and_then(|node| node.parsed(AccountName::parse));
        // Read even where the name is none: its other problems are told too.
        name.or_else(unnamed).map(|name| sent(account, &name).draft)
    })?;
    read.ok_or_else(Vec::new)
}

fn sent(account: &Object<'_>, name: &AccountName) -> SentAccount {
    account.spelt_right(&["correlationId", "serviceDetails"], &["name"]);
    let mut sent = SentAccount {
        draft: AccountDraft {
            name: name.clone(),
            tenant_id: None,
            correlation_id: account.filled("correlationId").and_then(|node| correlation_id(&node)),
            services: ServiceSet::default(),
            synced: ServiceSet::default(),
            direct_routing: None,
            ticket: None,
        },
        as_sent: AccountAsSent::default(),
        unread: Unread::default(),
    };
    if let Some(details) = account.optional("serviceDetails") {
        match details.object() {
            Some(details) => read_services(&details, &mut sent),
            None => sent.unread = Unread { services: ServiceSet::ALL, tenant: true },
        }
    }
    sent
}

fn correlation_id(node: &Node<'_>) -> Option<String> {
    let text = node.text_up_to(CORRELATION_ID_MAX)?;
    if text.chars().any(char::is_control) {
        node.refuse("invalid_value", "The correlation ID holds a control character; use printable characters.");
        return None;
    }
    Some(text.to_owned())
}

fn read_services(details: &Object<'_>, sent: &mut SentAccount) {
    details.spelt_right(&super::service_names(&["teamsTenantId"]), &[]);
    for service in Service::ALL {
        let Some(node) = details.optional(service.contract_name()) else { continue };
        match node.object().and_then(|found| read_service(&found, service, sent)) {
            Some(true) => sent.draft.services = sent.draft.services.or(service.into()),
            Some(false) => sent.as_sent.disabled = sent.as_sent.disabled.or(service.into()),
            None => sent.unread.services = sent.unread.services.or(service.into()),
        }
    }
    let given = details.filled("teamsTenantId");
    sent.draft.tenant_id =
        given.as_ref().and_then(|node| node.parsed(|text| TenantId::parse(text).map_err(|e| sentence(&e.to_string()))));
    sent.unread.tenant = given.is_some() && sent.draft.tenant_id.is_none();
    let backed = sent.draft.services.and(ServiceSet::WITH_TEAMS_SETTINGS);
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

/// Reads a service, and whether it is enabled.
fn read_service(found: &Object<'_>, service: Service, sent: &mut SentAccount) -> Option<bool> {
    let enabled = found.required("enabled").and_then(Node::boolean);
    let synced =
        ServiceSet::WITH_SYNC.contains(service) && found.required("syncEnabled").and_then(Node::boolean) == Some(true);
    if synced {
        sent.draft.synced = sent.draft.synced.or(service.into());
    }
    if service == Service::DirectRouting {
        found.spelt_right(&["configuration"], &["enabled", "syncEnabled"]);
        let configuration = found.optional("configuration").and_then(Node::object);
        let routing = configuration.and_then(|configuration| direct_routing(&configuration));
        *(if enabled == Some(true) { &mut sent.draft.direct_routing } else { &mut sent.as_sent.direct_routing }) =
            routing;
    }
    enabled
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
    configuration.spelt_right(&["callScreening"], &["subdomain", "subdomainTokens"]);
    // The calls are screened unless a program says otherwise.
    let call_screening = configuration.optional("callScreening").map_or(Some(true), Node::boolean);
    let subdomain = configuration.required("subdomain").and_then(|node| node.parsed(label));
    let tokens = configuration.required("subdomainTokens").and_then(Node::object).map(|tokens| {
        ["region1Token", "region2Token"].map(|region| tokens.required(region).and_then(|node| node.parsed(token)))
    });
    let [first, second] = tokens?;
    Some(DirectRouting { call_screening: call_screening?, subdomain: subdomain?, tokens: [first?, second?] })
}
