//! What can go wrong between us and the database.

use std::sync::{Arc, OnceLock};

use sqlx::error::DatabaseError as _;
use sqlx::sqlite::SqliteError;

/// The result of a store call.
pub type Result<T> = std::result::Result<T, Error>;

/// What SQLite says when the file does not hold what it should: `SQLITE_CORRUPT` and `SQLITE_NOTADB`.
const DAMAGED: [i32; 2] = [11, 26];
/// What SQLite says of files that cannot be read or written now: `SQLITE_PERM`, `SQLITE_BUSY`, `SQLITE_LOCKED`, `SQLITE_NOMEM`,
/// `SQLITE_READONLY`, `SQLITE_IOERR`, `SQLITE_FULL`, `SQLITE_CANTOPEN`, `SQLITE_PROTOCOL`.
const UNAVAILABLE: [i32; 9] = [3, 5, 6, 7, 8, 10, 13, 14, 15];
const BUSY: i32 = 5;
const INTERRUPTED: i32 = 9;
const FULL: i32 = 13;

/// The first damage that this process met. It has one database file, and what it says of it holds until somebody restores it.
static DAMAGE: OnceLock<String> = OnceLock::new();

/// A failure of the database or of what it holds.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused or could not be reached.
    #[error("database: {0}")]
    Database(#[source] sqlx::Error),
    /// The commit that several transactions shared failed.
    #[error("shared commit: {0}")]
    SharedCommit(Arc<sqlx::Error>),
    /// Another program has the file locked.
    #[error("another program keeps the database file locked")]
    Locked,
    /// A migration failed.
    #[error("migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A stored value cannot be read as what it should be.
    #[error("the {table} row {row} holds an unreadable {column}")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        row: String,
    },
    /// Another worker has taken over; nothing of this transaction may be stored.
    #[error("the lease was taken over by another worker")]
    Fenced,
}

/// SQLite's result code without its extension; none when the failure is not one of SQLite's.
fn sqlite_code(error: &sqlx::Error) -> Option<i32> {
    let sqlx::Error::Database(error) = error else { return None };
    let code = error.try_downcast_ref::<SqliteError>()?.code()?;
    code.parse::<i32>().ok().map(|code| code & 0xff)
}

/// Whether another program has locked the file.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    sqlite_code(error) == Some(BUSY)
}

/// Whether the file does not hold what it should.
pub(super) fn is_damage(error: &sqlx::Error) -> bool {
    sqlite_code(error).is_some_and(|code| DAMAGED.contains(&code))
}

/// Remembers damage, and tells of it once.
fn notice(error: &sqlx::Error) {
    if is_damage(error) {
        notice_damage(&error.to_string());
    }
}

/// Remembers that the file is damaged, and tells of it once.
pub(super) fn notice_damage(what: &str) {
    if DAMAGE.set(what.to_owned()).is_ok() {
        tracing::error!(reason = what, "the database file is damaged; stop nmp and restore a backup");
    }
}

/// The first damage of the database file that this process met.
pub(super) fn damage() -> Option<&'static str> {
    DAMAGE.get().map(String::as_str)
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        notice(&error);
        Self::Database(error)
    }
}

impl Error {
    /// The commit that several transactions shared failed.
    pub(super) fn shared(error: Arc<sqlx::Error>) -> Self {
        notice(&error);
        Self::SharedCommit(error)
    }

    fn sqlite_code(&self) -> Option<i32> {
        match self {
            Self::Database(error) => sqlite_code(error),
            Self::SharedCommit(error) => sqlite_code(error),
            _ => None,
        }
    }

    /// True when there is no room to store anything.
    pub fn is_full(&self) -> bool {
        self.sqlite_code() == Some(FULL)
    }

    /// True when the file does not hold what it should.
    pub fn is_damaged(&self) -> bool {
        self.sqlite_code().is_some_and(|code| DAMAGED.contains(&code))
    }

    /// True when a question took longer than it may.
    pub fn is_over_time(&self) -> bool {
        self.sqlite_code() == Some(INTERRUPTED)
    }

    /// True when the database cannot do now what it could do at another time: it is busy or away, its file is locked, its
    /// disk full or failing.
    pub fn is_unavailable(&self) -> bool {
        let cause = match self {
            Self::Locked => return true,
            Self::Database(error) => error,
            Self::SharedCommit(error) => error,
            _ => return false,
        };
        self.is_transient()
            || matches!(cause, sqlx::Error::WorkerCrashed | sqlx::Error::PoolClosed | sqlx::Error::PoolTimedOut)
            || sqlite_code(cause).is_some_and(|code| UNAVAILABLE.contains(&code))
    }

    /// A stored value that cannot be read.
    pub(crate) fn unreadable(table: &'static str, column: &'static str, row: impl std::fmt::Display) -> Self {
        Self::Unreadable { table, column, row: format!("{row}") }
    }

    /// True when a unique key is taken.
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.is_unique_violation())
    }

    /// True when the database itself is not there: nobody listens, or it starts or stops.
    pub fn is_away(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => {
                matches!(error.code().as_deref(), Some("57P01" | "57P02" | "57P03"))
            }
            Self::Database(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut) => true,
            _ => false,
        }
    }

    /// True when the same transaction may go through if it is tried again: serialisation failure (40001), deadlock
    /// (40P01), a connection that was lost, a busy database.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => matches!(
                error.code().as_deref(),
                Some("40001" | "40P01" | "57P01" | "57P02" | "57P03" | "5" | "261" | "517")
            ),
            Self::Database(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut) => true,
            _ => false,
        }
    }
}
