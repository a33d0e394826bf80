//! Who is signed in, by cookie.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio_util::task::TaskTracker;

use crate::authz::Principal;
use crate::domain::session::{SessionPolicy, SessionTimes, Standing};
use crate::http::listener::error::Problem;
use crate::http::listener::random;
use crate::service::access::{SessionKeeper, StoredSession};

use super::cookie::{self, Cookies};
use super::seal;

/// A request that confirms the roles has so long before another may try.
const CONFIRMING: Duration = Duration::from_mins(1);

/// A person who has just signed in, or whose roles were just confirmed.
pub struct SignedIn {
    /// Who it is.
    pub principal: Principal,
    pub(super) id_token: String,
    pub(super) refresh_token: Option<String>,
}

/// What became of asking for the roles again.
pub(super) enum ConfirmedRoles {
    /// Here they are.
    Confirmed(Box<SignedIn>),
    /// The provider does not vouch for the person any more.
    Refused,
    /// The provider cannot be asked now.
    Away,
}

/// Asks the identity provider about people who signed in some time ago.
pub(super) trait ConfirmRoles: Clone + Send + Sync + 'static {
    /// Asks whether the provider still vouches for a person, and for their roles.
    fn confirm(
        &self,
        refresh_token: &str,
        person: &Principal,
        now: OffsetDateTime,
    ) -> impl Future<Output = ConfirmedRoles> + Send;
}

/// A signed-in person's session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who it is.
    pub principal: Principal,
    /// Its key in the database.
    id: String,
    /// The tokens of the provider, for signing out there.
    sealed: Sealed,
}

impl Session {
    /// Returns its key in the database.
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

/// Tokens as they are kept, with the cookie that opens them.
#[derive(Clone)]
struct Sealed {
    cookie: String,
    tokens: String,
}

impl Sealed {
    fn open(&self) -> Option<Tokens> {
        seal::open(&self.cookie, &self.tokens)
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealed")
    }
}

/// What is sealed of the provider's tokens.
#[derive(Clone, Serialize, Deserialize)]
struct Tokens {
    id: String,
    refresh: Option<String>,
}

/// Sessions of the portal.
#[derive(Clone)]
pub struct Sessions(Arc<Inner>);

struct Inner {
    keeper: SessionKeeper,
    policy: SessionPolicy,
    tasks: TaskTracker,
    secure: bool,
    cookie: String,
}

impl Sessions {
    /// Makes sessions with cookies for a portal that is reached by https (`secure`) or plain HTTP. Work that must
    /// outlive the browser's patience runs on `tasks`.
    #[must_use]
    pub fn new(keeper: SessionKeeper, policy: SessionPolicy, tasks: TaskTracker, secure: bool) -> Self {
        let cookie = cookie::host_name("nmp", secure);
        Self(Arc::new(Inner { keeper, policy, tasks, secure, cookie }))
    }

    /// Whether cookies need https.
    #[must_use]
    pub fn secure(&self) -> bool {
        self.0.secure
    }

    /// Returns the time now.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        self.0.keeper.now()
    }

    pub(super) fn keeper(&self) -> &SessionKeeper {
        &self.0.keeper
    }

    fn value<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        // Ours are 43 characters; anything else was never a session.
        Cookies::new(headers).get(&self.0.cookie).filter(|value| value.len() == 43)
    }

    /// Begins a session for a person who has just signed in. The identifier is always a new one.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn begin(&self, headers: &HeaderMap, signed_in: SignedIn) -> Result<HeaderValue, Problem> {
        let now = self.now();
        let value = random::token();
        let tokens = Tokens { id: signed_in.id_token, refresh: signed_in.refresh_token };
        let session = StoredSession {
            principal: signed_in.principal,
            sealed: seal::seal(&value, &tokens).ok_or_else(Problem::internal)?,
            times: SessionTimes { created_at: now, seen_at: now, roles_at: now },
        };
        let replaced = self.value(headers).map(|old| seal::id(&[old]));
        self.0
            .keeper
            .begin(&seal::id(&[&value]), &session, replaced.as_deref(), &self.0.policy)
            .await
            .map_err(database_away)?;
        cookie::set(&self.0.cookie, &value, self.0.secure, None).ok_or_else(Problem::internal)
    }

    /// Ends a session. The cookie is removed, and the ID token handed over for the provider.
    ///
    /// # Errors
    /// When the database cannot be written: then the person is still signed in and must know.
    pub async fn end(&self, session: &Session) -> Result<(Option<HeaderValue>, Option<String>), Problem> {
        self.0.keeper.end(&session.id).await.map_err(database_away)?;
        let id_token = session.sealed.open().map(|tokens| tokens.id);
        Ok((cookie::set(&self.0.cookie, "", self.0.secure, Some(0)), id_token))
    }

    /// Returns the session a request's cookie names, confirmed with the provider when it is time.
    pub(super) async fn of(
        &self,
        headers: &HeaderMap,
        provider: &impl ConfirmRoles,
    ) -> Result<Option<Arc<Session>>, Problem> {
        let Some(value) = self.value(headers) else { return Ok(None) };
        let id = seal::id(&[value]);
        let Some(mut stored) = self.0.keeper.find(&id).await.map_err(database_away)? else { return Ok(None) };
        let now = self.now();
        match stored.times.standing(now, &self.0.policy) {
            Standing::Good => {}
            Standing::Ended => {
                self.0.keeper.end(&id).await.map_err(database_away)?;
                return Ok(None);
            }
            Standing::ConfirmRoles => match self.confirm(value, &id, &stored, provider).await? {
                Some(confirmed) => stored = confirmed,
                None => return Ok(None),
            },
        }
        // A hint for housekeeping: not worth failing the request.
        if stored.times.needs_touch(now)
            && let Err(error) = self.0.keeper.touch(&id, now).await
        {
            tracing::warn!(%error, "the time of last use could not be written");
        }
        let sealed = Sealed { cookie: value.to_owned(), tokens: stored.sealed };
        Ok(Some(Arc::new(Session { principal: stored.principal, id, sealed })))
    }

    /// Asks the provider for the roles. Without a refresh token the person has to sign in again.
    async fn confirm(
        &self,
        value: &str,
        id: &str,
        stored: &StoredSession,
        provider: &impl ConfirmRoles,
    ) -> Result<Option<StoredSession>, Problem> {
        let tokens: Option<Tokens> = seal::open(value, &stored.sealed);
        let Some(refresh) = tokens.and_then(|tokens| tokens.refresh) else {
            self.0.keeper.end(id).await.map_err(database_away)?;
            return Ok(None);
        };
        // One request asks; a refresh token that is used twice would end the session at many providers.
        if !self.0.keeper.claim(id, self.now(), CONFIRMING).await.map_err(database_away)? {
            return Ok(Some(stored.clone()));
        }
        let (this, provider, stored) = (self.clone(), provider.clone(), stored.clone());
        let (value, id) = (value.to_owned(), id.to_owned());
        // On the tracker, so that a browser that leaves meanwhile does not lose us the new token.
        let task = self.0.tasks.spawn(async move { this.refresh(&value, &id, stored, refresh, &provider).await });
        task.await.map_err(|error| Problem::internal().because(&error))?
    }

    async fn refresh(
        &self,
        value: &str,
        id: &str,
        mut stored: StoredSession,
        refresh: String,
        provider: &impl ConfirmRoles,
    ) -> Result<Option<StoredSession>, Problem> {
        match provider.confirm(&refresh, &stored.principal, self.now()).await {
            ConfirmedRoles::Confirmed(signed_in) => {
                let tokens = Tokens { id: signed_in.id_token, refresh: signed_in.refresh_token.or(Some(refresh)) };
                stored.sealed = seal::seal(value, &tokens).ok_or_else(Problem::internal)?;
                stored.principal = signed_in.principal;
                stored.times.roles_at = self.now();
                self.0.keeper.confirm(id, &stored).await.map_err(database_away)?;
                Ok(Some(stored))
            }
            ConfirmedRoles::Refused => {
                self.0.keeper.end(id).await.map_err(database_away)?;
                Ok(None)
            }
            // Goes on with the roles it has; they run out when they stay unconfirmed for too long.
            ConfirmedRoles::Away => Ok(Some(stored)),
        }
    }
}

/// Returns the problem that the database is away.
pub(super) fn database_away(error: impl std::error::Error + 'static) -> Problem {
    Problem::unavailable("The portal cannot use its database at present. Try again in a moment.").because(&error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_bound_to_the_host_over_https_only() {
        let name = cookie::host_name("nmp", true);
        let set = cookie::set(&name, "v", true, None).unwrap();
        assert_eq!(set, "__Host-nmp=v; Path=/; HttpOnly; SameSite=Lax; Secure");
        let name = cookie::host_name("nmp", false);
        assert_eq!(cookie::set(&name, "v", false, None).unwrap(), "nmp=v; Path=/; HttpOnly; SameSite=Lax");
    }
}
