//! Labels of Direct Routing that accounts gave up, remembered for a while.

use time::OffsetDateTime;

use super::sql::{on, statements};
use super::{Result, Tx, at, micros};

statements! {
    GIVE_UP = "INSERT INTO given_up_labels (label, account, given_up_at) SELECT d.label, a.name, $3 FROM subdomains d JOIN accounts a ON a.id = d.account_id WHERE d.account_id = $1 AND d.label <> $2 ON CONFLICT (label) DO UPDATE SET account = excluded.account, given_up_at = excluded.given_up_at";
    GIVE_UP_EMPTY = "INSERT INTO given_up_labels (label, account, given_up_at) SELECT d.label, a.name, $2 FROM subdomains d JOIN accounts a ON a.id = d.account_id WHERE d.account_id = $1 AND NOT EXISTS (SELECT 1 FROM numbers n WHERE n.account_id = $1) ON CONFLICT (label) DO UPDATE SET account = excluded.account, given_up_at = excluded.given_up_at";
    TAKE_UP = "DELETE FROM given_up_labels WHERE label = $1";
    GIVEN_UP = "SELECT account, given_up_at FROM given_up_labels WHERE label = $1";
}

impl Tx {
    /// Remembers the label of an account that is about to have another one, or none.
    pub(super) async fn give_up_label(&mut self, id: i64, next: Option<&str>, now: OffsetDateTime) -> Result<()> {
        let next = next.unwrap_or_default();
        Ok(on!(self, c => sqlx::query(GIVE_UP).bind(id).bind(next).bind(micros(now)).execute(c).await.map(drop))?)
    }

    /// Remembers the label of an account that is about to go, unless it has numbers and stays.
    pub(super) async fn give_up_label_of_empty(&mut self, id: i64, now: OffsetDateTime) -> Result<()> {
        Ok(on!(self, c => sqlx::query(GIVE_UP_EMPTY).bind(id).bind(micros(now)).execute(c).await.map(drop))?)
    }

    /// Forgets who gave a label up: an account has it again.
    pub(super) async fn take_up_label(&mut self, label: &str) -> Result<()> {
        Ok(on!(self, c => sqlx::query(TAKE_UP).bind(label).execute(c).await.map(drop))?)
    }

    /// Who gave up this label last, and when; nothing while somebody has it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn given_up_label(&mut self, label: &str) -> Result<Option<(String, OffsetDateTime)>> {
        let row: Option<(String, i64)> = on!(self, c => sqlx::query_as(GIVEN_UP).bind(label).fetch_optional(c).await)?;
        Ok(row.map(|(account, given_up_at)| (account, at(given_up_at))))
    }
}
