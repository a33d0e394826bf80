//! Reading what a backend answers, trusting none of it.

use std::fmt;
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde::de::{DeserializeOwned, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::lenient::{self, Listed, Unread};
use super::{BackendError, JobStatus, NumberOutcome, NumberResult, Page};
use crate::domain::{E164, ProvisioningError};

/// The longest a backend can make us wait.
pub(super) const MAX_WAIT: Duration = Duration::from_mins(15);
/// The largest body that is read.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;
/// A body of this size is read in less than a millisecond.
const SMALL_BODY_BYTES: usize = 64 * 1024;
/// The largest item of a list that is read.
const MAX_ITEM_BYTES: usize = 256 * 1024;
/// The most items of one answer that are read; a page has at most 1,000 and a job as many numbers.
const MAX_ITEMS: usize = 10_000;
/// The longest code and target of an error that are kept, and the longest name of a status, in characters.
const MAX_NAME: usize = 200;
/// The longest message of an error that is kept, in characters.
const MAX_MESSAGE: usize = 2_000;
/// The most parts of a page that could not be read and are named.
const MAX_NAMED: usize = 20;
/// The longest id of a job, in bytes: it goes into addresses.
const MAX_ID: usize = 500;

/// A failure that may pass, with a reason safe to show.
pub(super) fn retry(reason: impl Into<String>) -> BackendError {
    BackendError::Retry { after: None, reason: reason.into() }
}

/// A text of a backend without NUL, no longer than this many characters; an ellipsis stands for what was left out.
fn shortened(mut text: String, most: usize) -> String {
    text.retain(|c| c != '\0');
    if let Some((cut, _)) = text.char_indices().nth(most) {
        let last = text.char_indices().nth(most.saturating_sub(1)).map_or(cut, |(last, _)| last);
        text.truncate(last);
        text.push('\u{2026}');
        text.shrink_to_fit();
    }
    text
}

/// What went wrong while an answer was read, for a log: it may repeat what was sent.
fn brief(error: &serde_json::Error) -> String {
    shortened(error.to_string(), MAX_NAME)
}

/// What a backend said, at the length that is kept.
fn said(error: ProvisioningError) -> ProvisioningError {
    ProvisioningError::new(
        shortened(error.code, MAX_NAME),
        shortened(error.message, MAX_MESSAGE),
        error.target.map(|target| shortened(target, MAX_NAME)),
    )
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
pub(super) fn json<'a, T: Deserialize<'a>>(who: &str, body: &'a [u8]) -> Result<T, BackendError> {
    serde_json::from_slice(body).map_err(|error| {
        tracing::debug!(backend = who, error = brief(&error), "unreadable answer from a backend");
        unreadable(who)
    })
}

fn unreadable(who: &str) -> BackendError {
    retry(format!("the answer of {who} could not be read"))
}

/// Reads a body in a manner that may take a while, and not on a thread that answers requests if it is large.
pub(super) async fn read<T, F>(who: &str, body: Vec<u8>, manner: F) -> Result<T, BackendError>
where
    T: Send + 'static,
    F: FnOnce(&str, &[u8]) -> Result<T, BackendError> + Send + 'static,
{
    if body.len() <= SMALL_BODY_BYTES {
        return manner(who, &body);
    }
    let name = who.to_owned();
    let reading = tokio::task::spawn_blocking(move || manner(&name, &body));
    reading.await.unwrap_or_else(|_| Err(unreadable(who)))
}

/// Reads a JSON body that is one thing, in which `null` is as if left out.
pub(super) fn thing<T: DeserializeOwned>(who: &str, body: &[u8]) -> Result<T, BackendError> {
    lenient::whole(body).ok_or_else(|| {
        tracing::debug!(backend = who, "unreadable answer from a backend");
        unreadable(who)
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
    let refused = serde_json::from_slice::<Wrapped>(body).ok().map(|wrapped| said(wrapped.error));
    BackendError::Rejected(refused.unwrap_or_else(|| {
        let message = format!("{who} refused the request with status {status} and gave no reason.");
        ProvisioningError::new(format!("HTTP_{}", status.as_u16()), message, None)
    }))
}

/// The items of a list, each still as text, so that one that cannot be read does not spoil the others and costs no more
/// memory than it has bytes.
#[derive(Default)]
struct Items<'a> {
    read: Vec<&'a RawValue>,
    /// How many there were beyond [`MAX_ITEMS`].
    left_out: usize,
}

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sequence;
        impl<'de> Visitor<'de> for Sequence {
            type Value = Items<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut found = Items::default();
                while found.read.len() < MAX_ITEMS {
                    let Some(item) = items.next_element()? else { return Ok(found) };
                    found.read.push(item);
                }
                while items.next_element::<IgnoredAny>()?.is_some() {
                    found.left_out += 1;
                }
                Ok(found)
            }
        }
        deserializer.deserialize_seq(Sequence)
    }
}

impl<'a> Items<'a> {
    /// Reads each item of at most so many bytes, and counts those that cannot be read. One line of log tells of all.
    fn readable<T: Deserialize<'a>>(self, who: &str, largest: usize) -> (Vec<T>, usize) {
        let mut unreadable = self.left_out;
        let mut first = None;
        let mut items = Vec::with_capacity(self.read.len());
        for item in self.read {
            if item.get().len() > largest {
                unreadable += 1;
                first.get_or_insert_with(|| format!("larger than {largest} bytes"));
                continue;
            }
            match serde_json::from_str(item.get()) {
                Ok(item) => items.push(item),
                Err(error) => {
                    unreadable += 1;
                    first.get_or_insert_with(|| brief(&error));
                }
            }
        }
        if unreadable > 0 {
            let first = first.unwrap_or_else(|| format!("more than {MAX_ITEMS} items"));
            tracing::warn!(backend = who, unreadable, first, "items of an answer could not be read and are left out");
        }
        (items, unreadable)
    }
}

/// Reads a page of a list; an item that cannot be read does not spoil the others.
pub(super) fn page<T: Listed>(who: &str, body: &[u8]) -> Result<Page<T>, BackendError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WirePage<'a> {
        #[serde(borrow)]
        value: Items<'a>,
        #[serde(default)]
        next_cursor: Option<String>,
    }
    let wire: WirePage<'_> = json(who, body)?;
    let next_cursor = wire.next_cursor.filter(|cursor| !cursor.is_empty());
    let left_out = wire.value.left_out;
    let mut page =
        Page { items: Vec::new(), unreadable: left_out, next_cursor, unread: Vec::new(), unread_count: left_out };
    for item in wire.value.read {
        let read = if item.get().len() > MAX_ITEM_BYTES {
            Err(Unread { item: String::new(), member: None })
        } else {
            lenient::read(item.get())
        };
        let unread = match read {
            Ok((item, unread)) => {
                page.items.push(item);
                unread
            }
            Err(unread) => {
                page.unreadable += 1;
                vec![unread]
            }
        };
        page.unread_count += unread.len();
        page.unread.extend(unread.into_iter().take(MAX_NAMED.saturating_sub(page.unread.len())));
    }
    if page.unread_count > 0 {
        let first = page.unread.first();
        let (item, member) = first.map_or(("", None), |unread| (unread.item.as_str(), unread.member.as_deref()));
        let (unreadable, unread) = (page.unreadable, page.unread_count);
        tracing::warn!(
            backend = who,
            unreadable,
            unread,
            item,
            member,
            "parts of an answer could not be read and are left out"
        );
    }
    Ok(page)
}

/// A job as it comes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireJob<'a> {
    id: String,
    request_id: String,
    status: String,
    #[serde(default, borrow)]
    results: Option<Items<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireResult {
    telephone_number: E164,
    status: String,
    #[serde(default)]
    error: Option<ProvisioningError>,
}

impl WireJob<'_> {
    /// The job; results that cannot be read are left out, so their numbers count as not yet decided.
    pub(super) fn read(self, who: &str, retry_after: Option<Duration>) -> Result<super::Job, BackendError> {
        if self.id.is_empty() || self.id.len() > MAX_ID || self.id.contains(char::is_control) {
            let why = "the id of a job is empty, too long or has control characters";
            return Err(retry(format!("the answer of {who} could not be read: {why}")));
        }
        let (results, _) = self.results.unwrap_or_default().readable::<WireResult>(who, MAX_BODY_BYTES);
        Ok(super::Job {
            id: self.id,
            request_id: shortened(self.request_id, MAX_NAME),
            status: JobStatus::from(shortened(self.status, MAX_NAME)),
            results: results.into_iter().map(WireResult::read).collect(),
            retry_after,
        })
    }
}

impl WireResult {
    fn read(self) -> NumberResult {
        let outcome = match self.status.as_str() {
            "succeeded" => NumberOutcome::Succeeded,
            "failed" => NumberOutcome::Failed(match self.error {
                Some(error) => said(error),
                None => ProvisioningError::new("Unknown", "The backend gave no reason.", None),
            }),
            _ => NumberOutcome::Pending,
        };
        NumberResult { telephone_number: self.telephone_number, outcome }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn wait(text: &str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
        retry_after(&headers, datetime!(2026-02-01 10:00:00 UTC))
    }

    /// Lists of things that have no members.
    macro_rules! plain {
        ($($kind:ty),+) => {
            $(impl Listed for $kind {
                const KEY: &'static str = "";
            })+
        };
    }
    plain!(E164, u8, String);

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
        let page = page::<E164>("it", br#"{"value":["+441632960000","nonsense"],"nextCursor":""}"#).unwrap();
        assert_eq!((page.items.len(), page.unreadable, page.next_cursor), (1, 1, None));
    }

    #[test]
    fn deep_nesting_is_garbage_not_a_crash() {
        let deep = "[".repeat(100_000);
        assert!(matches!(json::<serde_json::Value>("it", deep.as_bytes()), Err(BackendError::Retry { .. })));
    }

    fn failed(error: &serde_json::Value) -> ProvisioningError {
        let job = serde_json::json!({"id": "1", "requestId": "2", "status": "failed",
            "results": [{"telephoneNumber": "+441632960000", "status": "failed", "error": error}]});
        let job = job.to_string();
        let mut job = json::<WireJob<'_>>("it", job.as_bytes()).unwrap().read("it", None).unwrap();
        let Some(NumberResult { outcome: NumberOutcome::Failed(error), .. }) = job.results.pop() else { panic!() };
        error
    }

    #[test]
    fn what_an_error_says_is_kept_up_to_a_length() {
        let short =
            serde_json::json!({"code": "c".repeat(200), "message": "\u{e9}".repeat(2_000), "target": "t".repeat(200)});
        let kept = failed(&short);
        assert_eq!(serde_json::json!(kept), short, "word for word as long as it fits");
        let long = serde_json::json!({"code": "c".repeat(201), "message": "\u{e9}".repeat(3_000_000), "target": "t".repeat(5_000)});
        let kept = failed(&long);
        let lengths = [&kept.code, &kept.message, kept.target.as_ref().unwrap()].map(|text| text.chars().count());
        assert_eq!(lengths, [200, 2_000, 200]);
        assert!(kept.message.ends_with("\u{e9}\u{2026}") && kept.code.ends_with("c\u{2026}"));
        let BackendError::Rejected(refused) =
            refusal("it", StatusCode::BAD_REQUEST, serde_json::json!({ "error": long }).to_string().as_bytes())
        else {
            panic!()
        };
        assert_eq!(refused, kept);
    }

    #[test]
    fn an_answer_of_very_many_or_very_large_items_is_read_up_to_a_bound() {
        let many = format!("{{\"value\":[{}0]}}", "0,".repeat(1_000_000));
        let read = page::<u8>("it", many.as_bytes()).unwrap();
        assert_eq!((read.items.len(), read.unreadable), (MAX_ITEMS, 1_000_001 - MAX_ITEMS));
        let large = serde_json::json!({"value": ["x", "y".repeat(MAX_ITEM_BYTES)]}).to_string();
        let read = page::<String>("it", large.as_bytes()).unwrap();
        assert_eq!((read.items.len(), read.unreadable), (1, 1));
    }

    #[test]
    fn a_job_with_an_id_that_fits_no_address_is_not_followed() {
        for id in [String::new(), "x".repeat(MAX_ID + 1), "a\0b".to_owned()] {
            let job = serde_json::json!({"id": id, "requestId": "2", "status": "pending"}).to_string();
            assert!(json::<WireJob<'_>>("it", job.as_bytes()).unwrap().read("it", None).is_err());
        }
    }
}
