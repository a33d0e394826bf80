//! The identity provider: its metadata and keys, fetched when first needed and kept, for whoever signs in and for programs
//! with a token.

mod keys;
pub(in crate::http) mod subject;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use openidconnect::http::{HeaderValue, Response as HttpResponse};
use openidconnect::{DiscoveryError, HttpRequest, IssuerUrl, ProviderMetadataWithLogout};
use tokio::sync::Mutex;
use tokio::time::Instant;

pub(in crate::http) use keys::{Fingerprint, KeySet};

/// Metadata and keys younger than this are used without asking.
const FRESH: Duration = Duration::from_hours(1);
/// Metadata and keys are used for so long while the provider is away.
const KEEP: Duration = Duration::from_hours(24);
/// After a failure the provider is left alone for so long.
const PAUSE: Duration = Duration::from_secs(3);
/// The same while there are keys to go on with: a provider that hangs holds up one request a minute.
const PAUSE_WITH_KEYS: Duration = Duration::from_mins(1);
/// Keys are fetched for the sake of an unknown one at most this often.
const UNKNOWN_KEY: Duration = Duration::from_mins(5);
/// Most bytes of one answer.
const MAX_ANSWER: usize = 1024 * 1024;

/// What the provider publishes, logout endpoint included.
pub(in crate::http) type Metadata = ProviderMetadataWithLogout;

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

/// What the provider publishes, as of one moment.
pub(in crate::http) struct Published {
    /// Where its endpoints are, and its keys for ID tokens.
    pub(in crate::http) metadata: Metadata,
    /// Its keys for access tokens.
    pub(in crate::http) keys: KeySet,
    fetched: Instant,
}

#[derive(Default)]
struct Attempts {
    failed: Option<Instant>,
    unknown_key: Option<Instant>,
}

/// The provider behind one issuer; cheap to clone.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    issuer: String,
    http: reqwest::Client,
    /// The last good answer, however old.
    last: RwLock<Option<Arc<Published>>>,
    /// Held while the provider is asked, so that one request asks for all.
    attempts: Mutex<Attempts>,
}

impl Provider {
    /// Returns the provider behind this issuer. Nothing is fetched until it is needed.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new(issuer: String) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(3))
            .timeout(Duration::from_secs(5))
            .user_agent(concat!("nmp/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self(Arc::new(Inner { issuer, http, last: RwLock::default(), attempts: Mutex::default() })))
    }

    /// Returns what the provider publishes: as kept when that is fresh, or the provider is away, or another request is
    /// asking it.
    pub(in crate::http) async fn published(&self) -> Result<Arc<Published>, ProviderError> {
        let mut attempts = match self.last() {
            Some(known) if known.fetched.elapsed() < FRESH => return Ok(known),
            Some(known) => match self.0.attempts.try_lock() {
                Ok(attempts) if !attempts.failed_within(PAUSE_WITH_KEYS) => attempts,
                _ => return Ok(known),
            },
            None => {
                let attempts = self.0.attempts.lock().await;
                // The request before may have got it.
                if let Some(known) = self.last() {
                    return Ok(known);
                }
                if attempts.failed_within(PAUSE) {
                    return Err(ProviderError::Paused);
                }
                attempts
            }
        };
        match (self.fetch(&mut attempts).await, self.last()) {
            (Err(error), Some(known)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the identity provider is away; its last known keys are used"
                );
                Ok(known)
            }
            (fetched, _) => fetched,
        }
    }

    /// Asks again because a token names a key that is not among the `tried` ones; `None` when that was done a short while
    /// ago or does not work.
    pub(in crate::http) async fn after_unknown_key(&self, tried: &Arc<Published>) -> Option<Arc<Published>> {
        let mut attempts = self.0.attempts.lock().await;
        if let Some(newer) = self.last().filter(|last| !Arc::ptr_eq(last, tried)) {
            return Some(newer);
        }
        if attempts.unknown_key.is_some_and(|at| at.elapsed() < UNKNOWN_KEY) {
            return None;
        }
        attempts.unknown_key = Some(Instant::now());
        self.fetch(&mut attempts).await.ok()
    }

    /// Returns the last good answer, unless it is too old to be used.
    fn last(&self) -> Option<Arc<Published>> {
        let last = self.0.last.read().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|known| known.fetched.elapsed() < KEEP).map(Arc::clone)
    }

    async fn fetch(&self, attempts: &mut Attempts) -> Result<Arc<Published>, ProviderError> {
        let issuer = IssuerUrl::new(self.0.issuer.clone())?;
        let send = |request: HttpRequest| self.send(request);
        match Metadata::discover_async(issuer, &send).await {
            Ok(metadata) => {
                let keys = KeySet::new(&serde_json::to_value(metadata.jwks()).unwrap_or_default());
                let known = Arc::new(Published { metadata, keys, fetched: Instant::now() });
                attempts.failed = None;
                *self.0.last.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&known));
                Ok(known)
            }
            Err(error) => {
                attempts.failed = Some(Instant::now());
                Err(error.into())
            }
        }
    }

    /// Makes one exchange with the provider: no redirects, bounded in time and size.
    pub(in crate::http) fn send(
        &self,
        request: HttpRequest,
    ) -> impl Future<Output = Result<HttpResponse<Vec<u8>>, FetchError>> + Send + use<> {
        let http = self.0.http.clone();
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

impl Attempts {
    fn failed_within(&self, pause: Duration) -> bool {
        self.failed.is_some_and(|at| at.elapsed() < pause)
    }
}
