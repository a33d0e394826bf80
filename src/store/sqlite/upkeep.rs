//! What a SQLite file needs now and then, and a server does by itself: its journal moved into it, statistics of its
//! tables, and a look whether it is whole.
//!
//! SQLite reads statistics together with the schema, once a connection. A file that was opened when there was next to
//! nothing in it would be asked by plans for next to nothing ever after.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::readers::{Readers, Times};
use super::writer::Writer;
use crate::store::error::notice_damage;
use crate::store::{Db, Result};

/// Statistics are renewed after so many rows were written.
const MANY: u64 = 10_000;
/// They are renewed after fewer, when that was so long ago.
const SOME: (u64, Duration) = (500, Duration::from_mins(5));
/// They are renewed after so long, if anything was written at all.
const LATEST: Duration = Duration::from_hours(1);

/// At most so many rows of each index are looked at. The table of statistics is made anew because only then is the schema
/// another, which is what makes all connections read it again.
const RENEW: &str = "
    PRAGMA analysis_limit = 400;
    DROP TABLE IF EXISTS sqlite_stat1;
    ANALYZE";

/// Stops at the first damage.
const CHECK: &str = "PRAGMA quick_check(1)";
/// Nobody waits for the check of a file.
const CHECKING: Times = Times { patience: Duration::from_secs(1), limit: Duration::from_hours(6) };

/// When statistics were last renewed.
#[derive(Debug, Default)]
pub struct Statistics(Mutex<Option<Instant>>);

impl Statistics {
    /// Renews them where that is due; how many rows were written since is told by the writer.
    async fn renew_if_due(&self, writer: &Writer) -> Result<()> {
        let changes = writer.changes().load(Ordering::Relaxed);
        let age = self.when().map(|when| when.elapsed());
        let due = age.is_none_or(|age| {
            changes >= MANY || (changes >= SOME.0 && age >= SOME.1) || (changes > 0 && age >= LATEST)
        });
        if due { self.renew(writer).await } else { Ok(()) }
    }

    async fn renew(&self, writer: &Writer) -> Result<()> {
        let changes = writer.changes().swap(0, Ordering::Relaxed);
        let renewed = async {
            let mut writing = writer.begin().await?;
            sqlx::raw_sql(RENEW).execute(writing.connection()).await?;
            Ok(writing.commit().await?)
        };
        let outcome = renewed.await;
        match &outcome {
            Ok(()) => *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now()),
            Err(_) => drop(writer.changes().fetch_add(changes, Ordering::Relaxed)),
        }
        outcome
    }

    fn when(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Db {
    /// Does what is due: moves what SQLite has committed from its journal into the file, as far as it can without anybody
    /// waiting for it, and renews the statistics. To be done every few seconds. A server does so by itself.
    pub async fn upkeep(&self) {
        let Self::Sqlite(file) = self else { return };
        let moved = async {
            let mut reader = file.read.lend().await?;
            Ok::<_, crate::store::Error>(
                sqlx::raw_sql("PRAGMA wal_checkpoint(PASSIVE)").execute(reader.connection()).await?,
            )
        };
        if let Err(error) = moved.await {
            tracing::debug!(%error, "the journal was not moved; whoever fills it does");
        }
        if let Err(error) = file.statistics.renew_if_due(&file.write).await {
            tracing::debug!(%error, "the statistics of the database were not renewed; another try follows");
        }
    }

    /// Renews the statistics by which SQLite chooses its plans.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn renew_statistics(&self) -> Result<()> {
        match self {
            Self::Sqlite(file) => file.statistics.renew(&file.write).await,
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Looks through a SQLite file from beginning to end. Damage is remembered and told by [`Self::try_out`]. Of a server's
    /// files this is the server's affair.
    ///
    /// # Errors
    /// When the file cannot be read at all.
    pub async fn look_for_damage(&self) -> Result<()> {
        let Self::Sqlite(file) = self else { return Ok(()) };
        // A page that cannot be read ends the process where the file is mapped into its memory.
        let options = file.read.options().clone().pragma("mmap_size", "0").pragma("cache_size", "-2000");
        let alone = Readers::open(&options, 1, CHECKING).await?;
        let mut reader = alone.lend().await?;
        let found: String = sqlx::query_scalar(CHECK).fetch_one(reader.connection()).await?;
        if found != "ok" {
            notice_damage(&found.replace('\n', " "));
        }
        drop(reader);
        alone.close().await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{PoolSize, statements};

    /// What a young file holds.
    const YOUNG: &str = "
        INSERT INTO settings (id, push_key, services, usage, body)
        VALUES (1, 1, 1, 'a', '{}'), (2, 2, 1, 'b', '{}');
        INSERT INTO accounts (id, name, search, tenant_id, services, synced, created_at, updated_at)
        VALUES (1, 'a', 'a', 'a', 1, 1, 0, 0), (2, 'b', 'b', 'b', 1, 1, 0, 0);
        INSERT INTO numbers (telephone_number, account_id, settings_id, state, rev, order_id, changed_at)
        VALUES (441632960000, 1, 1, 'synced', 1, 1, 0), (441632960001, 2, 2, 'synced', 1, 1, 0)";
    /// What it holds later.
    const GROWN: &str = "
        WITH RECURSIVE n (i) AS (
            SELECT 3
            UNION ALL
            SELECT i + 1
            FROM n
            WHERE i < 2000
        )
        INSERT INTO accounts (id, name, search, tenant_id, services, synced, created_at, updated_at)
        SELECT i, 'n' || i, 'n' || i, 't' || i, 1, 1, 0, 0
        FROM n;
        WITH RECURSIVE n (i) AS (
            SELECT 3
            UNION ALL
            SELECT i + 1
            FROM n
            WHERE i < 300
        )
        INSERT INTO settings (id, push_key, services, usage, civic_address_id, body)
        SELECT i, i, 1, 'u' || (i % 3), 'c' || i, '{}'
        FROM n;
        WITH RECURSIVE n (i) AS (
            SELECT 1
            UNION ALL
            SELECT i + 1
            FROM n
            WHERE i < 200000
        )
        INSERT INTO numbers (telephone_number, account_id, settings_id, state, rev, order_id, changed_at)
        SELECT 442000000000 + i, i / 100 + 1, i % 300 + 1, 'synced', 1, i / 100, 0
        FROM n";

    async fn open(folder: &tempfile::TempDir) -> Db {
        let url = format!("sqlite:{}", folder.path().join("nmp.db").display());
        let db = Db::open(&url, PoolSize::default()).await.unwrap();
        db.migrate().await.unwrap();
        db
    }

    async fn write(db: &Db, statements: &'static str) {
        let Db::Sqlite(file) = db else { panic!("not a file") };
        let mut writing = file.write.begin().await.unwrap();
        sqlx::raw_sql(statements).execute(writing.connection()).await.unwrap();
        writing.commit().await.unwrap();
    }

    /// How a reader that was there all the time answers every statement of the store.
    async fn plans(db: &Db) -> Vec<(&'static str, String)> {
        let Db::Sqlite(file) = db else { panic!("not a file") };
        let mut reader = file.read.lend().await.unwrap();
        // A plan alone does not look whether the schema is still what it was.
        sqlx::raw_sql("SELECT COUNT(*) FROM accounts").execute(reader.connection()).await.unwrap();
        let mut plans = Vec::new();
        for (name, statement) in statements() {
            let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
            let rows = sqlx::query_as(explain).fetch_all(reader.connection()).await;
            // Some are for the other database alone.
            let rows: Vec<(i64, i64, i64, String)> = rows.unwrap_or_default();
            plans.push((name, rows.into_iter().map(|row| row.3).collect::<Vec<_>>().join("\n")));
        }
        plans
    }

    /// A file that was closed when there was next to nothing in it keeps statistics that say so.
    #[tokio::test]
    async fn plans_follow_what_a_file_has_become() {
        let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let young = open(&old).await;
        write(&young, YOUNG).await;
        young.close().await;
        let grown = open(&old).await;
        grown.upkeep().await;
        plans(&grown).await;
        write(&grown, GROWN).await;
        let stale = plans(&grown).await;
        grown.upkeep().await;
        let renewed = plans(&grown).await;
        let fresh = open(&new).await;
        write(&fresh, YOUNG).await;
        write(&fresh, GROWN).await;
        fresh.renew_statistics().await.unwrap();
        let wanted = plans(&fresh).await;
        assert!(wanted.iter().filter(|(_, plan)| !plan.is_empty()).count() > 100, "{}", wanted.len());
        assert_ne!(stale, wanted, "statistics of a young file make no difference: the test shows nothing");
        for (is, should) in renewed.iter().zip(&wanted) {
            assert_eq!(is, should);
        }
        grown.close().await;
        fresh.close().await;
    }

    #[tokio::test]
    async fn statistics_are_renewed_after_many_rows_and_not_after_few() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(&folder).await;
        let Db::Sqlite(file) = &db else { panic!("not a file") };
        db.upkeep().await;
        let first = file.statistics.when().unwrap();
        write(&db, YOUNG).await;
        db.upkeep().await;
        assert_eq!(file.statistics.when(), Some(first));
        assert!(file.write.changes().load(Ordering::Relaxed) >= 6);
        write(&db, GROWN).await;
        db.upkeep().await;
        assert_ne!(file.statistics.when(), Some(first));
        db.close().await;
    }
}
