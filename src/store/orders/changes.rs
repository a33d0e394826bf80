//! What a draft changes on numbers that exist: settings, accounts, and which numbers in a row change alike.

use sqlx::FromRow;

use super::items::{SettingsChange, number};
use crate::domain::E164;
use crate::store::numbers::settings;
use crate::store::sql::{on, statements};
use crate::store::{Result, Tx};

/// The changed numbers of a draft, as far as the backends do not hold them otherwise than was known.
macro_rules! changed {
    () => {
        "
            FROM order_items i
            LEFT JOIN numbers n ON n.telephone_number = i.telephone_number
            WHERE i.order_id = $1
              AND i.verdict = 'changed'
              AND COALESCE(i.outside, '') NOT IN ('equal', 'different')"
    };
}

statements! {
    // LEFT JOIN: the order's numbers come first, and the rest is looked up by its keys.
    CHANGES = concat!(
        "
        SELECT c.after_id, s.body AS after_body, c.before_id, o.body AS before_body, c.count, c.example,
            a.name AS from_account, b.name AS to_account
        FROM (
            SELECT
                i.settings_id AS after_id, n.settings_id AS before_id, n.account_id AS from_id, i.account_id AS to_id,
                CAST(COUNT(*) AS BIGINT) AS count, MIN(i.telephone_number) AS example",
        changed!(),
        "
            GROUP BY i.settings_id, n.settings_id, n.account_id, i.account_id
            ORDER BY 5 DESC, 6
            LIMIT 1000
        ) AS c
        LEFT JOIN settings s ON s.id = c.after_id
        LEFT JOIN settings o ON o.id = c.before_id
        LEFT JOIN accounts a ON a.id = c.from_id
        LEFT JOIN accounts b ON b.id = c.to_id
        ORDER BY c.count DESC, c.example"
    );
    RANGES = concat!(
        "
        SELECT MIN(w.telephone_number), MAX(w.telephone_number), w.before_id, w.after_id, a.name, b.name
        FROM (
            SELECT
                i.telephone_number, n.settings_id AS before_id, i.settings_id AS after_id, n.account_id AS from_id,
                i.account_id AS to_id,
                i.telephone_number - ROW_NUMBER() OVER (
                    PARTITION BY n.settings_id, i.settings_id, n.account_id, i.account_id
                    ORDER BY i.telephone_number
                ) AS island",
        changed!(),
        "
        ) AS w
        LEFT JOIN accounts a ON a.id = w.from_id
        LEFT JOIN accounts b ON b.id = w.to_id
        GROUP BY w.before_id, w.after_id, w.from_id, w.to_id, a.name, b.name, w.island
        ORDER BY 1
        LIMIT $2"
    );
}

#[derive(FromRow)]
struct Row {
    after_id: i64,
    after_body: String,
    before_id: Option<i64>,
    before_body: Option<String>,
    count: i64,
    example: i64,
    from_account: Option<String>,
    to_account: Option<String>,
}

/// The accounts between which numbers move.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Between {
    /// The account that has them.
    pub from: String,
    /// The account that gets them.
    pub to: String,
}

impl Between {
    /// The accounts; nothing where they are one.
    fn of(from: Option<String>, to: Option<String>) -> Option<Self> {
        let (from, to) = (from?, to?);
        (from != to).then_some(Self { from, to })
    }
}

/// Numbers of a draft in a row that change alike.
#[derive(Clone, Debug)]
pub struct ChangedRange {
    /// The first.
    pub first: E164,
    /// The last.
    pub last: E164,
    /// Key of the settings now.
    pub before_id: i64,
    /// Key of the settings after.
    pub after_id: i64,
    /// The accounts, where they move.
    pub moved: Option<Between>,
}

impl Tx {
    /// What changes for the changed numbers of a draft, the most frequent first, 1,000 at most.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn settings_changes(&mut self, order_id: i64) -> Result<Vec<SettingsChange>> {
        let rows: Vec<Row> = on!(self, |c| sqlx::query_as(CHANGES).bind(order_id).fetch_all(c).await)?;
        rows.into_iter()
            .filter_map(|row| {
                let (before_id, before_body) = row.before_id.zip(row.before_body.clone())?;
                Some((row, before_id, before_body))
            })
            .map(|(row, before_id, before_body)| {
                Ok(SettingsChange {
                    before: settings::read(before_id, &before_body)?,
                    after: settings::read(row.after_id, &row.after_body)?,
                    count: row.count,
                    example: number(row.example)?,
                    moved: Between::of(row.from_account, row.to_account),
                })
            })
            .collect()
    }

    /// The changed numbers of a draft, those in a row that change alike as one; the first `most`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn changed_ranges(&mut self, order_id: i64, most: i64) -> Result<Vec<ChangedRange>> {
        type Columns = (i64, i64, Option<i64>, i64, Option<String>, Option<String>);
        let rows: Vec<Columns> = on!(self, |c| sqlx::query_as(RANGES).bind(order_id).bind(most).fetch_all(c).await)?;
        rows.into_iter()
            .map(|(first, last, before_id, after_id, from, to)| {
                Ok(ChangedRange {
                    first: number(first)?,
                    last: number(last)?,
                    before_id: before_id.unwrap_or_default(),
                    after_id,
                    moved: Between::of(from, to),
                })
            })
            .collect()
    }
}
