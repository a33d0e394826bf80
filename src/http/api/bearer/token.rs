//! What an access token must be before we believe it (RFC 7519, RFC 8725, RFC 9068).

use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde_json::{Map, Value};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::http::identity_provider::{Fingerprint, KeySet};

/// How far two clocks may be apart, in seconds.
const LEEWAY: f64 = 60.0;
/// The longest subject of OpenID Connect.
const LONGEST_SUBJECT: usize = 255;

/// Why a token is not believed, in words of ASCII for `error_description`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("The token is not a signed JSON web token.")]
    Malformed,
    #[error("The token is signed with an algorithm that is not accepted here.")]
    Algorithm,
    #[error("The token is not an access token.")]
    Kind,
    #[error("The token is signed with a key that the identity provider does not publish.")]
    UnknownKey,
    #[error("The signature of the token is not valid.")]
    Signature,
    #[error("The token comes from another issuer.")]
    Issuer,
    #[error("The token is for another audience.")]
    Audience,
    #[error("The token has no valid expiry time (exp).")]
    NoExpiry,
    #[error("The token has expired.")]
    Expired,
    #[error("The token is not valid yet (nbf or iat).")]
    NotYet,
    #[error("The token has no subject (sub).")]
    Subject,
}

/// What a token is checked against.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) audience: &'a [String],
    pub(super) algorithms: &'a [Algorithm],
    /// Seconds since 1970.
    pub(super) now: i64,
}

/// A token that passed every check.
pub(super) struct Verified {
    pub(super) claims: Map<String, Value>,
    /// When it ends, in seconds since 1970.
    pub(super) expires: i64,
    /// The key that signed it.
    pub(super) key: Fingerprint,
}

impl Verified {
    /// Returns a claim that is a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        text(&self.claims, name)
    }
}

/// The members of the header that we heed. Keys and addresses in it (`jwk`, `jku`, `x5u`) are never looked at.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    /// Names what must be understood; we understand nothing.
    crit: Option<Value>,
}

/// Checks signature and claims.
pub(super) fn verify(token: &str, keys: &KeySet, expected: &Expected<'_>) -> Result<Verified, Refusal> {
    let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(Refusal::Malformed)?;
    let header: Header = decode(header)?;
    let algorithm: Algorithm = header.alg.parse().map_err(|_| Refusal::Algorithm)?;
    if !expected.algorithms.contains(&algorithm) {
        return Err(Refusal::Algorithm);
    }
    if header.crit.is_some() || !header.typ.as_deref().is_none_or(is_access_token) {
        return Err(Refusal::Kind);
    }
    let claims: Map<String, Value> = decode(claims)?;
    let mut candidates = keys.candidates(header.kid.as_deref(), algorithm).peekable();
    // A key that is not named may be a new one as well as a wrong one.
    let may_be_new = candidates.peek().is_none() || header.kid.is_none();
    let Some(key) = candidates.find(|key| key.signed(signed, signature, algorithm)) else {
        if !may_be_new {
            return Err(Refusal::Signature);
        }
        // Whoever sends tokens of another issuer is not a reason to fetch keys.
        return check(&claims, expected).and(Err(Refusal::UnknownKey));
    };
    let key = key.fingerprint;
    let expires = check(&claims, expected)?;
    Ok(Verified { claims, expires, key })
}

fn check(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<i64, Refusal> {
    if text(claims, "iss") != Some(expected.issuer) {
        return Err(Refusal::Issuer);
    }
    let is_ours = |audience: &str| expected.audience.iter().any(|ours| ours == audience);
    let for_us = match claims.get("aud") {
        Some(Value::String(audience)) => is_ours(audience),
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).any(is_ours),
        _ => false,
    };
    if !for_us {
        return Err(Refusal::Audience);
    }
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below where precision ends")]
    let now = expected.now as f64;
    let expires = claims.get("exp").and_then(Value::as_f64).ok_or(Refusal::NoExpiry)?;
    if expires + LEEWAY <= now {
        return Err(Refusal::Expired);
    }
    for begins in ["nbf", "iat"] {
        let begun = claims.get(begins).is_none_or(|at| at.as_f64().is_some_and(|at| at <= now + LEEWAY));
        if !begun {
            return Err(Refusal::NotYet);
        }
    }
    if !text(claims, "sub").is_some_and(|subject| (1..=LONGEST_SUBJECT).contains(&subject.len())) {
        return Err(Refusal::Subject);
    }
    #[expect(clippy::cast_possible_truncation, reason = "a time too far away to be counted is the last one")]
    Ok(expires as i64)
}

/// Whether a token of this type may be an access token. Providers write `at+jwt` (RFC 9068) or `JWT`; a logout token or
/// the like says that it is one.
fn is_access_token(typ: &str) -> bool {
    ["at+jwt", "application/at+jwt", "jwt", "application/jwt"].iter().any(|known| typ.eq_ignore_ascii_case(known))
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}

fn decode<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| Refusal::Malformed)
}
