//! The communications services an account and its numbers may use.

use std::borrow::Cow;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The one table of services: a row is a service, its names and what is true of it.
macro_rules! services {
    ($($(#[$doc:meta])* $service:ident = $key:literal {
        bit: $bit:literal,
        label: $label:literal,
        csv_prefix: $csv_prefix:literal,
        contract_name: $contract_name:literal,
        target: $target:literal,
        rings_in_teams: $rings_in_teams:literal,
        has_teams_settings: $has_teams_settings:literal,
        takes_sip_header: $takes_sip_header:literal,
        has_sync: $has_sync:literal,
    })+) => {
        /// One service. The order is the order of display.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Service {
            $($(#[$doc])* #[serde(rename = $key)] $service),+
        }

        impl Service {
            /// Every service, in the order of display.
            pub const ALL: [Self; [$(Self::$service),+].len()] = [$(Self::$service),+];

            /// The name in addresses, forms and the backend's protocol.
            pub const fn key(self) -> &'static str {
                match self { $(Self::$service => $key),+ }
            }

            /// The name people read.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$service => $label),+ }
            }

            /// The prefix of the service's CSV columns (reference: the Provisioning API's JSON path joined by `_`).
            pub const fn csv_prefix(self) -> &'static str {
                match self { $(Self::$service => $csv_prefix),+ }
            }

            /// The property of `serviceDetails` in the Provisioning API.
            pub const fn contract_name(self) -> &'static str {
                match self { $(Self::$service => $contract_name),+ }
            }

            /// The word that names the service as the target of an error.
            pub const fn target(self) -> &'static str {
                match self { $(Self::$service => $target),+ }
            }

            /// True where a custom SIP header can be sent.
            pub const fn takes_sip_header(self) -> bool {
                match self { $(Self::$service => $takes_sip_header),+ }
            }

            /// The place in a stored set. It never changes, for sets are stored.
            const fn bit(self) -> i64 {
                match self { $(Self::$service => $bit),+ }
            }
        }

        impl ServiceSet {
            /// Every service.
            pub const ALL: Self = Self(0 $(| $bit)+);
            /// The services of which a number has one at most: each of them says which Teams tenant it rings in.
            pub const TEAMS: Self = Self(0 $(| if $rings_in_teams { $bit } else { 0 })+);
            /// The services for which a number has usage, capabilities, an emergency address and a calling profile.
            pub const WITH_TEAMS_SETTINGS: Self = Self(0 $(| if $has_teams_settings { $bit } else { 0 })+);
            /// The services of which an account says whether their numbers are synchronised. The contract has no such word
            /// for the others.
            pub const WITH_SYNC: Self = Self(0 $(| if $has_sync { $bit } else { 0 })+);
        }
    };
}

services! {
    /// Microsoft Teams Operator Connect.
    OperatorConnect = "operatorConnect" {
        bit: 1,
        label: "Operator Connect",
        csv_prefix: "serviceDetails_teamsOperatorConnect",
        contract_name: "teamsOperatorConnect",
        target: "oc",
        rings_in_teams: true,
        has_teams_settings: true,
        takes_sip_header: true,
        has_sync: true,
    }
    /// Microsoft Teams Phone Mobile.
    TeamsPhoneMobile = "teamsPhoneMobile" {
        bit: 2,
        label: "Teams Phone Mobile",
        csv_prefix: "serviceDetails_teamsPhoneMobile",
        contract_name: "teamsPhoneMobile",
        target: "tpm",
        rings_in_teams: true,
        has_teams_settings: true,
        takes_sip_header: false,
        has_sync: true,
    }
    /// Microsoft Teams Direct Routing.
    DirectRouting = "directRouting" {
        bit: 4,
        label: "Direct Routing",
        csv_prefix: "serviceDetails_teamsDirectRouting",
        contract_name: "teamsDirectRouting",
        target: "dr",
        rings_in_teams: true,
        has_teams_settings: false,
        takes_sip_header: true,
        has_sync: true,
    }
    /// Zoom Phone Cloud Peering.
    ZoomPhoneCloudPeering = "zoomPhoneCloudPeering" {
        bit: 8,
        label: "Zoom Phone Cloud Peering",
        csv_prefix: "serviceDetails_zoomPhoneCloudPeering",
        contract_name: "zoomPhoneCloudPeering",
        target: "zoom",
        rings_in_teams: false,
        has_teams_settings: false,
        takes_sip_header: true,
        has_sync: true,
    }
    /// Azure Operator Call Protection.
    CallProtection = "azureOperatorCallProtection" {
        bit: 16,
        label: "Azure Operator Call Protection",
        csv_prefix: "serviceDetails_azureOperatorCallProtection",
        contract_name: "azureOperatorCallProtection",
        target: "aocp",
        rings_in_teams: false,
        has_teams_settings: false,
        takes_sip_header: false,
        has_sync: false,
    }
}

impl Service {
    /// The service with this key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.key() == key)
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

    /// Two services of the set that a number may have at once.
    pub fn had_together(self) -> Option<(Service, Service)> {
        let mut services = self.without(Self::TEAMS).iter().chain(self.and(Self::TEAMS).iter());
        let first = services.next().filter(|first| !Self::TEAMS.contains(*first))?;
        Some((first, services.next()?))
    }

    /// The services in a sentence: "Operator Connect and Direct Routing".
    pub fn in_words(self) -> String {
        let labels: Vec<&str> = self.iter().map(Service::label).collect();
        match labels.as_slice() {
            [] => String::new(),
            [only] => (*only).to_owned(),
            [before @ .., last] => format!("{} and {last}", before.join(", ")),
        }
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
