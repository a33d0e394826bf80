//! The communications services an account and its numbers may use.

use std::borrow::Cow;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One service. The order is the order of display.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Service {
    /// Microsoft Teams Operator Connect.
    OperatorConnect,
    /// Microsoft Teams Phone Mobile.
    TeamsPhoneMobile,
    /// Microsoft Teams Direct Routing.
    DirectRouting,
    /// Zoom Phone Cloud Peering.
    ZoomPhoneCloudPeering,
    /// Azure Operator Call Protection.
    #[serde(rename = "azureOperatorCallProtection")]
    CallProtection,
}

impl Service {
    /// Every service, in the order of display.
    pub const ALL: [Self; 5] = [
        Self::OperatorConnect,
        Self::TeamsPhoneMobile,
        Self::DirectRouting,
        Self::ZoomPhoneCloudPeering,
        Self::CallProtection,
    ];
    /// The services whose numbers a backend has to know; the others are as they should be once they are stored.
    pub const BACKED: [Self; 2] = [Self::OperatorConnect, Self::TeamsPhoneMobile];

    /// The name in addresses, forms and the backend's protocol.
    pub const fn key(self) -> &'static str {
        match self {
            Self::OperatorConnect => "operatorConnect",
            Self::TeamsPhoneMobile => "teamsPhoneMobile",
            Self::DirectRouting => "directRouting",
            Self::ZoomPhoneCloudPeering => "zoomPhoneCloudPeering",
            Self::CallProtection => "azureOperatorCallProtection",
        }
    }

    /// The name people read.
    pub const fn label(self) -> &'static str {
        match self {
            Self::OperatorConnect => "Operator Connect",
            Self::TeamsPhoneMobile => "Teams Phone Mobile",
            Self::DirectRouting => "Direct Routing",
            Self::ZoomPhoneCloudPeering => "Zoom Phone Cloud Peering",
            Self::CallProtection => "Azure Operator Call Protection",
        }
    }

    /// The prefix of the service's CSV columns (reference: the Provisioning API's JSON path joined by `_`).
    pub const fn csv_prefix(self) -> &'static str {
        match self {
            Self::OperatorConnect => "serviceDetails_teamsOperatorConnect",
            Self::TeamsPhoneMobile => "serviceDetails_teamsPhoneMobile",
            Self::DirectRouting => "serviceDetails_teamsDirectRouting",
            Self::ZoomPhoneCloudPeering => "serviceDetails_zoomPhoneCloudPeering",
            Self::CallProtection => "serviceDetails_azureOperatorCallProtection",
        }
    }

    /// The property of `serviceDetails` in the Provisioning API.
    pub const fn contract_name(self) -> &'static str {
        match self {
            Self::OperatorConnect => "teamsOperatorConnect",
            Self::TeamsPhoneMobile => "teamsPhoneMobile",
            Self::DirectRouting => "teamsDirectRouting",
            Self::ZoomPhoneCloudPeering => "zoomPhoneCloudPeering",
            Self::CallProtection => "azureOperatorCallProtection",
        }
    }

    /// The word that names the service as the target of an error.
    pub const fn target(self) -> &'static str {
        match self {
            Self::OperatorConnect => "oc",
            Self::TeamsPhoneMobile => "tpm",
            Self::DirectRouting => "dr",
            Self::ZoomPhoneCloudPeering => "zoom",
            Self::CallProtection => "aocp",
        }
    }

    /// The service with this key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.key() == key)
    }

    /// True where a custom SIP header can be sent (never for Teams Phone Mobile and Call Protection).
    pub const fn takes_sip_header(self) -> bool {
        !matches!(self, Self::TeamsPhoneMobile | Self::CallProtection)
    }

    const fn bit(self) -> i64 {
        match self {
            Self::OperatorConnect => 1,
            Self::TeamsPhoneMobile => 2,
            Self::DirectRouting => 4,
            Self::ZoomPhoneCloudPeering => 8,
            Self::CallProtection => 16,
        }
    }
}

impl FromStr for Service {
    type Err = ();
    fn from_str(key: &str) -> Result<Self, ()> {
        Self::from_key(key).ok_or(())
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// A set of services, stored as the bits of an integer so that one SQL expression compares two sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ServiceSet(i64);

impl ServiceSet {
    /// The services whose numbers a backend has to know ([`Service::BACKED`]).
    pub const BACKED: Self = Self(Service::OperatorConnect.bit() | Service::TeamsPhoneMobile.bit());
    /// The services of which a number has one at most: each of them says which Teams tenant it rings in.
    pub const TEAMS: Self = Self(Self::BACKED.0 | Service::DirectRouting.bit());
    /// Every service.
    pub const ALL: Self = Self(Self::TEAMS.0 | Service::ZoomPhoneCloudPeering.bit() | Service::CallProtection.bit());

    /// The set read back from storage.
    pub const fn from_bits(bits: i64) -> Self {
        Self(bits)
    }

    /// The set as stored.
    pub const fn bits(self) -> i64 {
        self.0
    }

    /// True when the service is in the set.
    pub const fn contains(self, service: Service) -> bool {
        self.0 & service.bit() != 0
    }

    /// True when no service is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The services of this set that are not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The services that both sets have.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The services that either set has.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// How many services are in the set.
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// The services in the set, in the order of display.
    pub fn iter(self) -> impl Iterator<Item = Service> {
        Service::ALL.into_iter().filter(move |service| self.contains(*service))
    }

    /// The names people read, joined by commas.
    pub fn labels(self) -> Cow<'static, str> {
        let mut labels = self.iter().map(Service::label);
        match (labels.next(), labels.next()) {
            (None, _) => Cow::Borrowed(""),
            (Some(only), None) => Cow::Borrowed(only),
            (Some(first), Some(second)) => {
                Cow::Owned([first, second].into_iter().chain(labels).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl FromIterator<Service> for ServiceSet {
    fn from_iter<I: IntoIterator<Item = Service>>(services: I) -> Self {
        Self(services.into_iter().fold(0, |bits, service| bits | service.bit()))
    }
}

impl From<Service> for ServiceSet {
    fn from(service: Service) -> Self {
        Self(service.bit())
    }
}

impl Serialize for ServiceSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for ServiceSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Service>::deserialize(deserializer)?.into_iter().collect())
    }
}
