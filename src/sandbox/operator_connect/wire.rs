//! What goes over the wire, as this side reads and writes it.

use std::collections::HashSet;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::{E164, ProvisioningError};

/// The most numbers in one request.
pub(super) const MAX_NUMBERS: usize = 1_000;
const MAX_REQUEST_ID: usize = 100;
const DEFAULT_PAGE: usize = 200;
const MAX_PAGE: usize = 1_000;

/// An error answer.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) error: ProvisioningError,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>, target: Option<&str>) -> Self {
        let target = target.map(str::to_owned);
        Self { status, error: ProvisioningError::new(code, message, target) }
    }

    pub(super) fn invalid(message: impl Into<String>, target: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidRequest", message, Some(target))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.error }))).into_response()
    }
}

/// Reads a JSON body.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::invalid(format!("The body cannot be read: {error}."), "body"))
}

/// Which service carries a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Service {
    OperatorConnect,
    TeamsPhoneMobile,
}

impl Service {
    /// Returns what errors name as their target.
    pub(super) fn target(self) -> &'static str {
        match self {
            Self::OperatorConnect => "oc",
            Self::TeamsPhoneMobile => "tpm",
        }
    }
}

/// The settings of uploaded numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Settings {
    pub(super) usage: String,
    pub(super) choosable_capabilities: Vec<String>,
    pub(super) additional_usages: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) civic_address_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) location_id: Option<String>,
    pub(super) allow_tenant_address_update: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) displayed_country_code: Option<String>,
}

/// An upload.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UploadBody {
    request_id: String,
    service: Service,
    #[serde(default)]
    calling_profile: Option<String>,
    #[serde(default)]
    settings: Settings,
    numbers: Vec<String>,
}

/// A release.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReleaseBody {
    request_id: String,
    numbers: Vec<String>,
}

/// What an upload does to each of its numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UploadTerms {
    pub(super) service: Service,
    pub(super) calling_profile: Option<String>,
    pub(super) settings: Settings,
}

/// A request whose form is right.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) request_id: String,
    /// `None` is a release.
    pub(super) upload: Option<UploadTerms>,
    pub(super) numbers: Vec<E164>,
}

impl UploadBody {
    pub(super) fn check(self) -> Result<Order, Refusal> {
        let Self { request_id, service, calling_profile, settings, numbers } = self;
        let upload = Some(UploadTerms { service, calling_profile, settings });
        Ok(Order { request_id: check_request_id(request_id)?, upload, numbers: check_numbers(&numbers)? })
    }
}

impl ReleaseBody {
    pub(super) fn check(self) -> Result<Order, Refusal> {
        let numbers = check_numbers(&self.numbers)?;
        Ok(Order { request_id: check_request_id(self.request_id)?, upload: None, numbers })
    }
}

pub(super) fn check_request_id(request_id: String) -> Result<String, Refusal> {
    if request_id.is_empty() || request_id.chars().count() > MAX_REQUEST_ID {
        return Err(Refusal::invalid("requestId must have 1 to 100 characters.", "requestId"));
    }
    Ok(request_id)
}

fn check_numbers(numbers: &[String]) -> Result<Vec<E164>, Refusal> {
    if numbers.is_empty() || numbers.len() > MAX_NUMBERS {
        let message = format!("A request takes 1 to {MAX_NUMBERS} numbers, this one has {}.", numbers.len());
        return Err(Refusal::invalid(message, "numbers"));
    }
    let mut seen = HashSet::with_capacity(numbers.len());
    numbers
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let target = format!("numbers[{index}]");
            let number = E164::parse_wire(text)
                .map_err(|why| Refusal::invalid(format!("{text} is not an E.164 number: {why}."), &target))?;
            if !seen.insert(number) {
                return Err(Refusal::invalid(format!("{number} is in the request twice."), &target));
            }
            Ok(number)
        })
        .collect()
}

/// Where a page starts and how long it is.
#[derive(Debug, Deserialize)]
pub(super) struct PageRequest {
    #[serde(default)]
    cursor: Option<String>,
    #[serde(default)]
    limit: Option<String>,
}

impl PageRequest {
    /// Returns the key after which the page starts.
    pub(super) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref().filter(|cursor| !cursor.is_empty())
    }

    /// Makes one page of items that come in the order of their keys and already start after the cursor.
    pub(super) fn page<T>(&self, mut items: impl Iterator<Item = (String, T)>) -> Result<Page<T>, Refusal> {
        let limit = match self.limit.as_deref() {
            None => DEFAULT_PAGE,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MAX_PAGE).contains(limit))
                .ok_or_else(|| Refusal::invalid(format!("limit must be 1 to {MAX_PAGE}."), "limit"))?,
        };
        let (mut keys, value): (Vec<String>, Vec<T>) = items.by_ref().take(limit).unzip();
        let next_cursor = if items.next().is_some() { keys.pop() } else { None };
        Ok(Page { value, next_cursor })
    }
}

/// One page of a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    value: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}
