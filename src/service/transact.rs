//! Transactions that are begun anew when two of them got in each other's way.
//!
//! The body of a transaction reaches the database by that transaction alone: the name of the context stands for its
//! [`Rules`](super::Rules) there, which have no way to the database. A body that asked for a second connection would wait
//! for others that do the same, for ever.

use std::time::{Duration, Instant};

use super::Error;

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

/// Runs a body with a write transaction and commits it. A serialisation failure, a deadlock, a lost connection or a row that
/// changed at the same moment begins it anew (decision 49: tried again with jitter, then passed on). `?` in the body leaves
/// it and gives the transaction up.
macro_rules! transact {
    ($ctx:ident, $tx:ident => $body:expr) => {
        $crate::service::transact::begun!($ctx, $ctx.db.begin(), $tx, mut $tx => $body)
    };
}

/// The same with short transactions that share their commits with others of their kind. With a question, the transaction
/// begins with what it found.
macro_rules! transact_together {
    ($ctx:ident, $tx:ident => $body:expr) => {
        $crate::service::transact::begun!($ctx, $ctx.db.begin_together(), $tx, mut $tx => $body)
    };
    ($ctx:ident, $question:expr, ($tx:ident, $found:ident) => $body:expr) => {
        $crate::service::transact::begun!($ctx, $question, $tx, (mut $tx, $found) => $body)
    };
}

macro_rules! begun {
    ($ctx:ident, $begin:expr, $tx:ident, $begun:pat => $body:expr) => {{
        let rules = $ctx.rules();
        let mut tries = $crate::service::transact::Tries::new();
        loop {
            let outcome: $crate::service::Result<_> = async {
                let $begun = $begin.await?;
                let $ctx = &rules;
                let _ = $ctx;
                let value = $body;
                $tx.commit().await?;
                Ok(value)
            }
            .await;
            match outcome {
                Err(error) if tries.again(&error).await => {}
                outcome => break outcome,
            }
        }
    }};
}

pub(crate) use {begun, transact, transact_together};
