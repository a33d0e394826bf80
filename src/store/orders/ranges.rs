//! The numbers of a draft, those in a row on one line.

use super::items::number;
use crate::domain::{E164, NumberSettings, Outside, Verdict};
use crate::store::numbers::settings;
use crate::store::sql::{on, statements};
use crate::store::{Result, Tx};

statements! {
    RANGES = "
        SELECT g.first, g.last, g.count, a.name, g.settings_id, s.body
        FROM (
            SELECT
                MIN(w.telephone_number) AS first, MAX(w.telephone_number) AS last,
                CAST(COUNT(*) AS BIGINT) AS count, w.account_id, w.settings_id
            FROM (
                SELECT
                    i.telephone_number, i.account_id, i.settings_id,
                    i.telephone_number - ROW_NUMBER() OVER (
                        PARTITION BY i.account_id, i.settings_id
                        ORDER BY i.telephone_number
                    ) AS island
                FROM order_items i
                WHERE i.order_id = $1
                  AND ($2 = '' OR i.verdict = $2)
                  AND i.telephone_number > $3
                  AND COALESCE(i.outside, $6) = $5
            ) AS w
            GROUP BY w.account_id, w.settings_id, w.island
        ) AS g
        JOIN accounts a ON a.id = g.account_id
        JOIN settings s ON s.id = g.settings_id
        ORDER BY g.first
        LIMIT $4";
}

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

/// Which numbers of a draft to fold into ranges.
#[derive(Clone, Copy, Debug)]
pub enum RangesOf {
    /// New ones that no backend is known to hold.
    New,
    /// Those to release.
    Release,
    /// Those of which the backends hold this.
    Held(Outside),
}

impl RangesOf {
    /// The verdict, what the backends hold, and what counts for that where nothing is said.
    const fn keys(self) -> [&'static str; 3] {
        match self {
            Self::New => [Verdict::New.key(), Outside::Unknown.key(), Outside::Unknown.key()],
            Self::Release => [Verdict::Release.key(), "", ""],
            Self::Held(outside) => ["", outside.key(), ""],
        }
    }
}

impl Tx {
    /// Those of a draft's numbers behind `after`, folded into ranges.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn item_ranges(&mut self, order_id: i64, of: RangesOf, after: i64, limit: i64) -> Result<Vec<ItemRange>> {
        let [verdict, outside, unsaid] = of.keys();
        let rows: Vec<(i64, i64, i64, String, i64, String)> = on!(self, |c| sqlx::query_as(RANGES)
            .bind(order_id)
            .bind(verdict)
            .bind(after)
            .bind(limit)
            .bind(outside)
            .bind(unsaid)
            .fetch_all(c)
            .await)?;
        rows.into_iter()
            .map(|(first, last, count, account, settings_id, body)| {
                Ok(ItemRange {
                    first: number(first)?,
                    last: number(last)?,
                    count,
                    account,
                    settings: settings::read(settings_id, &body)?,
                })
            })
            .collect()
    }
}
