//! Migrations: `migrations/common` holds nearly everything, the two dialect folders what must differ.

use std::time::Duration;

use sqlx::migrate::Migrator;

use super::error::Result;
use super::sql::{dialect, on};
use super::{Db, Tx};

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
    SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '_sqlx_migrations')";

impl Db {
    fn migrator(&self) -> Migrator {
        let dialect = match self {
            Self::Sqlite(_) => &SQLITE,
            Self::Postgres(_) => &POSTGRES,
        };
        Migrator::with_migrations(COMMON.iter().chain(dialect.iter()).cloned().collect())
    }

    /// Compares the schema with the migrations this program carries. Changes nothing.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn migration_state(&self) -> Result<MigrationState> {
        let known: Vec<i64> = self.migrator().iter().map(|migration| migration.version).collect();
        let applied = self.read().await?.applied_migrations().await?;
        if applied.iter().any(|version| !known.contains(version)) {
            return Ok(MigrationState::Newer);
        }
        Ok(match known.len() - applied.len() {
            0 => MigrationState::Current,
            behind => MigrationState::Behind(behind),
        })
    }

    /// Brings the schema up to this program's. Of several processes that begin at once one does it, while the others wait: the
    /// migrator holds an advisory lock of the server.
    ///
    /// # Errors
    /// When the database is newer than the program or a migration fails; a failed migration leaves no trace.
    pub async fn migrate(&self) -> Result<()> {
        let migrator = self.migrator();
        let migrating = async {
            match self {
                Self::Sqlite(file) => migrator.run(&mut *file.write.lend().await?).await?,
                Self::Postgres(server) => migrator.run(&mut server.unlimited().await?).await?,
            }
            Ok(())
        };
        let mut migrating = std::pin::pin!(migrating);
        if let Ok(done) = tokio::time::timeout(SOON, migrating.as_mut()).await {
            return done;
        }
        tracing::warn!("the schema is still being brought up to date, by this process or by another that it waits for");
        migrating.await
    }
}

impl Tx {
    /// The versions of the migrations that were run.
    async fn applied_migrations(&mut self) -> Result<Vec<i64>> {
        let table = dialect!(self, sqlite: IS_BEGUN, postgres: HAS_TABLE_POSTGRES);
        let begun: bool = on!(self, |c| sqlx::query_scalar(table).fetch_one(c).await)?;
        if !begun {
            return Ok(Vec::new());
        }
        Ok(on!(self, |c| sqlx::query_scalar(APPLIED).fetch_all(c).await)?)
    }
}

/// Whoever waits longer for the migrations is told so.
const SOON: Duration = Duration::from_secs(10);
const HAS_TABLE_POSTGRES: &str = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";
const APPLIED: &str = "
    SELECT version
    FROM _sqlx_migrations
    WHERE success
    ORDER BY version";
