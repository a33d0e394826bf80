//! The product's own knowledge: numbers, accounts, orders, consents, civic addresses.
//!
//! Pure: no I/O, no clock, no async. Time and identifiers are passed in.

pub mod account;
pub mod account_form;
pub mod audit;
pub mod call_path;
pub mod capability;
pub mod civic_address;
pub mod consent;
pub mod direct_routing;
pub mod e164;
pub mod field;
pub mod filter;
pub mod hand_over;
pub mod number;
pub mod order;
pub mod provisioning;
pub mod rules;
pub mod service;
pub mod session;
pub mod tenant;
pub mod upload;

pub use account::{Account, AccountDraft, AccountName, DirectRouting};
pub use account_form::{AccountForm, DirectRoutingForm};
pub use capability::{CallingProfile, CapabilityPlan};
pub use civic_address::{CivicAddress, Location, Places};
pub use consent::{Consent, ConsentStatus, CustomerRelationship, RelationshipChoice};
pub use e164::E164;
pub use field::FieldProblem;
pub use number::{Number, NumberSettings, SyncState, TeamsSettings};
pub use order::{ItemState, Order, OrderKind, OrderSource, OrderStatus, Progress, Refusal, Verdict};
pub use provisioning::ProvisioningError;
pub use service::{Service, ServiceSet};
pub use tenant::TenantId;
