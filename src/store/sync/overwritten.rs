//! What a backend had of numbers before it did what a push of ours asked for: written down once it has done it.

use time::OffsetDateTime;

use super::observed::json;
use super::pushes::Push;
use crate::domain::{E164, Service, ServiceSet};
use crate::store::sql::{dialect, on, statements};
use crate::store::{Error, Result, Tx};

/// Those of some numbers that the backend was known to have with other settings than those of a push.
macro_rules! replaced {
    ($numbers:literal) => {
        concat!(
            "
        SELECT o.list_id, o.telephone_number, o.settings_id
        FROM observed_lists l
        JOIN settings s ON s.id = $4
        LEFT JOIN settings_services k ON k.settings_id = s.id AND k.service = $5
        JOIN observed o
            ON o.list_id = l.id
            AND o.telephone_number ",
            $numbers,
            "
            AND o.missing IS NULL
        JOIN observed_settings t ON t.id = o.settings_id
        WHERE l.backend = $1
          AND l.tenant_id = $3
          AND COALESCE(k.push_key, s.push_key) NOT IN (t.id, t.bare_id)
        ORDER BY o.telephone_number"
        )
    };
}

statements! {
    REPLACED_SQLITE = replaced!("IN (SELECT value FROM json_each($2))");
    REPLACED_POSTGRES = replaced!("= ANY (CAST(translate($2, '[]', '{}') AS BIGINT[]))");
}

impl Tx {
    /// Writes down what a backend had of these numbers, which it now has as the push asked.
    pub(super) async fn note_replaced(
        &mut self,
        push: &Push,
        service: Service,
        numbers: &[i64],
        now: OffsetDateTime,
    ) -> Result<()> {
        let statement = dialect!(self, sqlite: REPLACED_SQLITE, postgres: REPLACED_POSTGRES);
        let rows: Vec<(i64, i64, i64)> = on!(self, |c| sqlx::query_as(statement)
            .bind(push.backend.as_deref().unwrap_or_default())
            .bind(json(numbers))
            .bind(push.tenant_id.as_str())
            .bind(push.settings_id)
            .bind(ServiceSet::from(service).bits())
            .fetch_all(c)
            .await)?;
        let Some(list) = rows.first().map(|(list, ..)| *list) else { return Ok(()) };
        let number = |number| E164::from_i64(number).ok_or_else(|| Error::unreadable("observed", "number", number));
        let theirs: Result<Vec<(E164, i64)>> =
            rows.into_iter().map(|(_, found, theirs)| Ok((number(found)?, theirs))).collect();
        let ours = self.settings(push.settings_id).await?.unwrap_or_default().part(service);
        self.note_overwritten(list, &theirs?, &ours, now).await
    }
}
