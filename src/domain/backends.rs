//! The backends of a deployment, as far as anybody but the sync engine has to know them: which services each of them
//! provisions, what it offers besides, and what it has to do with a number.

use super::number::SyncState;
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
    /// The services whose numbers it provisions; a number has one of them at most. No other backend has one of them.
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

    /// What each backend has to do where a number had the services `before` and is to have `after`; `None`: it goes.
    pub fn parts(&self, before: ServiceSet, after: Option<ServiceSet>) -> impl Iterator<Item = Part<'_>> {
        let wanted = after.unwrap_or_default();
        let gives_up = if after.is_some() { Task::Withdraw } else { Task::Release };
        self.iter().filter_map(move |backend| {
            let of = |services: ServiceSet| services.and(backend.services).iter().next();
            let upload = of(wanted).map(|service| (service, Task::Upload));
            let (service, task) = upload.or_else(|| Some((of(before)?, gives_up)))?;
            Some(Part { backend: &backend.name, service, task })
        })
    }

    /// Whether the backends that such a change concerns need a state of their own: several of them, or one that gives up a
    /// number that stays.
    pub fn divide(&self, before: ServiceSet, after: Option<ServiceSet>) -> bool {
        let mut parts = self.parts(before, after);
        match (parts.next(), parts.next()) {
            (Some(only), None) => only.task == Task::Withdraw,
            (_, second) => second.is_some(),
        }
    }
}

/// What one backend has to do with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Name of the backend.
    pub backend: &'a str,
    /// The service it has the number for.
    pub service: Service,
    /// What it has to do.
    pub task: Task,
}

/// What a backend has to do with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Task {
    /// Take it as it should be.
    Upload,
    /// Give it up, while the number stays with us.
    Withdraw,
    /// Give it up: the number goes.
    Release,
}

impl Task {
    /// The name in storage.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Withdraw => "withdraw",
            Self::Release => "release",
        }
    }

    /// The task with this name.
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Upload, Self::Withdraw, Self::Release].into_iter().find(|task| task.key() == key)
    }
}

/// How far a number has come, from what each of its backends has to do and how far that one has come: failed where one
/// refused it, else waiting where one has not answered, else synced.
pub fn derived(parts: impl IntoIterator<Item = (Task, SyncState)>) -> SyncState {
    let mut derived = SyncState::Synced;
    for (task, state) in parts {
        derived = match (derived, state) {
            (SyncState::Failed, _) | (_, SyncState::Failed) => SyncState::Failed,
            (SyncState::Pending, _) => SyncState::Pending,
            (_, SyncState::Pending) if task != Task::Release => SyncState::Pending,
            (_, SyncState::Pending | SyncState::Releasing) => SyncState::Releasing,
            (before, SyncState::Synced) => before,
        };
    }
    derived
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both() -> Backends {
        let zoom = BackendInfo {
            name: "zoom".to_owned(),
            label: "Zoom".to_owned(),
            services: Service::ZoomPhoneCloudPeering.into(),
            offers: Offers::NOTHING,
        };
        Backends::new(vec![BackendInfo::operator_connect(set(&[OC, TPM])), zoom])
    }

    fn set(services: &[Service]) -> ServiceSet {
        services.iter().copied().collect()
    }

    const OC: Service = Service::OperatorConnect;
    const TPM: Service = Service::TeamsPhoneMobile;
    const ZOOM: Service = Service::ZoomPhoneCloudPeering;
    const HERE: Service = Service::CallProtection;

    #[test]
    fn a_service_that_takes_over_at_the_same_backend_is_one_part() {
        let backends = both();
        let parts: Vec<Part<'_>> = backends.parts(set(&[OC, ZOOM]), Some(set(&[TPM, HERE]))).collect();
        let part = |backend, service, task| Part { backend, service, task };
        assert_eq!(parts, [part("operator-connect", TPM, Task::Upload), part("zoom", ZOOM, Task::Withdraw)]);
        let parts: Vec<Part<'_>> = backends.parts(set(&[OC, ZOOM]), None).collect();
        assert_eq!(parts, [part("operator-connect", OC, Task::Release), part("zoom", ZOOM, Task::Release)]);
    }

    #[test]
    fn only_several_backends_or_a_withdrawal_divide_a_number() {
        let backends = both();
        for (before, after, divides) in [
            (&[][..], Some(&[OC][..]), false),
            (&[OC], Some(&[TPM]), false),
            (&[OC, HERE], Some(&[OC]), false),
            (&[ZOOM], None, false),
            (&[HERE], None, false),
            (&[], Some(&[OC, ZOOM]), true),
            (&[OC], Some(&[OC, ZOOM]), true),
            (&[OC], Some(&[ZOOM]), true),
            (&[OC, ZOOM], None, true),
            (&[OC], Some(&[HERE]), true),
            (&[OC], Some(&[]), true),
        ] {
            assert_eq!(backends.divide(set(before), after.map(set)), divides, "{before:?} {after:?}");
        }
    }
    #[test]
    fn what_is_worst_is_what_the_number_says() {
        use SyncState::{Failed, Pending, Releasing, Synced};
        use Task::{Release, Upload, Withdraw};
        assert_eq!(derived([]), Synced);
        assert_eq!(derived([(Upload, Synced), (Upload, Failed), (Withdraw, Pending)]), Failed);
        assert_eq!(derived([(Upload, Synced), (Withdraw, Pending)]), Pending);
        assert_eq!(derived([(Release, Pending), (Upload, Pending)]), Pending);
        assert_eq!(derived([(Upload, Synced), (Release, Pending)]), Releasing);
    }
}
