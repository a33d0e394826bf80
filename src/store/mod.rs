//! The database: SQLite by default, PostgreSQL for several processes, one SQL text for both.
//!
//! With its children this is the only module that names sqlx. [`Db`] opens connections, [`Tx`] is a connection with or
//! without a transaction; every statement stands in a `statements!` block, so that a test prepares each on both databases.

mod accounts;
mod audit;
mod call_path;
mod civic_addresses;
mod compare;
mod consents;
mod error;
mod gathered;
mod hand_over;
mod housekeeping;
mod labels;
mod listing;
mod migrate;
mod number_lines;
mod number_rows;
mod numbers;
mod numbers_filter;
mod order_begun;
mod order_items;
mod order_writes;
mod orders;
mod postgres;
mod pushes;
mod readers;
mod remembered;
mod repeats;
mod script;
mod sessions;
mod settings;
mod sql;
mod submit;
mod together;
mod told_names;
mod types;
mod upkeep;
mod work;
mod work_upkeep;
mod writer;
mod zone;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{PgConnection, SqliteConnection};

use tokio::sync::Notify;

use crate::domain::Number;
use crate::domain::call_path::RoutedNumber;
use gathered::Gathered;
use postgres::{Lent, Listener, Patience};
use readers::{Reader, Readers, Times};
use remembered::{Recalled, Remembered};
use sql::Dialect;
use together::{One, Together};
use upkeep::Statistics;
use writer::{Writer, Writing};

pub use accounts::{AccountFilter, AccountPage};
pub use audit::{AuditEntry, AuditFilter, AuditRow, Place};
pub use call_path::{Position, Run, Touched};
pub use civic_addresses::AddressPage;
pub use consents::{ConsentCount, ConsentFilter, ConsentRow, RelationshipChange};
pub use error::{Error, Result};
pub use listing::{Listed, Window};
pub use migrate::MigrationState;
pub use number_lines::{Alike, FilterChoices, NumberLine, NumberLines};
pub use numbers::{NumberPage, NumberRange};
pub use numbers_filter::{Assignment, NumberFilter};
pub use order_begun::Begun;
pub use order_items::{
    Cause, ItemRange, ItemRow, NewItem, NewProblem, OrderHistory, ProblemRow, SettingsChange, VerdictCount,
};
pub use order_writes::AccountWrites;
pub use orders::{NewOrder, OrderFilter, OrderPage};
pub use postgres::{Postgres, SessionLimits, WRITING};
pub use pushes::{NewPush, Push, PushOutcome};
pub use repeats::RepeatRow;
pub use sessions::SessionRow;
pub use submit::Applied;
pub use told_names::LabelRow;
pub use types::{at, micros};
pub use work::{Again, Claim, Lane, WorkKind, WorkRow};
pub use zone::{DelegationRow, NamesChecked, NamesRow, ZoneChanges, ZoneDelta, ZoneSnapshot};

/// A cursor into a list that pages by key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page<K> {
    /// The first rows.
    First,
    /// The rows behind this key.
    After(K),
    /// The rows before this key.
    Before(K),
}

/// Where the data is.
#[derive(Clone, Debug)]
pub enum Db {
    /// An embedded file: one writer, many readers.
    Sqlite {
        /// Readers.
        read: Readers,
        /// Readers for questions that may have to look through a whole table.
        search: Readers,
        /// The one writer.
        write: Writer,
        /// Where transactions of the writer meet that share a commit.
        together: Together,
        /// Where questions about single numbers meet.
        gathered: Gathered<Number>,
        /// Where questions of the call path meet.
        routed: Gathered<RoutedNumber>,
        /// Sessions in memory.
        sessions: Remembered,
        /// How old its statistics are.
        statistics: Arc<Statistics>,
        /// Wakes the name server of this process.
        zone: Arc<Notify>,
    },
    /// A server.
    Postgres(Postgres),
}

/// A connection in use: alone for one statement at a time, or with a transaction.
#[derive(Debug)]
pub enum Tx {
    /// A write transaction of the one writer.
    Sqlite(Writing),
    /// One of the write transactions that share a commit.
    SqliteTogether(One),
    /// A reader without a transaction.
    SqliteRead(Reader),
    /// A connection to a server, with a transaction where it was begun.
    Postgres(Lent),
}

/// A borrowed connection; what the `on!` macro takes apart.
pub(crate) enum Conn<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection, Patience<'a>),
}

impl Tx {
    pub(crate) fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::Sqlite(tx) => Conn::Sqlite(tx.connection()),
            Self::SqliteTogether(one) => Conn::Sqlite(one.connection()),
            Self::SqliteRead(reader) => Conn::Sqlite(reader.connection()),
            Self::Postgres(lent) => {
                let (connection, patience) = lent.connection();
                Conn::Postgres(connection, patience)
            }
        }
    }

    fn dialect(&mut self) -> Dialect {
        sql::dialect!(self, sqlite: Dialect::Sqlite, postgres: Dialect::Postgres)
    }

    /// Makes the changes of the transaction durable.
    ///
    /// # Errors
    /// When the database refuses; then nothing of it is stored.
    pub async fn commit(mut self) -> Result<()> {
        self.append_put_off().await?;
        match self {
            Self::Sqlite(tx) => tx.commit().await.map_err(Error::of_commit)?,
            Self::SqliteTogether(one) => one.commit().await?,
            Self::Postgres(lent) => lent.commit().await?,
            Self::SqliteRead(_) => {}
        }
        Ok(())
    }

    /// Gives up every change of the transaction.
    ///
    /// # Errors
    /// When the connection is lost; then nothing of it is stored either.
    pub async fn rollback(self) -> Result<()> {
        match self {
            Self::Sqlite(tx) => tx.rollback().await,
            Self::Postgres(lent) => lent.rollback().await?,
            // What stands in a savepoint is undone by the next who comes, or before the commit.
            Self::SqliteTogether(_) | Self::SqliteRead(_) => {}
        }
        Ok(())
    }
}

/// Tells of work that other processes have.
#[derive(Debug)]
pub enum Notices {
    /// There is no other process.
    None,
    /// By the server.
    Heard(Box<Listener>),
}

impl Notices {
    /// Waits for the next; where there is no other process, for ever.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn next(&mut self) -> Result<()> {
        match self {
            Self::None => std::future::pending().await,
            Self::Heard(listener) => listener.next().await,
        }
    }
}

/// How many connections are kept.
#[derive(Clone, Copy, Debug)]
pub struct PoolSize {
    /// SQLite readers, each a thread of its own. On two cores four answered more than two or eight.
    pub readers: u32,
    /// PostgreSQL connections, for reading and for writing together; at least one of each.
    pub connections: u32,
    /// What each session of PostgreSQL may take.
    pub limits: SessionLimits,
}

impl Default for PoolSize {
    fn default() -> Self {
        Self { readers: 4, connections: 16, limits: SessionLimits::default() }
    }
}

const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Times of SQLite's readers. Nothing that they are asked takes nearly as long.
const READ: Times = Times { patience: ACQUIRE_TIMEOUT, limit: Duration::from_secs(30) };
/// Times of those that search: as long as somebody waits for a page.
const SEARCH: Times = Times { patience: Duration::from_secs(5), limit: Duration::from_secs(5) };

/// How many questions may look through whole tables at a time. Each keeps a processor busy, and half of them are left to
/// others.
fn searchers() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| if count.get() < 4 { 1 } else { 2 })
}

impl Db {
    /// Opens the database at `sqlite:PATH` or `postgres://...`. The caller keeps other processes away from a SQLite file.
    ///
    /// # Errors
    /// When the address cannot be understood or the database cannot be reached.
    pub async fn open(url: &str, size: PoolSize) -> Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return Self::open_sqlite(Path::new(path), size).await;
        }
        Ok(Self::Postgres(Postgres::open(url, size).await?))
    }

    async fn open_sqlite(path: &Path, size: PoolSize) -> Result<Self> {
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
            // 64 MB of 4 KiB pages. Before that [`Db::checkpoint`] moves them, so that nobody who commits has to.
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
        let read = Readers::open(&reading, size.readers, READ).await?;
        let search = Readers::open(&reading, searchers(), SEARCH).await?;
        Ok(Self::Sqlite {
            read,
            search,
            write,
            sessions,
            together: Together::default(),
            gathered: Gathered::default(),
            routed: Gathered::default(),
            statistics: Arc::default(),
            zone: Arc::default(),
        })
    }

    /// A transaction that may write. On SQLite it is the only one at a time.
    ///
    /// # Errors
    /// When no connection can be had in time.
    pub async fn begin(&self) -> Result<Tx> {
        Ok(match self {
            Self::Sqlite { write, .. } => Tx::Sqlite(write.begin().await?),
            Self::Postgres(server) => Tx::Postgres(server.write.begin().await?),
        })
    }

    /// A short transaction that may write and that shares its commit with others of its kind, where that is of use: on
    /// SQLite, where each commit waits for the disk and all wait for each other.
    ///
    /// # Errors
    /// When no connection can be had in time.
    pub async fn begin_together(&self) -> Result<Tx> {
        match self {
            Self::Sqlite { write, together, .. } => Ok(Tx::SqliteTogether(together.begin(write).await?)),
            Self::Postgres(_) => self.begin().await,
        }
    }

    /// A connection for reads, each statement for itself.
    ///
    /// # Errors
    /// When no connection can be had in time.
    pub async fn read(&self) -> Result<Tx> {
        Ok(match self {
            Self::Sqlite { read, .. } => Tx::SqliteRead(read.lend().await?),
            Self::Postgres(server) => Tx::Postgres(server.read.lend().await?),
        })
    }

    /// A connection for a read that may have to look through a whole table. These have readers of their own, so that nobody
    /// who asks for one row waits for them, and a limit of time ([`Error::is_over_time`]).
    ///
    /// # Errors
    /// When no connection can be had in time.
    pub async fn search(&self) -> Result<Tx> {
        match self {
            Self::Sqlite { search, .. } => Ok(Tx::SqliteRead(search.lend_at_rest().await?)),
            Self::Postgres(server) => Ok(Tx::Postgres(server.read.search().await?)),
        }
    }

    /// [`Self::search`] where it is needed, else [`Self::read`].
    ///
    /// # Errors
    /// When no connection can be had in time.
    pub async fn read_or_search(&self, searches: bool) -> Result<Tx> {
        if searches { self.search().await } else { self.read().await }
    }

    /// The session of this identifier.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn session(&self, id: &str) -> Result<Option<SessionRow>> {
        let Self::Sqlite { sessions, .. } = self else { return self.read().await?.session(id).await };
        let version = match sessions.recall(id) {
            Recalled::Row(row) => return Ok(Some(row)),
            Recalled::Unknown(version) => version,
        };
        let found = self.read().await?.session(id).await?;
        if let Some(row) = &found {
            sessions.offer(version, id, row);
        }
        Ok(found)
    }

    /// Asks whether the database can be read and written, by doing so.
    ///
    /// # Errors
    /// When it cannot, with the reason in words.
    pub async fn try_out(&self) -> std::result::Result<(), String> {
        if let Some(damage) = error::damage() {
            return Err(format!("the database file is damaged: {damage}"));
        }
        self.ping().await.map_err(|error| error.to_string())?;
        match self {
            Self::Sqlite { write, .. } => write.probe().await,
            Self::Postgres(server) => server.may_write().await.map_err(|error| error.to_string()),
        }
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn ping(&self) -> Result<()> {
        let mut tx = self.read().await?;
        sql::on!(tx, |c| sqlx::query("SELECT 1").execute(c).await.map(drop))?;
        Ok(())
    }

    /// Tells the sync engines of other processes that there is work.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tell_sync(&self) -> Result<()> {
        if let Self::Postgres(server) = self {
            let mut tx = Tx::Postgres(server.write.lend().await?);
            sql::on!(tx, |c| sqlx::query(NOTIFY).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// Tells the name server of this process, where it is the only one, that the zone may have changed. On PostgreSQL the
    /// transaction itself tells every name server.
    pub fn tell_name_server(&self) {
        if let Self::Sqlite { zone, .. } = self {
            zone.notify_one();
        }
    }

    /// Listens for other processes that tell of work. On SQLite there are none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn notices(&self) -> Result<Notices> {
        Ok(match self {
            Self::Sqlite { .. } => Notices::None,
            Self::Postgres(server) => Notices::Heard(Box::new(server.listen("nmp_sync").await?)),
        })
    }

    /// Closes every connection once its statement is done.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { read, search, write, .. } => {
                read.close().await;
                search.close().await;
                write.close().await;
            }
            Self::Postgres(server) => server.close().await,
        }
    }
}

/// Wakes the sync engines that listen; PostgreSQL only.
const NOTIFY: &str = "SELECT pg_notify('nmp_sync', '')";

sql::statements! {
    NEXT_SQLITE = "UPDATE sequences SET next = next + 1 WHERE name = $1 RETURNING CAST(next - 1 AS BIGINT)";
    // Taken at once and for good, whatever becomes of the transaction: nobody waits for anybody else's number.
    NEXT_POSTGRES = "SELECT nextval(CAST(CAST($1 AS TEXT) || '_numbers' AS regclass))";
    // Kept from others until the commit, so that what was numbered earlier is committed earlier.
    NEXT_PLACE = "UPDATE sequences SET next = next + 1 WHERE name = $1 RETURNING CAST(next - 1 AS BIGINT)";
}

impl Tx {
    /// The next number of accounts, orders or pushes. Gaps are harmless.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn next_number(&mut self, of: &'static str) -> Result<i64> {
        let statement = sql::dialect!(self, sqlite: NEXT_SQLITE, postgres: NEXT_POSTGRES);
        Ok(sql::on!(self, |c| sqlx::query_scalar(statement).bind(of).fetch_one(c).await)?)
    }

    /// The next place of the answers, without gaps and in the order of commits.
    async fn next_place(&mut self, of: &'static str) -> Result<i64> {
        Ok(sql::on!(self, |c| sqlx::query_scalar(NEXT_PLACE).bind(of).fetch_one(c).await)?)
    }

    /// Prepares for a statement that goes through a whole order or table, and so may take long. Of many on one loan each
    /// asks for itself.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn take_time(&mut self) -> Result<()> {
        match self {
            Self::Postgres(lent) => lent.take_time().await,
            Self::SqliteRead(reader) => {
                reader.begin_anew();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The same for a transaction that writes nothing that anybody else wants: it may also fall silent for so long.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn take_time_aside(&mut self) -> Result<()> {
        self.take_time().await?;
        match self {
            Self::Postgres(lent) => lent.fall_silent().await,
            _ => Ok(()),
        }
    }
}

/// Every statement of the store by name, for the test that prepares each on both databases.
pub fn statements() -> Vec<(&'static str, &'static str)> {
    [
        ALL,
        accounts::ALL,
        audit::ALL,
        call_path::ALL,
        civic_addresses::ALL,
        compare::ALL,
        consents::ALL,
        hand_over::ALL,
        housekeeping::ALL,
        labels::ALL,
        listing::ALL,
        number_lines::ALL,
        numbers::ALL,
        order_items::ALL,
        order_writes::ALL,
        orders::ALL,
        pushes::ALL,
        repeats::ALL,
        sessions::ALL,
        settings::ALL,
        submit::ALL,
        told_names::ALL,
        work::ALL,
        work_upkeep::ALL,
        zone::ALL,
    ]
    .concat()
}
