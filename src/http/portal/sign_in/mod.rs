//! Signing in and out with OpenID Connect: authorization code, PKCE, nonce, refresh, logout.

mod client;
mod error;
mod under_way;
mod verify;

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue};
use openidconnect::core::{CoreJwsSigningAlgorithm, CoreResponseType};
use openidconnect::{
    AuthenticationFlow, AuthorizationCode, ClientId, CsrfToken, Nonce, OAuth2TokenResponse, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RefreshToken, Scope, TokenResponse as _,
};
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::OnceCell;
use url::Url;

use crate::authz::{Principal, Via};
use crate::config::Identity;
use crate::http::identity_provider::{Metadata, Provider, ProviderError, Published, subject};
use crate::http::listener::error::Problem;
use crate::http::listener::random;

use super::content_policy::ContentPolicy;
use super::cookie;
use super::return_to::ReturnTo;
use super::session::{ConfirmRoles, ConfirmedRoles, Sessions, SignedIn, database_away};

use client::{OidcClient, Registration, Tokens};
pub use error::LoginError;
use under_way::{SignInCookies, SignInUnderWay};
use verify::{Claims, Expected, Token};

/// What the provider sends the browser back with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Callback {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// A sign-in that the provider sent the browser back from.
pub struct FinishedSignIn {
    /// Who signed in, and where they want to go.
    pub outcome: Result<(SignedIn, ReturnTo), LoginError>,
    /// The cookie that makes the browser forget the sign-in, whatever came of it.
    pub forget: Option<HeaderValue>,
}

/// The way to the identity provider; cheap to clone.
#[derive(Clone)]
pub struct Login(Arc<Inner>);

struct Inner {
    settings: Identity,
    registration: Registration,
    algorithms: Vec<CoreJwsSigningAlgorithm>,
    signed_out: Url,
    provider: Provider,
    policy: ContentPolicy,
    cookie: String,
    /// What sign-ins under way are sealed with; read when the first is begun.
    key: OnceCell<String>,
}

impl Login {
    /// Makes a client of the configured provider. Nothing is fetched until somebody signs in.
    ///
    /// # Errors
    /// When an address or an algorithm is none, which the configuration has ruled out.
    pub fn new(
        settings: Identity,
        public_url: &Url,
        provider: Provider,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let algorithms = settings.algorithms.iter().map(|name| serde_json::from_value(Value::String(name.clone())));
        let issuer_origin = Url::parse(&settings.issuer)?.origin().ascii_serialization();
        Ok(Self(Arc::new(Inner {
            registration: Registration {
                id: ClientId::new(settings.client_id.clone()),
                secret: settings.client_secret.clone(),
                redirect: RedirectUrl::from_url(public_url.join("/auth/callback")?),
            },
            algorithms: algorithms.collect::<Result<_, _>>()?,
            signed_out: public_url.join("/signed-out")?,
            provider,
            policy: ContentPolicy::new(&[issuer_origin]),
            cookie: cookie::host_name("nmp-signin", public_url.scheme() == "https"),
            key: OnceCell::new(),
            settings,
        })))
    }

    /// Returns the policy of every page; it names the provider, to which signing out redirects.
    pub(super) fn content_security_policy(&self) -> HeaderValue {
        self.0.policy.header()
    }

    /// Begins a sign-in: where to send the browser, and the cookie that keeps the sign-in there.
    ///
    /// # Errors
    /// When the provider or the database is away.
    pub async fn begin(
        &self,
        sessions: &Sessions,
        headers: &HeaderMap,
        return_to: &ReturnTo,
    ) -> Result<(Url, Option<HeaderValue>), LoginError> {
        let (client, _) = self.client().await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let cookies = self.cookies(sessions).await?;
        let started = cookies.start(headers, verifier.secret(), return_to).ok_or_else(Problem::internal)?;
        let (state, nonce) = (CsrfToken::new(started.state), Nonce::new(started.nonce));
        let mut request = client
            .authorize_url(AuthenticationFlow::<CoreResponseType>::AuthorizationCode, move || state, move || nonce)
            .set_pkce_challenge(challenge);
        for scope in self.0.settings.scopes.iter().filter(|scope| *scope != "openid") {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, ..) = request.url();
        Ok((url, started.cookie))
    }

    async fn cookies(&self, sessions: &Sessions) -> Result<SignInCookies<'_>, LoginError> {
        let read = || async { sessions.keeper().shared_key("sign-in", random::token).await.map_err(database_away) };
        let key = self.0.key.get_or_try_init(read).await?;
        Ok(SignInCookies { key, name: &self.0.cookie, secure: sessions.secure(), now: sessions.now() })
    }

    /// Finishes a sign-in with what the provider sent the browser back with.
    pub async fn finish(&self, sessions: &Sessions, headers: &HeaderMap, callback: Callback) -> FinishedSignIn {
        let under_way = match self.cookies(sessions).await {
            Ok(cookies) => callback.state.as_deref().and_then(|state| cookies.find(headers, state)),
            Err(error) => return FinishedSignIn { outcome: Err(error), forget: None },
        };
        let Some(mut under_way) = under_way else {
            return FinishedSignIn { outcome: Err(LoginError::Unknown), forget: None };
        };
        let forget = under_way.forget.take();
        FinishedSignIn { outcome: self.exchange(sessions, under_way, callback).await, forget }
    }

    async fn exchange(
        &self,
        sessions: &Sessions,
        under_way: SignInUnderWay,
        callback: Callback,
    ) -> Result<(SignedIn, ReturnTo), LoginError> {
        // RFC 9207: an answer that names its issuer must name ours.
        if callback.iss.is_some_and(|iss| iss != self.0.settings.issuer) {
            return Err(LoginError::Invalid("the answer comes from another issuer".into()));
        }
        if let Some(error) = callback.error {
            return Err(LoginError::Refused(error));
        }
        let code = callback.code.ok_or_else(|| LoginError::Invalid("the answer has no code".into()))?;
        let (client, published) = self.client().await?;
        let send = |request| self.0.provider.send(request);
        let nonce = Nonce::new(under_way::nonce(&under_way.verifier));
        let tokens = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| LoginError::Invalid(error.into()))?
            .set_pkce_verifier(PkceCodeVerifier::new(under_way.verifier))
            .request_async(&send)
            .await?;
        let signed_in =
            self.believe(&tokens, published, Some(&nonce), sessions.now()).await.map_err(LoginError::Invalid)?;
        Ok((signed_in, under_way.return_to))
    }

    async fn refresh(&self, refresh_token: &str, now: OffsetDateTime) -> Result<SignedIn, LoginError> {
        let (client, published) = self.client().await?;
        let send = |request| self.0.provider.send(request);
        let tokens = client
            .exchange_refresh_token(&RefreshToken::new(refresh_token.to_owned()))
            .map_err(|error| LoginError::Invalid(error.into()))?
            .request_async(&send)
            .await?;
        self.believe(&tokens, published, None, now).await.map_err(LoginError::Invalid)
    }

    /// Checks the tokens and reads the person out of them.
    async fn believe(
        &self,
        tokens: &Tokens,
        published: Arc<Published>,
        nonce: Option<&Nonce>,
        now: OffsetDateTime,
    ) -> Result<SignedIn, Box<dyn std::error::Error + Send + Sync>> {
        let token: &Token = tokens.id_token().ok_or("the provider sent no ID token")?;
        let check = |metadata: &Metadata| {
            let expected = Expected {
                metadata,
                client_id: &self.0.registration.id,
                algorithms: &self.0.algorithms,
                nonce,
                access_token: tokens.access_token(),
                now,
            };
            verify::verify(token, &expected).map(|claims| self.principal(claims))
        };
        let principal = match check(&published.metadata) {
            Err(error) if error.may_be_a_new_key() => match self.0.provider.after_unknown_key(&published).await {
                Some(newer) => check(&newer.metadata)?,
                None => return Err(error.into()),
            },
            checked => checked?,
        };
        let refresh_token = tokens.refresh_token().map(|token| token.secret().clone());
        Ok(SignedIn { principal, id_token: token.to_string(), refresh_token })
    }

    fn principal(&self, claims: &Claims) -> Principal {
        let name = claims.name().and_then(|name| name.get(None)).map(|name| name.as_str());
        let name = name.or(claims.preferred_username().map(|name| name.as_str())).unwrap_or(claims.subject().as_str());
        let (issuer, further) = (claims.issuer().as_str(), &claims.additional_claims().all);
        Principal {
            issuer: issuer.into(),
            subject: subject::stable_subject(issuer, claims.subject().as_str(), further).into(),
            name: subject::shown_name(name),
            roles: self.0.settings.role_names.parse(further.get(&self.0.settings.roles_claim)),
            via: Via::Portal,
        }
    }

    /// Returns where to send a browser to sign out at the provider too; our own page when the provider has no such
    /// place or is away.
    pub async fn logout_url(&self, id_token: Option<&str>) -> Url {
        let published = self.0.provider.published().await.ok();
        let endpoint = published
            .as_ref()
            .and_then(|published| published.metadata.additional_metadata().end_session_endpoint.as_ref());
        let Some(endpoint) = endpoint else { return self.0.signed_out.clone() };
        let mut url = endpoint.url().clone();
        let mut query = url.query_pairs_mut();
        if let Some(token) = id_token {
            query.append_pair("id_token_hint", token);
        }
        query.append_pair("client_id", &self.0.registration.id);
        query.append_pair("post_logout_redirect_uri", self.0.signed_out.as_str());
        drop(query);
        url
    }

    async fn client(&self) -> Result<(OidcClient, Arc<Published>), ProviderError> {
        let published = self.0.provider.published().await?;
        self.0.policy.allow_forms_to(&origins(&published.metadata));
        Ok((self.0.registration.client(&published.metadata), published))
    }
}

impl ConfirmRoles for Login {
    async fn confirm(&self, refresh_token: &str, person: &Principal, now: OffsetDateTime) -> ConfirmedRoles {
        match self.refresh(refresh_token, now).await {
            Ok(signed_in) if signed_in.principal.subject == person.subject => {
                ConfirmedRoles::Confirmed(Box::new(signed_in))
            }
            Ok(_) => {
                tracing::error!("the identity provider confirmed another person than was asked for");
                ConfirmedRoles::Refused
            }
            Err(LoginError::Refused(code))
                if ["invalid_grant", "interaction_required", "login_required", "consent_required"]
                    .contains(&code.as_str()) =>
            {
                ConfirmedRoles::Refused
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "roles could not be confirmed with the identity provider"
                );
                ConfirmedRoles::Away
            }
        }
    }
}

/// Returns where the provider's forms may lead: to the page that signs people in, and to the one that signs them out.
fn origins(metadata: &Metadata) -> Vec<String> {
    let logout = metadata.additional_metadata().end_session_endpoint.as_ref().map(|endpoint| endpoint.url().clone());
    let mut origins: Vec<String> = [Some(metadata.authorization_endpoint().url().clone()), logout]
        .into_iter()
        .flatten()
        .map(|url| url.origin().ascii_serialization())
        .collect();
    origins.dedup();
    origins
}
