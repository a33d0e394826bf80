//! Staging numbers in an order, from where they are compared with what exists.

use time::OffsetDateTime;

use super::compare;
use super::items::VerdictCount;
use crate::domain::{E164, ItemState, NumberSettings, Verdict};
use crate::store::audit::{self, Place};
use crate::store::numbers::filter::NumberFilter;
use crate::store::numbers::{in_list, settings};
use crate::store::sql::{Bind, Conditions, bind_all, on, statements};
use crate::store::sqlite::script::{Done, Script};
use crate::store::{Conn, Error, NewOrder, Result, Tx, at, micros, orders};

statements! {
    // The verdicts, and in the same rows which new numbers are reserved for an account, so that it costs no question more.
    STAGED = "
        SELECT verdict, CAST(COUNT(*) AS BIGINT), CAST(0 AS BIGINT)
        FROM order_items
        WHERE order_id = $1
        GROUP BY verdict
        UNION ALL
        SELECT w.account, w.numbers, w.until
        FROM (
            SELECT
                v.account, v.until,
                (
                    SELECT CAST(COUNT(*) AS BIGINT)
                    FROM order_items i
                    WHERE i.order_id = $1
                      AND i.telephone_number BETWEEN r.first_number AND r.last_number
                      AND i.verdict = 'new'
                ) AS numbers
            FROM reserved r
            JOIN reservations v ON v.id = r.reservation_id
            WHERE r.until > $2
              AND r.first_number <= (SELECT MAX(b.telephone_number) FROM order_items b WHERE b.order_id = $1)
              AND r.last_number >= (SELECT MIN(b.telephone_number) FROM order_items b WHERE b.order_id = $1)
        ) AS w
        WHERE w.numbers > 0";
}

/// What is known of a number that a draft is made about.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    /// The account that has it.
    pub account_id: i64,
    /// Its settings.
    pub settings_id: i64,
    /// Its rev.
    pub rev: i64,
    /// What the review will say of it, unless something stands against it.
    pub verdict: Verdict,
}

/// A number to stage.
#[derive(Clone, Debug)]
pub struct NewItem {
    /// The number.
    pub number: E164,
    /// Line of the upload.
    pub line: u32,
    /// Account it goes to.
    pub account_id: i64,
    /// Settings it gets.
    pub settings_id: i64,
    /// Two-letter country.
    pub country: Option<String>,
    /// Idle in a draft; in an order that is submitted at once, how it begins if it is new.
    pub state: ItemState,
    /// What it is now, where the draft is made about what numbers are.
    pub before: Option<Before>,
}

/// An order that needs no review, with its numbers staged.
#[derive(Debug)]
pub struct StagedOrder {
    /// How its numbers compare with what exists.
    pub verdicts: Vec<VerdictCount>,
    /// What of its new numbers somebody reserved.
    pub reserved: Vec<Reserved>,
    /// Where its audit row will go, where that is known already.
    pub place: Option<Place>,
}

/// New numbers of an order that somebody reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// The account that they are reserved for.
    pub account: String,
    /// Until when.
    pub until: OffsetDateTime,
    /// How many.
    pub count: i64,
}

/// The statement that stages a few numbers, all with what they are now or all without.
fn insert_items(order_id: i64, items: &[NewItem]) -> Conditions {
    let mut insert = Conditions::default();
    let have_before = !items.is_empty() && items.iter().all(|item| item.before.is_some());
    insert.push(
        if have_before {
            "
        INSERT INTO order_items (
            order_id, telephone_number, line, account_id, settings_id, country, state, verdict, base_rev,
            from_account_id, from_settings_id
        )
        VALUES "
        } else {
            "
        INSERT INTO order_items (
            order_id, telephone_number, line, account_id, settings_id, country, state, verdict, base_rev
        )
        VALUES "
        },
        [],
    );
    for (index, item) in items.iter().enumerate() {
        let values = [
            Bind::Int(order_id),
            Bind::Int(item.number.as_i64()),
            Bind::Int(i64::from(item.line)),
            Bind::Int(item.account_id),
            Bind::Int(item.settings_id),
            item.country.clone().into(),
            item.state.key().into(),
        ];
        let comma = if index == 0 { "" } else { ", " };
        insert.push(comma, []);
        match item.before.filter(|_| have_before) {
            None => insert.push("(?, ?, ?, ?, ?, ?, ?, 'new', 0)", values),
            Some(before) => {
                insert.push("(?, ?, ?, ?, ?, ?, ?", values);
                insert.push(
                    ", ?, ?, ?, ?)",
                    [
                        before.verdict.key().into(),
                        Bind::Int(before.rev),
                        Bind::Int(before.account_id),
                        Bind::Int(before.settings_id),
                    ],
                )
            }
        };
    }
    insert.bulk()
}

/// Rows in one insert: eleven binds each at most, under SQLite's limit of 32,766.
const ROWS: usize = 2_000;

impl Tx {
    /// Stages numbers for review, all of them with what they are now or all without.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn insert_items(&mut self, order_id: i64, items: &[NewItem]) -> Result<()> {
        for chunk in items.chunks(ROWS) {
            let mut script = Script::default();
            script.built(insert_items(order_id, chunk));
            self.run(script).await?;
        }
        Ok(())
    }

    /// Writes down an order that needs no review, with its account, its numbers and their settings, and tells how they
    /// compare with what exists, and where its audit row will go, where that is known already. `quarantine` is the time by
    /// which numbers are looked for in it, if they are.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn stage_order(
        &mut self,
        order: &NewOrder<'_>,
        account: (i64, i64),
        values: &[NumberSettings],
        items: &[NewItem],
        (now, quarantine): (OffsetDateTime, Option<OffsetDateTime>),
    ) -> Result<StagedOrder> {
        let id = || Bind::Int(order.id);
        let mut script = Script::default();
        script.built(orders::insert(order, now));
        script.step(orders::INSERT_ACCOUNT, [id(), Bind::Int(account.0), Bind::Int(account.1)]);
        for value in values {
            script.built(settings::insert(value));
        }
        for chunk in items.chunks(ROWS) {
            script.built(insert_items(order.id, chunk));
        }
        let one_writer = matches!(self.conn(), Conn::Sqlite(_));
        if one_writer {
            script.step(orders::TAKE_NUMBER, [id()]).step(audit::FREE, []);
        }
        let compare = if one_writer { compare::COMPARE_SQLITE } else { compare::COMPARE_POSTGRES };
        script.step(compare, [id(), compare::quarantine_at(quarantine)]).step(STAGED, [id(), Bind::Int(micros(now))]);
        let mut outcomes = self.run(script).await?;
        let verdicts = outcomes.pop().unwrap_or_default().rows::<3>()?;
        let place = outcomes.into_iter().nth_back(1).filter(|_| one_writer);
        let place = place.map_or_else(|| Ok(Vec::new()), Done::rows::<2>)?.pop().and_then(Place::found);
        let mut staged = StagedOrder { verdicts: Vec::new(), reserved: Vec::new(), place };
        for [what, count, until] in verdicts {
            let unreadable = || Error::unreadable("order_items", "verdict", order.id);
            let (what, count) = what.text().zip(count.int()).ok_or_else(unreadable)?;
            match until.int() {
                Some(until) if until > 0 => staged.reserved.push(Reserved { account: what, until: at(until), count }),
                _ => staged.verdicts.push((Verdict::from_key(&what).ok_or_else(unreadable)?, count)),
            }
        }
        Ok(staged)
    }

    /// Stages the numbers that match the filter for release; tells how many.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn stage_release(
        &mut self,
        order_id: i64,
        filter: &NumberFilter,
        numbers: Option<&[E164]>,
    ) -> Result<u64> {
        let mut staged = 0;
        let all: &[E164] = &[];
        let chunks: Vec<&[E164]> = numbers.map_or_else(|| vec![all], |numbers| numbers.chunks(1_000).collect());
        for chunk in chunks {
            let mut insert = Conditions::default();
            insert.push(
                "
                INSERT INTO order_items (
                    order_id, telephone_number, line, account_id,
                    settings_id, country, verdict, base_rev, state
                )
                SELECT
                    CAST(? AS BIGINT), n.telephone_number, 0, n.account_id, n.settings_id, n.country,
                    CASE WHEN n.state = 'releasing' THEN 'releasing' ELSE 'release' END,
                    n.rev, 'idle'
                FROM numbers n
                WHERE TRUE",
                [Bind::Int(order_id)],
            );
            filter.add_to(&mut insert);
            if numbers.is_some() {
                in_list(&mut insert, " AND n.telephone_number IN (", chunk);
            }
            insert.push(" ON CONFLICT (order_id, telephone_number) DO NOTHING", []);
            staged += on!(self, |c| bind_all!(sqlx::query(insert.sql()), insert)
                .execute(c)
                .await
                .map(|done| done.rows_affected()))?;
        }
        Ok(staged)
    }
}
