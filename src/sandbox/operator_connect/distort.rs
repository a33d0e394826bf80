//! Answers that are well-formed and yet wrong: lists without an end, jobs without an end, texts without measure.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header;
use axum::response::Response;
use serde_json::{Value, json};

use super::faults::Faults;
use crate::sandbox::clock;

/// Takes the cursor out of a request where every page is the first one.
pub(super) fn request(faults: &Faults, mut request: Request) -> Request {
    if faults.repeat_cursor || faults.endless_pages {
        let query = request.uri().query().unwrap_or_default();
        let kept: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("cursor=")).collect();
        let address = format!("{}?{}", request.uri().path(), kept.join("&"));
        if let Ok(address) = address.parse() {
            *request.uri_mut() = address;
        }
    }
    request
}

/// Returns the answer as the faults make it.
pub(super) async fn answer(faults: &Faults, response: Response) -> Response {
    if !faults.distorts() {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else { return Response::from_parts(head, Body::empty()) };
    let body = match serde_json::from_slice(&body) {
        Ok(mut value) => {
            page(faults, &mut value);
            job(faults, &mut value);
            value.to_string().into_bytes()
        }
        Err(_) => body.to_vec(),
    };
    head.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(head, Body::from(body))
}

fn page(faults: &Faults, answer: &mut Value) {
    let Some(members) = answer.as_object_mut() else { return };
    let Some(items) = members.get_mut("value").and_then(Value::as_array_mut) else { return };
    if faults.odd_items {
        items.iter_mut().for_each(with_nul);
        *items = items.iter().flat_map(|item| [item.clone(), item.clone()]).collect();
    }
    items.extend((0..faults.garbage_items).map(|index| json!({ "garbage": index })));
    if faults.repeat_cursor {
        members.insert("nextCursor".to_owned(), json!("again"));
    } else if faults.endless_pages {
        members.insert("nextCursor".to_owned(), json!(clock::new_id()));
    }
}

/// Puts a NUL at the end of every text.
fn with_nul(value: &mut Value) {
    match value {
        Value::String(text) => text.push('\0'),
        Value::Array(items) => items.iter_mut().for_each(with_nul),
        Value::Object(members) => members.values_mut().for_each(with_nul),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn job(faults: &Faults, answer: &mut Value) {
    let Some(members) = answer.as_object_mut() else { return };
    if !members.contains_key("results") {
        return;
    }
    if let Some(status) = &faults.job_status {
        members.insert("status".to_owned(), json!(status));
    }
    let Some(results) = members.get_mut("results").and_then(Value::as_array_mut) else { return };
    for result in results.iter_mut().filter_map(Value::as_object_mut) {
        if faults.job_status.is_some() {
            result.insert("status".to_owned(), json!("pending"));
        } else if faults.message_length > 0 {
            let text = "x".repeat(faults.message_length);
            result.insert("status".to_owned(), json!("failed"));
            result.insert("error".to_owned(), json!({ "code": text, "message": text, "target": text }));
        }
    }
    results.extend((0..faults.garbage_items).map(|index| json!({ "garbage": index })));
}
