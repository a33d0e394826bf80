//! Numbers of drafts that somebody let out of quarantine, and why.

use sqlx::FromRow;
use time::OffsetDateTime;

use crate::domain::E164;
use crate::store::numbers::in_list;
use crate::store::sql::{Bind, Conditions, bind_all, on, statements};
use crate::store::{Result, Tx, at, micros};

statements! {
    NEXT = "SELECT CAST(COALESCE(MAX(seq), 0) + 1 AS BIGINT) FROM quarantine_overrides WHERE order_id = $1";
    INSERT = "
        INSERT INTO quarantine_overrides (order_id, seq, reason, author, author_id, at, numbers)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    OF_ORDER = "
        SELECT reason, author, at, numbers
        FROM quarantine_overrides
        WHERE order_id = $1
        ORDER BY seq";
    RANGES = "
        SELECT MIN(w.telephone_number), MAX(w.telephone_number)
        FROM (
            SELECT o.telephone_number, o.telephone_number - ROW_NUMBER() OVER (ORDER BY o.telephone_number) AS island
            FROM quarantine_overridden o
            WHERE o.order_id = $1
              AND o.seq = (SELECT MAX(x.seq) FROM quarantine_overrides x WHERE x.order_id = $1)
        ) AS w
        GROUP BY w.island
        ORDER BY 1
        LIMIT $2";
    FORGET_NUMBERS = "DELETE FROM quarantine_overridden WHERE order_id = $1";
    FORGET = "DELETE FROM quarantine_overrides WHERE order_id = $1";
}

/// Who lets numbers of a draft out of quarantine, and why.
#[derive(Clone, Copy, Debug)]
pub struct NewOverride<'a> {
    /// The draft.
    pub order_id: i64,
    /// Those of its numbers that are meant; without them all that are in quarantine.
    pub numbers: Option<&'a [E164]>,
    /// Why.
    pub reason: &'a str,
    /// Name of whoever does it.
    pub author: &'a str,
    /// Their stable identity.
    pub author_id: &'a str,
}

/// Numbers of an order that were let out of quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Why.
    pub reason: String,
    /// Name of whoever did it.
    pub author: String,
    /// When.
    pub at: OffsetDateTime,
    /// How many numbers.
    pub numbers: i64,
}

#[derive(FromRow)]
struct Row {
    reason: String,
    author: String,
    at: i64,
    numbers: i64,
}

impl Tx {
    /// Lets numbers of a draft out of quarantine that its review refuses for it; tells how many there were.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn override_quarantine(&mut self, new: NewOverride<'_>, now: OffsetDateTime) -> Result<i64> {
        let NewOverride { order_id, numbers, reason, author, author_id } = new;
        let seq: i64 = on!(self, |c| sqlx::query_scalar(NEXT).bind(order_id).fetch_one(c).await)?;
        let all: &[E164] = &[];
        let chunks: Vec<&[E164]> = numbers.map_or_else(|| vec![all], |numbers| numbers.chunks(1_000).collect());
        let mut count = 0;
        for chunk in chunks {
            let mut insert = Conditions::default();
            insert.push(
                "
                INSERT INTO quarantine_overridden (order_id, telephone_number, seq)
                SELECT i.order_id, i.telephone_number, CAST(? AS BIGINT)
                FROM order_items i
                WHERE i.order_id = ?
                  AND i.verdict = 'quarantine'",
                [Bind::Int(seq), Bind::Int(order_id)],
            );
            if numbers.is_some() {
                in_list(&mut insert, " AND i.telephone_number IN (", chunk);
            }
            insert.push(" ON CONFLICT (order_id, telephone_number) DO NOTHING", []);
            count += on!(self, |c| bind_all!(sqlx::query(insert.sql()), insert)
                .execute(c)
                .await
                .map(|done| done.rows_affected()))? as i64;
        }
        if count > 0 {
            on!(self, |c| sqlx::query(INSERT)
                .bind(order_id)
                .bind(seq)
                .bind(reason)
                .bind(author)
                .bind(author_id)
                .bind(micros(now))
                .bind(count)
                .execute(c)
                .await
                .map(drop))?;
        }
        Ok(count)
    }

    /// What was let out of quarantine for an order, the earliest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn overrides(&mut self, order_id: i64) -> Result<Vec<Override>> {
        let rows: Vec<Row> = on!(self, |c| sqlx::query_as(OF_ORDER).bind(order_id).fetch_all(c).await)?;
        let read = |row: Row| Override { reason: row.reason, author: row.author, at: at(row.at), numbers: row.numbers };
        Ok(rows.into_iter().map(read).collect())
    }

    /// The numbers that were let out of quarantine last, as the first and last of each row of them.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn overridden_ranges(&mut self, order_id: i64, most: i64) -> Result<Vec<(E164, E164)>> {
        let rows: Vec<(i64, i64)> = on!(self, |c| sqlx::query_as(RANGES).bind(order_id).bind(most).fetch_all(c).await)?;
        Ok(rows.into_iter().filter_map(|(a, b)| Some((E164::from_i64(a)?, E164::from_i64(b)?))).collect())
    }

    /// Removes what was let out of quarantine for a draft that was given up.
    pub(super) async fn forget_overrides(&mut self, order_id: i64) -> Result<()> {
        for statement in [FORGET_NUMBERS, FORGET] {
            on!(self, |c| sqlx::query(statement).bind(order_id).execute(c).await.map(drop))?;
        }
        Ok(())
    }
}
