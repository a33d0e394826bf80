//! What the numbers of a portal's upload are against what exists here and what the backends hold.
//!
//! A number that no backend holds costs one look for its key in `observed`; only where there is such a row is it compared.

use time::OffsetDateTime;

use super::compare::{leaves_tenant, upload_joins, upload_verdict};
use super::recheck::FlawedSettings;
use crate::domain::Backends;
use crate::store::sql::{dialect, on, statements};
use crate::store::{Result, Tx, micros};

/// The services of a staged number that a backend has to know; `$3` are those that backends provision.
macro_rules! pushed {
    () => {
        "a.services & a.synced & s.services & $3"
    };
}

/// What is said of a number that is not known to be held: its backend may not have been asked.
macro_rules! not_held {
    () => {
        concat!(
            "CASE
                        WHEN (",
            pushed!(),
            " & COALESCE(u.unseen, 0)) <> 0 THEN 'unknown'
                        ELSE 'absent'
                    END"
        )
    };
}

/// The services that the number gives up and that a backend has to know of, which takes it away there.
macro_rules! withdrawn {
    () => {
        "COALESCE((
                        SELECT z.services
                        FROM settings z
                        WHERE z.id = n.settings_id
                    ), 0) & a.services & a.synced & $3 & ~s.services"
    };
}

/// Whether a backend has to know of a number on the account that has it, and so can be asked to release it.
macro_rules! pushed_before {
    () => {
        "COALESCE((
                            SELECT f.services & f.synced & r.services & $3
                            FROM accounts f
                            CROSS JOIN settings r
                            WHERE f.id = n.account_id AND r.id = n.settings_id
                        ), 0) <> 0"
    };
}

/// What the backends hold of a staged number: `g` has a row for each backend that holds it, for whoever. Its code is 0 where
/// nothing changes for the backend, 1 where it holds what is wanted and we did not know, 2 where it holds what we know, 3
/// where it holds something else, 4 where another tenant has the number, and 5 where it is on its way out.
macro_rules! outside {
    ($backends:literal) => {
        concat!(
            "CASE
                    WHEN a.tenant_id IS NULL THEN NULL
                    WHEN (",
            pushed!(),
            ") = 0 THEN CASE
                        WHEN (",
            withdrawn!(),
            ") <> 0 THEN 'expected'
                    END
                    WHEN COALESCE((
                        SELECT 1
                        FROM observed o
                        WHERE o.telephone_number = i.telephone_number AND o.missing IS NULL
                        LIMIT 1
                    ), 0) = 0 THEN ",
            not_held!(),
            "
                    ELSE (
                        SELECT CASE
                            WHEN MAX(g.code) = 5 THEN 'leaving'
                            WHEN MAX(g.code) = 4 THEN 'other-tenant'
                            WHEN MAX(g.code) = 3 THEN 'different'
                            WHEN MAX(g.code) = 2 OR (",
            withdrawn!(),
            ") <> 0 THEN 'expected'
                            WHEN MAX(g.code) IS NULL OR COUNT(*) < (
                                SELECT COUNT(*)
                                FROM ",
            $backends,
            "
                                WHERE (",
            pushed!(),
            " & b.bits) <> 0
                            ) THEN ",
            not_held!(),
            "
                            WHEN n.push_id IS NOT NULL OR n.state = 'failed' THEN 'expected'
                            WHEN MAX(g.code) = 0 THEN 'same'
                            ELSE 'equal'
                        END
                        FROM (
                            SELECT
                                COALESCE(MAX(CASE
                                    WHEN y.tenant_id <> a.tenant_id THEN NULL
                                    WHEN t.leaving IS NOT NULL THEN 5
                                    WHEN COALESCE(k.push_key, s.push_key) IN (t.id, t.bare_id) THEN CASE
                                        WHEN n.state = 'synced'
                                          AND COALESCE(l.push_key, q.push_key) IN (t.id, t.bare_id) THEN 0
                                        ELSE 1
                                    END
                                    WHEN COALESCE(l.push_key, q.push_key) IN (t.id, t.bare_id) THEN 2
                                    ELSE 3
                                END), 4) AS code
                            FROM observed o
                            CROSS JOIN observed_lists y
                            CROSS JOIN ",
            $backends,
            "
                            LEFT JOIN observed_settings t ON t.id = o.settings_id
                            LEFT JOIN settings_services k ON k.settings_id = s.id AND k.service = (s.services & b.bits)
                            LEFT JOIN settings q ON q.id = n.settings_id
                            LEFT JOIN settings_services l ON l.settings_id = q.id AND l.service = (q.services & b.bits)
                            WHERE o.telephone_number = i.telephone_number
                              AND o.missing IS NULL
                              AND y.id = o.list_id
                              AND b.name = y.backend
                              AND (",
            pushed!(),
            " & b.bits) <> 0
                            GROUP BY b.name
                        ) AS g
                    )
                END"
        )
    };
}

/// What a number gets, and what it has.
macro_rules! given {
    () => {
        "(
                i.account_id, i.settings_id,
                CASE WHEN n.account_id = i.account_id THEN n.settings_id ELSE 0 END
            )"
    };
}

/// What is given to numbers and may not be any more: `$6` has the account, the settings, those that the number has on that
/// account or 0, and whether it is for an address.
macro_rules! not_to_be_given {
    ($flawed:literal, $of_address:literal) => {
        concat!(
            "
            WHEN CAST($6 AS TEXT) <> '[]' AND ",
            given!(),
            " IN (",
            $flawed,
            "
            ) THEN CASE
                WHEN ",
            given!(),
            " IN (",
            $flawed,
            $of_address,
            "
                ) THEN 'no-address'
                ELSE 'not-offered'
            END"
        )
    };
}

/// The cases of `$6` in each dialect.
macro_rules! flawed_sqlite {
    () => {
        not_to_be_given!(
            "
                SELECT
                    CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS BIGINT), CAST(value ->> 2 AS BIGINT)
                FROM json_each($6)",
            "
                WHERE CAST(value ->> 3 AS BIGINT) = 1"
        )
    };
}

macro_rules! flawed_postgres {
    () => {
        not_to_be_given!(
            "
                SELECT
                    CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS BIGINT), CAST(value ->> 2 AS BIGINT)
                FROM json_array_elements(CAST($6 AS JSON))",
            "
                WHERE CAST(value ->> 3 AS BIGINT) = 1"
        )
    };
}

/// Each staged number with its verdict as far as we alone know at the time `$5`, and what the backends hold of it.
macro_rules! looked_at {
    ($staged:literal, $backends:literal, $which:literal, $flawed:expr) => {
        concat!(
            "
                SELECT
                    i.order_id, i.telephone_number, n.state,
                    i.verdict AS was_verdict, i.base_rev AS was_rev, i.outside AS was_outside,
                    COALESCE(n.rev, 0) AS rev,
                    ",
            upload_verdict!($flawed),
            " AS verdict,
                    CASE
                        WHEN COALESCE(i.from_account_id, n.account_id) <> i.account_id AND ",
            leaves_tenant!(),
            " AND ",
            pushed_before!(),
            " THEN 'expected'
                        ELSE ",
            outside!($backends),
            "
                    END AS outside
                FROM ",
            $staged,
            " i",
            upload_joins!("$5"),
            "
                LEFT JOIN order_accounts u ON u.order_id = i.order_id AND u.account_id = i.account_id
                LEFT JOIN numbers n ON n.telephone_number = i.telephone_number",
            $which
        )
    };
}

/// The verdict that follows from both: what is as it was here but not there is sent again. What holds for most numbers stands
/// first.
macro_rules! both {
    () => {
        "
                SELECT
                    w.order_id, w.telephone_number, w.was_verdict, w.was_rev, w.was_outside, w.rev,
                    CASE
                        WHEN w.outside IS NULL OR (w.outside = 'absent' AND w.verdict = 'new') THEN w.verdict
                        WHEN w.verdict NOT IN ('new', 'changed', 'unchanged') THEN w.verdict
                        WHEN w.outside = 'other-tenant' THEN 'other-tenant'
                        WHEN w.outside = 'leaving' AND w.verdict <> 'unchanged' THEN 'leaving'
                        WHEN w.verdict = 'unchanged' AND w.state = 'synced' AND w.outside IN ('different', 'absent')
                          THEN 'changed'
                        ELSE w.verdict
                    END AS verdict,
                    CASE
                        WHEN w.outside IN ('absent', 'other-tenant', 'leaving') THEN NULL
                        WHEN w.verdict NOT IN ('new', 'changed', 'unchanged') THEN NULL
                        WHEN w.verdict = 'unchanged' AND NOT (w.state = 'synced' AND w.outside = 'different') THEN NULL
                        ELSE w.outside
                    END AS outside
                FROM w"
    };
}

/// What is written where something moved; what it was came along, so that no other item is looked up again. Where `$4` is not
/// 1, the rev that was reviewed stays, by which a submission proves itself.
macro_rules! write {
    () => {
        "
            SET verdict = c.verdict,
                base_rev = CASE WHEN CAST($4 AS BIGINT) = 1 THEN c.rev ELSE order_items.base_rev END,
                outside = c.outside
            FROM c
            WHERE order_items.order_id = c.order_id
              AND order_items.telephone_number = c.telephone_number
              AND (
                  c.was_verdict <> c.verdict
                  OR (CAST($4 AS BIGINT) = 1 AND c.was_rev <> c.rev)
                  OR COALESCE(c.was_outside, '') <> COALESCE(c.outside, '')
              )"
    };
}

/// The services whose backend could not be asked: its list was never read to the end, the last pull of it failed, or it is
/// older than `$3` and was read in part since. Where `$4` is not 1, one that could be asked for the review still counts as seen:
/// that changes nothing of what was shown.
macro_rules! unseen {
    ($backends:literal) => {
        concat!(
            "
            UPDATE order_accounts
            SET unseen = CASE
                WHEN CAST($4 AS BIGINT) = 1 THEN -1
                ELSE unseen
            END & COALESCE((
                SELECT CAST(SUM(b.bits) AS BIGINT)
                FROM accounts a
                CROSS JOIN ",
            $backends,
            "
                WHERE a.id = order_accounts.account_id
                  AND a.tenant_id IS NOT NULL
                  AND (a.services & a.synced & b.bits) <> 0
                  AND COALESCE((
                      SELECT CASE
                          WHEN l.listed_at IS NULL THEN 0
                          WHEN l.listed_at < $3 AND w.last_error IS NOT NULL THEN 0
                          WHEN w.last_error IS NOT NULL AND w.last_error_at > COALESCE(w.last_ok_at, 0) THEN 0
                          ELSE 1
                      END
                      FROM observed_lists l
                      LEFT JOIN work w ON w.backend = l.backend AND w.kind = 'numbers' AND w.key = l.tenant_id
                      WHERE l.backend = b.name AND l.tenant_id = a.tenant_id
                  ), 0) = 0
            ), 0)
            WHERE order_id = $1"
        )
    };
}

statements! {
    COMPARE_SQLITE = concat!(
        "
            WITH w AS MATERIALIZED (",
        looked_at!(
            "order_items",
            "(
                                    SELECT value ->> 0 AS name, CAST(value ->> 1 AS BIGINT) AS bits
                                    FROM json_each($2)
                                ) AS b",
            "
                WHERE i.order_id = $1",
            flawed_sqlite!()
        ),
        "
            ),
            c AS (",
        both!(),
        "
            )
            UPDATE order_items",
        write!()
    );
    COMPARE_POSTGRES = concat!(
        "
            WITH staged AS MATERIALIZED (
                SELECT
                    order_id, telephone_number, account_id, settings_id, from_account_id, verdict, base_rev, outside
                FROM order_items
                WHERE order_id = $1
            ),
            w AS MATERIALIZED (",
        looked_at!(
            "staged",
            "(
                SELECT value ->> 0 AS name, CAST(value ->> 1 AS BIGINT) AS bits
                FROM json_array_elements(CAST($2 AS JSON))
            ) AS b",
            "",
            flawed_postgres!()
        ),
        "
            ),
            c AS MATERIALIZED (",
        both!(),
        "
            )
            UPDATE order_items",
        write!()
    );
    UNSEEN_SQLITE = unseen!(
        "(
                                    SELECT value ->> 0 AS name, CAST(value ->> 1 AS BIGINT) AS bits
                                    FROM json_each($2)
                                ) AS b"
    );
    UNSEEN_POSTGRES = unseen!(
        "(
                    SELECT value ->> 0 AS name, CAST(value ->> 1 AS BIGINT) AS bits
                    FROM json_array_elements(CAST($2 AS JSON))
                ) AS b"
    );
    COMPARED = "UPDATE orders SET compared_at = $2 WHERE id = $1 AND status = 'draft'";
    COMPARED_AT = "SELECT compared_at FROM orders WHERE id = $1";
}

/// What a draft is compared with besides what is stored of numbers and accounts.
#[derive(Clone, Copy, Debug)]
pub struct ComparedWith<'a> {
    /// Which backend has to know of which services.
    pub backends: &'a Backends,
    /// A list of a backend that is older counts for nothing when its last pull did not go through.
    pub fresh_since: OffsetDateTime,
    /// Whether what exists now is what is reviewed from now on. At a submission it is not: that proves that nothing moved.
    pub is_reviewed_anew: bool,
    /// What the draft gives to numbers and may not any more.
    pub flawed: &'a [FlawedSettings],
    /// When it is compared.
    pub now: OffsetDateTime,
}

impl ComparedWith<'_> {
    /// The backends with the bits of their services, as one value to bind.
    fn bound(&self) -> String {
        let backends: Vec<(&str, i64)> =
            self.backends.iter().map(|backend| (backend.name.as_str(), backend.services.bits())).collect();
        serde_json::to_string(&backends).unwrap_or_default()
    }

    /// What may not be given, as one value to bind.
    fn refused(&self) -> String {
        let flawed: Vec<[i64; 4]> = self.flawed.iter().map(FlawedSettings::bound).collect();
        serde_json::to_string(&flawed).unwrap_or_default()
    }
}

impl Tx {
    /// Compares the staged numbers of an upload with what exists here and there; tells how many verdicts moved. For a review it
    /// has to be a draft still.
    pub(super) async fn compare_upload(&mut self, order_id: i64, with: ComparedWith<'_>) -> Result<u64> {
        if with.is_reviewed_anew && !self.begin_comparison(order_id, with.now).await? {
            return Ok(0);
        }
        self.intern_all_parts().await?;
        let (backends, provisioned) = (with.bound(), with.backends.provisioned().bits());
        let unseen = dialect!(self, sqlite: UNSEEN_SQLITE, postgres: UNSEEN_POSTGRES);
        on!(self, |c| sqlx::query(unseen)
            .bind(order_id)
            .bind(backends.as_str())
            .bind(micros(with.fresh_since))
            .bind(i64::from(with.is_reviewed_anew))
            .execute(c)
            .await
            .map(drop))?;
        let compare = dialect!(self, sqlite: COMPARE_SQLITE, postgres: COMPARE_POSTGRES);
        Ok(on!(self, |c| sqlx::query(compare)
            .bind(order_id)
            .bind(backends.as_str())
            .bind(provisioned)
            .bind(i64::from(with.is_reviewed_anew))
            .bind(micros(with.now))
            .bind(with.refused())
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?)
    }

    /// Notes that a draft is compared with what exists, and keeps everybody else from submitting it meanwhile. Tells whether it
    /// is a draft still.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn begin_comparison(&mut self, order_id: i64, now: OffsetDateTime) -> Result<bool> {
        Ok(on!(self, |c| sqlx::query(COMPARED)
            .bind(order_id)
            .bind(micros(now))
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?
            > 0)
    }

    /// When a draft was last compared with what exists.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn compared_at(&mut self, order_id: i64) -> Result<Option<OffsetDateTime>> {
        let at: Option<Option<i64>> =
            on!(self, |c| sqlx::query_scalar(COMPARED_AT).bind(order_id).fetch_optional(c).await)?;
        Ok(at.flatten().map(crate::store::at))
    }
}
