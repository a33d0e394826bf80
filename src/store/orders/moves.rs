//! Submitting an order that moves numbers to another account.
//!
//! Within a tenant a number goes over at once: its backend does not see accounts. To another tenant it goes over at once where
//! no backend holds it for the tenant before; else it is released there first, stays with its account meanwhile, and goes
//! over with the backend's answer (`store/sync/handed_on.rs`). Its item waits until the last backend has answered.

use super::compare::{leaves_tenant, other_tenant};
use super::divide;
use super::submit::{Applied, OrderToApply};
use crate::domain::{Moves, OrderKind, Progress};
use crate::store::sql::{Bind, dialect, on, statements};
use crate::store::sqlite::script::{Done, Script};
use crate::store::{Result, Tx, drift, micros};

/// The numbers of the order that go over now: those that no backend has to release first.
macro_rules! going_over {
    () => {
        "
            FROM order_items i
            LEFT JOIN numbers n ON n.telephone_number = i.telephone_number
            LEFT JOIN accounts a ON a.id = i.account_id
            WHERE i.order_id = $1
              AND i.verdict = 'changed'
              AND COALESCE(n.state, '') <> 'releasing'"
    };
}

/// Whether the account that a number goes to (`i`) is of another tenant than the one that had it.
macro_rules! went_to_other_tenant {
    () => {
        other_tenant!(
            "i.from_account_id",
            "i.account_id",
            "(
                SELECT a.tenant_id
                FROM accounts a
                WHERE a.id = i.account_id
            )"
        )
    };
}

/// Whether a backend has to know of a number on the account that gets it; `$2` are the services that backends provision.
macro_rules! known_there {
    () => {
        "COALESCE((
                SELECT a.services & a.synced & s.services & $2
                FROM accounts a
                CROSS JOIN settings s
                WHERE a.id = order_items.account_id AND s.id = order_items.settings_id
            ), 0) <> 0"
    };
}

statements! {
    // To another tenant, and a backend holds the number for the one before, or may.
    RELEASE_FIRST = "
        UPDATE numbers
        SET state = 'releasing',
            error_id = NULL,
            rev = numbers.rev + 1,
            order_id = $1,
            changed_at = $3
        FROM order_items i
        WHERE i.order_id = $1
          AND i.verdict = 'changed'
          AND numbers.telephone_number = i.telephone_number
          AND numbers.rev = i.base_rev
          AND numbers.account_id = i.from_account_id
          AND numbers.state <> 'releasing'
          AND numbers.push_id IS NULL
          AND COALESCE((
              SELECT CASE
                  WHEN f.id = a.id OR f.tenant_id IS NULL OR f.tenant_id = a.tenant_id THEN 0
                  WHEN (f.services & f.synced & o.services & $2) <> 0 THEN 1
                  WHEN numbers.state <> 'synced' AND (f.services & f.synced & $2) <> 0 THEN 1
                  ELSE 0
              END
              FROM accounts f
              CROSS JOIN accounts a
              CROSS JOIN settings o
              WHERE f.id = numbers.account_id AND a.id = i.account_id AND o.id = numbers.settings_id
          ), 0) = 1";
    // What is noted beside a number that is released first is whether a backend has to know of it afterwards.
    BEGUN = concat!(
        "
        UPDATE order_items
        SET state = CASE
                WHEN COALESCE((
                    SELECT n.state
                    FROM numbers n
                    WHERE n.telephone_number = order_items.telephone_number
                ), '') = 'releasing' THEN 'pending'
                WHEN outside IN ('equal', 'same') THEN 'done'
                WHEN ",
        known_there!(),
        " THEN 'pending'
                ELSE 'done'
            END,
            outside = CASE
                WHEN COALESCE(outside, '') <> 'expected' THEN outside
                WHEN ",
        known_there!(),
        " THEN outside
            END
        WHERE order_id = $1
          AND verdict = 'changed'"
    );
    FEWER = concat!(
        "
        INSERT INTO account_services (account_id, services, numbers)
        SELECT c.account_id, o.services, -CAST(SUM(c.count) AS BIGINT)
        FROM (
            SELECT n.account_id, n.settings_id, CAST(COUNT(*) AS BIGINT) AS count",
        going_over!(),
        "
            GROUP BY n.account_id, n.settings_id
        ) AS c
        JOIN settings o ON o.id = c.settings_id
        GROUP BY c.account_id, o.services
        ON CONFLICT (account_id, services)
        DO UPDATE SET numbers = account_services.numbers + excluded.numbers"
    );
    MORE = concat!(
        "
        INSERT INTO account_services (account_id, services, numbers)
        SELECT c.account_id, s.services, CAST(SUM(c.count) AS BIGINT)
        FROM (
            SELECT i.account_id, i.settings_id, CAST(COUNT(*) AS BIGINT) AS count",
        going_over!(),
        "
            GROUP BY i.account_id, i.settings_id
        ) AS c
        JOIN settings s ON s.id = c.settings_id
        GROUP BY c.account_id, s.services
        ON CONFLICT (account_id, services)
        DO UPDATE SET numbers = account_services.numbers + excluded.numbers"
    );
    TOTALS = concat!(
        "
        UPDATE accounts
        SET number_count = number_count + c.count
        FROM (
            SELECT u.account_id, CAST(SUM(u.count) AS BIGINT) AS count
            FROM (
                SELECT i.account_id, CAST(COUNT(*) AS BIGINT) AS count",
        going_over!(),
        "
                GROUP BY i.account_id
                UNION ALL
                SELECT n.account_id, -CAST(COUNT(*) AS BIGINT) AS count",
        going_over!(),
        "
                GROUP BY n.account_id
            ) AS u
            GROUP BY u.account_id
        ) AS c
        WHERE accounts.id = c.account_id"
    );
    ENDED = concat!(
        "
        INSERT INTO holdings (telephone_number, order_id, holder_id, until)
        SELECT
            i.telephone_number, CAST($1 AS BIGINT),
            COALESCE((SELECT f.holder_id FROM accounts f WHERE f.id = n.account_id), 0),
            CAST($2 AS BIGINT)",
        going_over!(),
        "
          AND n.account_id <> i.account_id
        ON CONFLICT (telephone_number, order_id) DO NOTHING"
    );
    // Whoever had it may have it back.
    QUARANTINED = concat!(
        "
        INSERT INTO quarantine (telephone_number, holder_id, country, order_id, released_at, free_at)
        SELECT
            i.telephone_number,
            COALESCE((SELECT f.holder_id FROM accounts f WHERE f.id = n.account_id), 0),
            COALESCE(n.country, ''), CAST($1 AS BIGINT), CAST($2 AS BIGINT),
            CAST($2 AS BIGINT) + COALESCE(
                (SELECT p.period FROM quarantine_periods p WHERE p.country = n.country),
                (SELECT d.period FROM quarantine_periods d WHERE d.country = ''),
                0
            )",
        going_over!(),
        "
          AND ",
        leaves_tenant!(),
        "
          AND COALESCE(
              (SELECT p.period FROM quarantine_periods p WHERE p.country = n.country),
              (SELECT d.period FROM quarantine_periods d WHERE d.country = ''),
              0
          ) > 0
        ON CONFLICT (telephone_number) DO UPDATE
        SET holder_id = excluded.holder_id,
            country = excluded.country,
            order_id = excluded.order_id,
            released_at = excluded.released_at,
            free_at = excluded.free_at"
    );
    // Nobody at the other tenant has the number yet, and what a program sent for the one before is not for it.
    GO_OVER = concat!(
        "
        UPDATE numbers
        SET account_id = i.account_id,
            settings_id = i.settings_id,
            state = CASE i.state WHEN 'done' THEN 'synced' ELSE 'pending' END,
            assigned = CASE
                WHEN ",
        went_to_other_tenant!(),
        " THEN FALSE
                ELSE numbers.assigned
            END,
            as_sent_id = CASE
                WHEN ",
        went_to_other_tenant!(),
        " THEN NULL
                ELSE numbers.as_sent_id
            END,
            error_id = NULL,
            rev = numbers.rev + 1,
            order_id = $1,
            changed_at = $2
        FROM order_items i
        WHERE i.order_id = $1
          AND i.verdict = 'changed'
          AND numbers.telephone_number = i.telephone_number
          AND numbers.rev = i.base_rev
          AND numbers.account_id = i.from_account_id
          AND numbers.state <> 'releasing'
          AND numbers.push_id IS NULL"
    );
    STATES = "
        SELECT state, CAST(COUNT(*) AS BIGINT)
        FROM order_items
        WHERE order_id = $1
          AND verdict = 'changed'
        GROUP BY state";
    // Both the accounts that numbers are released from and those that get them. LEFT: they are looked up by their keys.
    WAITING = "
        SELECT DISTINCT n.account_id
        FROM order_items i
        LEFT JOIN numbers n ON n.telephone_number = i.telephone_number
        WHERE i.order_id = $1
          AND i.state = 'pending'
          AND n.account_id IS NOT NULL
        ORDER BY n.account_id";
    // What is refused on the account before is released once more, for the account that was reviewed.
    RETRY_LEAVING = "
        UPDATE numbers
        SET state = 'releasing',
            error_id = NULL,
            rev = numbers.rev + 1,
            changed_at = $2
        FROM order_items i
        WHERE i.order_id = $1
          AND i.state = 'failed'
          AND numbers.telephone_number = i.telephone_number
          AND numbers.order_id = $1
          AND numbers.account_id <> i.account_id
          AND COALESCE(numbers.state, '') = 'failed'
          AND COALESCE((
              SELECT 1
              FROM accounts a
              JOIN order_accounts r ON r.account_id = a.id AND r.order_id = $1
              WHERE a.id = i.account_id AND a.rev = r.account_rev
          ), 0) = 1";
    // Numbers that are to come to an account once a backend has released them elsewhere.
    COMING_BY = "
        SELECT r.order_id
        FROM order_accounts r
        WHERE r.account_id = $1
          AND COALESCE((
              SELECT 1
              FROM orders o
              WHERE o.id = r.order_id
                AND o.moves = 'tenant'
                AND o.status IN ('pending', 'in-progress')
          ), 0) = 1";
    COMING = "
        SELECT CAST(COUNT(*) AS BIGINT)
        FROM order_items i
        WHERE i.order_id = $1
          AND i.account_id = $2
          AND i.verdict = 'changed'
          AND i.state = 'pending'";
    CROSSING = concat!(
        "
        SELECT CAST(COUNT(*) AS BIGINT)
        FROM order_items i
        LEFT JOIN numbers n ON n.telephone_number = i.telephone_number
        LEFT JOIN accounts a ON a.id = i.account_id
        WHERE i.order_id = $1
          AND ",
        leaves_tenant!()
    );
}

impl Tx {
    /// Applies an order that moves numbers, as [`Tx::apply_order`] does others.
    pub(super) async fn apply_moves(&mut self, of: &OrderToApply<'_>) -> Result<Option<Applied>> {
        let provisioned = Bind::Int(of.backends.provisioned().bits());
        self.overtake(of).await?;
        let (id, now) = (|| Bind::Int(of.order_id), || Bind::Int(micros(of.now)));
        let mut script = Script::default();
        script
            .step(RELEASE_FIRST, [id(), provisioned.clone(), now()])
            .step(BEGUN, [id(), provisioned])
            .step(FEWER, [id()])
            .step(MORE, [id()])
            .step(TOTALS, [id()])
            .step(ENDED, [id(), now()])
            .step(QUARANTINED, [id(), now()])
            .step(divide::SETS, [id()]);
        let mut outcomes = self.run(script).await?.into_iter();
        let released = outcomes.next().map_or(0, |done| done.affected);
        let sets = outcomes.next_back().unwrap_or_default();
        let is_divided = divide::may_divide(sets, OrderKind::Upload, of.backends)?
            && self.divide(of.order_id, OrderKind::Upload, of.backends).await?;
        let written = dialect!(self, sqlite: drift::keep::WRITTEN_SQLITE, postgres: drift::keep::WRITTEN_POSTGRES);
        let mut script = Script::default();
        script.step(written, [id()]).step(GO_OVER, [id(), now()]).step(STATES, [id()]);
        let mut outcomes = self.run(script).await?.into_iter();
        let gone_over = outcomes.nth(1).map_or(0, |done| done.affected);
        let states = outcomes.next().map_or_else(|| Ok(Vec::new()), Done::rows::<2>)?;
        let counted = |wanted: Option<&str>| -> i64 {
            let rows = states.iter().filter_map(|[state, count]| Some((state.clone().text()?, count.int()?)));
            rows.filter(|(state, _)| wanted.is_none_or(|wanted| wanted == state)).map(|(_, count)| count).sum()
        };
        let total = counted(None);
        if (released + gone_over) as i64 != total {
            return Ok(None);
        }
        if is_divided {
            self.mark_divided(of.order_id).await?;
        }
        Ok(Some(Applied {
            progress: Progress { total, done: counted(Some("done")), ..Progress::default() },
            to_push: self.moves_waiting(of.order_id).await?,
        }))
    }

    /// The accounts whose numbers of an order that moves them wait for a backend: those that have them, and those that got them.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn moves_waiting(&mut self, order_id: i64) -> Result<Vec<i64>> {
        Ok(on!(self, |c| sqlx::query_scalar(WAITING).bind(order_id).fetch_all(c).await)?)
    }

    /// How many numbers are on their way to an account from other enterprises.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn numbers_coming(&mut self, account_id: i64) -> Result<i64> {
        let orders: Vec<i64> = on!(self, |c| sqlx::query_scalar(COMING_BY).bind(account_id).fetch_all(c).await)?;
        let mut coming = 0;
        for order in orders {
            let count: i64 = on!(self, |c| sqlx::query_scalar(COMING).bind(order).bind(account_id).fetch_one(c).await)?;
            coming += count;
        }
        Ok(coming)
    }

    /// Where the numbers of a draft go, as their accounts are now.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn where_to(&mut self, order_id: i64) -> Result<Moves> {
        let crossing: i64 = on!(self, |c| sqlx::query_scalar(CROSSING).bind(order_id).fetch_one(c).await)?;
        Ok(if crossing > 0 { Moves::ToOtherTenant } else { Moves::WithinTenant })
    }

    /// Lets the failed numbers of an order that are to be released first wait for that again; tells how many.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn retry_leaving(&mut self, order_id: i64, now: time::OffsetDateTime) -> Result<i64> {
        let retried = on!(self, |c| sqlx::query(RETRY_LEAVING)
            .bind(order_id)
            .bind(micros(now))
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?;
        self.retry_items(order_id, "releasing").await?;
        Ok(retried as i64)
    }
}
