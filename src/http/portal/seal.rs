//! Encrypts what the database keeps for a browser with a key that only the browser's cookie holds,
//! so that a stolen database gives away neither sessions nor tokens; and what browsers keep for us with a key that only our
//! processes have.

use aws_lc_rs::aead::{AES_256_GCM, AES_256_GCM_SIV, Aad, Algorithm, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// Returns the identifier that stands in the database for the values a browser holds.
pub(super) fn id(parts: &[&str]) -> String {
    URL_SAFE_NO_PAD.encode(digest("nmp id", parts))
}

fn digest(purpose: &str, parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in std::iter::once(&purpose).chain(parts) {
        // The length in front keeps ("ab", "c") and ("a", "bc") apart.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// Encrypts a value for the holder of the cookie.
pub(super) fn seal(cookie: &str, value: &impl Serialize) -> Option<String> {
    seal_with(&AES_256_GCM, &digest("nmp seal", &[cookie]), value)
}

/// Decrypts a value with the cookie it was sealed for; `None` when it was not.
pub(super) fn open<T: DeserializeOwned>(cookie: &str, sealed: &str) -> Option<T> {
    open_with(&AES_256_GCM, &digest("nmp seal", &[cookie]), sealed)
}

/// Encrypts a value that anybody may have made as often as they like: with a method that bears it if a random nonce comes
/// twice.
pub(super) fn seal_shared(key: &str, value: &impl Serialize) -> Option<String> {
    seal_with(&AES_256_GCM_SIV, &digest("nmp shared seal", &[key]), value)
}

/// Decrypts a value that was sealed with this key; `None` when it was not.
pub(super) fn open_shared<T: DeserializeOwned>(key: &str, sealed: &str) -> Option<T> {
    open_with(&AES_256_GCM_SIV, &digest("nmp shared seal", &[key]), sealed)
}

fn seal_with(algorithm: &'static Algorithm, key: &[u8; 32], value: &impl Serialize) -> Option<String> {
    let mut bytes = serde_json::to_vec(value).ok()?;
    let key = RandomizedNonceKey::new(algorithm, key).ok()?;
    let nonce = key.seal_in_place_append_tag(Aad::empty(), &mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &bytes].concat()))
}

fn open_with<T: DeserializeOwned>(algorithm: &'static Algorithm, key: &[u8; 32], sealed: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let (nonce, rest) = bytes.split_at_checked(NONCE_LEN)?;
    let key = RandomizedNonceKey::new(algorithm, key).ok()?;
    let mut rest = rest.to_vec();
    let plain = key.open_in_place(Nonce::try_assume_unique_for_key(nonce).ok()?, Aad::empty(), &mut rest).ok()?;
    serde_json::from_slice(plain).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_cookie_opens_it() {
        let sealed = seal("cookie", &("token", 1)).unwrap();
        assert_ne!(sealed, seal("cookie", &("token", 1)).unwrap());
        assert_eq!(open("cookie", &sealed), Some(("token".to_owned(), 1)));
        assert_eq!(open::<(String, i32)>("other", &sealed), None);
        assert_eq!(open::<(String, i32)>("cookie", "AAAA"), None);
        assert_eq!(open::<(String, i32)>("cookie", &sealed.replacen(|c: char| c != 'A', "A", 1)), None);
    }

    #[test]
    fn only_who_has_the_shared_key_opens_it() {
        let sealed = seal_shared("key", &("verifier", 1)).unwrap();
        assert_ne!(sealed, seal_shared("key", &("verifier", 1)).unwrap());
        assert_eq!(open_shared("key", &sealed), Some(("verifier".to_owned(), 1)));
        assert_eq!(open_shared::<(String, i32)>("other", &sealed), None);
        assert_eq!(open::<(String, i32)>("key", &sealed), None);
        assert_eq!(open_shared::<(String, i32)>("key", &sealed.replacen(|c: char| c != 'A', "A", 1)), None);
    }

    #[test]
    fn identifiers_keep_their_parts_apart() {
        assert_ne!(id(&["ab", "c"]), id(&["a", "bc"]));
    }
}
