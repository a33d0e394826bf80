//! Numbers in a row on one line, however many there are.
//!
//! A page is read in windows of a few numbers, which are folded. Where a window ends within a range, the range is followed
//! to its end in strides that grow: a stride is whole when as many numbers as it is long are of the range, which is a count
//! along the key. So a range of a million numbers costs one walk over them, a page of short ranges a window or two, and
//! no range is cut.

use super::filter::NumberFilter;
use super::stride::Strides;
use super::{keyed, settings};
use crate::domain::{E164, NumberSettings, SyncState};
use crate::store::page::trim;
use crate::store::sql::{Bind, Conditions, bind_all, on};
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

/// The rows of a window, while ranges are short.
const WINDOW: i64 = 2_000;
/// The rows of a window behind a long range, which another is likely to follow.
const WINDOW_AFTER_LONG: i64 = 64;

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

type Row = (i64, i64, i64, i64, String, i64, String, String);

fn folded((first, last, count, account_id, account, settings_id, body, state): Row) -> Result<Folded> {
    let number = |value| E164::from_i64(value).ok_or_else(|| Error::unreadable("numbers", "telephone_number", value));
    let range = NumberRange {
        first: number(first)?,
        last: number(last)?,
        count,
        account,
        settings: settings::read(settings_id, &body)?,
        state: SyncState::from_key(&state).ok_or_else(|| Error::unreadable("numbers", "state", first))?,
    };
    Ok(Folded { range, alike: Alike { account_id, settings_id, state } })
}

/// The statement that folds so many numbers of the page.
fn window(filter: &NumberFilter, page: Page<E164>, rows: i64) -> Conditions {
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
    keyed(&mut conditions, SELECT, filter, page, rows);
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

/// The statement that counts the numbers of a range between these two.
fn stride(filter: &NumberFilter, alike: &Alike, low: i64, high: i64) -> Conditions {
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
    filter.add_to(&mut conditions);
    conditions
}

impl Tx {
    /// One page of the numbers that match, those in a row on one line.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn number_ranges(&mut self, filter: &NumberFilter, page: Page<E164>, size: usize) -> Result<RangePage> {
        let forward = !matches!(page, Page::Before(_));
        let (mut place, mut rows) = (page, WINDOW);
        let mut ranges: Vec<NumberRange> = Vec::new();
        while ranges.len() <= size {
            let question = window(filter, place, rows);
            let found: Vec<Row> =
                on!(self, |c| bind_all!(sqlx::query_as(question.sql()), question).fetch_all(c).await)?;
            let mut found = found.into_iter().map(folded).collect::<Result<Vec<_>>>()?;
            if !forward {
                found.reverse();
            }
            let seen: i64 = found.iter().map(|found| found.range.count).sum();
            let is_last = seen < rows;
            let few = found.len() <= 2;
            let last = if is_last { None } else { found.pop() };
            ranges.extend(found.into_iter().map(|found| found.range));
            let Some(last) = last else { break };
            if ranges.len() > size {
                break;
            }
            let range = self.followed(filter, last, forward).await?;
            place = if forward { Page::After(range.last) } else { Page::Before(range.first) };
            rows = if few { WINDOW_AFTER_LONG } else { WINDOW };
            ranges.push(range);
        }
        let (more_before, more_after) = trim(&mut ranges, &page, size);
        Ok(RangePage { ranges, more_before, more_after })
    }

    /// The range with what of it stands outside its window.
    async fn followed(&mut self, filter: &NumberFilter, found: Folded, forward: bool) -> Result<NumberRange> {
        let Folded { mut range, alike } = found;
        let mut strides = Strides::from(if forward { range.last } else { range.first }.as_i64(), forward);
        while let Some((low, high)) = strides.next() {
            let question = stride(filter, &alike, low, high);
            strides.found(on!(self, |c| bind_all!(sqlx::query_scalar(question.sql()), question).fetch_one(c).await)?);
        }
        let end = strides.end();
        let end = E164::from_i64(end).ok_or_else(|| Error::unreadable("numbers", "telephone_number", end))?;
        if forward {
            range.last = end;
        } else {
            range.first = end;
        }
        range.count = range.last.as_i64() - range.first.as_i64() + 1;
        Ok(range)
    }
}
