//! Connections that read a SQLite file, lent one question at a time.
//!
//! sqlx's own pool asks a connection for a sign of life each time it comes back, in a task of its own. To a server over a
//! network that is nothing; to a file in the same process it takes as long as the question itself.
//!
//! No question holds a reader for ever: each loan ends at a limit, and whoever goes away takes the question along.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{Mutex as Slot, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::store::Result;

/// SQLite looks at the limit after so many of its steps, which take less than a millisecond.
const STEPS: i32 = 10_000;

/// The readers of one file. Clones share them.
#[derive(Clone, Debug)]
pub struct Readers {
    turns: Arc<Semaphore>,
    times: Times,
    slots: Arc<Mutex<Vec<Arc<Slot<Lent>>>>>,
    options: Arc<SqliteConnectOptions>,
}

/// How long everything may take.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Times {
    /// Who waits longer for a reader is told so.
    pub(in crate::store) patience: Duration,
    /// A question that takes longer is broken off.
    pub(in crate::store) limit: Duration,
}

/// A connection, and when the question on it must have been answered.
#[derive(Debug)]
pub(in crate::store) struct Lent {
    pub(in crate::store) connection: SqliteConnection,
    end: End,
}

/// Until when SQLite may go on. Nothing: nobody waits for an answer any more.
#[derive(Clone, Debug, Default)]
struct End(Arc<Mutex<Option<Instant>>>);

impl End {
    fn set(&self, end: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }

    fn may_go_on(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|end| Instant::now() < end)
    }
}

/// A reader on loan; it goes back when this value goes.
#[derive(Debug)]
pub struct Reader {
    // The first to be dropped: who has a turn finds a connection.
    lent: OwnedMutexGuard<Lent>,
    limit: Duration,
    _turn: OwnedSemaphorePermit,
}

impl Reader {
    pub(in crate::store) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.lent.connection
    }

    /// Begins the time of the loan anew, for one of many questions.
    pub(in crate::store) fn begin_anew(&self) {
        self.lent.end.set(Some(Instant::now() + self.limit));
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // Of one who left, the question may still be looked into.
        self.lent.end.set(None);
    }
}

impl Lent {
    async fn open(options: &SqliteConnectOptions) -> Result<Self> {
        let (mut connection, end) = (options.connect().await?, End::default());
        let watched = end.clone();
        connection.lock_handle().await?.set_progress_handler(STEPS, move || watched.may_go_on());
        Ok(Self { connection, end })
    }
}

impl Readers {
    /// Opens `count` readers.
    pub(in crate::store) async fn open(options: &SqliteConnectOptions, count: u32, times: Times) -> Result<Self> {
        let mut slots = Vec::new();
        for _ in 0..count {
            slots.push(Arc::new(Slot::new(Lent::open(options).await?)));
        }
        let turns = Arc::new(Semaphore::new(slots.len()));
        Ok(Self { turns, times, slots: Arc::new(Mutex::new(slots)), options: Arc::new(options.clone()) })
    }

    /// How they were opened.
    pub(in crate::store) fn options(&self) -> &SqliteConnectOptions {
        &self.options
    }

    /// Lends a reader.
    pub(in crate::store) async fn lend(&self) -> Result<Reader> {
        let reader = self.next().await?;
        reader.begin_anew();
        Ok(reader)
    }

    /// Lends a reader for a question that may take long, after the one that somebody may have left on it was broken off.
    pub(in crate::store) async fn lend_at_rest(&self) -> Result<Reader> {
        let mut reader = self.next().await?;
        reader.lent.connection.ping().await?;
        reader.begin_anew();
        Ok(reader)
    }

    async fn next(&self) -> Result<Reader> {
        let turn = match Arc::clone(&self.turns).try_acquire_owned() {
            Ok(turn) => turn,
            Err(_) => tokio::time::timeout(self.times.patience, Arc::clone(&self.turns).acquire_owned())
                .await
                .map_err(|_| sqlx::Error::PoolTimedOut)?
                .map_err(|_| sqlx::Error::PoolClosed)?,
        };
        let lent = self.slots().iter().find_map(|slot| Arc::clone(slot).try_lock_owned().ok());
        Ok(Reader { lent: lent.ok_or(sqlx::Error::PoolTimedOut)?, limit: self.times.limit, _turn: turn })
    }

    /// Lends no more, and closes every reader once it is back.
    pub(in crate::store) async fn close(&self) {
        self.turns.close();
        let slots = std::mem::take(&mut *self.slots());
        for slot in slots {
            // Its last statement, which tidies up, takes time as well.
            slot.lock().await.end.set(Some(Instant::now() + self.times.limit));
            if let Some(slot) = Arc::into_inner(slot) {
                let _ = slot.into_inner().connection.close().await;
            }
        }
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Arc<Slot<Lent>>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Error;

    const FOR_EVER: &str = "
        WITH RECURSIVE n (i) AS (
            SELECT 1
            UNION ALL
            SELECT i + 1
            FROM n
        )
        SELECT COUNT(*)
        FROM n";

    async fn one_reader(folder: &tempfile::TempDir, limit: Duration) -> Readers {
        let file = SqliteConnectOptions::new().filename(folder.path().join("a.db")).create_if_missing(true);
        Readers::open(&file, 1, Times { patience: Duration::from_mins(1), limit }).await.unwrap()
    }

    async fn ask(reader: &mut Reader, question: &'static str) -> Result<i64> {
        Ok(sqlx::query_scalar(question).fetch_one(reader.connection()).await?)
    }

    #[tokio::test]
    async fn no_question_takes_longer_than_it_may() {
        let folder = tempfile::tempdir().unwrap();
        let readers = one_reader(&folder, Duration::from_millis(50)).await;
        let mut reader = readers.lend().await.unwrap();
        let error = ask(&mut reader, FOR_EVER).await.unwrap_err();
        assert!(error.is_over_time() && !error.is_unavailable() && !error.is_transient(), "{error}");
        drop(reader);
        assert_eq!(ask(&mut readers.lend().await.unwrap(), "SELECT 7").await.unwrap(), 7);
        readers.close().await;
    }

    #[tokio::test]
    async fn who_leaves_takes_the_question_along() {
        let folder = tempfile::tempdir().unwrap();
        let readers = one_reader(&folder, Duration::from_mins(10)).await;
        let mut reader = readers.lend().await.unwrap();
        let asked = tokio::time::timeout(Duration::from_millis(50), ask(&mut reader, FOR_EVER)).await;
        assert!(asked.is_err(), "{asked:?}");
        drop(reader);
        let next = async { ask(&mut readers.lend_at_rest().await?, "SELECT 7").await };
        let answer: std::result::Result<i64, Error> =
            tokio::time::timeout(Duration::from_secs(30), next).await.unwrap();
        assert_eq!(answer.unwrap(), 7);
        readers.close().await;
    }
}
