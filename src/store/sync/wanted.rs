//! Asking for work of the sync engine: at a time, or sooner where it is due sooner.

use time::{Duration, OffsetDateTime};

use super::work::{Lane, WorkId, WorkKind};
use crate::domain::{BackendInfo, Backends, TenantId};
use crate::store::sql::{Bind, Conditions, bind_all, dialect, on, statements};
use crate::store::{Result, Tx, micros};

/// A pull that somebody asked for is due so long before any that is merely scheduled.
const HEAD_START: Duration = Duration::days(30);

/// Wants pieces of work at a time, or sooner where they are due sooner, but not before the backend lets itself be asked.
macro_rules! wanted {
    ($rows:literal) => {
        concat!(
            "
        INSERT INTO work (backend, kind, key, next_at, set_at) ",
            $rows,
            "
        ON CONFLICT (backend, kind, key)
        DO UPDATE SET
            set_at = excluded.set_at,
            next_at = CASE
                WHEN work.next_at < excluded.next_at AND work.lease_until <> work.next_at THEN work.next_at
                WHEN work.not_before > excluded.set_at THEN work.not_before
                ELSE excluded.next_at
            END"
        )
    };
}

statements! {
    WANT = wanted!("VALUES ($1, $2, $3, $4, $5)");
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
    WANT_ACCOUNT = wanted!(
        "
        SELECT CAST($3 AS TEXT), 'account', CAST(a.id AS TEXT), CAST($2 AS BIGINT), CAST($2 AS BIGINT)
        FROM accounts a
        WHERE a.id = $1
          AND (
              (a.services & $4) <> 0
              OR EXISTS (SELECT 1 FROM number_parts p WHERE p.account_id = a.id AND p.backend = $3)
          )"
    );
    WANT_ACCOUNTS = wanted!(
        "
        SELECT CAST($3 AS TEXT), 'account', CAST(a.id AS TEXT), CAST($2 AS BIGINT), CAST($2 AS BIGINT)
        FROM (
            SELECT DISTINCT account_id
            FROM order_items
            WHERE order_id = $1
              AND state = 'pending'
        ) AS waiting
        JOIN accounts a ON a.id = waiting.account_id
        WHERE (a.services & $4) <> 0"
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
                  FROM number_parts p
                  WHERE p.account_id = a.id
                    AND p.backend = $1
                    AND p.state = 'pending'
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

/// When a piece of work is due that somebody asks for. A pull is asked for by somebody who waits for it, so it goes before
/// all that are only due again.
fn due(kind: WorkKind, when: OffsetDateTime) -> OffsetDateTime {
    match kind.lane() {
        Lane::Pushes => when,
        Lane::Pulls => when - HEAD_START,
    }
}

/// The statement that asks for a piece of work.
fn want(work: WorkId<'_>, when: OffsetDateTime) -> Conditions {
    let (next, when) = (Bind::Int(micros(due(work.kind, when))), Bind::Int(micros(when)));
    Conditions::whole(WANT, [work.backend.into(), work.kind.key().into(), work.key.into(), next, when])
}

/// The statement that asks for an account's numbers to be pushed to a backend, where the account has a service of it.
pub(in crate::store) fn want_account(account_id: i64, backend: &BackendInfo, when: OffsetDateTime) -> Conditions {
    Conditions::whole(WANT_ACCOUNT, of_accounts(account_id, backend, when))
}

/// The same for every account of an order that waits.
pub(in crate::store) fn want_accounts(order_id: i64, backend: &BackendInfo, when: OffsetDateTime) -> Conditions {
    Conditions::whole(WANT_ACCOUNTS, of_accounts(order_id, backend, when))
}

fn of_accounts(id: i64, backend: &BackendInfo, when: OffsetDateTime) -> [Bind; 4] {
    [Bind::Int(id), Bind::Int(micros(when)), backend.name.as_str().into(), Bind::Int(backend.services.bits())]
}

impl Tx {
    /// Asks for a piece of work to be done at this time or sooner.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn want_work(&mut self, work: WorkId<'_>, when: OffsetDateTime) -> Result<()> {
        let want = want(work, when);
        on!(self, |c| bind_all!(sqlx::query(want.sql()), want).execute(c).await.map(drop))?;
        Ok(())
    }

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

    /// Asks for an account's numbers to be pushed to each of these backends that it has a service of.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn want_account(&mut self, account_id: i64, backends: &Backends, when: OffsetDateTime) -> Result<()> {
        for backend in backends.iter() {
            let want = want_account(account_id, backend, when);
            on!(self, |c| bind_all!(sqlx::query(want.sql()), want).execute(c).await.map(drop))?;
        }
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
