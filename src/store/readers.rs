//! Connections that read a SQLite file, lent one question at a time.
//!
//! sqlx's own pool asks a connection for a sign of life each time it comes back, in a task of its own. To a server over a
//! network that is nothing; to a file in the same process it takes as long as the question itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{Mutex as Slot, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use super::Result;

/// The readers of one file. Clones share them.
#[derive(Clone, Debug)]
pub struct Readers {
    turns: Arc<Semaphore>,
    patience: Duration,
    slots: Arc<Mutex<Vec<Arc<Slot<SqliteConnection>>>>>,
}

/// A reader on loan; it goes back when this value goes.
#[derive(Debug)]
pub struct Reader {
    // The first to be dropped: who has a turn finds a connection.
    pub(super) connection: OwnedMutexGuard<SqliteConnection>,
    _turn: OwnedSemaphorePermit,
}

impl Readers {
    /// Opens `count` readers; who waits longer than `patience` for one is told so.
    pub(super) async fn open(options: &SqliteConnectOptions, count: u32, patience: Duration) -> Result<Self> {
        let mut slots = Vec::new();
        for _ in 0..count {
            slots.push(Arc::new(Slot::new(options.connect().await?)));
        }
        Ok(Self { turns: Arc::new(Semaphore::new(slots.len())), patience, slots: Arc::new(Mutex::new(slots)) })
    }

    /// Lends a reader.
    pub(super) async fn lend(&self) -> Result<Reader> {
        let turn = match Arc::clone(&self.turns).try_acquire_owned() {
            Ok(turn) => turn,
            Err(_) => tokio::time::timeout(self.patience, Arc::clone(&self.turns).acquire_owned())
                .await
                .map_err(|_| sqlx::Error::PoolTimedOut)?
                .map_err(|_| sqlx::Error::PoolClosed)?,
        };
        let connection = self.slots().iter().find_map(|slot| Arc::clone(slot).try_lock_owned().ok());
        Ok(Reader { connection: connection.ok_or(sqlx::Error::PoolTimedOut)?, _turn: turn })
    }

    /// Lends no more, and closes every reader once it is back.
    pub(super) async fn close(&self) {
        self.turns.close();
        let slots = std::mem::take(&mut *self.slots());
        for slot in slots {
            drop(slot.lock().await);
            if let Some(slot) = Arc::into_inner(slot) {
                let _ = slot.into_inner().close().await;
            }
        }
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Arc<Slot<SqliteConnection>>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
