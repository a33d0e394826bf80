//! What can go wrong between us and the database.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use sqlx::error::DatabaseError as _;
use sqlx::sqlite::SqliteError;

/// The result of a store call.
pub type Result<T> = std::result::Result<T, Error>;

/// What SQLite says when the file does not hold what it should: `SQLITE_CORRUPT` and `SQLITE_NOTADB`.
const DAMAGED: [i32; 2] = [11, 26];
const BUSY: i32 = 5;
const INTERRUPTED: i32 = 9;
const IO: i32 = 10;
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
    /// The answer to a commit was lost, and nobody can tell whether it was made.
    #[error("it is not known whether the commit was made: {0}")]
    Unclear(#[source] Arc<sqlx::Error>),
    /// A question took longer than it may.
    #[error("the question took longer than it may")]
    OverTime,
    /// Nothing can be written: a standby, a database that was made read-only, or a user who may only read.
    #[error("the server only reads, or its user may write nothing")]
    ReadOnly,
    /// Another program has the file locked.
    #[error("another program keeps the database file locked")]
    Locked,
    /// A migration failed.
    #[error("migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A connection pooler stands between, and gives each transaction another session.
    #[error(
        "a connection pooler gives each transaction another session of the server; set its pool_mode to session, or \
         connect to the server directly"
    )]
    SharedSessions,
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

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remedy {
    /// Begin the transaction anew: two of them were in each other's way, or the connection was lost.
    Again,
    /// Wait: the database is away, full, read-only or out of something.
    Wait,
    /// Nothing that waiting would mend.
    None,
}

/// Codes of PostgreSQL (five characters, by class) and of SQLite (numbers; the lowest byte is the primary code).
fn remedy(code: &str) -> Remedy {
    if let Some(code) = code.parse::<u32>().ok().filter(|_| code.len() < 5) {
        return match code & 0xff {
            // BUSY, LOCKED
            5 | 6 => Remedy::Again,
            // PERM, NOMEM, READONLY, IOERR, FULL, CANTOPEN, PROTOCOL
            3 | 7 | 8 | 10 | 13 | 14 | 15 => Remedy::Wait,
            _ => Remedy::None,
        };
    }
    match code {
        // Serialisation failure, deadlock, a row that was not free in time (a statement that took too long has mostly waited
        // for some), a session that an administrator or a limit ended.
        "40001" | "40P01" | "55P03" | "57014" | "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25P04" => {
            Remedy::Again
        }
        // A standby, or a database that was made read-only; rights that somebody took away, and may give back.
        "25006" | "42501" => Remedy::Wait,
        // Lost connections; out of disk, memory or connections; a server's own disk failed.
        code if code.starts_with("08") => Remedy::Again,
        code if code.starts_with("53") || code.starts_with("58") => Remedy::Wait,
        _ => Remedy::None,
    }
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

/// Stands in an error of sqlx for a question that took longer than it may.
#[derive(Debug, thiserror::Error)]
#[error("the question took longer than it may")]
pub(super) struct OverTime;

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        notice(&error);
        match error {
            sqlx::Error::AnyDriverError(cause) if cause.is::<OverTime>() => Self::OverTime,
            error => Self::Database(error),
        }
    }
}

impl Error {
    /// The commit that several transactions shared failed.
    pub(super) fn shared(error: Arc<sqlx::Error>) -> Self {
        notice(&error);
        match sqlite_code(&error) {
            Some(IO) => Self::Unclear(error),
            _ => Self::SharedCommit(error),
        }
    }

    /// A stored value that cannot be read.
    pub(crate) fn unreadable(table: &'static str, column: &'static str, row: impl std::fmt::Display) -> Self {
        Self::Unreadable { table, column, row: format!("{row}") }
    }

    fn cause(&self) -> Option<&sqlx::Error> {
        match self {
            Self::Database(error) => Some(error),
            Self::SharedCommit(error) => Some(error),
            _ => None,
        }
    }

    /// The database's own code of the failure.
    pub(crate) fn code(&self) -> Option<Cow<'_, str>> {
        self.cause()?.as_database_error()?.code()
    }

    fn sqlite_code(&self) -> Option<i32> {
        sqlite_code(self.cause()?)
    }

    fn remedy(&self) -> Remedy {
        match self.cause() {
            Some(sqlx::Error::Database(error)) => error.code().map_or(Remedy::None, |code| remedy(&code)),
            Some(sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed) => Remedy::Again,
            // Everybody has waited for a connection already.
            Some(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Tls(_)) => Remedy::Wait,
            // Another program's lock was waited for as well.
            None if matches!(self, Self::Locked | Self::ReadOnly) => Remedy::Wait,
            _ => Remedy::None,
        }
    }

    /// True when there is no room to store anything.
    pub fn is_full(&self) -> bool {
        self.sqlite_code() == Some(FULL) || self.code().as_deref() == Some("53100")
    }

    /// True when the file does not hold what it should.
    pub fn is_damaged(&self) -> bool {
        self.sqlite_code().is_some_and(|code| DAMAGED.contains(&code))
    }

    /// True when a question took longer than it may.
    pub fn is_over_time(&self) -> bool {
        matches!(self, Self::OverTime) || self.sqlite_code() == Some(INTERRUPTED)
    }

    /// True when a unique key is taken.
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.is_unique_violation())
    }

    /// True when the database itself is not there: nobody listens, or it starts or stops.
    pub fn is_away(&self) -> bool {
        match self.cause() {
            Some(sqlx::Error::Database(_)) => matches!(self.code().as_deref(), Some("57P01" | "57P02" | "57P03")),
            Some(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut) => true,
            _ => false,
        }
    }

    /// What a failed commit to a file means: a disk that failed while it was written may have it all the same.
    pub(super) fn of_commit(error: sqlx::Error) -> Self {
        if sqlite_code(&error) == Some(IO) { Self::Unclear(Arc::new(error)) } else { error.into() }
    }

    /// True when nobody can tell whether a commit was made: its answer was lost, or a disk failed while it was written.
    pub fn is_unclear(&self) -> bool {
        matches!(self, Self::Unclear(_))
    }

    /// True when the same transaction may go through if it is begun anew.
    pub fn is_transient(&self) -> bool {
        self.remedy() == Remedy::Again
    }

    /// True when the database cannot do it at present and may later, without anybody changing what was asked.
    pub fn is_unavailable(&self) -> bool {
        self.remedy() != Remedy::None || matches!(self, Self::Unclear(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_databases_are_told_apart() {
        let again = ["40001", "40P01", "55P03", "57014", "08006", "57P01", "25P03", "5", "261", "517", "6"];
        let wait = ["25006", "42501", "53100", "53300", "58030", "13", "10", "778", "1034", "8", "14"];
        let none = ["23505", "42P01", "11", "2067", "1", "9"];
        for (codes, expected) in [(&again[..], Remedy::Again), (&wait[..], Remedy::Wait), (&none[..], Remedy::None)] {
            for code in codes {
                assert_eq!(remedy(code), expected, "{code}");
            }
        }
    }
}
