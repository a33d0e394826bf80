//! What blocks and reservations say of a draft's new numbers.

use sqlx::FromRow;
use time::OffsetDateTime;

use crate::domain::E164;
use crate::store::sql::{on, statements};
use crate::store::{Result, Tx, micros};

statements! {
    // Counted block by block along the order's key, so that no number is looked for among the blocks.
    INSIDE = "
        SELECT CAST(COALESCE(SUM((
            SELECT CAST(COUNT(*) AS BIGINT)
            FROM order_items i
            WHERE i.order_id = $1
              AND i.telephone_number BETWEEN b.first_number AND b.last_number
              AND i.verdict = 'new'
        )), 0) AS BIGINT)
        FROM blocks b";
    NEW = "
        SELECT CAST(COUNT(*) AS BIGINT)
        FROM order_items i
        WHERE i.order_id = $1
          AND i.verdict = 'new'";
    FIRST_OUTSIDE = "
        SELECT i.telephone_number
        FROM order_items i
        WHERE i.order_id = $1
          AND i.verdict = 'new'
          AND COALESCE((
              SELECT b.last_number
              FROM blocks b
              WHERE b.first_number <= i.telephone_number
              ORDER BY b.first_number DESC
              LIMIT 1
          ), 0) < i.telephone_number
        ORDER BY i.telephone_number
        LIMIT 1";
    RESERVED = "
        SELECT
            w.author, w.account, w.until, CAST(SUM(w.numbers) AS BIGINT) AS count,
            CAST(COUNT(*) OVER () AS BIGINT) AS kept,
            CAST(SUM(CAST(SUM(w.numbers) AS BIGINT)) OVER () AS BIGINT) AS numbers
        FROM (
            SELECT
                v.author, v.account, v.until,
                (
                    SELECT CAST(COUNT(*) AS BIGINT)
                    FROM order_items i
                    WHERE i.order_id = $1
                      AND i.telephone_number BETWEEN r.first_number AND r.last_number
                      AND i.verdict = 'new'
                ) AS numbers
            FROM reserved r
            JOIN reservations v ON v.id = r.reservation_id
            WHERE r.until > $2
              AND (
                  v.author_id <> (SELECT o.author_id FROM orders o WHERE o.id = $1)
                  OR v.account NOT IN (
                      SELECT a.name
                      FROM order_accounts u
                      JOIN accounts a ON a.id = u.account_id
                      WHERE u.order_id = $1
                  )
              )
        ) AS w
        WHERE w.numbers > 0
        GROUP BY w.author, w.account, w.until
        ORDER BY w.until
        LIMIT 10";
}

/// New numbers of a draft that somebody else keeps, or its author for another account.
#[derive(Clone, Debug)]
pub struct ReservedByOthers {
    /// Name of whoever keeps them.
    pub author: String,
    /// Name of the account that they are kept for.
    pub account: String,
    /// Until when.
    pub until: OffsetDateTime,
    /// How many.
    pub count: i64,
}

/// What others keep of a draft's new numbers, as far as it is told.
#[derive(Clone, Debug, Default)]
pub struct KeptByOthers {
    /// What ends first.
    pub shown: Vec<ReservedByOthers>,
    /// How many other persons, accounts and times there are.
    pub further: i64,
    /// With how many of the new numbers.
    pub numbers: i64,
}

#[derive(FromRow)]
struct Row {
    author: String,
    account: String,
    until: i64,
    count: i64,
    kept: i64,
    numbers: i64,
}

impl Tx {
    /// How many new numbers of a draft are in none of the blocks, and the first of them.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn outside_blocks(&mut self, order_id: i64) -> Result<Option<(i64, E164)>> {
        let inside: i64 = on!(self, |c| sqlx::query_scalar(INSIDE).bind(order_id).fetch_one(c).await)?;
        let all: i64 = on!(self, |c| sqlx::query_scalar(NEW).bind(order_id).fetch_one(c).await)?;
        if all <= inside {
            return Ok(None);
        }
        let first: Option<i64> =
            on!(self, |c| sqlx::query_scalar(FIRST_OUTSIDE).bind(order_id).fetch_optional(c).await)?;
        Ok(first.and_then(E164::from_i64).map(|first| (all - inside, first)))
    }

    /// Which new numbers of a draft others than its author keep.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn reserved_by_others(&mut self, order_id: i64, now: OffsetDateTime) -> Result<KeptByOthers> {
        let rows: Vec<Row> =
            on!(self, |c| sqlx::query_as(RESERVED).bind(order_id).bind(micros(now)).fetch_all(c).await)?;
        let (kept, numbers) = rows.first().map_or((0, 0), |row| (row.kept, row.numbers));
        let told: i64 = rows.iter().map(|row| row.count).sum();
        let read = |row: Row| ReservedByOthers {
            author: row.author,
            account: row.account,
            until: crate::store::at(row.until),
            count: row.count,
        };
        let shown: Vec<ReservedByOthers> = rows.into_iter().map(read).collect();
        Ok(KeptByOthers { further: kept - shown.len() as i64, numbers: numbers - told, shown })
    }
}
