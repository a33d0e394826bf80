//! What only a SQLite file needs, nearly all of it for speed.
//!
//! SQLite itself is fast; what costs is around it. Each connection has a thread of its own, so a question travels to that
//! thread and its answer back, which takes longer than a small statement. A commit waits for the disk, and all commits
//! wait for each other, because one connection writes. Each file here takes away a part of that. On PostgreSQL only
//! `script` is run, one statement after the other; a server does the rest by itself, or others write to it as well.
//!
//! What each exists for, and what it gained where that was measured by itself:
//!
//! - `readers`: connections that read, lent without the sign of life that sqlx's pool asks for each time one comes back,
//!   which cost as much as the question. Questions that search have readers of their own: four filters without an index
//!   used to hold all four, and whoever asked for one number waited. Readers map the file into memory: look-ups of one
//!   number among a million, against `/healthz`, went from 0.28 to 0.37.
//! - `writer`: the one connection that writes, opened anew when a transaction on it failed; sqlx counted it as being in
//!   that transaction ever after, and one full disk ended all writing. It is about safety more than speed.
//! - `together`: short transactions share a commit, each in a savepoint of its own. Measured only with what else changed.
//! - `script`: many small statements travel as one. A change by the API took eight trips and then five. Measured only with
//!   what else changed: puts went from 0.53 to 0.58 of bare commits of one row, batches of 100 from 0.11 to 0.21 of a bare
//!   bulk insert.
//! - `gathered`: questions about single numbers that meet are one question. Measured only with other savings of trips:
//!   puts went from 0.39 to 0.73 and reads of one number from 0.37 to 0.39 of `/healthz`.
//! - `remembered`: sessions in memory, since each request asks for one and next to none changes one. A page of 50 numbers
//!   costs 170 instead of 234 microseconds of processor time.
//! - `upkeep`: moves the journal into the file before somebody's commit has to, which was a third of the time of a large
//!   submit that met it, and renews statistics that open connections would never see. It also looks for damage.

pub(super) mod gathered;
mod readers;
pub(super) mod remembered;
pub(super) mod script;
mod together;
mod upkeep;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use tokio::sync::Notify;

use crate::domain::Number;
use crate::domain::call_path::RoutedNumber;
use crate::store::Result;
use gathered::Gathered;
use readers::{Readers, Times};
use remembered::Remembered;
use together::Together;
use upkeep::Statistics;
use writer::Writer;

pub use readers::Reader;
pub use together::One;
pub use writer::Writing;

const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Times of SQLite's readers. Nothing that they are asked takes nearly as long.
const READ: Times = Times { patience: ACQUIRE_TIMEOUT, limit: Duration::from_secs(30) };
/// Times of those that search: as long as somebody waits for a page.
const SEARCH: Times = Times { patience: Duration::from_secs(5), limit: Duration::from_secs(5) };
/// Times of the sync engine when it searches: nobody waits for it.
const ENGINE: Times = Times { patience: Duration::from_mins(1), limit: Duration::from_secs(30) };

/// How many questions may look through whole tables at a time. Each keeps a processor busy, and half of them are left to
/// others.
fn searchers() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| if count.get() < 4 { 1 } else { 2 })
}

/// An open file.
#[derive(Clone, Debug)]
pub struct Sqlite {
    /// Readers.
    pub(super) read: Readers,
    /// Readers for questions that may have to look through a whole table.
    pub(super) search: Readers,
    /// The reader of the sync engine for such questions.
    pub(super) engine: Arc<Readers>,
    /// The one writer.
    pub write: Writer,
    /// Where transactions of the writer meet that share a commit.
    pub(super) together: Together,
    /// Where questions about single numbers meet.
    pub(super) gathered: Gathered<Number>,
    /// Where questions of the call path meet.
    pub(super) routed: Gathered<RoutedNumber>,
    /// Sessions in memory.
    pub(super) sessions: Remembered,
    /// How old its statistics are.
    statistics: Arc<Statistics>,
    /// Wakes the name server of this process.
    pub(super) zone: Arc<Notify>,
}

impl Sqlite {
    /// Opens the file with so many readers, and makes it where there is none.
    pub(super) async fn open(path: &Path, readers: u32) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            .pragma("cache_size", "-8000")
            .pragma("temp_store", "memory")
            .pragma("journal_size_limit", "67108864")
            // 64 MB of 4 KiB pages. Before that the upkeep moves them, so that nobody who commits has to.
            .pragma("wal_autocheckpoint", "16000")
            .optimize_on_close(true, 400)
            // A page of any list fits in, so that its rows cross over to the asking thread together.
            .row_buffer_size(256);
        let sessions = Remembered::default();
        // Most of what a large order writes fits in, so that little of it is written and read back before the commit.
        let write = Writer::open(options.clone().pragma("cache_size", "-24000"), sessions.clone()).await?;
        // Pages are looked at where the system has them, so that numbers that lie far apart are found without a copy of each
        // page; at most 256 MB of the file.
        let reading = options.pragma("query_only", "on").pragma("mmap_size", "268435456");
        let read = Readers::open(&reading, readers, READ).await?;
        let search = Readers::open(&reading, searchers(), SEARCH).await?;
        let engine = Arc::new(Readers::open(&reading, 1, ENGINE).await?);
        Ok(Self {
            read,
            search,
            engine,
            write,
            sessions,
            together: Together::default(),
            gathered: Gathered::default(),
            routed: Gathered::default(),
            statistics: Arc::default(),
            zone: Arc::default(),
        })
    }

    /// Closes every connection once its statement is done.
    pub(super) async fn close(&self) {
        self.read.close().await;
        self.search.close().await;
        self.engine.close().await;
        self.write.close().await;
    }
}
