//! Accounts of which nothing is pushed before a person has confirmed what would change.

use crate::store::sql::{on, statements};
use crate::store::{Result, Tx};

statements! {
    HELD = "
        SELECT a.name
        FROM accounts a
        WHERE a.id IN (SELECT r.account_id FROM reconciles r WHERE r.state = 'held')
        ORDER BY a.id
        LIMIT $1";
    COUNT_HELD = "
        SELECT CAST(COUNT(*) AS BIGINT)
        FROM (SELECT DISTINCT r.account_id FROM reconciles r WHERE r.state = 'held' LIMIT $1) AS held";
    HELD_OF_ORDER = "
        SELECT a.name
        FROM order_accounts u
        JOIN accounts a ON a.id = u.account_id
        WHERE u.order_id = $1
          AND EXISTS (
              SELECT 1
              FROM reconciles r
              WHERE r.account_id = u.account_id
                AND r.state = 'held'
          )
        ORDER BY a.name
        LIMIT $2";
    COUNT_HELD_OF_ORDER = "
        SELECT CAST(COUNT(*) AS BIGINT)
        FROM (
            SELECT 1
            FROM order_accounts u
            WHERE u.order_id = $1
              AND EXISTS (
                  SELECT 1
                  FROM reconciles r
                  WHERE r.account_id = u.account_id
                    AND r.state = 'held'
              )
            LIMIT $2
        ) AS held";
}

/// Accounts that wait for a person are counted up to here.
pub const HELD_COUNTED: i64 = 1_000;

/// Accounts that wait for a person to confirm what would change.
#[derive(Clone, Debug, Default)]
pub struct HeldAccounts {
    /// The names of the first.
    pub names: Vec<String>,
    /// How many there are, up to [`HELD_COUNTED`] and one.
    pub count: i64,
}

impl HeldAccounts {
    fn all(names: Vec<String>) -> Self {
        Self { count: names.len() as i64, names }
    }

    /// How many are not named.
    #[must_use]
    pub fn more(&self) -> i64 {
        self.count - self.names.len() as i64
    }
}

impl Tx {
    /// The accounts that wait for a person to confirm what would change: the names of `most` of them.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn held_accounts(&mut self, most: i64) -> Result<HeldAccounts> {
        let names: Vec<String> = on!(self, |c| sqlx::query_scalar(HELD).bind(most).fetch_all(c).await)?;
        if (names.len() as i64) < most {
            return Ok(HeldAccounts::all(names));
        }
        let count = on!(self, |c| sqlx::query_scalar(COUNT_HELD).bind(HELD_COUNTED + 1).fetch_one(c).await)?;
        Ok(HeldAccounts { names, count })
    }

    /// Those of an order.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn held_accounts_of_order(&mut self, order_id: i64, most: i64) -> Result<HeldAccounts> {
        let names: Vec<String> =
            on!(self, |c| sqlx::query_scalar(HELD_OF_ORDER).bind(order_id).bind(most).fetch_all(c).await)?;
        if (names.len() as i64) < most {
            return Ok(HeldAccounts::all(names));
        }
        let count = on!(self, |c| sqlx::query_scalar(COUNT_HELD_OF_ORDER)
            .bind(order_id)
            .bind(HELD_COUNTED + 1)
            .fetch_one(c)
            .await)?;
        Ok(HeldAccounts { names, count })
    }
}
