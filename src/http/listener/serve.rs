//! Accepts connections with the limits that `axum::serve` does not set: places in all and for one address, time to send the
//! header, idle time, time to read the answer, life of a connection, and a stop that lets requests finish.

mod guarded;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::places::{Limits, Place, Places, Refused};

use guarded::Guarded;

/// Time for a client to send a whole request header. hyper starts it when the connection becomes
/// idle, so it bounds idle keep-alive connections too.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that lives longer is closed.
const CONNECTION_LIFE: Duration = Duration::from_mins(15);
/// A new connection waits so long for a place when all are taken.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time for requests in flight to finish after a stop was asked for.
const DRAIN: Duration = Duration::from_secs(6);
/// Bytes of request line and header together.
const MAX_HEADER: usize = 32 * 1024;
/// Seconds between two lines of log about connections that were refused.
const BETWEEN_LINES: u64 = 60;

/// The address at the other end of the connection, in request extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// How one listener is run.
#[derive(Clone)]
pub struct Listening {
    /// The listener's name in logs and metrics.
    pub name: &'static str,
    /// Connections open at once, in all and from one address.
    pub limits: Limits,
    /// Cancelled to stop accepting and to drain.
    pub stop: CancellationToken,
    /// Tracks the connection tasks.
    pub tasks: TaskTracker,
}

/// Serves until `stop` is cancelled, then lets requests in flight finish for a few seconds.
pub async fn serve(listener: TcpListener, router: Router, how: Listening) {
    let places = Places::new(how.limits.clone(), how.stop.clone());
    let refusals = Refusals::new(how.name);
    let connections = TaskTracker::new();
    loop {
        let accepted = how.stop.run_until_cancelled(async {
            let (stream, peer) = accept(&listener).await;
            (stream, peer, places.take(peer.ip(), PATIENCE).await)
        });
        match accepted.await {
            None => break,
            Some((stream, peer, Ok(place))) => {
                let (router, open) = (router.clone(), connections.token());
                how.tasks.spawn(async move {
                    converse(stream, peer, router, place, how.name).await;
                    drop(open);
                });
            }
            Some((_, peer, Err(refused))) => refusals.note(peer, refused),
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(DRAIN, connections.wait()).await.is_err() {
        tracing::warn!(listener = how.name, "requests still in flight were cut off");
    }
}

/// Answers the requests of one connection until it ends or is to leave its place.
async fn converse(stream: TcpStream, peer: SocketAddr, router: Router, place: Place, listener: &'static str) {
    let activity = place.activity();
    let service = service_fn(|request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        let (router, activity) = (router.clone(), activity.clone());
        async move {
            // Requests that came in one piece go behind those of others, each for itself.
            let came_with_another = !activity.is_heard();
            activity.asked();
            if came_with_another {
                tokio::task::yield_now().await;
            }
            let response = router.oneshot(request).await;
            activity.answered();
            response
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADER)
        .serve_connection(TokioIo::new(Guarded::new(stream, activity.clone())), service);
    let open = metrics::gauge!("nmp_http_connections", "listener" => listener);
    open.increment(1.0);
    let to_the_end = async {
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = place.leave().cancelled() => {
                if activity.is_half_asked() {
                    // hyper would wait for the rest of the question.
                    return Ok(());
                }
                // At once when nothing is under way, else behind the answer that is.
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    // An error here is the client's: a malformed request, a time-out, a connection cut short.
    if let Ok(Err(error)) = tokio::time::timeout(CONNECTION_LIFE, to_the_end).await {
        tracing::debug!(listener, %error, "connection ended");
    }
    open.decrement(1.0);
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // Out of file descriptors, or a connection reset before it was accepted: go on.
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Counts the connections for which there was no place, and says so now and then.
struct Refusals {
    listener: &'static str,
    start: Instant,
    /// The second from which on the next line may be written.
    next_line: AtomicU64,
}

impl Refusals {
    fn new(listener: &'static str) -> Self {
        Self { listener, start: Instant::now(), next_line: AtomicU64::new(0) }
    }

    fn note(&self, peer: SocketAddr, refused: Refused) {
        let reason = match refused {
            Refused::Address => "address",
            Refused::Full => "full",
        };
        metrics::counter!("nmp_http_connections_refused_total", "listener" => self.listener, "reason" => reason)
            .increment(1);
        let now = self.start.elapsed().as_secs();
        if now >= self.next_line.load(Ordering::Relaxed) {
            self.next_line.store(now + BETWEEN_LINES, Ordering::Relaxed);
            tracing::warn!(
                listener = self.listener,
                reason,
                client = %peer.ip(),
                "a connection was closed: all places for it are taken; such lines come once a minute"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::time::Instant;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Returns how long the server bears a client that says this and then nothing more, and its answer.
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
        let how = Listening { name: "test", limits: Limits::new(10, 0), stop: stop.clone(), tasks: tasks.clone() };
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

    #[tokio::test]
    async fn half_a_question_makes_room_for_a_whole_one() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", axum::routing::get(|| async { "here" }));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let how = Listening { name: "test", limits: Limits::new(3, 0), stop: stop.clone(), tasks: tasks.clone() };
        tasks.spawn(serve(listener, router, how));
        let mut halves = Vec::new();
        for _ in 0..3 {
            let mut half = TcpStream::connect(address).await.unwrap();
            half.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.unwrap();
            halves.push(half);
        }
        let (_, answer) = borne(address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        assert!(answer.ends_with("here"), "{answer}");
        let is_open =
            |half: &TcpStream| half.try_read(&mut [0; 1]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        assert!(halves.iter().filter(|half| is_open(half)).count() >= 2, "only as much room is made as is needed");
        stop.cancel();
        tasks.close();
        tasks.wait().await;
    }
}
