//! Comparing what a backend last said with what we say, a stretch of numbers at a time.
//!
//! A stretch is looked through without holding anybody up, and gives the few numbers whose drift is kept wrongly. Only
//! those are compared again by the transaction that writes.

use sqlx::FromRow;

use crate::domain::{BackendInfo, E164, TenantId};
use crate::store::sql::{on, statements};
use crate::store::{Error, Result, Tx};

/// How the backend `$1` with the services `$2` and we differ about each number of `$numbers`; those that do not differ are
/// left out. `$3` is 1 where enterprises consent to what the backend has.
///
/// Numbers that wait for the backend, or that it refused, are no drift. Those with a service of the backend that is not
/// synced are left alone while the same tenant has them there.
macro_rules! drifted {
    ($numbers:expr) => {
        concat!(
            "
            SELECT
                r.telephone_number, r.kind, r.account_id,
                CASE WHEN r.wanted = 2 THEN r.tenant_id ELSE y.tenant_id END AS tenant_id,
                y.tenant_id AS held_by,
                r.ours_id, h.settings_id AS theirs_id,
                CAST(CASE WHEN h.assigned THEN 1 ELSE 0 END AS BIGINT) AS assigned,
                r.country, h.seen_at
            FROM (
                SELECT
                    b.telephone_number, b.account_id, b.tenant_id, b.ours_id, b.country, b.list_id, b.wanted,
                    CASE
                        WHEN COALESCE(b.is_settled, 0) = 0 THEN NULL
                        WHEN b.wanted = 2 AND b.list_id IS NULL AND b.is_listed = 1 THEN 'only-here'
                        WHEN b.list_id IS NULL THEN NULL
                        WHEN b.wanted = 2 AND b.is_held = 0 THEN 'other-tenant'
                        WHEN b.wanted = 1 AND b.is_held = 1 THEN NULL
                        WHEN CAST($3 AS BIGINT) = 1 AND b.list_id IN (
                            SELECT q.id
                            FROM observed_lists q
                            JOIN consents c ON c.tenant_id = q.tenant_id
                            WHERE q.backend = $1 AND c.status IN ('suspended', 'removed')
                        ) THEN 'consent-withdrawn'
                        WHEN b.wanted < 2 THEN 'only-there'
                        WHEN b.is_equal = 0 THEN 'different'
                    END AS kind
                FROM (
                    SELECT
                        w.telephone_number, n.account_id, a.tenant_id, n.settings_id AS ours_id, n.country,
                        CASE
                            WHEN n.telephone_number IS NULL OR n.state = 'synced' THEN 1
                            WHEN n.state = 'failed' THEN (
                                SELECT 1
                                FROM errors e
                                WHERE e.id = n.error_id AND e.body LIKE '%\"NotAtBackend\"%'
                            )
                        END AS is_settled,
                        CASE
                            WHEN (a.services & a.synced & s.services & $2) <> 0 THEN 2
                            WHEN (s.services & $2) <> 0 THEN 1
                            ELSE 0
                        END AS wanted,
                        CASE WHEN l.listed_at IS NULL THEN 0 ELSE 1 END AS is_listed,
                        CASE WHEN COALESCE(k.push_key, s.push_key) IN (t.id, t.bare_id) THEN 1 ELSE 0 END AS is_equal,
                        CASE WHEN o.telephone_number IS NULL THEN 0 ELSE 1 END AS is_held,
                        CASE
                            WHEN o.telephone_number IS NOT NULL THEN o.list_id
                            ELSE (
                                SELECT x.list_id
                                FROM observed x
                                JOIN observed_lists z ON z.id = x.list_id
                                WHERE x.telephone_number = w.telephone_number AND z.backend = $1
                                ORDER BY x.seen_at DESC, x.list_id
                                LIMIT 1
                            )
                        END AS list_id
                    FROM (",
            $numbers,
            "
                    ) AS w
                    LEFT JOIN numbers n ON n.telephone_number = w.telephone_number
                    LEFT JOIN accounts a ON a.id = n.account_id
                    LEFT JOIN settings s ON s.id = n.settings_id
                    LEFT JOIN settings_services k
                      ON k.settings_id = n.settings_id AND k.service = (s.services & $2)
                    LEFT JOIN observed_lists l ON l.backend = $1 AND l.tenant_id = a.tenant_id
                    LEFT JOIN observed o ON o.list_id = l.id AND o.telephone_number = w.telephone_number
                    LEFT JOIN observed_settings t ON t.id = o.settings_id
                ) AS b
            ) AS r
            LEFT JOIN observed_lists y ON y.id = r.list_id
            LEFT JOIN observed h ON h.list_id = r.list_id AND h.telephone_number = r.telephone_number
            WHERE r.kind IS NOT NULL"
        )
    };
}

/// Those numbers whose drift is not kept as it is. What is kept is asked for as a value of each, which is looked up by its
/// key, however little is known of how much is kept.
macro_rules! unkept {
    ($numbers:expr) => {
        concat!(
            "
        SELECT v.telephone_number
        FROM (",
            drifted!($numbers),
            "
        ) AS v
        WHERE COALESCE((
            SELECT 1
            FROM drift d
            WHERE d.telephone_number = v.telephone_number
              AND d.backend = $1
              AND d.kind = v.kind
              AND COALESCE(d.account_id, 0) = COALESCE(v.account_id, 0)
              AND d.tenant_id = v.tenant_id
              AND COALESCE(d.held_by, '') = COALESCE(v.held_by, '')
              AND COALESCE(d.ours_id, 0) = COALESCE(v.ours_id, 0)
              AND COALESCE(d.theirs_id, 0) = COALESCE(v.theirs_id, 0)
              AND COALESCE(d.seen_at, 0) = COALESCE(v.seen_at, 0)
              AND CAST(CASE WHEN d.assigned THEN 1 ELSE 0 END AS BIGINT) = v.assigned
        ), 0) = 0"
        )
    };
}

macro_rules! of_account {
    () => {
        "
                        SELECT telephone_number
                        FROM numbers
                        WHERE account_id = $4 AND telephone_number > $5 AND telephone_number <= $6"
    };
}
/// Numbers of the list that no account of the list's tenant has.
macro_rules! of_list {
    () => {
        "
                        SELECT u.telephone_number
                        FROM observed u
                        JOIN observed_lists g ON g.id = u.list_id
                        LEFT JOIN numbers m ON m.telephone_number = u.telephone_number
                        LEFT JOIN accounts f ON f.id = m.account_id
                        WHERE u.list_id = $4
                          AND u.telephone_number > $5
                          AND u.telephone_number <= $6
                          AND COALESCE(f.tenant_id, '') <> g.tenant_id"
    };
}
macro_rules! of_kept {
    () => {
        "
                        SELECT telephone_number
                        FROM drift
                        WHERE tenant_id = $4
                          AND backend = $1
                          AND telephone_number > $5
                          AND telephone_number <= $6"
    };
}

statements! {
    ACCOUNTS = "SELECT id FROM accounts WHERE tenant_id = $1 ORDER BY id";
    LIST = "SELECT id FROM observed_lists WHERE backend = $1 AND tenant_id = $2";
    SYNCED_ONLY_HERE = "
        SELECT d.telephone_number
        FROM drift d
        LEFT JOIN numbers n ON n.telephone_number = d.telephone_number
        WHERE d.tenant_id = $1
          AND d.kind = 'only-here'
          AND d.telephone_number > $3
          AND d.backend = $2
          AND COALESCE(n.state, '') = 'synced'
        ORDER BY d.telephone_number
        LIMIT $4";
    BOUND_OF_ACCOUNT = "
        SELECT telephone_number
        FROM numbers
        WHERE account_id = $1 AND telephone_number > $2
        ORDER BY telephone_number
        LIMIT 1 OFFSET $3";
    BOUND_OF_LIST = "
        SELECT telephone_number
        FROM observed
        WHERE list_id = $1 AND telephone_number > $2
        ORDER BY telephone_number
        LIMIT 1 OFFSET $3";
    BOUND_OF_KEPT = "
        SELECT telephone_number
        FROM drift
        WHERE tenant_id = $1 AND telephone_number > $2
        ORDER BY telephone_number
        LIMIT 1 OFFSET $3";
    UNKEPT_OF_ACCOUNT = unkept!(of_account!());
    UNKEPT_OF_LIST = unkept!(of_list!());
    ENDED = concat!(
        "
        SELECT e.telephone_number
        FROM (", of_kept!(), "
        ) AS e
        WHERE e.telephone_number NOT IN (
            SELECT v.telephone_number
            FROM (", drifted!(of_kept!()), "
            ) AS v
        )"
    );
    DRIFTED_SQLITE = drifted!("
                        SELECT CAST(value AS BIGINT) AS telephone_number
                        FROM json_each($4)");
    DRIFTED_POSTGRES = drifted!("
                        SELECT CAST(value AS BIGINT) AS telephone_number
                        FROM json_array_elements_text(CAST($4 AS JSON))");
}

/// So many numbers are compared by one statement, which nobody waits for.
const AT_ONCE: i64 = 5_000;

/// What a tenant's numbers are looked through by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    /// The drift that is kept of it.
    Kept(TenantId),
    /// The numbers of one of its accounts.
    Account(i64),
    /// What the backend has for it.
    List(i64),
}

/// A stretch of numbers that was looked through.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// Numbers whose drift is not kept as it is.
    pub unkept: Vec<E164>,
    /// The number behind which to go on, until there is none.
    pub next: Option<i64>,
}

/// How a backend and we differ about one number.
#[derive(Clone, Debug, FromRow)]
pub(super) struct Drifted {
    pub(super) telephone_number: i64,
    pub(super) kind: String,
    pub(super) account_id: Option<i64>,
    pub(super) tenant_id: String,
    pub(super) held_by: Option<String>,
    pub(super) ours_id: Option<i64>,
    pub(super) theirs_id: Option<i64>,
    pub(super) assigned: i64,
    pub(super) country: Option<String>,
    pub(super) seen_at: Option<i64>,
}

/// Whether enterprises consent to what the backend has, as a value to bind.
pub(super) fn consented(backend: &BackendInfo) -> i64 {
    i64::from(backend.offers.consents)
}

impl Tx {
    /// By what a tenant's numbers are looked through.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn drift_compared(&mut self, backend: &BackendInfo, tenant: &TenantId) -> Result<Vec<Compared>> {
        let accounts: Vec<i64> = on!(self, |c| sqlx::query_scalar(ACCOUNTS).bind(tenant.as_str()).fetch_all(c).await)?;
        let list: Option<i64> = on!(self, |c| sqlx::query_scalar(LIST)
            .bind(backend.name.as_str())
            .bind(tenant.as_str())
            .fetch_optional(c)
            .await)?;
        let kept = std::iter::once(Compared::Kept(tenant.clone()));
        Ok(kept.chain(accounts.into_iter().map(Compared::Account)).chain(list.map(Compared::List)).collect())
    }

    /// Numbers of a tenant behind `after` that are called synced although the backend does not have them, some at a time.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn synced_only_here(&mut self, backend: &BackendInfo, tenant: &TenantId, after: i64) -> Result<Vec<i64>> {
        Ok(on!(self, |c| sqlx::query_scalar(SYNCED_ONLY_HERE)
            .bind(tenant.as_str())
            .bind(backend.name.as_str())
            .bind(after)
            .bind(AT_ONCE)
            .fetch_all(c)
            .await)?)
    }

    /// Looks through the next numbers behind `after`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn drift_stretch(&mut self, backend: &BackendInfo, of: &Compared, after: i64) -> Result<Stretch> {
        let (bound, unkept) = match of {
            Compared::Kept(_) => (BOUND_OF_KEPT, ENDED),
            Compared::Account(_) => (BOUND_OF_ACCOUNT, UNKEPT_OF_ACCOUNT),
            Compared::List(_) => (BOUND_OF_LIST, UNKEPT_OF_LIST),
        };
        macro_rules! bind_key {
            ($query:expr) => {
                match of {
                    Compared::Kept(tenant) => $query.bind(tenant.as_str()),
                    Compared::Account(id) | Compared::List(id) => $query.bind(*id),
                }
            };
        }
        let next: Option<i64> =
            on!(self, |c| bind_key!(sqlx::query_scalar(bound)).bind(after).bind(AT_ONCE - 1).fetch_optional(c).await)?;
        let found: Vec<i64> = on!(self, |c| bind_key!(
            sqlx::query_scalar(unkept)
                .bind(backend.name.as_str())
                .bind(backend.services.bits())
                .bind(consented(backend))
        )
        .bind(after)
        .bind(next.unwrap_or(i64::MAX))
        .fetch_all(c)
        .await)?;
        let unkept = found.into_iter().map(number).collect::<Result<_>>()?;
        Ok(Stretch { unkept, next })
    }
}

pub(super) fn number(value: i64) -> Result<E164> {
    E164::from_i64(value).ok_or_else(|| Error::unreadable("drift", "telephone_number", value))
}
