//! The database: an embedded file or a server, and how connections to it are had.

use std::path::Path;

use super::error::damage;
use super::postgres::{Listener, Postgres, SessionLimits};
use super::sql::on;
use super::sqlite::Sqlite;
use super::{Result, Tx};

/// Wakes the sync engines that listen; PostgreSQL only.
const NOTIFY: &str = "SELECT pg_notify('nmp_sync', '')";

/// Where the data is.
#[derive(Clone, Debug)]
pub enum Db {
    /// An embedded file: one writer, many readers.
    Sqlite(Sqlite),
    /// A server.
    Postgres(Postgres),
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

impl Db {
    /// Opens the database at `sqlite:PATH` or `postgres://...`. The caller keeps other processes away from a SQLite file.
    ///
    /// # Errors
    /// When the address cannot be understood or the database cannot be reached.
    pub async fn open(url: &str, size: PoolSize) -> Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return Ok(Self::Sqlite(Sqlite::open(Path::new(path), size.readers).await?));
        }
        Ok(Self::Postgres(Postgres::open(url, size).await?))
    }

    /// A transaction that may write. On SQLite it is the only one at a time.
    ///
    /// # Errors
    /// When no connection can be had in time.
    pub async fn begin(&self) -> Result<Tx> {
        Ok(match self {
            Self::Sqlite(file) => Tx::Sqlite(file.write.begin().await?),
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
            Self::Sqlite(file) => Ok(Tx::SqliteTogether(file.together.begin(&file.write).await?)),
            Self::Postgres(_) => self.begin().await,
        }
    }

    /// A connection for reads, each statement for itself.
    ///
    /// # Errors
    /// When no connection can be had in time.
    pub async fn read(&self) -> Result<Tx> {
        Ok(match self {
            Self::Sqlite(file) => Tx::SqliteRead(file.read.lend().await?),
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
            Self::Sqlite(file) => Ok(Tx::SqliteRead(file.search.lend_at_rest().await?)),
            Self::Postgres(server) => Ok(Tx::Postgres(server.read.search().await?)),
        }
    }

    /// The same for the sync engine, which has a place of its own: whoever searches on pages does not keep it from its work.
    ///
    /// # Errors
    /// When no connection can be had in time.
    pub async fn search_for_engine(&self) -> Result<Tx> {
        match self {
            Self::Sqlite(file) => Ok(Tx::SqliteRead(file.engine.lend_at_rest().await?)),
            Self::Postgres(server) => Ok(Tx::Postgres(server.read.search_for_engine().await?)),
        }
    }

    /// A connection for questions of the sync engine about many numbers by their keys, some of them too new for any
    /// statistics. Nobody waits for it, and nothing is written by it.
    ///
    /// # Errors
    /// When no connection can be had in time.
    pub async fn along_keys(&self) -> Result<Tx> {
        match self {
            Self::Sqlite(_) => self.search_for_engine().await,
            Self::Postgres(server) => {
                let mut lent = server.write.begin().await?;
                lent.keep_to_keys().await?;
                Ok(Tx::Postgres(lent))
            }
        }
    }

    /// [`Self::search`] where it is needed, else [`Self::read`].
    ///
    /// # Errors
    /// When no connection can be had in time.
    pub async fn read_or_search(&self, searches: bool) -> Result<Tx> {
        if searches { self.search().await } else { self.read().await }
    }

    /// Asks whether the database can be read and written, by doing so.
    ///
    /// # Errors
    /// When it cannot, with the reason in words.
    pub async fn try_out(&self) -> std::result::Result<(), String> {
        if let Some(damage) = damage() {
            return Err(format!("the database file is damaged: {damage}"));
        }
        self.ping().await.map_err(|error| error.to_string())?;
        match self {
            Self::Sqlite(file) => file.write.probe().await,
            Self::Postgres(server) => server.may_write().await.map_err(|error| error.to_string()),
        }
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn ping(&self) -> Result<()> {
        let mut tx = self.read().await?;
        on!(tx, |c| sqlx::query("SELECT 1").execute(c).await.map(drop))?;
        Ok(())
    }

    /// Tells the sync engines of other processes that there is work.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tell_sync(&self) -> Result<()> {
        if let Self::Postgres(server) = self {
            let mut tx = Tx::Postgres(server.write.lend().await?);
            on!(tx, |c| sqlx::query(NOTIFY).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// Tells the name server of this process, where it is the only one, that the zone may have changed. On PostgreSQL the
    /// transaction itself tells every name server.
    pub fn tell_name_server(&self) {
        if let Self::Sqlite(file) = self {
            file.zone.notify_one();
        }
    }

    /// Listens for other processes that tell of work. On SQLite there are none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn notices(&self) -> Result<Notices> {
        Ok(match self {
            Self::Sqlite(_) => Notices::None,
            Self::Postgres(server) => Notices::Heard(Box::new(server.listen("nmp_sync").await?)),
        })
    }

    /// Closes every connection once its statement is done.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(file) => file.close().await,
            Self::Postgres(server) => server.close().await,
        }
    }
}
