//! What could not be read of the lists of backends, as of their last pull.

use sqlx::FromRow;
use time::OffsetDateTime;

use super::work::{Claim, WorkKind};
use crate::store::sql::{on, statements};
use crate::store::{Error, Result, Tx, at, micros};

statements! {
    NOTE = "
        INSERT INTO unread (backend, kind, key, total, named, seen_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (backend, kind, key)
        DO UPDATE SET total = excluded.total, named = excluded.named, seen_at = excluded.seen_at";
    READ = "DELETE FROM unread WHERE backend = $1 AND kind = $2 AND key = $3";
    OF_BACKEND = "
        SELECT kind, key, total, named, seen_at
        FROM unread
        WHERE backend = $1
        ORDER BY kind, key
        LIMIT $2";
}

/// What could not be read of one list.
#[derive(Clone, Debug)]
pub struct UnreadList {
    /// The list, by the work that pulls it.
    pub kind: WorkKind,
    /// Which one.
    pub key: String,
    /// How much could not be read.
    pub total: i64,
    /// Some of it: the item, and the member where it is not the whole item.
    pub named: Vec<(String, Option<String>)>,
    /// When it was pulled.
    pub at: OffsetDateTime,
}

#[derive(FromRow)]
struct Row {
    kind: String,
    key: String,
    total: i64,
    named: String,
    seen_at: i64,
}

impl TryFrom<Row> for UnreadList {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self> {
        let unreadable = |column| Error::unreadable("unread", column, &row.key);
        Ok(Self {
            kind: WorkKind::from_key(&row.kind).ok_or_else(|| unreadable("kind"))?,
            named: serde_json::from_str(&row.named).map_err(|_| unreadable("named"))?,
            key: row.key,
            total: row.total,
            at: at(row.seen_at),
        })
    }
}

impl Tx {
    /// Records what of the list of this work could not be read; that there is nothing is no row.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn note_unread(
        &mut self,
        claim: &Claim,
        total: usize,
        named: &[(&str, Option<&str>)],
        now: OffsetDateTime,
    ) -> Result<()> {
        if total == 0 {
            on!(self, |c| sqlx::query(READ)
                .bind(claim.backend.as_str())
                .bind(claim.kind.key())
                .bind(claim.key.as_str())
                .execute(c)
                .await
                .map(drop))?;
            return Ok(());
        }
        on!(self, |c| sqlx::query(NOTE)
            .bind(claim.backend.as_str())
            .bind(claim.kind.key())
            .bind(claim.key.as_str())
            .bind(i64::try_from(total).unwrap_or(i64::MAX))
            .bind(serde_json::to_string(named).unwrap_or_default())
            .bind(micros(now))
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// What could not be read of the lists of a backend, so many lists at most.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn unread(&mut self, backend: &str, limit: i64) -> Result<Vec<UnreadList>> {
        let rows: Vec<Row> = on!(self, |c| sqlx::query_as(OF_BACKEND).bind(backend).bind(limit).fetch_all(c).await)?;
        rows.into_iter().map(UnreadList::try_from).collect()
    }
}
