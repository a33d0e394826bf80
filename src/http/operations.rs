//! The listener for those who run the product: health and metrics.

use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Map, Value, json};

use super::listener::error::Problem;
use super::listener::error::carried::{keep_headers, problem_of};
use super::listener::info::RequestInfo;
use super::listener::observe::{Observed, observe};

/// A check that takes longer has failed.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);

/// What a check found: fine, or the reason why not.
pub type CheckResult = Result<(), String>;
type NotesFn = Arc<dyn Fn() -> Vec<String> + Send + Sync>;
type CheckFn = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = CheckResult> + Send>> + Send + Sync>;

/// The checks behind `/readyz`, and the metrics.
#[derive(Clone)]
pub struct Operations {
    checks: Vec<(&'static str, CheckFn)>,
    notes: Vec<(&'static str, NotesFn)>,
    metrics: Option<PrometheusHandle>,
}

impl Operations {
    /// Makes a listener without checks.
    #[must_use]
    pub fn new(metrics: Option<PrometheusHandle>) -> Self {
        Self { checks: Vec::new(), notes: Vec::new(), metrics }
    }

    /// Adds a check by name.
    #[must_use]
    pub fn check<F, Fut>(mut self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = CheckResult> + Send + 'static,
    {
        self.checks.push((name, Arc::new(move || Box::pin(check()))));
        self
    }

    /// Adds to a check what people should know though the process does its work: faults of others, which take it out of
    /// no rotation.
    #[must_use]
    pub fn notes(mut self, name: &'static str, notes: impl Fn() -> Vec<String> + Send + Sync + 'static) -> Self {
        self.notes.push((name, Arc::new(notes)));
        self
    }

    /// Builds the listener's router.
    pub fn router(self) -> Router {
        let observed = Observed { listener: "operations", trusted_proxies: Arc::new([]), id_header: "x-request-id" };
        Router::new()
            .route("/healthz", get(|| async { Json(json!({ "status": "up" })) }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics_text))
            .fallback(|| async { Problem::not_found() })
            .layer(from_fn(json_problems))
            .layer(from_fn_with_state(observed, observe))
            .with_state(self)
    }
}

/// Renders problems for machines.
async fn json_problems(request: Request, next: Next) -> Response {
    let info = request.extensions().get::<Arc<RequestInfo>>().cloned();
    let response = next.run(request).await;
    let Some(problem) = problem_of(&response) else {
        return response;
    };
    problem.log();
    let body = json!({ "error": {
        "code": problem.code,
        "message": problem.title,
        "detail": problem.detail,
        "requestId": info.map(|info| info.id.clone()).unwrap_or_default(),
    }});
    let mut rendered = (problem.status, Json(body)).into_response();
    keep_headers(&response, &mut rendered, &problem);
    rendered
}

async fn ready(State(operations): State<Operations>) -> Response {
    let mut all = true;
    let mut found = Map::new();
    // All at once: who asks waits no longer than for one of them.
    let results = operations.checks.iter().map(|(_, check)| tokio::time::timeout(CHECK_TIMEOUT, check()));
    let results = futures_util::future::join_all(results).await;
    for ((name, _), result) in operations.checks.iter().zip(results) {
        let result = result.unwrap_or_else(|_| Err("no answer within 3 seconds".to_owned()));
        all &= result.is_ok();
        let mut value = match result {
            Ok(()) => json!({ "ok": true }),
            Err(reason) => json!({ "ok": false, "reason": reason }),
        };
        let notes = operations.notes.iter().filter(|(of, _)| of == name);
        let notes: Vec<String> = notes.flat_map(|(_, notes)| notes()).collect();
        if let (false, Some(members)) = (notes.is_empty(), value.as_object_mut()) {
            members.insert("warnings".to_owned(), json!(notes));
        }
        found.insert((*name).to_owned(), value);
    }
    let status = if all { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [no_store()], Json(json!({ "ready": all, "checks": Value::Object(found) }))).into_response()
}

async fn metrics_text(State(operations): State<Operations>) -> Response {
    let mut text = operations.metrics.map(|handle| handle.render()).unwrap_or_default();
    let _ = writeln!(text, "# TYPE nmp_info gauge\nnmp_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind), no_store()], text).into_response()
}

fn no_store() -> (header::HeaderName, HeaderValue) {
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
}
