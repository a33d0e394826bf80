//! Free numbers in a row, found along keys.
//!
//! Whatever has so many free numbers in a row holds every so-manieth number, counted from anywhere. So only these are looked
//! at, and of the first that is free the ends of the free numbers around it: a look for each of the tables that take
//! numbers. What is asked of each is one row, as a value, so that no database can think of joining.

use time::OffsetDateTime;

use crate::domain::E164;
use crate::domain::block::free::Stretch;
use crate::store::sql::{dialect, on, statements};
use crate::store::{Result, Tx, micros};

/// The nearest number that is taken on one side of the one that is looked at, in each of the tables that take numbers.
macro_rules! edge {
    ($nearest:literal, $beyond:literal, $reserved:literal) => {
        concat!(
            "SELECT (
                            SELECT ",
            $nearest,
            "(n.telephone_number)
                            FROM numbers n
                            WHERE n.telephone_number ",
            $beyond,
            "
                        )
                        UNION ALL
                        SELECT (
                            SELECT ",
            $nearest,
            "(q.telephone_number)
                            FROM quarantine q
                            WHERE q.telephone_number ",
            $beyond,
            "
                              AND q.free_at > $4
                        )
                        UNION ALL
                        SELECT (
                            SELECT ",
            $nearest,
            "(o.telephone_number)
                            FROM observed o
                            WHERE o.telephone_number ",
            $beyond,
            "
                        )
                        UNION ALL
                        SELECT (
                            SELECT ",
            $nearest,
            $reserved,
            "
                              AND r.until > $4
                        )
                        UNION ALL
                        SELECT (
                            SELECT ",
            $nearest,
            "((
                                SELECT ",
            $nearest,
            "(i.telephone_number)
                                FROM order_items i
                                WHERE i.order_id = d.id
                                  AND i.telephone_number ",
            $beyond,
            "
                            ))
                            FROM orders d
                            WHERE d.status = 'draft'
                        )"
        )
    };
}

/// From number to number of those that are listed, so many at a time, while fewer than are looked for are missing
/// between two of them.
macro_rules! leap {
    ($number:literal, $listed:literal) => {
        concat!(
            "
        WITH RECURSIVE leap (first, further) AS (
            SELECT
                CAST($1 AS BIGINT),
                (
                    SELECT ",
            $number,
            "
                    FROM ",
            $listed,
            " >= $1
                    ORDER BY 1
                    LIMIT 1 OFFSET $2
                )
            UNION ALL
            SELECT
                l.further + 1,
                (
                    SELECT ",
            $number,
            "
                    FROM ",
            $listed,
            " > l.further
                    ORDER BY 1
                    LIMIT 1 OFFSET $2
                )
            FROM leap l
            WHERE l.further < $4
              AND l.further - l.first - $2 < $3
        )
        SELECT MAX(l.first)
        FROM leap l"
        )
    };
}

statements! {
    NEXT_FREE = concat!(
        "
        WITH RECURSIVE probe (number) AS (
            SELECT CAST($1 AS BIGINT) + CAST($3 AS BIGINT) - 1
            UNION ALL
            SELECT p.number + CAST($3 AS BIGINT)
            FROM probe p
            WHERE p.number + CAST($3 AS BIGINT) <= $2
        )
        SELECT w.low, w.high
        FROM (
            SELECT
                (
                    SELECT MAX(e.edge)
                    FROM (
                        SELECT CAST($1 AS BIGINT) - 1 AS edge
                        UNION ALL
                        ",
        edge!(
            "MAX",
            "BETWEEN $1 AND p.number - 1",
            "(r.last_number)
                            FROM reserved r
                            WHERE r.first_number < p.number"
        ),
        "
                    ) AS e
                ) + 1 AS low,
                (
                    SELECT MIN(e.edge)
                    FROM (
                        SELECT CAST($2 AS BIGINT) + 1 AS edge
                        UNION ALL
                        ",
        edge!(
            "MIN",
            "BETWEEN p.number + 1 AND $2",
            "(r.first_number)
                            FROM reserved r
                            WHERE r.first_number > p.number"
        ),
        "
                    ) AS e
                ) - 1 AS high
            FROM (
                SELECT p.number
                FROM probe p
                WHERE CASE
                    WHEN p.number > $2 THEN FALSE
                    WHEN (
                        SELECT n.telephone_number
                        FROM numbers n
                        WHERE n.telephone_number = p.number
                    ) IS NOT NULL THEN FALSE
                    WHEN (
                        SELECT MIN(o.telephone_number)
                        FROM observed o
                        WHERE o.telephone_number = p.number
                    ) IS NOT NULL THEN FALSE
                    WHEN (
                        SELECT q.telephone_number
                        FROM quarantine q
                        WHERE q.telephone_number = p.number
                          AND q.free_at > $4
                    ) IS NOT NULL THEN FALSE
                    WHEN (
                        SELECT MAX(r.last_number)
                        FROM reserved r
                        WHERE r.first_number <= p.number
                          AND r.last_number >= p.number
                          AND r.until > $4
                    ) IS NOT NULL THEN FALSE
                    WHEN (
                        SELECT MIN(i.order_id)
                        FROM order_items i
                        JOIN orders d ON d.id = i.order_id
                        WHERE i.telephone_number = p.number
                          AND d.status = 'draft'
                    ) IS NOT NULL THEN FALSE
                    ELSE TRUE
                END
                LIMIT 1000000000
            ) AS p
        ) AS w
        WHERE w.high - w.low + 1 >= $3
        LIMIT 1"
    );
    LEAP = leap!("n.telephone_number", "numbers n WHERE n.telephone_number");
    // The same in one step. A number may be in the lists of several tenants or backends.
    LEAP_THERE = "
        SELECT MAX(k.number), CAST(COUNT(DISTINCT k.number) AS BIGINT), CAST(COUNT(*) AS BIGINT)
        FROM (
            SELECT o.telephone_number AS number
            FROM observed o
            WHERE o.telephone_number BETWEEN $1 AND $2
            ORDER BY o.telephone_number
            LIMIT $3
        ) AS k";
    LEAP_QUARANTINE = leap!("q.telephone_number", "quarantine q WHERE q.free_at > $5 AND q.telephone_number");
}

/// For fewer numbers than these in a row what is held is passed over first: otherwise there would be many to look at. A
/// server walks along an index more slowly than it looks one number up.
const FEW: i64 = 256;
const FEW_ON_SERVER: i64 = 64;
/// So many numbers are passed over at a time; less where more than are looked for are missing among them.
const LEAPS: [i64; 4] = [65_536, 4_096, 256, 16];

impl Tx {
    /// The first free numbers in a row of a stretch, at least so many, with all that are free around them. Numbers that an
    /// account has, that are in quarantine, at a backend, reserved or in a draft are not free.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn next_free(&mut self, stretch: Stretch, count: i64, now: OffsetDateTime) -> Result<Option<Stretch>> {
        let (mut first, last) = (stretch.first.as_i64(), stretch.last.as_i64());
        if count < dialect!(self, sqlite: FEW, postgres: FEW_ON_SERVER) {
            first = self.behind_held(first, last, count, now).await?;
        }
        if last - first + 1 < count {
            return Ok(None);
        }
        let found: Option<(i64, i64)> = on!(self, |c| sqlx::query_as(NEXT_FREE)
            .bind(first)
            .bind(last)
            .bind(count)
            .bind(micros(now))
            .fetch_optional(c)
            .await)?;
        Ok(found.and_then(|(low, high)| Some(Stretch { first: E164::from_i64(low)?, last: E164::from_i64(high)? })))
    }

    /// The place from which on so many numbers in a row may be free: before it fewer than that are missing between numbers
    /// that accounts have, that are at a backend, or in quarantine.
    async fn behind_held(&mut self, mut first: i64, last: i64, count: i64, now: OffsetDateTime) -> Result<i64> {
        loop {
            let begun = first;
            for leap in LEAPS.into_iter().filter(|leap| *leap >= count) {
                let reached: Option<i64> = on!(self, |c| sqlx::query_scalar(LEAP)
                    .bind(first)
                    .bind(leap - 1)
                    .bind(count)
                    .bind(last)
                    .fetch_one(c)
                    .await)?;
                first = reached.unwrap_or(first);
                let reached: Option<i64> = on!(self, |c| sqlx::query_scalar(LEAP_QUARANTINE)
                    .bind(first)
                    .bind(leap - 1)
                    .bind(count)
                    .bind(last)
                    .bind(micros(now))
                    .fetch_one(c)
                    .await)?;
                first = self.behind_listed(reached.unwrap_or(first), last, (leap, count)).await?;
            }
            if first == begun || first > last {
                return Ok(first.min(last + 1));
            }
        }
    }

    /// The same of numbers that backends list, so many at a time.
    async fn behind_listed(&mut self, mut first: i64, last: i64, (leap, count): (i64, i64)) -> Result<i64> {
        loop {
            let (further, numbers, rows): (Option<i64>, i64, i64) =
                on!(self, |c| sqlx::query_as(LEAP_THERE).bind(first).bind(last).bind(leap).fetch_one(c).await)?;
            match further.filter(|further| rows == leap && further - first + 1 - numbers < count) {
                Some(further) => first = further + 1,
                None => return Ok(first),
            }
        }
    }
}
