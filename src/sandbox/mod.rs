//! The outside world, to play with: an identity provider and an Operator Connect, on loopback.
//!
//! It lives in memory; with a state file it goes on after a restart where it stopped.
//!
//! The rest of the product speaks to it over HTTP only, as it would to the real ones.

mod clock;
mod identity;
mod operator_connect;
mod state_file;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use identity::Identity;
use operator_connect::OperatorConnect;
use state_file::{Kept, StateFile};

/// Time between two looks at whether the state file is up to date.
const KEEP_PAUSE: Duration = Duration::from_secs(2);
/// On a stop, requests have so long to end: a client may hold its connection open for ever.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// What the sandbox starts with.
#[derive(Clone, Debug, Default)]
pub struct SandboxOptions {
    /// Whether there are example consents, addresses and numbers, unless the state file says what there is.
    pub examples: bool,
    /// Keeps what Operator Connect holds and who is signed in over a restart; without it all ends with the process.
    pub state: Option<PathBuf>,
}

/// Why the sandbox does not run.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The address is reachable from other machines.
    #[error(
        "the sandbox lets anyone sign in, so it listens on loopback only; {0} is not (use 127.0.0.1:PORT or [::1]:PORT)"
    )]
    NotLoopback(String),
    /// The built-in examples cannot be read.
    #[error("the sandbox's examples cannot be read")]
    Examples(#[from] serde_json::Error),
    /// Another process keeps its state in the file.
    #[error("{} is in use by another sandbox; stop that one first, or choose another file", .0.display())]
    InUse(PathBuf),
    /// The state file cannot be used.
    #[error("cannot keep the sandbox's state in {}: {problem}", path.display())]
    State {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The listener failed.
    #[error("the sandbox cannot listen")]
    Listener(#[from] std::io::Error),
}

impl SandboxError {
    fn state(path: &Path, problem: impl std::fmt::Display) -> Self {
        Self::State { path: path.to_owned(), problem: problem.to_string() }
    }
}

/// Both sandbox servers. Clones share their state.
#[derive(Clone, Debug)]
pub struct Sandbox {
    base: Url,
    identity: Arc<Identity>,
    operator_connect: Arc<OperatorConnect>,
    file: Option<Arc<StateFile>>,
}

impl Sandbox {
    /// Sets both servers up for the address people and programs reach them at, such as `http://127.0.0.1:8090`.
    ///
    /// # Errors
    /// When the address is not on loopback, or the examples or the state file cannot be read.
    pub fn new(base: Url, options: SandboxOptions) -> Result<Self, SandboxError> {
        let file = options.state.map(StateFile::open).transpose()?;
        Self::set_up(base, options.examples, file)
    }

    /// Opens a listener (port 0 = any free one) and sets the sandbox up for its address.
    ///
    /// # Errors
    /// When the address is not on loopback, is taken, or the examples or the state file cannot be read.
    pub async fn bind(address: SocketAddr, options: SandboxOptions) -> Result<(Self, TcpListener), SandboxError> {
        if !address.ip().is_loopback() {
            return Err(SandboxError::NotLoopback(address.to_string()));
        }
        // First, for whoever starts the same thing twice is to hear of the file rather than of the port.
        let file = options.state.map(StateFile::open).transpose()?;
        let listener = TcpListener::bind(address).await?;
        let base = format!("http://{}", listener.local_addr()?);
        let base = Url::parse(&base).map_err(|_| SandboxError::NotLoopback(base))?;
        Ok((Self::set_up(base, options.examples, file)?, listener))
    }

    fn set_up(mut base: Url, examples: bool, file: Option<StateFile>) -> Result<Self, SandboxError> {
        if !is_loopback(&base) {
            return Err(SandboxError::NotLoopback(base.to_string()));
        }
        base.set_path("/");
        let issuer = format!("{base}identity");
        let (identity, operator_connect) = match &file {
            Some(file) if let Some(Kept { identity, operator_connect, .. }) = file.read()? => {
                let unreadable = |why| file.unreadable(why);
                let identity = Arc::new(Identity::resume(issuer, identity).map_err(unreadable)?);
                let world = OperatorConnect::resume(Arc::clone(&identity), operator_connect).map_err(unreadable)?;
                (identity, world)
            }
            _ => {
                let identity = Arc::new(Identity::new(issuer));
                let world = OperatorConnect::new(Arc::clone(&identity), examples)?;
                (identity, world)
            }
        };
        Ok(Self { base, identity, operator_connect: Arc::new(operator_connect), file: file.map(Arc::new) })
    }

    /// Returns all routes of both servers.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/", get(|| async { Html(INDEX) }))
            .nest("/identity", identity::routes(Arc::clone(&self.identity)))
            .nest("/operator-connect", operator_connect::routes(Arc::clone(&self.operator_connect)))
            .layer(from_fn_with_state(self.clone(), keep_before_answering))
    }

    /// Answers until told to stop.
    ///
    /// # Errors
    /// When the listener is not on loopback or fails.
    pub async fn serve(&self, listener: TcpListener, stop: CancellationToken) -> Result<(), SandboxError> {
        let address = listener.local_addr()?;
        if !address.ip().is_loopback() {
            return Err(SandboxError::NotLoopback(address.to_string()));
        }
        self.keep().await;
        let serve = axum::serve(listener, self.router()).with_graceful_shutdown(stop.clone().cancelled_owned());
        let served = tokio::select! {
            done = serve => done,
            () = async { stop.cancelled().await; tokio::time::sleep(LAST_REQUESTS).await } => Ok(()),
            () = self.keep_up() => Ok(()),
        };
        self.keep().await;
        Ok(served?)
    }

    /// Keeps what changes by itself: jobs get on while nobody asks for anything.
    async fn keep_up(&self) {
        loop {
            tokio::time::sleep(KEEP_PAUSE).await;
            self.keep().await;
        }
    }

    /// Writes the state file unless it is up to date. Those who ask while a write goes on share the next one.
    async fn keep(&self) {
        let Some(file) = &self.file else { return };
        let turn = file.turn().await;
        let revision = self.identity.revision() + self.operator_connect.revision();
        if turn.is_written(revision) {
            return;
        }
        let kept = Kept::new(self.identity.keep().await, self.operator_connect.keep());
        if let Err(error) = turn.write(kept, revision).await {
            tracing::error!(%error, "what the sandbox holds will be lost with its process");
        }
    }

    /// Returns the issuer of the identity provider.
    pub fn issuer(&self) -> &str {
        self.identity.issuer()
    }

    /// Returns where a client gets its tokens.
    pub fn token_url(&self) -> String {
        format!("{}/token", self.identity.issuer())
    }

    /// Returns the base URL of Operator Connect.
    pub fn operator_connect_url(&self) -> String {
        format!("{}operator-connect", self.base)
    }
}

/// True when the URL's host is this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Keeps a change in the state file before its answer leaves: whoever is told of it can rely on it.
async fn keep_before_answering(State(sandbox): State<Sandbox>, request: Request, next: Next) -> Response {
    let changes = !request.method().is_safe() || operator_connect::tells_of_jobs(request.uri().path());
    let response = next.run(request).await;
    if changes {
        sandbox.keep().await;
    }
    response
}

/// Makes an answer that never comes: the connection is cut.
fn cut_connection() -> Response {
    let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let mut response = Body::from_stream(futures_util::stream::iter([Err::<Vec<u8>, _>(broken)])).into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

const INDEX: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Sandbox</title></head><body><h1>Sandbox</h1>\
<p>This plays the outside world of the Number Management Portal.</p><ul>\
<li><a href=\"/identity/.well-known/openid-configuration\">Identity provider</a></li>\
<li><a href=\"/operator-connect/_state\">What Operator Connect holds</a></li></ul></body></html>";
