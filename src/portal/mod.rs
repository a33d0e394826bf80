//! The pages for people. Each module holds the handlers of one kind of page and registers its routes.

mod accounts;
mod api_call;
mod api_reference;
mod audit;
mod blocks;
mod bulk;
mod civic_addresses;
mod connection;
mod consents;
mod csv;
mod drift;
mod explain;
mod form;
mod import;
mod login;
mod number;
mod number_filter;
mod numbers;
mod numbers_export;
mod order;
mod orders;
mod overview;
mod pull;
mod quarantine;
mod refused;
mod report;
mod review;
mod search;
mod show;
mod upload;
mod upload_body;
mod upload_form;
mod upload_headings;
mod xlsx;

use crate::http::{RequestInfo, Routes};
use crate::service::Origin;

/// Every route of the portal.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .merge(accounts::routes())
        .merge(api_call::routes())
        .merge(api_reference::routes())
        .merge(audit::routes())
        .merge(blocks::routes())
        .merge(bulk::routes())
        .merge(civic_addresses::routes())
        .merge(connection::routes())
        .merge(consents::routes())
        .merge(drift::routes())
        .merge(import::routes())
        .merge(login::routes())
        .merge(number::routes())
        .merge(numbers::routes())
        .merge(numbers_export::routes())
        .merge(order::routes())
        .merge(orders::routes())
        .merge(overview::routes())
        .merge(quarantine::routes())
        .merge(refused::routes())
        .merge(report::routes())
        .merge(review::routes())
        .merge(search::routes())
        .merge(upload::routes())
        .merge(upload_headings::routes())
}

/// Where a change comes from, for the audit.
fn origin(info: &RequestInfo) -> Origin {
    Origin { surface: "portal", client: info.client, request_id: info.id.clone() }
}
