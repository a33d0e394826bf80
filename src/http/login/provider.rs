//! The identity provider's metadata and keys, fetched when first needed and kept.

use std::sync::Arc;
use std::time::Duration;

use openidconnect::http::{HeaderValue, Response as HttpResponse};
use openidconnect::{DiscoveryError, HttpRequest, IssuerUrl, ProviderMetadataWithLogout};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Metadata and keys younger than this are used without asking.
const FRESH: Duration = Duration::from_hours(1);
/// Metadata and keys are used for so long while the provider is away.
const KEEP: Duration = Duration::from_hours(24);
/// After a failure the provider is left alone for so long.
const PAUSE: Duration = Duration::from_secs(3);
/// Keys are fetched for the sake of an unknown one at most this often.
const UNKNOWN_KEY: Duration = Duration::from_mins(5);
/// Most bytes of one answer.
const MAX_ANSWER: usize = 1024 * 1024;

/// What the provider publishes, logout endpoint included.
pub(super) type Metadata = ProviderMetadataWithLogout;

/// Why the provider cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The issuer is no address.
    #[error("the issuer is not an address")]
    Issuer(#[from] url::ParseError),
    /// Discovery or keys could not be fetched or understood.
    #[error("the identity provider's metadata or keys cannot be fetched")]
    Discovery(#[from] DiscoveryError<FetchError>),
    /// It failed a moment ago.
    #[error("the identity provider did not answer a moment ago")]
    Paused,
}

/// Why one answer of the provider could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody there, or too slow.
    #[error("the identity provider does not answer")]
    Http(#[from] reqwest::Error),
    /// The answer is not one.
    #[error("the answer cannot be understood")]
    Answer(#[from] openidconnect::http::Error),
    /// The answer is larger than anything sensible.
    #[error("the answer is larger than {MAX_ANSWER} bytes")]
    TooLarge,
}

#[derive(Default)]
struct Cache {
    metadata: Option<(Arc<Metadata>, Instant)>,
    failed: Option<Instant>,
    unknown_key: Option<Instant>,
}

/// The provider behind one issuer.
pub(super) struct Provider {
    issuer: String,
    http: reqwest::Client,
    cache: Mutex<Cache>,
}

impl Provider {
    pub(super) fn new(issuer: String) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(3))
            .timeout(Duration::from_secs(5))
            .user_agent(concat!("nmp/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { issuer, http, cache: Mutex::new(Cache::default()) })
    }

    /// Metadata and keys, from the cache when they are fresh or the provider is away.
    pub(super) async fn metadata(&self) -> Result<Arc<Metadata>, ProviderError> {
        let mut cache = self.cache.lock().await;
        let known = cache.metadata.clone().filter(|(_, fetched)| fetched.elapsed() < KEEP);
        if let Some((metadata, fetched)) = &known
            && (fetched.elapsed() < FRESH || cache.paused())
        {
            return Ok(Arc::clone(metadata));
        }
        if cache.paused() {
            return Err(ProviderError::Paused);
        }
        match (self.fetch_into(&mut cache).await, known) {
            (Ok(metadata), _) => Ok(metadata),
            (Err(error), Some((metadata, _))) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the identity provider is away; its last known keys are used"
                );
                Ok(metadata)
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Fetches the keys again because a token names one we do not know; `None` when that was done
    /// a short while ago or does not work.
    pub(super) async fn after_unknown_key(&self) -> Option<Arc<Metadata>> {
        let mut cache = self.cache.lock().await;
        if cache.unknown_key.is_some_and(|at| at.elapsed() < UNKNOWN_KEY) {
            return None;
        }
        cache.unknown_key = Some(Instant::now());
        self.fetch_into(&mut cache).await.ok()
    }

    async fn fetch_into(&self, cache: &mut Cache) -> Result<Arc<Metadata>, ProviderError> {
        let issuer = IssuerUrl::new(self.issuer.clone())?;
        let send = |request: HttpRequest| self.send(request);
        match Metadata::discover_async(issuer, &send).await {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                cache.failed = None;
                cache.metadata = Some((Arc::clone(&metadata), Instant::now()));
                Ok(metadata)
            }
            Err(error) => {
                cache.failed = Some(Instant::now());
                Err(error.into())
            }
        }
    }

    /// One exchange with the provider: no redirects, bounded in time and size.
    pub(super) fn send(
        &self,
        request: HttpRequest,
    ) -> impl Future<Output = Result<HttpResponse<Vec<u8>>, FetchError>> + Send + use<> {
        let http = self.http.clone();
        async move {
            let mut response = http.execute(request.try_into()?).await?;
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await? {
                if body.len() + chunk.len() > MAX_ANSWER {
                    return Err(FetchError::TooLarge);
                }
                body.extend_from_slice(&chunk);
            }
            let mut answer = openidconnect::http::Response::builder().status(response.status());
            for (name, value) in response.headers() {
                answer = answer
                    .header(name, HeaderValue::from_bytes(value.as_bytes()).map_err(openidconnect::http::Error::from)?);
            }
            Ok(answer.body(body)?)
        }
    }
}

impl Cache {
    fn paused(&self) -> bool {
        self.failed.is_some_and(|at| at.elapsed() < PAUSE)
    }
}
