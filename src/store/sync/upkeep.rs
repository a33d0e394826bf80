//! What keeps the sync engine's work in order: schedules that are missing, sleepers that are woken, a clock that was set back.

use time::{Duration, OffsetDateTime};

use super::work::{NEVER, WorkKind};
use crate::domain::BackendInfo;
use crate::store::sql::{dialect, on, statements};
use crate::store::{Conn, Db, Result, Tx, at, micros};

/// Tenants scheduled, and sleepers woken, in one transaction: few enough that nobody who writes has to wait for it.
const CHUNK: i64 = 5_000;
/// The first pulls of a few tenants follow each other this closely.
const LONGEST_STEP: Duration = Duration::SECOND;

statements! {
    CHUNK_END = "
        SELECT MAX(t.tenant_id)
        FROM (
            SELECT DISTINCT tenant_id
            FROM accounts
            WHERE tenant_id > $1
            ORDER BY tenant_id
            LIMIT $2
        ) t";
    // NOT IN reads what is scheduled once. NOT EXISTS becomes a join, and PostgreSQL joins a table that has grown since its
    // statistics in a way that takes the square of the tenants.
    SCHEDULE = "
        INSERT INTO work (backend, kind, key, next_at, set_at)
        SELECT
            $8, $1, t.tenant_id,
            CAST($2 AS BIGINT) + t.place * CASE
                WHEN CAST($3 AS BIGINT) / t.count < $4 THEN CAST($3 AS BIGINT) / t.count
                ELSE $4
            END,
            CAST($2 AS BIGINT)
        FROM (
            SELECT
                a.tenant_id,
                CAST(ROW_NUMBER() OVER (ORDER BY a.tenant_id) - 1 AS BIGINT) AS place,
                CAST(COUNT(*) OVER () AS BIGINT) AS count
            FROM accounts a
            WHERE a.tenant_id > $5
              AND a.tenant_id <= $6
              AND (a.services & a.synced & $9) <> 0
              AND a.tenant_id NOT IN (
                  SELECT w.key
                  FROM work w
                  WHERE w.backend = $8
                    AND w.kind = $1
                    AND w.key > $5
                    AND w.key <= $6
                    AND w.next_at < $7
              )
            GROUP BY a.tenant_id
        ) t
        WHERE TRUE
        ON CONFLICT (backend, kind, key)
        DO UPDATE SET next_at = excluded.next_at, set_at = excluded.set_at
        WHERE work.next_at >= $7";
    WAKE_SQLITE = "
        UPDATE work
        SET next_at = $2, set_at = $2
        WHERE (backend, kind, key) IN (
            SELECT backend, kind, key
            FROM work INDEXED BY work_failing
            WHERE backend = $5
              AND kind = $1
              AND last_error IS NOT NULL
              AND next_at > $2
              AND next_at < $4
              AND lease_until <= $2
              AND not_before <= $2
            ORDER BY next_at
            LIMIT $3
        )";
    WAKE_POSTGRES = "
        WITH sleeping AS MATERIALIZED (
            SELECT backend, kind, key
            FROM work
            WHERE backend = $5
              AND kind = $1
              AND last_error IS NOT NULL
              AND next_at > $2
              AND next_at < $4
              AND lease_until <= $2
              AND not_before <= $2
            ORDER BY next_at
            LIMIT $3
            FOR UPDATE SKIP LOCKED
        )
        UPDATE work
        SET next_at = $2, set_at = $2
        FROM sleeping
        WHERE work.backend = sleeping.backend AND work.kind = sleeping.kind AND work.key = sleeping.key";
    CLOCK_WENT_BACK = "
        UPDATE work
        SET next_at = CASE
                WHEN next_at >= $2 THEN next_at
                WHEN next_at > set_at THEN $1 + next_at - set_at
                WHEN next_at > $1 THEN $1
                ELSE next_at
            END,
            lease_until = CASE WHEN lease_until > set_at THEN $1 + lease_until - set_at ELSE 0 END,
            not_before = CASE WHEN not_before > set_at THEN $1 + not_before - set_at ELSE 0 END,
            set_at = $1
        WHERE set_at > $1";
}

/// The time by a server's own clock; PostgreSQL only.
const SERVER_TIME: &str = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)";

impl Db {
    /// Schedules this kind of pull for every tenant whose numbers are synced with the backend and that has none scheduled,
    /// spread over the interval: many tenants do not all come due at once.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn schedule_pulls(
        &self,
        backend: &BackendInfo,
        kind: WorkKind,
        now: OffsetDateTime,
        interval: Duration,
    ) -> Result<()> {
        let mut after = String::new();
        loop {
            let mut tx = self.read().await?;
            let end: Option<String> =
                on!(tx, |c| sqlx::query_scalar(CHUNK_END).bind(after.as_str()).bind(CHUNK).fetch_one(c).await)?;
            drop(tx);
            let Some(end) = end else { return Ok(()) };
            let mut tx = self.begin().await?;
            on!(tx, |c| sqlx::query(SCHEDULE)
                .bind(kind.key())
                .bind(micros(now))
                .bind(whole_micros(interval))
                .bind(whole_micros(LONGEST_STEP))
                .bind(after.as_str())
                .bind(end.as_str())
                .bind(NEVER)
                .bind(backend.name.as_str())
                .bind(backend.services.bits())
                .execute(c)
                .await
                .map(drop))?;
            tx.commit().await?;
            after = end;
        }
    }

    /// Makes all work of a kind due that sleeps after a failure of this backend, but for what it asked to be left alone.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn wake_failed_work(&self, backend: &str, kind: WorkKind, now: OffsetDateTime) -> Result<()> {
        loop {
            let mut tx = self.begin().await?;
            let woken = tx.wake_some(backend, kind, now, CHUNK).await?;
            tx.commit().await?;
            if woken < CHUNK.unsigned_abs() {
                return Ok(());
            }
        }
    }

    /// The time by the clock of a server; `None` where the database has no clock but this machine's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn server_time(&self) -> Result<Option<OffsetDateTime>> {
        if let Self::Sqlite(_) = self {
            return Ok(None);
        }
        let mut tx = self.read().await?;
        let Conn::Postgres(connection, mut patience) = tx.conn() else { return Ok(None) };
        let time: i64 = patience.wait(sqlx::query_scalar(SERVER_TIME).fetch_one(connection)).await?;
        Ok(Some(at(time)))
    }
}

impl Tx {
    /// Makes one piece of work of a kind due that sleeps after a failure of this backend; tells whether there was one.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn wake_one(&mut self, backend: &str, kind: WorkKind, now: OffsetDateTime) -> Result<bool> {
        Ok(self.wake_some(backend, kind, now, 1).await? > 0)
    }

    async fn wake_some(&mut self, backend: &str, kind: WorkKind, now: OffsetDateTime, most: i64) -> Result<u64> {
        let statement = dialect!(self, sqlite: WAKE_SQLITE, postgres: WAKE_POSTGRES);
        Ok(on!(self, |c| sqlx::query(statement)
            .bind(kind.key())
            .bind(micros(now))
            .bind(most)
            .bind(NEVER)
            .bind(backend)
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?)
    }

    /// Brings what was written by a clock that has been set back since to the clock of now: every pause and lease keeps
    /// its length.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn clock_went_back(&mut self, now: OffsetDateTime) -> Result<u64> {
        self.take_time().await?;
        Ok(on!(self, |c| sqlx::query(CLOCK_WENT_BACK)
            .bind(micros(now))
            .bind(NEVER)
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?)
    }
}

fn whole_micros(duration: Duration) -> i64 {
    i64::try_from(duration.whole_microseconds()).unwrap_or(i64::MAX)
}
