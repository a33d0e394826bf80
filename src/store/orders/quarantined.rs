//! The numbers of a draft that are refused for quarantine, those in a row on one line, however many there are.

use time::OffsetDateTime;

use super::items::{add_page, number};
use crate::domain::E164;
use crate::store::numbers::fold::{Fold, Range, count};
use crate::store::sql::{Bind, Conditions};
use crate::store::{Page, Result, Tx, at};

/// Numbers that go together are free again within the same minute.
const MINUTE: i64 = 60_000_000;

/// Numbers of a draft in a row that are refused for the same quarantine.
#[derive(Clone, Debug)]
pub struct QuarantinedRange {
    /// The first.
    pub first: E164,
    /// The last.
    pub last: E164,
    /// How many.
    pub count: i64,
    /// The account they are for.
    pub account: Option<String>,
    /// The account that had them, by the name that it had.
    pub had_it: Option<String>,
    /// Until when.
    pub until: OffsetDateTime,
    /// Whether the account has them still and they are to move.
    pub leaves: bool,
}

/// What the numbers of a range have in common; what is missing counts as 0 or as an empty text.
struct Alike {
    account: i64,
    holder: i64,
    from: i64,
    country: String,
    minute: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    first: i64,
    last: i64,
    account_id: i64,
    account: Option<String>,
    holder_id: i64,
    holder: Option<String>,
    from_id: i64,
    from_account: Option<String>,
    country: String,
    minute: i64,
    free_at: i64,
    /// When they would be free if they left their account now.
    leaves_until: i64,
}

struct Folded {
    range: QuarantinedRange,
    alike: Alike,
}

impl Range for Folded {
    type Row = Row;

    fn read(row: Row) -> Result<Self> {
        let is_held = row.free_at == 0;
        let range = QuarantinedRange {
            first: number(row.first)?,
            last: number(row.last)?,
            count: row.last - row.first + 1,
            account: row.account,
            had_it: if is_held { row.from_account } else { row.holder },
            until: at(if is_held { row.leaves_until } else { row.free_at }),
            leaves: is_held && row.from_id != 0,
        };
        let alike = Alike {
            account: row.account_id,
            holder: row.holder_id,
            from: row.from_id,
            country: row.country,
            minute: row.minute,
        };
        Ok(Self { range, alike })
    }

    fn ends(&self) -> (E164, E164) {
        (self.range.first, self.range.last)
    }

    fn reach(&mut self, first: E164, last: E164) {
        (self.range.first, self.range.last) = (first, last);
        self.range.count = count(first, last);
    }
}

/// Those of one draft.
struct Quarantined(i64);

const FROM: &str = "
                    FROM order_items i
                    LEFT JOIN quarantine q ON q.telephone_number = i.telephone_number
                    WHERE i.order_id = ?
                      AND i.verdict = 'quarantine'";

impl Fold for Quarantined {
    type Range = Folded;
    const WINDOW: i64 = 1_000;

    fn window(&self, page: Page<E164>, rows: i64) -> Conditions {
        let mut question = Conditions::default();
        question.push(
            "
        SELECT
            g.first, g.last, g.account_id, a.name AS account, g.holder_id, h.name AS holder, g.from_id,
            f.name AS from_account, g.country, g.minute, g.free_at,
            CAST(COALESCE((SELECT o.created_at FROM orders o WHERE o.id = ?), 0) + COALESCE(
                (SELECT p.period FROM quarantine_periods p WHERE p.country = g.country),
                (SELECT d.period FROM quarantine_periods d WHERE d.country = ''),
                0
            ) AS BIGINT) AS leaves_until
        FROM (
            SELECT
                MIN(w.telephone_number) AS first, MAX(w.telephone_number) AS last, MAX(w.free_at) AS free_at,
                w.account_id, w.holder_id, w.from_id, w.country, w.minute
            FROM (
                SELECT
                    k.*,
                    k.telephone_number - ROW_NUMBER() OVER (
                        PARTITION BY k.account_id, k.holder_id, k.from_id, k.country, k.minute
                        ORDER BY k.telephone_number
                    ) AS island
                FROM (
                    SELECT
                        i.telephone_number, i.account_id, COALESCE(q.holder_id, 0) AS holder_id,
                        COALESCE(i.from_account_id, 0) AS from_id, COALESCE(i.country, '') AS country,
                        COALESCE(q.free_at, 0) AS free_at, COALESCE(q.free_at, 0) / 60000000 AS minute",
            [Bind::Int(self.0)],
        );
        question.push(FROM, [Bind::Int(self.0)]);
        add_page(&mut question, page);
        question.push(
            "
                    LIMIT ?
                ) AS k
            ) AS w
            GROUP BY w.account_id, w.holder_id, w.from_id, w.country, w.minute, w.island
        ) AS g
        LEFT JOIN accounts a ON a.id = g.account_id
        LEFT JOIN accounts f ON f.id = g.from_id
        LEFT JOIN holders h ON h.id = g.holder_id
        ORDER BY g.first",
            [Bind::Int(rows)],
        );
        question
    }

    fn stride(&self, Folded { alike, .. }: &Folded, (low, high): (i64, i64)) -> Conditions {
        let from = alike.minute * MINUTE;
        let mut question = Conditions::default();
        question.push("SELECT CAST(COUNT(*) AS BIGINT)", []).push(FROM, [Bind::Int(self.0)]).push(
            "
          AND i.telephone_number BETWEEN ? AND ?
          AND i.account_id = ?
          AND COALESCE(q.holder_id, 0) = ?
          AND COALESCE(i.from_account_id, 0) = ?
          AND COALESCE(i.country, '') = ?
          AND COALESCE(q.free_at, 0) BETWEEN ? AND ?",
            [
                Bind::Int(low),
                Bind::Int(high),
                Bind::Int(alike.account),
                Bind::Int(alike.holder),
                Bind::Int(alike.from),
                alike.country.as_str().into(),
                Bind::Int(from),
                Bind::Int(from + MINUTE - 1),
            ],
        );
        question
    }
}

impl Tx {
    /// The first ranges of a draft's numbers that are refused for quarantine.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn quarantined_ranges(&mut self, order_id: i64, most: usize) -> Result<Vec<QuarantinedRange>> {
        let (found, ..) = self.folded(&Quarantined(order_id), Page::First, most).await?;
        Ok(found.into_iter().map(|found| found.range).collect())
    }
}
