//! What of an account's numbers does not go on by itself: refused by a backend, or held for a person.

use crate::domain::{E164, ProvisioningError};
use crate::store::numbers::{in_list, settings};
use crate::store::sql::{Conditions, bind_all, on, statements};
use crate::store::{Error, Result, Tx};

statements! {
    FIRST_FAILED = "
        SELECT n.telephone_number, n.error_id, e.body
        FROM numbers n
        LEFT JOIN errors e ON e.id = n.error_id
        WHERE n.state <> 'synced'
          AND n.state = 'failed'
          AND n.account_id = $1
        ORDER BY n.telephone_number
        LIMIT 1";
}

const HELD_AMONG: &str = "
    SELECT n.telephone_number
    FROM numbers n
    JOIN accounts a ON a.id = n.account_id
    WHERE NOT a.deleting
      AND EXISTS (
          SELECT 1
          FROM reconciles r
          WHERE r.account_id = n.account_id AND r.state = 'held'
      )";

impl Tx {
    /// The first number of an account that a backend refused, with what it said.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn first_failed(&mut self, account_id: i64) -> Result<Option<(E164, ProvisioningError)>> {
        let row: Option<(i64, Option<i64>, Option<String>)> =
            on!(self, |c| sqlx::query_as(FIRST_FAILED).bind(account_id).fetch_optional(c).await)?;
        let Some((number, error_id, body)) = row else { return Ok(None) };
        let number = E164::from_i64(number).ok_or_else(|| Error::unreadable("numbers", "telephone_number", number))?;
        let error = match (error_id, body) {
            (Some(id), Some(body)) => settings::read_error(id, &body)?.about(number),
            _ => ProvisioningError::new("Refused", "The backend gave no reason.", None),
        };
        Ok(Some((number, error)))
    }

    /// Those of these numbers whose account waits for a person to confirm what would change at a backend.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn held_among(&mut self, numbers: &[E164]) -> Result<Vec<E164>> {
        let mut question = Conditions::default();
        question.push(HELD_AMONG, []);
        in_list(&mut question, " AND n.telephone_number IN (", numbers);
        let rows: Vec<i64> = on!(self, |c| bind_all!(sqlx::query_scalar(question.sql()), question).fetch_all(c).await)?;
        Ok(rows.into_iter().filter_map(E164::from_i64).collect())
    }
}
