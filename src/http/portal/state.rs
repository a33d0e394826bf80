//! What handlers of the portal share.

use std::sync::Arc;

use axum::http::request::Parts;

use crate::config::Config;
use crate::http::listener::error::Problem;
use crate::http::listener::info::RequestInfo;
use crate::http::listener::rate::{Client, RateLimit};
use crate::http::listener::shares::Shares;
use crate::service::Ctx;

use super::request::PortalRequest;
use super::session::{Session, Sessions};
use super::sign_in::Login;

/// Shared by every handler of the portal; cheap to clone.
#[derive(Clone)]
pub struct PortalState(Arc<Inner>);

struct Inner {
    ctx: Ctx,
    config: Arc<Config>,
    sessions: Sessions,
    login: Login,
    rate: Option<RateLimit>,
    shares: Shares,
}

impl PortalState {
    /// Puts the parts together.
    #[must_use]
    pub fn new(ctx: Ctx, config: Arc<Config>, sessions: Sessions, login: Login) -> Self {
        let shares = Shares::new(config.portal.max_connections_per_address);
        let rate = RateLimit::new(config.portal.rate_per_second, config.portal.rate_burst);
        Self(Arc::new(Inner { ctx, config, sessions, login, rate, shares }))
    }

    /// Returns what service functions work with.
    #[must_use]
    pub fn ctx(&self) -> &Ctx {
        &self.0.ctx
    }

    /// Returns the settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Returns who is signed in.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// Returns the way to the identity provider.
    #[must_use]
    pub fn login(&self) -> &Login {
        &self.0.login
    }

    pub(super) fn shares(&self) -> &Shares {
        &self.0.shares
    }

    /// Takes one request out of the bucket of its session, or of its address where there is none.
    pub(super) fn admit(&self, info: &RequestInfo, session: Option<&Session>) -> Result<(), Problem> {
        let Some(rate) = &self.0.rate else { return Ok(()) };
        let client = session.map_or_else(|| Client::at(info.client), |session| Client::Session(session.id().into()));
        rate.admit(client, self.0.ctx.clock.now()).map_err(Problem::too_fast)
    }

    /// Returns the session of a request, which is looked up once.
    pub(super) async fn session(&self, parts: &mut Parts) -> Result<Option<Arc<Session>>, Problem> {
        let (request, info) = (PortalRequest::of(parts)?, RequestInfo::of(parts)?);
        let find = async || {
            let found = self.0.sessions.of(&parts.headers, &self.0.login).await?;
            if let Some(session) = &found {
                let _ = info.principal.set(session.principal.clone());
            }
            Ok::<_, Problem>(found)
        };
        request.session.get_or_try_init(find).await.cloned()
    }
}
