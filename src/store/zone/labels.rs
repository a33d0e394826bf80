//! Labels of Direct Routing that accounts gave up, remembered for a while.

use time::OffsetDateTime;

use crate::store::sql::{on, statements};
use crate::store::{Result, Tx, at, micros};

statements! {
    GIVE_UP = "
        INSERT INTO given_up_labels (label, account, given_up_at, serial, tenant_id)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (label)
        DO UPDATE SET
            account = excluded.account,
            given_up_at = excluded.given_up_at,
            serial = excluded.serial,
            tenant_id = excluded.tenant_id";
    TAKE_UP = "DELETE FROM given_up_labels WHERE label = $1";
    GIVEN_UP = "SELECT account, tenant_id, given_up_at FROM given_up_labels WHERE label = $1";
}

/// A label that nobody has any more.
#[derive(Clone, Debug)]
pub struct GivenUpLabel {
    /// The account that had it last.
    pub account: String,
    /// The tenant that the account had then, where that is known.
    pub tenant: Option<String>,
    /// When it gave the label up.
    pub at: OffsetDateTime,
}

impl Tx {
    /// Remembers that the account of this name, which had this tenant, gave up a label, by the change of the zone with this serial.
    pub(in crate::store) async fn give_up_label(
        &mut self,
        label: &str,
        (account, tenant): (&str, Option<&str>),
        serial: i64,
        now: OffsetDateTime,
    ) -> Result<()> {
        on!(self, |c| sqlx::query(GIVE_UP)
            .bind(label)
            .bind(account)
            .bind(micros(now))
            .bind(serial)
            .bind(tenant.unwrap_or_default())
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
    pub async fn given_up_label(&mut self, label: &str) -> Result<Option<GivenUpLabel>> {
        let row: Option<(String, String, i64)> =
            on!(self, |c| sqlx::query_as(GIVEN_UP).bind(label).fetch_optional(c).await)?;
        Ok(row.map(|(account, tenant, given_up_at)| GivenUpLabel {
            account,
            tenant: Some(tenant).filter(|tenant| !tenant.is_empty()),
            at: at(given_up_at),
        }))
    }
}
