//! The lists of the backends that a draft rests on, however many enterprises it is about: how old each is, and how its pull
//! stands.

use sqlx::FromRow;
use time::OffsetDateTime;

use super::theirs::tenant;
use crate::domain::{BackendInfo, TenantId};
use crate::store::sql::{dialect, on, statements};
use crate::store::sync::shown::StoredWork;
use crate::store::{Result, Tx, WorkKind, WorkRow, at, micros};

/// How the lists of some tenants stand. The length of one is only looked up where it decides whether it is pulled by itself.
macro_rules! lists {
    ($tenants:literal) => {
        concat!(
            "
        SELECT
            t.tenant_id, c.company, l.listed_at,
            CASE
                WHEN l.id IS NULL OR COALESCE(l.listed_at, 0) >= $3 THEN 0
                WHEN w.lease_until > $4 OR w.next_at <= $4 THEN 0
                ELSE (
                    SELECT CAST(COUNT(*) AS BIGINT)
                    FROM (SELECT 1 FROM observed o WHERE o.list_id = l.id LIMIT $5) AS first
                )
            END AS size,
            w.next_at, w.set_at, w.attempt, w.lease_until, w.last_ok_at, w.last_error, w.last_error_at
        FROM ",
            $tenants,
            "
        LEFT JOIN observed_lists l ON l.backend = $1 AND l.tenant_id = t.tenant_id
        LEFT JOIN work w ON w.backend = $1 AND w.kind = 'numbers' AND w.key = t.tenant_id
        LEFT JOIN consents c ON c.tenant_id = t.tenant_id
        ORDER BY t.tenant_id"
        )
    };
}

statements! {
    // LEFT and COALESCE say that the order's numbers come first, and that the rest is looked up by its keys.
    TENANTS = "
        SELECT t.tenant_id, MIN(t.holds)
        FROM (
            SELECT a.tenant_id, CAST(0 AS BIGINT) AS holds
            FROM order_accounts u
            LEFT JOIN accounts a ON a.id = u.account_id
            WHERE u.order_id = $1
              AND COALESCE(a.tenant_id, '') > $4
              AND (a.services & a.synced & $3) <> 0
            UNION ALL
            SELECT l.tenant_id, CAST(1 AS BIGINT)
            FROM order_items i
            LEFT JOIN accounts a ON a.id = i.account_id
            LEFT JOIN observed o ON o.telephone_number = i.telephone_number AND o.missing IS NULL
            LEFT JOIN observed_lists l ON l.id = o.list_id
            WHERE i.order_id = $1
              AND i.verdict = 'other-tenant'
              AND COALESCE(l.backend, '') = $2
              AND COALESCE(l.tenant_id, '') > $4
              AND COALESCE(l.tenant_id, '') <> COALESCE(a.tenant_id, '')
        ) AS t
        GROUP BY t.tenant_id
        ORDER BY t.tenant_id
        LIMIT $5";
    LISTS_SQLITE = lists!("(SELECT value AS tenant_id FROM json_each($2)) AS t");
    LISTS_POSTGRES = lists!("json_array_elements_text(CAST($2 AS JSON)) AS t (tenant_id)");
    LOOK_FIRST = "
        UPDATE observed_lists
        SET looked_at = NULL, looked_until = NULL
        WHERE backend = $2
          AND tenant_id IN (
              SELECT a.tenant_id
              FROM order_accounts u
              JOIN accounts a ON a.id = u.account_id
              WHERE u.order_id = $1
                AND a.tenant_id IS NOT NULL
                AND (a.services & a.synced & $3) <> 0
          )";
}

/// A tenant whose list a draft rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantOfOrder {
    /// The tenant.
    pub tenant: TenantId,
    /// Whether it is none of the order's accounts', and holds numbers of the order.
    pub is_holder: bool,
}

/// Which lists are asked about, and what is told of them.
#[derive(Clone, Copy, Debug)]
pub struct ListsWanted<'a> {
    /// Name of the backend.
    pub backend: &'a str,
    /// Whose lists.
    pub tenants: &'a [TenantOfOrder],
    /// The length is told of those that were read before this.
    pub fresh_since: OffsetDateTime,
    /// And up to this.
    pub most: i64,
}

/// How a backend's list of a tenant's numbers stands.
#[derive(Clone, Debug)]
pub struct ListState {
    /// The tenant.
    pub tenant: TenantId,
    /// The enterprise's name, where a consent tells it.
    pub company: Option<String>,
    /// When the list was last read to its end.
    pub as_of: Option<OffsetDateTime>,
    /// How long it is, up to what was asked for; nothing of one that is fresh or being pulled.
    pub size: i64,
    /// How its pull stands.
    pub work: Option<WorkRow>,
}

#[derive(FromRow)]
struct Row {
    tenant_id: String,
    company: Option<String>,
    listed_at: Option<i64>,
    size: i64,
    next_at: Option<i64>,
    set_at: Option<i64>,
    attempt: Option<i64>,
    lease_until: Option<i64>,
    last_ok_at: Option<i64>,
    last_error: Option<String>,
    last_error_at: Option<i64>,
}

impl Row {
    fn state(self, now: OffsetDateTime) -> Result<ListState> {
        let work = match (self.next_at, self.set_at, self.attempt, self.lease_until) {
            (Some(next_at), Some(set_at), Some(attempt), Some(lease_until)) => Some(StoredWork {
                kind: WorkKind::Numbers.key().to_owned(),
                key: self.tenant_id.clone(),
                next_at,
                set_at,
                attempt,
                lease_until,
                last_ok_at: self.last_ok_at,
                last_error: self.last_error,
                last_error_at: self.last_error_at,
            }),
            _ => None,
        };
        Ok(ListState {
            tenant: tenant(&self.tenant_id)?,
            company: self.company.filter(|name| !name.is_empty()),
            as_of: self.listed_at.map(at),
            size: self.size,
            work: work.map(|work| work.shown(now)).transpose()?,
        })
    }
}

impl Tx {
    /// The tenants behind `after` whose lists at a backend a draft rests on, `limit` of them: those of its accounts, and others
    /// that hold its numbers.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn tenants_of_order(
        &mut self,
        order_id: i64,
        backend: &BackendInfo,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantOfOrder>> {
        let rows: Vec<(String, i64)> = on!(self, |c| sqlx::query_as(TENANTS)
            .bind(order_id)
            .bind(backend.name.as_str())
            .bind(backend.services.bits())
            .bind(after.map(TenantId::as_str).unwrap_or_default())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(c)
            .await)?;
        rows.into_iter().map(|(id, holds)| Ok(TenantOfOrder { tenant: tenant(&id)?, is_holder: holds == 1 })).collect()
    }

    /// How these lists stand, in the order of the tenants.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn list_states(&mut self, wanted: ListsWanted<'_>, now: OffsetDateTime) -> Result<Vec<ListState>> {
        let statement = dialect!(self, sqlite: LISTS_SQLITE, postgres: LISTS_POSTGRES);
        let tenants: Vec<&str> = wanted.tenants.iter().map(|one| one.tenant.as_str()).collect();
        let tenants = serde_json::to_string(&tenants).unwrap_or_default();
        let rows: Vec<Row> = on!(self, |c| sqlx::query_as(statement)
            .bind(wanted.backend)
            .bind(tenants)
            .bind(micros(wanted.fresh_since))
            .bind(micros(now))
            .bind(wanted.most)
            .fetch_all(c)
            .await)?;
        rows.into_iter().map(|row| row.state(now)).collect()
    }

    /// Lets nothing of an order go to a backend before that was asked what it holds for the tenants.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn look_first(&mut self, order_id: i64, backend: &BackendInfo) -> Result<()> {
        on!(self, |c| sqlx::query(LOOK_FIRST)
            .bind(order_id)
            .bind(backend.name.as_str())
            .bind(backend.services.bits())
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }
}
