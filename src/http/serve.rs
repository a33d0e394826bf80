//! Accepts connections with the limits that `axum::serve` does not set: time to send the header,
//! idle time, life of a connection, number of connections, and a stop that lets requests finish.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// Time for a client to send a whole request header. hyper starts it when the connection becomes
/// idle, so it bounds idle keep-alive connections too.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that lives longer is closed: a client that never reads its answer holds it no longer.
const CONNECTION_LIFE: Duration = Duration::from_mins(15);
/// Time for requests in flight to finish after a stop was asked for.
const DRAIN: Duration = Duration::from_secs(6);
/// Bytes of request line and header together.
const MAX_HEADER: usize = 32 * 1024;

/// The address at the other end of the connection, in request extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// How one listener is run.
#[derive(Clone)]
pub struct Listening {
    /// The listener's name in logs and metrics.
    pub name: &'static str,
    /// Connections open at once; more wait in the backlog.
    pub max_connections: u32,
    /// Cancelled to stop accepting and to drain.
    pub stop: CancellationToken,
    /// Tracks the connection tasks.
    pub tasks: TaskTracker,
}

/// Serves until `stop` is cancelled, then lets requests in flight finish for a few seconds.
pub async fn serve(listener: TcpListener, router: Router, how: Listening) {
    let slots = Arc::new(Semaphore::new(how.max_connections as usize));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            () = how.stop.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let Some((stream, peer, slot)) = accepted else {
            break;
        };
        let _ = stream.set_nodelay(true);
        let service = router.clone().map_request(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer));
            request
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_buf_size(MAX_HEADER)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let connection = graceful.watch(connection);
        how.tasks.spawn(async move {
            let open = metrics::gauge!("nmp_http_connections", "listener" => how.name);
            open.increment(1.0);
            // An error here is the client's: a malformed request, a time-out, a connection cut short.
            if let Ok(Err(error)) = tokio::time::timeout(CONNECTION_LIFE, connection).await {
                tracing::debug!(listener = how.name, %error, "connection ended");
            }
            open.decrement(1.0);
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!(listener = how.name, "requests still in flight were cut off");
    }
}

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> Option<(TcpStream, SocketAddr, impl Send + use<>)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return Some((stream, peer, slot)),
            // Out of file descriptors, or a connection reset before it was accepted: go on.
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// How long the server bears a client that says this and then nothing more, and its answer.
    async fn borne(address: SocketAddr, said: &str) -> (Duration, String) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let begun = Instant::now();
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "never closed after {said:?}");
        (begun.elapsed(), String::from_utf8_lossy(&answer).into_owned())
    }

    #[tokio::test]
    async fn clients_that_fall_silent_are_let_go() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", axum::routing::get(|| async { "here" }));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let how = Listening { name: "test", max_connections: 10, stop: stop.clone(), tasks: tasks.clone() };
        tasks.spawn(serve(listener, router, how));
        let (silent, half, idle) = tokio::join!(
            borne(address, ""),
            borne(address, "GET / HTTP/1.1\r\nHost: x\r\n"),
            borne(address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        );
        assert!(!silent.1.contains("here") && !half.1.contains("here"));
        assert!(idle.1.ends_with("here"), "{}", idle.1);
        for (time, _) in [silent, half, idle] {
            assert!((4..10).contains(&time.as_secs()), "{time:?}");
        }
        stop.cancel();
        tasks.close();
        tasks.wait().await;
    }
}
