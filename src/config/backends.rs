//! The backends: section `operator_connect`, and further ones in the list `backends`.

mod check;
mod entry;

use std::num::NonZeroU32;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::Config;
use super::reader::{Reader, minutes};
use crate::domain::{BackendInfo, CallingProfile, Offers, Service, ServiceSet};

/// One backend of the documented protocol.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Its name, its services and what is used of its directory.
    pub info: BackendInfo,
    /// All paths of the protocol follow it.
    pub base_url: Option<Url>,
    /// Where to fetch access tokens by client credentials.
    pub token_url: Option<Url>,
    /// Our client identifier.
    pub client_id: String,
    /// Our client secret.
    pub client_secret: Option<SecretString>,
    /// Scope to ask for; may be empty.
    pub scope: String,
    /// Numbers in one upload or release job.
    pub batch_size: u32,
    /// Requests a second; nothing: as many as there are.
    pub requests_per_second: Option<NonZeroU32>,
    /// Time between two pulls of consents.
    pub pull_consents: Duration,
    /// Time between two pulls of civic addresses.
    pub pull_addresses: Duration,
    /// Time between two pulls of the state of numbers.
    pub pull_numbers: Duration,
    /// How long a job may take.
    pub job_timeout: Duration,
}

/// Section `operator_connect`.
#[derive(Clone, Debug)]
pub struct OperatorConnect {
    /// The backend itself.
    pub backend: Backend,
    /// Calling profiles a person can choose on an upload.
    pub calling_profiles: Vec<CallingProfile>,
    /// Identifier of the profile that is chosen unless a person chooses another.
    pub default_calling_profile: Option<String>,
    /// Accounts and relationships sent at the same time, to each backend.
    pub push_workers: u32,
    /// Lists pulled at the same time, from each backend.
    pub pull_workers: u32,
}

/// What there may be in a directory, by the names of the configuration.
const PARTS: [&str; 4] = ["consents", "relationships", "civicAddresses", "capabilityPlans"];

fn offers<T: AsRef<str>>(parts: &[T]) -> Offers {
    let has = |part| parts.iter().any(|given| given.as_ref() == part);
    let [consents, relationships, civic_addresses, capability_plans] = PARTS.map(has);
    Offers { consents, relationships, civic_addresses, capability_plans }
}

/// A name of [`PARTS`].
struct Part(&'static str);

impl std::str::FromStr for Part {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        PARTS.into_iter().find(|part| *part == text).map(Self).ok_or(())
    }
}

impl AsRef<str> for Part {
    fn as_ref(&self) -> &str {
        self.0
    }
}

impl Config {
    /// Every backend of the deployment. The one of section `operator_connect` is there unless it has no service.
    #[must_use]
    pub fn backends(&self) -> Vec<&Backend> {
        let first = &self.operator_connect.backend;
        let first = Some(first).filter(|backend| !backend.info.services.is_empty());
        first.into_iter().chain(&self.further_backends).collect()
    }
}

impl Backend {
    /// The list `backends`.
    pub(super) fn read_further(r: &mut Reader) -> Vec<Self> {
        entry::read(r)
    }

    fn read_first(r: &mut Reader) -> Self {
        let services: Vec<Service> = r.list(
            "operator_connect.services",
            &["operatorConnect", "teamsPhoneMobile"],
            &one_of_the_services(),
            "The services whose numbers this backend provisions; the same in every process. `[]`: there is no such backend.",
        );
        let services: ServiceSet = services.into_iter().collect();
        let parts: Vec<Part> = r.list(
            "operator_connect.offers",
            &PARTS,
            "one of consents, relationships, civicAddresses, capabilityPlans",
            "What the backend offers beside numbers. Without `relationships` a relationship status counts as told once it is stored.",
        );
        let info = BackendInfo { offers: offers(&parts), ..BackendInfo::operator_connect(services) };
        Self {
            info,
            base_url: r.url("operator_connect.base_url", None, "Base address of the Operator Connect backend."),
            token_url: r.url("operator_connect.token_url", None, "Where to fetch access tokens by client credentials."),
            client_id: r
                .text("operator_connect.client_id", None, "Client identifier at the backend.")
                .unwrap_or_default(),
            client_secret: r.secret("operator_connect.client_secret", "Client secret at the backend."),
            scope: r.text("operator_connect.scope", None, "Scope to ask for with the token.").unwrap_or_default(),
            batch_size: r.integer(
                "operator_connect.batch_size",
                1_000,
                1..=10_000,
                "Numbers in one upload or release job.",
            ),
            requests_per_second: NonZeroU32::new(r.integer(
                "operator_connect.requests_per_second",
                0,
                0..=100_000,
                "Requests a second that one process makes; more wait. 0: any number.",
            )),
            pull_consents: minutes(
                r,
                "operator_connect.pull_consents_minutes",
                5,
                "Minutes between two pulls of consents.",
            ),
            pull_addresses: minutes(
                r,
                "operator_connect.pull_addresses_minutes",
                30,
                "Minutes between two pulls of civic addresses.",
            ),
            pull_numbers: minutes(
                r,
                "operator_connect.pull_numbers_minutes",
                15,
                "Minutes between two pulls of the state of numbers.",
            ),
            job_timeout: minutes(
                r,
                "operator_connect.job_timeout_minutes",
                360,
                "Minutes after which a job that is not finished is given up. \
                 Its numbers are then read back: those that are as wanted are synced, the others fail with `JobExpired`.",
            ),
        }
    }
}

/// What a service in a list has to be.
pub(super) fn one_of_the_services() -> String {
    format!("one of {}", Service::ALL.map(Service::key).join(", "))
}

impl OperatorConnect {
    pub(super) fn read(r: &mut Reader) -> Self {
        Self {
            backend: Backend::read_first(r),
            calling_profiles: r.tables(
                "operator_connect.calling_profiles",
                "[]",
                "Calling profiles to choose from on an upload, such as `[{ id = \"…\", name = \"West\" }]`.",
            ),
            default_calling_profile: r.text(
                "operator_connect.default_calling_profile",
                None,
                "Identifier of the profile chosen unless a person chooses another.",
            ),
            push_workers: r.integer(
                "operator_connect.push_workers",
                8,
                1..=64,
                "Accounts and relationship statuses sent to a backend at the same time by one process. \
                 They never wait for pulls, nor for another backend.",
            ),
            pull_workers: r.integer(
                "operator_connect.pull_workers",
                4,
                1..=64,
                "Lists pulled from a backend at the same time by one process. \
                 Raise it when pulls of many tenants take longer than their interval.",
            ),
        }
    }
}
