//! Signed-in people as rows, and the keys that all processes share.

use sqlx::FromRow;
use time::OffsetDateTime;

use super::sql::{on, statements};
use super::sqlite::remembered::Recalled;
use super::{Db, Result, Tx, at, micros};
use crate::domain::session::SessionTimes;

statements! {
    INSERT = "
        INSERT INTO sessions (id, issuer, subject, name, roles, sealed, created_at, seen_at, roles_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7)";
    BY_ID = "
        SELECT issuer, subject, name, roles, sealed, created_at, seen_at, roles_at
        FROM sessions
        WHERE id = $1";
    TOUCH = "UPDATE sessions SET seen_at = $2 WHERE id = $1 AND seen_at < $2";
    CLAIM = "UPDATE sessions SET confirming_until = $3 WHERE id = $1 AND confirming_until <= $2";
    CONFIRM = "
        UPDATE sessions
        SET name = $2,
            roles = $3,
            sealed = $4,
            roles_at = $5,
            confirming_until = 0
        WHERE id = $1";
    DELETE = "DELETE FROM sessions WHERE id = $1";
    SWEEP = "DELETE FROM sessions WHERE seen_at < $1 OR created_at < $2";
    SHARED_KEY = "SELECT value FROM keys WHERE name = $1";
    INSERT_SHARED_KEY = "
        INSERT INTO keys (name, value)
        VALUES ($1, $2)
        ON CONFLICT (name) DO NOTHING";
}

/// A session as it is stored.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// Issuer of the person's identity.
    pub issuer: String,
    /// Subject at the issuer.
    pub subject: String,
    /// For display.
    pub name: String,
    /// Roles as bits.
    pub roles: u8,
    /// Encrypted tokens.
    pub sealed: String,
    /// When it began, was used, was confirmed.
    pub times: SessionTimes,
}

#[derive(FromRow)]
struct Row {
    issuer: String,
    subject: String,
    name: String,
    roles: i64,
    sealed: String,
    created_at: i64,
    seen_at: i64,
    roles_at: i64,
}

impl From<Row> for SessionRow {
    fn from(row: Row) -> Self {
        Self {
            issuer: row.issuer,
            subject: row.subject,
            name: row.name,
            roles: u8::try_from(row.roles).unwrap_or_default(),
            sealed: row.sealed,
            times: SessionTimes {
                created_at: at(row.created_at),
                seen_at: at(row.seen_at),
                roles_at: at(row.roles_at),
            },
        }
    }
}

impl Db {
    /// The session of this identifier.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn session(&self, id: &str) -> Result<Option<SessionRow>> {
        let Self::Sqlite(file) = self else { return self.read().await?.session(id).await };
        let version = match file.sessions.recall(id) {
            Recalled::Row(row) => return Ok(Some(row)),
            Recalled::Unknown(version) => version,
        };
        let found = self.read().await?.session(id).await?;
        if let Some(row) = &found {
            file.sessions.offer(version, id, row);
        }
        Ok(found)
    }
}

impl Tx {
    /// Stores a session; all its instants are `times.created_at`.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn insert_session(&mut self, id: &str, row: &SessionRow) -> Result<()> {
        on!(self, |c| sqlx::query(INSERT)
            .bind(id)
            .bind(&row.issuer)
            .bind(&row.subject)
            .bind(&row.name)
            .bind(i64::from(row.roles))
            .bind(&row.sealed)
            .bind(micros(row.times.created_at))
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// The session of this identifier.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn session(&mut self, id: &str) -> Result<Option<SessionRow>> {
        let row: Option<Row> = on!(self, |c| sqlx::query_as(BY_ID).bind(id).fetch_optional(c).await)?;
        Ok(row.map(SessionRow::from))
    }

    /// Writes the time of last use.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn touch_session(&mut self, id: &str, now: OffsetDateTime) -> Result<()> {
        on!(self, |c| sqlx::query(TOUCH).bind(id).bind(micros(now)).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Takes the task of confirming the roles until an instant; false when another request has it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn claim_session(&mut self, id: &str, now: OffsetDateTime, until: OffsetDateTime) -> Result<bool> {
        let changed = on!(self, |c| sqlx::query(CLAIM)
            .bind(id)
            .bind(micros(now))
            .bind(micros(until))
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(changed == 1)
    }

    /// Stores what the identity provider confirmed at `row.times.roles_at`.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn confirm_session(&mut self, id: &str, row: &SessionRow) -> Result<()> {
        on!(self, |c| sqlx::query(CONFIRM)
            .bind(id)
            .bind(&row.name)
            .bind(i64::from(row.roles))
            .bind(&row.sealed)
            .bind(micros(row.times.roles_at))
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn delete_session(&mut self, id: &str) -> Result<()> {
        on!(self, |c| sqlx::query(DELETE).bind(id).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Removes sessions last used before one instant or begun before the other.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn sweep_sessions(&mut self, seen: OffsetDateTime, begun: OffsetDateTime) -> Result<()> {
        on!(self, |c| sqlx::query(SWEEP).bind(micros(seen)).bind(micros(begun)).execute(c).await.map(drop))?;
        Ok(())
    }

    /// The key of this name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn shared_key(&mut self, name: &str) -> Result<Option<String>> {
        Ok(on!(self, |c| sqlx::query_scalar(SHARED_KEY).bind(name).fetch_optional(c).await)?)
    }

    /// Stores a key unless there is one of this name.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn insert_shared_key(&mut self, name: &str, value: &str) -> Result<()> {
        on!(self, |c| sqlx::query(INSERT_SHARED_KEY).bind(name).bind(value).execute(c).await.map(drop))?;
        Ok(())
    }
}
