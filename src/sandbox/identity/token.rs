//! The token endpoint: codes, refresh tokens and client credentials become signed tokens.

use std::sync::Arc;

use aws_lc_rs::error::Unspecified;
use axum::Json;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use super::Identity;
use super::people::{self, CLIENT_SECRET, CLIENTS, Client, PORTAL_CLIENT, Person};
use super::session::Session;
use crate::sandbox::clock;

/// The form of the token endpoint.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TokenRequest {
    grant_type: String,
    code: String,
    redirect_uri: String,
    code_verifier: String,
    refresh_token: String,
    scope: String,
    client_id: String,
    client_secret: String,
}

/// An error of RFC 6749, section 5.2.
struct Refusal(&'static str, &'static str);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": self.0, "error_description": self.1 }));
        let no_store = [(header::CACHE_CONTROL, "no-store")];
        match self.0 {
            "invalid_client" => {
                (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"sandbox\"")], no_store, body)
                    .into_response()
            }
            "server_error" => (StatusCode::INTERNAL_SERVER_ERROR, no_store, body).into_response(),
            _ => (StatusCode::BAD_REQUEST, no_store, body).into_response(),
        }
    }
}

impl From<Unspecified> for Refusal {
    fn from(_: Unspecified) -> Self {
        Self("server_error", "the token could not be signed")
    }
}

/// `POST /token`
pub(super) async fn token(
    State(identity): State<Arc<Identity>>,
    headers: HeaderMap,
    Form(request): Form<TokenRequest>,
) -> Response {
    match answer(&identity, &headers, &request).await {
        Ok(tokens) => ([(header::CACHE_CONTROL, "no-store")], Json(tokens)).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn answer(identity: &Identity, headers: &HeaderMap, request: &TokenRequest) -> Result<Value, Refusal> {
    let (client_id, client_secret) =
        basic_credentials(headers).unwrap_or_else(|| (request.client_id.clone(), request.client_secret.clone()));
    let client = CLIENTS.iter().find(|client| client.id == client_id);
    if client_secret != CLIENT_SECRET || (client.is_none() && client_id != PORTAL_CLIENT) {
        return Err(Refusal("invalid_client", "unknown client or wrong secret"));
    }
    match (request.grant_type.as_str(), client) {
        ("client_credentials", Some(client)) => client_token(identity, client, &request.scope).await,
        ("authorization_code", None) => {
            let (session, nonce) = redeem_code(identity, request)?;
            person_tokens(identity, session, nonce).await
        }
        ("refresh_token", None) => {
            let session = identity.state().grants.redeem_refresh_token(&request.refresh_token);
            let session = session.ok_or(Refusal("invalid_grant", "the refresh token is unknown, used or ended"))?;
            person_tokens(identity, session, None).await
        }
        ("client_credentials" | "authorization_code" | "refresh_token", _) => {
            Err(Refusal("unauthorized_client", "this client may not use this grant"))
        }
        _ => Err(Refusal("unsupported_grant_type", "use authorization_code, refresh_token or client_credentials")),
    }
}

fn redeem_code(identity: &Identity, request: &TokenRequest) -> Result<(Session, Option<String>), Refusal> {
    let grant = identity.state().grants.redeem_code(&request.code);
    let grant = grant.ok_or(Refusal("invalid_grant", "the code is unknown, used or too old"))?;
    if grant.redirect_uri != request.redirect_uri {
        return Err(Refusal("invalid_grant", "redirect_uri is not the one the code was asked with"));
    }
    if URL_SAFE_NO_PAD.encode(Sha256::digest(&request.code_verifier)) != grant.challenge {
        return Err(Refusal("invalid_grant", "code_verifier does not fit the code_challenge"));
    }
    Ok((grant.session, grant.nonce))
}

async fn client_token(identity: &Identity, client: &Client, scope: &str) -> Result<Value, Refusal> {
    let default_scope = format!("{}/.default", client.audience);
    if !scope.is_empty() && scope != default_scope {
        return Err(Refusal("invalid_scope", "ask for <audience>/.default, or for no scope"));
    }
    let lifetime = identity.state().faults.token_seconds;
    let now = clock::now().unix_timestamp();
    let claims = json!({
        "iss": identity.issuer(), "aud": client.audience, "sub": client.id, "azp": client.id, "client_id": client.id,
        "iat": now, "nbf": now, "exp": now + lifetime, "jti": clock::new_id(),
        "roles": client.role.map(people::role).into_iter().collect::<Vec<_>>(),
    });
    let access_token = identity.keys.sign("at+jwt", &claims).await?;
    Ok(json!({ "access_token": access_token, "token_type": "Bearer", "expires_in": lifetime, "scope": default_scope }))
}

async fn person_tokens(identity: &Identity, session: Session, nonce: Option<String>) -> Result<Value, Refusal> {
    let (person, lifetime) = {
        let provider = identity.state();
        (provider.person(&session.person).cloned(), provider.faults.token_seconds)
    };
    let person: Person = person.ok_or(Refusal("invalid_grant", "this person is gone"))?;
    let (subject, now) = (person.subject(), clock::now().unix_timestamp());
    let access_claims = json!({
        "iss": identity.issuer(), "aud": format!("{}/userinfo", identity.issuer()), "sub": subject, "client_id": PORTAL_CLIENT,
        "iat": now, "exp": now + lifetime, "jti": clock::new_id(), "scope": session.scope, "name": person.name,
    });
    let access_token = identity.keys.sign("at+jwt", &access_claims).await?;
    let half = Sha256::digest(&access_token).get(..16).map(|half| URL_SAFE_NO_PAD.encode(half));
    let mut claims = json!({
        "iss": identity.issuer(), "aud": PORTAL_CLIENT, "azp": PORTAL_CLIENT, "sub": subject, "sid": session.id,
        "iat": now, "exp": now + lifetime, "auth_time": session.signed_in.unix_timestamp(),
        "name": person.name, "preferred_username": person.key, "roles": person.roles, "at_hash": half,
    });
    if let (Some(nonce), Some(claims)) = (nonce, claims.as_object_mut()) {
        claims.insert("nonce".to_owned(), Value::String(nonce));
    }
    let id_token = identity.keys.sign("JWT", &claims).await?;
    let scope = session.scope.clone();
    let refresh_token = identity.state().grants.issue_refresh_token(session);
    Ok(json!({
        "access_token": access_token, "token_type": "Bearer", "expires_in": lifetime, "id_token": id_token,
        "refresh_token": refresh_token, "scope": scope,
    }))
}

/// `GET /userinfo`
pub(super) async fn userinfo(State(identity): State<Arc<Identity>>, headers: HeaderMap) -> Response {
    let claims = match bearer(&headers) {
        Some(token) => identity.keys.valid_claims(token).await,
        None => None,
    };
    match claims {
        Some(claims) => Json(json!({ "sub": claims.get("sub"), "name": claims.get("name") })).into_response(),
        None => {
            (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")]).into_response()
        }
    }
}

/// Returns the bearer token of a request.
pub(in crate::sandbox) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn basic_credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, value) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let value = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    let (id, secret) = value.split_once(':')?;
    let decode = |part: &str| form_urlencoded::parse(part.as_bytes()).next().map(|(k, _)| k.into_owned());
    scheme.eq_ignore_ascii_case("basic").then_some((decode(id)?, decode(secret)?))
}
