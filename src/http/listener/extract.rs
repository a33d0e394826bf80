//! Extractors for handlers of every listener. What they refuse is a [`Problem`], never a text of the framework.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::error::Problem;
use super::info::RequestInfo;

/// The facts about the request: its id, and where it comes from.
#[derive(Clone, Debug)]
pub struct Info(pub Arc<RequestInfo>);

impl<S: Sync> FromRequestParts<S> for Info {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        RequestInfo::of(parts).map(Self)
    }
}

/// Whether percent-encoded text holds the character NUL, which means nothing in any field and which PostgreSQL does not
/// store.
pub(in crate::http) fn holds_nul(encoded: &[u8]) -> bool {
    encoded.contains(&0) || encoded.windows(3).any(|part| part == b"%00")
}

/// The query; a key may be repeated for a `Vec`. Give every field `#[serde(default)]`.
#[derive(Clone, Debug)]
pub struct QueryString<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for QueryString<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let odd = || Problem::bad_request("The address holds a filter that this page does not understand.");
        if holds_nul(query.as_bytes()) {
            return Err(odd());
        }
        serde_html_form::from_str(query).map(Self).map_err(|error| odd().because(&error))
    }
}

/// A part of the path; what cannot be one is a page that does not exist.
#[derive(Clone, Debug)]
pub struct PathPart<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathPart<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if holds_nul(parts.uri.path().as_bytes()) {
            return Err(Problem::not_found());
        }
        let Path(value) = Path::<T>::from_request_parts(parts, state).await?;
        Ok(Self(value))
    }
}
