//! Transactions that share a commit.
//!
//! A commit to SQLite waits for the disk, which takes as long as many small transactions. Those that ask to go together
//! each run in a savepoint of one transaction; the last of those that wait commits for all, and only then are they done.
//! What one of them gives up is undone without the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, SqliteConnection};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use super::writer::{Writer, Writing};
use crate::store::sql::{Conditions, bind_all};
use crate::store::{Error, Result};

/// A transaction that is open for so long is committed, whoever waits: long enough for a few batches of a hundred numbers,
/// whose pages are then written once for all of them.
const LONGEST: Duration = Duration::from_millis(20);
/// Those whose successor went away commit by themselves after so long.
const PATIENCE: Duration = Duration::from_millis(50);

/// Each has a savepoint within that of the one before it; the commit takes them all.
const SAVEPOINT: &str = "SAVEPOINT one";
/// What the one before has given up goes first; its savepoint is used again.
const UNDO: &str = "ROLLBACK TO one";

/// What became of a shared commit: nothing yet, done, or what the database said.
type Fate = Option<std::result::Result<(), Arc<sqlx::Error>>>;

/// The transaction that is open for all.
#[derive(Debug)]
struct Open {
    transaction: Writing,
    since: Instant,
    fate: watch::Sender<Fate>,
    /// True while the innermost savepoint is somebody's who has not committed.
    begun: bool,
    /// True while what stands in the innermost savepoint was given up.
    undo: bool,
}

/// Where transactions meet that share a commit.
#[derive(Clone, Debug, Default)]
pub struct Together {
    open: Arc<Mutex<Option<Open>>>,
    waiting: Arc<AtomicUsize>,
}

/// One of the transactions that share a commit.
#[derive(Debug)]
pub struct One {
    /// Gone once it is committed.
    open: Option<Held>,
    together: Together,
}

/// The place where the open transaction is, held by one.
type Held = OwnedMutexGuard<Option<Open>>;

/// Counts somebody who waits, also when they give up waiting.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Together {
    /// A transaction of its own within the open one.
    pub(in crate::store) async fn begin(&self, writer: &Writer) -> Result<One> {
        let mut one = self.hold(writer).await?;
        let Some(open) = one.open() else { return Ok(one) };
        let entered = sqlx::raw_sql(open.entrance()).execute(open.transaction.connection()).await;
        one.entered(entered)?;
        Ok(one)
    }

    /// The same, with the answer to the first question in it, which travels with it to the thread of the database.
    pub(in crate::store) async fn begin_with<T>(
        &self,
        writer: &Writer,
        question: Conditions,
    ) -> Result<(One, Option<T>)>
    where
        T: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    {
        let mut one = self.hold(writer).await?;
        let Some(open) = one.open() else { return Ok((one, None)) };
        let whole = Conditions::joined(vec![Conditions::whole(open.entrance(), []), question]);
        let answer = bind_all!(sqlx::query_as(whole.sql()), whole).fetch_optional(open.transaction.connection()).await;
        let found = one.entered(answer)?;
        Ok((one, found))
    }

    /// The open transaction, held by one who has not begun anything in it.
    async fn hold(&self, writer: &Writer) -> Result<One> {
        let asked = Instant::now();
        let waiting = Waiting::begin(&self.waiting);
        let held = Arc::clone(&self.open).lock_owned().await;
        drop(waiting);
        // From here on whoever gives up leaves nothing open behind.
        let mut one = One { open: Some(held), together: self.clone() };
        if let Some(held) = one.open.as_mut().filter(|held| held.is_none()) {
            **held = Some(Open {
                transaction: writer.begin_for(asked).await?,
                since: Instant::now(),
                fate: watch::Sender::new(None),
                begun: false,
                undo: false,
            });
        }
        Ok(one)
    }
}

impl Open {
    /// How the next one begins.
    const fn entrance(&self) -> &'static str {
        if self.undo { UNDO } else { SAVEPOINT }
    }
}

/// Commits what is open, for all who wait for it, whether or not the one who asks stays to hear of it.
#[expect(clippy::disallowed_methods, reason = "a commit that others wait for must not end with one client's patience")]
async fn commit(held: Held) -> Result<()> {
    let carried = tokio::spawn(carry_through(held)).await;
    carried.unwrap_or_else(|_| Err(Arc::new(sqlx::Error::WorkerCrashed))).map_err(Error::shared)
}

async fn carry_through(mut held: Held) -> std::result::Result<(), Arc<sqlx::Error>> {
    let Some(mut open) = held.take() else { return Ok(()) };
    let given_up = if open.undo {
        // Where that fails, SQLite has given the whole transaction up by itself: nothing of it is stored.
        let undone = sqlx::raw_sql("ROLLBACK TO one").execute(open.transaction.connection()).await;
        undone.map(drop).map_err(|error| sqlx::Error::Io(std::io::Error::other(error)))
    } else {
        Ok(())
    };
    let outcome = match given_up {
        Ok(()) => open.transaction.commit().await,
        Err(error) => Err(error),
    };
    let outcome = outcome.map_err(Arc::new);
    open.fate.send_replace(Some(outcome.clone()));
    outcome
}

impl One {
    fn open(&mut self) -> Option<&mut Open> {
        self.open.as_mut().and_then(|held| held.as_mut())
    }

    /// Whether the savepoint stands. When it does not, the database has given the whole transaction up by itself.
    fn entered<T>(&mut self, outcome: std::result::Result<T, sqlx::Error>) -> Result<T> {
        match outcome {
            Ok(value) => {
                if let Some(open) = self.open() {
                    (open.begun, open.undo) = (true, false);
                }
                Ok(value)
            }
            Err(error) => {
                let error = Arc::new(error);
                if let Some(lost) = self.open.as_mut().and_then(|held| held.take()) {
                    lost.fate.send_replace(Some(Err(Arc::clone(&error))));
                }
                Err(Error::shared(error))
            }
        }
    }

    /// The connection, for statements within the savepoint.
    #[expect(clippy::expect_used, reason = "only a commit takes it, and that takes the whole value")]
    pub(in crate::store) fn connection(&mut self) -> &mut SqliteConnection {
        self.open().expect("open until it is committed").transaction.connection()
    }

    /// Makes the changes durable, together with those of the others.
    pub(in crate::store) async fn commit(mut self) -> Result<()> {
        let Some(mut held) = self.open.take() else { return Ok(()) };
        let Some(open) = held.as_ref() else { return Ok(()) };
        let followed = self.together.waiting.load(Ordering::SeqCst) > 0 && open.since.elapsed() < LONGEST;
        if !followed {
            return commit(held).await;
        }
        let mut fate = open.fate.subscribe();
        if let Some(open) = held.as_mut() {
            open.begun = false;
        }
        drop(held);
        loop {
            if let Ok(known) = tokio::time::timeout(PATIENCE, fate.wait_for(Option::is_some)).await {
                return match known {
                    Ok(outcome) => outcome.clone().unwrap_or(Ok(())).map_err(Error::shared),
                    Err(_) => Err(Error::shared(Arc::new(sqlx::Error::WorkerCrashed))),
                };
            }
            let held = Arc::clone(&self.together.open).lock_owned().await;
            if held.as_ref().is_some_and(|open| open.fate.subscribe().same_channel(&fate)) {
                return commit(held).await;
            }
        }
    }
}

/// Ends what is left open by one who gave up: at once when nobody waits, else when nobody has taken it over in time.
impl Drop for One {
    fn drop(&mut self) {
        let Some(mut held) = self.open.take() else { return };
        let Some(open) = held.as_mut() else { return };
        if open.begun {
            (open.begun, open.undo) = (false, true);
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            *held = None;
            return;
        };
        if self.together.waiting.load(Ordering::SeqCst) == 0 {
            runtime.spawn(carry_through(held));
            return;
        }
        let (together, fate) = (self.together.clone(), open.fate.subscribe());
        drop(held);
        runtime.spawn(async move {
            tokio::time::sleep(PATIENCE).await;
            let held = Arc::clone(&together.open).lock_owned().await;
            if held.as_ref().is_some_and(|open| open.fate.subscribe().same_channel(&fate)) {
                let _ = carry_through(held).await;
            }
        });
    }
}
