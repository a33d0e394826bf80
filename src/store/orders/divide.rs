//! The numbers of a submitted order that several backends have to know: each backend gets a part of its own.
//!
//! Nearly all numbers have one backend or none, and nothing here is done for an order of such numbers.

use std::collections::{BTreeSet, HashMap};

use sqlx::FromRow;

use crate::domain::{Backends, OrderKind, Part, ServiceSet};
use crate::store::sql::{dialect, on, statements};
use crate::store::sqlite::script::Done;
use crate::store::{Result, Tx};

/// The numbers of the order that it writes or releases.
macro_rules! written {
    () => {
        "
        SELECT i.telephone_number
        FROM order_items i
        WHERE i.order_id = $1
          AND i.verdict IN ('new', 'changed', 'release')"
    };
}

statements! {
    // Read once the counts know of the order.
    SETS = "
        SELECT a.id, a.services & a.synced, c.services,
            CAST(CASE
                WHEN EXISTS (SELECT 1 FROM number_parts p WHERE p.account_id = a.id) THEN 1
                ELSE 0
            END AS BIGINT)
        FROM order_accounts o
        JOIN accounts a ON a.id = o.account_id
        JOIN account_services c ON c.account_id = a.id
        WHERE o.order_id = $1";
    // COALESCE: the numbers are looked up by their keys.
    LOCK_SQLITE = "SELECT CAST($1 AS BIGINT)";
    LOCK_POSTGRES = "
        SELECT n.telephone_number
        FROM order_items i
        JOIN numbers n ON n.telephone_number = i.telephone_number
        WHERE i.order_id = $1 AND i.verdict IN ('changed', 'release')
        ORDER BY n.telephone_number
        FOR UPDATE OF n";
    CHANGES = "
        SELECT
            c.account_id, a.services & a.synced AS held, CAST(c.in_parts AS BIGINT) AS in_parts, c.before_id,
            COALESCE(o.services, 0) AS before, c.after_id, COALESCE(s.services, 0) AS after
        FROM (
            SELECT i.account_id,
                CASE WHEN n.push_id = 0 THEN 1 ELSE 0 END AS in_parts,
                CASE WHEN i.verdict = 'new' THEN 0 ELSE COALESCE(n.settings_id, 0) END AS before_id,
                i.settings_id AS after_id
            FROM order_items i
            LEFT JOIN numbers n ON n.telephone_number = i.telephone_number
            WHERE i.order_id = $1 AND i.verdict IN ('new', 'changed', 'release')
            GROUP BY 1, 2, 3, 4
        ) AS c
        LEFT JOIN accounts a ON a.id = c.account_id
        LEFT JOIN settings o ON o.id = c.before_id
        LEFT JOIN settings s ON s.id = c.after_id";
    // A part that stays as it was, and is as it should be, is not pushed again.
    ADD_PART = "
        INSERT INTO number_parts
            (telephone_number, backend, account_id, service, task, state, push_id, pushed_rev)
        SELECT i.telephone_number, CAST($6 AS TEXT), i.account_id, CAST($7 AS BIGINT), CAST($8 AS TEXT),
            CASE
                WHEN CAST($8 AS TEXT) = 'upload'
                    AND COALESCE(p.state, n.state) = 'synced'
                    AND COALESCE(k.push_key, o.push_key) = COALESCE(l.push_key, s.push_key)
                THEN 'synced'
                ELSE 'pending'
            END,
            q.id, CASE WHEN q.id IS NULL THEN NULL ELSE n.pushed_rev END
        FROM order_items i
        LEFT JOIN numbers n ON n.telephone_number = i.telephone_number
        LEFT JOIN settings o ON o.id = n.settings_id
        LEFT JOIN settings s ON s.id = i.settings_id
        LEFT JOIN number_parts p ON p.telephone_number = i.telephone_number AND p.backend = CAST($6 AS TEXT)
        LEFT JOIN pushes q ON q.id = n.push_id AND q.backend = CAST($6 AS TEXT)
        LEFT JOIN settings_services k ON k.settings_id = n.settings_id AND k.service = CAST($7 AS BIGINT)
        LEFT JOIN settings_services l ON l.settings_id = i.settings_id AND l.service = CAST($7 AS BIGINT)
        WHERE i.order_id = $1
          AND i.account_id = $2
          AND i.verdict IN ('new', 'changed', 'release')
          AND CASE WHEN i.verdict = 'new' THEN 0 ELSE COALESCE(o.services, 0) END = $3
          AND s.services = $4
          AND CASE WHEN n.push_id = 0 THEN 1 ELSE 0 END = CAST($5 AS BIGINT)
          AND (CAST($8 AS TEXT) = 'upload' OR CAST($5 AS BIGINT) = 0 OR p.telephone_number IS NOT NULL)
        ON CONFLICT (telephone_number, backend) DO UPDATE
        SET service = excluded.service, task = excluded.task, state = excluded.state, error_id = NULL";
    RELEASE_PARTS = concat!("
        UPDATE number_parts
        SET task = 'release', state = 'pending', error_id = NULL
        WHERE telephone_number IN (", written!(), ")");
    // What was refused and is asked of a backend still is tried again with the number.
    RENEW_FAILED = concat!("
        UPDATE number_parts
        SET state = 'pending', error_id = NULL
        WHERE COALESCE(state, '') = 'failed'
          AND telephone_number IN (", written!(), ")");
    // A change that no backend sees is pushed to all of them, as it is to the one of most numbers.
    NOTHING_WAITS = concat!("
        UPDATE number_parts
        SET state = 'pending'
        WHERE telephone_number IN (", written!(), ")
          AND NOT EXISTS (
              SELECT 1
              FROM number_parts w
              WHERE w.telephone_number = number_parts.telephone_number AND w.state = 'pending'
          )");
    FORGET = concat!("
        DELETE FROM number_parts
        WHERE telephone_number IN (", written!(), " AND i.state = 'done')");
    UNMARK = concat!("
        UPDATE numbers
        SET push_id = NULL
        WHERE COALESCE(push_id, 1) = 0
          AND telephone_number IN (", written!(), " AND i.state = 'done')");
    MARK = "
        UPDATE numbers
        SET push_id = 0, pushed_rev = NULL
        WHERE telephone_number IN (
            SELECT i.telephone_number
            FROM order_items i
            JOIN number_parts p ON p.telephone_number = i.telephone_number
            WHERE i.order_id = $1 AND i.verdict IN ('new', 'changed', 'release')
        )";
    RETRY_PARTS = "
        UPDATE number_parts
        SET state = 'pending', error_id = NULL
        WHERE COALESCE(state, '') = 'failed'
          AND telephone_number IN (
              SELECT i.telephone_number
              FROM order_items i
              JOIN numbers n ON n.telephone_number = i.telephone_number
              WHERE i.order_id = $1
                AND i.state IN ('failed', 'pending')
                AND n.order_id = $1
                AND COALESCE(n.state, '') = $2
          )";
}

/// A change, with the settings before and after it.
#[derive(FromRow)]
struct ChangeRow {
    #[sqlx(flatten)]
    change: Change,
    before_id: i64,
    after_id: i64,
}

/// Numbers of an order that change in the same way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, FromRow)]
struct Change {
    account_id: i64,
    /// Bits of the account's services that are enabled and synced.
    held: i64,
    /// 1 where they are in parts already.
    in_parts: i64,
    /// Bits of their services now; 0 where they are new.
    before: i64,
    /// Bits of their services in the order.
    after: i64,
}

impl Change {
    fn held(&self, services: i64) -> ServiceSet {
        ServiceSet::from_bits(services & self.held)
    }

    /// The services before and after, as far as a backend may have to know; nothing after a release.
    fn sides(&self, kind: OrderKind) -> (ServiceSet, Option<ServiceSet>) {
        (self.held(self.before), (kind == OrderKind::Upload).then(|| self.held(self.after)))
    }

    fn is_divided(&self, kind: OrderKind, backends: &Backends) -> bool {
        let (before, after) = self.sides(kind);
        self.in_parts == 1 || backends.divide(before, after)
    }
}

/// The services that the numbers of one account have or had, and whether some are in parts.
#[derive(Default)]
struct Sets {
    services: Vec<ServiceSet>,
    are_in_parts: bool,
}

impl Sets {
    fn may_divide(&self, kind: OrderKind, backends: &Backends) -> bool {
        let nothing = [ServiceSet::default()];
        self.are_in_parts
            || match kind {
                OrderKind::Release => self.services.iter().any(|before| backends.divide(*before, None)),
                OrderKind::Upload => self
                    .services
                    .iter()
                    .chain(&nothing)
                    .any(|before| self.services.iter().any(|after| backends.divide(*before, Some(*after)))),
            }
    }
}

/// Whether what [`SETS`] found leaves it open that numbers of the order are divided.
pub(super) fn may_divide(found: Done, kind: OrderKind, backends: &Backends) -> Result<bool> {
    let mut accounts: HashMap<i64, Sets> = HashMap::new();
    for row in found.rows::<4>()? {
        let [Some(account), Some(held), Some(services), Some(in_parts)] = row.map(|value| value.int()) else {
            continue;
        };
        let sets = accounts.entry(account).or_default();
        sets.services.push(ServiceSet::from_bits(services & held));
        sets.are_in_parts |= in_parts == 1;
    }
    Ok(accounts.values().any(|sets| sets.may_divide(kind, backends)))
}

impl Tx {
    /// Divides those numbers of an order that several backends have to know, or that one has to give up while they stay.
    /// Tells whether there are such. To be called before the numbers that exist are written.
    pub(super) async fn divide(&mut self, order_id: i64, kind: OrderKind, backends: &Backends) -> Result<bool> {
        let lock = dialect!(self, sqlite: LOCK_SQLITE, postgres: LOCK_POSTGRES);
        on!(self, |c| sqlx::query(lock).bind(order_id).execute(c).await.map(drop))?;
        let changes = self.changes(order_id, kind, backends).await?;
        for change in &changes {
            let (before, after) = change.sides(kind);
            for part in backends.parts(before, after) {
                self.add_part(order_id, change, part).await?;
            }
        }
        if changes.iter().any(|change| change.in_parts == 1) {
            let renewed = if kind == OrderKind::Release { RELEASE_PARTS } else { RENEW_FAILED };
            on!(self, |c| sqlx::query(renewed).bind(order_id).execute(c).await.map(drop))?;
        }
        if kind == OrderKind::Upload && !changes.is_empty() {
            on!(self, |c| sqlx::query(NOTHING_WAITS).bind(order_id).execute(c).await.map(drop))?;
        }
        Ok(!changes.is_empty())
    }

    /// Says of the numbers of an order that were divided that they are, once they are written.
    pub(super) async fn mark_divided(&mut self, order_id: i64) -> Result<()> {
        for statement in [FORGET, UNMARK, MARK] {
            on!(self, |c| sqlx::query(statement).bind(order_id).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// Lets the parts that were refused, of numbers that an order tries again, wait once more.
    pub(super) async fn retry_parts(&mut self, order_id: i64, state: &'static str) -> Result<()> {
        on!(self, |c| sqlx::query(RETRY_PARTS).bind(order_id).bind(state).execute(c).await.map(drop))?;
        Ok(())
    }

    /// The changes of an order that divide numbers; what each backend sees of the settings in them is stored.
    async fn changes(&mut self, order_id: i64, kind: OrderKind, backends: &Backends) -> Result<BTreeSet<Change>> {
        let rows: Vec<ChangeRow> = on!(self, |c| sqlx::query_as(CHANGES).bind(order_id).fetch_all(c).await)?;
        let (mut changes, mut values) = (BTreeSet::new(), BTreeSet::new());
        for row in rows {
            if row.change.is_divided(kind, backends) {
                changes.insert(row.change);
                values.extend([row.before_id, row.after_id]);
            }
        }
        if kind == OrderKind::Upload {
            self.intern_parts(&values.into_iter().collect::<Vec<_>>()).await?;
        }
        Ok(changes)
    }

    async fn add_part(&mut self, order_id: i64, change: &Change, part: Part<'_>) -> Result<()> {
        on!(self, |c| sqlx::query(ADD_PART)
            .bind(order_id)
            .bind(change.account_id)
            .bind(change.before)
            .bind(change.after)
            .bind(change.in_parts)
            .bind(part.backend)
            .bind(ServiceSet::from(part.service).bits())
            .bind(part.task.key())
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }
}
