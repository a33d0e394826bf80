//! The form that creates and edits an account.

use serde::Deserialize;

use crate::domain::{Account, AccountForm, Service, ServiceSet};

/// What was sent. `service` and `sync` hold the keys of what is ticked.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    name: String,
    tenant: String,
    correlation_id: String,
    service: Vec<String>,
    sync: Vec<String>,
    ticket: String,
    pub(super) version: String,
}

fn set(keys: &[String]) -> ServiceSet {
    keys.iter().filter_map(|key| Service::from_key(key)).collect()
}

impl From<Sent> for AccountForm {
    fn from(sent: Sent) -> Self {
        Self {
            name: sent.name,
            tenant_id: sent.tenant,
            correlation_id: sent.correlation_id,
            services: set(&sent.service),
            synced: set(&sent.sync),
            ticket: sent.ticket,
            direct_routing: None,
        }
    }
}

/// The form that an account's page begins with.
pub(super) fn of(account: &Account) -> AccountForm {
    AccountForm {
        name: account.name.clone(),
        tenant_id: account.tenant_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        correlation_id: account.correlation_id.clone().unwrap_or_default(),
        services: account.services,
        synced: account.synced,
        direct_routing: account.direct_routing.clone(),
        ticket: String::new(),
    }
}

/// One service of the form.
pub(super) struct ServiceField {
    pub(super) key: &'static str,
    pub(super) label: &'static str,
    pub(super) hint: &'static str,
    pub(super) enabled: bool,
    pub(super) synced: bool,
}

/// Every service with what is ticked.
pub(super) fn fields(form: &AccountForm) -> Vec<ServiceField> {
    let hint = |service| match service {
        Service::TeamsPhoneMobile => "Mobile numbers that ring in Teams too",
        _ => "The enterprise assigns the numbers to its users in Teams",
    };
    Service::BACKED
        .into_iter()
        .map(|service| ServiceField {
            key: service.key(),
            label: service.label(),
            hint: hint(service),
            enabled: form.services.contains(service),
            synced: form.synced.contains(service),
        })
        .collect()
}

/// What a form or an account says, in words, to compare two of them.
pub(super) fn described(form: &AccountForm) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("Tenant ID", form.tenant_id.trim().to_owned()),
        ("Correlation ID", form.correlation_id.trim().to_owned()),
    ];
    for service in Service::BACKED {
        let state = match (form.services.contains(service), form.synced.contains(service)) {
            (false, _) => "Off",
            (true, true) => "Enabled, sync on",
            (true, false) => "Enabled, sync off",
        };
        lines.push((service.label(), state.to_owned()));
    }
    lines
}
