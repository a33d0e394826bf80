//! Which services are provisioned at a backend, and which of them share one.

use super::account::Account;
use super::number::SyncState;
use super::service::{Service, ServiceSet};

/// A backend by its name, and the services whose numbers it has to know.
///
/// A backend holds a number once, under one service: it serves at most one of the services that a number may have at the
/// same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedBy {
    /// The backend's name in storage and metrics, such as `operator-connect`.
    pub name: String,
    /// Its services.
    pub services: ServiceSet,
}

/// The backends of a deployment; it may have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backends(Vec<ServedBy>);

impl Default for Backends {
    fn default() -> Self {
        Self::new([("operator-connect", ServiceSet::BACKED)])
    }
}

impl Backends {
    /// These backends; no service is in two of them.
    pub fn new<'a>(backends: impl IntoIterator<Item = (&'a str, ServiceSet)>) -> Self {
        let served = |(name, services): (&str, _)| ServedBy { name: name.to_owned(), services };
        Self(backends.into_iter().map(served).collect())
    }

    /// Every backend, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &ServedBy> {
        self.0.iter()
    }

    /// The services whose numbers some backend has to know.
    pub fn services(&self) -> ServiceSet {
        self.0.iter().fold(ServiceSet::default(), |all, backend| all.or(backend.services))
    }

    /// The backend that serves one of these services.
    pub fn serving(&self, services: ServiceSet) -> Option<&ServedBy> {
        self.0.iter().find(|backend| !backend.services.and(services).is_empty())
    }

    /// The services of an account whose numbers are pushed to a backend.
    pub fn pushed(&self, account: &Account) -> ServiceSet {
        account.services.and(account.synced).and(self.services())
    }

    /// What each backend has to do where a number had the services `before` and is to have `after`; `None`: it goes.
    pub fn parts(&self, before: ServiceSet, after: Option<ServiceSet>) -> impl Iterator<Item = Part<'_>> {
        let wanted = after.unwrap_or_default();
        let gives_up = if after.is_some() { Task::Withdraw } else { Task::Release };
        self.0.iter().filter_map(move |backend| {
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
        Backends::new([("operator-connect", ServiceSet::BACKED), ("zoom", Service::ZoomPhoneCloudPeering.into())])
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
