//! Drafts that nobody needs any more, removed a little at a time, so that nobody has to wait long for what is being removed.

use time::OffsetDateTime;

use crate::store::sql::{on, statements};
use crate::store::{Result, Tx, micros};

statements! {
    OLD_DRAFT = "
        SELECT id
        FROM orders
        WHERE status = $1
          AND created_at < $2
        ORDER BY id
        LIMIT 1";
    // Not one that was submitted meanwhile.
    GIVE_UP = "
        UPDATE orders
        SET status = 'discarded', finished_at = COALESCE(finished_at, CAST($2 AS BIGINT))
        WHERE id = $1
          AND status IN ('draft', 'discarded')";
    SWEEP_ITEMS = "
        DELETE FROM order_items
        WHERE order_id = $1
          AND telephone_number <= (
              SELECT MAX(f.telephone_number)
              FROM (
                  SELECT telephone_number
                  FROM order_items
                  WHERE order_id = $1
                  ORDER BY telephone_number
                  LIMIT $2
              ) AS f
          )";
    SWEEP_PROBLEMS = "
        DELETE FROM order_problems
        WHERE order_id = $1
          AND seq <= (
              SELECT MAX(f.seq)
              FROM (
                  SELECT seq
                  FROM order_problems
                  WHERE order_id = $1
                  ORDER BY seq
                  LIMIT $2
              ) AS f
          )";
    SWEEP_ACCOUNTS = "DELETE FROM order_accounts WHERE order_id = $1";
    SWEEP_ORDER = "DELETE FROM orders WHERE id = $1 AND status = 'discarded'";
}

impl Tx {
    /// An order in review, or one that was given up there, from before `until`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn old_draft(&mut self, until: OffsetDateTime) -> Result<Option<i64>> {
        for status in ["discarded", "draft"] {
            let found: Option<i64> =
                on!(self, |c| sqlx::query_scalar(OLD_DRAFT).bind(status).bind(micros(until)).fetch_optional(c).await)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Removes up to so many lines of a draft, and with the last of them the draft; tells whether anything of it is left.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn sweep_draft(&mut self, id: i64, most: i64, now: OffsetDateTime) -> Result<bool> {
        let given_up = on!(self, |c| sqlx::query(GIVE_UP)
            .bind(id)
            .bind(micros(now))
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?;
        if given_up == 0 {
            return Ok(false);
        }
        for lines in [SWEEP_ITEMS, SWEEP_PROBLEMS] {
            let swept = on!(self, |c| sqlx::query(lines)
                .bind(id)
                .bind(most)
                .execute(c)
                .await
                .map(|done| done.rows_affected()))?;
            if i64::try_from(swept).is_ok_and(|swept| swept >= most) {
                return Ok(true);
            }
        }
        self.forget_mending(id).await?;
        self.forget_overrides(id).await?;
        on!(self, |c| sqlx::query(SWEEP_ACCOUNTS).bind(id).execute(c).await.map(drop))?;
        on!(self, |c| sqlx::query(SWEEP_ORDER).bind(id).execute(c).await.map(drop))?;
        Ok(false)
    }
}
