//! Signing in and out with OpenID Connect: authorization code, PKCE, nonce, refresh, logout.

mod provider;
mod under_way;
mod verify;

use std::sync::{Arc, PoisonError, RwLock};

use axum::http::{HeaderMap, HeaderValue};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreResponseType, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AuthType, AuthenticationFlow, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenFields, Nonce, OAuth2TokenResponse, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, Scope, StandardErrorResponse,
    StandardTokenResponse, TokenResponse as _,
};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::OnceCell;
use url::Url;

use crate::authz::{Principal, Via};
use crate::config::Identity;

use super::cookie;
use super::error::Problem;
use super::return_to::ReturnTo;
use super::session::{Sessions, away};
use super::{identity, random, security};

use provider::{FetchError, Known, Metadata};
pub use provider::{Provider, ProviderError};
use under_way::{Keeping, UnderWay};
pub use verify::TokenError;
use verify::{Claims, Expected, Extra, Token};

type Fields = IdTokenFields<
    Extra,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Tokens = StandardTokenResponse<Fields, CoreTokenType>;
type ErrorAnswer = StandardErrorResponse<CoreErrorResponseType>;
type TokenFailure = RequestTokenError<FetchError, ErrorAnswer>;
type OidcClient = Client<
    Extra,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    ErrorAnswer,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A person who has just signed in, or whose roles were just confirmed.
pub struct SignedIn {
    /// Who it is.
    pub principal: Principal,
    pub(super) id_token: String,
    pub(super) refresh_token: Option<String>,
}

/// What became of asking for the roles again.
pub enum Refreshed {
    /// Here they are.
    Confirmed(Box<SignedIn>),
    /// The provider does not vouch for the person any more.
    Refused,
    /// The provider cannot be asked now.
    Away,
}

/// Why a sign-in did not work.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The provider is away.
    #[error("the identity provider cannot be reached")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The sign-in is unknown in this browser: too old, used already, or begun elsewhere.
    #[error("there is no such sign-in under way in this browser")]
    Unknown,
    /// The provider said no.
    #[error("the identity provider answered {0}")]
    Refused(String),
    /// What the provider sent does not hold up.
    #[error("the identity provider's answer is not valid")]
    Invalid(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Something of ours.
    #[error("{}", .0.title)]
    Problem(Box<Problem>),
}

impl From<Problem> for LoginError {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<ProviderError> for LoginError {
    fn from(error: ProviderError) -> Self {
        Self::Away(error.into())
    }
}

impl From<TokenFailure> for LoginError {
    fn from(error: TokenFailure) -> Self {
        match error {
            RequestTokenError::ServerResponse(answer) => Self::Refused(answer.error().as_ref().to_owned()),
            RequestTokenError::Parse(..) => Self::Invalid(error.into()),
            other => Self::Away(other.into()),
        }
    }
}

/// What the provider sends the browser back with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Callback {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// The way to the identity provider; cheap to clone.
#[derive(Clone)]
pub struct Login(Arc<Inner>);

struct Inner {
    settings: Identity,
    client_id: ClientId,
    algorithms: Vec<CoreJwsSigningAlgorithm>,
    redirect: RedirectUrl,
    signed_out: Url,
    provider: Provider,
    policy: RwLock<HeaderValue>,
    cookie: String,
    /// What sign-ins under way are sealed with; read when the first is begun.
    key: OnceCell<String>,
}

impl Login {
    /// A client of the configured provider. Nothing is fetched until somebody signs in.
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
            client_id: ClientId::new(settings.client_id.clone()),
            algorithms: algorithms.collect::<Result<_, _>>()?,
            redirect: RedirectUrl::from_url(public_url.join("/auth/callback")?),
            signed_out: public_url.join("/signed-out")?,
            provider,
            policy: RwLock::new(security::content_security_policy(&[issuer_origin])),
            cookie: cookie::host_name("nmp-signin", public_url.scheme() == "https"),
            key: OnceCell::new(),
            settings,
        })))
    }

    /// The policy of every page; it names the provider, to which signing out redirects.
    pub(super) fn content_security_policy(&self) -> HeaderValue {
        self.0.policy.read().unwrap_or_else(PoisonError::into_inner).clone()
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
        let keeping = self.keeping(sessions).await?;
        let begun = keeping.begin(headers, verifier.secret(), return_to).ok_or_else(Problem::internal)?;
        let (state, nonce) = (CsrfToken::new(begun.state), Nonce::new(begun.nonce));
        let mut request = client
            .authorize_url(AuthenticationFlow::<CoreResponseType>::AuthorizationCode, move || state, move || nonce)
            .set_pkce_challenge(challenge);
        for scope in self.0.settings.scopes.iter().filter(|scope| *scope != "openid") {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, ..) = request.url();
        Ok((url, begun.cookie))
    }

    async fn keeping(&self, sessions: &Sessions) -> Result<Keeping<'_>, LoginError> {
        let read = || async { sessions.keeper().shared_key("sign-in", random::token).await.map_err(away) };
        let key = self.0.key.get_or_try_init(read).await?;
        Ok(Keeping { key, name: &self.0.cookie, secure: sessions.secure(), now: sessions.now() })
    }

    /// Finishes a sign-in with what the provider sent the browser back with, and gives the cookie that makes the browser
    /// forget it, whatever came of it.
    pub async fn finish(
        &self,
        sessions: &Sessions,
        headers: &HeaderMap,
        callback: Callback,
    ) -> (Result<(SignedIn, ReturnTo), LoginError>, Option<HeaderValue>) {
        let under_way = match self.keeping(sessions).await {
            Ok(keeping) => callback.state.as_deref().and_then(|state| keeping.find(headers, state)),
            Err(error) => return (Err(error), None),
        };
        let Some(mut under_way) = under_way else { return (Err(LoginError::Unknown), None) };
        let forget = under_way.forget.take();
        (self.exchange(sessions, under_way, callback).await, forget)
    }

    async fn exchange(
        &self,
        sessions: &Sessions,
        under_way: UnderWay,
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
        let (client, known) = self.client().await?;
        let send = |request| self.0.provider.send(request);
        let nonce = Nonce::new(under_way::nonce(&under_way.verifier));
        let tokens = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| LoginError::Invalid(error.into()))?
            .set_pkce_verifier(PkceCodeVerifier::new(under_way.verifier))
            .request_async(&send)
            .await?;
        let signed_in =
            self.believe(&tokens, known, Some(&nonce), sessions.now()).await.map_err(LoginError::Invalid)?;
        Ok((signed_in, under_way.return_to))
    }

    /// Asks the provider whether it still vouches for a person, and for their roles.
    pub(super) async fn refresh(&self, refresh_token: &str, person: &Principal, now: OffsetDateTime) -> Refreshed {
        match self.try_refresh(refresh_token, now).await {
            Ok(signed_in) if signed_in.principal.subject == person.subject => Refreshed::Confirmed(Box::new(signed_in)),
            Ok(_) => {
                tracing::error!("the identity provider confirmed another person than was asked for");
                Refreshed::Refused
            }
            Err(LoginError::Refused(code))
                if ["invalid_grant", "interaction_required", "login_required", "consent_required"]
                    .contains(&code.as_str()) =>
            {
                Refreshed::Refused
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "roles could not be confirmed with the identity provider"
                );
                Refreshed::Away
            }
        }
    }

    async fn try_refresh(&self, refresh_token: &str, now: OffsetDateTime) -> Result<SignedIn, LoginError> {
        let (client, known) = self.client().await?;
        let send = |request| self.0.provider.send(request);
        let tokens = client
            .exchange_refresh_token(&RefreshToken::new(refresh_token.to_owned()))
            .map_err(|error| LoginError::Invalid(error.into()))?
            .request_async(&send)
            .await?;
        self.believe(&tokens, known, None, now).await.map_err(LoginError::Invalid)
    }

    /// Checks the tokens and reads the person out of them.
    async fn believe(
        &self,
        tokens: &Tokens,
        known: Arc<Known>,
        nonce: Option<&Nonce>,
        now: OffsetDateTime,
    ) -> Result<SignedIn, Box<dyn std::error::Error + Send + Sync>> {
        let token: &Token = tokens.id_token().ok_or("the provider sent no ID token")?;
        let check = |metadata: &Metadata| {
            let expected = Expected {
                metadata,
                client_id: &self.0.client_id,
                algorithms: &self.0.algorithms,
                nonce,
                access_token: tokens.access_token(),
                now,
            };
            verify::verify(token, &expected).map(|claims| self.principal(claims))
        };
        let principal = match check(&known.metadata) {
            Err(error) if error.may_be_a_new_key() => match self.0.provider.after_unknown_key(&known).await {
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
            subject: identity::stable_subject(issuer, claims.subject().as_str(), further).into(),
            name: identity::shown_name(name),
            roles: self.0.settings.role_names.parse(further.get(&self.0.settings.roles_claim)),
            via: Via::Portal,
        }
    }

    /// Where to send a browser to sign out at the provider too; our own page when the provider has
    /// no such place or is away.
    pub async fn logout_url(&self, id_token: Option<&str>) -> Url {
        let known = self.0.provider.known().await.ok();
        let endpoint =
            known.as_ref().and_then(|known| known.metadata.additional_metadata().end_session_endpoint.as_ref());
        let Some(endpoint) = endpoint else { return self.0.signed_out.clone() };
        let mut url = endpoint.url().clone();
        let mut query = url.query_pairs_mut();
        if let Some(token) = id_token {
            query.append_pair("id_token_hint", token);
        }
        query.append_pair("client_id", &self.0.client_id);
        query.append_pair("post_logout_redirect_uri", self.0.signed_out.as_str());
        drop(query);
        url
    }

    async fn client(&self) -> Result<(OidcClient, Arc<Known>), ProviderError> {
        let known = self.0.provider.known().await?;
        let metadata = &known.metadata;
        self.allow_forms_to(metadata);
        let secret =
            self.0.settings.client_secret.as_ref().map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
        let methods = metadata.token_endpoint_auth_methods_supported();
        let in_body = methods.is_some_and(|methods| {
            methods.contains(&CoreClientAuthMethod::ClientSecretPost)
                && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
        });
        let client = OidcClient::from_provider_metadata(metadata.clone(), self.0.client_id.clone(), secret)
            .set_redirect_uri(self.0.redirect.clone())
            .set_auth_type(if in_body { AuthType::RequestBody } else { AuthType::BasicAuth });
        Ok((client, known))
    }

    fn allow_forms_to(&self, metadata: &Metadata) {
        let logout =
            metadata.additional_metadata().end_session_endpoint.as_ref().map(|endpoint| endpoint.url().clone());
        let mut origins: Vec<String> = [Some(metadata.authorization_endpoint().url().clone()), logout]
            .into_iter()
            .flatten()
            .map(|url| url.origin().ascii_serialization())
            .collect();
        origins.dedup();
        let policy = security::content_security_policy(&origins);
        if self.content_security_policy() != policy {
            *self.0.policy.write().unwrap_or_else(PoisonError::into_inner) = policy;
        }
    }
}
