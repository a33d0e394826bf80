//! The operations of the Provisioning API.

use crate::http::ApiRoutes;

/// Every operation, with the right that opens it.
#[must_use]
pub fn routes() -> ApiRoutes {
    ApiRoutes::new()
}
