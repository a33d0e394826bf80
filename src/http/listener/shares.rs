//! How many requests of one client behind a proxy of ours may be under way at once.
//!
//! The connections of a proxy say nothing of who is behind it, so they are not counted by address. Most proxies pass a slow
//! body on as it comes and do not read faster than their client does; what a client could hold of connections without a
//! proxy, it can hold of requests with one.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio_util::sync::CancellationToken;

use crate::places::{Limits, Place, Places};

use super::error::Problem;
use super::info::RequestInfo;
use super::serve::Peer;

/// The shares of all clients behind proxies; clones are of the same.
#[derive(Clone)]
pub(in crate::http) struct Shares(Arc<Places>);

impl Shares {
    /// Gives each client so many requests; 0: any number.
    pub(in crate::http) fn new(of_one: u32) -> Self {
        Self(Places::new(Limits::new(u32::MAX, of_one), CancellationToken::new()))
    }

    /// Has a request answered that takes part of its client's share until the answer has gone out.
    pub(in crate::http) async fn answer(&self, request: Request, next: Next) -> Response {
        let client = request.extensions().get::<Arc<RequestInfo>>().map(|info| info.client);
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip().to_canonical());
        let (Some(client), true) = (client, client != peer) else { return next.run(request).await };
        match self.0.take(client, Duration::ZERO).await {
            Ok(place) => next.run(request).await.map(|body| Body::new(CountedAnswer { body, _place: place })),
            Err(_) => Problem::too_many_at_once().into_response(),
        }
    }
}

/// An answer on its way, which takes part of its client's share until it is gone.
struct CountedAnswer {
    body: Body,
    _place: Place,
}

impl HttpBody for CountedAnswer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
