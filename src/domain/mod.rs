//! The product's own knowledge: numbers, accounts, orders, consents, civic addresses.
//!
//! Pure: no I/O, no clock, no async. Time and identifiers are passed in.

pub mod e164;
pub mod provisioning;
pub mod tenant;

pub use e164::E164;
pub use provisioning::ProvisioningError;
pub use tenant::TenantId;
