//! The Provisioning API: the contract's operations over HTTP.

pub mod conditional;
mod header;
pub mod paging;
pub mod query;
mod refusal;
pub mod repeatable;

pub use refusal::Refusal;
