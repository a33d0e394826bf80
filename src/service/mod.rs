//! What people and programs can do with the product: every rule that needs the database stands here.
//!
//! A function that changes something demands a [`Grant`](crate::authz::Grant) and the [`Origin`] of the request, makes its
//! change in one transaction together with its audit row, and wakes the sync engine. Nothing here calls a backend.

pub mod access;
pub mod accounts;
pub mod api;
pub mod audit;
mod beside;
pub mod blocks;
pub mod bulk;
pub mod call_path;
pub(crate) mod civic_addresses;
pub mod consents;
pub mod direct_routing;
pub mod drift;
mod error;
pub mod hand_over;
pub mod housekeeping;
mod labels;
pub mod listing;
pub mod moving;
pub mod numbers;
pub(crate) mod order_writes;
pub mod orders;
pub(crate) mod overview;
pub mod quarantine;
pub mod staging;
pub mod sync_status;
mod transact;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use time::OffsetDateTime;
use tokio::sync::Notify;
use uuid::Uuid;

pub use beside::beside;
pub use error::{Error, ItemProblem, Result};

use crate::authz::{Grant, Principal};
use crate::domain::direct_routing::Zones;
use crate::domain::{
    Backends, CallingProfile, MassChange, Quarantine, RelationshipChoice, Service, ServiceSet, UsualCapabilities,
};
use crate::store::{AuditEntry, Db};

pub use crate::store::Page;

/// Tells the time. A test gives its own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> OffsetDateTime + Send + Sync>);

impl Clock {
    /// A clock that asks this function.
    pub fn new(now: impl Fn() -> OffsetDateTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The machine's clock.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock for the services")]
    pub fn system() -> Self {
        Self::new(OffsetDateTime::now_utc)
    }

    /// The time now, UTC.
    pub fn now(&self) -> OffsetDateTime {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// What the services may be told by configuration.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The most numbers in one upload.
    pub max_numbers: usize,
    /// The relationship statuses a person may choose.
    pub relationships: Vec<RelationshipChoice>,
    /// The calling profiles a person may choose. It is empty where there is nothing to choose.
    pub calling_profiles: Vec<CallingProfile>,
    /// The capabilities that an upload begins with, for each usage.
    pub usual_capabilities: Vec<UsualCapabilities>,
    /// Id of the profile that is chosen unless a person chooses another.
    pub default_calling_profile: Option<String>,
    /// The names that Direct Routing accounts get, where the deployment has a base domain for them.
    pub zones: Option<Zones>,
    /// A label that was given up stays with its last account for so long.
    pub label_quarantine: time::Duration,
    /// How long numbers that were released stay in quarantine.
    pub quarantine: Quarantine,
    /// The services that the portal offers. Programs may use every one.
    pub services: ServiceSet,
    /// Name of the SIP header whose value a number may have.
    pub sip_header: String,
    /// A draft that is not submitted is removed after so long. Without it drafts stay.
    pub keep_drafts: Option<time::Duration>,
    /// The backends that numbers are provisioned by.
    pub backends: Backends,
    /// How much may change at a backend without a person having confirmed it, after an account was compared with it.
    pub mass_change: MassChange,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_numbers: 100_000,
            relationships: RelationshipChoice::defaults(),
            calling_profiles: Vec::new(),
            usual_capabilities: UsualCapabilities::defaults(),
            default_calling_profile: None,
            zones: None,
            label_quarantine: time::Duration::days(30),
            quarantine: Quarantine::default(),
            services: ServiceSet::ALL.without(Service::CallProtection.into()),
            sip_header: crate::domain::call_path::SIP_HEADER.to_owned(),
            keep_drafts: Some(time::Duration::days(30)),
            backends: Backends::default(),
            mass_change: MassChange::default(),
        }
    }
}

/// What every service function works with. It is cheap to clone.
#[derive(Clone, Debug)]
pub struct Ctx {
    pub(crate) db: Db,
    /// Tells the time.
    pub clock: Clock,
    /// Wakes the sync engine of this process.
    pub(crate) wake: Arc<Notify>,
    /// What configuration says.
    pub policy: Arc<Policy>,
    /// How many uploads are held and read at once.
    pub uploads: staging::Uploads,
}

/// What a service works with inside a transaction: the context without a way to the database other than the transaction.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Tells the time.
    pub clock: Clock,
    /// What configuration says.
    pub policy: Arc<Policy>,
}

impl Ctx {
    /// Gives the context without the database.
    pub(crate) fn rules(&self) -> Rules {
        Rules { clock: self.clock.clone(), policy: Arc::clone(&self.policy) }
    }

    /// Puts the parts together.
    pub fn new(db: Db, clock: Clock, policy: Policy) -> Self {
        Self {
            db,
            clock,
            wake: Arc::new(Notify::new()),
            policy: Arc::new(policy),
            uploads: staging::Uploads::default(),
        }
    }

    /// Makes a new identifier that sorts by time.
    #[expect(clippy::disallowed_methods, reason = "the one place that makes identifiers for the services")]
    pub(crate) fn new_id() -> String {
        Uuid::now_v7().to_string()
    }

    /// Wakes the sync engine: in this process at once, in others through the database where it can.
    pub(crate) async fn wake_sync(&self) {
        self.wake.notify_one();
        if let Err(error) = self.db.tell_sync().await {
            tracing::debug!(%error, "the other processes were not woken; they look by themselves within seconds");
        }
    }

    /// Wakes the sync engine and the name server after an account may have changed, whose names it answers for.
    pub(crate) async fn wake_followers_of_accounts(&self) {
        self.db.tell_name_server();
        self.wake_sync().await;
    }
}

/// Where a request came from, for the audit.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The surface, such as `portal`.
    pub surface: &'static str,
    /// The client's address.
    pub client: IpAddr,
    /// Id of the request, as in the logs.
    pub request_id: String,
}

/// A person's stable identity as text: issuer and subject.
pub(crate) fn identity(person: &Principal) -> String {
    format!("{}#{}", person.issuer, person.subject)
}

/// Begins the audit row of what this person does from there. The caller fills in the rest.
pub(crate) fn audit_entry<P>(grant: &Grant<P>, origin: &Origin, action: &'static str) -> AuditEntry {
    let person = grant.principal();
    AuditEntry {
        actor: person.name.to_string(),
        actor_id: identity(person),
        origin: format!("{} {}", origin.surface, origin.client),
        action,
        request_id: Some(origin.request_id.clone()),
        ..AuditEntry::default()
    }
}
