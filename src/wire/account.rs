//! Accounts as the API shows them.

use schemars::JsonSchema;
use serde::Serialize;

use super::direct_routing::DirectRoutingConfig;
use super::error::Error;
use super::etag::Resource;
use super::status::{ServiceProvisioningStatus, SubdomainStatus};
use crate::domain::field::filled;
use crate::domain::number::content_id;
use crate::domain::{
    Account, AccountAsSent, AccountDraft, AccountForm, DirectRouting, DirectRoutingForm, Service, ServiceSet,
};

/// An account: an operator's customer, the services it takes, and what they need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountResource {
    /// How far the account has come to its backends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub service_provisioning_status: Option<ServiceProvisioningStatus>,
    /// What the backends said against it; empty when nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub service_provisioning_errors: Option<Vec<Error>>,
    /// The account's name, the same as in the request's address; upper and lower case differ.
    #[schemars(length(min = 1, max = 100), regex(pattern = "^[A-Za-z0-9_-]+$"))]
    pub name: String,
    /// The operator's own reference, up to 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub correlation_id: Option<String>,
    /// The services of the account. One that is left out is neither enabled nor to be synced; one that is sent as not enabled
    /// is answered as it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_details: Option<AccountServiceDetails>,
}

/// The services of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountServiceDetails {
    /// The enterprise's Microsoft Entra tenant, a GUID. Operator Connect and Teams Phone Mobile need it; it stays as it is
    /// while the account has numbers of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})?$"))]
    pub teams_tenant_id: Option<String>,
    /// Operator Connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teams_operator_connect: Option<SyncedAccountDetails>,
    /// Direct Routing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teams_direct_routing: Option<DirectRoutingAccountDetails>,
    /// Teams Phone Mobile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teams_phone_mobile: Option<SyncedAccountDetails>,
    /// Zoom Phone Cloud Peering.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zoom_phone_cloud_peering: Option<SyncedAccountDetails>,
    /// Azure Operator Call Protection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure_operator_call_protection: Option<CallProtectionAccountDetails>,
}

/// A service of an account that may be synced with its backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncedAccountDetails {
    /// Whether numbers are pushed to the service's backend.
    pub sync_enabled: bool,
    /// Whether the account takes the service.
    pub enabled: bool,
    /// How many of the account's numbers have the service enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub number_count: Option<i64>,
}

/// Direct Routing of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TeamsDirectRoutingAccountDetails")]
pub struct DirectRoutingAccountDetails {
    /// Kept as it is sent; Direct Routing has no backend to push to.
    pub sync_enabled: bool,
    /// Whether the account takes the service.
    pub enabled: bool,
    /// How many of the account's numbers have the service enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub number_count: Option<i64>,
    /// The account's names in DNS. Without it the account has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration: Option<DirectRoutingConfig>,
    /// Whether the account's names in DNS are answered as they should be; in every answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SubdomainStatus", extend("readOnly" = true))]
    pub subdomain_status: Option<SubdomainStatus>,
}

/// Call Protection of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AzureOperatorCallProtectionAccountDetails")]
pub struct CallProtectionAccountDetails {
    /// Whether the account takes the service.
    pub enabled: bool,
    /// How many of the account's numbers have the service enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub number_count: Option<i64>,
}

impl AccountResource {
    /// An account as it is answered. `numbers` says how many numbers have each service; a service that is not in it has
    /// none. An account itself is pushed to no backend, so it is always synced.
    pub fn new(account: &Account, numbers: &[(Service, i64)], subdomain: SubdomainStatus) -> Self {
        let desired = Desired::from(account);
        let answer = AnswerOnly { numbers, subdomain };
        let tenant = account.tenant_id.as_ref().map(ToString::to_string);
        Self {
            service_provisioning_status: Some(ServiceProvisioningStatus::Synced),
            service_provisioning_errors: Some(Vec::new()),
            name: account.name.clone(),
            correlation_id: account.correlation_id.clone(),
            service_details: Some(desired.details(tenant, Some(&answer))),
        }
    }

    /// The body with which a client would put what stands in the form, right or wrong, and what was sent of the account
    /// besides.
    pub fn typed(form: &AccountForm, as_sent: Option<&AccountAsSent>) -> Self {
        let text = |text| filled(text).map(str::to_owned);
        let DirectRoutingForm { call_screening, subdomain, tokens } = &form.direct_routing;
        let direct_routing = form.services.contains(Service::DirectRouting).then(|| DirectRouting {
            call_screening: *call_screening,
            subdomain: subdomain.trim().to_owned(),
            tokens: tokens.each_ref().map(|token| token.trim().to_owned()),
        });
        let desired = Desired {
            services: form.services,
            synced: form.all_synced(),
            direct_routing: direct_routing.as_ref(),
            as_sent,
        };
        Self {
            service_provisioning_status: None,
            service_provisioning_errors: None,
            name: form.name.trim().to_owned(),
            correlation_id: text(&form.correlation_id),
            service_details: Some(desired.details(text(&form.tenant_id), None)),
        }
    }

    /// The body with which a client would put the account as it is.
    pub fn kept(account: &Account) -> Self {
        let desired = Desired::from(account);
        Self {
            service_provisioning_status: None,
            service_provisioning_errors: None,
            name: account.name.clone(),
            correlation_id: account.correlation_id.clone(),
            service_details: Some(desired.details(account.tenant_id.as_ref().map(ToString::to_string), None)),
        }
    }

    /// The body with which a client would put the account, and what was sent of it besides.
    pub fn body(draft: &AccountDraft, as_sent: Option<&AccountAsSent>) -> Self {
        let desired = Desired {
            services: draft.services,
            synced: draft.synced,
            direct_routing: draft.direct_routing.as_ref(),
            as_sent,
        };
        Self {
            service_provisioning_status: None,
            service_provisioning_errors: None,
            name: draft.name.to_string(),
            correlation_id: draft.correlation_id.clone(),
            service_details: Some(desired.details(draft.tenant_id.as_ref().map(ToString::to_string), None)),
        }
    }
}

impl Resource for AccountResource {
    fn desired(&self) -> i64 {
        let mut desired = Self { service_provisioning_status: None, service_provisioning_errors: None, ..self.clone() };
        if let Some(details) = &mut desired.service_details {
            let synced = [
                &mut details.teams_operator_connect,
                &mut details.teams_phone_mobile,
                &mut details.zoom_phone_cloud_peering,
            ];
            for service in synced.into_iter().flatten() {
                service.number_count = None;
            }
            if let Some(routing) = &mut details.teams_direct_routing {
                (routing.number_count, routing.subdomain_status) = (None, None);
            }
            if let Some(protection) = &mut details.azure_operator_call_protection {
                protection.number_count = None;
            }
        }
        content_id(&desired)
    }
}

/// What a client sets on an account's services.
struct Desired<'a> {
    services: ServiceSet,
    synced: ServiceSet,
    direct_routing: Option<&'a DirectRouting>,
    as_sent: Option<&'a AccountAsSent>,
}

impl<'a> From<&'a Account> for Desired<'a> {
    fn from(account: &'a Account) -> Self {
        Self {
            services: account.services,
            synced: account.synced,
            direct_routing: account.direct_routing.as_ref(),
            as_sent: Some(&account.as_sent),
        }
    }
}

/// What only an answer says.
struct AnswerOnly<'a> {
    numbers: &'a [(Service, i64)],
    subdomain: SubdomainStatus,
}

impl AnswerOnly<'_> {
    fn count(&self, service: Service) -> i64 {
        self.numbers.iter().filter(|(counted, _)| *counted == service).map(|(_, count)| count).sum()
    }
}

impl Desired<'_> {
    fn details(&self, teams_tenant_id: Option<String>, answer: Option<&AnswerOnly<'_>>) -> AccountServiceDetails {
        let count = |service| answer.map(|answer| answer.count(service));
        let named = self.as_sent.map_or(ServiceSet::default(), |as_sent| as_sent.disabled);
        let switched_off = self
            .as_sent
            .and_then(|as_sent| as_sent.direct_routing.as_ref())
            .filter(|_| !self.services.contains(Service::DirectRouting));
        let synced = |service| {
            self.services.or(self.synced).or(named).contains(service).then(|| SyncedAccountDetails {
                sync_enabled: self.synced.contains(service),
                enabled: self.services.contains(service),
                number_count: count(service),
            })
        };
        AccountServiceDetails {
            teams_tenant_id,
            teams_operator_connect: synced(Service::OperatorConnect),
            teams_direct_routing: synced(Service::DirectRouting).map(|details| DirectRoutingAccountDetails {
                sync_enabled: details.sync_enabled,
                enabled: details.enabled,
                number_count: details.number_count,
                configuration: self.direct_routing.or(switched_off).map(DirectRoutingConfig::from),
                subdomain_status: answer.map(|answer| answer.subdomain),
            }),
            teams_phone_mobile: synced(Service::TeamsPhoneMobile),
            zoom_phone_cloud_peering: synced(Service::ZoomPhoneCloudPeering),
            azure_operator_call_protection: synced(Service::CallProtection).map(|details| {
                CallProtectionAccountDetails { enabled: details.enabled, number_count: details.number_count }
            }),
        }
    }
}
