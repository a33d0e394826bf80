//! Moving in: numbers that are taken over as they are, and the record of each import.

pub(super) mod records;
pub(super) mod there;

use std::collections::HashSet;

use time::OffsetDateTime;

use crate::domain::number::content_id;
use crate::domain::{E164, ItemState, Progress, ProvisioningError, SyncState};
use crate::store::orders::submit;
use crate::store::sql::{Bind, Conditions, bind_all, dialect, on, statements};
use crate::store::sqlite::script::Script;
use crate::store::{Error, Result, Tx, at, drift, micros};

/// Numbers that are in quarantine at the time `$2`, and the account that may have them all the same, where it is there.
macro_rules! in_quarantine {
    ($numbers:literal) => {
        concat!(
            "
        SELECT q.telephone_number, COALESCE(h.name, ''), COALESCE(a.id, b.id, 0), q.free_at
        FROM quarantine q
        LEFT JOIN holders h ON h.id = q.holder_id
        LEFT JOIN accounts a ON a.id = h.account_id AND a.holder_id = h.id
        LEFT JOIN accounts b ON b.name = h.name AND b.tenant_id = h.tenant_id
        WHERE q.telephone_number ",
            $numbers,
            "
          AND q.free_at > $2"
        )
    };
}

statements! {
    HERE_SQLITE = "
        SELECT n.telephone_number, a.name, n.settings_id, n.state
        FROM numbers n
        JOIN accounts a ON a.id = n.account_id
        WHERE n.telephone_number IN (SELECT value FROM json_each($1))";
    HERE_POSTGRES = "
        SELECT n.telephone_number, a.name, n.settings_id, n.state
        FROM numbers n
        JOIN accounts a ON a.id = n.account_id
        WHERE n.telephone_number = ANY (CAST(translate($1, '[]', '{}') AS BIGINT[]))";
    IN_QUARANTINE_SQLITE = in_quarantine!("IN (SELECT value FROM json_each($1))");
    IN_QUARANTINE_POSTGRES = in_quarantine!("= ANY (CAST(translate($1, '[]', '{}') AS BIGINT[]))");
    // What was staged a moment ago for accounts that have changed since they were read.
    UNFIT = "
        SELECT CAST(COUNT(*) AS BIGINT)
        FROM (
            SELECT account_id, settings_id
            FROM order_items
            WHERE order_id = $1
            GROUP BY account_id, settings_id
        ) AS i
        LEFT JOIN accounts a ON a.id = i.account_id
        LEFT JOIN settings s ON s.id = i.settings_id
        WHERE a.id IS NULL
          OR a.deleting
          OR (s.services & ~a.services) <> 0";
    TAKE_OVER = "
        INSERT INTO numbers (
            telephone_number, account_id, settings_id, country, state, error_id, rev, order_id, changed_at
        )
        SELECT
            i.telephone_number, i.account_id, i.settings_id, i.country,
            CASE i.state WHEN 'failed' THEN 'failed' ELSE 'synced' END,
            i.error_id, 1, i.order_id, $2
        FROM order_items i
        WHERE i.order_id = $1
        ORDER BY i.telephone_number
        ON CONFLICT (telephone_number) DO NOTHING";
    ASSIGN_SQLITE = "
        UPDATE numbers
        SET assigned = TRUE
        WHERE telephone_number IN (SELECT value FROM json_each($1))";
    ASSIGN_POSTGRES = "
        UPDATE numbers
        SET assigned = TRUE
        WHERE telephone_number = ANY (CAST(translate($1, '[]', '{}') AS BIGINT[]))";
    SET_CREATED = "UPDATE accounts SET created_at = $2 WHERE name = $1";
}

/// A number that is here already.
#[derive(Clone, Debug)]
pub struct NumberHere {
    /// The number.
    pub number: E164,
    /// Name of the account that has it.
    pub account: String,
    /// Its settings.
    pub settings_id: i64,
    /// How far it has come.
    pub state: SyncState,
}

/// A number to take over.
#[derive(Clone, Debug)]
pub struct TakenNumber {
    /// The number.
    pub number: E164,
    /// Line of the file, or place on the page.
    pub line: u32,
    /// Account it goes to.
    pub account_id: i64,
    /// Settings it has.
    pub settings_id: i64,
    /// Two-letter country.
    pub country: Option<String>,
    /// What was said against it, where its backend had refused it.
    pub error_id: Option<i64>,
    /// Whether somebody uses it.
    pub assigned: bool,
}

/// Rows in one insert: eight binds each, under SQLite's limit of 32,766.
const ROWS: usize = 2_000;

fn insert(order_id: i64, numbers: &[TakenNumber]) -> Conditions {
    let mut insert = Conditions::default();
    insert.push(
        "
        INSERT INTO order_items (
            order_id, telephone_number, line, account_id, settings_id, country, state, error_id, verdict, base_rev
        )
        VALUES ",
        [],
    );
    for (index, taken) in numbers.iter().enumerate() {
        let state = if taken.error_id.is_some() { ItemState::Failed } else { ItemState::Done };
        insert.push(
            if index == 0 { "(?, ?, ?, ?, ?, ?, ?, ?, 'new', 0)" } else { ", (?, ?, ?, ?, ?, ?, ?, ?, 'new', 0)" },
            [
                Bind::Int(order_id),
                Bind::Int(taken.number.as_i64()),
                Bind::Int(i64::from(taken.line)),
                Bind::Int(taken.account_id),
                Bind::Int(taken.settings_id),
                taken.country.clone().into(),
                state.key().into(),
                taken.error_id.into(),
            ],
        );
    }
    insert.bulk()
}

/// Numbers as one value to bind.
fn json(numbers: impl Iterator<Item = E164>) -> String {
    serde_json::to_string(&numbers.map(E164::as_i64).collect::<Vec<_>>()).unwrap_or_default()
}

/// A number that nobody else may have yet.
#[derive(Clone, Debug)]
pub struct NumberInQuarantine {
    /// The number.
    pub number: E164,
    /// The account that had it, by the name that it had.
    pub had_by: String,
    /// The account that may have it, where it is there; 0 where it is not.
    pub free_for: i64,
    /// Until when.
    pub until: OffsetDateTime,
}

impl Tx {
    /// Those of these numbers that are in quarantine.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn in_quarantine(&mut self, numbers: &[E164], now: OffsetDateTime) -> Result<Vec<NumberInQuarantine>> {
        let statement = dialect!(self, sqlite: IN_QUARANTINE_SQLITE, postgres: IN_QUARANTINE_POSTGRES);
        let rows: Vec<(i64, String, i64, i64)> = on!(self, |c| sqlx::query_as(statement)
            .bind(json(numbers.iter().copied()))
            .bind(micros(now))
            .fetch_all(c)
            .await)?;
        let read = |(number, had_by, free_for, until)| {
            let number =
                E164::from_i64(number).ok_or_else(|| Error::unreadable("quarantine", "telephone_number", number))?;
            Ok(NumberInQuarantine { number, had_by, free_for, until: at(until) })
        };
        rows.into_iter().map(read).collect()
    }

    /// Those of these numbers that are here already.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn numbers_here(&mut self, numbers: &[E164]) -> Result<Vec<NumberHere>> {
        let statement = dialect!(self, sqlite: HERE_SQLITE, postgres: HERE_POSTGRES);
        let rows: Vec<(i64, String, i64, String)> =
            on!(self, |c| sqlx::query_as(statement).bind(json(numbers.iter().copied())).fetch_all(c).await)?;
        rows.into_iter()
            .map(|(number, account, settings_id, state)| {
                let unreadable = |column| Error::unreadable("numbers", column, number);
                Ok(NumberHere {
                    number: E164::from_i64(number).ok_or_else(|| unreadable("telephone_number"))?,
                    account,
                    settings_id,
                    state: SyncState::from_key(&state).ok_or_else(|| unreadable("state"))?,
                })
            })
            .collect()
    }

    /// Stores errors that are new, each with its content address.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn intern_errors(&mut self, errors: &[ProvisioningError]) -> Result<()> {
        let mut known = HashSet::new();
        let values: Vec<(i64, String)> = errors
            .iter()
            .map(|error| (content_id(error), serde_json::to_string(error).unwrap_or_default()))
            .filter(|(id, _)| known.insert(*id))
            .collect();
        for chunk in values.chunks(ROWS) {
            let mut insert = Conditions::default();
            insert.push("INSERT INTO errors (id, body) VALUES ", []);
            for (index, (id, body)) in chunk.iter().enumerate() {
                insert.push(if index == 0 { "(?, ?)" } else { ", (?, ?)" }, [(*id).into(), body.as_str().into()]);
            }
            insert.push(" ON CONFLICT (id) DO NOTHING", []);
            on!(self, |c| bind_all!(sqlx::query(insert.sql()), insert).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// Writes numbers of an order as what is true, with nothing to tell a backend. Their settings and errors are stored.
    /// `None` where one of them is here by now, or an account is not what it was: then the transaction must be given up.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn take_over_numbers(
        &mut self,
        order_id: i64,
        numbers: &[TakenNumber],
        now: OffsetDateTime,
    ) -> Result<Option<Progress>> {
        for chunk in numbers.chunks(ROWS) {
            let mut script = Script::default();
            script.built(insert(order_id, chunk));
            self.run(script).await?;
        }
        self.record_order_accounts(order_id).await?;
        let locked = self.lock_order_accounts(order_id).await?;
        let unfit: i64 = on!(self, |c| sqlx::query_scalar(UNFIT).bind(order_id).fetch_one(c).await)?;
        if locked.is_none() || unfit > 0 {
            return Ok(None);
        }
        let written = on!(self, |c| sqlx::query(TAKE_OVER)
            .bind(order_id)
            .bind(micros(now))
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?;
        if written != numbers.len() as u64 {
            return Ok(None);
        }
        let assigned = json(numbers.iter().filter(|taken| taken.assigned).map(|taken| taken.number));
        if assigned != "[]" {
            let assign = dialect!(self, sqlite: ASSIGN_SQLITE, postgres: ASSIGN_POSTGRES);
            on!(self, |c| sqlx::query(assign).bind(assigned).execute(c).await.map(drop))?;
        }
        let settled = dialect!(self, sqlite: drift::keep::WRITTEN_SQLITE, postgres: drift::keep::WRITTEN_POSTGRES);
        for follow in [submit::MORE, submit::TOTALS, settled] {
            on!(self, |c| sqlx::query(follow).bind(order_id).execute(c).await.map(drop))?;
        }
        let failed = numbers.iter().filter(|taken| taken.error_id.is_some()).count() as i64;
        let total = numbers.len() as i64;
        let progress = Progress { total, done: total - failed, failed, superseded: 0 };
        self.submit_order(order_id, now).await?;
        self.add_progress(order_id, progress, now).await?;
        Ok(Some(progress))
    }

    /// Says when an account was created, where that was before it came here.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_account_created(&mut self, name: &str, at: OffsetDateTime) -> Result<()> {
        on!(self, |c| sqlx::query(SET_CREATED).bind(name).bind(micros(at)).execute(c).await.map(drop))?;
        Ok(())
    }
}
