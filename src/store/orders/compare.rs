//! What the numbers of an order are against what exists: the verdicts of a review.

use time::OffsetDateTime;

use crate::domain::OrderKind;
use crate::store::sql::{Bind, Conditions, bind_all, dialect, on, statements};
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

pub(super) use {quarantine_joins, quarantine_verdict};

/// What the review says of a number that is to be uploaded; `i` is the staged number, the others what exists.
macro_rules! upload_verdict {
    () => {
        concat!(
            "CASE
            WHEN a.id IS NULL OR a.deleting THEN 'no-account'
            WHEN (s.services & ~a.services) <> 0 THEN 'no-service'
            WHEN n.telephone_number IS NULL AND q.telephone_number IS NULL THEN 'new'
            WHEN n.telephone_number IS NULL THEN ",
            $crate::store::orders::compare::quarantine_verdict!(),
            "
            WHEN n.state = 'releasing' THEN 'releasing'
            WHEN n.account_id <> i.account_id THEN 'other-account'
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
                SELECT order_id, telephone_number, account_id, settings_id
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

/// What else an upload is compared with. The settings are there; LEFT says that the staged number comes first.
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

statements! {
    COMPARE_SQLITE = compare_sqlite!(upload_verdict!(), upload_joins!("$2"));
    COMPARE_POSTGRES = compare_postgres!(upload_verdict!(), upload_joins!("$2"));
    // What was new at the review, and is not to be had any more.
    ENTERED = concat!("
        SELECT CAST(COUNT(*) AS BIGINT)
        FROM order_items i
        JOIN accounts a ON a.id = i.account_id", quarantine_joins!("$2"), "
        WHERE i.order_id = $1
          AND i.verdict = 'new'
          AND q.telephone_number IS NOT NULL
          AND ", quarantine_verdict!(), " = 'quarantine'");
    // Whether any number was released since the order was staged.
    RELEASED_SINCE = "
        SELECT CAST(CASE
            WHEN EXISTS (
                SELECT 1
                FROM quarantine q
                WHERE q.released_at >= (SELECT o.created_at FROM orders o WHERE o.id = $1)
            ) THEN 1
            ELSE 0
        END AS BIGINT)";
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
    pub async fn compare_items(&mut self, order_id: i64, kind: OrderKind, now: OffsetDateTime) -> Result<u64> {
        let order = Bind::Int(order_id);
        let compare = match kind {
            OrderKind::Upload => {
                let statement = dialect!(self, sqlite: COMPARE_SQLITE, postgres: COMPARE_POSTGRES);
                Conditions::whole(statement, [order, quarantine_at(Some(now))])
            }
            OrderKind::Release => {
                let statement = dialect!(self, sqlite: COMPARE_RELEASE_SQLITE, postgres: COMPARE_RELEASE_POSTGRES);
                Conditions::whole(statement, [order])
            }
        };
        Ok(on!(self, |c| bind_all!(sqlx::query(compare.sql()), compare)
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?)
    }

    /// Whether numbers of a draft that were new at its review are in quarantine by now.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn entered_quarantine(&mut self, order_id: i64, now: OffsetDateTime) -> Result<bool> {
        let released: i64 = on!(self, |c| sqlx::query_scalar(RELEASED_SINCE).bind(order_id).fetch_one(c).await)?;
        if released == 0 {
            return Ok(false);
        }
        let entered: i64 =
            on!(self, |c| sqlx::query_scalar(ENTERED).bind(order_id).bind(micros(now)).fetch_one(c).await)?;
        Ok(entered > 0)
    }
}
