//! Numbers in a row on one line, however many there are.
//!
//! A page is read in windows of some numbers, which are folded. Where a window ends within a range, the range is followed to
//! its end in strides that grow: a stride is whole when as many numbers as it is long are of the range, which is a count
//! along the key. So a range of a million numbers costs one walk over them, a page of short ranges a window or two, and no
//! range is cut.

use sqlx::FromRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

use super::stride::Strides;
use crate::domain::E164;
use crate::store::page::trim;
use crate::store::sql::{Conditions, bind_all, on};
use crate::store::{Error, Page, Result, Tx};

/// Numbers in a row that have something in common.
pub(in crate::store) trait Range: Sized {
    /// What a window gives of it.
    type Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin;

    /// Reads it.
    fn read(row: Self::Row) -> Result<Self>;
    /// Its first and its last number.
    fn ends(&self) -> (E164, E164);
    /// Lets it reach from one number to another.
    fn reach(&mut self, first: E164, last: E164);
}

/// What is listed in ranges.
pub(in crate::store) trait Fold {
    /// The ranges.
    type Range: Range;
    /// The rows of a window, while ranges are short.
    const WINDOW: i64;
    /// The rows of a window behind a long range, which another is likely to follow.
    const WINDOW_AFTER_LONG: i64 = Self::WINDOW;

    /// The statement that folds so many numbers of a page.
    fn window(&self, page: Page<E164>, rows: i64) -> Conditions;
    /// The statement that counts the numbers of a range between these two.
    fn stride(&self, range: &Self::Range, between: (i64, i64)) -> Conditions;
}

/// How many numbers stand from one to another, both counted.
pub(in crate::store) fn count(first: E164, last: E164) -> i64 {
    last.as_i64() - first.as_i64() + 1
}

impl Tx {
    /// One page of ranges, ascending, with whether there are more before and behind.
    pub(in crate::store) async fn folded<F: Fold>(
        &mut self,
        fold: &F,
        page: Page<E164>,
        size: usize,
    ) -> Result<(Vec<F::Range>, bool, bool)> {
        let forward = !matches!(page, Page::Before(_));
        let (mut place, mut rows) = (page, F::WINDOW);
        let mut ranges: Vec<F::Range> = Vec::new();
        while ranges.len() <= size {
            let question = fold.window(place, rows);
            let found: Vec<<F::Range as Range>::Row> =
                on!(self, |c| bind_all!(sqlx::query_as(question.sql()), question).fetch_all(c).await)?;
            let mut found = found.into_iter().map(F::Range::read).collect::<Result<Vec<_>>>()?;
            if !forward {
                found.reverse();
            }
            let seen: i64 = found.iter().map(F::Range::ends).map(|(first, last)| count(first, last)).sum();
            let is_few = found.len() <= 2;
            let cut = if seen < rows { None } else { found.pop() };
            ranges.extend(found);
            let Some(mut range) = cut.filter(|_| ranges.len() <= size) else { break };
            let end = self.end_of(fold, &range, forward).await?;
            let (first, last) = range.ends();
            if forward {
                range.reach(first, end);
            } else {
                range.reach(end, last);
            }
            place = if forward { Page::After(end) } else { Page::Before(end) };
            rows = if is_few { F::WINDOW_AFTER_LONG } else { F::WINDOW };
            ranges.push(range);
        }
        let (more_before, more_after) = trim(&mut ranges, &page, size);
        Ok((ranges, more_before, more_after))
    }

    /// The other end of a range, of which a part is outside its window.
    async fn end_of<F: Fold>(&mut self, fold: &F, range: &F::Range, forward: bool) -> Result<E164> {
        let (first, last) = range.ends();
        let mut strides = Strides::from(if forward { last } else { first }.as_i64(), forward);
        while let Some(between) = strides.next() {
            let question = fold.stride(range, between);
            strides.found(on!(self, |c| bind_all!(sqlx::query_scalar(question.sql()), question).fetch_one(c).await)?);
        }
        let end = strides.end();
        E164::from_i64(end).ok_or_else(|| Error::unreadable("numbers", "telephone_number", end))
    }
}
