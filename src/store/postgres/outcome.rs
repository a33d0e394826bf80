//! What became of a transaction whose commit was not answered.

use std::time::{Duration, Instant};

use sqlx::Row as _;

use super::super::Result;
use super::pool::Pool;

/// How long the server is asked before the outcome is given up as unknown.
const PATIENCE: Duration = Duration::from_secs(6);
/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(100);

const STATUS: &str = "SELECT pg_is_in_recovery(), pg_xact_status(CAST($1 AS xid8))";
const IN_RECOVERY: &str = "SELECT pg_is_in_recovery()";
/// What a server says of a transaction that it has never heard of: one that took over from the server that had it.
const IN_THE_FUTURE: &str = "22023";

impl Pool {
    /// Whether the transaction of this name was committed; `None` when nobody can tell.
    pub(super) async fn was_committed(&self, transaction: &str) -> Option<bool> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            match self.status_of(transaction).await {
                Ok((_, Some(status))) if status == "committed" => return Some(true),
                Ok((false, Some(status))) if status == "aborted" => return Some(false),
                // Too long ago for the server to remember.
                Ok((false, None)) => return None,
                // It is under way, or the server is a standby that may not have heard of the commit yet.
                Ok(_) => {}
                Err(error) if error.code().as_deref() == Some(IN_THE_FUTURE) => {
                    if let Ok(false) = self.is_standby().await {
                        return Some(false);
                    }
                }
                Err(error) => tracing::debug!(%error, "the outcome of a commit could not be asked for"),
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }

    async fn is_standby(&self) -> Result<bool> {
        let mut lent = self.lend().await?;
        let (connection, mut patience) = lent.connection();
        Ok(patience.wait(sqlx::query_scalar(IN_RECOVERY).fetch_one(connection)).await?)
    }

    async fn status_of(&self, transaction: &str) -> Result<(bool, Option<String>)> {
        let mut lent = self.lend().await?;
        let (connection, mut patience) = lent.connection();
        let row = patience.wait(sqlx::query(STATUS).bind(transaction).fetch_one(connection)).await?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }
}
