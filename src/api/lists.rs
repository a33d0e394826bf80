//! How a page of a list is answered.

use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use url::Url;

use crate::wire::List;

const RECORD_COUNT: HeaderName = HeaderName::from_static("x-ms-record-count");

/// Answers with a page, the link to the next one, and how many match in all where that was asked for.
pub(super) fn list_answer<T: Serialize>(
    items: impl Iterator<Item = T>,
    next_link: Option<Url>,
    count: Option<i64>,
) -> Response {
    let list = List { value: items.collect(), next_link: next_link.map(String::from) };
    let mut response = axum::Json(list).into_response();
    if let Some(count) = count {
        response.headers_mut().insert(RECORD_COUNT, HeaderValue::from(count));
    }
    response
}
