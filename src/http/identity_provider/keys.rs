//! The provider's public keys, ready to check signatures with.

use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What tells a key from every other.
pub(in crate::http) type Fingerprint = [u8; 32];

/// A set of public keys.
#[derive(Debug, Default)]
pub(in crate::http) struct KeySet {
    keys: Vec<Key>,
}

#[derive(Debug)]
pub(in crate::http) struct Key {
    id: Option<String>,
    /// The one algorithm it is for, when the set says so.
    algorithm: Option<KeyAlgorithm>,
    public: DecodingKey,
    pub(in crate::http) fingerprint: Fingerprint,
}

impl KeySet {
    /// Takes the usable keys of a JWK set (RFC 7517): public ones, for signatures. What cannot be read is left out.
    pub(in crate::http) fn new(set: &Value) -> Self {
        let keys = set.get("keys").and_then(Value::as_array).into_iter().flatten();
        Self { keys: keys.filter_map(|key| Key::new(serde_json::from_value(key.clone()).ok()?)).collect() }
    }

    /// Returns the keys that may have signed a token with this header. A token that names no key is tried with all of
    /// its kind.
    pub(in crate::http) fn candidates(&self, id: Option<&str>, algorithm: Algorithm) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(move |key| id.is_none_or(|id| key.id.as_deref() == Some(id)) && key.is_for(algorithm))
    }

    /// Whether the key is in the set.
    pub(in crate::http) fn has(&self, fingerprint: &Fingerprint) -> bool {
        self.keys.iter().any(|key| key.fingerprint == *fingerprint)
    }
}

impl Key {
    fn new(jwk: Jwk) -> Option<Self> {
        let common = &jwk.common;
        let signs = common.public_key_use.as_ref().is_none_or(|known| *known == PublicKeyUse::Signature)
            && common.key_operations.as_ref().is_none_or(|known| known.contains(&KeyOperations::Verify));
        let public = DecodingKey::from_jwk(&jwk).ok().filter(|key| key.family() != AlgorithmFamily::Hmac)?;
        let fingerprint = Sha256::digest(serde_json::to_vec(&jwk.algorithm).ok()?).into();
        signs.then_some(Self { id: jwk.common.key_id, algorithm: jwk.common.key_algorithm, public, fingerprint })
    }

    fn is_for(&self, algorithm: Algorithm) -> bool {
        self.public.family() == algorithm.family()
            && self.algorithm.is_none_or(|only| only == KeyAlgorithm::from(algorithm))
    }

    /// Whether this key signed the message.
    pub(in crate::http) fn signed(&self, message: &str, signature: &str, algorithm: Algorithm) -> bool {
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.public, algorithm).unwrap_or(false)
    }
}
