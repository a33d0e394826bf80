//! Reading and writing cookies.

use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderValue, header};

/// The cookies of a request.
#[derive(Clone, Copy)]
pub struct Cookies<'a>(&'a HeaderMap);

impl<'a> Cookies<'a> {
    /// Returns the cookies in these headers.
    #[must_use]
    pub fn new(headers: &'a HeaderMap) -> Self {
        Self(headers)
    }

    /// Returns the value of the first cookie of this name.
    #[must_use]
    pub fn get(self, name: &str) -> Option<&'a str> {
        self.0
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(found, value)| (found == name).then_some(value))
    }
}

/// Makes a `Set-Cookie` for the whole host, out of reach for scripts and for other sites' requests. Without `max_age`
/// (seconds) the cookie lives as long as the browser runs; 0 removes it.
#[must_use]
pub fn set(name: &str, value: &str, secure: bool, max_age: Option<u32>) -> Option<HeaderValue> {
    let mut text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax");
    if secure {
        text.push_str("; Secure");
    }
    if let Some(seconds) = max_age {
        let _ = write!(text, "; Max-Age={seconds}");
    }
    HeaderValue::from_str(&text).ok()
}

/// Returns the cookie's name with the prefix that makes browsers insist on `Secure` and the exact host; without it over
/// plain HTTP, where browsers would not keep such a cookie.
#[must_use]
pub fn host_name(name: &str, secure: bool) -> String {
    if secure { format!("__Host-{name}") } else { name.to_owned() }
}
