//! A notice shown once, on the page after a redirect. It travels in a cookie and is escaped like
//! any other text, so that a forged one can say something but do nothing.

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::cookie::{self, Cookies};

/// The cookie's name.
const NAME: &str = "nmp-notice";
/// Longest text that is carried.
const MAX: usize = 600;

/// A notice for the next page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flash {
    /// How it looks: `ok`, `info`, `warn` or `bad`.
    pub kind: &'static str,
    /// What it says.
    pub text: String,
}

impl Flash {
    /// Makes a notice that something worked.
    #[must_use]
    pub fn success(text: impl Into<String>) -> Self {
        Self { kind: "ok", text: text.into() }
    }

    /// Makes a notice of something to know.
    #[must_use]
    pub fn info(text: impl Into<String>) -> Self {
        Self { kind: "info", text: text.into() }
    }

    /// Makes a notice of something to look at.
    #[must_use]
    pub fn warning(text: impl Into<String>) -> Self {
        Self { kind: "warn", text: text.into() }
    }

    pub(super) fn from_cookies(cookies: Cookies<'_>) -> Option<Self> {
        let (kind, text) = cookies.get(NAME)?.split_once('.')?;
        let kind = ["ok", "info", "warn", "bad"].into_iter().find(|known| *known == kind)?;
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        (text.len() <= MAX + 4).then_some(Self { kind, text })
    }

    pub(super) fn set_cookie(&self, secure: bool) -> Option<HeaderValue> {
        let text: String = self.text.char_indices().take_while(|(at, _)| *at < MAX).map(|(_, c)| c).collect();
        let value = format!("{}.{}", self.kind, URL_SAFE_NO_PAD.encode(text));
        cookie::set(NAME, &value, secure, Some(60))
    }

    pub(super) fn clear_cookie(secure: bool) -> Option<HeaderValue> {
        cookie::set(NAME, "", secure, Some(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let flash = Flash::success("Account \u{201c}contoso\u{201d} created; <b>");
        let header = flash.set_cookie(true).unwrap();
        let header = header.to_str().unwrap();
        assert!(header.contains("; Secure") && header.contains("; HttpOnly"), "{header}");
        let mut headers = axum::http::HeaderMap::new();
        headers.insert("cookie", HeaderValue::from_str(header.split(';').next().unwrap()).unwrap());
        assert_eq!(Flash::from_cookies(Cookies::new(&headers)), Some(flash));
    }
}
