//! A pool that gives up on a silent server in time.
//!
//! sqlx's own asks a connection for a sign of life whenever it comes back, without a limit of time: one whose network
//! swallows packets keeps its place for a quarter of an hour.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::super::Result;
use super::SessionLimits;
use super::lent::{Lent, silent};

/// How long somebody waits for a connection, and how long a new one may take.
const WAIT: Duration = Duration::from_secs(2);
/// How long the sync engine waits for its turn to search.
const ENGINE_WAIT: Duration = Duration::from_mins(1);
/// What holds for a session whose statements have no limit.
const UNLIMITED: &str = "SET idle_session_timeout = 30000; SET idle_in_transaction_session_timeout = 30000; \
     SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; \
     SET tcp_user_timeout = 15000; SET client_connection_check_interval = 2000;";
/// A connection that was at work so recently is taken to be alive.
const FRESH: Duration = Duration::from_secs(1);
/// How long a connection that was idle has for a sign of life.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);
/// A connection is opened anew after so long, so that what the server keeps for it does not grow for ever.
const LIFE: Duration = Duration::from_mins(30);

/// So many connections to one server, opened when they are first needed. Clones share them.
#[derive(Clone, Debug)]
pub(in crate::store) struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: PgConnectOptions,
    settings: String,
    limits: SessionLimits,
    turns: Arc<Semaphore>,
    searches: Arc<Semaphore>,
    engine: Arc<Semaphore>,
    idle: Mutex<Vec<Idle>>,
    most: usize,
}

/// A connection between two loans.
#[derive(Debug)]
struct Idle {
    connection: PgConnection,
    opened: Instant,
    since: Instant,
}

/// The right to a connection, and when it was opened.
#[derive(Debug)]
pub(super) struct Turn {
    _permit: OwnedSemaphorePermit,
    opened: Instant,
}

impl Pool {
    /// At most `most` connections, each with these settings, which impose these limits.
    pub(super) fn new(options: PgConnectOptions, settings: String, limits: SessionLimits, most: u32) -> Self {
        let most = most as usize;
        let turns = Arc::new(Semaphore::new(most));
        let searches = Arc::new(Semaphore::new((most / 2).max(1)));
        let engine = Arc::new(Semaphore::new(1));
        Self(Arc::new(Inner { options, settings, limits, turns, searches, engine, idle: Mutex::default(), most }))
    }

    pub(super) fn limits(&self) -> SessionLimits {
        self.0.limits
    }

    /// Lends a connection, each statement for itself.
    ///
    /// # Errors
    /// When none is free in time, or the server cannot be reached.
    pub(in crate::store) async fn lend(&self) -> Result<Lent> {
        let permit = tokio::time::timeout(WAIT, Arc::clone(&self.0.turns).acquire_owned()).await;
        let permit = permit.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)?;
        if let Some(idle) = self.alive().await {
            return Ok(Lent::new(idle.connection, Turn { _permit: permit, opened: idle.opened }, self.clone()));
        }
        let connection = tokio::time::timeout(WAIT, self.connect()).await.unwrap_or_else(|_| Err(silent()))?;
        Ok(Lent::new(connection, Turn { _permit: permit, opened: Instant::now() }, self.clone()))
    }

    /// Lends a connection for a read that may have to look through a whole table. Half of the connections are kept for those
    /// who ask for one row, and the server ends the search after some seconds.
    ///
    /// # Errors
    /// When none is free in time, or the server cannot be reached.
    pub(in crate::store) async fn search(&self) -> Result<Lent> {
        self.search_in(&self.0.searches, WAIT).await
    }

    /// The same for the sync engine, which has a place of its own and waits longer for it.
    ///
    /// # Errors
    /// When none is free in time, or the server cannot be reached.
    pub(in crate::store) async fn search_for_engine(&self) -> Result<Lent> {
        self.search_in(&self.0.engine, ENGINE_WAIT).await
    }

    async fn search_in(&self, places: &Arc<Semaphore>, patience: Duration) -> Result<Lent> {
        let place = tokio::time::timeout(patience, Arc::clone(places).acquire_owned()).await;
        let place = place.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)?;
        let mut lent = self.lend().await?;
        lent.begin_search(place).await?;
        Ok(lent)
    }

    /// A connection of its own whose statements may take their time, for what happens once. A client that is frozen or gone
    /// keeps no lock.
    pub(super) async fn unlimited(&self) -> Result<PgConnection> {
        let opening = async {
            let mut connection = self.0.options.connect().await?;
            sqlx::raw_sql(UNLIMITED).execute(&mut connection).await?;
            sqlx::Result::Ok(connection)
        };
        Ok(tokio::time::timeout(WAIT, opening).await.unwrap_or_else(|_| Err(silent()))?)
    }

    /// Begins a transaction that may write.
    ///
    /// # Errors
    /// When none is free in time, or the server cannot be reached.
    pub(in crate::store) async fn begin(&self) -> Result<Lent> {
        let mut lent = self.lend().await?;
        lent.begin().await?;
        Ok(lent)
    }

    async fn connect(&self) -> sqlx::Result<PgConnection> {
        let mut connection = self.0.options.connect().await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(self.0.settings.clone())).execute(&mut connection).await?;
        Ok(connection)
    }

    /// An idle connection that gives a sign of life. Where one does not, none of the others is trusted.
    async fn alive(&self) -> Option<Idle> {
        loop {
            let mut idle = self.idle().pop()?;
            if idle.opened.elapsed() > LIFE {
                continue;
            }
            if idle.since.elapsed() <= FRESH {
                return Some(idle);
            }
            match tokio::time::timeout(SIGN_OF_LIFE, idle.connection.ping()).await {
                Ok(Ok(())) => return Some(idle),
                _ => self.idle().clear(),
            }
        }
    }

    /// Takes a connection back that stands between two statements, in no transaction.
    pub(super) fn take_back(&self, connection: PgConnection, turn: Turn) {
        if !self.0.turns.is_closed() {
            self.idle().push(Idle { connection, opened: turn.opened, since: Instant::now() });
        }
        drop(turn);
    }

    /// Lends no more, and waits a little for what is lent.
    pub(super) async fn close(&self) {
        let all = Arc::clone(&self.0.turns).acquire_many_owned(u32::try_from(self.0.most).unwrap_or(u32::MAX));
        let _ = tokio::time::timeout(WAIT, all).await;
        self.0.turns.close();
        let idle = std::mem::take(&mut *self.idle());
        for idle in idle {
            let _ = tokio::time::timeout(SIGN_OF_LIFE, idle.connection.close()).await;
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
