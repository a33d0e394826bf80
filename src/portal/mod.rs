//! The pages for people. Each module holds the handlers of one kind of page and registers its routes.

mod connection;
mod consents;
mod csv;
mod explain;
mod form;
mod login;
mod number_filter;
mod numbers;
mod pull;
mod show;
mod upload;
mod upload_body;
mod upload_form;

use crate::http::{RequestInfo, Routes};
use crate::service::Origin;

/// Every route of the portal.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .merge(connection::routes())
        .merge(consents::routes())
        .merge(login::routes())
        .merge(numbers::routes())
        .merge(upload::routes())
}

/// Where a change comes from, for the audit.
fn origin(info: &RequestInfo) -> Origin {
    Origin { surface: "portal", client: info.client, request_id: info.id.clone() }
}
