//! Numbers in quarantine that stand in a row, on one line, however many there are.

use sqlx::FromRow;
use time::OffsetDateTime;

use super::{NumberColumn, QuarantineFilter, QuarantineTold, behind};
use crate::domain::E164;
use crate::store::numbers::fold::{Fold, Range, count};
use crate::store::sql::{Bind, Conditions};
use crate::store::{Page, Result, Tx, micros};

/// Numbers that go together are free again within the same minute.
const MINUTE: i64 = 60_000_000;

/// Numbers in a row that one order released from one account at one time.
#[derive(Clone, Debug, FromRow)]
pub struct QuarantineRange {
    #[sqlx(rename = "first_number", try_from = "i64")]
    first: NumberColumn,
    #[sqlx(rename = "last_number", try_from = "i64")]
    last: NumberColumn,
    /// How many.
    pub count: i64,
    holder_id: i64,
    /// What is told of each.
    #[sqlx(flatten)]
    pub told: QuarantineTold,
}

impl QuarantineRange {
    /// The first.
    pub const fn first(&self) -> E164 {
        self.first.0
    }

    /// The last.
    pub const fn last(&self) -> E164 {
        self.last.0
    }
}

/// Numbers in quarantine at a time that match.
struct Matching<'a> {
    filter: &'a QuarantineFilter,
    now: OffsetDateTime,
}

impl Fold for Matching<'_> {
    type Range = QuarantineRange;
    const WINDOW: i64 = 2_000;

    fn window(&self, page: Page<E164>, rows: i64) -> Conditions {
        let mut question = Conditions::default();
        question.push(
            concat!(
                "
            SELECT
                g.first_number, g.last_number, g.count, g.holder_id, g.country, g.order_id, g.released_at, g.free_at, ",
                holder!(),
                "
            FROM (
                SELECT
                    MIN(w.telephone_number) AS first_number, MAX(w.telephone_number) AS last_number,
                    CAST(COUNT(*) AS BIGINT) AS count, w.holder_id, w.country, w.order_id,
                    MAX(w.released_at) AS released_at, MAX(w.free_at) AS free_at
                FROM (
                    SELECT
                        k.*,
                        k.telephone_number - ROW_NUMBER() OVER (
                            PARTITION BY k.holder_id, k.country, k.order_id, k.minute
                            ORDER BY k.telephone_number
                        ) AS island
                    FROM (
                        SELECT
                            q.telephone_number, q.holder_id, q.country, q.order_id, q.released_at, q.free_at,
                            q.free_at / 60000000 AS minute"
            ),
            [],
        );
        behind(&mut question, self.filter, page, self.now, rows);
        question.push(
            concat!(
                "
                    ) AS k
                ) AS w
                GROUP BY w.holder_id, w.country, w.order_id, w.minute, w.island
            ) AS g",
                holder_joins!("g"),
                "
            ORDER BY g.first_number"
            ),
            [],
        );
        question
    }

    fn stride(&self, range: &QuarantineRange, (low, high): (i64, i64)) -> Conditions {
        let told = &range.told;
        let minute = told.free_at / MINUTE * MINUTE;
        let mut question = Conditions::default();
        question.push("SELECT CAST(COUNT(*) AS BIGINT)", []);
        question.push(super::FROM, [Bind::Int(micros(self.now))]);
        question.and("q.telephone_number BETWEEN ? AND ?", [Bind::Int(low), Bind::Int(high)]);
        question.and("q.holder_id = ?", [Bind::Int(range.holder_id)]);
        question.and("q.order_id = ?", [Bind::Int(told.order_id)]);
        question.and("q.country = ?", [told.country.as_str().into()]);
        question.and("q.free_at BETWEEN ? AND ?", [Bind::Int(minute), Bind::Int(minute + MINUTE - 1)]);
        self.filter.add_to(&mut question);
        question
    }
}

impl Range for QuarantineRange {
    type Row = Self;

    fn read(row: Self) -> Result<Self> {
        Ok(row)
    }

    fn ends(&self) -> (E164, E164) {
        (self.first(), self.last())
    }

    fn reach(&mut self, first: E164, last: E164) {
        (self.first, self.last) = (NumberColumn(first), NumberColumn(last));
        self.count = count(first, last);
    }
}

impl Tx {
    /// The next numbers in quarantine, folded into ranges, and the key behind which the next page starts.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn quarantine_ranges(
        &mut self,
        filter: &QuarantineFilter,
        page: Page<E164>,
        size: usize,
        now: OffsetDateTime,
    ) -> Result<(Vec<QuarantineRange>, Option<E164>)> {
        let (ranges, _, more) = self.folded(&Matching { filter, now }, page, size).await?;
        let next = ranges.last().map(QuarantineRange::last).filter(|_| more);
        Ok((ranges, next))
    }
}
