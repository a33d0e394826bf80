//! The product's own knowledge: numbers, accounts, orders, consents, civic addresses.
//!
//! Pure: no I/O, no clock, no async. Time and identifiers are passed in.

pub(crate) mod account;
pub(crate) mod account_form;
pub mod as_sent;
pub(crate) mod audit;
pub(crate) mod backends;
pub mod call_path;
pub(crate) mod capability;
pub(crate) mod civic_address;
pub(crate) mod consent;
pub mod country;
pub mod direct_routing;
pub mod drift;
pub(crate) mod e164;
pub(crate) mod field;
pub mod filter;
pub mod hand_over;
pub(crate) mod holding;
pub mod moving;
pub mod nearest;
pub(crate) mod number;
pub mod numbering_plan;
pub(crate) mod order;
pub(crate) mod outside;
pub(crate) mod provisioning;
pub mod quarantine;
pub(crate) mod reconcile;
pub mod rules;
pub mod seen;
pub(crate) mod service;
pub mod session;
pub(crate) mod tenant;
pub mod upload;

pub use account::{Account, AccountDraft, AccountName, DirectRouting};
pub use account_form::{AccountForm, DirectRoutingForm};
pub use as_sent::{AccountAsSent, NumberAsSent, NumberBefore, SentAccount, SentNumber};
pub use backends::{BackendInfo, Backends, OPERATOR_CONNECT, Offers, Part, Task, derived};
pub use capability::{CallingProfile, CapabilityPlan, KNOWN_CAPABILITIES, KNOWN_USAGES};
pub use civic_address::{CivicAddress, Location, Places};
pub use consent::{Consent, ConsentStatus, CustomerRelationship, RelationshipChoice};
pub use drift::{DriftKind, DriftWay};
pub use e164::E164;
pub use field::FieldProblem;
pub use holding::{Holder, Holding, Holdings, OrderEvent, Release, Since, Took};
pub use number::{Number, NumberSettings, SyncState, TeamsSettings};
pub use order::{ItemState, Order, OrderKind, OrderSource, OrderStatus, Progress, Refusal, Verdict};
pub use outside::Outside;
pub use provisioning::ProvisioningError;
pub use quarantine::Quarantine;
pub use reconcile::{MassChange, ReconcileState, ReconcileWhy};
pub use service::{Service, ServiceSet};
pub use tenant::TenantId;
