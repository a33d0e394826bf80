//! Connections to PostgreSQL, lent one transaction at a time.
//!
//! Two pools: whoever writes never takes the last connection of whoever reads. Nothing waits for a silent server for
//! longer than a few seconds, be it a host that lost its power, a network that swallows packets or a process that was
//! stopped: each answer has a time limit here, each session has its limits there, and a connection that was left in the
//! middle of a question is closed, never lent again.

mod lent;
mod outcome;
mod pool;

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{PgConnection, PgPool};

use super::{Error, PoolSize, Result};

pub use lent::Lent;
pub(crate) use lent::Patience;
use pool::Pool;

/// Connections of the plain pool, for tests that ask questions of their own.
const ASIDE: u32 = 4;
/// A listener that has heard nothing for so long asks whether its connection still stands.
const SILENCE: Duration = Duration::from_secs(30);
/// How long a listener waits for a sign of life.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// What a session of PostgreSQL may take.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// The longest statement of those that go through a whole order or table (`statement_timeout`).
    pub statement: Duration,
    /// The longest wait for a row that another transaction has (`lock_timeout`). Of a transaction that writes it is the
    /// longest that any other statement takes, however many have to be waited for one after the other: what a process asked
    /// for before it was stopped is not waiting for the next row when the first is free.
    pub lock: Duration,
    /// The longest pause between two statements of a transaction (`idle_in_transaction_session_timeout`): a process that
    /// was stopped keeps its rows no longer.
    pub idle_in_transaction: Duration,
}

impl SessionLimits {
    /// How long an answer is waited for: longer than for a row that somebody else has.
    fn answer(self) -> Duration {
        self.lock + Duration::from_secs(1)
    }

    /// The same for a statement that takes as long as the server lets it.
    fn long_answer(self) -> Duration {
        self.statement + Duration::from_secs(5)
    }
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            statement: Duration::from_mins(1),
            lock: Duration::from_secs(4),
            idle_in_transaction: Duration::from_secs(3),
        }
    }
}

/// A server.
#[derive(Clone, Debug)]
pub struct Postgres {
    pub(super) write: Pool,
    pub(super) read: Pool,
    /// A plain pool that opens nothing by itself, for tests that ask questions of their own.
    pub aside: PgPool,
}

/// What holds for every session.
///
/// `plan_cache_mode` stays as it is; what the plans of a transaction that writes rest on is said in [`WRITING`].
fn settings(limits: SessionLimits) -> String {
    let milliseconds = |duration: Duration| duration.as_millis();
    format!(
        "SET timezone = 'UTC'; SET synchronous_commit = on; SET jit = off; \
         SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {}; \
         SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; \
         SET tcp_user_timeout = 15000; SET client_connection_check_interval = 2000;",
        milliseconds(limits.statement),
        milliseconds(limits.lock),
        milliseconds(limits.idle_in_transaction),
    )
}

/// How statements of a transaction that writes are planned: along keys, always.
///
/// Rows that were staged a moment ago are in no statistics, and those of a table that has just grown are wrong. A plan
/// that was chosen for few rows is quadratic over many; one for many rows reads a whole table for a few. Every join of a
/// transaction that writes goes from the rows at hand to their keys, which is right for any number of them.
pub const WRITING: &str = " SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off;";

impl Postgres {
    pub(super) async fn open(url: &str, size: PoolSize) -> Result<Self> {
        let options: PgConnectOptions = url.parse()?;
        // Nothing in the start-up packet that a PgBouncer does not know.
        let options = options.application_name("nmp").extra_float_digits(None);
        let settings = settings(size.limits);
        let readers = (size.connections * 2 / 5).max(1);
        let writers = size.connections.saturating_sub(readers).max(1);
        let short = format!(" SET statement_timeout = {};", size.limits.lock.as_millis());
        let write = Pool::new(options.clone(), settings.clone() + WRITING + &short, size.limits, writers);
        let read = Pool::new(options.clone(), settings, size.limits, readers);
        let aside =
            PgPoolOptions::new().max_connections(ASIDE).acquire_timeout(SIGN_OF_LIFE).connect_lazy_with(options);
        let server = Self { write, read, aside };
        server.refuse_shared_sessions().await?;
        Ok(server)
    }

    /// A PgBouncer that gives each transaction another session breaks prepared statements, settings and listening.
    ///
    /// Two connections tell: there the second gets the session of the first, which is idle.
    async fn refuse_shared_sessions(&self) -> Result<()> {
        let mut first = self.read.lend().await?;
        let before = first.session_id().await?;
        let mut second = self.write.begin().await?;
        let other = second.session_id().await?;
        let after = first.session_id().await?;
        second.rollback().await?;
        if before == other || before != after { Err(Error::SharedSessions) } else { Ok(()) }
    }

    /// A connection of its own without any limit, for what happens once and takes its time.
    pub(super) async fn unlimited(&self) -> Result<PgConnection> {
        self.write.unlimited().await
    }

    /// Finds out whether the server would let somebody write. No place of those who write is taken: while they all wait for
    /// a row of a process that was stopped, this one is well.
    pub(super) async fn may_write(&self) -> Result<()> {
        if self.read.lend().await?.is_read_only().await? { Err(Error::ReadOnly) } else { Ok(()) }
    }

    /// Listens on a channel.
    pub(super) async fn listen(&self, channel: &'static str) -> Result<Listener> {
        let listening = async {
            // A pool of its own: where the network swallows packets, a listener that was given up keeps nobody else's place.
            let options = (*self.aside.connect_options()).clone();
            let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(SIGN_OF_LIFE).connect_lazy_with(options);
            let mut listener = PgListener::connect_with(&pool).await?;
            listener.listen(channel).await?;
            sqlx::Result::Ok(listener)
        };
        let listener = tokio::time::timeout(SIGN_OF_LIFE, listening).await;
        Ok(Listener(listener.unwrap_or(Err(sqlx::Error::PoolTimedOut))?))
    }

    pub(super) async fn close(&self) {
        self.write.close().await;
        self.read.close().await;
        self.aside.close().await;
    }
}

/// A connection that hears of changes.
#[derive(Debug)]
pub struct Listener(PgListener);

impl Listener {
    /// Waits for the next notice.
    ///
    /// # Errors
    /// When the connection is lost or gives no sign of life.
    pub(super) async fn next(&mut self) -> Result<()> {
        loop {
            if let Ok(heard) = tokio::time::timeout(SILENCE, self.0.recv()).await {
                return Ok(heard.map(drop)?);
            }
            let alive = sqlx::raw_sql("SELECT 1").execute(&mut self.0);
            tokio::time::timeout(SIGN_OF_LIFE, alive).await.map_err(|_| sqlx::Error::PoolTimedOut)??;
        }
    }
}
