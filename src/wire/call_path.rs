//! Numbers for what routes calls. This is no part of the contract.

use schemars::JsonSchema;
use serde::Serialize;

use super::status::ServiceProvisioningStatus;
use crate::domain::call_path::{RoutedNumber, Subdomain};
use crate::domain::direct_routing::Zones;

/// What a call to or from a number has to know of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallPathNumber {
    /// The number in E.164 form.
    pub telephone_number: String,
    /// The account that has it.
    pub account_name: String,
    /// Its services, by the contract's names: one at most of `teamsOperatorConnect`, `teamsPhoneMobile` and
    /// `teamsDirectRouting`, beside it `zoomPhoneCloudPeering` and `azureOperatorCallProtection`.
    pub services: Vec<String>,
    /// How far it has come to its backend. It belongs to the account whatever this says.
    pub service_provisioning_status: ServiceProvisioningStatus,
    /// The account's tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teams_tenant_id: Option<String>,
    /// How calls of the account's tenant are told apart, where the account has a subdomain of Direct Routing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direct_routing: Option<CallPathDirectRouting>,
    /// The header to add to calls on their way to the operator's network, where the number has a value for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_sip_header: Option<CallPathHeader>,
}

/// What Direct Routing of an account means for its calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallPathDirectRouting {
    /// The account's subdomain.
    pub subdomain: String,
    /// Its full name in each region, in their order; none where the deployment has no base domain.
    pub names: Vec<String>,
    /// Whether a call of this tenant from a number that its account has not is to be refused (403).
    pub call_screening: bool,
}

/// A SIP header with its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallPathHeader {
    /// Its name, the same in the whole deployment.
    pub name: String,
    /// Its value for this number.
    pub value: String,
}

/// A page of all numbers, or of what changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallPathNumbers {
    /// Numbers to put into the copy, each in place of what it has of it.
    pub numbers: Vec<CallPathNumber>,
    /// Numbers to take out of it.
    pub removed: Vec<String>,
    /// Whether the page is one of those that hand over every number.
    pub full: bool,
    /// Whether to ask for the next page at once.
    pub more: bool,
    /// What to ask for the next page with, at once or later.
    pub cursor: String,
}

/// What the deployment adds to each number.
#[derive(Clone, Copy, Debug)]
pub struct CallPathForm<'a> {
    /// The names of Direct Routing; none where there is no base domain.
    pub zones: Option<&'a Zones>,
    /// Name of the SIP header.
    pub header: &'a str,
}

impl CallPathForm<'_> {
    /// A number as it is told.
    #[must_use]
    pub fn number(&self, number: RoutedNumber) -> CallPathNumber {
        CallPathNumber {
            telephone_number: number.telephone_number.to_string(),
            account_name: number.account,
            services: number.services.iter().map(|service| service.contract_name().to_owned()).collect(),
            service_provisioning_status: number.state.into(),
            teams_tenant_id: number.tenant_id,
            direct_routing: number.subdomain.map(|subdomain| self.direct_routing(subdomain)),
            custom_sip_header: number.sip_header.map(|value| CallPathHeader { name: self.header.to_owned(), value }),
        }
    }

    fn direct_routing(&self, subdomain: Subdomain) -> CallPathDirectRouting {
        CallPathDirectRouting {
            names: self.zones.map(|zones| zones.names(&subdomain.label)).unwrap_or_default(),
            call_screening: subdomain.call_screening,
            subdomain: subdomain.label,
        }
    }
}
