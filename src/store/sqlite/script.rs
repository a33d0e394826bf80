//! Several statements in one go.
//!
//! Each question to SQLite goes to the thread that owns the connection and back, which takes longer than a small
//! statement; a script of many small ones travels once.

use futures_util::TryStreamExt as _;
use sqlx::{Column as _, Either, Executor as _, Row, TypeInfo as _, ValueRef as _};

use crate::store::sql::{Bind, Conditions, bind_all};
use crate::store::{Conn, Error, Result, Tx};

/// Statements to run one after the other.
#[derive(Debug, Default)]
pub(in crate::store) struct Script(Vec<Conditions>);

/// What one statement of a script did.
#[derive(Debug, Default)]
pub(in crate::store) struct Done {
    /// Rows it wrote.
    pub(in crate::store) affected: u64,
    rows: Vec<Vec<Bind>>,
}

impl Script {
    /// Adds a statement with its own `$1`, `$2` ... and their values.
    pub(in crate::store) fn step<const N: usize>(&mut self, statement: &'static str, values: [Bind; N]) -> &mut Self {
        self.0.push(Conditions::whole(statement, values));
        self
    }

    /// Adds the statements of another.
    pub(in crate::store) fn append(&mut self, other: Self) -> &mut Self {
        self.0.extend(other.0);
        self
    }

    /// How many statements it has.
    pub(in crate::store) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds a statement that was put together.
    pub(in crate::store) fn built(&mut self, statement: Conditions) -> &mut Self {
        self.0.push(statement);
        self
    }
}

impl Done {
    /// The rows that a statement found, each with so many columns.
    pub(in crate::store) fn rows<const N: usize>(self) -> Result<Vec<[Bind; N]>> {
        let read = |row: Vec<Bind>| row.try_into().map_err(|_| Error::unreadable("script", "columns", N));
        self.rows.into_iter().map(read).collect()
    }
}

/// The values of a row, whatever they are.
fn values<R: Row>(row: &R) -> sqlx::Result<Vec<Bind>>
where
    usize: sqlx::ColumnIndex<R>,
    for<'r> i64: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    for<'r> String: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    let value = |index: usize| {
        let raw = row.try_get_raw(index)?;
        Ok(if raw.is_null() {
            Bind::NoText
        } else if matches!(raw.type_info().name(), "INTEGER" | "INT8") {
            Bind::Int(row.try_get(index)?)
        } else {
            Bind::Text(row.try_get(index)?)
        })
    };
    row.columns().iter().map(|column| value(column.ordinal())).collect()
}

/// Takes what a driver tells of its statements apart.
macro_rules! outcomes {
    ($stream:expr, $done:ident) => {
        async {
            let mut stream = $stream;
            let mut rows = Vec::new();
            while let Some(part) = stream.try_next().await? {
                match part {
                    Either::Left(result) => {
                        $done.push(Done { affected: result.rows_affected(), rows: std::mem::take(&mut rows) })
                    }
                    Either::Right(row) => rows.push(values(&row)?),
                }
            }
            Ok::<(), sqlx::Error>(())
        }
    };
}

impl Tx {
    /// Runs every statement of a script and tells what each did.
    pub(in crate::store) async fn run(&mut self, script: Script) -> Result<Vec<Done>> {
        let mut done = Vec::with_capacity(script.0.len());
        match self.conn() {
            Conn::Sqlite(connection) => {
                let (statement, binds) = Conditions::joined(script.0).into_parts();
                let query = binds.into_iter().fold(sqlx::query(statement), |query, bind| match bind {
                    Bind::Int(value) => query.bind(value),
                    Bind::Text(value) => query.bind(value),
                    Bind::NoInt => query.bind(None::<i64>),
                    Bind::NoText => query.bind(None::<String>),
                });
                outcomes!(connection.fetch_many(query), done).await?;
            }
            Conn::Postgres(connection, mut patience) => {
                for statement in &script.0 {
                    let query = bind_all!(sqlx::query(statement.sql()), statement);
                    patience.wait(outcomes!(connection.fetch_many(query), done)).await?;
                }
            }
        }
        Ok(done)
    }
}
