//! What handlers of the API take as arguments. What they refuse is a [`Problem`].

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};

use serde::de::DeserializeOwned;

use crate::authz::{Grant, Permission};
use crate::http::listener::error::Problem;
use crate::http::listener::extract::holds_nul;
use crate::http::listener::info::RequestInfo;
use crate::service::Origin;

use super::state::ApiState;

/// The right `P` of whoever calls; without it, 403 that names the missing role.
#[derive(Debug)]
pub struct Called<P>(pub Grant<P>);

impl<P: Permission> FromRequestParts<ApiState> for Called<P> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let info = RequestInfo::of(parts)?;
        Ok(Self(state.caller(&info, &parts.headers).await?.grant::<P>()?))
    }
}

/// A part of the path; what cannot be one is 400.
#[derive(Clone, Debug)]
pub struct ApiPath<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<ApiState> for ApiPath<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let refused = || {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "invalid_path_parameter",
                "The request cannot be taken",
                "A part of the path is not text in UTF-8, percent-encoded, without the character U+0000.",
            )
        };
        if holds_nul(parts.uri.path().as_bytes()) {
            return Err(refused());
        }
        let path = Path::<T>::from_request_parts(parts, state).await.map_err(|error| refused().because(&error))?;
        Ok(Self(path.0))
    }
}

/// Where the call came from, for the audit.
impl FromRequestParts<ApiState> for Origin {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Problem> {
        let info = RequestInfo::of(parts)?;
        Ok(Self { surface: "api", client: info.client, request_id: info.id.clone() })
    }
}

/// A body of `application/json`, not yet read as such.
#[derive(Clone, Debug)]
pub struct JsonBody(pub Bytes);

impl FromRequest<ApiState> for JsonBody {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        body_of("application/json", request, state).await.map(Self)
    }
}

/// A body of `application/merge-patch+json` (RFC 7396), not yet read as such.
#[derive(Clone, Debug)]
pub struct MergePatchBody(pub Bytes);

impl FromRequest<ApiState> for MergePatchBody {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        body_of("application/merge-patch+json", request, state).await.map(Self)
    }
}

async fn body_of(kind: &'static str, request: Request, state: &ApiState) -> Result<Bytes, Problem> {
    if !is_of_kind(kind, request.headers()) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Not the expected kind of body",
            format!("Send the body as {kind} in UTF-8, and say so in the header Content-Type."),
        )
        .at("Content-Type"));
    }
    Ok(Bytes::from_request(request, state).await?)
}

/// Whether there is one content type and it is this one, in no other character set than UTF-8.
fn is_of_kind(kind: &str, headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let mut parts = value.to_str().unwrap_or_default().split(';').map(str::trim);
    let named = parts.next().is_some_and(|named| named.eq_ignore_ascii_case(kind));
    let utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    named && parts.all(utf8)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_body_says_what_it_is() {
        let is_json = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_TYPE, HeaderValue::from_static(value));
            }
            is_of_kind("application/json", &headers)
        };
        assert!(is_json(&["application/json"]));
        assert!(is_json(&["Application/JSON; Charset=\"UTF-8\""]));
        for wrong in [
            &[][..],
            &["text/plain"],
            &["application/json; charset=utf-16"],
            &["application/jsonx"],
            &["application/merge-patch+json"],
            &["application/json", "application/json"],
        ] {
            assert!(!is_json(wrong), "{wrong:?}");
        }
    }
}
