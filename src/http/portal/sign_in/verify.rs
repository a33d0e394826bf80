//! What an ID token must be before we believe it.
//!
//! The signature, issuer, audience, expiry and nonce are checked by the openidconnect crate; the
//! authorised party, not-before, issue time and the hash of the access token are checked here.

use std::time::{Duration, UNIX_EPOCH};

use openidconnect::core::{
    CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalClaims, ClaimsVerificationError, ClientId, IdToken, IdTokenClaims,
    IdTokenVerifier, Nonce, SignatureVerificationError, SignatureVerificationError as Signature,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::http::identity_provider::Metadata;

/// How far two clocks may be apart, in seconds.
const LEEWAY: i64 = 60;
/// A token that was issued longer ago than this is not from the exchange we just made, in seconds.
const MAX_AGE: i64 = 60 * 60;

/// Claims beside the standard ones, such as the roles.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Extra {
    #[serde(flatten)]
    pub(super) all: Map<String, Value>,
}

impl AdditionalClaims for Extra {}

/// An ID token with our additional claims.
pub(super) type Token = IdToken<Extra, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
/// Its claims.
pub(super) type Claims = IdTokenClaims<Extra, CoreGenderClaim>;

/// Why an ID token is not believed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// One of the standard checks.
    #[error("the ID token is not valid")]
    Claims(#[from] ClaimsVerificationError),
    /// The signature cannot be checked.
    #[error("the ID token's signature cannot be checked")]
    Signature(#[from] SignatureVerificationError),
    /// `azp` names another client.
    #[error("the ID token was issued to another client")]
    AuthorisedParty,
    /// `nbf` is later than now.
    #[error("the ID token is not valid yet, or its nbf is not a whole number")]
    NotBefore,
    /// `at_hash` belongs to another access token.
    #[error("the ID token belongs to another access token")]
    AccessTokenHash,
}

impl TokenError {
    /// Whether newer keys could make the token good.
    pub(super) fn may_be_a_new_key(&self) -> bool {
        matches!(
            self,
            Self::Claims(ClaimsVerificationError::SignatureVerification(
                Signature::NoMatchingKey | Signature::AmbiguousKeyId(_) | Signature::CryptoError(_)
            ))
        )
    }
}

/// What a token is checked against.
pub(super) struct Expected<'a> {
    pub(super) metadata: &'a Metadata,
    pub(super) client_id: &'a ClientId,
    pub(super) algorithms: &'a [CoreJwsSigningAlgorithm],
    /// The nonce of the sign-in; a refreshed token need not have one.
    pub(super) nonce: Option<&'a Nonce>,
    pub(super) access_token: &'a AccessToken,
    pub(super) now: OffsetDateTime,
}

/// Returns the claims of a token that passes every check.
pub(super) fn verify<'t>(token: &'t Token, expected: &Expected<'_>) -> Result<&'t Claims, TokenError> {
    let now = expected.now.unix_timestamp();
    // The crate compares the expiry with its clock exactly; a clock that is a minute late is the leeway.
    let late = UNIX_EPOCH + Duration::from_secs(u64::try_from(now - LEEWAY).unwrap_or_default());
    // A shared-secret algorithm needs the client secret, which a verifier for public clients never has.
    let verifier: IdTokenVerifier<'_, CoreJsonWebKey> = IdTokenVerifier::new_public_client(
        expected.client_id.clone(),
        expected.metadata.issuer().clone(),
        expected.metadata.jwks().clone(),
    )
    .set_allowed_algs(expected.algorithms.iter().cloned())
    .set_time_fn(move || late.into())
    .set_issue_time_verifier_fn(move |issued| {
        let age = now - issued.timestamp();
        if (-LEEWAY..=MAX_AGE).contains(&age) { Ok(()) } else { Err(format!("issued {age} seconds ago")) }
    });
    let claims = match expected.nonce {
        Some(nonce) => token.claims(&verifier, nonce)?,
        None => token.claims(&verifier, |_: Option<&Nonce>| Ok(()))?,
    };
    if claims.authorized_party().is_some_and(|party| party != expected.client_id)
        || claims.authorized_party().is_none() && claims.audiences().len() > 1
    {
        return Err(TokenError::AuthorisedParty);
    }
    match claims.additional_claims().all.get("nbf") {
        None => {}
        Some(value) if value.as_i64().is_some_and(|nbf| nbf <= now + LEEWAY) => {}
        Some(_) => return Err(TokenError::NotBefore),
    }
    if let Some(hash) = claims.access_token_hash() {
        let key = token.signing_key(&verifier)?;
        let actual = AccessTokenHash::from_token(expected.access_token, token.signing_alg()?, key);
        if actual.ok().as_ref() != Some(hash) {
            return Err(TokenError::AccessTokenHash);
        }
    }
    Ok(claims)
}
