//! A pretend OpenID Connect provider: anyone may sign in as anyone, so it is for loopback only.

mod control;
mod keys;
mod people;
mod session;
mod sign_in;
mod token;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::sandbox::cut_connection;
use control::Faults;
use keys::{KeptKey, KeyRing};
use people::Person;
use session::Grants;
pub(super) use token::bearer;

/// The identity provider.
#[derive(Debug)]
pub(super) struct Identity {
    issuer: String,
    keys: KeyRing,
    state: Mutex<Provider>,
}

#[derive(Debug)]
struct Provider {
    people: Vec<Person>,
    grants: Grants,
    faults: Faults,
}

/// Who is signed in and the keys that say so, as they are kept in a file over a restart.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptIdentity {
    keys: Vec<KeptKey>,
    grants: Grants,
}

impl Identity {
    /// Makes a provider at which nobody is signed in.
    pub(super) fn new(issuer: String) -> Self {
        let provider = Provider { people: people::people(), grants: Grants::default(), faults: Faults::default() };
        Self { issuer, keys: KeyRing::default(), state: Mutex::new(provider) }
    }

    /// Makes a provider that goes on where another stopped.
    pub(super) fn resume(issuer: String, kept: KeptIdentity) -> Result<Self, &'static str> {
        let KeptIdentity { keys, grants } = kept;
        let mut identity = Self { keys: KeyRing::resume(&keys)?, ..Self::new(issuer) };
        identity.state.get_mut().unwrap_or_else(PoisonError::into_inner).grants = grants;
        Ok(identity)
    }

    /// Returns what outlives a restart.
    pub(super) async fn keep(&self) -> KeptIdentity {
        KeptIdentity { keys: self.keys.keep().await, grants: self.state().grants.clone() }
    }

    /// Grows with every change. A key that signed nothing for a person is not worth keeping by itself.
    pub(super) fn revision(&self) -> u64 {
        self.state().grants.revision()
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// True when the bearer token is ours and has not expired.
    pub(super) async fn accepts(&self, token: &str) -> bool {
        self.keys.valid_claims(token).await.is_some()
    }

    fn state(&self) -> MutexGuard<'_, Provider> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Provider {
    fn person(&self, key: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.key == key)
    }
}

pub(super) fn routes(identity: Arc<Identity>) -> Router {
    let control = Router::new()
        .route("/_rotate", put(control::rotate))
        .route("/_people/{person}", put(control::set_roles))
        .route("/_faults", put(control::set_faults));
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/jwks", get(jwks))
        .route("/authorize", get(sign_in::page).post(sign_in::choose))
        .route("/style.css", get(sign_in::style))
        .route("/token", post(token::token))
        .route("/userinfo", get(token::userinfo).post(token::userinfo))
        .route("/logout", get(sign_in::logout).post(sign_in::logout_by_form))
        .layer(from_fn_with_state(Arc::clone(&identity), play_faults))
        .merge(control)
        .with_state(identity)
}

async fn play_faults(State(identity): State<Arc<Identity>>, request: Request, next: Next) -> Response {
    let down = identity.state().faults.down;
    if down { cut_connection() } else { next.run(request).await }
}

async fn discovery(State(identity): State<Arc<Identity>>) -> Response {
    let issuer = identity.issuer();
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "end_session_endpoint": format!("{issuer}/logout"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": ["openid", "profile", "offline_access"],
        "claims_supported": ["iss", "aud", "sub", "sid", "exp", "iat", "auth_time", "nonce", "name", "at_hash", "roles"],
        "authorization_response_iss_parameter_supported": true
    }))
    .into_response()
}

async fn jwks(State(identity): State<Arc<Identity>>) -> Response {
    match identity.keys.jwks().await {
        Ok(keys) => ([(header::CACHE_CONTROL, "no-cache")], Json(keys)).into_response(),
        Err(_) => axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
