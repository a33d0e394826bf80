//! Many pieces of work that are asked for by one statement.

use time::OffsetDateTime;

use super::work::{WorkKind, due, wanted};
use crate::domain::{BackendInfo, TenantId};
use crate::store::sql::{dialect, on, statements};
use crate::store::{Result, Tx, micros};

statements! {
    WANT_ALL_SQLITE = wanted!(
        "
        SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), value, CAST($4 AS BIGINT), CAST($5 AS BIGINT)
        FROM json_each($3)
        WHERE TRUE"
    );
    WANT_ALL_POSTGRES = wanted!(
        "
        SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), j.value, CAST($4 AS BIGINT), CAST($5 AS BIGINT)
        FROM json_array_elements_text(CAST($3 AS JSON)) AS j (value)"
    );
    WANT_ACCOUNTS_OF_TENANT = wanted!(
        "
        SELECT CAST($1 AS TEXT), 'account', CAST(a.id AS TEXT), CAST($2 AS BIGINT), CAST($2 AS BIGINT)
        FROM accounts a
        WHERE a.tenant_id = $3
          AND (a.services & $4) <> 0
          AND (
              EXISTS (
                  SELECT 1
                  FROM numbers n
                  WHERE n.state <> 'synced'
                    AND n.state IN ('pending', 'releasing')
                    AND n.account_id = a.id
              )
              OR EXISTS (
                  SELECT 1
                  FROM reconciles r
                  WHERE r.account_id = a.id
                    AND r.backend = $1
                    AND r.state IN ('comparing', 'held')
              )
          )"
    );
    WANT_NEW_TENANTS = "
        INSERT INTO work (backend, kind, key, next_at, set_at)
        SELECT $3, $1, c.tenant_id, $2, $2
        FROM consents c
        WHERE c.tenant_id NOT IN (
            SELECT w.key
            FROM work w
            WHERE w.backend = $3
              AND w.kind = $1
        )
          AND (c.status = 'active' OR CAST($4 AS BIGINT) = 0)
        ON CONFLICT (backend, kind, key) DO NOTHING";
}

impl Tx {
    /// Asks for many pieces of a kind of work to be done at this time or sooner.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn want_all_work(
        &mut self,
        backend: &str,
        kind: WorkKind,
        keys: &[&str],
        when: OffsetDateTime,
    ) -> Result<()> {
        let statement = dialect!(self, sqlite: WANT_ALL_SQLITE, postgres: WANT_ALL_POSTGRES);
        let keys = serde_json::to_string(keys).unwrap_or_default();
        on!(self, |c| sqlx::query(statement)
            .bind(backend)
            .bind(kind.key())
            .bind(keys)
            .bind(micros(due(kind, when)))
            .bind(micros(when))
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Asks for the numbers of every account of a tenant that waits for a backend to be pushed to it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn want_accounts_of_tenant(
        &mut self,
        backend: &BackendInfo,
        tenant: &TenantId,
        when: OffsetDateTime,
    ) -> Result<()> {
        on!(self, |c| sqlx::query(WANT_ACCOUNTS_OF_TENANT)
            .bind(backend.name.as_str())
            .bind(micros(when))
            .bind(tenant.as_str())
            .bind(backend.services.bits())
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Asks for this kind of work for every tenant that has none yet and whose consent stands, or for addresses was given.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn want_work_for_new_tenants(
        &mut self,
        backend: &str,
        kind: WorkKind,
        when: OffsetDateTime,
    ) -> Result<()> {
        on!(self, |c| sqlx::query(WANT_NEW_TENANTS)
            .bind(kind.key())
            .bind(micros(when))
            .bind(backend)
            .bind(i64::from(kind == WorkKind::Numbers))
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }
}
