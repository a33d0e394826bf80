//! Migrations: `migrations/common` holds nearly everything, the two dialect folders what must differ.

use sqlx::migrate::{Migrate, Migrator};

use super::Db;
use super::error::Result;

static COMMON: Migrator = sqlx::migrate!("./migrations/common");
static SQLITE: Migrator = sqlx::migrate!("./migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("./migrations/postgres");

/// How the database's schema stands to this program's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationState {
    /// Exactly what this program knows.
    Current,
    /// This many migrations are still to be run.
    Behind(usize),
    /// Written by a newer program: this one must not touch it.
    Newer,
}

/// Whether a SQLite file holds anything of ours yet.
const IS_BEGUN: &str = "
    SELECT EXISTS (
        SELECT 1
        FROM sqlite_schema
        WHERE name = '_sqlx_migrations'
    )";

impl Db {
    fn migrator(&self) -> Migrator {
        let dialect = match self {
            Self::Sqlite { .. } => &SQLITE,
            Self::Postgres(_) => &POSTGRES,
        };
        Migrator::with_migrations(COMMON.iter().chain(dialect.iter()).cloned().collect())
    }

    /// Compares the schema with the migrations this program carries.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn migration_state(&self) -> Result<MigrationState> {
        let known: Vec<i64> = self.migrator().iter().map(|migration| migration.version).collect();
        let applied: Vec<i64> = match self {
            // A reader: whoever writes may be busy for long.
            Self::Sqlite { read, .. } => {
                let mut reader = read.lend().await?;
                let begun: bool = sqlx::query_scalar(IS_BEGUN).fetch_one(reader.connection()).await?;
                if begun { listed(reader.connection()).await? } else { Vec::new() }
            }
            Self::Postgres(pool) => applied(&mut *pool.acquire().await?).await?,
        };
        if applied.iter().any(|version| !known.contains(version)) {
            return Ok(MigrationState::Newer);
        }
        Ok(match known.len() - applied.len() {
            0 => MigrationState::Current,
            behind => MigrationState::Behind(behind),
        })
    }

    /// Brings the schema up to this program's.
    ///
    /// # Errors
    /// When the database is newer than the program or a migration fails; a failed migration leaves no trace.
    pub async fn migrate(&self) -> Result<()> {
        let migrator = self.migrator();
        match self {
            Self::Sqlite { write, .. } => migrator.run(&mut *write.lend().await?).await?,
            Self::Postgres(pool) => migrator.run(pool).await?,
        }
        Ok(())
    }
}

async fn applied<C: Migrate>(connection: &mut C) -> Result<Vec<i64>> {
    connection.ensure_migrations_table("_sqlx_migrations").await?;
    listed(connection).await
}

async fn listed<C: Migrate>(connection: &mut C) -> Result<Vec<i64>> {
    let applied = connection.list_applied_migrations("_sqlx_migrations").await?;
    Ok(applied.into_iter().map(|migration| migration.version).collect())
}
