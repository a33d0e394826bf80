//! Signing keys (RS256) and the tokens signed with them.

use std::sync::Arc;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::RwLock;

use crate::sandbox::clock;

/// The keys, the newest first. Made when first needed, since making one takes a moment.
#[derive(Debug, Default)]
pub(super) struct KeyRing {
    keys: RwLock<Vec<Arc<SigningKey>>>,
}

#[derive(Debug)]
struct SigningKey {
    kid: String,
    pair: KeyPair,
}

/// A key as it is kept in a file over a restart.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::sandbox) struct KeptKey {
    kid: String,
    /// PKCS#8, in base64url.
    pkcs8: String,
}

impl KeyRing {
    /// Returns the keys of an earlier process.
    pub(super) fn resume(kept: &[KeptKey]) -> Result<Self, &'static str> {
        let keys = kept.iter().map(|kept| SigningKey::resume(kept).ok_or("one of the signing keys is not valid"));
        Ok(Self { keys: RwLock::new(keys.collect::<Result<_, _>>()?) })
    }

    /// Returns what outlives a restart.
    pub(super) async fn keep(&self) -> Vec<KeptKey> {
        self.keys.read().await.iter().filter_map(|key| key.keep()).collect()
    }

    /// Makes the first key, unless there is one.
    async fn signing_key(&self) -> Result<Arc<SigningKey>, Unspecified> {
        if let Some(key) = self.keys.read().await.first() {
            return Ok(Arc::clone(key));
        }
        let mut keys = self.keys.write().await;
        if let Some(key) = keys.first() {
            return Ok(Arc::clone(key));
        }
        let key = SigningKey::generate().await?;
        keys.push(Arc::clone(&key));
        Ok(key)
    }

    /// Signs with a new key from now on; the old ones stay published unless `drop_old`.
    pub(super) async fn rotate(&self, drop_old: bool) -> Result<String, Unspecified> {
        let key = SigningKey::generate().await?;
        let mut keys = self.keys.write().await;
        if drop_old {
            keys.clear();
        }
        keys.insert(0, Arc::clone(&key));
        Ok(key.kid.clone())
    }

    /// Returns the published keys (RFC 7517).
    pub(super) async fn jwks(&self) -> Result<Value, Unspecified> {
        self.signing_key().await?;
        Ok(json!({ "keys": self.keys.read().await.iter().map(|key| key.jwk()).collect::<Vec<_>>() }))
    }

    /// Makes a signed token with these claims.
    pub(super) async fn sign(&self, typ: &str, claims: &Value) -> Result<String, Unspecified> {
        let key = self.signing_key().await?;
        let header = json!({ "alg": "RS256", "typ": typ, "kid": key.kid });
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let mut signature = vec![0; key.pair.public_modulus_len()];
        key.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)?;
        Ok(format!("{signed}.{}", encode(signature)))
    }

    /// Returns the claims of a token of ours, expired or not; `None` when no published key signed it.
    pub(super) async fn claims(&self, token: &str) -> Option<Value> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Value = decode(header)?;
        let keys = self.keys.read().await;
        let key = keys.iter().find(|key| header.get("kid").and_then(Value::as_str) == Some(&key.kid))?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.pair.public_key().as_ref())
            .verify(signed.as_bytes(), &signature)
            .ok()?;
        decode(claims)
    }

    /// Returns the claims of a token of ours that has not expired.
    pub(super) async fn valid_claims(&self, token: &str) -> Option<Value> {
        let claims = self.claims(token).await?;
        let now = clock::now().unix_timestamp();
        claims.get("exp").and_then(Value::as_i64).is_some_and(|exp| exp > now).then_some(claims)
    }
}

impl SigningKey {
    async fn generate() -> Result<Arc<Self>, Unspecified> {
        let pair =
            tokio::task::spawn_blocking(|| KeyPair::generate(KeySize::Rsa2048)).await.map_err(|_| Unspecified)??;
        Ok(Arc::new(Self { kid: clock::new_id(), pair }))
    }

    fn resume(kept: &KeptKey) -> Option<Arc<Self>> {
        let pair = KeyPair::from_pkcs8(&URL_SAFE_NO_PAD.decode(&kept.pkcs8).ok()?).ok()?;
        Some(Arc::new(Self { kid: kept.kid.clone(), pair }))
    }

    fn keep(&self) -> Option<KeptKey> {
        let pkcs8 = self.pair.as_der().ok()?;
        Some(KeptKey { kid: self.kid.clone(), pkcs8: encode(pkcs8.as_ref()) })
    }

    fn jwk(&self) -> Value {
        let public = self.pair.public_key();
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid,
            "n": encode(public.modulus().big_endian_without_leading_zero()),
            "e": encode(public.exponent().big_endian_without_leading_zero()),
        })
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
