//! What can go wrong between us and the database.

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
    SharedCommit(std::sync::Arc<sqlx::Error>),
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

impl Error {
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
