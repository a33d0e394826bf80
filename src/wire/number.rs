//! Numbers as the API shows them.

use schemars::JsonSchema;
use serde::Serialize;

use super::error::Error;
use super::etag::Resource;
use super::status::{AssignmentStatus, ServiceProvisioningStatus};
use crate::domain::number::content_id;
use crate::domain::{E164, Number, NumberAsSent, NumberSettings, Service, TeamsSettings};

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
    /// The services of the number. One that is left out is not enabled; one that is sent as not enabled is answered so.
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
    /// What was chosen of the usage's capabilities: a set, answered in the order in which it was sent.
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
    /// Further usages: a set, answered in the order in which it was sent.
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
    /// The country shown with the number, as two letters of ISO 3166; North American toll-free numbers need it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^([A-Za-z]{2})?$"))]
    pub displayed_country_code: Option<String>,
}

/// What does not belong to one service of a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NumberConfiguration {
    /// The value of the deployment's SIP header in calls of this number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), regex(pattern = "^[A-Za-z0-9_-]*$"))]
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

impl TeamsNumberConfig {
    /// The settings with their lists as a program sent them.
    fn as_sent(teams: &TeamsSettings, as_sent: Option<&NumberAsSent>) -> Self {
        let mut config = Self::from(teams);
        if let Some(as_sent) = as_sent {
            config.choosable_capabilities = as_sent.capabilities(teams).to_vec();
            config.additional_usages = config.additional_usages.map(|_| as_sent.usages(teams).to_vec());
        }
        config
    }
}

impl From<&Number> for NumberResource {
    fn from(number: &Number) -> Self {
        let assignment = if number.assigned { AssignmentStatus::Assigned } else { AssignmentStatus::Unassigned };
        let mut resource =
            Self::as_sent(&number.account, number.telephone_number, &number.settings, number.as_sent.as_deref());
        resource.service_provisioning_status = Some(number.state.into());
        resource.service_provisioning_errors =
            Some(number.error.iter().flat_map(|error| error.each()).map(Error::from).collect());
        let details = &mut resource.service_details;
        for service in [&mut details.teams_operator_connect, &mut details.teams_phone_mobile].into_iter().flatten() {
            service.assignment_status = Some(assignment).filter(|_| service.enabled);
        }
        resource
    }
}

impl NumberResource {
    /// The body with which a client would put a number with these settings.
    pub fn body(account: &str, number: E164, settings: &NumberSettings) -> Self {
        Self::as_sent(account, number, settings, None)
    }

    /// The body with which a client would put the number as it is.
    pub fn kept(number: &Number) -> Self {
        Self::as_sent(&number.account, number.telephone_number, &number.settings, number.as_sent.as_deref())
    }

    fn as_sent(account: &str, number: E164, settings: &NumberSettings, as_sent: Option<&NumberAsSent>) -> Self {
        let mut service_details = NumberServiceDetails::default();
        for service in settings.services.iter() {
            service_details.set(service, true, || Some(TeamsNumberConfig::as_sent(&settings.teams, as_sent)));
        }
        for (service, teams) in as_sent.into_iter().flat_map(|as_sent| as_sent.disabled(settings.services)) {
            service_details.set(service, false, || teams.map(TeamsNumberConfig::from));
        }
        Self {
            service_provisioning_status: None,
            service_provisioning_errors: None,
            telephone_number: number.to_string(),
            account_name: account.to_owned(),
            service_details,
            configuration: settings
                .custom_sip_header
                .clone()
                .map(|header| NumberConfiguration { custom_sip_header: Some(header) }),
        }
    }
}

impl NumberServiceDetails {
    fn set(&mut self, service: Service, enabled: bool, configuration: impl FnOnce() -> Option<TeamsNumberConfig>) {
        let plain = Some(ServiceNumberDetails { enabled });
        match service {
            Service::OperatorConnect => {
                self.teams_operator_connect = Some(TeamsNumberDetails::new(enabled, configuration()));
            }
            Service::TeamsPhoneMobile => {
                self.teams_phone_mobile = Some(TeamsNumberDetails::new(enabled, configuration()));
            }
            Service::DirectRouting => self.teams_direct_routing = plain,
            Service::ZoomPhoneCloudPeering => self.zoom_phone_cloud_peering = plain,
            Service::CallProtection => self.azure_operator_call_protection = plain,
        }
    }
}

impl TeamsNumberDetails {
    const fn new(enabled: bool, configuration: Option<TeamsNumberConfig>) -> Self {
        Self { enabled, assignment_status: None, configuration }
    }
}

/// A number as it is answered, with its tag.
#[derive(Clone, Copy, Debug)]
pub struct TaggedNumber<'a>(pub &'a Number);

impl Serialize for TaggedNumber<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        NumberResource::from(self.0).serialize(serializer)
    }
}

impl Resource for TaggedNumber<'_> {
    /// Everything that can be set on a number, here or in the portal: what the contract has no words for counts too.
    fn desired(&self) -> i64 {
        let Number { account, telephone_number, settings, as_sent, .. } = self.0;
        content_id(&(&**account, telephone_number, &**settings, as_sent.as_deref().and_then(NumberAsSent::settable)))
    }
}
