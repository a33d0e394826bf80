//! Transactions that are begun anew when two of them got in each other's way.
//!
//! The body of a transaction reaches the database by that transaction alone: the name of the context stands for its
//! [`Rules`](super::Rules) there, which have no way to the database. A body that asked for a second connection would wait
//! for others that do the same, for ever.
//!
//! A body ends in one of three ways. Its value is what the transaction was for: that is committed. An error, with `?` or
//! `return Err(..)`, gives the transaction up. A body that found nothing to do says so with
//! `return`[`give_up`](give_up)`(value)`. A bare `return Ok(value)`, which would abandon what was written while it looks like
//! success, does not compile: what the body returns early is an [`Ending`], not the value.

use std::time::{Duration, Instant};

use super::{Error, Result};
use crate::store::Tx;

/// How often a transaction is begun anew before its failure is passed on.
const MOST: u32 = 8;
/// No transaction is begun anew so long after the first.
const WITHIN: Duration = Duration::from_secs(5);

/// The tries of one transaction.
pub(crate) struct Tries {
    count: u32,
    begun: Instant,
}

impl Tries {
    pub(crate) fn new() -> Self {
        Self { count: 0, begun: Instant::now() }
    }

    /// Whether to begin anew after this failure: then a pause has passed, longer each time and with jitter, so that two of
    /// a kind part.
    pub(crate) async fn again(&mut self, error: &Error) -> bool {
        if !error.is_transient() || self.count >= MOST || self.begun.elapsed() > WITHIN {
            return false;
        }
        self.count += 1;
        let most = 20_u64 << self.count.min(6);
        tokio::time::sleep(Duration::from_millis(rand::random_range(most / 2..=most))).await;
        true
    }
}

/// What a transaction that did not fail gives. Only [`commit`] and [`give_up`] make one.
pub(crate) struct Ending<T>(T);

impl<T> Ending<T> {
    pub(crate) fn into_value(self) -> T {
        self.0
    }
}

/// Ends a transaction with this value, and keeps what it wrote.
pub(crate) async fn commit<T>(tx: Tx, value: T) -> Result<Ending<T>> {
    tx.commit().await?;
    Ok(Ending(value))
}

/// Ends the body of a transaction early with this value, and keeps nothing of what it wrote.
#[expect(clippy::unnecessary_wraps, reason = "it is what the body returns")]
pub(crate) fn give_up<T>(value: T) -> Result<Ending<T>> {
    Ok(Ending(value))
}

/// Runs a body with a write transaction and commits it: `transact!(ctx, |tx| …)`. A serialisation failure, a deadlock, a lost
/// connection or a row that changed at the same moment begins it anew (decision 49: tried again with jitter, then passed on).
macro_rules! transact {
    ($ctx:ident, |$tx:ident| $body:expr) => {
        $crate::service::transact::tried!($ctx, $ctx.db.begin(), $tx, mut $tx => $body)
    };
}

/// Does the same with short transactions that share their commits with others of their kind. With a question,
/// `transact_together!(ctx, question, |tx, found| …)`, the transaction begins with what it found.
macro_rules! transact_together {
    ($ctx:ident, |$tx:ident| $body:expr) => {
        $crate::service::transact::tried!($ctx, $ctx.db.begin_together(), $tx, mut $tx => $body)
    };
    ($ctx:ident, $question:expr, |$tx:ident, $found:ident| $body:expr) => {
        $crate::service::transact::tried!($ctx, $question, $tx, (mut $tx, $found) => $body)
    };
}

macro_rules! tried {
    ($ctx:ident, $begin:expr, $tx:ident, $begun:pat => $body:expr) => {{
        let rules = $ctx.rules();
        let mut tries = $crate::service::transact::Tries::new();
        loop {
            let ending: $crate::service::Result<$crate::service::transact::Ending<_>> = async {
                let $begun = $begin.await?;
                let $ctx = &rules;
                let _ = $ctx;
                let value = $body;
                $crate::service::transact::commit($tx, value).await
            }
            .await;
            match ending {
                Err(error) if tries.again(&error).await => {}
                ending => break ending.map($crate::service::transact::Ending::into_value),
            }
        }
    }};
}

pub(crate) use {transact, transact_together, tried};
