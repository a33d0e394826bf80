//! Reading what a backend answers, trusting none of it.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::{BackendError, JobOutcome, JobResult, JobStatus, Page};
use crate::domain::{E164, ProvisioningError};

/// The longest a backend can make us wait.
pub(super) const MAX_WAIT: Duration = Duration::from_mins(15);
/// The largest body that is read.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;
/// The longest text of an error that is kept, in characters.
const MAX_ERROR_TEXT: usize = 2_000;

/// A failure that may pass, with a reason safe to show.
pub(super) fn retry(reason: impl Into<String>) -> BackendError {
    BackendError::Retry { after: None, reason: reason.into() }
}

/// A connection that gave no answer, in plain words and without the address.
pub(super) fn unreachable(who: &str, error: &reqwest::Error) -> BackendError {
    tracing::debug!(backend = who, error = %error, "no answer from a backend");
    retry(if error.is_timeout() {
        format!("{who} did not answer in time")
    } else if error.is_connect() {
        format!("no connection to {who}")
    } else {
        format!("the connection to {who} was cut before the answer was complete")
    })
}

/// Reads a body of at most 10 MB.
pub(super) async fn body(who: &str, mut response: Response) -> Result<Vec<u8>, BackendError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(who, &error))? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(retry(format!("the answer of {who} was larger than 10 MB")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Reads a JSON body; anything else may be a passing fault, since a repeat is safe.
pub(super) fn json<T: DeserializeOwned>(who: &str, body: &[u8]) -> Result<T, BackendError> {
    serde_json::from_slice(body).map_err(|error| {
        tracing::debug!(backend = who, error = %error, "unreadable answer from a backend");
        retry(format!("the answer of {who} could not be read"))
    })
}

/// The wait a `Retry-After` header asks for: seconds or an HTTP-date, at most 15 minutes; anything else is ignored.
pub(super) fn retry_after(headers: &HeaderMap, now: OffsetDateTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        text.parse().map_or(MAX_WAIT, Duration::from_secs)
    } else {
        Duration::try_from(OffsetDateTime::parse(text, &Rfc2822).ok()? - now).unwrap_or(Duration::ZERO)
    };
    Some(wait.min(MAX_WAIT))
}

/// What a 4xx says about the whole request, word for word.
pub(super) fn refusal(who: &str, status: StatusCode, body: &[u8]) -> BackendError {
    #[derive(Deserialize)]
    struct Wrapped {
        error: ProvisioningError,
    }
    let said = serde_json::from_slice::<Wrapped>(body).ok().map(|wrapped| wrapped.error);
    BackendError::Rejected(said.map_or_else(
        || ProvisioningError {
            code: format!("HTTP_{}", status.as_u16()),
            message: format!("{who} refused the request with status {status} and gave no reason."),
            target: None,
        },
        |error| ProvisioningError { message: error.message.chars().take(MAX_ERROR_TEXT).collect(), ..error },
    ))
}

/// A list as it comes; an item that cannot be read does not spoil the others.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WirePage {
    value: Vec<serde_json::Value>,
    #[serde(default)]
    next_cursor: Option<String>,
}

impl WirePage {
    /// Reads each item, counting those that cannot be read.
    pub(super) fn read<T: DeserializeOwned>(self, who: &str) -> Page<T> {
        let all = self.value.len();
        let items = readable(who, self.value);
        let next_cursor = self.next_cursor.filter(|cursor| !cursor.is_empty());
        Page { unreadable: all - items.len(), items, next_cursor }
    }
}

/// A job as it comes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireJob {
    id: String,
    request_id: String,
    status: JobStatus,
    #[serde(default)]
    results: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireResult {
    telephone_number: E164,
    status: String,
    #[serde(default)]
    error: Option<ProvisioningError>,
}

impl WireJob {
    /// The job; results that cannot be read are left out, so their numbers count as not yet decided.
    pub(super) fn read(self, who: &str, retry_after: Option<Duration>) -> super::Job {
        let results = readable::<WireResult>(who, self.results).into_iter().map(WireResult::read).collect();
        super::Job { id: self.id, request_id: self.request_id, status: self.status, results, retry_after }
    }
}

impl WireResult {
    fn read(self) -> JobResult {
        let outcome = match self.status.as_str() {
            "succeeded" => JobOutcome::Succeeded,
            "failed" => JobOutcome::Failed(self.error.unwrap_or_else(|| ProvisioningError {
                code: "Unknown".to_owned(),
                message: "The backend gave no reason.".to_owned(),
                target: None,
            })),
            _ => JobOutcome::Pending,
        };
        JobResult { telephone_number: self.telephone_number, outcome }
    }
}

fn readable<T: DeserializeOwned>(who: &str, items: Vec<serde_json::Value>) -> Vec<T> {
    items
        .into_iter()
        .filter_map(|item| {
            serde_json::from_value(item)
                .inspect_err(|error| tracing::warn!(backend = who, error = %error, "unreadable item left out"))
                .ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn wait(text: &str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
        retry_after(&headers, datetime!(2026-02-01 10:00:00 UTC))
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_never_long() {
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("0"), Some(Duration::ZERO));
        assert_eq!(wait("1000000000"), Some(MAX_WAIT));
        assert_eq!(wait("99999999999999999999999"), Some(MAX_WAIT));
        assert_eq!(wait("Sun, 01 Feb 2026 10:00:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(wait("Sun, 01 Feb 2026 09:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("-5"), None);
        assert_eq!(wait("soon"), None);
        assert_eq!(wait(""), None);
    }

    #[test]
    fn a_refusal_is_kept_word_for_word_or_named_by_its_status() {
        let said = br#"{"error":{"code":"InvalidRequest","message":"Invalid: Usage","target":"oc"}}"#;
        let BackendError::Rejected(error) = refusal("it", StatusCode::BAD_REQUEST, said) else { panic!() };
        assert_eq!((error.code.as_str(), error.message.as_str()), ("InvalidRequest", "Invalid: Usage"));
        let BackendError::Rejected(error) = refusal("it", StatusCode::NOT_FOUND, b"<html>") else { panic!() };
        assert_eq!(error.code, "HTTP_404");
    }

    #[test]
    fn one_garbled_item_does_not_spoil_a_page() {
        let page: WirePage = json("it", br#"{"value":["+441632960000","nonsense"],"nextCursor":""}"#).unwrap();
        let page = page.read::<E164>("it");
        assert_eq!((page.items.len(), page.unreadable, page.next_cursor), (1, 1, None));
    }

    #[test]
    fn deep_nesting_is_garbage_not_a_crash() {
        let deep = "[".repeat(100_000);
        assert!(matches!(json::<serde_json::Value>("it", deep.as_bytes()), Err(BackendError::Retry { .. })));
    }
}
