//! The pages for people. Each module holds the handlers of one kind of page and registers its routes.

mod login;

use crate::http::Routes;

/// Every route of the portal.
#[must_use]
pub fn routes() -> Routes {
    Routes::new().merge(login::routes())
}
