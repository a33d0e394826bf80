//! The Provisioning API: the contract's operations over HTTP.

pub mod conditional;
mod header;
pub mod paging;
pub mod query;
mod refusal;
pub mod repeatable;

use crate::http::ApiRoutes;

pub use refusal::Refusal;

/// Every operation, with the right that opens it.
#[must_use]
pub fn routes() -> ApiRoutes {
    ApiRoutes::new()
}
