//! Both servers, spoken to over their routes.

mod identity;
mod operator_connect;
mod state;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Collected};
use serde_json::Value;
use tower::ServiceExt as _;

use super::{Sandbox, SandboxError, SandboxOptions};

pub(super) const BASE: &str = "http://127.0.0.1:8090";
pub(super) const BASIC: &str = "Basic bm1wLXBvcnRhbDpzYW5kYm94";

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(super) fn location(&self) -> url::Url {
        self.headers[header::LOCATION].to_str().unwrap().parse().unwrap()
    }

    pub(super) fn error_code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

pub(super) fn router(examples: bool) -> Router {
    Sandbox::new(BASE.parse().unwrap(), SandboxOptions { examples, state: None }).unwrap().router()
}

pub(super) async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    Answer { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
}

pub(super) async fn get(router: &Router, path: &str) -> Answer {
    send(router, Request::get(path).body(Body::empty()).unwrap()).await
}

pub(super) async fn form(router: &Router, path: &str, authorization: &str, fields: &[(&str, &str)]) -> Answer {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::AUTHORIZATION, authorization);
    send(router, request.body(Body::from(body)).unwrap()).await
}

pub(super) async fn json(router: &Router, method: Method, path: &str, bearer: &str, body: &Value) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {bearer}"));
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    send(router, request.body(body).unwrap()).await
}

#[tokio::test]
async fn other_machines_cannot_reach_it() {
    for base in ["http://192.0.2.1:8090", "http://nmp.example.com"] {
        let refused = Sandbox::new(base.parse().unwrap(), SandboxOptions::default());
        assert!(matches!(refused, Err(SandboxError::NotLoopback(_))), "{base}");
    }
    let refused = Sandbox::bind("0.0.0.0:0".parse().unwrap(), SandboxOptions::default()).await;
    assert!(refused.unwrap_err().to_string().contains("loopback only"));
}
