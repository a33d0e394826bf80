//! Extractors for handlers of the portal: who is signed in, what htmx wants, and forms.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Multipart, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;

use crate::authz::{Grant, Permission, Principal};
use crate::http::listener::body::declared_length;
use crate::http::listener::error::Problem;
use crate::http::listener::extract::holds_nul;
use crate::http::listener::info::RequestInfo;
use crate::service::Origin;

use super::request::PortalRequest;
use super::session::Session;
use super::state::PortalState;

/// A signed-in person; others are sent to the sign-in page.
#[derive(Clone, Debug)]
pub struct Authenticated(pub Arc<Session>);

impl Authenticated {
    /// Returns who it is.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.0.principal
    }
}

impl FromRequestParts<PortalState> for Authenticated {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &PortalState) -> Result<Self, Problem> {
        state.session(parts).await?.map(Self).ok_or_else(Problem::sign_in)
    }
}

/// The right `P` of the signed-in person; without it, the page that says which role is missing.
#[derive(Debug)]
pub struct Granted<P>(pub Grant<P>);

impl<P: Permission> FromRequestParts<PortalState> for Granted<P> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &PortalState) -> Result<Self, Problem> {
        let Authenticated(session) = Authenticated::from_request_parts(parts, state).await?;
        Ok(Self(session.principal.grant::<P>()?))
    }
}

/// Whether htmx asks for a part of the page only.
#[derive(Clone, Copy, Debug)]
pub struct Partial(pub bool);

impl FromRequestParts<PortalState> for Partial {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &PortalState) -> Result<Self, Problem> {
        Ok(Self(PortalRequest::of(parts)?.partial))
    }
}

/// Where the request came from, for the audit.
impl FromRequestParts<PortalState> for Origin {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &PortalState) -> Result<Self, Problem> {
        let info = RequestInfo::of(parts)?;
        Ok(Self { surface: "portal", client: info.client, request_id: info.id.clone() })
    }
}

/// A form without files; a name may be repeated for a `Vec`. Give every field `#[serde(default)]` and take texts: what is
/// wrong with a value is said on the form, not here.
#[derive(Clone, Debug)]
pub struct FormBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for FormBody<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_form = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"));
        if !is_form {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "This form cannot be read",
                "The request does not hold a form of the kind this page expects.",
            ));
        }
        let bytes = Bytes::from_request(request, state).await?;
        let damaged = || {
            Problem::bad_request(
                "The form that was sent is damaged or incomplete. Open the page again and send it once more.",
            )
        };
        if holds_nul(&bytes) {
            return Err(damaged());
        }
        serde_html_form::from_bytes(&bytes).map(Self).map_err(|error| damaged().because(&error))
    }
}

/// A form with files. Errors while reading it turn into a [`Problem`] by `?`.
#[derive(Debug)]
pub struct MultipartBody {
    /// Its fields, to be read one after the other.
    pub fields: Multipart,
    /// How many bytes the body says it has; nothing where it does not say.
    pub declared: Option<u64>,
}

impl<S: Send + Sync> FromRequest<S> for MultipartBody {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let declared = Some(declared_length(request.headers())).filter(|length| *length > 0);
        Ok(Self { fields: Multipart::from_request(request, state).await?, declared })
    }
}
