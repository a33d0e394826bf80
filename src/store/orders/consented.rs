//! Numbers that were refused because their tenant's consent did not stand, and may be sent again now that it does.

use time::OffsetDateTime;

use super::submit::Retried;
use crate::domain::TenantId;
use crate::store::sql::{on, statements};
use crate::store::{Result, Tx, micros};

statements! {
    // The code is at the beginning of what is stored of an error, and of each that stands with it.
    REFUSED = "
        SELECT n.order_id, CAST(COUNT(*) AS BIGINT)
        FROM accounts a
        JOIN numbers n ON n.account_id = a.id
        WHERE a.tenant_id = $1
          AND n.state <> 'synced'
          AND n.state = 'failed'
          AND n.error_id IN (SELECT e.id FROM errors e WHERE e.body LIKE '%\"code\":\"ConsentNotActive\"%')
        GROUP BY n.order_id
        ORDER BY n.order_id";
    RETRY = "
        UPDATE numbers
        SET state = 'pending',
            error_id = NULL,
            rev = numbers.rev + 1,
            changed_at = $2
        FROM order_items i
        WHERE i.order_id = $1
          AND i.state = $3
          AND numbers.telephone_number = i.telephone_number
          AND numbers.order_id = $1
          AND COALESCE(numbers.account_id, 0) = i.account_id
          AND COALESCE(numbers.state, '') = 'failed'
          AND numbers.error_id IN (SELECT e.id FROM errors e WHERE e.body LIKE '%\"code\":\"ConsentNotActive\"%')";
}

impl Tx {
    /// The orders of a tenant's numbers that were refused because its consent did not stand, each with how many there are.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn refused_for_consent(&mut self, tenant: &TenantId) -> Result<Vec<(i64, i64)>> {
        Ok(on!(self, |c| sqlx::query_as(REFUSED).bind(tenant.as_str()).fetch_all(c).await)?)
    }

    /// Lets those numbers of an order wait for the backend again; tells how many.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn retry_refused_for_consent(&mut self, order_id: i64, now: OffsetDateTime) -> Result<Retried> {
        let mut retried = Retried::default();
        for (of, count) in retried.by_item() {
            *count = on!(self, |c| sqlx::query(RETRY)
                .bind(order_id)
                .bind(micros(now))
                .bind(of)
                .execute(c)
                .await
                .map(|done| done.rows_affected()))? as i64;
        }
        if retried.all() > 0 {
            self.retry_items(order_id, "pending").await?;
        }
        Ok(retried)
    }
}
