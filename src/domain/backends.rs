//! The backends of a deployment, as far as anybody but the sync engine has to know them: which services each of them
//! provisions, and what it offers besides.

use super::service::{Service, ServiceSet};

/// The name of the backend that section `operator_connect` of the configuration describes.
pub const OPERATOR_CONNECT: &str = "operator-connect";

/// What the directory of a backend offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    /// The consents of enterprises.
    pub consents: bool,
    /// Being told where the operator stands with an enterprise.
    pub relationships: bool,
    /// The civic addresses of a tenant.
    pub civic_addresses: bool,
    /// The usages and capabilities that a tenant's numbers may have.
    pub capability_plans: bool,
}

impl Offers {
    /// A backend without a directory: it knows numbers only.
    pub const NOTHING: Self =
        Self { consents: false, relationships: false, civic_addresses: false, capability_plans: false };
    /// Everything that a directory may offer.
    pub const EVERYTHING: Self =
        Self { consents: true, relationships: true, civic_addresses: true, capability_plans: true };

    /// True where there is something to know of each tenant.
    #[must_use]
    pub const fn facts_of_tenants(self) -> bool {
        self.civic_addresses || self.capability_plans
    }
}

/// One backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendInfo {
    /// Its name in the configuration, in storage and in metrics. It never changes while there is work for it.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// The services whose numbers it provisions. No other backend has one of them.
    pub services: ServiceSet,
    /// What it offers beside numbers.
    pub offers: Offers,
}

impl BackendInfo {
    /// The backend that section `operator_connect` of the configuration describes, with these services.
    #[must_use]
    pub fn operator_connect(services: ServiceSet) -> Self {
        Self {
            name: OPERATOR_CONNECT.to_owned(),
            label: Service::OperatorConnect.label().to_owned(),
            services,
            offers: Offers::EVERYTHING,
        }
    }
}

/// Every backend of a deployment; there may be none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backends(Vec<BackendInfo>);

impl Default for Backends {
    /// Operator Connect alone, with both services that it usually carries.
    fn default() -> Self {
        let services = [Service::OperatorConnect, Service::TeamsPhoneMobile];
        Self::new(vec![BackendInfo::operator_connect(services.into_iter().collect())])
    }
}

impl Backends {
    /// These backends, no two of which have a name or a service in common.
    #[must_use]
    pub const fn new(backends: Vec<BackendInfo>) -> Self {
        Self(backends)
    }

    /// All of them, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &BackendInfo> {
        self.0.iter()
    }

    /// True where the deployment has no backend.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The services whose numbers a backend has to know. Numbers of the others are as they should be once they are stored.
    #[must_use]
    pub fn provisioned(&self) -> ServiceSet {
        self.iter().fold(ServiceSet::default(), |all, backend| all.or(backend.services))
    }

    /// The backends that provision one of these services.
    pub fn of(&self, services: ServiceSet) -> impl Iterator<Item = &BackendInfo> {
        self.iter().filter(move |backend| !backend.services.and(services).is_empty())
    }

    /// The backend that consents come from.
    #[must_use]
    pub fn of_consents(&self) -> Option<&BackendInfo> {
        self.iter().find(|backend| backend.offers.consents)
    }

    /// The backend that is told of customer relationships. Without one a relationship is settled here.
    #[must_use]
    pub fn of_relationships(&self) -> Option<&BackendInfo> {
        self.iter().find(|backend| backend.offers.relationships)
    }

    /// The services whose numbers an enterprise has to consent to.
    #[must_use]
    pub fn consented(&self) -> ServiceSet {
        self.of_consents().map_or_else(ServiceSet::default, |backend| backend.services)
    }
}
