//! Submitting an order: its staged numbers become what should be true, all of them or none.

use time::OffsetDateTime;

use super::sql::{on, statements};
use super::{Result, Tx, micros};
use crate::domain::Progress;

statements! {
    MOVED = "SELECT CAST(COUNT(*) AS BIGINT) FROM order_items i LEFT JOIN numbers n ON n.telephone_number = i.telephone_number WHERE i.order_id = $1 AND i.verdict = 'unchanged' AND (n.rev IS NULL OR n.rev <> i.base_rev OR n.account_id <> i.account_id)";
    EXPECTED = "SELECT CAST(COUNT(*) AS BIGINT) FROM order_items WHERE order_id = $1 AND verdict IN ('new', 'changed', 'release')";
    OVERTAKEN = "SELECT n.order_id, CAST(COUNT(*) AS BIGINT) FROM order_items i JOIN numbers n ON n.telephone_number = i.telephone_number JOIN order_items old ON old.order_id = n.order_id AND old.telephone_number = n.telephone_number WHERE i.order_id = $1 AND i.verdict IN ('changed', 'release') AND old.state = 'pending' GROUP BY n.order_id";
    OVERTAKE = "UPDATE order_items SET state = 'superseded' FROM (SELECT n.order_id, n.telephone_number FROM order_items i JOIN numbers n ON n.telephone_number = i.telephone_number WHERE i.order_id = $1 AND i.verdict IN ('changed', 'release')) AS c WHERE order_items.order_id = c.order_id AND order_items.telephone_number = c.telephone_number AND order_items.state = 'pending'";
    UPSERT = "INSERT INTO numbers (telephone_number, reversed, account_id, settings_id, country, state, rev, order_id, changed_at) SELECT i.telephone_number, i.reversed, i.account_id, i.settings_id, i.country, CASE WHEN (a.services & a.synced & s.services) <> 0 THEN 'pending' ELSE 'synced' END, i.base_rev + 1, i.order_id, $2 FROM order_items i JOIN accounts a ON a.id = i.account_id JOIN settings s ON s.id = i.settings_id WHERE i.order_id = $1 AND i.verdict IN ('new', 'changed') ON CONFLICT (telephone_number) DO UPDATE SET settings_id = excluded.settings_id, country = excluded.country, state = excluded.state, error_id = NULL, rev = excluded.rev, order_id = excluded.order_id, changed_at = excluded.changed_at WHERE numbers.rev = excluded.rev - 1 AND numbers.account_id = excluded.account_id AND numbers.state <> 'releasing'";
    RELEASE = "UPDATE numbers SET state = 'releasing', error_id = NULL, rev = numbers.rev + 1, order_id = $1, changed_at = $2 FROM order_items i WHERE i.order_id = $1 AND i.verdict = 'release' AND numbers.telephone_number = i.telephone_number AND numbers.rev = i.base_rev AND numbers.account_id = i.account_id AND numbers.state <> 'releasing'";
    ITEMS_WAIT = "UPDATE order_items SET state = 'pending' WHERE order_id = $1 AND verdict IN ('new', 'changed', 'release')";
    ITEMS_DONE = "UPDATE order_items SET state = 'done' WHERE order_id = $1 AND verdict IN ('new', 'changed', 'release') AND state = 'pending' AND EXISTS (SELECT 1 FROM accounts a JOIN settings s ON s.id = order_items.settings_id WHERE a.id = order_items.account_id AND (a.services & a.synced & s.services) = 0)";
    DELETE_LOCAL = "DELETE FROM numbers WHERE order_id = $1 AND state = 'releasing' AND telephone_number IN (SELECT telephone_number FROM order_items WHERE order_id = $1 AND verdict = 'release' AND state = 'done')";
    NEW_PER_ACCOUNT = "SELECT account_id, CAST(COUNT(*) AS BIGINT) FROM order_items WHERE order_id = $1 AND verdict = 'new' GROUP BY account_id ORDER BY account_id";
    GONE_PER_ACCOUNT = "SELECT account_id, CAST(COUNT(*) AS BIGINT) FROM order_items WHERE order_id = $1 AND verdict = 'release' AND state = 'done' GROUP BY account_id ORDER BY account_id";
    ACCOUNTS_TO_PUSH = "SELECT DISTINCT account_id FROM order_items WHERE order_id = $1 AND state = 'pending' ORDER BY account_id";
    RETRY_NUMBERS = "UPDATE numbers SET state = $2, error_id = NULL, rev = numbers.rev + 1, changed_at = $3 FROM order_items i WHERE i.order_id = $1 AND i.state = 'failed' AND numbers.telephone_number = i.telephone_number AND numbers.order_id = $1 AND numbers.state = 'failed'";
    RETRY_ITEMS = "UPDATE order_items SET state = 'pending', error_id = NULL FROM numbers n WHERE order_items.order_id = $1 AND order_items.state = 'failed' AND n.telephone_number = order_items.telephone_number AND n.order_id = $1 AND n.state = $2";
}

impl Tx {
    /// Makes the staged numbers of an order what should be true. `None` when what exists is not what the review
    /// compared with: then the transaction must be given up.
    ///
    /// The comparison is the write itself: each number is only written at the rev that was reviewed, so the count of
    /// written rows tells.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn apply_order(&mut self, order_id: i64, now: OffsetDateTime) -> Result<Option<Progress>> {
        let expected: i64 = on!(self, c => sqlx::query_scalar(EXPECTED).bind(order_id).fetch_one(c).await)?;
        let moved: i64 = on!(self, c => sqlx::query_scalar(MOVED).bind(order_id).fetch_one(c).await)?;
        if moved > 0 {
            return Ok(None);
        }
        let overtaken: Vec<(i64, i64)> = on!(self, c => sqlx::query_as(OVERTAKEN).bind(order_id).fetch_all(c).await)?;
        on!(self, c => sqlx::query(OVERTAKE).bind(order_id).execute(c).await.map(drop))?;
        let mut written = 0;
        for statement in [UPSERT, RELEASE] {
            written += on!(self, c => sqlx::query(statement).bind(order_id).bind(micros(now)).execute(c).await.map(|done| done.rows_affected()))?;
        }
        if written as i64 != expected {
            return Ok(None);
        }
        on!(self, c => sqlx::query(ITEMS_WAIT).bind(order_id).execute(c).await.map(drop))?;
        let done =
            on!(self, c => sqlx::query(ITEMS_DONE).bind(order_id).execute(c).await.map(|done| done.rows_affected()))?;
        on!(self, c => sqlx::query(DELETE_LOCAL).bind(order_id).execute(c).await.map(drop))?;
        for (statement, sign) in [(NEW_PER_ACCOUNT, 1), (GONE_PER_ACCOUNT, -1)] {
            let counts: Vec<(i64, i64)> = on!(self, c => sqlx::query_as(statement).bind(order_id).fetch_all(c).await)?;
            for (account, count) in counts {
                self.add_to_number_count(account, sign * count).await?;
            }
        }
        for (order, count) in overtaken {
            self.add_progress(order, Progress { superseded: count, ..Progress::default() }, now).await?;
        }
        Ok(Some(Progress { total: expected, done: done as i64, ..Progress::default() }))
    }

    /// The accounts whose numbers of this order wait for the backend.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn accounts_to_push(&mut self, order_id: i64) -> Result<Vec<i64>> {
        Ok(on!(self, c => sqlx::query_scalar(ACCOUNTS_TO_PUSH).bind(order_id).fetch_all(c).await)?)
    }

    /// Lets the failed numbers of an order wait for the backend again, as far as no later order has taken them over;
    /// `state` is what they wait as. Tells how many.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn retry_failed(&mut self, order_id: i64, state: &'static str, now: OffsetDateTime) -> Result<i64> {
        let retried = on!(self, c => sqlx::query(RETRY_NUMBERS).bind(order_id).bind(state).bind(micros(now)).execute(c).await.map(|done| done.rows_affected()))?;
        on!(self, c => sqlx::query(RETRY_ITEMS).bind(order_id).bind(state).execute(c).await.map(drop))?;
        Ok(retried as i64)
    }
}
