//! The body of a request: its length, its encoding, and how long it may take to arrive.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use tower_http::timeout::DeadlineBody;

use super::error::Problem;
use super::pace::{LeastPace, PacedBody};

/// A request body comes at least this fast: what a poor mobile line does, and far more than a byte now and then.
const BODY_AT_LEAST: LeastPace = LeastPace { pause: Duration::from_secs(10), rate: 2_048 };
/// Longest time for a whole request body.
const BODY_DEADLINE: Duration = Duration::from_mins(3);

/// Returns how long the body says it is, in bytes; 0 when it does not say. The body itself does not know behind its
/// time-outs.
pub(in crate::http) fn declared_length(headers: &HeaderMap) -> u64 {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    length.and_then(|length| length.parse().ok()).unwrap_or_default()
}

/// Reads a body and throws it away, up to so many bytes; the body's own time-outs bound how long that takes.
pub(in crate::http) async fn drain(mut body: Body, most: u64) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, |data| data.len() as u64);
        if read > most {
            return;
        }
    }
}

/// Refuses a compressed body, which could hide any size behind a small one.
pub(super) fn plain_body(headers: &HeaderMap) -> Result<(), Problem> {
    let plain = headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if plain {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "content_encoding",
        "Compressed requests are not accepted",
        "Send it without a Content-Encoding.",
    ))
}

/// Bounds how long the body may take to arrive, and how slowly.
pub(super) fn bounded(request: Request) -> Request {
    request.map(|body| Body::new(DeadlineBody::new(BODY_DEADLINE, PacedBody::new(body, BODY_AT_LEAST))))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_plain_bodies() {
        let mut headers = HeaderMap::new();
        assert!(plain_body(&headers).is_ok());
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(plain_body(&headers).unwrap_err().status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}
