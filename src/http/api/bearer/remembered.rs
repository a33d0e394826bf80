//! Tokens that were checked a moment ago, so that a signature is not checked at each call.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::authz::Principal;
use crate::http::identity_provider::{Fingerprint, KeySet};

/// Tokens that are remembered at once. More are checked each time.
const MOST: usize = 10_000;

/// The hash of a token; the token itself is not kept.
type TokenHash = [u8; 32];

/// Verified tokens by their hash.
#[derive(Default)]
pub(super) struct RememberedTokens(Mutex<HashMap<TokenHash, RememberedToken>>);

#[derive(Clone)]
pub(super) struct RememberedToken {
    pub(super) principal: Principal,
    /// When the token ends, in seconds since 1970.
    pub(super) expires: i64,
    /// The key that signed it.
    pub(super) key: Fingerprint,
}

impl RememberedTokens {
    pub(super) fn hash(token: &str) -> TokenHash {
        Sha256::digest(token).into()
    }

    /// Returns whom a remembered token stands for, as long as it lasts and its key is published.
    pub(super) fn find(&self, token: &TokenHash, keys: &KeySet, now: i64) -> Option<Principal> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(token)?;
        if now < entry.expires && keys.has(&entry.key) {
            return Some(entry.principal.clone());
        }
        entries.remove(token);
        None
    }

    pub(super) fn keep(&self, token: TokenHash, entry: RememberedToken, now: i64) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MOST {
            entries.retain(|_, entry| now < entry.expires);
        }
        if entries.len() < MOST {
            entries.insert(token, entry);
        }
    }
}
