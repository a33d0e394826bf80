//! The numbers of an order, those in a row with the same result on one line, however many there are.

use super::items::{add_page, error, number};
use crate::domain::{E164, ItemState, NumberSettings, Outside, ProvisioningError, Verdict};
use crate::store::numbers::fold::{Fold, Range, count};
use crate::store::numbers::settings;
use crate::store::sql::{Bind, Conditions};
use crate::store::{Error, Page, Result, Tx};

/// Numbers of an order in a row, with the same account, settings and result.
#[derive(Clone, Debug)]
pub struct FoldedItems {
    /// The first.
    pub first: E164,
    /// The last.
    pub last: E164,
    /// How many.
    pub count: i64,
    /// Account, where it still exists.
    pub account: Option<String>,
    /// Settings of the order.
    pub settings: NumberSettings,
    /// How they stand.
    pub state: ItemState,
    /// What the backend said, when it refused.
    pub error: Option<ProvisioningError>,
    /// What the review said.
    pub verdict: Verdict,
    /// What the backends hold of them, as the review found.
    pub outside: Option<Outside>,
}

/// What the numbers of a range have in common; what is missing counts as 0 or as an empty text.
struct Alike {
    account_id: i64,
    settings_id: i64,
    error_id: i64,
    state: String,
    verdict: String,
    outside: String,
}

/// A range while a page is put together.
struct Folded {
    items: FoldedItems,
    alike: Alike,
}

#[derive(sqlx::FromRow)]
pub(in crate::store) struct Row {
    first: i64,
    last: i64,
    count: i64,
    account_id: i64,
    account: Option<String>,
    settings_id: i64,
    settings: String,
    error_id: i64,
    error: Option<String>,
    state: String,
    verdict: String,
    outside: String,
}

impl Range for Folded {
    type Row = Row;

    fn read(row: Row) -> Result<Self> {
        let unreadable = |column| Error::unreadable("order_items", column, row.first);
        let first = number(row.first)?;
        let items = FoldedItems {
            first,
            last: number(row.last)?,
            count: row.count,
            account: row.account,
            settings: settings::read(row.settings_id, &row.settings)?,
            state: ItemState::from_key(&row.state).ok_or_else(|| unreadable("state"))?,
            error: error(first, Some(row.error_id).filter(|id| *id != 0), row.error.as_deref())?,
            verdict: Verdict::from_key(&row.verdict).ok_or_else(|| unreadable("verdict"))?,
            outside: Outside::from_key(&row.outside),
        };
        let Row { account_id, settings_id, error_id, state, verdict, outside, .. } = row;
        Ok(Self { items, alike: Alike { account_id, settings_id, error_id, state, verdict, outside } })
    }

    fn ends(&self) -> (E164, E164) {
        (self.items.first, self.items.last)
    }

    fn reach(&mut self, first: E164, last: E164) {
        (self.items.first, self.items.last) = (first, last);
        self.items.count = count(first, last);
    }
}

/// The numbers of an order, or those that stand so.
struct ItemsOf {
    order_id: i64,
    only: Option<ItemState>,
}

impl Fold for ItemsOf {
    type Range = Folded;
    const WINDOW: i64 = 1_000;

    fn window(&self, page: Page<E164>, rows: i64) -> Conditions {
        let mut question = Conditions::default();
        question.push(
            "
        SELECT
            g.first, g.last, g.count, g.account_id, COALESCE(a.name, h.name) AS account, g.settings_id,
            s.body AS settings, g.error_id, e.body AS error, g.state, g.verdict, g.outside
        FROM (
            SELECT
                MIN(w.telephone_number) AS first, MAX(w.telephone_number) AS last,
                CAST(COUNT(*) AS BIGINT) AS count,
                w.account_id, w.settings_id, w.error_id, w.state, w.verdict, w.outside
            FROM (
                SELECT
                    k.*,
                    k.telephone_number - ROW_NUMBER() OVER (
                        PARTITION BY k.account_id, k.settings_id, k.error_id, k.state, k.verdict, k.outside
                        ORDER BY k.telephone_number
                    ) AS island
                FROM (
                    SELECT
                        i.telephone_number, i.account_id, i.settings_id, COALESCE(i.error_id, 0) AS error_id,
                        i.state, i.verdict, COALESCE(i.outside, '') AS outside
                    FROM order_items i
                    WHERE i.order_id = ?",
            [Bind::Int(self.order_id)],
        );
        if let Some(state) = self.only {
            question.and("i.state = ?", [state.key().into()]);
        }
        add_page(&mut question, page);
        question.push(
            "
                    LIMIT ?
                ) AS k
            ) AS w
            GROUP BY w.account_id, w.settings_id, w.error_id, w.state, w.verdict, w.outside, w.island
        ) AS g
        JOIN settings s ON s.id = g.settings_id
        LEFT JOIN accounts a ON a.id = g.account_id
        LEFT JOIN holders h ON h.id = g.account_id
        LEFT JOIN errors e ON e.id = g.error_id
        ORDER BY g.first",
            [Bind::Int(rows)],
        );
        question
    }

    fn stride(&self, Folded { alike, .. }: &Folded, (low, high): (i64, i64)) -> Conditions {
        let mut question = Conditions::default();
        question.push(
            "
        SELECT CAST(COUNT(*) AS BIGINT)
        FROM order_items i
        WHERE i.order_id = ?
          AND i.telephone_number BETWEEN ? AND ?
          AND i.account_id = ?
          AND i.settings_id = ?
          AND COALESCE(i.error_id, 0) = ?
          AND i.state = ?
          AND i.verdict = ?
          AND COALESCE(i.outside, '') = ?",
            [
                Bind::Int(self.order_id),
                Bind::Int(low),
                Bind::Int(high),
                Bind::Int(alike.account_id),
                Bind::Int(alike.settings_id),
                Bind::Int(alike.error_id),
                alike.state.as_str().into(),
                alike.verdict.as_str().into(),
                alike.outside.as_str().into(),
            ],
        );
        question
    }
}

impl Tx {
    /// One page of an order's numbers, those in a row with the same result on one line; tells whether there are more before
    /// and behind.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn folded_items(
        &mut self,
        order_id: i64,
        only: Option<ItemState>,
        page: Page<E164>,
        size: usize,
    ) -> Result<(Vec<FoldedItems>, bool, bool)> {
        let (found, more_before, more_after) = self.folded(&ItemsOf { order_id, only }, page, size).await?;
        Ok((found.into_iter().map(|found| found.items).collect(), more_before, more_after))
    }
}
