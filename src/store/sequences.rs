//! Numbers that count up: those of accounts, orders and pushes, and the places of what is told in the order of commits.

use super::sql::{dialect, on, statements};
use super::{Result, Tx};

statements! {
    NEXT_SQLITE = "
        UPDATE sequences
        SET next = next + 1
        WHERE name = $1
        RETURNING CAST(next - 1 AS BIGINT)";
    // Taken at once and for good, whatever becomes of the transaction: nobody waits for anybody else's number.
    NEXT_POSTGRES = "SELECT nextval(CAST(CAST($1 AS TEXT) || '_numbers' AS regclass))";
    // Kept from others until the commit, so that what was numbered earlier is committed earlier.
    NEXT_PLACE = "
        UPDATE sequences
        SET next = next + 1
        WHERE name = $1
        RETURNING CAST(next - 1 AS BIGINT)";
}

impl Tx {
    /// The next number of accounts, orders or pushes. Gaps are harmless.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn next_number(&mut self, of: &'static str) -> Result<i64> {
        let statement = dialect!(self, sqlite: NEXT_SQLITE, postgres: NEXT_POSTGRES);
        Ok(on!(self, |c| sqlx::query_scalar(statement).bind(of).fetch_one(c).await)?)
    }

    /// The next place of the answers, without gaps and in the order of commits.
    pub(super) async fn next_place(&mut self, of: &'static str) -> Result<i64> {
        Ok(on!(self, |c| sqlx::query_scalar(NEXT_PLACE).bind(of).fetch_one(c).await)?)
    }
}
