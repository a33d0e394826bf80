//! What is written down about each request: a span with its id, a log line, metrics.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;

use super::info::RequestInfo;

/// Which listener is observed.
#[derive(Clone)]
pub(in crate::http) struct Observed {
    /// Name in logs and metrics.
    pub listener: &'static str,
    /// Proxies whose forwarded addresses are believed.
    pub trusted_proxies: Arc<[IpAddr]>,
    /// The header of an answer that holds the request's id.
    pub id_header: &'static str,
}

/// Gathers the [`RequestInfo`], runs the request in a span and writes down how it went. Query and
/// headers never reach the log: they may hold what people typed, cookies, codes or tokens.
pub(in crate::http) async fn observe(State(observed): State<Observed>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let info = Arc::new(RequestInfo::new(&request, &observed.trusted_proxies));
    let method = method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!(
        "request",
        request_id = info.id,
        client_request_id = tracing::field::Empty,
        listener = observed.listener,
        method,
        route
    );
    let id = HeaderValue::from_str(&info.id);
    request.extensions_mut().insert(Arc::clone(&info));
    async move {
        let mut response = next.run(request).await;
        if let Ok(id) = id {
            response.headers_mut().insert(observed.id_header, id);
        }
        let elapsed = started.elapsed();
        let status = response.status();
        let labels = [
            ("listener", observed.listener.to_owned()),
            ("method", method.to_owned()),
            ("route", route.clone()),
            ("status", status.as_str().to_owned()),
        ];
        metrics::counter!("nmp_http_requests_total", &labels).increment(1);
        let labels = [("listener", observed.listener.to_owned()), ("method", method.to_owned()), ("route", route)];
        metrics::histogram!("nmp_http_request_duration_seconds", &labels).record(elapsed.as_secs_f64());
        let subject = info.principal.get().map(|principal| &*principal.subject);
        tracing::info!(
            status = status.as_u16(),
            milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            client = %info.client,
            subject,
            "answered"
        );
        response
    }
    .instrument(span)
    .await
}

/// Returns one of a bounded set of labels, whatever methods people invent.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
