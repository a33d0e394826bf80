//! What programs were told for requests that they may repeat.

use sqlx::FromRow;
use time::OffsetDateTime;

use super::sql::{on, statements};
use super::{Result, Tx, micros};

statements! {
    FIND = "
        SELECT fingerprint, status, etag, changed_at, body
        FROM repeats
        WHERE client = $1
          AND id = $2
          AND told_at > $3";
    KEEP = "
        INSERT INTO repeats (client, id, fingerprint, status, etag, body, told_at, changed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $9)
        ON CONFLICT (client, id)
        DO UPDATE SET
            fingerprint = excluded.fingerprint,
            status = excluded.status,
            etag = excluded.etag,
            body = excluded.body,
            changed_at = excluded.changed_at,
            told_at = excluded.told_at
        WHERE repeats.told_at <= $8";
    SWEEP = "
        DELETE FROM repeats
        WHERE told_at <= (
            SELECT MAX(f.told_at)
            FROM (
                SELECT told_at
                FROM repeats
                WHERE told_at <= $1
                ORDER BY told_at
                LIMIT $2
            ) AS f
        )";
}

/// What a program was told.
#[derive(Clone, Debug, FromRow)]
pub struct RepeatRow {
    /// SHA-256 of the request.
    pub fingerprint: String,
    /// HTTP status.
    pub status: i64,
    /// Entity tag.
    pub etag: Option<String>,
    /// When the resource of the answer was changed last, in microseconds.
    pub changed_at: Option<i64>,
    /// JSON.
    pub body: Option<String>,
}

impl Tx {
    /// What this client was told for a request with this id after `since`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn repeat(&mut self, client: &str, id: &str, since: OffsetDateTime) -> Result<Option<RepeatRow>> {
        Ok(on!(self, |c| sqlx::query_as(FIND).bind(client).bind(id).bind(micros(since)).fetch_optional(c).await)?)
    }

    /// Keeps what a client is told; tells whether nobody was faster since `since`. On PostgreSQL it waits for a request with
    /// the same id that is being answered.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn keep_repeat(
        &mut self,
        key: (&str, &str),
        row: &RepeatRow,
        since: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<bool> {
        let (client, id) = key;
        Ok(on!(self, |c| sqlx::query(KEEP)
            .bind(client)
            .bind(id)
            .bind(row.fingerprint.as_str())
            .bind(row.status)
            .bind(row.etag.as_deref())
            .bind(row.body.as_deref())
            .bind(micros(now))
            .bind(micros(since))
            .bind(row.changed_at)
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?
            == 1)
    }

    /// Forgets the first so many answers that were given up to `until`; tells how many.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn sweep_repeats(&mut self, until: OffsetDateTime, most: i64) -> Result<u64> {
        Ok(on!(self, |c| sqlx::query(SWEEP)
            .bind(micros(until))
            .bind(most)
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?)
    }
}
