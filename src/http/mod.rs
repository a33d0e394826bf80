//! What all pages share: the server, errors, protection, sessions, extractors and the register of routes.

mod assets;
mod cookie;
mod error;
mod extract;
mod flash;
mod host;
mod info;
pub mod login;
mod observe;
pub mod operations;
mod page;
mod portal;
mod random;
mod render;
mod return_to;
mod routes;
mod seal;
mod security;
pub mod serve;
mod session;
mod shell;
mod state;

pub use assets::asset_url;
pub use error::Problem;
pub use extract::{Authenticated, FormBody, Granted, Info, MultipartBody, Partial, PathPart, QueryString};
pub use flash::Flash;
pub use info::RequestInfo;
pub use page::{download, fragment, invalid, page, page_with, see_other, see_other_with};
pub use portal::{portal_hosts, portal_router};
pub use return_to::ReturnTo;
pub use routes::{Access, RouteEntry, Routes, needs, public, signed_in};
pub use session::{Session, Sessions};
pub use shell::{Person, Shell};
pub use state::PortalState;
