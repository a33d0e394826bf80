//! Transactions that are tried again when two of them got in each other's way.

use std::time::Duration;

/// How often a transaction is begun anew before its failure is passed on.
pub(crate) const ATTEMPTS: u32 = 5;

/// A pause before the next try: longer each time, with jitter, so that two of a kind part.
pub(crate) async fn pause(attempt: u32) {
    let most = 20_u64 << attempt.min(6);
    tokio::time::sleep(Duration::from_millis(rand::random_range(most / 2..=most))).await;
}

/// Runs a body with a write transaction and commits it. A serialisation failure, a deadlock or a lost connection begins it
/// anew (decision: tried again with jitter, then passed on). `?` in the body leaves it and gives the transaction up.
macro_rules! transact {
    ($ctx:expr, $tx:ident => $body:expr) => {
        $crate::service::transact::begun!($ctx.db.begin(), $tx, mut $tx => $body)
    };
}

/// The same with short transactions that share their commits with others of their kind. With a question, the transaction
/// begins with what it found.
macro_rules! transact_together {
    ($ctx:expr, $tx:ident => $body:expr) => {
        $crate::service::transact::begun!($ctx.db.begin_together(), $tx, mut $tx => $body)
    };
    ($question:expr, ($tx:ident, $found:ident) => $body:expr) => {
        $crate::service::transact::begun!($question, $tx, (mut $tx, $found) => $body)
    };
}

macro_rules! begun {
    ($begin:expr, $tx:ident, $begun:pat => $body:expr) => {{
        let mut attempt = 0;
        loop {
            let outcome: $crate::service::Result<_> = async {
                let $begun = $begin.await?;
                let value = $body;
                $tx.commit().await?;
                Ok(value)
            }
            .await;
            match outcome {
                Err(error) if error.is_transient() && attempt < $crate::service::transact::ATTEMPTS => {
                    attempt += 1;
                    $crate::service::transact::pause(attempt).await;
                }
                outcome => break outcome,
            }
        }
    }};
}

pub(crate) use {begun, transact, transact_together};
