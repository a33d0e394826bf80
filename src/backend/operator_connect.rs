//! The client of the protocol in docs/operator-connect-backend.md.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Client, Method, StatusCode, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::time::Instant;
use url::Url;

use super::answer::{self, WireJob, retry};
use super::lenient::Listed;
use super::token::{Credentials, TokenSource};
use super::{
    Answer, Answering, Backend, BackendError, BackendNumber, Cursor, Directory, Job, NumberJobs, NumberList, Page,
    Properties, Provisioning, RelationshipUpdate, ReleaseRequest, UploadRequest,
};
use crate::domain::{BackendInfo, CapabilityPlan, CivicAddress, Consent, CustomerRelationship, TenantId};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const READ_TIMEOUT: Duration = Duration::from_secs(10);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(30);
/// Items asked for in one page of a list.
const PAGE_LIMIT: &str = "1000";

/// Where the backend is and how to sign in to it.
#[derive(Clone, Debug)]
pub struct OperatorConnectOptions {
    /// What it is called, and what it offers.
    pub info: BackendInfo,
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
    #[error("its base URL must be an http or https URL with a host, such as https://oc.example.com/v1")]
    BaseUrl,
    /// TLS could not be set up.
    #[error("the HTTPS client could not be set up; are the system's root certificates installed?")]
    Tls(#[from] reqwest::Error),
}

/// A backend of the documented protocol over HTTP.
pub struct OperatorConnect {
    info: BackendInfo,
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
struct Request<'a> {
    operation: &'static str,
    method: Method,
    path: &'a [&'a str],
    query: &'a [(&'a str, &'a str)],
    body: Option<Vec<u8>>,
}

impl<'a> Request<'a> {
    const fn get(operation: &'static str, path: &'a [&'a str], query: &'a [(&'a str, &'a str)]) -> Self {
        Self { operation, method: Method::GET, path, query, body: None }
    }
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
        Ok(Self {
            info: options.info,
            client: client.build()?,
            base_url,
            token,
            now: options.now,
            pause: Mutex::new(None),
        })
    }

    /// The backend that this is the client of.
    #[must_use]
    pub fn into_backend(self, properties: Properties) -> Backend {
        let (info, client) = (self.info.clone(), Arc::new(self));
        Backend { info, properties, directory: Some(client.clone()), provisioning: Provisioning::ByJob(client) }
    }

    async fn ask(&self, request: Request<'_>) -> Answer<Reply> {
        let (operation, started) = (request.operation, Instant::now());
        let answer = self.send(request).await;
        let outcome = match &answer {
            Ok(reply) if reply.status.is_success() => "ok",
            Ok(_) | Err(BackendError::Rejected(_)) => "rejected",
            Err(BackendError::Retry { .. }) => "retry",
        };
        let backend = self.info.name.clone();
        metrics::counter!(
            "nmp_backend_requests_total", "backend" => backend.clone(), "operation" => operation, "outcome" => outcome
        )
        .increment(1);
        metrics::histogram!("nmp_backend_request_seconds", "backend" => backend, "operation" => operation)
            .record(started.elapsed().as_secs_f64());
        answer
    }

    async fn send(&self, asked: Request<'_>) -> Answer<Reply> {
        let who = self.info.label.as_str();
        self.wait_is_over()?;
        let mut fresh_token_tried = false;
        loop {
            let token = match &self.token {
                Some(source) => Some((source, source.bearer(&self.client).await?)),
                None => None,
            };
            let mut request = self.client.request(asked.method.clone(), self.url(&asked));
            if let Some((_, token)) = &token {
                request = request.bearer_auth(token.expose_secret());
            }
            if let Some(body) = &asked.body {
                request = request.header(reqwest::header::CONTENT_TYPE, "application/json").body(body.clone());
            }
            let response = request.send().await.map_err(|error| answer::unreachable(who, &error))?;
            let status = response.status();
            let retry_after = answer::retry_after(response.headers(), (self.now)());
            match (status, &token) {
                (StatusCode::UNAUTHORIZED, Some((source, token))) if !fresh_token_tried => {
                    source.forget(token).await;
                    fresh_token_tried = true;
                }
                (StatusCode::UNAUTHORIZED, _) => return Err(retry(format!("{who} did not accept our token"))),
                // A permission that is not set up says nothing about the numbers: they wait until it is.
                (StatusCode::FORBIDDEN, _) => {
                    return Err(retry(format!("{who} does not let our client do this; check its permissions")));
                }
                _ if must_wait(status) => return Err(self.asked_to_wait(status, retry_after)),
                _ if status.is_success() || status.is_client_error() => {
                    return Ok(Reply { status, retry_after, body: answer::body(who, response).await? });
                }
                _ => return Err(retry(format!("{who} answered with status {}", status.as_u16()))),
            }
        }
    }

    fn url(&self, asked: &Request<'_>) -> Url {
        let mut url = self.base_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(asked.path);
        }
        if !asked.query.is_empty() {
            url.query_pairs_mut().extend_pairs(asked.query);
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
        let who = self.info.label.as_str();
        let reason = match status {
            StatusCode::TOO_MANY_REQUESTS => format!("{who} asked us to slow down (status 429)"),
            StatusCode::SERVICE_UNAVAILABLE => format!("{who} is unavailable for the moment (status 503)"),
            _ => format!("{who} failed with status {}", status.as_u16()),
        };
        if let Some(after) = after {
            let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
            *pause = Some((Instant::now() + after, reason.clone()));
        }
        BackendError::Retry { after, reason }
    }

    async fn page<T: Listed>(&self, operation: &'static str, path: &[&str], cursor: &Cursor) -> Answer<Page<T>> {
        let mut query = vec![("limit", PAGE_LIMIT)];
        query.extend(cursor.text().map(|cursor| ("cursor", cursor)));
        let reply = self.ask(Request::get(operation, path, &query)).await?;
        reply.read(&self.info.label, answer::page).await
    }

    async fn start_job(&self, operation: &'static str, path: &[&str], request: &impl Serialize) -> Answer<Job> {
        let body = Some(encode(request)?);
        let request = Request { operation, method: Method::POST, path, query: &[], body };
        self.ask(request).await?.job(&self.info.label).await
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
    /// Reads the body of a 2xx; a 4xx is the backend's refusal.
    async fn read<T, F>(self, who: &str, manner: F) -> Answer<T>
    where
        T: Send + 'static,
        F: FnOnce(&str, &[u8]) -> Answer<T> + Send + 'static,
    {
        let status = self.status;
        answer::read(who, self.body, move |who, body| {
            if status.is_success() { manner(who, body) } else { Err(answer::refusal(who, status, body)) }
        })
        .await
    }

    async fn job(self, who: &str) -> Answer<Job> {
        let retry_after = self.retry_after;
        self.read(who, move |who, body| answer::json::<WireJob<'_>>(who, body)?.read(who, retry_after)).await
    }
}

impl Directory for OperatorConnect {
    fn consents_page<'a>(&'a self, cursor: &'a Cursor) -> Answering<'a, Page<Consent>> {
        Box::pin(self.page("consents", &["consents"], cursor))
    }

    fn update_relationship<'a>(
        &'a self,
        tenant: &'a TenantId,
        update: &'a RelationshipUpdate,
    ) -> Answering<'a, CustomerRelationship> {
        Box::pin(async move {
            let path = ["consents", tenant.as_str(), "relationship"];
            let body = Some(encode(update)?);
            let request =
                Request { operation: "update_relationship", method: Method::PUT, path: &path, query: &[], body };
            self.ask(request).await?.read(&self.info.label, answer::thing).await
        })
    }

    fn capability_plans<'a>(&'a self, tenant: &'a TenantId) -> Answering<'a, Vec<CapabilityPlan>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Plans {
            capability_plans: Vec<CapabilityPlan>,
        }
        Box::pin(async move {
            let path = ["tenants", tenant.as_str(), "capability-plans"];
            let reply = self.ask(Request::get("capability_plans", &path, &[])).await?;
            Ok(reply.read(&self.info.label, answer::thing::<Plans>).await?.capability_plans)
        })
    }

    fn civic_addresses_page<'a>(
        &'a self,
        tenant: &'a TenantId,
        cursor: &'a Cursor,
    ) -> Answering<'a, Page<CivicAddress>> {
        Box::pin(
            async move { self.page("civic_addresses", &["tenants", tenant.as_str(), "civic-addresses"], cursor).await },
        )
    }
}

impl NumberList for OperatorConnect {
    fn numbers_page<'a>(&'a self, tenant: &'a TenantId, cursor: &'a Cursor) -> Answering<'a, Page<BackendNumber>> {
        Box::pin(async move { self.page("numbers", &["tenants", tenant.as_str(), "numbers"], cursor).await })
    }
}

impl NumberJobs for OperatorConnect {
    fn upload<'a>(&'a self, request: &'a UploadRequest) -> Answering<'a, Job> {
        Box::pin(
            async move { self.start_job("upload", &["tenants", request.tenant.as_str(), "uploads"], request).await },
        )
    }

    fn release<'a>(&'a self, request: &'a ReleaseRequest) -> Answering<'a, Job> {
        Box::pin(
            async move { self.start_job("release", &["tenants", request.tenant.as_str(), "releases"], request).await },
        )
    }

    fn job<'a>(&'a self, tenant: &'a TenantId, job_id: &'a str) -> Answering<'a, Job> {
        Box::pin(async move {
            let path = ["tenants", tenant.as_str(), "jobs", job_id];
            self.ask(Request::get("job", &path, &[])).await?.job(&self.info.label).await
        })
    }

    fn find_job<'a>(&'a self, tenant: &'a TenantId, request_id: &'a str) -> Answering<'a, Option<Job>> {
        Box::pin(async move {
            let (path, query) = (["tenants", tenant.as_str(), "jobs"], [("requestId", request_id)]);
            let reply = self.ask(Request::get("find_job", &path, &query)).await?;
            if reply.status == StatusCode::NOT_FOUND {
                return Ok(None);
            }
            reply.job(&self.info.label).await.map(Some)
        })
    }
}
