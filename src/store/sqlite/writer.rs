//! The one connection that writes to a SQLite file, lent one transaction at a time.
//!
//! A connection on which a transaction could not be begun, committed or given up is closed, and the next who asks opens
//! another: what it would do afterwards need not be known. A file that another program has locked is waited for, but no
//! longer than a client would.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{Mutex as Slot, OwnedMappedMutexGuard, OwnedMutexGuard};

use super::remembered::Remembered;
use crate::store::error::{Error, Result, is_busy, is_damage};

/// Who waits longer for a transaction of this process is told that the database is busy. Longer than the largest upload.
const PATIENCE: Duration = Duration::from_mins(1);
/// Another program that has locked the file is waited for so long.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// SQLite itself waits so long for another program; then we look whether it is worth while to go on.
const BUSY_TIMEOUT: Duration = Duration::from_millis(250);
/// A lock that was met within this time is taken to be there still.
const FRESH: Duration = Duration::from_secs(1);
/// A probe waits so long for the writer; one that is busy for longer is judged by what became of it last.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);
/// What a probe found is the answer to all who ask within this time.
const PROBE_LASTS: Duration = Duration::from_secs(1);

/// A real write of a page or two.
const PROBE: &str = "UPDATE sequences SET next = next + 1 WHERE name = 'probes'";

/// The writer of a file. Clones share it.
#[derive(Clone, Debug)]
pub struct Writer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: SqliteConnectOptions,
    sessions: Remembered,
    slot: Arc<Slot<Option<SqliteConnection>>>,
    seen: Mutex<Seen>,
    probed: Slot<Option<(Instant, Option<String>)>>,
    /// The connection was set to wait for other programs by itself.
    patient: AtomicBool,
    /// Rows that were written since somebody last asked.
    changes: Arc<AtomicU64>,
}

/// What became of the last transactions.
#[derive(Debug, Default)]
struct Seen {
    /// Since when, and until when, another program was seen to have the file locked.
    locked: Option<(Instant, Instant)>,
    /// Why the last one could not be begun or committed.
    failure: Option<String>,
    closed: bool,
}

/// A write transaction. It is given up when this value goes without a commit.
#[derive(Debug)]
pub struct Writing {
    writer: Writer,
    /// Gone once it has ended.
    place: Option<Place>,
}

type Place = OwnedMutexGuard<Option<SqliteConnection>>;

impl Writer {
    /// Opens the file, and makes it where there is none.
    pub(in crate::store) async fn open(options: SqliteConnectOptions, sessions: Remembered) -> Result<Self> {
        let writer = Self(Arc::new(Shared {
            options: options.busy_timeout(BUSY_TIMEOUT),
            sessions,
            slot: Arc::default(),
            seen: Mutex::default(),
            probed: Slot::default(),
            patient: AtomicBool::new(false),
            changes: Arc::default(),
        }));
        let (asked, mut place) = (Instant::now(), writer.place().await?);
        while let Err(error) = writer.connected(&mut place).await {
            writer.judge(asked, error)?;
        }
        drop(place);
        Ok(writer)
    }

    /// Begins a transaction, alone with the file.
    pub(in crate::store) async fn begin(&self) -> Result<Writing> {
        self.begin_for(Instant::now()).await
    }

    /// The same for one who has waited since then.
    pub(in crate::store) async fn begin_for(&self, asked: Instant) -> Result<Writing> {
        // From here on whoever leaves gives the transaction up, also while it is being begun.
        let mut writing = Writing { writer: self.clone(), place: Some(self.place_for(asked).await?) };
        while let Err(error) = writing.begin().await {
            if let Err(error) = self.judge(asked, error) {
                writing.place = None;
                return Err(error);
            }
        }
        self.seen().locked = None;
        self.0.sessions.settled();
        Ok(writing)
    }

    /// The connection without a transaction, for what begins its own.
    ///
    /// # Errors
    /// When it cannot be had in time.
    pub async fn lend(&self) -> Result<OwnedMappedMutexGuard<Option<SqliteConnection>, SqliteConnection>> {
        let mut place = self.place().await?;
        let connection = self.connected(&mut place).await?;
        self.0.patient.store(true, Ordering::Relaxed);
        sqlx::raw_sql("PRAGMA busy_timeout = 5000").execute(connection).await?;
        OwnedMutexGuard::try_map(place, Option::as_mut).map_err(|_| sqlx::Error::PoolTimedOut.into())
    }

    async fn place(&self) -> Result<Place> {
        self.place_for(Instant::now()).await
    }

    /// Waits for the connection, but not behind others who wait for another program.
    async fn place_for(&self, asked: Instant) -> Result<Place> {
        let waiting = Arc::clone(&self.0.slot).lock_owned();
        tokio::pin!(waiting);
        let place = loop {
            if self.is_locked_for(asked) {
                return Err(Error::Locked);
            }
            match tokio::time::timeout(BUSY_TIMEOUT, &mut waiting).await {
                Ok(place) => break place,
                Err(_) if asked.elapsed() >= PATIENCE => return Err(sqlx::Error::PoolTimedOut.into()),
                Err(_) => {}
            }
        };
        if self.seen().closed { Err(sqlx::Error::PoolClosed.into()) } else { Ok(place) }
    }

    /// The connection in its place; a new one where there is none.
    async fn connected<'a>(&self, place: &'a mut Place) -> std::result::Result<&'a mut SqliteConnection, sqlx::Error> {
        let connection = if let Some(connection) = place.take() {
            connection
        } else {
            let mut connection = self.0.options.connect().await?;
            self.0.sessions.clone().watch(&mut connection, Arc::clone(&self.0.changes)).await?;
            connection
        };
        Ok(place.insert(connection))
    }

    /// Whether a lock of another program has lasted too long for one who asked then.
    fn is_locked_for(&self, asked: Instant) -> bool {
        self.seen()
            .locked
            .is_some_and(|(since, until)| until.elapsed() < FRESH && asked.max(since).elapsed() >= LOCK_PATIENCE)
    }

    /// What to do after a failure to begin: nothing where another try is worth while, else the failure.
    fn judge(&self, asked: Instant, error: sqlx::Error) -> Result<()> {
        if !is_busy(&error) {
            self.failed(&error);
            return Err(error.into());
        }
        let mut seen = self.seen();
        let now = Instant::now();
        let since = seen.locked.filter(|(_, until)| until.elapsed() < FRESH).map_or(now, |(since, _)| since);
        seen.locked = Some((since, now));
        drop(seen);
        if self.is_locked_for(asked) { Err(Error::Locked) } else { Ok(()) }
    }

    fn failed(&self, error: &sqlx::Error) {
        let mut seen = self.seen();
        if seen.failure.is_none() && !is_damage(error) {
            tracing::error!(%error, "the database cannot be written");
        }
        seen.failure = Some(error.to_string());
    }

    fn succeeded(&self) {
        if self.seen().failure.take().is_some() {
            tracing::warn!("the database can be written again");
        }
        self.0.sessions.settled();
    }

    /// Tries a small write, at most once a second whoever asks. Behind a transaction that takes long it does not wait: a
    /// writer that is busy is well, unless the transaction before failed or another program has the file.
    pub(in crate::store) async fn probe(&self) -> std::result::Result<(), String> {
        let mut probed = self.0.probed.lock().await;
        if let Some((when, found)) = &*probed
            && when.elapsed() < PROBE_LASTS
        {
            return found.clone().map_or(Ok(()), Err);
        }
        let found = match tokio::time::timeout(PROBE_PATIENCE, self.try_write()).await {
            Ok(tried) => tried.err().map(|error| error.to_string()),
            Err(_) => self.known_failure(),
        };
        *probed = Some((Instant::now(), found.clone()));
        found.map_or(Ok(()), Err)
    }

    async fn try_write(&self) -> Result<()> {
        let mut writing = self.begin().await?;
        sqlx::raw_sql(PROBE).execute(writing.connection()).await?;
        Ok(writing.commit().await?)
    }

    fn known_failure(&self) -> Option<String> {
        let seen = self.seen();
        let locked = seen.locked.is_some_and(|(_, until)| until.elapsed() < FRESH);
        if locked { Some(Error::Locked.to_string()) } else { seen.failure.clone() }
    }

    /// How many rows were written since this was last asked. Rows of tables without a row id are not counted.
    pub(in crate::store) fn changes(&self) -> &AtomicU64 {
        &self.0.changes
    }

    /// Begins no more transactions, and closes the connection once the last one has ended.
    pub(in crate::store) async fn close(&self) {
        self.seen().closed = true;
        let place = Arc::clone(&self.0.slot).lock_owned().await.take();
        if let Some(connection) = place {
            let _ = connection.close().await;
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writing {
    async fn begin(&mut self) -> std::result::Result<(), sqlx::Error> {
        let Some(place) = &mut self.place else { return Err(sqlx::Error::BeginFailed) };
        let begun = async {
            let connection = self.writer.connected(place).await?;
            if self.writer.0.patient.swap(false, Ordering::Relaxed) {
                sqlx::raw_sql("PRAGMA busy_timeout = 250").execute(&mut *connection).await?;
            }
            sqlx::raw_sql("BEGIN IMMEDIATE").execute(connection).await
        };
        let outcome = begun.await;
        match outcome {
            Ok(_) => Ok(()),
            Err(error) => {
                if !is_busy(&error) {
                    discard(place).await;
                }
                Err(error)
            }
        }
    }

    /// The connection, for statements of the transaction.
    #[expect(clippy::expect_used, reason = "only the end of the transaction takes it, and that takes the whole value")]
    pub(in crate::store) fn connection(&mut self) -> &mut SqliteConnection {
        self.place.as_mut().and_then(|place| place.as_mut()).expect("there until the transaction has ended")
    }

    /// Makes the changes durable.
    pub(in crate::store) async fn commit(mut self) -> std::result::Result<(), sqlx::Error> {
        let outcome = sqlx::raw_sql("COMMIT").execute(self.connection()).await;
        // From here on there is nothing to be given up.
        let place = self.place.take();
        match outcome {
            Ok(_) => {
                self.writer.succeeded();
                Ok(())
            }
            Err(error) => {
                self.writer.failed(&error);
                if let Some(mut place) = place {
                    discard(&mut place).await;
                }
                Err(error)
            }
        }
    }

    /// Gives the changes up.
    pub(in crate::store) async fn rollback(mut self) {
        if let Some(place) = self.place.take() {
            give_up(&self.writer, place).await;
        }
    }
}

/// Ends what somebody left, who may have gone at any moment: within a statement, or while a commit was under way.
async fn give_up(writer: &Writer, mut place: Place) {
    let Some(connection) = place.as_mut() else { return };
    match sqlx::raw_sql("ROLLBACK").execute(connection).await {
        Ok(_) => writer.0.sessions.settled(),
        Err(error) => {
            // There may be nothing to give up, because SQLite has done so by itself after a failure. Whatever it was:
            // another connection knows nothing of it.
            tracing::debug!(%error, "the writer of the database is opened anew");
            discard(&mut place).await;
        }
    }
}

/// Closes a connection. What was not committed is given up with it.
async fn discard(place: &mut Place) {
    if let Some(connection) = place.take() {
        let _ = connection.close_hard().await;
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let Some(mut place) = self.place.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            *place = None;
            return;
        };
        let writer = self.writer.clone();
        runtime.spawn(async move { give_up(&writer, place).await });
    }
}
