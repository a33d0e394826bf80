//! How slow the other side of a connection may be.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// What is asked of the other side.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct LeastPace {
    /// Longest time in which nothing moves; also what may be waited in all before the rate counts.
    pub pause: Duration,
    /// Bytes for each second that is waited beyond that.
    pub rate: u64,
}

/// Counts how long is waited for the other side against how much it moves.
#[derive(Debug)]
pub(in crate::http) struct Pace {
    least: LeastPace,
    /// What may still be waited, up to the pause.
    left: Duration,
    since: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    pub(in crate::http) const fn new(least: LeastPace) -> Self {
        Self { least, left: least.pause, since: None, sleep: None }
    }

    /// Notes that so many bytes moved.
    pub(in crate::http) fn moved(&mut self, bytes: usize) {
        let Some(since) = self.since.take() else { return };
        self.left = self.left.saturating_sub(since.elapsed());
        let earned = (bytes as u64).saturating_mul(1_000_000) / self.least.rate.max(1);
        self.left = self.left.saturating_add(Duration::from_micros(earned)).min(self.least.pause);
    }

    /// Waits for the other side to move; ready when it was waited for too long.
    pub(in crate::http) fn wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.since.is_none() {
            self.since = Some(Instant::now());
            match &mut self.sleep {
                Some(sleep) => sleep.as_mut().reset(Instant::now() + self.left),
                None => self.sleep = Some(Box::pin(sleep(self.left))),
            }
        }
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Ready(()),
        }
    }

    /// Whether the other side is being waited for.
    pub(in crate::http) const fn waits(&self) -> bool {
        self.since.is_some()
    }
}

/// The other side was too slow.
#[derive(Debug, thiserror::Error)]
#[error("too slow")]
pub(in crate::http) struct TooSlow;

/// A request body that has to come at a pace.
pub(in crate::http) struct PacedBody {
    body: Body,
    pace: Pace,
}

impl PacedBody {
    pub(in crate::http) const fn new(body: Body, least: LeastPace) -> Self {
        Self { body, pace: Pace::new(least) }
    }
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                let bytes = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()).map_or(0, Bytes::len);
                this.pace.moved(bytes);
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                ready!(this.pace.wait(cx));
                Poll::Ready(Some(Err(TooSlow.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;
    use futures_util::stream;
    use http_body_util::BodyExt as _;

    use super::*;

    const LEAST: LeastPace = LeastPace { pause: Duration::from_millis(300), rate: 10_000 };

    /// Returns how long a body is borne of which so many bytes come each so many milliseconds, and whether it came
    /// whole.
    async fn borne(pieces: usize, bytes: usize, every: u64) -> (Duration, bool) {
        let begun = Instant::now();
        let pieces = stream::iter(0..pieces).then(move |_| async move {
            sleep(Duration::from_millis(every)).await;
            Ok::<_, std::io::Error>(vec![0_u8; bytes])
        });
        let whole = PacedBody::new(Body::from_stream(pieces), LEAST).collect().await.is_ok();
        (begun.elapsed(), whole)
    }

    #[tokio::test]
    async fn a_byte_now_and_then_is_cut() {
        let (trickle, silence) = tokio::join!(borne(1_000, 1, 20), borne(1, 1_000_000, 2_000));
        for (time, whole) in [trickle, silence] {
            assert!(!whole && (250..1_500).contains(&time.as_millis()), "{time:?}");
        }
    }

    #[tokio::test]
    async fn a_slow_line_is_borne() {
        let (steady, in_bursts, short) = tokio::join!(borne(30, 500, 20), borne(8, 4_000, 100), borne(20, 5, 5));
        for (time, whole) in [steady, in_bursts, short] {
            assert!(whole, "cut after {time:?}");
        }
    }
}
