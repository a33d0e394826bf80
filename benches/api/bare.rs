//! What the database itself costs: rows put into a table without a look left or right.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use tokio::task::JoinSet;

use crate::report::Outcome;

const CLIENTS: usize = 8;
const MEASURED: Duration = Duration::from_secs(3);

/// A file with one writer, as the program has it.
async fn open(folder: &std::path::Path) -> Outcome<SqlitePool> {
    let options = SqliteConnectOptions::new()
        .filename(folder.join("bare.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    sqlx::query(
        "
        CREATE TABLE numbers (
            telephone_number INTEGER PRIMARY KEY,
            account_id BIGINT,
            settings_id BIGINT,
            country TEXT,
            state TEXT,
            assigned BOOLEAN,
            rev BIGINT,
            order_id BIGINT,
            changed_at BIGINT
        )",
    )
    .execute(&pool)
    .await?;
    Ok(pool)
}

/// Commits of one row a second, with 8 clients.
pub async fn commits() -> Outcome<f64> {
    rows_in_commits_of(1).await
}

/// Rows a second in commits of so many rows, with 8 clients.
pub async fn bulk(rows: u64) -> Outcome<f64> {
    rows_in_commits_of(i64::try_from(rows)?).await
}

async fn rows_in_commits_of(rows: i64) -> Outcome<f64> {
    let folder = tempfile::tempdir()?;
    let pool = open(folder.path()).await?;
    let (next, end) = (Arc::new(AtomicI64::new(0)), Instant::now() + MEASURED);
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (pool, next) = (pool.clone(), Arc::clone(&next));
        clients.spawn(async move {
            let mut written = 0;
            while Instant::now() < end {
                let first = 442_000_000_000 + next.fetch_add(rows, Ordering::Relaxed);
                let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
                let mut insert = sqlx::QueryBuilder::new(
                    "
                    INSERT INTO numbers (
                        telephone_number, account_id, settings_id, country,
                        state, assigned, rev, order_id, changed_at
                    ) ",
                );
                insert.push_values(first..first + rows, |mut row, number| {
                    row.push_bind(number)
                        .push_bind(1_i64)
                        .push_bind(7_021_337_133_713_371_337_i64)
                        .push_bind("GB")
                        .push_bind("pending")
                        .push_bind(false)
                        .push_bind(1_i64)
                        .push_bind(1_i64)
                        .push_bind(1_769_904_000_000_000_i64);
                });
                insert.build().execute(&mut *transaction).await?;
                transaction.commit().await?;
                written += rows;
            }
            Ok::<i64, sqlx::Error>(written)
        });
    }
    let mut written = 0;
    while let Some(client) = clients.join_next().await {
        written += client??;
    }
    Ok(written as f64 / MEASURED.as_secs_f64())
}
