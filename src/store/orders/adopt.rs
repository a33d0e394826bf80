//! Numbers of a submitted order that a backend holds already, just as they are wanted: they are ours from now on, and nothing
//! is pushed.

use crate::domain::BackendInfo;
use crate::store::sql::{on, statements};
use crate::store::{Result, Tx};

statements! {
    // LEFT and COALESCE: the order's numbers come first, and the rest is looked up by its keys.
    ADOPT_PARTS = "
        UPDATE number_parts
        SET state = 'synced'
        WHERE backend = $2
          AND task = 'upload'
          AND COALESCE(state, '') = 'pending'
          AND push_id IS NULL
          AND telephone_number IN (
              SELECT i.telephone_number
              FROM order_items i
              LEFT JOIN accounts a ON a.id = i.account_id
              LEFT JOIN observed_lists l ON l.backend = $2 AND l.tenant_id = a.tenant_id
              LEFT JOIN observed o
                ON o.list_id = l.id
                AND o.telephone_number = i.telephone_number
                AND o.missing IS NULL
              LEFT JOIN observed_settings t ON t.id = o.settings_id
              LEFT JOIN settings s ON s.id = i.settings_id
              LEFT JOIN settings_services k ON k.settings_id = i.settings_id AND k.service = (s.services & $3)
              WHERE i.order_id = $1
                AND i.verdict = 'new'
                AND COALESCE(k.push_key, s.push_key, -1) IN (COALESCE(t.id, 0), COALESCE(t.bare_id, 0))
          )";
    MARK_ASSIGNED = "
        UPDATE numbers
        SET assigned = TRUE
        FROM order_items i
        WHERE i.order_id = $1
          AND i.outside IN ('equal', 'different')
          AND numbers.telephone_number = i.telephone_number
          AND COALESCE((
              SELECT MAX(CASE WHEN o.assigned THEN 1 ELSE 0 END)
              FROM observed o
              WHERE o.telephone_number = i.telephone_number AND o.missing IS NULL
          ), 0) = 1";
}

impl Tx {
    /// Takes the parts of new numbers for synced where one of several backends holds its part just so.
    pub(super) async fn adopt_parts(
        &mut self,
        order_id: i64,
        backends: impl Iterator<Item = &BackendInfo>,
    ) -> Result<()> {
        for backend in backends {
            on!(self, |c| sqlx::query(ADOPT_PARTS)
                .bind(order_id)
                .bind(backend.name.as_str())
                .bind(backend.services.bits())
                .execute(c)
                .await
                .map(drop))?;
        }
        Ok(())
    }

    /// Says of the numbers of a submitted order that a backend held before who of them is in use there.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn mark_assigned_there(&mut self, order_id: i64) -> Result<()> {
        on!(self, |c| sqlx::query(MARK_ASSIGNED).bind(order_id).execute(c).await.map(drop))?;
        Ok(())
    }
}
