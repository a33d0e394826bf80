//! Problems on their way out: an answer carries one until the outermost layer of its listener renders it.

use std::sync::Arc;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::Problem;

/// In response extensions: the problem that is to be rendered.
#[derive(Clone, Debug)]
struct Carried(Arc<Problem>);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(Carried(Arc::new(self)));
        response
    }
}

/// Returns the problem an answer carries, or stands for when no code of ours made it.
pub(in crate::http) fn problem_of(response: &Response) -> Option<Arc<Problem>> {
    if let Some(Carried(problem)) = response.extensions().get::<Carried>() {
        return Some(Arc::clone(problem));
    }
    let status = response.status();
    let ours = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes().starts_with(b"text/html") || kind.as_bytes().starts_with(b"application/json")
    });
    ((status.is_client_error() || status.is_server_error()) && !ours).then(|| Arc::new(Problem::from_status(status)))
}

/// Takes over the headers of an answer that its rendered form needs as well, and says when to ask again.
pub(in crate::http) fn keep_headers(from: &Response, to: &mut Response, problem: &Problem) {
    for name in [header::ALLOW, header::SET_COOKIE, header::CONNECTION] {
        for value in from.headers().get_all(&name) {
            to.headers_mut().append(name.clone(), value.clone());
        }
    }
    if let Some(seconds) = problem.retry_after {
        to.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}
