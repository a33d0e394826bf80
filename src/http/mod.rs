//! Everything between a connection and a handler.
//!
//! `listener` is what every listener does: it accepts connections, bounds them, knows the facts of a request and has one
//! form of error. `portal` and `api` are what only the pages and only the Provisioning API need besides.
//! `identity_provider` is what both know of the provider: its metadata, its keys, and whom a token is about.

mod api;
pub mod identity_provider;
mod listener;
pub mod operations;
mod portal;

pub use api::api_router;
pub use api::extract::{ApiPath, Called, JsonBody, MergePatchBody};
pub use api::routes::ApiRoutes;
pub use api::state::ApiState;
pub use listener::access::{Access, RouteEntry, needs, public, signed_in};
pub use listener::error::{NOT_YET, Problem, ProblemField};
pub use listener::extract::{Info, PathPart, QueryString};
pub use listener::info::RequestInfo;
pub use listener::serve;
pub use portal::assets::asset_url;
pub use portal::extract::{Authenticated, FormBody, Granted, MultipartBody, Partial};
pub use portal::flash::Flash;
pub use portal::page::{download, fragment, go_on_to, invalid, page, page_with, see_other, see_other_with};
pub use portal::return_to::ReturnTo;
pub use portal::routes::Routes;
pub use portal::session::{Session, Sessions};
pub use portal::shell::{Person, Shell};
pub use portal::sign_in;
pub use portal::state::PortalState;
pub use portal::{portal_hosts, portal_router};
