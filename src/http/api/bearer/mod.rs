//! Access tokens of the API (RFC 6750): who calls, by the identity provider's word.

mod remembered;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header};
use jsonwebtoken::Algorithm;

use crate::authz::{Principal, RoleNames, Roles, Via};
use crate::config::Config;
use crate::http::identity_provider::{KeySet, Provider, subject};
use crate::http::listener::error::{Challenge, Problem};
use crate::service::Clock;

use remembered::{RememberedToken, RememberedTokens};
use token::{Expected, Refusal, Verified};

/// Checks access tokens; cheap to clone.
#[derive(Clone)]
pub(super) struct Bearer(Arc<Inner>);

struct Inner {
    provider: Provider,
    clock: Clock,
    settings: Settings,
    remembered: RememberedTokens,
}

struct Settings {
    issuer: String,
    audience: Vec<String>,
    algorithms: Vec<Algorithm>,
    roles_claim: String,
    /// What the provider calls the roles of programs, and those of people.
    role_names: [RoleNames; 2],
}

impl Bearer {
    pub(super) fn new(config: &Config, provider: Provider, clock: Clock) -> Self {
        let settings = Settings {
            issuer: config.identity.issuer.clone(),
            audience: config.api.audience.clone(),
            algorithms: config.api.algorithms.iter().filter_map(|name| name.parse().ok()).collect(),
            roles_claim: config.identity.roles_claim.clone(),
            role_names: [config.api.role_names.clone(), config.identity.role_names.clone()],
        };
        Self(Arc::new(Inner { provider, clock, settings, remembered: RememberedTokens::default() }))
    }

    /// Finds out whom the request's token stands for.
    pub(super) async fn authenticate(&self, headers: &HeaderMap) -> Result<Principal, Problem> {
        let token = token_of(headers)?;
        let published = self.0.provider.published().await.map_err(|error| provider_away().because(&error))?;
        let (hash, now) = (RememberedTokens::hash(token), self.0.clock.now().unix_timestamp());
        if let Some(principal) = self.0.remembered.find(&hash, &published.keys, now) {
            return Ok(principal);
        }
        let settings = &self.0.settings;
        let checked = match settings.verify(token, &published.keys, now) {
            Err(Refusal::UnknownKey) => match self.0.provider.after_unknown_key(&published).await {
                Some(newer) => settings.verify(token, &newer.keys, now),
                None => Err(Refusal::UnknownKey),
            },
            checked => checked,
        };
        let verified = checked.map_err(invalid)?;
        let principal = settings.principal(&verified);
        let entry = RememberedToken { principal: principal.clone(), expires: verified.expires, key: verified.key };
        self.0.remembered.keep(hash, entry, now);
        Ok(principal)
    }
}

impl Settings {
    fn verify(&self, token: &str, keys: &KeySet, now: i64) -> Result<Verified, Refusal> {
        let Self { issuer, audience, algorithms, .. } = self;
        token::verify(token, keys, &Expected { issuer, audience, algorithms, now })
    }

    /// Returns whom the token is about. The roles may be those of programs, of people, or both.
    fn principal(&self, verified: &Verified) -> Principal {
        let named = verified.text("sub").unwrap_or_default();
        let name = ["name", "azp", "appid", "client_id"]
            .iter()
            .find_map(|claim| verified.text(claim).filter(|name| !name.is_empty()));
        let roles = verified.claims.get(&self.roles_claim);
        Principal {
            issuer: self.issuer.as_str().into(),
            subject: subject::stable_subject(&self.issuer, named, &verified.claims).into(),
            name: subject::shown_name(name.unwrap_or(named)),
            roles: self
                .role_names
                .iter()
                .flat_map(|names| names.parse(roles).iter().collect::<Vec<_>>())
                .collect::<Roles>(),
            via: Via::Api,
        }
    }
}

/// Returns the one token of a request.
fn token_of(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(if headers.contains_key(header::AUTHORIZATION) { malformed() } else { no_token() });
    };
    let value = value.to_str().map_err(|_| malformed())?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(no_token());
    }
    let token = token.trim_matches(' ');
    // The characters of `token68` (RFC 9110, section 11.2).
    let whole = !token.is_empty() && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b));
    whole.then_some(token).ok_or_else(malformed)
}

fn no_token() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "missing_token",
        "No access token",
        "This needs an access token of the identity provider, sent as \u{201c}Authorization: Bearer TOKEN\u{201d}.",
    )
    .at("Authorization")
    .challenged(Challenge::NoToken)
}

fn malformed() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "invalid_authorization_header",
        "The Authorization header is not valid",
        "Send exactly one Authorization header, of the form \u{201c}Bearer TOKEN\u{201d}.",
    )
    .at("Authorization")
    .challenged(Challenge::InvalidRequest)
}

fn invalid(refusal: Refusal) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "invalid_token", "The access token is not valid", refusal.to_string())
        .at("Authorization")
        .challenged(Challenge::InvalidToken)
}

fn provider_away() -> Problem {
    Problem::unavailable(
        "Access tokens cannot be checked, for the identity provider does not answer. Try again in a moment.",
    )
}
