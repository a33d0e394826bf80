//! A connection in use, with or without a transaction.

use sqlx::{PgConnection, SqliteConnection};

use super::postgres::{Lent, Patience};
use super::sql::{Dialect, dialect};
use super::sqlite::{One, Reader, Writing};
use super::{Error, Result};

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

    pub(super) fn dialect(&mut self) -> Dialect {
        dialect!(self, sqlite: Dialect::Sqlite, postgres: Dialect::Postgres)
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
