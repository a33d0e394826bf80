//! What submitting a draft would write: its good numbers, account by account.

use std::sync::Arc;

use crate::domain::{E164, NumberSettings};
use crate::store::numbers::settings;
use crate::store::sql::{on, statements};
use crate::store::{Error, Result, Tx};

statements! {
    ACCOUNTS = "
        WITH g AS MATERIALIZED (
            SELECT i.account_id, CAST(COUNT(*) AS BIGINT) AS count, MIN(i.telephone_number) AS first
            FROM order_items i
            WHERE i.order_id = $1
              AND i.verdict IN ('new', 'changed', 'release')
            GROUP BY i.account_id
        )
        SELECT g.account_id, a.name, g.count, g.first
        FROM g
        JOIN accounts a ON a.id = g.account_id
        ORDER BY a.name";
    NUMBERS = "
        SELECT i.telephone_number, i.settings_id, s.body
        FROM order_items i
        JOIN settings s ON s.id = i.settings_id
        WHERE i.order_id = $1
          AND i.account_id = $2
          AND i.verdict IN ('new', 'changed', 'release')
          AND i.telephone_number > $3
        ORDER BY i.telephone_number
        LIMIT $4";
}

/// The numbers of one account that a draft would write.
#[derive(Clone, Debug)]
pub struct AccountWrites {
    /// Internal key of the account.
    pub account_id: i64,
    /// Its name.
    pub account: String,
    /// How many numbers.
    pub count: i64,
    /// The first of them.
    pub first: E164,
}

fn number(value: i64) -> Result<E164> {
    E164::from_i64(value).ok_or_else(|| Error::unreadable("order_items", "telephone_number", value))
}

impl Tx {
    /// The accounts that a draft would write to, by name.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn order_writes(&mut self, order_id: i64) -> Result<Vec<AccountWrites>> {
        let rows: Vec<(i64, String, i64, i64)> =
            on!(self, |c| sqlx::query_as(ACCOUNTS).bind(order_id).fetch_all(c).await)?;
        rows.into_iter()
            .map(|(account_id, account, count, first)| {
                Ok(AccountWrites { account_id, account, count, first: number(first)? })
            })
            .collect()
    }

    /// The first `most` numbers behind `after` that a draft would write to an account, ascending, each with its settings.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn order_writes_of(
        &mut self,
        order_id: i64,
        account_id: i64,
        after: i64,
        most: i64,
    ) -> Result<Vec<(E164, Arc<NumberSettings>)>> {
        let rows: Vec<(i64, i64, String)> = on!(self, |c| sqlx::query_as(NUMBERS)
            .bind(order_id)
            .bind(account_id)
            .bind(after)
            .bind(most)
            .fetch_all(c)
            .await)?;
        // Neighbours mostly share their settings.
        let mut last: Option<(i64, Arc<NumberSettings>)> = None;
        let mut numbers = Vec::with_capacity(rows.len());
        for (telephone_number, id, body) in rows {
            let settings = match &last {
                Some((known, settings)) if *known == id => settings.clone(),
                _ => Arc::new(settings::read(id, &body)?),
            };
            last = Some((id, settings.clone()));
            numbers.push((number(telephone_number)?, settings));
        }
        Ok(numbers)
    }
}
