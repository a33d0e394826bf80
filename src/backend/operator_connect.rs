//! The client of the protocol in docs/operator-connect-backend.md.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Client, Method, StatusCode, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::time::Instant;
use url::Url;

use super::answer::{self, WireJob, retry};
use super::token::{Credentials, TokenSource};
use super::{
    Answer, Backend, BackendError, BackendNumber, Cursor, Job, Page, RelationshipUpdate, ReleaseRequest, UploadRequest,
};
use crate::domain::{CapabilityPlan, CivicAddress, Consent, CustomerRelationship, TenantId};

const WHO: &str = "Operator Connect";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const READ_TIMEOUT: Duration = Duration::from_secs(10);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(30);
/// Items asked for in one page of a list.
const PAGE_LIMIT: &str = "1000";

/// Where the backend is and how to sign in to it.
#[derive(Clone, Debug)]
pub struct OperatorConnectOptions {
    /// All paths of the protocol follow it.
    pub base_url: Url,
    /// Where tokens come from; `None` sends no bearer token.
    pub token_url: Option<Url>,
    /// Our client at the token URL.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
    /// The scope to ask for.
    pub scope: Option<String>,
    /// The time now, for a `Retry-After` that is a date.
    pub now: fn() -> OffsetDateTime,
}

/// The backend cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum OperatorConnectError {
    /// The base URL has no host.
    #[error(
        "the base URL of Operator Connect must be an http or https URL with a host, such as https://oc.example.com/v1"
    )]
    BaseUrl,
    /// TLS could not be set up.
    #[error("the HTTPS client could not be set up; are the system's root certificates installed?")]
    Tls(#[from] reqwest::Error),
}

/// Operator Connect over HTTP.
pub struct OperatorConnect {
    client: Client,
    base_url: Url,
    token: Option<TokenSource>,
    now: fn() -> OffsetDateTime,
    /// Set when the backend asked all of us to wait.
    pause: Mutex<Option<(Instant, String)>>,
}

impl fmt::Debug for OperatorConnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperatorConnect").field("base_url", &self.base_url.as_str()).finish_non_exhaustive()
    }
}

/// One request of the protocol.
struct Call<'a> {
    operation: &'static str,
    method: Method,
    path: &'a [&'a str],
    query: &'a [(&'a str, &'a str)],
    body: Option<Vec<u8>>,
}

/// A 2xx, or a 4xx that speaks about the request.
struct Reply {
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl OperatorConnect {
    /// Sets the client up; nothing is sent yet.
    ///
    /// # Errors
    /// When the base URL cannot carry paths, or TLS cannot be set up.
    pub fn new(options: OperatorConnectOptions) -> Result<Self, OperatorConnectError> {
        let base_url = options.base_url;
        if !matches!(base_url.scheme(), "http" | "https") || !base_url.has_host() {
            return Err(OperatorConnectError::BaseUrl);
        }
        let mut client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("nmp/", env!("CARGO_PKG_VERSION")));
        if std::iter::once(&base_url).chain(&options.token_url).all(|url| url.scheme() == "http") {
            // Clear text is for loopback: no proxy in between, and no need for root certificates.
            client = client.no_proxy().tls_certs_only([]);
        }
        let token = options.token_url.map(|token_url| {
            let (client_id, client_secret, scope) = (options.client_id, options.client_secret, options.scope);
            TokenSource::new(Credentials { token_url, client_id, client_secret, scope })
        });
        Ok(Self { client: client.build()?, base_url, token, now: options.now, pause: Mutex::new(None) })
    }

    async fn call(&self, call: Call<'_>) -> Answer<Reply> {
        let (operation, started) = (call.operation, Instant::now());
        let answer = self.send(call).await;
        let outcome = match &answer {
            Ok(reply) if reply.status.is_success() => "ok",
            Ok(_) | Err(BackendError::Rejected(_)) => "rejected",
            Err(BackendError::Retry { .. }) => "retry",
        };
        metrics::counter!("nmp_backend_requests_total", "operation" => operation, "outcome" => outcome).increment(1);
        metrics::histogram!("nmp_backend_request_seconds", "operation" => operation)
            .record(started.elapsed().as_secs_f64());
        answer
    }

    async fn send(&self, call: Call<'_>) -> Answer<Reply> {
        self.wait_is_over()?;
        let mut fresh_token_tried = false;
        loop {
            let token = match &self.token {
                Some(source) => Some((source, source.bearer(&self.client).await?)),
                None => None,
            };
            let mut request = self.client.request(call.method.clone(), self.url(&call));
            if let Some((_, token)) = &token {
                request = request.bearer_auth(token.expose_secret());
            }
            if let Some(body) = &call.body {
                request = request.header(reqwest::header::CONTENT_TYPE, "application/json").body(body.clone());
            }
            let response = request.send().await.map_err(|error| answer::unreachable(WHO, &error))?;
            let status = response.status();
            let retry_after = answer::retry_after(response.headers(), (self.now)());
            match (status, &token) {
                (StatusCode::UNAUTHORIZED, Some((source, token))) if !fresh_token_tried => {
                    source.forget(token).await;
                    fresh_token_tried = true;
                }
                (StatusCode::UNAUTHORIZED, _) => return Err(retry(format!("{WHO} did not accept our token"))),
                // A permission that is not set up says nothing about the numbers: they wait until it is.
                (StatusCode::FORBIDDEN, _) => {
                    return Err(retry(format!("{WHO} does not let our client do this; check its permissions")));
                }
                _ if must_wait(status) => return Err(self.asked_to_wait(status, retry_after)),
                _ if status.is_success() || status.is_client_error() => {
                    return Ok(Reply { status, retry_after, body: answer::body(WHO, response).await? });
                }
                _ => return Err(retry(format!("{WHO} answered with status {}", status.as_u16()))),
            }
        }
    }

    fn url(&self, call: &Call<'_>) -> Url {
        let mut url = self.base_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(call.path);
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        url
    }

    /// While the backend asked us to wait nothing is sent, whichever caller asks.
    fn wait_is_over(&self) -> Answer<()> {
        let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        match pause.as_ref().map(|(until, reason)| (until.saturating_duration_since(Instant::now()), reason)) {
            Some((left, reason)) if !left.is_zero() => {
                Err(BackendError::Retry { after: Some(left), reason: reason.clone() })
            }
            _ => {
                *pause = None;
                Ok(())
            }
        }
    }

    fn asked_to_wait(&self, status: StatusCode, after: Option<Duration>) -> BackendError {
        let reason = match status {
            StatusCode::TOO_MANY_REQUESTS => format!("{WHO} asked us to slow down (status 429)"),
            StatusCode::SERVICE_UNAVAILABLE => format!("{WHO} is unavailable for the moment (status 503)"),
            _ => format!("{WHO} failed with status {}", status.as_u16()),
        };
        if let Some(after) = after {
            let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
            *pause = Some((Instant::now() + after, reason.clone()));
        }
        BackendError::Retry { after, reason }
    }

    async fn page<T: serde::de::DeserializeOwned>(
        &self,
        operation: &'static str,
        path: &[&str],
        cursor: &Cursor,
    ) -> Answer<Page<T>> {
        let mut query = vec![("limit", PAGE_LIMIT)];
        query.extend(cursor.text().map(|cursor| ("cursor", cursor)));
        let reply = self.call(Call { operation, method: Method::GET, path, query: &query, body: None }).await?;
        answer::page(WHO, reply.accepted()?)
    }

    async fn start_job(&self, operation: &'static str, path: &[&str], request: &impl Serialize) -> Answer<Job> {
        let body = Some(encode(request)?);
        self.call(Call { operation, method: Method::POST, path, query: &[], body }).await?.job()
    }
}

/// True for answers that say nothing about the request itself.
fn must_wait(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429)
}

fn encode(body: &impl Serialize) -> Answer<Vec<u8>> {
    serde_json::to_vec(body).map_err(|_| retry("the request could not be written as JSON"))
}

impl Reply {
    /// The body of a 2xx; a 4xx is the backend's refusal.
    fn accepted(&self) -> Answer<&[u8]> {
        if self.status.is_success() { Ok(&self.body) } else { Err(answer::refusal(WHO, self.status, &self.body)) }
    }

    fn job(&self) -> Answer<Job> {
        answer::json::<WireJob<'_>>(WHO, self.accepted()?)?.read(WHO, self.retry_after)
    }
}

impl Backend for OperatorConnect {
    async fn consents_page(&self, cursor: &Cursor) -> Answer<Page<Consent>> {
        self.page("consents", &["consents"], cursor).await
    }

    async fn update_relationship(
        &self,
        tenant: &TenantId,
        update: &RelationshipUpdate,
    ) -> Answer<CustomerRelationship> {
        let path = ["consents", tenant.as_str(), "relationship"];
        let body = Some(encode(update)?);
        let call = Call { operation: "update_relationship", method: Method::PUT, path: &path, query: &[], body };
        answer::json(WHO, self.call(call).await?.accepted()?)
    }

    async fn capability_plans(&self, tenant: &TenantId) -> Answer<Vec<CapabilityPlan>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Plans {
            capability_plans: Vec<CapabilityPlan>,
        }
        let path = ["tenants", tenant.as_str(), "capability-plans"];
        let call = Call { operation: "capability_plans", method: Method::GET, path: &path, query: &[], body: None };
        Ok(answer::json::<Plans>(WHO, self.call(call).await?.accepted()?)?.capability_plans)
    }

    async fn civic_addresses_page(&self, tenant: &TenantId, cursor: &Cursor) -> Answer<Page<CivicAddress>> {
        self.page("civic_addresses", &["tenants", tenant.as_str(), "civic-addresses"], cursor).await
    }

    async fn upload(&self, request: &UploadRequest) -> Answer<Job> {
        self.start_job("upload", &["tenants", request.tenant.as_str(), "uploads"], request).await
    }

    async fn release(&self, request: &ReleaseRequest) -> Answer<Job> {
        self.start_job("release", &["tenants", request.tenant.as_str(), "releases"], request).await
    }

    async fn job(&self, tenant: &TenantId, job_id: &str) -> Answer<Job> {
        let path = ["tenants", tenant.as_str(), "jobs", job_id];
        self.call(Call { operation: "job", method: Method::GET, path: &path, query: &[], body: None }).await?.job()
    }

    async fn find_job(&self, tenant: &TenantId, request_id: &str) -> Answer<Option<Job>> {
        let (path, query) = (["tenants", tenant.as_str(), "jobs"], [("requestId", request_id)]);
        let call = Call { operation: "find_job", method: Method::GET, path: &path, query: &query, body: None };
        let reply = self.call(call).await?;
        if reply.status == StatusCode::NOT_FOUND { Ok(None) } else { reply.job().map(Some) }
    }

    async fn numbers_page(&self, tenant: &TenantId, cursor: &Cursor) -> Answer<Page<BackendNumber>> {
        self.page("numbers", &["tenants", tenant.as_str(), "numbers"], cursor).await
    }
}
