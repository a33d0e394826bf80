//! The numbers of a draft by what becomes of them, those in a row on one line, however many there are.

use super::changes::Between;
use super::items::{add_page, number};
use crate::domain::{E164, NumberSettings, Outside};
use crate::store::numbers::fold::{Fold, Range, count};
use crate::store::numbers::settings;
use crate::store::sql::{Bind, Conditions};
use crate::store::{Page, Result, Tx};

/// Numbers of a draft in a row with the same account and settings.
#[derive(Clone, Debug)]
pub struct ItemRange {
    /// The first.
    pub first: E164,
    /// The last.
    pub last: E164,
    /// How many.
    pub count: i64,
    /// Account of all.
    pub account: String,
    /// Settings of all.
    pub settings: NumberSettings,
}

/// Numbers of a draft in a row that change alike.
#[derive(Clone, Debug)]
pub struct ChangedRange {
    /// The first.
    pub first: E164,
    /// The last.
    pub last: E164,
    /// Settings now, with their key; nothing where nobody has the numbers any more.
    pub before: Option<(i64, NumberSettings)>,
    /// Settings after, with their key.
    pub after: (i64, NumberSettings),
    /// The accounts, where they move.
    pub moved: Option<Between>,
}

/// Which numbers of a draft to fold into ranges.
#[derive(Clone, Copy, Debug)]
pub enum RangesOf {
    /// New ones that no backend is known to hold.
    New,
    /// Those to release.
    Release,
    /// Those that change, as far as the backends do not hold them otherwise than was known.
    Changed,
    /// Those of which the backends hold this.
    Held(Outside),
}

/// The keys of what the numbers of a range have in common; where they do not change, what they are now is left open as 0.
#[derive(Clone, Copy)]
struct Alike {
    account: i64,
    settings: i64,
    account_before: i64,
    settings_before: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    first: i64,
    last: i64,
    account_id: i64,
    account: Option<String>,
    settings_id: i64,
    settings: String,
    before_account_id: i64,
    before_account: Option<String>,
    before_id: i64,
    before: Option<String>,
}

/// A range while a page is put together.
struct Folded {
    first: E164,
    last: E164,
    alike: Alike,
    account: Option<String>,
    settings: NumberSettings,
    account_before: Option<String>,
    settings_before: Option<NumberSettings>,
}

impl Range for Folded {
    type Row = Row;

    fn read(row: Row) -> Result<Self> {
        let alike = Alike {
            account: row.account_id,
            settings: row.settings_id,
            account_before: row.before_account_id,
            settings_before: row.before_id,
        };
        Ok(Self {
            first: number(row.first)?,
            last: number(row.last)?,
            alike,
            account: row.account,
            settings: settings::read(row.settings_id, &row.settings)?,
            account_before: row.before_account,
            settings_before: row.before.map(|body| settings::read(row.before_id, &body)).transpose()?,
        })
    }

    fn ends(&self) -> (E164, E164) {
        (self.first, self.last)
    }

    fn reach(&mut self, first: E164, last: E164) {
        (self.first, self.last) = (first, last);
    }
}

/// Those numbers of one draft.
struct RangesIn {
    order_id: i64,
    of: RangesOf,
}

impl RangesIn {
    /// Adds which items are meant.
    fn narrow(&self, question: &mut Conditions) {
        match self.of {
            RangesOf::New => question.push(
                "
                      AND i.verdict = 'new'
                      AND COALESCE(i.outside, 'unknown') = 'unknown'",
                [],
            ),
            RangesOf::Release => question.push(
                "
                      AND i.verdict = 'release'
                      AND i.outside IS NULL",
                [],
            ),
            RangesOf::Changed => question.push(
                "
                      AND i.verdict = 'changed'
                      AND COALESCE(i.outside, '') NOT IN ('equal', 'different')",
                [],
            ),
            RangesOf::Held(outside) => question.push(
                "
                      AND i.outside = ?",
                [outside.key().into()],
            ),
        };
    }

    const fn items(&self) -> &'static str {
        if let RangesOf::Changed = self.of {
            "
                    FROM order_items i
                    LEFT JOIN numbers n ON n.telephone_number = i.telephone_number
                    WHERE i.order_id = ?"
        } else {
            "
                    FROM order_items i
                    WHERE i.order_id = ?"
        }
    }
}

impl Fold for RangesIn {
    type Range = Folded;
    const WINDOW: i64 = 1_000;

    fn window(&self, page: Page<E164>, rows: i64) -> Conditions {
        let mut question = Conditions::default();
        question.push(
            "
        SELECT
            g.first, g.last, g.account_id, a.name AS account, g.settings_id, s.body AS settings,
            g.before_account_id, b.name AS before_account, g.before_id, z.body AS before
        FROM (
            SELECT
                MIN(w.telephone_number) AS first, MAX(w.telephone_number) AS last,
                w.account_id, w.settings_id, w.before_account_id, w.before_id
            FROM (
                SELECT
                    k.*,
                    k.telephone_number - ROW_NUMBER() OVER (
                        PARTITION BY k.account_id, k.settings_id, k.before_account_id, k.before_id
                        ORDER BY k.telephone_number
                    ) AS island
                FROM (
                    SELECT
                        i.telephone_number, i.account_id, i.settings_id, ",
            [],
        );
        let before = match self.of {
            RangesOf::Changed => {
                "COALESCE(n.account_id, 0) AS before_account_id, COALESCE(n.settings_id, 0) AS before_id"
            }
            _ => "CAST(0 AS BIGINT) AS before_account_id, CAST(0 AS BIGINT) AS before_id",
        };
        question.push(before, []).push(self.items(), [Bind::Int(self.order_id)]);
        self.narrow(&mut question);
        add_page(&mut question, page);
        question.push(
            "
                    LIMIT ?
                ) AS k
            ) AS w
            GROUP BY w.account_id, w.settings_id, w.before_account_id, w.before_id, w.island
        ) AS g
        JOIN settings s ON s.id = g.settings_id
        LEFT JOIN accounts a ON a.id = g.account_id
        LEFT JOIN accounts b ON b.id = g.before_account_id
        LEFT JOIN settings z ON z.id = g.before_id
        ORDER BY g.first",
            [Bind::Int(rows)],
        );
        question
    }

    fn stride(&self, Folded { alike, .. }: &Folded, (low, high): (i64, i64)) -> Conditions {
        let mut question = Conditions::default();
        question.push("SELECT CAST(COUNT(*) AS BIGINT)", []).push(self.items(), [Bind::Int(self.order_id)]);
        self.narrow(&mut question);
        question.push(
            "
          AND i.telephone_number BETWEEN ? AND ?
          AND i.account_id = ?
          AND i.settings_id = ?",
            [Bind::Int(low), Bind::Int(high), Bind::Int(alike.account), Bind::Int(alike.settings)],
        );
        if let RangesOf::Changed = self.of {
            question.push(
                "
          AND COALESCE(n.account_id, 0) = ?
          AND COALESCE(n.settings_id, 0) = ?",
                [Bind::Int(alike.account_before), Bind::Int(alike.settings_before)],
            );
        }
        question
    }
}

impl Tx {
    /// The first ranges of a draft's numbers behind `after`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn item_ranges(
        &mut self,
        order_id: i64,
        of: RangesOf,
        after: Option<E164>,
        most: usize,
    ) -> Result<Vec<ItemRange>> {
        let page = after.map_or(Page::First, Page::After);
        let (found, ..) = self.folded(&RangesIn { order_id, of }, page, most).await?;
        let range = |Folded { first, last, account, settings, .. }| {
            let account = account.unwrap_or_default();
            ItemRange { first, last, count: count(first, last), account, settings }
        };
        Ok(found.into_iter().map(range).collect())
    }

    /// The first ranges of a draft's numbers that change.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn changed_ranges(&mut self, order_id: i64, most: usize) -> Result<Vec<ChangedRange>> {
        let of = RangesOf::Changed;
        let (found, ..) = self.folded(&RangesIn { order_id, of }, Page::First, most).await?;
        let range = |found: Folded| {
            let Folded { first, last, alike, account, settings, account_before, settings_before } = found;
            ChangedRange {
                first,
                last,
                before: settings_before.map(|settings| (alike.settings_before, settings)),
                after: (alike.settings, settings),
                moved: Between::of(account_before, account),
            }
        };
        Ok(found.into_iter().map(range).collect())
    }
}
