//! Numbers that an order moves to another tenant: what a backend has released goes over to the account that gets it.

use time::OffsetDateTime;

use super::pushes::Push;
use crate::domain::{E164, Progress, ServiceSet};
use crate::store::numbers::in_list;
use crate::store::sql::{Bind, Conditions, bind_all, on};
use crate::store::{Result, Tx, micros};

/// Those of a push that are to go over to an account, which is there: it is neither deleted nor changed in what matters while
/// numbers are on their way to it.
const GOING: &str = "
    n.push_id = ?
    AND COALESCE((SELECT 1 FROM accounts a WHERE a.id = i.account_id), 0) = 1
    AND n.rev = n.pushed_rev
    AND i.order_id = n.order_id
    AND i.telephone_number = n.telephone_number
    AND i.verdict = 'changed'
    AND i.account_id <> n.account_id";

impl Tx {
    /// Lets those of these numbers go over that a backend has released for it, and gives the accounts that got some. Who had
    /// them until now is written down, and their counts are, before.
    pub(super) async fn hand_on(&mut self, push: &Push, numbers: &[E164], now: OffsetDateTime) -> Result<Vec<i64>> {
        let mut counts = Conditions::default();
        counts.push(
            "
            SELECT i.account_id, s.services, CAST(COUNT(*) AS BIGINT)
            FROM numbers n
            JOIN order_items i ON i.order_id = n.order_id AND i.telephone_number = n.telephone_number
            JOIN settings s ON s.id = i.settings_id
            WHERE ",
            [],
        );
        counts.push(GOING, [Bind::Int(push.id)]);
        in_list(&mut counts, " AND n.telephone_number IN (", numbers);
        counts.push(" GROUP BY i.account_id, s.services ORDER BY i.account_id", []);
        let rows: Vec<(i64, i64, i64)> =
            on!(self, |c| bind_all!(sqlx::query_as(counts.sql()), counts).fetch_all(c).await)?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        for (account, services, count) in &rows {
            self.add_to_number_counts(*account, &[(ServiceSet::from_bits(*services), *count)]).await?;
        }
        self.end_those_that_nobody_has_to_hear_of(push, numbers, now).await?;
        let mut write = Conditions::default();
        write.push(
            "
            UPDATE numbers AS n
            SET account_id = i.account_id,
                settings_id = i.settings_id,
                as_sent_id = NULL,
                state = CASE i.state WHEN 'done' THEN 'synced' ELSE 'pending' END,
                assigned = FALSE,
                error_id = NULL,
                push_id = NULL,
                pushed_rev = NULL,
                rev = n.rev + 1,
                changed_at = ?
            FROM order_items i
            WHERE ",
            [Bind::Int(micros(now))],
        );
        write.push(GOING, [Bind::Int(push.id)]);
        in_list(&mut write, " AND n.telephone_number IN (", numbers);
        on!(self, |c| bind_all!(sqlx::query(write.sql()), write).execute(c).await.map(drop))?;
        let mut accounts: Vec<i64> = rows.into_iter().map(|(account, ..)| account).collect();
        accounts.dedup();
        Ok(accounts)
    }

    /// Ends the items of numbers of which no backend has to hear on the account that gets them.
    async fn end_those_that_nobody_has_to_hear_of(
        &mut self,
        push: &Push,
        numbers: &[E164],
        now: OffsetDateTime,
    ) -> Result<()> {
        let mut counts = Conditions::default();
        counts.push(
            "
            SELECT n.order_id, CAST(COUNT(*) AS BIGINT)
            FROM numbers n
            JOIN order_items i ON i.order_id = n.order_id AND i.telephone_number = n.telephone_number
            WHERE i.state = 'pending'
              AND COALESCE(i.outside, '') <> 'expected'
              AND ",
            [],
        );
        counts.push(GOING, [Bind::Int(push.id)]);
        in_list(&mut counts, " AND n.telephone_number IN (", numbers);
        counts.push(" GROUP BY n.order_id ORDER BY n.order_id", []);
        let orders: Vec<(i64, i64)> =
            on!(self, |c| bind_all!(sqlx::query_as(counts.sql()), counts).fetch_all(c).await)?;
        if orders.is_empty() {
            return Ok(());
        }
        let mut items = Conditions::default();
        items.push(
            "
            UPDATE order_items AS i
            SET state = 'done', error_id = NULL
            FROM numbers n
            WHERE i.state = 'pending'
              AND COALESCE(i.outside, '') <> 'expected'
              AND ",
            [],
        );
        items.push(GOING, [Bind::Int(push.id)]);
        in_list(&mut items, " AND n.telephone_number IN (", numbers);
        on!(self, |c| bind_all!(sqlx::query(items.sql()), items).execute(c).await.map(drop))?;
        for (order, count) in orders {
            self.add_progress(order, Progress { done: count, ..Progress::default() }, now).await?;
        }
        Ok(())
    }
}
