//! Turns problems into the contract's error form, and sets the headers that every answer of the API has.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use serde::Serialize;

use crate::authz::Role;
use crate::http::listener::error::carried::{keep_headers, problem_of};
use crate::http::listener::error::{Challenge, Problem};

use super::state::ApiState;

const ERROR_CODE: HeaderName = HeaderName::from_static("x-ms-error-code");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
/// The longest identifier of a client's own that is given back.
const LONGEST_ID: usize = 128;

/// The contract's `ErrorResponse`.
#[derive(Serialize)]
struct ErrorResponse<'a> {
    error: ErrorForm<'a>,
}

#[derive(Serialize)]
struct ErrorForm<'a> {
    code: String,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<ErrorForm<'a>>,
}

/// Renders a problem of the API; any other answer stays as it is.
pub(super) fn errors(response: Response, state: &ApiState) -> Response {
    let Some(problem) = problem_of(&response) else {
        return response;
    };
    problem.log();
    let mut rendered = error(&problem, state);
    keep_headers(&response, &mut rendered, &problem);
    rendered
}

fn error(problem: &Problem, state: &ApiState) -> Response {
    let missing: Vec<&str> = problem.missing.iter().map(|role| state.config().api.role_names.of(role)).collect();
    let lacking = (!missing.is_empty()).then(|| {
        let admin = state.config().api.role_names.of(Role::AdminUser);
        format!("The token does not have the role this needs: {} (or {admin}).", missing.join(" and "))
    });
    let of_field = problem
        .fields
        .first()
        .filter(|_| problem.fields.len() == 1)
        .map(|field| field.name.as_str())
        .filter(|name| !name.is_empty());
    let form = ErrorForm {
        code: pascal_case(problem.code),
        message: lacking.as_deref().unwrap_or(&problem.detail),
        target: problem.target.as_deref().or(of_field),
        details: problem
            .fields
            .iter()
            .map(|field| ErrorForm {
                code: pascal_case(&field.code),
                message: &field.message,
                target: Some(field.name.as_str()).filter(|target| !target.is_empty()),
                details: Vec::new(),
            })
            .collect(),
    };
    let code = HeaderValue::from_str(&form.code).unwrap_or(HeaderValue::from_static("Error"));
    let mut response = (problem.status, Json(ErrorResponse { error: form })).into_response();
    let headers = response.headers_mut();
    headers.insert(ERROR_CODE, code);
    if let Some(challenge) = challenge(problem, &missing) {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// Returns the `WWW-Authenticate` of an answer (RFC 6750, section 3).
fn challenge(problem: &Problem, missing: &[&str]) -> Option<HeaderValue> {
    const REALM: &str = "Bearer realm=\"Provisioning API\"";
    let said = match problem.challenge {
        Some(Challenge::NoToken) => REALM.to_owned(),
        Some(Challenge::InvalidRequest) => format!("{REALM}, error=\"invalid_request\""),
        Some(Challenge::InvalidToken) => {
            format!("{REALM}, error=\"invalid_token\", error_description=\"{}\"", quotable(&problem.detail))
        }
        None if problem.status == StatusCode::FORBIDDEN && !missing.is_empty() => {
            format!("{REALM}, error=\"insufficient_scope\", scope=\"{}\"", quotable(&missing.join(" ")))
        }
        None => return None,
    };
    HeaderValue::from_str(&said).ok()
}

/// Returns what of a text may stand between quotes.
fn quotable(text: &str) -> String {
    text.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).collect()
}

/// `missing_token` becomes `MissingToken`; what is so already stays.
fn pascal_case(code: &str) -> String {
    let capitalised = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    code.split('_').map(capitalised).collect()
}

/// Sets the headers of every answer, and gives the client its own identifier back.
pub(super) fn with_headers(mut response: Response, client_id: Option<HeaderValue>, state: &ApiState) -> Response {
    let headers = response.headers_mut();
    if let Some(id) = client_id {
        headers.insert(CLIENT_REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
    if state.config().api.public_url.scheme() == "https" {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Whether a request says that it may be repeated.
pub(super) fn is_repeatable(headers: &HeaderMap) -> bool {
    headers.contains_key("repeatability-request-id") || headers.contains_key("repeatability-first-sent")
}

/// Says of a refused request that nothing was done for it and nothing is remembered of it. Where it helps to send the same
/// again, `Retry-After` says so instead.
pub(super) fn reject(response: &mut Response) {
    if response.status().is_client_error() && !response.headers().contains_key(header::RETRY_AFTER) {
        response.headers_mut().insert("repeatability-result", HeaderValue::from_static("rejected"));
    }
}

/// Returns the client's identifier of its request, which goes to the log as well: any one value of visible characters,
/// a UUID or not.
pub(super) fn client_request_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut values = headers.get_all(&CLIENT_REQUEST_ID).iter();
    let (Some(id), None) = (values.next(), values.next()) else { return None };
    let sane = (1..=LONGEST_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic);
    if sane && let Ok(text) = id.to_str() {
        tracing::Span::current().record("client_request_id", text);
    }
    sane.then(|| id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_pascal_case() {
        for (code, expected) in [
            ("missing_api_version_parameter", "MissingApiVersionParameter"),
            ("not_found", "NotFound"),
            ("NumberInUse", "NumberInUse"),
        ] {
            assert_eq!(pascal_case(code), expected);
        }
    }

    #[test]
    fn a_clients_identifier_is_given_back_when_it_is_harmless() {
        let given = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CLIENT_REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
            }
            client_request_id(&headers).is_some()
        };
        assert!(given(&[b"7b1f0f5e-3f0a-4f36-9a39-6a4f9e2f7a11"]));
        assert!(given(&[b"any-id"]) && given(&[&[b'x'; 128]]));
        assert!(!given(&[]) && !given(&[b""]) && !given(&[b"two words"]) && !given(&[&[b'x'; 129]]));
        assert!(!given(&[b"one", b"two"]) && !given(&["\u{e9}".as_bytes()]));
    }
}
