//! How many uploads a process holds and reads at once, so that no number of them takes its memory or its processors.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Up to this size an upload is small. Small ones have room of their own, so that they do not wait behind large ones.
const SMALL: u64 = 1_048_576;
/// What small uploads may hold together, in kB.
const SMALL_ROOM: u32 = 16 * 1_024;
/// What large uploads may hold together, in kB. One that is larger than all of it is held alone.
const LARGE_ROOM: u32 = 96 * 1_024;
/// Uploads that are read at once; the database writes one after the other in any case.
const READ_AT_ONCE: usize = 2;
/// How long an upload waits for room. Senders that are not read from for half a minute may take the connection for dead.
const WAIT: Duration = Duration::from_secs(20);
/// How much longer it waits for its turn once it has arrived.
const TURN_FACTOR: u32 = 3;

/// The uploads of this process. It is cheap to clone.
#[derive(Clone, Debug)]
pub struct Uploads {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    wait: Duration,
}

/// Room for an upload, until this is dropped.
#[derive(Debug)]
pub struct Room {
    _permit: OwnedSemaphorePermit,
}

/// Leave to read an upload, until this is dropped.
#[derive(Debug)]
pub(in crate::service) struct Turn {
    _permit: OwnedSemaphorePermit,
}

impl Default for Uploads {
    fn default() -> Self {
        Self {
            small: Arc::new(Semaphore::new(SMALL_ROOM as usize)),
            large: Arc::new(Semaphore::new(LARGE_ROOM as usize)),
            turns: Arc::new(Semaphore::new(READ_AT_ONCE)),
            wait: WAIT,
        }
    }
}

impl Uploads {
    /// Waits for room for so many bytes, and gives none when it takes too long. It is to be asked before any of them is read.
    pub async fn room(&self, bytes: u64) -> Option<Room> {
        let (room, all) = if bytes <= SMALL { (&self.small, SMALL_ROOM) } else { (&self.large, LARGE_ROOM) };
        let wanted = u32::try_from(bytes.div_ceil(1_024)).unwrap_or(all).clamp(1, all);
        let permit = timeout(self.wait, room.clone().acquire_many_owned(wanted)).await.ok()?.ok()?;
        Some(Room { _permit: permit })
    }

    /// Waits for the turn to be read, and gives none when it takes too long.
    pub(in crate::service) async fn turn(&self) -> Option<Turn> {
        let permit = timeout(self.wait * TURN_FACTOR, self.turns.clone().acquire_owned()).await.ok()?.ok()?;
        Some(Turn { _permit: permit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn impatient() -> Uploads {
        Uploads { wait: Duration::from_millis(20), ..Uploads::default() }
    }

    #[tokio::test]
    async fn room_is_bounded_and_comes_back() {
        let uploads = impatient();
        let three = [uploads.room(32 << 20).await, uploads.room(32 << 20).await, uploads.room(32 << 20).await];
        assert!(three.iter().all(Option::is_some));
        assert!(uploads.room(32 << 20).await.is_none(), "a fourth waits in vain");
        assert!(uploads.room(70_000).await.is_some(), "a small one does not wait behind large ones");
        drop(three);
        assert!(uploads.room(1 << 40).await.is_some(), "one that is larger than the room gets all of it");
    }

    #[tokio::test]
    async fn few_are_read_at_once() {
        let uploads = impatient();
        let turns = [uploads.turn().await, uploads.turn().await];
        assert!(turns.iter().all(Option::is_some));
        assert!(uploads.turn().await.is_none());
        drop(turns);
        assert!(uploads.turn().await.is_some());
    }
}
