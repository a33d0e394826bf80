//! What goes wrong, on demand.

use std::collections::{HashMap, HashSet};

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::{Json, body::Body};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use crate::domain::E164;
use crate::sandbox::{clock, cut_connection};

/// The switches in force.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Faults {
    pub(super) latency_ms: u64,
    status: Option<u16>,
    retry_after: Option<Value>,
    status_rate: f64,
    drop_response_rate: f64,
    garbage_rate: f64,
    pub(super) reject_numbers: HashSet<E164>,
    pub(super) refuse_batch_numbers: HashSet<E164>,
    pub(super) entry_errors: HashMap<E164, String>,
    pub(super) job_seconds: f64,
    pub(super) down: bool,
    only_tenant: Option<String>,
    pub(super) repeat_cursor: bool,
    pub(super) endless_pages: bool,
    pub(super) job_status: Option<String>,
    pub(super) message_length: usize,
    pub(super) garbage_items: usize,
    pub(super) odd_items: bool,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            latency_ms: 0,
            status: None,
            retry_after: None,
            status_rate: 0.0,
            drop_response_rate: 0.0,
            garbage_rate: 0.0,
            reject_numbers: HashSet::new(),
            refuse_batch_numbers: HashSet::new(),
            entry_errors: HashMap::new(),
            job_seconds: 1.0,
            down: false,
            only_tenant: None,
            repeat_cursor: false,
            endless_pages: false,
            job_status: None,
            message_length: 0,
            garbage_items: 0,
            odd_items: false,
        }
    }
}

/// A change: a missing member stays, `null` goes back to the default.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct FaultsChange {
    latency_ms: Change<u64>,
    status: Change<u16>,
    retry_after: Change<Value>,
    status_rate: Change<f64>,
    drop_response_rate: Change<f64>,
    garbage_rate: Change<f64>,
    reject_numbers: Change<HashSet<E164>>,
    refuse_batch_numbers: Change<HashSet<E164>>,
    entry_errors: Change<HashMap<E164, String>>,
    job_seconds: Change<f64>,
    down: Change<bool>,
    only_tenant: Change<String>,
    repeat_cursor: Change<bool>,
    endless_pages: Change<bool>,
    job_status: Change<String>,
    message_length: Change<usize>,
    garbage_items: Change<usize>,
    odd_items: Change<bool>,
}

#[derive(Debug, Default)]
enum Change<T> {
    #[default]
    Stay,
    Reset,
    Set(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Reset, Self::Set))
    }
}

impl<T> Change<T> {
    fn apply(self, to: &mut T, default: T) {
        match self {
            Self::Stay => {}
            Self::Reset => *to = default,
            Self::Set(value) => *to = value,
        }
    }

    fn apply_optional(self, to: &mut Option<T>) {
        match self {
            Self::Stay => {}
            Self::Reset => *to = None,
            Self::Set(value) => *to = Some(value),
        }
    }
}

impl Faults {
    /// Changes the switches.
    pub(super) fn change(&mut self, change: FaultsChange) {
        let usual = Self::default();
        change.latency_ms.apply(&mut self.latency_ms, usual.latency_ms);
        change.status.apply_optional(&mut self.status);
        change.retry_after.apply_optional(&mut self.retry_after);
        change.status_rate.apply(&mut self.status_rate, usual.status_rate);
        change.drop_response_rate.apply(&mut self.drop_response_rate, usual.drop_response_rate);
        change.garbage_rate.apply(&mut self.garbage_rate, usual.garbage_rate);
        change.reject_numbers.apply(&mut self.reject_numbers, usual.reject_numbers);
        change.refuse_batch_numbers.apply(&mut self.refuse_batch_numbers, usual.refuse_batch_numbers);
        change.entry_errors.apply(&mut self.entry_errors, usual.entry_errors);
        change.job_seconds.apply(&mut self.job_seconds, usual.job_seconds);
        change.down.apply(&mut self.down, usual.down);
        change.only_tenant.apply_optional(&mut self.only_tenant);
        change.repeat_cursor.apply(&mut self.repeat_cursor, usual.repeat_cursor);
        change.endless_pages.apply(&mut self.endless_pages, usual.endless_pages);
        change.job_status.apply_optional(&mut self.job_status);
        change.message_length.apply(&mut self.message_length, usual.message_length);
        change.garbage_items.apply(&mut self.garbage_items, usual.garbage_items);
        change.odd_items.apply(&mut self.odd_items, usual.odd_items);
    }

    /// Whether a call to this path suffers from the faults at all.
    pub(super) fn concern(&self, path: &str) -> bool {
        self.only_tenant.as_deref().is_none_or(|tenant| path.split('/').any(|part| part == tenant))
    }

    /// Whether an answer is changed on its way back.
    pub(super) fn distorts(&self) -> bool {
        self.repeat_cursor
            || self.endless_pages
            || self.job_status.is_some()
            || self.message_length > 0
            || self.garbage_items > 0
            || self.odd_items
    }

    /// Returns what the backend answers instead of doing the work, this time.
    pub(super) fn instead_of_work(&self) -> Option<Response> {
        if self.down {
            return Some(cut_connection());
        }
        let status = StatusCode::from_u16(self.status?).ok()?;
        let rate = if self.status_rate > 0.0 { self.status_rate } else { 1.0 };
        if !clock::chance(rate) {
            return None;
        }
        let reason = status.canonical_reason().unwrap_or("Fault");
        let error = json!({ "error": { "code": reason.replace(' ', ""), "message": format!("The sandbox was told to answer {status}.") } });
        let mut response = (status, Json(error)).into_response();
        let retry_after = match &self.retry_after {
            Some(Value::String(text)) => HeaderValue::from_str(text).ok(),
            Some(number) => HeaderValue::from_str(&number.to_string()).ok(),
            None => None,
        };
        if let Some(retry_after) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, retry_after);
        }
        Some(response)
    }

    /// Returns the answer after the work was done, or what becomes of it on its way.
    pub(super) fn on_the_way_back(&self, answer: Response) -> Response {
        if clock::chance(self.drop_response_rate) {
            cut_connection()
        } else if clock::chance(self.garbage_rate) {
            garbage()
        } else {
            answer
        }
    }
}

fn garbage() -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    match rand::random_range(0..4) {
        0 => Html("<!doctype html><title>Welcome</title><p>It works!").into_response(),
        1 => (json, "{\"id\":\"7c1e\",\"requestId\":\"0190").into_response(),
        2 => (json, Body::from(vec![0_u8, 0xff, 0xfe, b'{', 0xc3])).into_response(),
        _ => (json, "[[[[{\"value\":9e999}]]]]").into_response(),
    }
}
