//! Signed-in people, kept in the database.

use time::OffsetDateTime;

use crate::authz::{Principal, Roles, Via};
use crate::domain::session::{SessionPolicy, SessionTimes};
use crate::store::SessionRow;

use super::transact::transact;
use super::{Ctx, Result};

/// Who is signed in, as it is kept. Identifiers and what is sealed are opaque here.
#[derive(Clone, Debug)]
pub struct StoredSession {
    /// The person.
    pub principal: Principal,
    /// Encrypted tokens.
    pub sealed: String,
    /// When it began, was used, was confirmed.
    pub times: SessionTimes,
}

/// Keeps sessions.
#[derive(Clone, Debug)]
pub struct SessionKeeper {
    ctx: Ctx,
}

impl SessionKeeper {
    /// Keeps sessions in the database.
    #[must_use]
    pub fn new(ctx: &Ctx) -> Self {
        Self { ctx: ctx.clone() }
    }

    /// The time now, UTC.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        self.ctx.clock.now()
    }

    /// The session of this identifier.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn find(&self, id: &str) -> Result<Option<StoredSession>> {
        Ok(self.ctx.db.session(id).await?.map(StoredSession::from))
    }

    /// Begins a session in place of the browser's earlier one, and clears away what is over.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn begin(
        &self,
        id: &str,
        session: &StoredSession,
        replaced: Option<&str>,
        policy: &SessionPolicy,
    ) -> Result<()> {
        let (ctx, now) = (&self.ctx, session.times.created_at);
        transact!(ctx, |tx| {
            if let Some(old) = replaced {
                tx.delete_session(old).await?;
            }
            tx.sweep_sessions(now - policy.idle, now - policy.absolute).await?;
            tx.insert_session(id, &session.into()).await?;
        })
    }

    /// Writes the time of last use.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn touch(&self, id: &str, now: OffsetDateTime) -> Result<()> {
        let ctx = &self.ctx;
        transact!(ctx, |tx| tx.touch_session(id, now).await?)
    }

    /// Takes the task of confirming the roles for a while. Tells whether it did: another request may have it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn claim(&self, id: &str, now: OffsetDateTime, lasting: std::time::Duration) -> Result<bool> {
        let ctx = &self.ctx;
        transact!(ctx, |tx| tx.claim_session(id, now, now + lasting).await?)
    }

    /// Stores what the identity provider confirmed.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn confirm(&self, id: &str, session: &StoredSession) -> Result<()> {
        let ctx = &self.ctx;
        transact!(ctx, |tx| tx.confirm_session(id, &session.into()).await?)
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn end(&self, id: &str) -> Result<()> {
        let ctx = &self.ctx;
        transact!(ctx, |tx| tx.delete_session(id).await?)
    }

    /// A key that all processes share; who asks first makes it.
    ///
    /// # Errors
    /// When the database cannot be read, or written where there is none yet.
    pub async fn shared_key(&self, name: &'static str, make: impl FnOnce() -> String) -> Result<String> {
        if let Some(key) = self.ctx.db.read().await?.shared_key(name).await? {
            return Ok(key);
        }
        let made = make();
        let ctx = &self.ctx;
        transact!(ctx, |tx| {
            tx.insert_shared_key(name, &made).await?;
            // Another process may have been faster.
            tx.shared_key(name).await?.unwrap_or_else(|| made.clone())
        })
    }
}

impl From<SessionRow> for StoredSession {
    fn from(row: SessionRow) -> Self {
        Self {
            principal: Principal {
                issuer: row.issuer.into(),
                subject: row.subject.into(),
                name: row.name.into(),
                roles: Roles::from_bits(row.roles),
                via: Via::Portal,
            },
            sealed: row.sealed,
            times: row.times,
        }
    }
}

impl From<&StoredSession> for SessionRow {
    fn from(session: &StoredSession) -> Self {
        Self {
            issuer: session.principal.issuer.to_string(),
            subject: session.principal.subject.to_string(),
            name: session.principal.name.to_string(),
            roles: session.principal.roles.as_bits(),
            sealed: session.sealed.clone(),
            times: session.times,
        }
    }
}
