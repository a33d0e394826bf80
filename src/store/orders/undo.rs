//! Undoing an order: whether its numbers are still as it left them, and a draft that makes them what they were.

use crate::domain::UndoPart;
use crate::store::sql::{on, statements};
use crate::store::{Error, Result, Tx};

/// The part of an order that an item of it belongs to.
macro_rules! part {
    () => {
        "CASE
                WHEN i.verdict = 'release' THEN 'released'
                WHEN i.verdict = 'new' THEN 'new'
                WHEN COALESCE(i.from_account_id, i.account_id) <> i.account_id THEN 'moved'
                ELSE 'changed'
            END"
    };
}

statements! {
    // Whether a number is as the order left it: released ones are gone, others were written by no later order. What could
    // not be released is as it was. New ones that a backend held already cannot be given back by a release. LEFT: the
    // order's numbers come first, and the rest is looked up by its keys.
    STANDING = concat!(
        "
        SELECT
            w.part, CAST(COUNT(*) AS BIGINT), CAST(SUM(w.stands) AS BIGINT), CAST(SUM(w.was_there) AS BIGINT)
        FROM (
            SELECT ",
        part!(),
        " AS part,
            CASE
                WHEN i.verdict = 'release' AND n.telephone_number IS NULL THEN 1
                WHEN i.verdict = 'release' THEN 0
                WHEN n.order_id IS NULL OR n.order_id <> i.order_id OR n.account_id <> i.account_id THEN 0
                WHEN i.verdict = 'changed' AND i.from_settings_id IS NULL THEN 0
                WHEN i.verdict = 'new' AND i.outside IN ('equal', 'different') THEN 0
                ELSE 1
            END AS stands,
            CASE WHEN i.verdict = 'new' AND i.outside IN ('equal', 'different') THEN 1 ELSE 0 END AS was_there
            FROM order_items i
            LEFT JOIN numbers n ON n.telephone_number = i.telephone_number
            WHERE i.order_id = $1
              AND i.verdict IN ('new', 'changed', 'release')
              AND i.state <> 'idle'
              AND (i.verdict <> 'release' OR i.state = 'done')
        ) AS w
        GROUP BY w.part
        ORDER BY w.part"
    );
    // $3 is 1 where the settings are those before the order, $4 where the account is.
    STAGE = concat!(
        "
        INSERT INTO order_items (
            order_id, telephone_number, line, account_id, settings_id, country, verdict, base_rev, state
        )
        SELECT
            CAST($1 AS BIGINT), i.telephone_number, 0,
            CASE WHEN CAST($4 AS BIGINT) = 1 THEN COALESCE(i.from_account_id, i.account_id) ELSE i.account_id END,
            CASE WHEN CAST($3 AS BIGINT) = 1 THEN COALESCE(i.from_settings_id, i.settings_id) ELSE i.settings_id END,
            i.country, CASE WHEN CAST($5 AS TEXT) = 'new' THEN 'release' ELSE 'new' END, 0, 'idle'
        FROM order_items i
        WHERE i.order_id = $2
          AND i.verdict IN ('new', 'changed', 'release')
          AND i.state <> 'idle'
          AND (i.verdict <> 'release' OR i.state = 'done')
          AND ",
        part!(),
        " = CAST($5 AS TEXT)"
    );
}

/// How many numbers of an order belong to a part of it, and how many of them are as the order left them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The part.
    pub part: UndoPart,
    /// How many numbers.
    pub count: i64,
    /// How many of them are as the order left them.
    pub stands: i64,
    /// How many of them are new here, and were at a backend before.
    pub were_there: i64,
}

impl Tx {
    /// How far the numbers of an order are as it left them.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn order_standing(&mut self, order_id: i64) -> Result<Vec<Standing>> {
        let rows: Vec<(String, i64, i64, i64)> =
            on!(self, |c| sqlx::query_as(STANDING).bind(order_id).fetch_all(c).await)?;
        rows.into_iter()
            .map(|(part, count, stands, were_there)| {
                let unreadable = || Error::unreadable("order_items", "verdict", order_id);
                let part = UndoPart::from_key(&part).ok_or_else(unreadable)?;
                Ok(Standing { part, count, stands, were_there })
            })
            .collect()
    }

    /// Stages in a draft what makes the numbers of a part of an order what they were; tells how many.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn stage_undo(&mut self, draft_id: i64, order_id: i64, part: UndoPart) -> Result<u64> {
        let former = i64::from(matches!(part, UndoPart::Changed | UndoPart::Moved));
        let back = i64::from(part == UndoPart::Moved);
        Ok(on!(self, |c| sqlx::query(STAGE)
            .bind(draft_id)
            .bind(order_id)
            .bind(former)
            .bind(back)
            .bind(part.key())
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?)
    }
}
