//! What became of a transaction whose commit was not answered.

use std::time::{Duration, Instant};

use sqlx::Row as _;

use super::super::Result;
use super::pool::Pool;

/// How long the server is asked before the outcome is given up as unknown.
const PATIENCE: Duration = Duration::from_secs(6);
/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(100);

const STATUS: &str = "SELECT pg_xact_status(CAST($1 AS xid8))";
/// What a server says of a transaction that it has never heard of: one that took over from the server that had it.
const IN_THE_FUTURE: &str = "22023";

impl Pool {
    /// Whether the transaction of this name was committed; `None` when nobody can tell.
    pub(super) async fn was_committed(&self, transaction: &str) -> Option<bool> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            match self.status_of(transaction).await {
                Ok(Some(status)) if status == "committed" => return Some(true),
                Ok(Some(status)) if status == "aborted" => return Some(false),
                Ok(Some(_)) => {}
                // Too long ago for the server to remember.
                Ok(None) => return None,
                Err(error) if error.code().as_deref() == Some(IN_THE_FUTURE) => return Some(false),
                Err(error) => tracing::debug!(%error, "the outcome of a commit could not be asked for"),
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }

    async fn status_of(&self, transaction: &str) -> Result<Option<String>> {
        let mut lent = self.lend().await?;
        let (connection, mut patience) = lent.connection();
        let row = patience.wait(sqlx::query(STATUS).bind(transaction).fetch_one(connection)).await?;
        Ok(row.try_get(0)?)
    }
}
