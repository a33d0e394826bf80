//! What a push of all that waits of an account would replace at a backend, setting by setting.

use sqlx::FromRow;

use crate::domain::{BackendInfo, E164};
use crate::store::numbers::settings;
use crate::store::sql::{on, statements};
use crate::store::{Error, Result, TheirList, TheirSettings, Tx};

statements! {
    // As the comparison of the account counts them. Numbers of several backends wait for one of them only as long as their
    // part for it does.
    REPLACED = "
        SELECT
            c.theirs_id, t.body AS theirs, c.ours_id, s.body AS ours, c.count, c.example, c.in_use, c.kinds, c.numbers
        FROM (
            SELECT
                o.settings_id AS theirs_id, n.settings_id AS ours_id,
                CAST(COUNT(*) AS BIGINT) AS count, MIN(n.telephone_number) AS example,
                CAST(SUM(CASE WHEN o.assigned THEN 1 ELSE 0 END) AS BIGINT) AS in_use,
                CAST(COUNT(*) OVER () AS BIGINT) AS kinds,
                CAST(SUM(CAST(COUNT(*) AS BIGINT)) OVER () AS BIGINT) AS numbers
            FROM numbers n
            JOIN settings s ON s.id = n.settings_id
            LEFT JOIN settings_services k ON k.settings_id = n.settings_id AND k.service = (s.services & $3)
            LEFT JOIN number_parts p ON p.telephone_number = n.telephone_number AND p.backend = $1
            LEFT JOIN observed_lists l ON l.backend = $1 AND l.tenant_id = $4
            LEFT JOIN observed o
                ON o.list_id = l.id
                AND o.telephone_number = n.telephone_number
                AND o.missing IS NULL
            LEFT JOIN observed_settings t ON t.id = o.settings_id
            WHERE n.account_id = $2
              AND n.state <> 'synced'
              AND n.state IN ('pending', 'failed')
              AND COALESCE(p.task, 'upload') = 'upload'
              AND (
                  p.state = 'pending'
                  OR (
                      p.state IS NULL
                      AND n.state <> 'failed'
                      AND COALESCE(n.push_id, -1) <> 0
                      AND (s.services & $3) <> 0
                  )
              )
              AND o.settings_id IS NOT NULL
              AND COALESCE(k.push_key, s.push_key) NOT IN (t.id, t.bare_id)
            GROUP BY o.settings_id, n.settings_id
            ORDER BY 3 DESC, 4
            LIMIT $5
        ) AS c
        LEFT JOIN observed_settings t ON t.id = c.theirs_id
        LEFT JOIN settings s ON s.id = c.ours_id
        ORDER BY c.count DESC, c.example";
}

#[derive(FromRow)]
struct Row {
    theirs_id: i64,
    theirs: String,
    ours_id: i64,
    ours: String,
    count: i64,
    example: i64,
    in_use: i64,
    kinds: i64,
    numbers: i64,
}

impl Tx {
    /// What a push of all that waits of an account of this tenant would replace at a backend: the `most` most frequent, and how
    /// many there are.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn replaced_there(
        &mut self,
        account_id: i64,
        backend: &BackendInfo,
        tenant: &str,
        most: i64,
    ) -> Result<TheirList> {
        let rows: Vec<Row> = on!(self, |c| sqlx::query_as(REPLACED)
            .bind(backend.name.as_str())
            .bind(account_id)
            .bind(backend.services.bits())
            .bind(tenant)
            .bind(most)
            .fetch_all(c)
            .await)?;
        let (kinds, numbers) = rows.first().map_or((0, 0), |row| (row.kinds, row.numbers));
        let shown: Result<Vec<TheirSettings>> = rows
            .into_iter()
            .map(|row| {
                Ok(TheirSettings {
                    backend: backend.name.clone(),
                    theirs: settings::read(row.theirs_id, &row.theirs)?,
                    ours: settings::read(row.ours_id, &row.ours)?,
                    count: row.count,
                    example: E164::from_i64(row.example)
                        .ok_or_else(|| Error::unreadable("numbers", "telephone_number", row.example))?,
                    assigned: row.in_use,
                })
            })
            .collect();
        Ok(TheirList { shown: shown?, kinds, numbers })
    }
}
