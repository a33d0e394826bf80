//! What a backend is known to hold of the numbers of a push.

use super::pushes::Push;
use crate::domain::{E164, ServiceSet};
use crate::store::sql::{on, statements};
use crate::store::{Error, Result, Tx};

statements! {
    KNOWN = "
        SELECT
            c.telephone_number,
            CASE
                WHEN o.telephone_number IS NULL THEN 'elsewhere'
                WHEN (
                    SELECT COALESCE(k.push_key, s.push_key)
                    FROM settings s
                    LEFT JOIN settings_services k ON k.settings_id = s.id AND k.service = $5
                    WHERE s.id = $4
                ) IN (t.id, t.bare_id) THEN 'alike'
                ELSE 'different'
            END,
            o.settings_id,
            (
                SELECT MIN(y.tenant_id)
                FROM observed x
                JOIN observed_lists y ON y.id = x.list_id
                WHERE x.telephone_number = c.telephone_number
                  AND x.list_id <> $1
                  AND x.missing IS NULL
                  AND y.backend = $3
            )
        FROM (
            SELECT telephone_number FROM numbers WHERE push_id = $2
            UNION ALL
            SELECT telephone_number FROM number_parts WHERE push_id = $2
        ) AS c
        LEFT JOIN observed o
            ON o.list_id = $1
            AND o.telephone_number = c.telephone_number
            AND o.missing IS NULL
        LEFT JOIN observed_settings t ON t.id = o.settings_id
        WHERE o.telephone_number IS NOT NULL
           OR EXISTS (
               SELECT 1
               FROM observed x
               JOIN observed_lists y ON y.id = x.list_id
               WHERE x.telephone_number = c.telephone_number
                 AND x.list_id <> $1
                 AND x.missing IS NULL
                 AND y.backend = $3
           )
        ORDER BY c.telephone_number";
}

/// What a backend holds of a push's numbers.
#[derive(Clone, Debug, Default)]
pub struct KnownNumbers {
    /// They are there as the push wants them.
    pub alike: Vec<E164>,
    /// Others are there with other settings.
    pub differs: bool,
    /// They are there for this tenant.
    pub elsewhere: Vec<(E164, String)>,
}

impl Tx {
    /// What a backend is known to hold of the numbers that an upload carries.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn known_of_push(&mut self, push: &Push, list_id: i64) -> Result<KnownNumbers> {
        let mut known = self.read_known(push, list_id).await?;
        if known.differs {
            // What the backend sees of settings with several services may not have been worked out yet.
            self.intern_parts(&[push.settings_id]).await?;
            known = self.read_known(push, list_id).await?;
        }
        Ok(known)
    }

    async fn read_known(&mut self, push: &Push, list_id: i64) -> Result<KnownNumbers> {
        let (Some(backend), Some(service)) = (&push.backend, push.service) else { return Ok(KnownNumbers::default()) };
        let rows: Vec<(i64, String, Option<i64>, Option<String>)> = on!(self, |c| sqlx::query_as(KNOWN)
            .bind(list_id)
            .bind(push.id)
            .bind(backend.as_str())
            .bind(push.settings_id)
            .bind(ServiceSet::from(service).bits())
            .fetch_all(c)
            .await)?;
        let mut known = KnownNumbers::default();
        for (number, kind, theirs, tenant) in rows {
            let number =
                E164::from_i64(number).ok_or_else(|| Error::unreadable("observed", "telephone_number", number))?;
            match (kind.as_str(), theirs, tenant) {
                ("alike", ..) => known.alike.push(number),
                (_, Some(_), _) => known.differs = true,
                (_, None, tenant) => known.elsewhere.push((number, tenant.unwrap_or_default())),
            }
        }
        Ok(known)
    }
}
