//! The product's own knowledge: numbers, accounts, orders, consents, civic addresses.
//!
//! Pure: no I/O, no clock, no async. Time and identifiers are passed in.

pub mod civic_address;
pub mod consent;
pub mod e164;
pub mod provisioning;
pub mod tenant;

pub use civic_address::{CivicAddress, Location};
pub use consent::{Consent, ConsentStatus, CustomerRelationship};
pub use e164::E164;
pub use provisioning::ProvisioningError;
pub use tenant::TenantId;
