//! What the handlers of the Provisioning API share.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};

use crate::authz::Principal;
use crate::config::Config;
use crate::http::identity_provider::Provider;
use crate::http::listener::error::Problem;
use crate::http::listener::info::RequestInfo;
use crate::http::listener::rate::{Client, RateLimit};
use crate::http::listener::shares::Shares;
use crate::service::Ctx;

use super::bearer::Bearer;

/// Shared by every handler of the Provisioning API; cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Inner>);

struct Inner {
    ctx: Ctx,
    config: Arc<Config>,
    bearer: Bearer,
    rate: Option<RateLimit>,
    shares: Shares,
}

impl ApiState {
    /// Puts the parts together. The clock of `ctx` decides on tokens and rates.
    #[must_use]
    pub fn new(ctx: Ctx, config: Arc<Config>, provider: Provider) -> Self {
        let bearer = Bearer::new(&config, provider, ctx.clock.clone());
        let shares = Shares::new(config.api.max_connections_per_address);
        let rate = RateLimit::new(config.api.rate_per_second, config.api.rate_burst);
        Self(Arc::new(Inner { ctx, config, bearer, rate, shares }))
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

    pub(in crate::http) fn shares(&self) -> &Shares {
        &self.0.shares
    }

    /// Returns whoever calls, found out once a request. Those who have no good token share the bucket of their address.
    pub(super) async fn caller<'a>(
        &self,
        info: &'a RequestInfo,
        headers: &HeaderMap,
    ) -> Result<&'a Principal, Problem> {
        let find = async || {
            let found = self.0.bearer.authenticate(headers).await;
            self.admit(found.as_ref().map_or_else(|_| Client::at(info.client), Client::of))?;
            found
        };
        info.principal.get_or_try_init(find).await
    }

    /// Lets a request through that needs no token.
    pub(super) fn admit_anyone(&self, info: &RequestInfo) -> Result<(), Problem> {
        self.admit(Client::at(info.client))
    }

    fn admit(&self, client: Client) -> Result<(), Problem> {
        let Some(rate) = &self.0.rate else { return Ok(()) };
        rate.admit(client, self.0.ctx.clock.now()).map_err(|seconds| {
            let mut problem = Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_requests",
                "Too many requests",
                format!(
                    "You are calling faster than is allowed. Call again in {seconds} s, and upload numbers in batches."
                ),
            );
            problem.retry_after = Some(seconds);
            problem
        })
    }
}
