//! Drafts that change, move or release numbers as they are: what those numbers were when they were staged.

use super::items::number;
use crate::domain::{E164, FormOf, Moves};
use crate::store::sql::{on, statements};
use crate::store::{Result, Tx};

statements! {
    SET_FORM_OF = "UPDATE orders SET form_of = $2, moves = $3 WHERE id = $1";
    // What the numbers are that the order is about; each is looked up by its key.
    REMEMBER = "
        UPDATE order_items
        SET from_account_id = (
                SELECT n.account_id
                FROM numbers n
                WHERE n.telephone_number = order_items.telephone_number
            ),
            from_settings_id = (
                SELECT n.settings_id
                FROM numbers n
                WHERE n.telephone_number = order_items.telephone_number
            )
        WHERE order_id = $1";
    // COALESCE: the numbers are looked up by their keys. One that is gone is refused and needs no other settings.
    MOVED_ON = "
        SELECT CAST(COUNT(*) AS BIGINT)
        FROM order_items i
        LEFT JOIN numbers n ON n.telephone_number = i.telephone_number
        WHERE i.order_id = $1
          AND (
              COALESCE(n.settings_id, i.from_settings_id) <> i.from_settings_id
              OR COALESCE(n.account_id, i.from_account_id) <> i.from_account_id
          )";
    // The accounts that have the numbers and those that get them.
    RECORD_ACCOUNTS = "
        INSERT INTO order_accounts (order_id, account_id, account_rev)
        SELECT CAST($1 AS BIGINT), u.id, a.rev
        FROM (
            SELECT account_id AS id
            FROM order_items
            WHERE order_id = $1
            UNION
            SELECT from_account_id
            FROM order_items
            WHERE order_id = $1
              AND from_account_id IS NOT NULL
        ) AS u
        JOIN accounts a ON a.id = u.id
        WHERE TRUE
        ON CONFLICT (order_id, account_id) DO NOTHING";
    ACCOUNTS_MOVED_ON = "
        SELECT CAST(COUNT(*) AS BIGINT)
        FROM order_accounts r
        LEFT JOIN accounts a ON a.id = r.account_id
        WHERE r.order_id = $1
          AND COALESCE(a.rev, -1) <> r.account_rev";
    STAGED = "
        SELECT telephone_number, line, from_account_id
        FROM order_items
        WHERE order_id = $1
        ORDER BY telephone_number";
    RECEIVERS = "
        SELECT DISTINCT account_id
        FROM order_items
        WHERE order_id = $1
          AND verdict = 'changed'
        ORDER BY account_id";
    UNSTAGE = "DELETE FROM order_items WHERE order_id = $1";
}

/// A number of a draft.
#[derive(Clone, Copy, Debug)]
pub struct StagedNumber {
    /// The number.
    pub number: E164,
    /// Its line in what was sent; 0 where there are no lines.
    pub line: u32,
    /// The account that had it when it was staged; nothing where nobody had it.
    pub account_id: Option<i64>,
}

impl Tx {
    /// Says of a draft which form it was made with, and where its numbers go if it moves them.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_form_of(&mut self, order_id: i64, form_of: FormOf, moves: Option<Moves>) -> Result<()> {
        let moves = moves.map(Moves::key);
        on!(self, |c| sqlx::query(SET_FORM_OF)
            .bind(order_id)
            .bind(form_of.key())
            .bind(moves)
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Notes beside each number of a draft which account and settings it has now.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn remember_numbers(&mut self, order_id: i64) -> Result<()> {
        on!(self, |c| sqlx::query(REMEMBER).bind(order_id).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Whether accounts or numbers of a draft are not what was noted of them any more.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn has_moved_on(&mut self, order_id: i64) -> Result<bool> {
        for statement in [ACCOUNTS_MOVED_ON, MOVED_ON] {
            let count: i64 = on!(self, |c| sqlx::query_scalar(statement).bind(order_id).fetch_one(c).await)?;
            if count > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether accounts of a draft are not what they were when it was reviewed.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn have_accounts_moved_on(&mut self, order_id: i64) -> Result<bool> {
        let count: i64 = on!(self, |c| sqlx::query_scalar(ACCOUNTS_MOVED_ON).bind(order_id).fetch_one(c).await)?;
        Ok(count > 0)
    }

    /// Records the accounts that have numbers of a draft and those that get them, and gives their names.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn record_both_accounts(&mut self, order_id: i64) -> Result<Vec<String>> {
        on!(self, |c| sqlx::query(RECORD_ACCOUNTS).bind(order_id).execute(c).await.map(drop))?;
        self.names_of_order_accounts(order_id).await
    }

    /// The numbers of a draft, ascending, each with its line.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn staged_numbers(&mut self, order_id: i64) -> Result<Vec<StagedNumber>> {
        let rows: Vec<(i64, i64, Option<i64>)> =
            on!(self, |c| sqlx::query_as(STAGED).bind(order_id).fetch_all(c).await)?;
        let staged = |(found, line, account_id)| {
            Ok(StagedNumber { number: number(found)?, line: u32::try_from(line).unwrap_or_default(), account_id })
        };
        rows.into_iter().map(staged).collect()
    }

    /// The accounts that the changed numbers of a draft go to.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn receivers(&mut self, order_id: i64) -> Result<Vec<i64>> {
        Ok(on!(self, |c| sqlx::query_scalar(RECEIVERS).bind(order_id).fetch_all(c).await)?)
    }

    /// Takes all numbers out of a draft, for them to be staged anew.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn unstage(&mut self, order_id: i64) -> Result<()> {
        on!(self, |c| sqlx::query(UNSTAGE).bind(order_id).execute(c).await.map(drop))?;
        Ok(())
    }
}
