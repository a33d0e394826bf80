//! The content security policy of every page.

use std::sync::{PoisonError, RwLock};

use axum::http::HeaderValue;

/// The policy, which changes only with the addresses of the identity provider.
pub(super) struct ContentPolicy(RwLock<HeaderValue>);

impl ContentPolicy {
    /// Makes a policy that lets forms lead to these origins besides our own.
    pub(super) fn new(form_origins: &[String]) -> Self {
        Self(RwLock::new(header_of(form_origins)))
    }

    /// Returns the value of `Content-Security-Policy`.
    pub(super) fn header(&self) -> HeaderValue {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets forms lead to these origins from now on, and to no other but our own. A form may be answered with a redirect
    /// to the identity provider (signing out), which `form-action` governs.
    pub(super) fn allow_forms_to(&self, origins: &[String]) {
        let policy = header_of(origins);
        if self.header() != policy {
            *self.0.write().unwrap_or_else(PoisonError::into_inner) = policy;
        }
    }
}

fn header_of(form_origins: &[String]) -> HeaderValue {
    let text = format!(
        "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'; form-action 'self' {}",
        form_origins.join(" ")
    );
    HeaderValue::from_str(text.trim_end()).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_nothing_inline() {
        let policy = ContentPolicy::new(&["https://login.example.com".to_owned()]);
        assert_eq!(
            policy.header(),
            "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'; \
             form-action 'self' https://login.example.com"
        );
    }
}
