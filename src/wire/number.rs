//! Numbers as the API shows them.

use schemars::JsonSchema;
use serde::Serialize;

use super::error::Error;
use super::etag::Resource;
use super::status::{AssignmentStatus, ServiceProvisioningStatus};
use crate::domain::number::content_id;
use crate::domain::{E164, Number, NumberSettings, Service, TeamsSettings};

/// A telephone number of an account and what it is used for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NumberResource {
    /// How far the number has come to its backend.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub service_provisioning_status: Option<ServiceProvisioningStatus>,
    /// What the backend said against it, word for word; empty when nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub service_provisioning_errors: Option<Vec<Error>>,
    /// The number in E.164 form, the same as in the request's address.
    #[schemars(length(min = 3, max = 16), regex(pattern = r"^\+[1-9][0-9]{1,14}$"))]
    pub telephone_number: String,
    /// The account that has the number, the same as in the request's address.
    #[schemars(length(min = 1, max = 100), regex(pattern = "^[A-Za-z0-9_-]+$"))]
    pub account_name: String,
    /// The services of the number. One that is left out is not enabled.
    pub service_details: NumberServiceDetails,
    /// What does not belong to one service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration: Option<NumberConfiguration>,
}

/// The services of a number: one at most of Operator Connect, Teams Phone Mobile and Direct Routing. The account has to
/// have each of them enabled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NumberServiceDetails {
    /// Operator Connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teams_operator_connect: Option<TeamsNumberDetails>,
    /// Direct Routing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teams_direct_routing: Option<ServiceNumberDetails>,
    /// Teams Phone Mobile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teams_phone_mobile: Option<TeamsNumberDetails>,
    /// Zoom Phone Cloud Peering.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zoom_phone_cloud_peering: Option<ServiceNumberDetails>,
    /// Azure Operator Call Protection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure_operator_call_protection: Option<ServiceNumberDetails>,
}

/// A service of a number that needs no settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceNumberDetails {
    /// Whether the number uses the service.
    pub enabled: bool,
}

/// Operator Connect or Teams Phone Mobile of a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamsNumberDetails {
    /// Whether the number uses the service.
    pub enabled: bool,
    /// Whether somebody uses the number, as the backend says; in a body it is ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignment_status: Option<AssignmentStatus>,
    /// What the backend has to know; required where the service is enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration: Option<TeamsNumberConfig>,
}

/// What Operator Connect or Teams Phone Mobile has to know of a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TeamsCommonNumberConfig")]
pub struct TeamsNumberConfig {
    /// What the number is for: a usage of the tenant's capability plans, such as `CallingUserAssignment`.
    #[schemars(length(max = 256))]
    pub usage: String,
    /// What was chosen of the usage's capabilities; a set, answered in alphabetical order.
    #[schemars(length(max = 100), inner(length(max = 256)))]
    pub choosable_capabilities: Vec<String>,
    /// What the number can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub acquired_capabilities: Option<Vec<String>>,
    /// What the number could do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub available_capabilities: Option<Vec<String>>,
    /// Further usages; a set, answered in alphabetical order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(max = 256)))]
    pub additional_usages: Option<Vec<String>>,
    /// The emergency address: one of the tenant's civic addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub civic_address_id: Option<String>,
    /// A place within the emergency address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub location_id: Option<String>,
    /// Whether the enterprise may change the emergency address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub allow_tenant_address_update: Option<bool>,
    /// The country shown with the number, as two letters; North American toll-free numbers need it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^([A-Z]{2})?$"))]
    pub displayed_country_code: Option<String>,
}

/// What does not belong to one service of a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NumberConfiguration {
    /// The value of the deployment's SIP header in calls of this number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100), regex(pattern = "^[A-Za-z0-9_-]+$"))]
    pub custom_sip_header: Option<String>,
}

/// Numbers that are put, or were put, in one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BatchNumbers {
    /// The numbers, each once.
    #[schemars(length(min = 1, max = 100))]
    pub numbers: Vec<NumberResource>,
}

impl<'a> FromIterator<&'a Number> for BatchNumbers {
    fn from_iter<I: IntoIterator<Item = &'a Number>>(numbers: I) -> Self {
        Self { numbers: numbers.into_iter().map(NumberResource::from).collect() }
    }
}

impl From<&TeamsSettings> for TeamsNumberConfig {
    fn from(teams: &TeamsSettings) -> Self {
        Self {
            usage: teams.usage.clone(),
            choosable_capabilities: teams.choosable_capabilities.clone(),
            acquired_capabilities: None,
            available_capabilities: None,
            additional_usages: Some(teams.additional_usages.clone()).filter(|usages| !usages.is_empty()),
            civic_address_id: teams.civic_address_id.clone(),
            location_id: teams.location_id.clone(),
            allow_tenant_address_update: Some(teams.allow_tenant_address_update),
            displayed_country_code: teams.displayed_country_code.clone(),
        }
    }
}

impl From<&Number> for NumberResource {
    fn from(number: &Number) -> Self {
        let assignment = if number.assigned { AssignmentStatus::Assigned } else { AssignmentStatus::Unassigned };
        let mut resource = Self::body(&number.account, number.telephone_number, &number.settings);
        resource.service_provisioning_status = Some(number.state.into());
        resource.service_provisioning_errors =
            Some(number.error.iter().flat_map(|error| error.each()).map(Error::from).collect());
        let details = &mut resource.service_details;
        for service in [&mut details.teams_operator_connect, &mut details.teams_phone_mobile].into_iter().flatten() {
            service.assignment_status = Some(assignment);
        }
        resource
    }
}

impl NumberResource {
    /// The body with which a client would put the number.
    pub fn body(account: &str, number: E164, settings: &NumberSettings) -> Self {
        let enabled = |service| settings.services.contains(service).then_some(ServiceNumberDetails { enabled: true });
        let teams = |service| {
            enabled(service).map(|_| TeamsNumberDetails {
                enabled: true,
                assignment_status: None,
                configuration: Some(TeamsNumberConfig::from(&settings.teams)),
            })
        };
        Self {
            service_provisioning_status: None,
            service_provisioning_errors: None,
            telephone_number: number.to_string(),
            account_name: account.to_owned(),
            service_details: NumberServiceDetails {
                teams_operator_connect: teams(Service::OperatorConnect),
                teams_direct_routing: enabled(Service::DirectRouting),
                teams_phone_mobile: teams(Service::TeamsPhoneMobile),
                zoom_phone_cloud_peering: enabled(Service::ZoomPhoneCloudPeering),
                azure_operator_call_protection: enabled(Service::CallProtection),
            },
            configuration: settings
                .custom_sip_header
                .clone()
                .map(|header| NumberConfiguration { custom_sip_header: Some(header) }),
        }
    }
}

impl Resource for NumberResource {
    fn desired(&self) -> i64 {
        let mut desired = Self { service_provisioning_status: None, service_provisioning_errors: None, ..self.clone() };
        let details = &mut desired.service_details;
        for service in [&mut details.teams_operator_connect, &mut details.teams_phone_mobile].into_iter().flatten() {
            service.assignment_status = None;
        }
        content_id(&desired)
    }
}
