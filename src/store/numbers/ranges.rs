//! The list of numbers in ranges.

use sqlx::FromRow;

use super::filter::NumberFilter;
use super::fold::{Fold, Range, count};
use super::{keyed, settings};
use crate::domain::{E164, NumberSettings, SyncState};
use crate::store::sql::{Bind, Conditions};
use crate::store::{Error, Page, Result, Tx};

/// Numbers in a row with the same account, settings and state.
#[derive(Clone, Debug)]
pub struct NumberRange {
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
    /// State of all.
    pub state: SyncState,
}

/// One page of ranges, ascending.
#[derive(Clone, Debug)]
pub struct RangePage {
    /// The ranges.
    pub ranges: Vec<NumberRange>,
    /// True when some stand before the first.
    pub more_before: bool,
    /// True when more follow behind the last.
    pub more_after: bool,
}

/// What the numbers of a range have in common.
struct Alike {
    account_id: i64,
    settings_id: i64,
    state: String,
}

/// A range of a window.
struct Folded {
    range: NumberRange,
    alike: Alike,
}

#[derive(FromRow)]
struct RangeRow {
    first: i64,
    last: i64,
    count: i64,
    account_id: i64,
    name: String,
    settings_id: i64,
    body: String,
    state: String,
}

impl Range for Folded {
    type Row = RangeRow;

    fn read(row: RangeRow) -> Result<Self> {
        let RangeRow { first, last, count, account_id, name, settings_id, body, state } = row;
        let number =
            |value| E164::from_i64(value).ok_or_else(|| Error::unreadable("numbers", "telephone_number", value));
        let range = NumberRange {
            first: number(first)?,
            last: number(last)?,
            count,
            account: name,
            settings: settings::read(settings_id, &body)?,
            state: SyncState::from_key(&state).ok_or_else(|| Error::unreadable("numbers", "state", first))?,
        };
        Ok(Self { range, alike: Alike { account_id, settings_id, state } })
    }

    fn ends(&self) -> (E164, E164) {
        (self.range.first, self.range.last)
    }

    fn reach(&mut self, first: E164, last: E164) {
        (self.range.first, self.range.last) = (first, last);
        self.range.count = count(first, last);
    }
}

/// Numbers that match.
struct Matching<'a>(&'a NumberFilter);

impl Fold for Matching<'_> {
    type Range = Folded;
    const WINDOW: i64 = 2_000;
    const WINDOW_AFTER_LONG: i64 = 64;

    fn window(&self, page: Page<E164>, rows: i64) -> Conditions {
        const SELECT: &str = "
        SELECT n.telephone_number, n.account_id, n.settings_id, n.state
        FROM numbers n
        WHERE TRUE";
        let mut conditions = Conditions::default();
        conditions.push(
            "
        SELECT g.first, g.last, g.count, g.account_id, a.name, g.settings_id, s.body, g.state
        FROM (
            SELECT
                MIN(w.telephone_number) AS first, MAX(w.telephone_number) AS last,
                CAST(COUNT(*) AS BIGINT) AS count, w.account_id, w.settings_id, w.state
            FROM (
                SELECT
                    k.*,
                    k.telephone_number - ROW_NUMBER() OVER (
                        PARTITION BY k.account_id, k.settings_id, k.state
                        ORDER BY k.telephone_number
                    ) AS island
                FROM (",
            [],
        );
        keyed(&mut conditions, SELECT, self.0, page, rows);
        conditions.push(
            "
                ) AS k
            ) AS w
            GROUP BY w.account_id, w.settings_id, w.state, w.island
        ) AS g
        JOIN accounts a ON a.id = g.account_id
        JOIN settings s ON s.id = g.settings_id
        ORDER BY g.first",
            [],
        );
        conditions
    }

    fn stride(&self, Folded { alike, .. }: &Folded, (low, high): (i64, i64)) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.push(
            "
        SELECT CAST(COUNT(*) AS BIGINT)
        FROM numbers n
        WHERE n.telephone_number BETWEEN ? AND ?
          AND n.account_id = ?
          AND n.settings_id = ?
          AND n.state = ?",
            [
                Bind::Int(low),
                Bind::Int(high),
                Bind::Int(alike.account_id),
                Bind::Int(alike.settings_id),
                alike.state.as_str().into(),
            ],
        );
        self.0.add_to(&mut conditions);
        conditions
    }
}

impl Tx {
    /// One page of the numbers that match, those in a row on one line.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn number_ranges(&mut self, filter: &NumberFilter, page: Page<E164>, size: usize) -> Result<RangePage> {
        let (found, more_before, more_after) = self.folded(&Matching(filter), page, size).await?;
        let ranges = found.into_iter().map(|found| found.range).collect();
        Ok(RangePage { ranges, more_before, more_after })
    }
}
