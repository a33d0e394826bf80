//! What a draft changes on numbers that exist: settings and accounts.

use sqlx::FromRow;

use super::items::{SettingsChange, number};
use crate::store::numbers::settings;
use crate::store::sql::{on, statements};
use crate::store::{Result, Tx};

statements! {
    // What the backends hold otherwise than was known is told apart. LEFT JOIN: the order's numbers come first, and the rest
    // is looked up by its keys.
    CHANGES = "
        SELECT c.after_id, s.body AS after_body, c.before_id, o.body AS before_body, c.count, c.example,
            a.name AS from_account, b.name AS to_account
        FROM (
            SELECT
                i.settings_id AS after_id, n.settings_id AS before_id, n.account_id AS from_id, i.account_id AS to_id,
                CAST(COUNT(*) AS BIGINT) AS count, MIN(i.telephone_number) AS example
            FROM order_items i
            LEFT JOIN numbers n ON n.telephone_number = i.telephone_number
            WHERE i.order_id = $1
              AND i.verdict = 'changed'
              AND COALESCE(i.outside, '') NOT IN ('equal', 'different')
            GROUP BY i.settings_id, n.settings_id, n.account_id, i.account_id
            ORDER BY 5 DESC, 6
            LIMIT 1000
        ) AS c
        LEFT JOIN settings s ON s.id = c.after_id
        LEFT JOIN settings o ON o.id = c.before_id
        LEFT JOIN accounts a ON a.id = c.from_id
        LEFT JOIN accounts b ON b.id = c.to_id
        ORDER BY c.count DESC, c.example";
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
    pub(super) fn of(from: Option<String>, to: Option<String>) -> Option<Self> {
        let (from, to) = (from?, to?);
        (from != to).then_some(Self { from, to })
    }
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
}
