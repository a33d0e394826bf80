//! A connection on loan, with or without a transaction.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{PgConnection, Row as _};
use time::OffsetDateTime;
use tokio::sync::OwnedSemaphorePermit;

use super::super::error::OverTime;
use super::super::{AuditEntry, Error, Result};
use super::pool::{Pool, Turn};

/// How long a commit may take before somebody looks what became of it.
const COMMIT: Duration = Duration::from_secs(10);
/// How long a transaction that was given up has to be rolled back.
const ROLLBACK: Duration = Duration::from_secs(2);

/// How long a search may take.
const SEARCH: Duration = Duration::from_secs(5);
/// Begins a search, which the server ends by itself.
const BEGIN_SEARCH: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = 5000";
/// Begins a transaction, and tells by which name the server will remember what became of it.
const BEGIN: &str = "BEGIN; SELECT CAST(pg_current_xact_id() AS TEXT)";
/// Whether the server only reads, or the user may only read.
const IS_READ_ONLY: &str =
    "SELECT current_setting('transaction_read_only') = 'on' OR NOT has_table_privilege('audit', 'INSERT')";

/// A connection on loan. Dropped, it goes back, or is closed when the server owes it an answer.
#[derive(Debug)]
pub struct Lent {
    /// Gone once it was given back.
    loan: Option<(PgConnection, Turn)>,
    pool: Pool,
    state: State,
    /// Rows of the audit that are appended right before the commit.
    pub(in crate::store) audit: Vec<(AuditEntry, OffsetDateTime)>,
}

/// How a connection stands.
#[derive(Debug)]
struct State {
    /// The transaction that is open, by the server's name for it.
    transaction: Option<String>,
    /// The server owes an answer, or the session is over.
    spoilt: bool,
    /// The longest wait for an answer.
    limit: Duration,
    /// Set while it searches: one of those who may at the same time.
    search: Option<OwnedSemaphorePermit>,
}

/// Watches over the questions of one connection.
#[derive(Debug)]
pub(crate) struct Patience<'a>(&'a mut State);

impl Patience<'_> {
    /// Waits for an answer, but not for ever. A connection that is left before it has answered is closed.
    pub(crate) async fn wait<T>(&mut self, answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
        self.0.spoilt = true;
        let answered = tokio::time::timeout(self.0.limit, answer).await.unwrap_or_else(|_| Err(silent()));
        self.0.spoilt = answered.as_ref().is_err_and(ends_session);
        match answered {
            Err(error) if self.0.search.is_some() && took_too_long(&error) => {
                Err(sqlx::Error::AnyDriverError(Box::new(OverTime)))
            }
            answered => answered,
        }
    }
}

/// The server owes an answer for too long.
pub(super) fn silent() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "the server did not answer in time"))
}

/// Whether the server ended a statement because of its time.
fn took_too_long(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "57014")
}

/// Whether nothing more can be asked over this connection.
fn ends_session(error: &sqlx::Error) -> bool {
    match error {
        // An administrator or a limit of time ended the session, or a transaction is open that nobody knows of; the rest
        // concerns one statement.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            code.starts_with("57P") || code.starts_with("08") || ["25P02", "25P03", "25P04"].contains(&&*code)
        }),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

impl Lent {
    pub(super) fn new(connection: PgConnection, turn: Turn, pool: Pool) -> Self {
        let state = State { transaction: None, spoilt: false, limit: pool.limits().answer(), search: None };
        Self { loan: Some((connection, turn)), pool, state, audit: Vec::new() }
    }

    /// The connection, and who watches over what it is asked.
    #[expect(
        clippy::expect_used,
        reason = "only a commit, a rollback or the end of the loan takes it, and each takes the whole value"
    )]
    pub(in crate::store) fn connection(&mut self) -> (&mut PgConnection, Patience<'_>) {
        let (connection, _) = self.loan.as_mut().expect("on loan");
        (connection, Patience(&mut self.state))
    }

    /// Lets each statement take long, for those that go through a whole order or table. In a transaction these are planned
    /// for what there is at that moment, which may be much more than when such a statement was last planned.
    pub(in crate::store) async fn take_time(&mut self) -> Result<()> {
        let limits = self.pool.limits();
        self.state.limit = limits.long_answer();
        if self.state.transaction.is_none() {
            return Ok(());
        }
        let most = limits.statement.as_millis();
        self.set(format!("SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL statement_timeout = {most}")).await
    }

    /// Lets the transaction fall silent for as long as a statement may take.
    pub(in crate::store) async fn fall_silent(&mut self) -> Result<()> {
        let most = self.pool.limits().statement.as_millis();
        self.set(format!("SET LOCAL idle_in_transaction_session_timeout = {most}")).await
    }

    /// Lets rows be read in the order of their key for the rest of the transaction, rather than gathered and sorted: of a list
    /// that has just grown the server expects a few, and would sort all that is left of it for each stretch.
    pub(in crate::store) async fn keep_to_keys(&mut self) -> Result<()> {
        self.set("SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off".to_owned()).await
    }

    async fn set(&mut self, settings: String) -> Result<()> {
        let (connection, mut patience) = self.connection();
        patience.wait(sqlx::raw_sql(sqlx::AssertSqlSafe(settings)).execute(connection)).await?;
        Ok(())
    }

    /// Begins to search, with one of the places that searches have.
    pub(super) async fn begin_search(&mut self, place: OwnedSemaphorePermit) -> Result<()> {
        self.state.limit = SEARCH + Duration::from_secs(1);
        let (connection, mut patience) = self.connection();
        let begun = patience.wait(sqlx::raw_sql(BEGIN_SEARCH).execute(connection)).await;
        // It may have begun, also where it failed.
        self.state.spoilt |= begun.is_err();
        begun?;
        self.state.transaction = Some(String::new());
        self.state.search = Some(place);
        Ok(())
    }

    pub(super) async fn begin(&mut self) -> Result<()> {
        let (connection, mut patience) = self.connection();
        let begun = patience.wait(sqlx::raw_sql(BEGIN).fetch_one(connection)).await;
        let name = begun.and_then(|row| row.try_get(0));
        // It may have begun, also where it failed.
        self.state.spoilt |= name.is_err();
        self.state.transaction = Some(name?);
        Ok(())
    }

    /// Makes the changes durable. When the answer is lost, the server is asked what became of them.
    ///
    /// # Errors
    /// When nothing is stored, or with [`Error::Unclear`] when that cannot be told.
    pub(in crate::store) async fn commit(mut self) -> Result<()> {
        let Some(transaction) = self.state.transaction.take() else { return Ok(()) };
        self.state.limit = self.state.limit.max(COMMIT);
        let (connection, mut patience) = self.connection();
        let Err(error) = patience.wait(sqlx::raw_sql("COMMIT").execute(connection)).await else { return Ok(()) };
        if !self.state.spoilt {
            return Err(error.into());
        }
        let pool = self.pool.clone();
        // The place of the lost connection is needed to ask.
        drop(self);
        match pool.was_committed(&transaction).await {
            Some(true) => Ok(()),
            Some(false) => Err(error.into()),
            None => Err(Error::Unclear(Arc::new(error))),
        }
    }

    /// Gives up every change of the transaction.
    ///
    /// # Errors
    /// When the connection is lost; then nothing is stored either.
    pub(in crate::store) async fn rollback(mut self) -> Result<()> {
        if self.state.transaction.take().is_none() {
            return Ok(());
        }
        let (connection, mut patience) = self.connection();
        let done = patience.wait(sqlx::raw_sql("ROLLBACK").execute(connection)).await;
        self.state.spoilt |= done.is_err();
        Ok(done.map(drop)?)
    }

    /// Whether the server takes nothing that would be written.
    pub(super) async fn is_read_only(&mut self) -> Result<bool> {
        let (connection, mut patience) = self.connection();
        let row = patience.wait(sqlx::raw_sql(IS_READ_ONLY).fetch_one(connection)).await?;
        Ok(row.try_get(0)?)
    }

    /// The server's number of the session.
    pub(super) async fn session_id(&mut self) -> Result<i32> {
        let (connection, mut patience) = self.connection();
        let row = patience.wait(sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(connection)).await?;
        Ok(row.try_get(0)?)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some((mut connection, turn)) = self.loan.take() else { return };
        if self.state.spoilt {
            return;
        }
        let pool = self.pool.clone();
        if self.state.transaction.is_none() {
            return pool.take_back(connection, turn);
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let undone = tokio::time::timeout(ROLLBACK, sqlx::raw_sql("ROLLBACK").execute(&mut connection)).await;
            if let Ok(Ok(_)) = undone {
                pool.take_back(connection, turn);
            }
        });
    }
}
