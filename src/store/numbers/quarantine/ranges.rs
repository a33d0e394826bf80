//! Numbers in quarantine that stand in a row, on one line, however many there are.

use sqlx::FromRow;
use time::OffsetDateTime;

use super::{NumberColumn, QuarantineFilter, QuarantineTold, behind};
use crate::domain::E164;
use crate::store::numbers::stride::Strides;
use crate::store::sql::{Bind, Conditions, bind_all, on};
use crate::store::{Error, Page, Result, Tx, micros};

/// The rows of a window.
const WINDOW: i64 = 2_000;
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

/// The statement that folds the next numbers behind the page's key.
fn window(filter: &QuarantineFilter, page: Page<E164>, now: OffsetDateTime) -> Conditions {
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
    behind(&mut question, filter, page, now, WINDOW);
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

/// The statement that counts the numbers of a range between these two.
fn stride(
    filter: &QuarantineFilter,
    range: &QuarantineRange,
    (low, high): (i64, i64),
    now: OffsetDateTime,
) -> Conditions {
    let told = &range.told;
    let minute = told.free_at / MINUTE * MINUTE;
    let mut question = Conditions::default();
    question.push("SELECT CAST(COUNT(*) AS BIGINT)", []);
    question.push(super::FROM, [Bind::Int(micros(now))]);
    question.and("q.telephone_number BETWEEN ? AND ?", [Bind::Int(low), Bind::Int(high)]);
    question.and("q.holder_id = ?", [Bind::Int(range.holder_id)]);
    question.and("q.order_id = ?", [Bind::Int(told.order_id)]);
    question.and("q.country = ?", [told.country.as_str().into()]);
    question.and("q.free_at BETWEEN ? AND ?", [Bind::Int(minute), Bind::Int(minute + MINUTE - 1)]);
    filter.add_to(&mut question);
    question
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
        let mut place = page;
        let mut ranges: Vec<QuarantineRange> = Vec::new();
        while ranges.len() <= size {
            let question = window(filter, place, now);
            let mut found: Vec<QuarantineRange> =
                on!(self, |c| bind_all!(sqlx::query_as(question.sql()), question).fetch_all(c).await)?;
            let is_last = found.iter().map(|range| range.count).sum::<i64>() < WINDOW;
            let last = if is_last { None } else { found.pop() };
            ranges.extend(found);
            let Some(last) = last else { break };
            if ranges.len() > size {
                break;
            }
            let range = self.followed_quarantine(filter, last, now).await?;
            place = Page::After(range.last());
            ranges.push(range);
        }
        let beyond = ranges.len() > size;
        ranges.truncate(size);
        let next = ranges.last().map(QuarantineRange::last).filter(|_| beyond);
        Ok((ranges, next))
    }

    /// The range with what of it stands behind its window.
    async fn followed_quarantine(
        &mut self,
        filter: &QuarantineFilter,
        mut range: QuarantineRange,
        now: OffsetDateTime,
    ) -> Result<QuarantineRange> {
        let mut strides = Strides::from(range.last().as_i64(), true);
        while let Some(between) = strides.next() {
            let question = stride(filter, &range, between, now);
            strides.found(on!(self, |c| bind_all!(sqlx::query_scalar(question.sql()), question).fetch_one(c).await)?);
        }
        let end = strides.end();
        range.last =
            NumberColumn(E164::from_i64(end).ok_or_else(|| Error::unreadable("quarantine", "telephone_number", end))?);
        range.count = end - range.first().as_i64() + 1;
        Ok(range)
    }
}
