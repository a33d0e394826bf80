//! The form that creates and edits an account.

use serde::Deserialize;

use super::names::NamesView;
use crate::domain::direct_routing::token_doubt;
use crate::domain::{Account, AccountForm, DirectRoutingForm, Service, ServiceSet};
use crate::service::Ctx;

/// What was sent. `service` and `sync` hold the keys of what is ticked.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct SentAccount {
    name: String,
    tenant: String,
    correlation_id: String,
    service: Vec<String>,
    sync: Vec<String>,
    call_screening: String,
    subdomain: String,
    token1: String,
    token2: String,
    ticket: String,
    pub(super) version: String,
}

fn set(keys: &[String]) -> ServiceSet {
    keys.iter().filter_map(|key| Service::from_key(key)).collect()
}

impl SentAccount {
    /// What was typed.
    pub(super) fn form(self, ctx: &Ctx) -> AccountForm {
        // Nobody is asked whether to sync a service that has no backend.
        let unasked = ServiceSet::ALL.without(ctx.policy.backends.provisioned());
        AccountForm {
            name: self.name,
            tenant_id: self.tenant,
            correlation_id: self.correlation_id,
            services: set(&self.service),
            synced: set(&self.sync).or(unasked),
            direct_routing: DirectRoutingForm {
                call_screening: !self.call_screening.is_empty(),
                subdomain: self.subdomain,
                tokens: [self.token1, self.token2],
            },
            ticket: self.ticket,
            ..AccountForm::default()
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
        direct_routing: account.direct_routing.as_ref().map(DirectRoutingForm::from).unwrap_or_default(),
        ..AccountForm::default()
    }
}

/// One service of the form.
pub(super) struct ServiceField {
    pub(super) key: &'static str,
    pub(super) label: &'static str,
    pub(super) hint: &'static str,
    pub(super) enabled: bool,
    /// Whether it has a backend to sync with.
    pub(super) backed: bool,
    pub(super) synced: bool,
}

/// The services that are offered here and those of `kept`, with what is ticked.
pub(super) fn fields(ctx: &Ctx, form: &AccountForm, kept: ServiceSet) -> Vec<ServiceField> {
    let hint = |service| match service {
        Service::OperatorConnect => "The enterprise assigns the numbers to its users in Teams",
        Service::TeamsPhoneMobile => "Mobile numbers that ring in Teams too",
        Service::DirectRouting => {
            "Teams reaches the numbers through your session border controllers, under names of its own"
        }
        Service::ZoomPhoneCloudPeering => "The enterprise assigns the numbers to its users in Zoom Phone",
        Service::CallProtection => "Calls to the numbers are looked at for fraud",
    };
    ctx.policy
        .services
        .or(kept)
        .or(form.services)
        .iter()
        .map(|service| ServiceField {
            key: service.key(),
            label: service.label(),
            hint: hint(service),
            enabled: form.services.contains(service),
            backed: ctx.policy.backends.provisioned().contains(service),
            synced: form.synced.contains(service),
        })
        .collect()
}

/// The token of a region as the form asks for it.
pub(super) struct TokenField {
    pub(super) name: &'static str,
    pub(super) label: String,
    pub(super) hint: String,
    pub(super) value: String,
    /// What is to be said of the value, which is taken all the same.
    pub(super) doubt: &'static str,
    /// False where the deployment has no such region: what is stored stays.
    pub(super) shown: bool,
}

/// What the form asks about Direct Routing.
pub(super) struct DirectRoutingFields {
    pub(super) call_screening: bool,
    pub(super) subdomain: String,
    pub(super) tokens: Vec<TokenField>,
    pub(super) names: NamesView,
}

pub(super) fn direct_routing(ctx: &Ctx, form: &AccountForm) -> DirectRoutingFields {
    let zones = ctx.policy.zones.as_ref();
    let DirectRoutingForm { call_screening, subdomain, tokens } = &form.direct_routing;
    let names = zones.map(|zones| zones.names(subdomain.trim())).unwrap_or_default();
    let tokens = ["token1", "token2"].into_iter().zip(tokens).enumerate().map(|(index, (name, value))| TokenField {
        name,
        label: match zones.and_then(|zones| zones.regions.get(index)) {
            Some(region) => format!("Subdomain token region {} ({region})", index + 1),
            None => format!("Subdomain token region {}", index + 1),
        },
        hint: match names.get(index).filter(|_| !subdomain.trim().is_empty()) {
            Some(name) => format!("The TXT value that Microsoft 365 asks for on {}", name.to_lowercase()),
            None => "The TXT value that Microsoft 365 asks for on the name of this region".to_owned(),
        },
        value: value.clone(),
        doubt: token_doubt(value.trim()).unwrap_or_default(),
        shown: zones.is_none_or(|zones| index < zones.regions.len()),
    });
    DirectRoutingFields {
        call_screening: *call_screening,
        subdomain: subdomain.clone(),
        tokens: tokens.collect(),
        names: NamesView::of(zones, subdomain),
    }
}

/// What a form or an account says, in words, to compare two of them.
pub(super) fn described(ctx: &Ctx, form: &AccountForm) -> Vec<(&'static str, String)> {
    let (zones, provisioned) = (ctx.policy.zones.as_ref(), ctx.policy.backends.provisioned());
    let mut lines = vec![
        ("Tenant ID", form.tenant_id.trim().to_owned()),
        ("Correlation ID", form.correlation_id.trim().to_owned()),
    ];
    for service in Service::ALL {
        let state = match (form.services.contains(service), form.synced.contains(service)) {
            (false, _) => "Off",
            (true, _) if !provisioned.contains(service) => "Enabled",
            (true, true) => "Enabled, sync on",
            (true, false) => "Enabled, sync off",
        };
        lines.push((service.label(), state.to_owned()));
    }
    let routing = &form.direct_routing;
    let enabled = form.services.contains(Service::DirectRouting);
    let words = |text: &str| if enabled { text.trim().to_owned() } else { String::new() };
    lines.push(("Call screening", words(if routing.call_screening { "On" } else { "Off" })));
    lines.push(("Subdomain", words(&routing.subdomain).to_lowercase()));
    let regions = zones.map_or(2, |zones| zones.regions.len());
    let tokens = ["Subdomain token region 1", "Subdomain token region 2"].into_iter().zip(&routing.tokens);
    lines.extend(tokens.take(regions).map(|(what, token)| (what, words(token))));
    lines
}
