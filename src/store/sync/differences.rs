//! What a backend last said of a tenant's numbers, compared with what should be true.

use crate::domain::{BackendInfo, E164, TenantId};
use crate::store::sql::{on, statements};
use crate::store::{Error, Result, Tx};

statements! {
    // Numbers that are under way are no differences. Settings with several services have an address for each of them.
    DIFFERENCES = "
        SELECT d.telephone_number, d.kind
        FROM (
            SELECT n.telephone_number,
                CASE
                    WHEN o.telephone_number IS NOT NULL THEN 'different'
                    WHEN EXISTS (
                        SELECT 1
                        FROM observed x
                        JOIN observed_lists y ON y.id = x.list_id
                        WHERE x.telephone_number = n.telephone_number AND y.backend = $1
                    ) THEN 'other-tenant'
                    ELSE 'only-here'
                END AS kind
            FROM observed_lists l
            JOIN accounts a ON a.tenant_id = l.tenant_id
            JOIN numbers n ON n.account_id = a.id
            JOIN settings s ON s.id = n.settings_id
            LEFT JOIN settings_services k ON k.settings_id = n.settings_id AND k.service = (s.services & $3)
            LEFT JOIN observed o ON o.list_id = l.id AND o.telephone_number = n.telephone_number
            LEFT JOIN observed_settings t ON t.id = o.settings_id
            WHERE l.backend = $1
              AND l.tenant_id = $2
              AND l.listed_at IS NOT NULL
              AND n.telephone_number > $4
              AND (
                  n.state = 'synced'
                  OR (
                      n.state = 'failed'
                      AND n.error_id IN (SELECT e.id FROM errors e WHERE e.body LIKE '%\"NotAtBackend\"%')
                  )
              )
              AND (a.services & a.synced & s.services & $3) <> 0
              AND (o.telephone_number IS NULL OR COALESCE(k.push_key, s.push_key) NOT IN (t.id, t.bare_id))
            UNION ALL
            SELECT o.telephone_number, 'only-there' AS kind
            FROM observed_lists l
            JOIN observed o ON o.list_id = l.id
            LEFT JOIN numbers n ON n.telephone_number = o.telephone_number
            LEFT JOIN accounts a ON a.id = n.account_id
            LEFT JOIN settings s ON s.id = n.settings_id
            WHERE l.backend = $1
              AND l.tenant_id = $2
              AND o.telephone_number > $4
              AND (
                  n.telephone_number IS NULL
                  OR (
                      (
                          n.state = 'synced'
                          OR (
                              n.state = 'failed'
                              AND n.error_id IN (SELECT e.id FROM errors e WHERE e.body LIKE '%\"NotAtBackend\"%')
                          )
                      )
                      AND (COALESCE(a.tenant_id, '') <> l.tenant_id OR (a.services & a.synced & s.services & $3) = 0)
                  )
              )
        ) AS d
        ORDER BY d.telephone_number
        LIMIT $5";
}

/// How a number differs from what its backend said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Difference {
    /// The backend has it, and nobody here has it for that tenant and service.
    OnlyThere,
    /// The backend does not have it.
    OnlyHere,
    /// The backend has it with other settings.
    Different,
    /// The backend has it for another tenant.
    OtherTenant,
}

impl Difference {
    fn from_key(key: &str) -> Option<Self> {
        match key {
            "only-there" => Some(Self::OnlyThere),
            "only-here" => Some(Self::OnlyHere),
            "different" => Some(Self::Different),
            "other-tenant" => Some(Self::OtherTenant),
            _ => None,
        }
    }
}

impl Tx {
    /// What differs between a tenant's numbers here and what the backend last said, ascending behind `after`. Nothing is
    /// missing there as long as the list was never read to its end.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn differences(
        &mut self,
        backend: &BackendInfo,
        tenant: &TenantId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<(E164, Difference)>> {
        self.intern_all_parts().await?;
        let rows: Vec<(i64, String)> = on!(self, |c| sqlx::query_as(DIFFERENCES)
            .bind(backend.name.as_str())
            .bind(tenant.as_str())
            .bind(backend.services.bits())
            .bind(after)
            .bind(limit)
            .fetch_all(c)
            .await)?;
        rows.into_iter()
            .map(|(number, kind)| {
                E164::from_i64(number)
                    .zip(Difference::from_key(&kind))
                    .ok_or_else(|| Error::unreadable("observed", "telephone_number", number))
            })
            .collect()
    }
}
