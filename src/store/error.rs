//! What can go wrong between us and the database.

use std::borrow::Cow;
use std::sync::Arc;

/// The result of a store call.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure of the database or of what it holds.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused or could not be reached.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The commit that several transactions shared failed.
    #[error("shared commit: {0}")]
    SharedCommit(Arc<sqlx::Error>),
    /// The answer to a commit was lost, and nobody can tell whether it was made.
    #[error("it is not known whether the commit was made: {0}")]
    Unclear(Box<sqlx::Error>),
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
            // READONLY, IOERR, FULL, CANTOPEN, PROTOCOL
            8 | 10 | 13 | 14 | 15 => Remedy::Wait,
            _ => Remedy::None,
        };
    }
    match code {
        // Serialisation failure, deadlock, a row that was not free in time (a statement that took too long has mostly waited
        // for some), a session that an administrator or a limit ended.
        "40001" | "40P01" | "55P03" | "57014" | "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => Remedy::Again,
        // A standby, or a database that was made read-only.
        "25006" => Remedy::Wait,
        // Lost connections; out of disk, memory or connections; a server's own disk failed.
        code if code.starts_with("08") => Remedy::Again,
        code if code.starts_with("53") || code.starts_with("58") => Remedy::Wait,
        _ => Remedy::None,
    }
}

impl Error {
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

    fn remedy(&self) -> Remedy {
        match self.cause() {
            Some(sqlx::Error::Database(error)) => error.code().map_or(Remedy::None, |code| remedy(&code)),
            Some(sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed) => Remedy::Again,
            // Everybody has waited for a connection already.
            Some(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Tls(_)) => Remedy::Wait,
            _ => Remedy::None,
        }
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

    /// True when the answer to a commit was lost and nobody can tell whether it was made.
    pub fn is_unclear(&self) -> bool {
        matches!(self, Self::Unclear(_))
    }

    /// True when the same transaction may go through if it is begun anew.
    pub fn is_transient(&self) -> bool {
        self.remedy() == Remedy::Again
    }

    /// True when the database cannot do it at present and may later, without anybody changing what was asked.
    pub fn is_unavailable(&self) -> bool {
        self.remedy() != Remedy::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_databases_are_told_apart() {
        let (again, wait) = (Remedy::Again, Remedy::Wait);
        for (code, expected) in [
            ("40001", again),
            ("40P01", again),
            ("55P03", again),
            ("08006", again),
            ("57P01", again),
            ("25P03", again),
            ("25006", wait),
            ("57014", again),
            ("53100", wait),
            ("53300", wait),
            ("58030", wait),
            ("5", again),
            ("261", again),
            ("517", again),
            ("6", again),
            ("13", wait),
            ("10", wait),
            ("778", wait),
            ("1034", wait),
            ("8", wait),
            ("14", wait),
            ("23505", Remedy::None),
            ("42P01", Remedy::None),
            ("11", Remedy::None),
            ("2067", Remedy::None),
            ("1", Remedy::None),
        ] {
            assert_eq!(remedy(code), expected, "{code}");
        }
    }
}
