//! What the numbers of an order are against what exists: the verdicts of a review.

use time::OffsetDateTime;

use super::reality::ComparedWith;
use crate::domain::OrderKind;
use crate::store::sql::{Bind, dialect, on, statements};
use crate::store::{Result, Tx, micros};

/// What the review says of a number that nobody has and that is in quarantine (`q`, of the holder `h`): the account that had it may
/// take it back, one that was made anew for the same tenant under the same name too, and whoever was let have it.
macro_rules! quarantine_verdict {
    () => {
        "CASE
                WHEN q.holder_id = a.holder_id THEN 'new'
                WHEN h.name = a.name AND h.tenant_id = a.tenant_id THEN 'new'
                WHEN EXISTS (
                    SELECT 1
                    FROM quarantine_overridden o
                    WHERE o.order_id = i.order_id AND o.telephone_number = i.telephone_number
                ) THEN 'new'
                ELSE 'quarantine'
            END"
    };
}

/// Numbers that are in quarantine at the time that is this parameter of the statement.
macro_rules! quarantine_joins {
    ($at:literal) => {
        concat!(
            "
        LEFT JOIN quarantine q ON q.telephone_number = i.telephone_number AND q.free_at > ",
            $at,
            "
        LEFT JOIN holders h ON h.id = q.holder_id"
        )
    };
}

/// Whether a number goes from one account to another that is of another tenant; two accounts without a tenant may be anybody's.
macro_rules! other_tenant {
    ($from:literal, $to:literal, $tenant:literal) => {
        concat!(
            $from,
            " <> ",
            $to,
            "
            AND COALESCE((
                SELECT f.tenant_id
                FROM accounts f
                WHERE f.id = ",
            $from,
            "
            ), '') <> COALESCE(",
            $tenant,
            ", '-')"
        )
    };
}

/// Whether a number (`n`) goes to an account (`a`) of another tenant than that of the account that has it.
macro_rules! leaves_tenant {
    () => {
        $crate::store::orders::compare::other_tenant!("n.account_id", "a.id", "a.tenant_id")
    };
}

/// What the review says of a number that moves to another account.
macro_rules! move_verdict {
    () => {
        concat!(
            "CASE
                WHEN n.push_id IS NOT NULL THEN 'under-way'
                WHEN ",
            $crate::store::orders::compare::leaves_tenant!(),
            "
                AND COALESCE(q.holder_id, 0) <> COALESCE(a.holder_id, -1)
                AND COALESCE(
                    (SELECT p.period FROM quarantine_periods p WHERE p.country = n.country),
                    (SELECT d.period FROM quarantine_periods d WHERE d.country = ''),
                    0
                ) > 0 AND NOT EXISTS (
                    SELECT 1
                    FROM quarantine_overridden o
                    WHERE o.order_id = i.order_id AND o.telephone_number = i.telephone_number
                ) THEN 'quarantine'
                ELSE 'changed'
            END"
        )
    };
}

/// What the review says of a number that is to be uploaded; `i` is the staged number, the others what exists. One that a draft
/// changes or moves and nobody has any more is not made anew. Cases that stand before these may be given.
macro_rules! upload_verdict {
    ($before:expr) => {
        concat!(
            "CASE
            WHEN a.id IS NULL OR a.deleting THEN 'no-account'
            WHEN (s.services & ~a.services) <> 0 THEN 'no-service'",
            $before,
            "
            WHEN n.telephone_number IS NULL AND i.from_account_id IS NOT NULL THEN 'gone'
            WHEN n.telephone_number IS NULL AND q.telephone_number IS NULL THEN 'new'
            WHEN n.telephone_number IS NULL THEN ",
            $crate::store::orders::compare::quarantine_verdict!(),
            "
            WHEN n.state = 'releasing' THEN 'releasing'
            WHEN n.account_id <> i.account_id AND COALESCE(i.from_account_id, 0) <> n.account_id THEN 'other-account'
            WHEN n.account_id <> i.account_id THEN ",
            $crate::store::orders::compare::move_verdict!(),
            "
            WHEN n.settings_id = i.settings_id AND n.state <> 'failed' THEN 'unchanged'
            ELSE 'changed'
        END"
        )
    };
}

/// The same of a number that is to be released.
macro_rules! release_verdict {
    () => {
        "CASE
            WHEN n.telephone_number IS NULL OR n.account_id <> i.account_id THEN 'gone'
            WHEN n.state = 'releasing' THEN 'releasing'
            ELSE 'release'
        END"
    };
}

/// Compares in SQLite, which looks each number up by its key.
macro_rules! compare_sqlite {
    ($verdict:expr, $joins:expr) => {
        concat!(
            "
            UPDATE order_items
            SET verdict = c.verdict, base_rev = c.rev
            FROM (
                SELECT
                    i.telephone_number,
                    COALESCE(n.rev, 0) AS rev,
                    ",
            $verdict,
            " AS verdict
                FROM order_items i",
            $joins,
            "
                LEFT JOIN numbers n ON n.telephone_number = i.telephone_number
                WHERE i.order_id = $1
            ) AS c
            WHERE order_items.order_id = $1
              AND order_items.telephone_number = c.telephone_number
              AND (order_items.verdict <> c.verdict OR order_items.base_rev <> c.rev)"
        )
    };
}

/// Compares in PostgreSQL, whose statistics do not know the order. What is staged is read first, and the order's number is
/// taken from there, so that there is no other way to an item than its whole key.
macro_rules! compare_postgres {
    ($verdict:expr, $joins:expr) => {
        concat!(
            "
            WITH staged AS MATERIALIZED (
                SELECT order_id, telephone_number, account_id, settings_id, from_account_id
                FROM order_items
                WHERE order_id = $1
            ),
            c AS MATERIALIZED (
                SELECT
                    i.order_id, i.telephone_number,
                    COALESCE(n.rev, 0) AS rev,
                    ",
            $verdict,
            " AS verdict
                FROM staged i",
            $joins,
            "
                LEFT JOIN numbers n ON n.telephone_number = i.telephone_number
            )
            UPDATE order_items
            SET verdict = c.verdict, base_rev = c.rev
            FROM c
            WHERE order_items.order_id = c.order_id
              AND order_items.telephone_number = c.telephone_number
              AND (order_items.verdict <> c.verdict OR order_items.base_rev <> c.rev)"
        )
    };
}

/// What else an upload is compared with at a time. The settings are there; LEFT says that the staged number comes first.
macro_rules! upload_joins {
    ($at:literal) => {
        concat!(
            "
        LEFT JOIN settings s ON s.id = i.settings_id
        LEFT JOIN accounts a ON a.id = i.account_id",
            $crate::store::orders::compare::quarantine_joins!($at)
        )
    };
}

pub(super) use {
    leaves_tenant, move_verdict, other_tenant, quarantine_joins, quarantine_verdict, upload_joins, upload_verdict,
};

statements! {
    // An order that needs no review is compared with what exists here.
    COMPARE_SQLITE = compare_sqlite!(upload_verdict!(""), upload_joins!("$2"));
    COMPARE_POSTGRES = compare_postgres!(upload_verdict!(""), upload_joins!("$2"));
    COMPARE_RELEASE_SQLITE = compare_sqlite!(release_verdict!(), "");
    COMPARE_RELEASE_POSTGRES = compare_postgres!(release_verdict!(), "");
}

/// The time that numbers must be in quarantine after; without one they never are.
pub(super) fn quarantine_at(at: Option<OffsetDateTime>) -> Bind {
    Bind::Int(at.map_or(i64::MAX, micros))
}

impl Tx {
    /// Compares the staged numbers with what exists and records the verdicts; tells how many verdicts moved.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn compare_items(&mut self, order_id: i64, kind: OrderKind, with: ComparedWith<'_>) -> Result<u64> {
        if kind == OrderKind::Upload {
            return self.compare_upload(order_id, with).await;
        }
        let statement = dialect!(self, sqlite: COMPARE_RELEASE_SQLITE, postgres: COMPARE_RELEASE_POSTGRES);
        Ok(on!(self, |c| sqlx::query(statement).bind(order_id).execute(c).await.map(|done| done.rows_affected()))?)
    }
}
