//! The Provisioning API: the contract's operations over HTTP.

mod accounts;
mod call_path;
mod capabilities;
mod civic_addresses;
mod conditional;
mod consents;
mod description;
mod header;
mod lists;
mod noted;
mod numbers;
mod paging;
mod query;
mod repeatable;
mod request;
mod warnings;

use crate::http::ApiRoutes;

pub use description::description;

/// Every operation, with the right that opens it.
#[must_use]
pub fn routes() -> ApiRoutes {
    ApiRoutes::new()
        .merge(accounts::routes())
        .merge(numbers::routes())
        .merge(capabilities::routes())
        .merge(civic_addresses::routes())
        .merge(consents::routes())
        .merge(call_path::routes())
}
