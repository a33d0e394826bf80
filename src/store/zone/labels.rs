//! Labels of Direct Routing that accounts gave up, remembered for a while.

use time::OffsetDateTime;

use crate::store::sql::{on, statements};
use crate::store::{Result, Tx, at, micros};

statements! {
    GIVE_UP = "
        INSERT INTO given_up_labels (label, account, given_up_at, serial)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT (label)
        DO UPDATE SET
            account = excluded.account,
            given_up_at = excluded.given_up_at,
            serial = excluded.serial";
    TAKE_UP = "DELETE FROM given_up_labels WHERE label = $1";
    GIVEN_UP = "SELECT account, given_up_at FROM given_up_labels WHERE label = $1";
}

impl Tx {
    /// Remembers that the account of this name gave up a label, by the change of the zone with this serial.
    pub(in crate::store) async fn give_up_label(
        &mut self,
        label: &str,
        account: &str,
        serial: i64,
        now: OffsetDateTime,
    ) -> Result<()> {
        on!(self, |c| sqlx::query(GIVE_UP)
            .bind(label)
            .bind(account)
            .bind(micros(now))
            .bind(serial)
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Forgets who gave a label up: an account has it again.
    pub(in crate::store) async fn take_up_label(&mut self, label: &str) -> Result<()> {
        Ok(on!(self, |c| sqlx::query(TAKE_UP).bind(label).execute(c).await.map(drop))?)
    }

    /// Who gave up this label last, and when; nothing while somebody has it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn given_up_label(&mut self, label: &str) -> Result<Option<(String, OffsetDateTime)>> {
        let row: Option<(String, i64)> = on!(self, |c| sqlx::query_as(GIVEN_UP).bind(label).fetch_optional(c).await)?;
        Ok(row.map(|(account, given_up_at)| (account, at(given_up_at))))
    }
}
