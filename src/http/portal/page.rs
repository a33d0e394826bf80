//! Answers of handlers: pages, fragments, forms with errors, redirects.

use askama::Template;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::flash::Flash;
use crate::http::listener::error::Problem;

/// In response extensions: a whole page was shown, and with it the notice it carried.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShownPage;

/// Bytes that hold most pages, so that the text need not grow while it is written. Below the 64 KiB from which on the
/// allocator tidies up at each return.
const ROOM: usize = 56 * 1024;

/// Answers with a whole page.
#[must_use]
pub fn page(template: &impl Template) -> Response {
    page_with(StatusCode::OK, template)
}

/// Answers with a form that comes back with its values and errors.
#[must_use]
pub fn invalid(template: &impl Template) -> Response {
    page_with(StatusCode::UNPROCESSABLE_ENTITY, template)
}

/// Answers with a whole page and another status.
#[must_use]
pub fn page_with(status: StatusCode, template: &impl Template) -> Response {
    let mut response = html(status, template);
    response.extensions_mut().insert(ShownPage);
    response
}

/// Answers with a part of a page: a block of its template, such as `page.as_rows()`.
#[must_use]
pub fn fragment(template: &impl Template) -> Response {
    html(StatusCode::OK, template)
}

/// Answers a part of a page that asks for itself: it has nothing more to wait for, and the browser goes on to this page.
#[must_use]
pub fn go_on_to(path: &str) -> Response {
    const REDIRECT: HeaderName = HeaderName::from_static("hx-redirect");
    match HeaderValue::from_str(path) {
        Ok(path) => (StatusCode::OK, [(REDIRECT, path)]).into_response(),
        Err(error) => Problem::internal().because(&error).into_response(),
    }
}

fn html(status: StatusCode, template: &impl Template) -> Response {
    let mut text = String::with_capacity(ROOM);
    match template.render_into(&mut text) {
        Ok(()) => {
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
                // The same address answers differently to htmx.
                (header::VARY, HeaderValue::from_static("HX-Request, HX-Request-Type")),
            ];
            (status, headers, text).into_response()
        }
        Err(error) => Problem::internal().because(&error).into_response(),
    }
}

/// Answers 303 to another page.
#[must_use]
pub fn see_other(path: &str) -> Response {
    match HeaderValue::from_str(path) {
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        Err(error) => Problem::internal().because(&error).into_response(),
    }
}

/// Answers 303 to another page, which shows the notice once.
#[must_use]
pub fn see_other_with(path: &str, flash: Flash) -> Response {
    let mut response = see_other(path);
    response.extensions_mut().insert(flash);
    response
}

/// Answers with a file to download, such as a CSV export. The name is ours, never a person's text.
#[must_use]
pub fn download(file_name: &str, content_type: &'static str, body: impl Into<axum::body::Body>) -> Response {
    let safe: String =
        file_name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+')).collect();
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{safe}\""))
        .unwrap_or(HeaderValue::from_static("attachment"));
    let headers: [(HeaderName, HeaderValue); 2] =
        [(header::CONTENT_TYPE, HeaderValue::from_static(content_type)), (header::CONTENT_DISPOSITION, disposition)];
    (headers, body.into()).into_response()
}
