//! Orders as rows: drafts and submitted ones.

pub(super) mod addresses;
pub(super) mod adopt;
pub(super) mod bulk;
pub(super) mod changes;
pub(super) mod compare;
pub(super) mod consented;
pub(super) mod divide;
pub(super) mod drafts;
pub(super) mod folded;
pub(super) mod history;
pub(super) mod items;
pub(super) mod mending;
pub(super) mod moves;
pub(super) mod overrides;
pub(super) mod problems;
pub(super) mod quarantined;
pub(super) mod ranges;
pub(super) mod reality;
pub(super) mod recheck;
pub(super) mod refused;
pub(super) mod sources;
pub(super) mod stage;
pub(super) mod start;
pub(super) mod submit;
pub(super) mod theirs;
pub(super) mod undo;
pub(super) mod writes;

use sqlx::FromRow;
use time::OffsetDateTime;

use crate::domain::{Backends, Deed, DriftWay, FormOf, Moves, Order, OrderKind, OrderSource, OrderStatus, Progress};
use crate::store::page::trim;
use crate::store::sql::{Bind, Conditions, bind_all, dialect, on, statements};
use crate::store::sqlite::script::Script;
use crate::store::sync::wanted;
use crate::store::{Applied, AuditEntry, Error, Page, Result, Tx, at, micros};

statements! {
    INSERT = "
        INSERT INTO orders (
            id, kind, source, status, accounts, author, author_id, ticket, form, refused_lines, created_at
        )
        VALUES ($1, $2, $3, 'draft', $4, $5, $6, $7, $8, $9, $10)";
    // The number was looked up in this transaction, which no other writes beside.
    TAKE_NUMBER = "UPDATE sequences SET next = $1 + 1 WHERE name = 'orders' AND next = $1";
    INSERT_ACCOUNT = "
        INSERT INTO order_accounts (order_id, account_id, account_rev)
        VALUES ($1, $2, $3)
        ON CONFLICT (order_id, account_id)
        DO UPDATE SET account_rev = excluded.account_rev";
    DESCRIBE = "UPDATE orders SET accounts = $2, refused_lines = $3 WHERE id = $1";
    BY_ID = "
        SELECT
            id, kind, source, status, accounts, author, author_id, ticket, total, done,
            failed, superseded, refused_lines, created_at, submitted_at, finished_at, form_of, moves,
            drift_way
        FROM orders
        WHERE id = $1";
    FORM = "SELECT form FROM orders WHERE id = $1";
    DISCARD = "
        UPDATE orders
        SET status = 'discarded', finished_at = $2
        WHERE id = $1
          AND status = 'draft'";
    DELETE_ITEMS = "DELETE FROM order_items WHERE order_id = $1";
    DELETE_PROBLEMS = "DELETE FROM order_problems WHERE order_id = $1";
    SUBMIT = "
        UPDATE orders
        SET status = 'pending', submitted_at = $2
        WHERE id = $1
          AND status = 'draft'";
    FINISH = "
        UPDATE orders
        SET status = $2,
            submitted_at = $3,
            finished_at = $4,
            total = $5,
            done = $6
        WHERE id = $1";
    FINISH_COUNTED = "
        UPDATE orders
        SET submitted_at = CAST($2 AS BIGINT),
            total = $3,
            done = c.done,
            status = CASE
                WHEN c.done = $3 THEN 'complete'
                WHEN c.done > 0 THEN 'in-progress'
                ELSE 'pending'
            END,
            finished_at = CASE WHEN c.done = $3 THEN CAST($2 AS BIGINT) END
        FROM (
            SELECT CAST(COUNT(*) AS BIGINT) AS done
            FROM order_items
            WHERE order_id = $1
              AND state = 'done'
        ) AS c
        WHERE orders.id = $1";
    ADD_PROGRESS = "
        UPDATE orders
        SET total = total + $2,
            done = done + $3,
            failed = failed + $4,
            superseded = superseded + $5
        WHERE id = $1
        RETURNING total, done, failed, superseded, started";
    STARTED = "
        UPDATE orders
        SET started = TRUE, status = CASE WHEN status = 'pending' THEN 'in-progress' ELSE status END
        WHERE id IN (
            SELECT order_id FROM numbers WHERE push_id = $1
            UNION
            SELECT n.order_id
            FROM number_parts p
            JOIN numbers n ON n.telephone_number = p.telephone_number
            WHERE p.push_id = $1
        )
          AND NOT started";
    SET_STATUS = "UPDATE orders SET status = $2, finished_at = $3 WHERE id = $1";
    ACCOUNT_IDS_SQLITE = "
        SELECT a.id, CASE WHEN a.rev = oa.account_rev THEN 1 ELSE 0 END
        FROM order_accounts oa
        JOIN accounts a ON a.id = oa.account_id
        WHERE oa.order_id = $1
        ORDER BY a.id";
    ACCOUNT_IDS_POSTGRES = "
        SELECT a.id, CAST(CASE WHEN a.rev = oa.account_rev THEN 1 ELSE 0 END AS BIGINT)
        FROM order_accounts oa
        JOIN accounts a ON a.id = oa.account_id
        WHERE oa.order_id = $1
        ORDER BY a.id
        FOR UPDATE OF a";
    RECORD_ACCOUNTS = "
        INSERT INTO order_accounts (order_id, account_id, account_rev)
        SELECT DISTINCT i.order_id, a.id, a.rev
        FROM order_items i
        JOIN accounts a ON a.id = i.account_id
        WHERE i.order_id = $1";
    ACCOUNT_NAMES = "
        SELECT a.name
        FROM order_accounts oa
        JOIN accounts a ON a.id = oa.account_id
        WHERE oa.order_id = $1
        ORDER BY a.name";
    COUNT_ACCOUNTS = "SELECT CAST(COUNT(*) AS BIGINT) FROM order_accounts WHERE order_id = $1";
    FORGET_GONE_ACCOUNTS = "
        DELETE FROM order_accounts
        WHERE order_id = $1
          AND NOT EXISTS (SELECT 1 FROM accounts WHERE id = account_id)";
    REFRESH_ACCOUNTS = "
        UPDATE order_accounts
        SET account_rev = (SELECT rev FROM accounts WHERE id = account_id)
        WHERE order_id = $1";
}

const COLUMNS: &str = "
    SELECT
        o.id, o.kind, o.source, o.status, o.accounts, o.author, o.author_id, o.ticket, o.total,
        o.done, o.failed, o.superseded, o.refused_lines, o.created_at, o.submitted_at, o.finished_at,
        o.form_of, o.moves, o.drift_way
    FROM orders o
    WHERE TRUE";

#[derive(FromRow)]
pub(super) struct Row {
    id: i64,
    kind: String,
    source: String,
    status: String,
    accounts: String,
    author: String,
    author_id: String,
    ticket: Option<String>,
    total: i64,
    done: i64,
    failed: i64,
    superseded: i64,
    refused_lines: i64,
    created_at: i64,
    submitted_at: Option<i64>,
    finished_at: Option<i64>,
    form_of: String,
    moves: Option<String>,
    drift_way: Option<String>,
}

impl TryFrom<Row> for Order {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self> {
        let unreadable = |column| Error::unreadable("orders", column, row.id);
        Ok(Self {
            id: row.id,
            form_of: FormOf::from_key(&row.form_of).ok_or_else(|| unreadable("form_of"))?,
            moves: row.moves.map(|key| Moves::from_key(&key).ok_or_else(|| unreadable("moves"))).transpose()?,
            way: row
                .drift_way
                .map(|key| DriftWay::from_key(&key).ok_or_else(|| unreadable("drift_way")))
                .transpose()?,
            kind: OrderKind::from_key(&row.kind).ok_or_else(|| unreadable("kind"))?,
            source: OrderSource::from_key(&row.source).ok_or_else(|| unreadable("source"))?,
            status: OrderStatus::from_key(&row.status).ok_or_else(|| unreadable("status"))?,
            accounts: row.accounts,
            author: row.author,
            author_id: row.author_id,
            ticket: row.ticket,
            progress: Progress { total: row.total, done: row.done, failed: row.failed, superseded: row.superseded },
            refused_lines: row.refused_lines,
            created_at: at(row.created_at),
            submitted_at: row.submitted_at.map(at),
            finished_at: row.finished_at.map(at),
        })
    }
}

/// A draft to store.
#[derive(Clone, Debug)]
pub struct NewOrder<'a> {
    /// Its number.
    pub id: i64,
    /// What it does.
    pub kind: OrderKind,
    /// Where it came from.
    pub source: OrderSource,
    /// Names of the accounts it touches.
    pub accounts: String,
    /// Name of the author.
    pub author: &'a str,
    /// The author's stable identity.
    pub author_id: String,
    /// Ticket of the change.
    pub ticket: Option<&'a str>,
    /// What was typed, as JSON.
    pub form: String,
    /// Lines that could not be taken.
    pub refused_lines: i64,
}

/// Which orders to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Only orders in this status.
    pub status: Option<OrderStatus>,
    /// Only orders that do this.
    pub deed: Option<Deed>,
    /// Only orders that touch the account with this name.
    pub account: Option<String>,
    /// Only orders of this author, by name.
    pub author: Option<String>,
    /// Only orders with this ticket.
    pub ticket: Option<String>,
}

/// One page of orders, the newest first.
#[derive(Clone, Debug)]
pub struct OrderPage {
    /// The orders.
    pub orders: Vec<Order>,
    /// True when older ones follow.
    pub more_after: bool,
    /// True when newer ones stand before.
    pub more_before: bool,
}

/// What is true of orders that do this, as [`Deed::of`] has it.
const fn doing(deed: Deed) -> &'static str {
    match deed {
        Deed::Adopt => "o.drift_way = 'adopt'",
        Deed::Push => "o.drift_way = 'push'",
        Deed::Undo => "o.form_of = 'undo' AND o.drift_way IS NULL",
        Deed::Move => "o.moves IS NOT NULL AND o.form_of <> 'undo' AND o.drift_way IS NULL",
        Deed::Release => {
            "o.kind = 'release' AND o.moves IS NULL AND o.form_of <> 'undo' AND COALESCE(o.drift_way, 'release') = 'release'"
        }
        Deed::Change => {
            "o.kind = 'upload' AND o.moves IS NULL AND o.form_of = 'manage' AND COALESCE(o.drift_way, 'release') = 'release'"
        }
        Deed::Upload => {
            "o.kind = 'upload' AND o.moves IS NULL AND o.form_of NOT IN ('manage', 'undo')
             AND COALESCE(o.drift_way, 'release') = 'release'"
        }
    }
}

/// The statement that writes an order down.
pub(super) fn insert(order: &NewOrder<'_>, now: OffsetDateTime) -> Conditions {
    Conditions::whole(
        INSERT,
        [
            Bind::Int(order.id),
            order.kind.key().into(),
            order.source.key().into(),
            order.accounts.as_str().into(),
            order.author.into(),
            order.author_id.as_str().into(),
            order.ticket.into(),
            order.form.as_str().into(),
            Bind::Int(order.refused_lines),
            Bind::Int(micros(now)),
        ],
    )
}

impl Tx {
    /// Stores a draft.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn insert_order(&mut self, order: &NewOrder<'_>, now: OffsetDateTime) -> Result<()> {
        let insert = insert(order, now);
        on!(self, |c| bind_all!(sqlx::query(insert.sql()), insert).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Records that the order touches an account and what the account was then.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn insert_order_account(&mut self, order_id: i64, account_id: i64, account_rev: i64) -> Result<()> {
        on!(self, |c| sqlx::query(INSERT_ACCOUNT)
            .bind(order_id)
            .bind(account_id)
            .bind(account_rev)
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Records what staging found: the accounts by name and how many lines could not be taken.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn describe_order(&mut self, id: i64, accounts: &str, refused_lines: i64) -> Result<()> {
        on!(self, |c| sqlx::query(DESCRIBE).bind(id).bind(accounts).bind(refused_lines).execute(c).await.map(drop))?;
        Ok(())
    }

    /// The order with this number.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn order(&mut self, id: i64) -> Result<Option<Order>> {
        let row: Option<Row> = on!(self, |c| sqlx::query_as(BY_ID).bind(id).fetch_optional(c).await)?;
        row.map(Order::try_from).transpose()
    }

    /// What an order does; what is none uploads.
    pub(super) async fn deed_of(&mut self, id: i64) -> Result<Deed> {
        Ok(self.order(id).await?.map_or(Deed::Upload, |order| order.deed()))
    }

    /// What was typed for an order, as JSON.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn order_form(&mut self, id: i64) -> Result<Option<String>> {
        Ok(on!(self, |c| sqlx::query_scalar(FORM).bind(id).fetch_optional(c).await)?)
    }

    /// One page of the orders that match.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn orders_page(&mut self, filter: &OrderFilter, page: Page<i64>, size: usize) -> Result<OrderPage> {
        let mut conditions = Conditions::default();
        conditions.push(COLUMNS, []);
        if let Some(status) = filter.status {
            conditions.and("o.status = ?", [status.key().into()]);
        }
        if let Some(deed) = filter.deed {
            conditions.and(doing(deed), []);
        }
        if let Some(account) = &filter.account {
            conditions.and(
                "EXISTS (
                    SELECT 1
                    FROM order_accounts oa
                    JOIN accounts a ON a.id = oa.account_id
                    WHERE oa.order_id = o.id
                      AND a.name = ?
                )",
                [account.as_str().into()],
            );
        }
        if let Some(author) = &filter.author {
            conditions.and("o.author = ?", [author.as_str().into()]);
        }
        if let Some(ticket) = &filter.ticket {
            conditions.and("o.ticket = ?", [ticket.as_str().into()]);
        }
        match page {
            Page::First => conditions.push(" ORDER BY o.id DESC", []),
            Page::After(id) => conditions.and("o.id < ? ORDER BY o.id DESC", [Bind::Int(id)]),
            Page::Before(id) => conditions.and("o.id > ? ORDER BY o.id", [Bind::Int(id)]),
        };
        conditions.push(" LIMIT ?", [Bind::Int(size as i64 + 1)]);
        let rows: Vec<Row> = on!(self, |c| bind_all!(sqlx::query_as(conditions.sql()), conditions).fetch_all(c).await)?;
        let mut orders = rows.into_iter().map(Order::try_from).collect::<Result<Vec<_>>>()?;
        let (more_before, more_after) = trim(&mut orders, &page, size);
        Ok(OrderPage { orders, more_after, more_before })
    }

    /// Gives up a draft and its items; tells whether it still was one.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn discard_order(&mut self, id: i64, now: OffsetDateTime) -> Result<bool> {
        let discarded = on!(self, |c| sqlx::query(DISCARD)
            .bind(id)
            .bind(micros(now))
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?;
        if discarded == 1 {
            on!(self, |c| sqlx::query(DELETE_ITEMS).bind(id).execute(c).await.map(drop))?;
            on!(self, |c| sqlx::query(DELETE_PROBLEMS).bind(id).execute(c).await.map(drop))?;
            self.forget_mending(id).await?;
            self.forget_overrides(id).await?;
        }
        Ok(discarded == 1)
    }

    /// Takes a draft out of review; tells whether it still was one.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn submit_order(&mut self, id: i64, now: OffsetDateTime) -> Result<bool> {
        Ok(on!(self, |c| sqlx::query(SUBMIT)
            .bind(id)
            .bind(micros(now))
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?
            == 1)
    }

    /// Marks an order that needed no review as submitted, with its counts, asks for its accounts to be pushed and appends
    /// its audit row.
    ///
    /// # Errors
    /// When the database refuses.
    pub(super) async fn finish_order(
        &mut self,
        id: i64,
        applied: &Applied,
        entry: AuditEntry,
        backends: &Backends,
        now: OffsetDateTime,
    ) -> Result<()> {
        let progress = applied.progress;
        let status = progress.status(progress.done > 0);
        let finished = status.is_final().then(|| micros(now));
        let mut script = Script::default();
        script.step(
            FINISH,
            [
                Bind::Int(id),
                status.key().into(),
                Bind::Int(micros(now)),
                finished.into(),
                Bind::Int(progress.total),
                Bind::Int(progress.done),
            ],
        );
        for account in &applied.to_push {
            for backend in backends.iter() {
                script.built(wanted::want_account(*account, backend, now));
            }
        }
        if let Self::Postgres(_) = self {
            self.run(script).await?;
            return self.append_audit(entry, now).await;
        }
        script.built(self.next_audit(entry, now).await?);
        self.run(script).await?;
        Ok(())
    }

    /// Locks the accounts of an order. `None` when one of them is gone or not what it was at the review.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn lock_order_accounts(&mut self, id: i64) -> Result<Option<Vec<i64>>> {
        let statement = dialect!(self, sqlite: ACCOUNT_IDS_SQLITE, postgres: ACCOUNT_IDS_POSTGRES);
        let rows: Vec<(i64, i64)> = on!(self, |c| sqlx::query_as(statement).bind(id).fetch_all(c).await)?;
        let expected: i64 = on!(self, |c| sqlx::query_scalar(COUNT_ACCOUNTS).bind(id).fetch_one(c).await)?;
        let same = rows.len() as i64 == expected && rows.iter().all(|(_, same)| *same == 1);
        Ok(same.then(|| rows.into_iter().map(|(id, _)| id).collect()))
    }

    /// Records the accounts of the staged numbers and gives their names.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn record_order_accounts(&mut self, id: i64) -> Result<Vec<String>> {
        on!(self, |c| sqlx::query(RECORD_ACCOUNTS).bind(id).execute(c).await.map(drop))?;
        self.names_of_order_accounts(id).await
    }

    /// The names of the accounts of an order.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn names_of_order_accounts(&mut self, id: i64) -> Result<Vec<String>> {
        Ok(on!(self, |c| sqlx::query_scalar(ACCOUNT_NAMES).bind(id).fetch_all(c).await)?)
    }

    /// Takes the accounts of a draft as they are now for a new review; those that are gone are not of it any more.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn refresh_order_accounts(&mut self, id: i64) -> Result<()> {
        for statement in [FORGET_GONE_ACCOUNTS, REFRESH_ACCOUNTS] {
            on!(self, |c| sqlx::query(statement).bind(id).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// Adds to an order's counts and sets the status that follows from them.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn add_progress(&mut self, id: i64, added: Progress, now: OffsetDateTime) -> Result<OrderStatus> {
        let (total, done, failed, superseded, started): (i64, i64, i64, i64, bool) =
            on!(self, |c| sqlx::query_as(ADD_PROGRESS)
                .bind(id)
                .bind(added.total)
                .bind(added.done)
                .bind(added.failed)
                .bind(added.superseded)
                .fetch_one(c)
                .await)?;
        let progress = Progress { total, done, failed, superseded };
        let status = progress.status(started || done + failed > 0);
        on!(self, |c| sqlx::query(SET_STATUS)
            .bind(id)
            .bind(status.key())
            .bind(status.is_final().then(|| micros(now)))
            .execute(c)
            .await
            .map(drop))?;
        Ok(status)
    }

    /// Marks the orders whose numbers a push carries as under way.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn mark_orders_started(&mut self, push_id: i64) -> Result<()> {
        on!(self, |c| sqlx::query(STARTED).bind(push_id).execute(c).await.map(drop))?;
        Ok(())
    }
}
