//! What the frame around every page shows: who is signed in, where they are, the theme, a notice.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::authz::AuditRead;
use crate::http::listener::error::Problem;

use super::assets::asset_url;
use super::flash::Flash;
use super::request::PortalRequest;
use super::session::Session;
use super::state::PortalState;

/// What `templates/base.html` reads. A handler takes it as an argument and says where it is with
/// [`Shell::at`].
#[derive(Clone, Debug)]
pub struct Shell {
    /// Theme: `auto`, `light` or `dark`.
    pub theme: &'static str,
    /// Path and query of this page.
    pub path: String,
    /// The entry of the navigation that is current, or an empty text.
    pub active: &'static str,
    /// Who is signed in.
    pub person: Option<Person>,
    /// Whether to show the audit in the navigation.
    pub may_audit: bool,
    /// What was searched for.
    pub search: String,
    /// A notice from the request before.
    pub flash: Option<Flash>,
    /// Address of the icons, which a page names in many places.
    pub icons: &'static str,
    /// Version of the program.
    pub version: &'static str,
}

/// Who is signed in, for display.
#[derive(Clone, Debug)]
pub struct Person {
    /// The person's name.
    pub name: String,
    /// Their roles in words.
    pub roles_text: String,
}

impl Shell {
    /// Returns the frame for a request and whoever sent it.
    #[must_use]
    pub(super) fn new(request: &PortalRequest, session: Option<&Session>) -> Self {
        Self {
            theme: request.theme,
            path: request.page.clone(),
            active: "",
            person: session.map(Person::of),
            may_audit: session.is_some_and(|session| session.principal.may::<AuditRead>()),
            search: String::new(),
            flash: request.flash.clone(),
            icons: asset_url("icons.svg"),
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// Says which entry of the navigation is current.
    #[must_use]
    pub fn at(mut self, active: &'static str) -> Self {
        self.active = active;
        self
    }

    /// Fills the search box.
    #[must_use]
    pub fn searched(mut self, text: impl Into<String>) -> Self {
        self.search = text.into();
        self
    }

    /// Returns the address of a static file, with its content hash.
    #[must_use]
    pub fn asset<'a>(&self, name: &'a str) -> &'a str {
        asset_url(name)
    }
}

impl Person {
    fn of(session: &Session) -> Self {
        let roles: Vec<&str> =
            session.principal.roles.iter().map(|role| role.name().trim_end_matches("User")).collect();
        let roles_text = if roles.is_empty() { "No role".to_owned() } else { roles.join(", ") };
        Self { name: session.principal.name.to_string(), roles_text }
    }
}

impl FromRequestParts<PortalState> for Shell {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &PortalState) -> Result<Self, Problem> {
        let session = state.session(parts).await?;
        Ok(Self::new(PortalRequest::of(parts)?.as_ref(), session.as_deref()))
    }
}
