//! Repeatable requests (OASIS Repeatable Requests 1.0): a client that lost the answer sends the same request once more and
//! gets the answer of the first.

use std::fmt::Write as _;

use axum::http::HeaderMap;
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};
use url::form_urlencoded;

use super::header::{date, single};
use super::query::API_VERSION;
use crate::wire::InputProblem;

/// How long a request can be repeated.
pub const WINDOW: Duration = Duration::hours(24);
/// How far a client's clock may be ahead.
pub const CLOCK_SKEW: Duration = Duration::minutes(5);
/// The most characters of an id.
pub const ID_MAX: usize = 128;

const ID: &str = "Repeatability-Request-ID";
const FIRST_SENT: &str = "Repeatability-First-Sent";

/// A request that can be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeatable {
    /// The client's id of the request.
    pub id: String,
    /// When the client sent it for the first time.
    pub first_sent: OffsetDateTime,
}

/// Why a request cannot be repeated; the answer says `Repeatability-Result: rejected`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// The headers cannot be read (400).
    Malformed(Vec<InputProblem>),
    /// It was first sent too long ago, or is yet to be sent (412).
    OutsideWindow(InputProblem),
}

impl Repeatable {
    /// Reads the headers, where there are any of them.
    ///
    /// # Errors
    /// When the request cannot be repeated as it asks.
    pub fn read(headers: &HeaderMap, now: OffsetDateTime) -> Result<Option<Self>, Rejected> {
        let mut problems = Vec::new();
        let mut note = |problem: InputProblem| problems.push(rejected(&problem.target, problem.message));
        let id = single(headers, ID).and_then(|id| id.map(check_id).transpose()).map_err(&mut note).ok();
        let first_sent = date(headers, FIRST_SENT).map_err(&mut note).ok();
        let (id, first_sent) = match (id, first_sent) {
            (Some(None), Some(None)) => return Ok(None),
            (Some(Some(id)), Some(Some(first_sent))) => (id, first_sent),
            (id, first_sent) => {
                for (missing, name, other) in
                    [(id == Some(None), ID, FIRST_SENT), (first_sent == Some(None), FIRST_SENT, ID)]
                {
                    if missing {
                        let message =
                            format!("The header {other} is of use only together with {name}; send both or none.");
                        problems.push(rejected(name, message));
                    }
                }
                return Err(Rejected::Malformed(problems));
            }
        };
        if first_sent < now - WINDOW {
            let message = format!(
                "{FIRST_SENT} is more than 24 hours ago. Whether the request was carried out is not known any more: \
                 look, and send it with a new id where it was not."
            );
            return Err(Rejected::OutsideWindow(rejected(FIRST_SENT, message)));
        }
        if first_sent > now + CLOCK_SKEW {
            let message =
                format!("{FIRST_SENT} is more than 5 minutes in the future. Set the clock of the client right.");
            return Err(Rejected::OutsideWindow(rejected(FIRST_SENT, message)));
        }
        Ok(Some(Self { id: id.to_owned(), first_sent }))
    }
}

fn rejected(header: &str, message: impl Into<String>) -> InputProblem {
    InputProblem { code: "repeatability_rejected", target: header.to_owned(), message: message.into() }
}

fn check_id(id: &str) -> Result<&str, InputProblem> {
    if (1..=ID_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(id);
    }
    Err(rejected(
        ID,
        format!("The header {ID} has 1 to {ID_MAX} visible ASCII characters without blanks, such as a GUID."),
    ))
}

/// What of a request must be the same for it to be a repetition.
#[derive(Clone, Copy, Debug)]
pub struct SentRequest<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its path as it was sent.
    pub path: &'a str,
    /// Its query as it was sent.
    pub query: Option<&'a str>,
    /// Its headers, of which the conditions count.
    pub headers: &'a HeaderMap,
    /// Its body.
    pub body: &'a [u8],
}

impl SentRequest<'_> {
    /// The SHA-256 of all this, in hexadecimal digits. Neither the order of parameters nor the version of the API counts:
    /// every version has the same contract.
    pub fn fingerprint(&self) -> String {
        let mut query: Vec<_> = form_urlencoded::parse(self.query.unwrap_or_default().as_bytes())
            .filter(|(name, _)| name != API_VERSION)
            .collect();
        query.sort_unstable();
        let mut digest = Sha256::new();
        // Each part with its length in front, and each list with its count, so that no two requests run together.
        let mut add = |part: &[u8]| {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        };
        add(self.method.as_bytes());
        add(self.path.as_bytes());
        add(&(query.len() as u64).to_be_bytes());
        for (name, value) in &query {
            add(name.as_bytes());
            add(value.as_bytes());
        }
        for name in ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"] {
            let lines: Vec<_> = self.headers.get_all(name).iter().collect();
            add(&(lines.len() as u64).to_be_bytes());
            for line in lines {
                add(line.as_bytes());
            }
        }
        add(self.body);
        digest.finalize().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

#[cfg(test)]
mod tests;
