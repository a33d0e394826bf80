//! The stream of a connection: it ends when the other side does not read what it is sent, and says whether anything is
//! under way.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::http::listener::pace::{LeastPace, Pace};
use crate::places::Activity;

/// Who reads nothing for so long, or less than this, is let go.
const READS_AT_LEAST: LeastPace = LeastPace { pause: Duration::from_secs(20), rate: 2_048 };
/// The system keeps what was sent and not confirmed no longer, also after the connection was closed here.
#[cfg(target_os = "linux")]
const UNCONFIRMED: Duration = Duration::from_secs(30);

/// Bytes that the system takes and cannot send yet. Without a bound it takes megabytes of answers that nobody reads.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 256 * 1024;

pub(super) struct Guarded {
    stream: TcpStream,
    pace: Pace,
    activity: Activity,
}

impl Guarded {
    pub(super) fn new(stream: TcpStream, activity: Activity) -> Self {
        let _ = stream.set_nodelay(true);
        #[cfg(target_os = "linux")]
        {
            let socket = socket2::SockRef::from(&stream);
            let _ = socket.set_tcp_user_timeout(Some(UNCONFIRMED));
            let _ = socket.set_tcp_notsent_lowat(UNSENT);
        }
        Self { stream, pace: Pace::new(READS_AT_LEAST), activity }
    }

    /// Keeps account of what became of a write.
    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
        bytes: impl Fn(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        match outcome {
            Poll::Ready(outcome) => {
                self.pace.moved(outcome.as_ref().map_or(0, bytes));
                Poll::Ready(outcome)
            }
            Poll::Pending => {
                self.activity.busy();
                self.pace
                    .wait(cx)
                    .map(|()| Err(io::Error::new(io::ErrorKind::TimedOut, "the other side does not read")))
            }
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buf);
        if outcome.is_ready() {
            self.activity.heard();
        }
        if !self.pace.waits() {
            self.activity.waits();
        }
        outcome
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(cx, outcome, |bytes| *bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.written(cx, outcome, |bytes| *bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
