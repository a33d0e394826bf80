//! Submitting an order: its staged numbers become what should be true, all of them or none.

use time::OffsetDateTime;

use super::divide;
use crate::domain::{BackendInfo, Backends, ItemState, Moves, OrderKind, Progress, SyncState, Verdict};
use crate::store::audit::{self, Place};
use crate::store::numbers::holdings;
use crate::store::sql::{Bind, dialect, on, statements};
use crate::store::sqlite::script::{Done, Script};
use crate::store::sync::wanted;
use crate::store::{AuditEntry, Conn, Result, Tx, VerdictCount, drift, micros, orders};

/// How an item begins; `$2` are the services that backends provision. What no backend need hear of is done at once: what
/// they hold just so already, and a number without a synced service, unless a backend may hold it from before.
macro_rules! begun_sqlite {
    () => {
        "CASE
            WHEN verdict NOT IN ('new', 'changed', 'release') THEN 'idle'
            WHEN outside IN ('equal', 'same') THEN 'done'
            WHEN EXISTS (
                SELECT 1
                FROM accounts a
                JOIN settings s ON s.id = order_items.settings_id
                WHERE a.id = order_items.account_id
                  AND (a.services & a.synced & s.services & $2) <> 0
            ) THEN 'pending'
            WHEN verdict = 'new' THEN 'done'
            WHEN EXISTS (
                SELECT 1
                FROM numbers n
                JOIN accounts a ON a.id = n.account_id
                JOIN settings o ON o.id = n.settings_id
                WHERE n.telephone_number = order_items.telephone_number
                  AND (a.services & a.synced & $2) <> 0
                  AND ((a.services & a.synced & o.services & $2) <> 0 OR n.state <> 'synced')
            ) THEN 'pending'
            ELSE 'done'
        END"
    };
}

/// The same for PostgreSQL: what exists is asked for as a value of each item, which is looked up by its key. Of EXISTS it
/// makes a set of all numbers when it believes the order to be large.
macro_rules! begun_postgres {
    () => {
        "CASE
            WHEN verdict NOT IN ('new', 'changed', 'release') THEN 'idle'
            WHEN outside IN ('equal', 'same') THEN 'done'
            WHEN COALESCE((
                SELECT a.services & a.synced & s.services & $2
                FROM accounts a
                LEFT JOIN settings s ON s.id = order_items.settings_id
                WHERE a.id = order_items.account_id
            ), 0) <> 0 THEN 'pending'
            WHEN verdict = 'new' THEN 'done'
            WHEN COALESCE((
                SELECT CASE
                    WHEN (a.services & a.synced & $2) <> 0
                      AND ((a.services & a.synced & o.services & $2) <> 0 OR n.state <> 'synced')
                      THEN 1
                    ELSE 0
                END
                FROM numbers n
                LEFT JOIN accounts a ON a.id = n.account_id
                LEFT JOIN settings o ON o.id = n.settings_id
                WHERE n.telephone_number = order_items.telephone_number
            ), 0) <> 0 THEN 'pending'
            ELSE 'done'
        END"
    };
}

/// Sets how the items of an order begin; most were staged so.
macro_rules! items_begun {
    ($begun:expr) => {
        concat!(
            "
            UPDATE order_items
            SET state = ",
            $begun,
            "
            WHERE order_id = $1
              AND state <> ",
            $begun
        )
    };
}

/// Takes numbers over from the orders that still wait for them.
macro_rules! overtake {
    () => {
        "
        UPDATE order_items
        SET state = 'superseded'
        FROM (
            SELECT n.order_id, n.telephone_number
            FROM order_items i
            JOIN numbers n ON n.telephone_number = i.telephone_number
            WHERE i.order_id = $1
              AND i.verdict IN ('changed', 'release')
        ) AS c
        WHERE order_items.order_id = c.order_id
          AND order_items.telephone_number = c.telephone_number
          AND order_items.state = 'pending'"
    };
}

statements! {
    MOVED = "
        SELECT CAST(COUNT(*) AS BIGINT)
        FROM order_items i
        LEFT JOIN numbers n ON n.telephone_number = i.telephone_number
        WHERE i.order_id = $1
          AND i.verdict = 'unchanged'
          AND (n.rev IS NULL OR n.rev <> i.base_rev OR n.account_id <> i.account_id)";
    OVERTAKEN_SQLITE = "
        SELECT n.order_id, CAST(COUNT(*) AS BIGINT)
        FROM order_items i
        JOIN numbers n ON n.telephone_number = i.telephone_number
        JOIN order_items old ON old.order_id = n.order_id AND old.telephone_number = n.telephone_number
        WHERE i.order_id = $1
          AND i.verdict IN ('changed', 'release')
          AND old.state = 'pending'
        GROUP BY n.order_id";
    OVERTAKE = overtake!();
    // What is counted is what was written: the sync engine may record results at the same moment.
    OVERTAKEN_POSTGRES = concat!(
        "
        WITH taken AS (",
        overtake!(),
        "
            RETURNING order_items.order_id
        )
        SELECT order_id, CAST(COUNT(*) AS BIGINT)
        FROM taken
        GROUP BY order_id
        ORDER BY order_id"
    );
    // What changed numbers were, so that the order can be undone. Each is looked up by its key.
    REMEMBER = "
        UPDATE order_items
        SET from_settings_id = (
            SELECT n.settings_id
            FROM numbers n
            WHERE n.telephone_number = order_items.telephone_number
        )
        WHERE order_id = $1
          AND verdict = 'changed'";
    // The counts of accounts: numbers that change services leave one set and enter another; those that go at once leave.
    FEWER = "
        INSERT INTO account_services (account_id, services, numbers)
        SELECT n.account_id, o.services, -CAST(COUNT(*) AS BIGINT)
        FROM order_items i
        JOIN numbers n ON n.telephone_number = i.telephone_number
        JOIN settings o ON o.id = n.settings_id
        WHERE i.order_id = $1
          AND (i.verdict = 'changed' OR (i.verdict = 'release' AND i.state = 'done'))
        GROUP BY n.account_id, o.services
        ON CONFLICT (account_id, services)
        DO UPDATE SET numbers = account_services.numbers + excluded.numbers";
    MORE = "
        INSERT INTO account_services (account_id, services, numbers)
        SELECT c.account_id, s.services, CAST(SUM(c.count) AS BIGINT)
        FROM (
            SELECT account_id, settings_id, CAST(COUNT(*) AS BIGINT) AS count
            FROM order_items
            WHERE order_id = $1
              AND verdict IN ('new', 'changed')
            GROUP BY account_id, settings_id
        ) AS c
        JOIN settings s ON s.id = c.settings_id
        GROUP BY c.account_id, s.services
        ON CONFLICT (account_id, services)
        DO UPDATE SET numbers = account_services.numbers + excluded.numbers";
    TOTALS = "
        UPDATE accounts
        SET number_count = number_count + c.count
        FROM (
            SELECT account_id, CAST(SUM(CASE verdict WHEN 'new' THEN 1 ELSE -1 END) AS BIGINT) AS count
            FROM order_items
            WHERE order_id = $1
              AND (verdict = 'new' OR (verdict = 'release' AND state = 'done'))
            GROUP BY account_id
        ) AS c
        WHERE accounts.id = c.account_id";
    ITEMS_BEGUN_SQLITE = items_begun!(begun_sqlite!());
    ITEMS_BEGUN_POSTGRES = items_begun!(begun_postgres!());
    // What was to be adopted and is on its way to a backend meanwhile is not written, which makes the review anew.
    UPSERT = "
        INSERT INTO numbers (
            telephone_number, account_id, settings_id, country, state, rev, order_id, changed_at
        )
        SELECT
            i.telephone_number, i.account_id, i.settings_id, i.country,
            CASE i.state WHEN 'done' THEN 'synced' ELSE 'pending' END,
            i.base_rev + 1, i.order_id, $2
        FROM order_items i
        WHERE i.order_id = $1
          AND i.verdict IN ('new', 'changed')
          AND (
              COALESCE(i.outside, '') NOT IN ('equal', 'same')
              OR COALESCE((
                  SELECT p.push_id
                  FROM numbers p
                  WHERE p.telephone_number = i.telephone_number
              ), 0) = 0
          )
        ON CONFLICT (telephone_number)
        DO UPDATE SET
            settings_id = excluded.settings_id,
            country = excluded.country,
            state = excluded.state,
            error_id = NULL,
            rev = excluded.rev,
            order_id = excluded.order_id,
            changed_at = excluded.changed_at
        WHERE numbers.rev = excluded.rev - 1
          AND numbers.account_id = excluded.account_id
          AND numbers.state <> 'releasing'";
    RELEASE = "
        UPDATE numbers
        SET state = 'releasing',
            error_id = NULL,
            rev = numbers.rev + 1,
            order_id = $1,
            changed_at = $2
        FROM order_items i
        WHERE i.order_id = $1
          AND i.verdict = 'release'
          AND numbers.telephone_number = i.telephone_number
          AND numbers.rev = i.base_rev
          AND numbers.account_id = i.account_id
          AND numbers.state <> 'releasing'";
    // COALESCE here and below: the numbers are looked up by their keys, not by their state.
    DELETE_LOCAL = "
        DELETE FROM numbers
        WHERE order_id = $1
          AND COALESCE(state, '') = 'releasing'
          AND telephone_number IN (
              SELECT telephone_number
              FROM order_items
              WHERE order_id = $1
                AND verdict = 'release'
                AND state = 'done'
          )";
    STATES = "
        SELECT account_id, state, CAST(COUNT(*) AS BIGINT)
        FROM order_items
        WHERE order_id = $1
          AND verdict IN ('new', 'changed', 'release')
        GROUP BY account_id, state
        ORDER BY account_id";
    ACCOUNTS_TO_PUSH = "
        SELECT DISTINCT account_id
        FROM order_items
        WHERE order_id = $1
          AND state = 'pending'
        ORDER BY account_id";
    RETRY_NUMBERS = "
        UPDATE numbers
        SET state = $2,
            error_id = NULL,
            rev = numbers.rev + 1,
            changed_at = $3
        FROM order_items i
        WHERE i.order_id = $1
          AND i.state = $4
          AND numbers.telephone_number = i.telephone_number
          AND numbers.order_id = $1
          AND COALESCE(numbers.account_id, 0) = i.account_id
          AND COALESCE(numbers.state, '') = 'failed'";
    RETRY_ITEMS = "
        UPDATE order_items
        SET state = 'pending', error_id = NULL
        FROM numbers n
        WHERE order_items.order_id = $1
          AND order_items.state = 'failed'
          AND n.telephone_number = order_items.telephone_number
          AND n.order_id = $1
          AND COALESCE(n.state, '') = $2";
}

/// An order to submit, and what rules it.
#[derive(Clone, Copy, Debug)]
pub struct OrderToApply<'a> {
    /// Its number.
    pub order_id: i64,
    /// The verdicts of its numbers.
    pub verdicts: &'a [VerdictCount],
    /// Which backend has to know of which services.
    pub backends: &'a Backends,
    /// Where its numbers go, where it moves them.
    pub moves: Option<Moves>,
    /// Whether a review compared it with what the backends hold, so that what they hold just so is not pushed.
    pub is_reviewed: bool,
    /// When it is submitted.
    pub now: OffsetDateTime,
}

impl OrderToApply<'_> {
    /// The backends whose parts of its numbers may be adopted.
    fn adopting(&self) -> impl Iterator<Item = &BackendInfo> {
        self.backends.iter().filter(|_| self.is_reviewed)
    }

    /// How many numbers have one of these verdicts.
    fn count(&self, wanted: &[Verdict]) -> i64 {
        self.verdicts.iter().filter(|(verdict, _)| wanted.contains(verdict)).map(|(_, count)| count).sum()
    }

    fn kind(&self) -> OrderKind {
        if self.count(&[Verdict::Release]) > 0 { OrderKind::Release } else { OrderKind::Upload }
    }

    fn id(&self) -> [Bind; 1] {
        [Bind::Int(self.order_id)]
    }

    /// The order and the services that a backend has to know of.
    fn begun(&self) -> [Bind; 2] {
        [Bind::Int(self.order_id), Bind::Int(self.backends.provisioned().bits())]
    }
}

/// Failed numbers of an order that wait again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retried {
    /// Those that the order counted as failed.
    pub counted: i64,
    /// Those that one backend has refused while another has yet to answer, so that the order counts them as waiting.
    pub uncounted: i64,
}

impl Retried {
    /// How many there are.
    #[must_use]
    pub const fn all(self) -> i64 {
        self.counted + self.uncounted
    }

    /// Where each is counted, by the state of the order's item.
    pub(super) fn by_item(&mut self) -> [(&'static str, &mut i64); 2] {
        [("failed", &mut self.counted), ("pending", &mut self.uncounted)]
    }
}

/// What a submitted order set going.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The order's counts.
    pub progress: Progress,
    /// The accounts whose numbers wait for the backend.
    pub to_push: Vec<i64>,
}

impl Applied {
    /// The state of every number that was written, where it is the same.
    pub fn one_state(&self) -> Option<SyncState> {
        match self.progress {
            Progress { done: 0, .. } => Some(SyncState::Pending),
            Progress { total, done, .. } if total == done => Some(SyncState::Synced),
            _ => None,
        }
    }
}

impl Tx {
    /// Makes the staged numbers of an order, which have these verdicts, what should be true. `None` when what exists is not
    /// what the review compared with: then the transaction must be given up.
    ///
    /// The comparison is the write itself: each number is only written at the rev that was reviewed, so the count of
    /// written rows tells.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn apply_order(&mut self, order: &OrderToApply<'_>) -> Result<Option<Applied>> {
        self.apply(order, Script::default()).await
    }

    /// The same for an order that needed no review: marks it as submitted, with its counts, asks for its accounts to be
    /// pushed and appends its audit row, at its place where that is known already.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn apply_and_finish(
        &mut self,
        order: &OrderToApply<'_>,
        (entry, place): (AuditEntry, Option<Place>),
    ) -> Result<Option<Applied>> {
        let OrderToApply { order_id, now, .. } = *order;
        let Some(place) = place else {
            let applied = self.apply(order, Script::default()).await?;
            if let Some(applied) = &applied {
                self.finish_order(order_id, applied, entry, order.backends, now).await?;
            }
            return Ok(applied);
        };
        let total = Bind::Int(order.count(&[Verdict::New, Verdict::Changed, Verdict::Release]));
        let mut finish = Script::default();
        finish.step(orders::FINISH_COUNTED, [Bind::Int(order_id), Bind::Int(micros(now)), total]);
        for backend in order.backends.iter() {
            finish.built(wanted::want_accounts(order_id, backend, now));
        }
        finish.step(audit::TAKE, []).built(place.filled(entry, now));
        self.apply(order, finish).await
    }

    /// Applies, and then, on success, does what stands behind it.
    async fn apply(&mut self, of: &OrderToApply<'_>, behind: Script) -> Result<Option<Applied>> {
        let (written, released) = (of.count(&[Verdict::New, Verdict::Changed]), of.count(&[Verdict::Release]));
        if of.count(&[Verdict::Unchanged]) > 0 {
            let moved: i64 = on!(self, |c| sqlx::query_scalar(MOVED).bind(of.order_id).fetch_one(c).await)?;
            if moved > 0 {
                return Ok(None);
            }
        }
        if of.moves.is_some() {
            return self.apply_moves(of).await;
        }
        let mut script = Script::default();
        let are_new = of.count(&[Verdict::Changed, Verdict::Release]) == 0;
        let mut is_divided = false;
        if are_new {
            script.step(dialect!(self, sqlite: ITEMS_BEGUN_SQLITE, postgres: ITEMS_BEGUN_POSTGRES), of.begun());
        } else {
            is_divided = self.take_over(of).await?;
        }
        let written_sql = dialect!(self, sqlite: drift::keep::WRITTEN_SQLITE, postgres: drift::keep::WRITTEN_POSTGRES);
        script.step(written_sql, of.id());
        let before = script.len();
        script.step(if written > 0 { UPSERT } else { RELEASE }, [Bind::Int(of.order_id), micros(of.now).into()]);
        if released > 0 {
            holdings::ended_here(&mut script, of.order_id, of.now);
            script.step(DELETE_LOCAL, of.id());
        }
        if are_new {
            script.step(MORE, of.id());
        }
        script.step(TOTALS, of.id());
        let states = script.len() - before;
        script.step(STATES, of.id()).append(behind);
        let divides = are_new && of.backends.iter().nth(1).is_some();
        if divides {
            script.step(divide::SETS, of.id());
        }
        let mut outcomes = self.run(script).await?.into_iter();
        let found = outcomes.nth(before).map_or(0, |done| done.affected);
        if found as i64 != written + released {
            return Ok(None);
        }
        let states = outcomes.nth(states - 1).map_or_else(|| Ok(Vec::new()), Done::rows::<3>)?;
        if divides && divide::may_divide(outcomes.next_back().unwrap_or_default(), of.kind(), of.backends)? {
            is_divided = self.divide(of.order_id, of.kind(), of.backends).await?;
        }
        if is_divided {
            self.adopt_parts(of.order_id, of.adopting()).await?;
            self.mark_divided(of.order_id).await?;
        }
        let states: Vec<(i64, String, i64)> = states
            .into_iter()
            .filter_map(|[account, state, count]| Some((account.int()?, state.text()?, count.int()?)))
            .collect();
        let done = states.iter().filter(|(_, state, _)| state == ItemState::Done.key()).map(|(.., count)| count).sum();
        let waits = |(account, state, _): &(i64, String, i64)| (state == ItemState::Pending.key()).then_some(*account);
        Ok(Some(Applied {
            progress: Progress { total: written + released, done, ..Progress::default() },
            to_push: states.iter().filter_map(waits).collect(),
        }))
    }

    /// Takes over numbers that exist, before they are written: orders that waited for them wait no more, and those that
    /// several backends have to know are divided. Tells whether there are such.
    async fn take_over(&mut self, of: &OrderToApply<'_>) -> Result<bool> {
        self.overtake(of).await?;
        let mut script = Script::default();
        script
            .step(REMEMBER, of.id())
            .step(dialect!(self, sqlite: ITEMS_BEGUN_SQLITE, postgres: ITEMS_BEGUN_POSTGRES), of.begun())
            .step(FEWER, of.id());
        if of.kind() == OrderKind::Upload {
            script.step(MORE, of.id());
        }
        script.step(divide::SETS, of.id());
        let sets = self.run(script).await?.pop().unwrap_or_default();
        Ok(divide::may_divide(sets, of.kind(), of.backends)?
            && self.divide(of.order_id, of.kind(), of.backends).await?)
    }

    /// Takes numbers over from the orders that still wait for them.
    pub(super) async fn overtake(&mut self, of: &OrderToApply<'_>) -> Result<()> {
        let mut script = Script::default();
        script.step(dialect!(self, sqlite: OVERTAKEN_SQLITE, postgres: OVERTAKEN_POSTGRES), of.id());
        let overtaken = self.run(script).await?.pop().unwrap_or_default().rows::<2>()?;
        if !overtaken.is_empty()
            && let Conn::Sqlite(connection) = self.conn()
        {
            sqlx::query(OVERTAKE).bind(of.order_id).execute(connection).await?;
        }
        for [order, count] in overtaken {
            if let (Some(order), Some(count)) = (order.int(), count.int()) {
                self.add_progress(order, Progress { superseded: count, ..Progress::default() }, of.now).await?;
            }
        }
        Ok(())
    }

    /// The accounts whose numbers of this order wait for the backend.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn accounts_to_push(&mut self, order_id: i64) -> Result<Vec<i64>> {
        Ok(on!(self, |c| sqlx::query_scalar(ACCOUNTS_TO_PUSH).bind(order_id).fetch_all(c).await)?)
    }

    /// Lets the failed numbers of an order wait for the backend again, as far as no later order has taken them over;
    /// `state` is what they wait as. Tells how many.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn retry_failed(&mut self, order_id: i64, state: &'static str, now: OffsetDateTime) -> Result<Retried> {
        let mut retried = Retried::default();
        for (of, count) in retried.by_item() {
            *count = on!(self, |c| sqlx::query(RETRY_NUMBERS)
                .bind(order_id)
                .bind(state)
                .bind(micros(now))
                .bind(of)
                .execute(c)
                .await
                .map(|done| done.rows_affected()))? as i64;
        }
        self.retry_items(order_id, state).await?;
        Ok(retried)
    }

    /// Lets the items, and the parts, of an order's failed numbers wait that wait again themselves.
    pub(super) async fn retry_items(&mut self, order_id: i64, state: &'static str) -> Result<()> {
        self.retry_parts(order_id, state).await?;
        on!(self, |c| sqlx::query(RETRY_ITEMS).bind(order_id).bind(state).execute(c).await.map(drop))?;
        Ok(())
    }
}
