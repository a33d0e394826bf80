//! The engine's work as people see it.

use sqlx::FromRow;
use time::OffsetDateTime;

use super::work::{NEVER, WorkId, WorkKind};
use crate::store::sql::{on, statements};
use crate::store::{Error, Result, Tx, at, micros};

statements! {
    FAILING_ROWS = "
        SELECT kind, key, next_at, set_at, attempt, lease_until, last_ok_at, last_error, last_error_at
        FROM work
        WHERE backend = $1
          AND kind = $2
          AND last_error IS NOT NULL
        ORDER BY next_at
        LIMIT $3";
    FINE_ROWS = "
        SELECT kind, key, next_at, set_at, attempt, lease_until, last_ok_at, last_error, last_error_at
        FROM work
        WHERE backend = $1
          AND kind = $2
          AND last_error IS NULL
        ORDER BY key
        LIMIT $3";
    ONE_ROW = "
        SELECT kind, key, next_at, set_at, attempt, lease_until, last_ok_at, last_error, last_error_at
        FROM work
        WHERE backend = $1
          AND kind = $2
          AND key = $3";
    COUNTS = "
        SELECT
            (
                SELECT CAST(COUNT(*) AS BIGINT)
                FROM (SELECT 1 FROM work WHERE backend = $1 AND kind = $2 LIMIT $3) AS of_kind
            ),
            (
                SELECT CAST(COUNT(*) AS BIGINT)
                FROM (
                    SELECT 1
                    FROM work
                    WHERE backend = $1
                      AND kind = $2
                      AND last_error IS NOT NULL
                      AND attempt > 0
                    LIMIT $3
                ) AS of_failing
            )";
    NEXT_BACKEND = "SELECT MIN(backend) FROM work WHERE backend > $1";
    WAITING = "
        SELECT CAST(COUNT(*) AS BIGINT)
        FROM work
        WHERE backend = $1
          AND kind IN ('account', 'relationship')
          AND next_at < $2";
    PARTS_OF = "
        SELECT CAST(COUNT(*) AS BIGINT)
        FROM number_parts
        WHERE backend = $1";
}

/// A piece of work as people see it.
#[derive(Clone, Debug)]
pub struct WorkRow {
    /// What it is about.
    pub kind: WorkKind,
    /// Which one.
    pub key: String,
    /// When it is due; `None` when nothing is to do.
    pub next_at: Option<OffsetDateTime>,
    /// How many times in a row it failed.
    pub attempt: i64,
    /// True while a worker has it.
    pub running: bool,
    /// When it last went through.
    pub last_ok_at: Option<OffsetDateTime>,
    /// What went wrong since then.
    pub last_error: Option<String>,
    /// When that was.
    pub last_error_at: Option<OffsetDateTime>,
}

/// A row of `work`, as it is stored.
#[derive(FromRow)]
pub(in crate::store) struct StoredWork {
    pub(in crate::store) kind: String,
    pub(in crate::store) key: String,
    pub(in crate::store) next_at: i64,
    pub(in crate::store) set_at: i64,
    pub(in crate::store) attempt: i64,
    pub(in crate::store) lease_until: i64,
    pub(in crate::store) last_ok_at: Option<i64>,
    pub(in crate::store) last_error: Option<String>,
    pub(in crate::store) last_error_at: Option<i64>,
}

impl StoredWork {
    pub(in crate::store) fn shown(self, now: OffsetDateTime) -> Result<WorkRow> {
        Ok(WorkRow {
            kind: WorkKind::from_key(&self.kind).ok_or_else(|| Error::unreadable("work", "kind", &self.kind))?,
            key: self.key,
            // What was given a head start is due since it was asked for.
            next_at: (self.next_at != NEVER).then(|| at(self.next_at.max(self.set_at))),
            attempt: self.attempt,
            running: self.lease_until > micros(now),
            last_ok_at: self.last_ok_at.map(at),
            last_error: self.last_error,
            last_error_at: self.last_error_at.map(at),
        })
    }
}

impl Tx {
    /// The names of all backends that there ever was work for.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn backends_with_work(&mut self) -> Result<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        loop {
            let last = names.last().map_or("", String::as_str);
            let next: Option<String> = on!(self, |c| sqlx::query_scalar(NEXT_BACKEND).bind(last).fetch_one(c).await)?;
            match next {
                Some(name) => names.push(name),
                None => return Ok(names),
            }
        }
    }

    /// How many accounts and relationships wait for a backend.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn waiting_pushes(&mut self, backend: &str) -> Result<i64> {
        Ok(on!(self, |c| sqlx::query_scalar(WAITING).bind(backend).bind(NEVER).fetch_one(c).await)?)
    }

    /// How many numbers have something to do at a backend beside another, or failed to. Reads all numbers in parts.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn parts_of(&mut self, backend: &str) -> Result<i64> {
        Ok(on!(self, |c| sqlx::query_scalar(PARTS_OF).bind(backend).fetch_one(c).await)?)
    }

    /// The work of a kind at a backend, what failed first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn work_rows(
        &mut self,
        backend: &str,
        kind: WorkKind,
        now: OffsetDateTime,
        limit: i64,
    ) -> Result<Vec<WorkRow>> {
        let mut rows: Vec<StoredWork> = Vec::new();
        for statement in [FAILING_ROWS, FINE_ROWS] {
            let left = limit - rows.len() as i64;
            let more: Vec<StoredWork> =
                on!(self, |c| sqlx::query_as(statement).bind(backend).bind(kind.key()).bind(left).fetch_all(c).await)?;
            rows.extend(more);
        }
        rows.into_iter().map(|row| row.shown(now)).collect()
    }

    /// How many pieces of work of a kind there are at a backend, and how many of them do not go through; up to `most`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn work_counts(&mut self, backend: &str, kind: WorkKind, most: i64) -> Result<(i64, i64)> {
        Ok(on!(self, |c| sqlx::query_as(COUNTS).bind(backend).bind(kind.key()).bind(most).fetch_one(c).await)?)
    }

    /// One piece of work.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn work_row(&mut self, work: WorkId<'_>, now: OffsetDateTime) -> Result<Option<WorkRow>> {
        let row: Option<StoredWork> = on!(self, |c| sqlx::query_as(ONE_ROW)
            .bind(work.backend)
            .bind(work.kind.key())
            .bind(work.key)
            .fetch_optional(c)
            .await)?;
        row.map(|row| row.shown(now)).transpose()
    }
}
