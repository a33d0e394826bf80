//! Numbers that are kept for a person for a while.

use sqlx::FromRow;
use time::OffsetDateTime;

use crate::domain::E164;
use crate::domain::block::free::Stretch;
use crate::store::sql::{on, statements};
use crate::store::{Error, Result, Tx, at, micros};

/// Reservations that meet a condition, with their ends, how many numbers they keep, and whether one of those was uploaded.
macro_rules! reservations {
    ($condition:literal) => {
        concat!(
            "
        SELECT
            v.id, v.account, v.author, v.author_id, v.numbers, v.until,
            (SELECT MIN(r.first_number) FROM reserved r WHERE r.reservation_id = v.id) AS first_number,
            (SELECT MAX(r.last_number) FROM reserved r WHERE r.reservation_id = v.id) AS last_number,
            CAST(COALESCE((
                SELECT 1
                FROM reserved r
                WHERE r.reservation_id = v.id
                  AND EXISTS (
                      SELECT 1
                      FROM numbers n
                      WHERE n.telephone_number BETWEEN r.first_number AND r.last_number
                  )
                LIMIT 1
            ), 0) AS BIGINT) AS used,
            COALESCE((
                SELECT CAST(SUM(r.last_number - r.first_number + 1) AS BIGINT)
                FROM reserved r
                WHERE r.reservation_id = v.id
            ), 0) AS kept
        FROM reservations v
        WHERE ",
            $condition
        )
    };
}

statements! {
    INSERT = "
        INSERT INTO reservations (id, account, author, author_id, numbers, made_at, until)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    LIVE = reservations!(
        "v.until > $1
        ORDER BY v.until, v.id
        LIMIT $2"
    );
    ONE = reservations!(
        "v.id = $1
          AND v.until > $2"
    );
    STRETCHES = "
        SELECT first_number, last_number
        FROM reserved
        WHERE reservation_id = $1
        ORDER BY first_number";
    OF_PERSON = "SELECT CAST(COUNT(*) AS BIGINT) FROM reservations WHERE until > $1 AND author_id = $2";
    BETWEEN = "
        SELECT first_number, last_number
        FROM reserved
        WHERE first_number <= $2
          AND last_number >= $1
          AND until > $3";
    FORGET_NUMBERS = "DELETE FROM reserved WHERE reservation_id = $1";
    FORGET = "DELETE FROM reservations WHERE id = $1";
    FORGET_USED_NUMBERS = "
        DELETE FROM reserved
        WHERE COALESCE((
            SELECT 1
            FROM order_items i
            WHERE i.order_id = $1
              AND i.telephone_number BETWEEN reserved.first_number AND reserved.last_number
            LIMIT 1
        ), 0) = 1
          AND (
              SELECT CAST(COUNT(*) AS BIGINT)
              FROM numbers n
              WHERE n.telephone_number BETWEEN reserved.first_number AND reserved.last_number
          ) = last_number - first_number + 1";
    FORGET_USED = "
        DELETE FROM reservations
        WHERE NOT EXISTS (
            SELECT 1
            FROM reserved r
            WHERE r.reservation_id = reservations.id
        )";
    SWEEP_NUMBERS = "
        DELETE FROM reserved
        WHERE reservation_id IN (
            SELECT v.id
            FROM reservations v
            WHERE v.until <= $1
            ORDER BY v.until, v.id
            LIMIT $2
        )";
    SWEEP = "
        DELETE FROM reservations
        WHERE id IN (
            SELECT v.id
            FROM reservations v
            WHERE v.until <= $1
            ORDER BY v.until, v.id
            LIMIT $2
        )";
}

/// Rows in one insert: four binds each.
const ROWS: usize = 2_000;

/// Numbers to be kept for a person.
#[derive(Clone, Copy, Debug)]
pub struct NewReservation<'a> {
    /// Its number.
    pub id: i64,
    /// Name of the account that shall get them.
    pub account: &'a str,
    /// Name of whoever keeps them.
    pub author: &'a str,
    /// Their stable identity.
    pub author_id: &'a str,
    /// The numbers.
    pub stretches: &'a [Stretch],
    /// When it is over.
    pub until: OffsetDateTime,
}

/// Numbers that are kept for a person.
#[derive(Clone, Debug, FromRow)]
pub struct Reservation {
    /// Its number.
    pub id: i64,
    /// Name of the account that shall get them.
    pub account: String,
    /// Name of whoever keeps them.
    pub author: String,
    /// Their stable identity.
    pub author_id: String,
    /// How many numbers.
    pub numbers: i64,
    until: i64,
    first_number: Option<i64>,
    last_number: Option<i64>,
    /// 1 where an account has some of what is kept.
    used: i64,
    /// How many numbers stand in its rows.
    kept: i64,
}

impl Reservation {
    /// When it is over.
    pub fn until(&self) -> OffsetDateTime {
        at(self.until)
    }

    /// From the first of its numbers to the last, between which there may be others.
    pub fn span(&self) -> Option<Stretch> {
        Some(Stretch { first: E164::from_i64(self.first_number?)?, last: E164::from_i64(self.last_number?)? })
    }

    /// Whether accounts have some of its numbers by now.
    pub const fn is_begun(&self) -> bool {
        self.used == 1 || self.kept < self.numbers
    }

    /// Whether its numbers are all in a row.
    pub fn is_in_a_row(&self) -> bool {
        self.span().is_some_and(|span| span.size() == self.numbers)
    }
}

fn stretch((first, last): (i64, i64)) -> Result<Stretch> {
    let number = |value| E164::from_i64(value).ok_or_else(|| Error::unreadable("reserved", "first_number", value));
    Ok(Stretch { first: number(first)?, last: number(last)? })
}

impl Tx {
    /// Keeps numbers for a person.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn reserve(&mut self, new: NewReservation<'_>, now: OffsetDateTime) -> Result<()> {
        let numbers: i64 = new.stretches.iter().map(|stretch| stretch.size()).sum();
        on!(self, |c| sqlx::query(INSERT)
            .bind(new.id)
            .bind(new.account)
            .bind(new.author)
            .bind(new.author_id)
            .bind(numbers)
            .bind(micros(now))
            .bind(micros(new.until))
            .execute(c)
            .await
            .map(drop))?;
        for chunk in new.stretches.chunks(ROWS) {
            on!(self, |c| {
                let mut insert =
                    sqlx::QueryBuilder::new("INSERT INTO reserved (first_number, last_number, reservation_id, until) ");
                insert.push_values(chunk, |mut row, stretch| {
                    row.push_bind(stretch.first.as_i64())
                        .push_bind(stretch.last.as_i64())
                        .push_bind(new.id)
                        .push_bind(micros(new.until));
                });
                insert.build().execute(c).await.map(drop)
            })?;
        }
        Ok(())
    }

    /// The reservations that are not over, the first to end first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn reservations(&mut self, now: OffsetDateTime, limit: i64) -> Result<Vec<Reservation>> {
        Ok(on!(self, |c| sqlx::query_as(LIVE).bind(micros(now)).bind(limit).fetch_all(c).await)?)
    }

    /// A reservation that is not over.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn reservation(&mut self, id: i64, now: OffsetDateTime) -> Result<Option<Reservation>> {
        Ok(on!(self, |c| sqlx::query_as(ONE).bind(id).bind(micros(now)).fetch_optional(c).await)?)
    }

    /// The numbers of a reservation.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn reserved_numbers(&mut self, id: i64) -> Result<Vec<Stretch>> {
        let rows: Vec<(i64, i64)> = on!(self, |c| sqlx::query_as(STRETCHES).bind(id).fetch_all(c).await)?;
        rows.into_iter().map(stretch).collect()
    }

    /// How many reservations of a person are not over.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn reservations_of(&mut self, author_id: &str, now: OffsetDateTime) -> Result<i64> {
        Ok(on!(self, |c| sqlx::query_scalar(OF_PERSON).bind(micros(now)).bind(author_id).fetch_one(c).await)?)
    }

    /// What is reserved of these numbers, with what goes on before and behind them.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn reserved_between(&mut self, span: Stretch, now: OffsetDateTime) -> Result<Vec<Stretch>> {
        let rows: Vec<(i64, i64)> = on!(self, |c| sqlx::query_as(BETWEEN)
            .bind(span.first.as_i64())
            .bind(span.last.as_i64())
            .bind(micros(now))
            .fetch_all(c)
            .await)?;
        rows.into_iter().map(stretch).collect()
    }

    /// Ends a reservation before its time.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn forget_reservation(&mut self, id: i64) -> Result<()> {
        for statement in [FORGET_NUMBERS, FORGET] {
            on!(self, |c| sqlx::query(statement).bind(id).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// Ends what is reserved of the numbers that an order has just given to accounts, and reservations that have none left.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn end_used_reservations(&mut self, order_id: i64) -> Result<()> {
        let ended = on!(self, |c| sqlx::query(FORGET_USED_NUMBERS)
            .bind(order_id)
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?;
        if ended > 0 {
            on!(self, |c| sqlx::query(FORGET_USED).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// Removes reservations that are over, up to so many; tells how many.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn sweep_reservations(&mut self, now: OffsetDateTime, limit: i64) -> Result<u64> {
        let mut swept = 0;
        for statement in [SWEEP_NUMBERS, SWEEP] {
            swept = on!(self, |c| sqlx::query(statement)
                .bind(micros(now))
                .bind(limit)
                .execute(c)
                .await
                .map(|done| done.rows_affected()))?;
        }
        Ok(swept)
    }
}
