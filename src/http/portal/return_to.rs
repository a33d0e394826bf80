//! Where to go after signing in: a path of ours or nothing.

use serde::Deserialize;

/// A local path with its query, such as `/numbers?account=contoso`. Anything else becomes `/`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct ReturnTo(String);

/// Longest path that is kept.
const MAX: usize = 2_000;

impl ReturnTo {
    /// Takes the text when it is a local path and not part of signing in or out.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let local = text.starts_with('/')
            && !text.starts_with("//")
            && text.len() <= MAX
            && text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '\\' | '"'));
        let path = text.split(['?', '#']).next().unwrap_or_default();
        let loops = ["/login", "/logout", "/signed-out", "/theme"].contains(&path) || path.starts_with("/auth/");
        Self(if local && !loops { text } else { "/" }.to_owned())
    }

    /// Returns the path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the same in at most so many characters: without the query when it is too long, and the overview when
    /// that is.
    #[must_use]
    pub(super) fn shortened(&self, most: usize) -> Self {
        if self.0.len() <= most {
            return self.clone();
        }
        let path = self.0.split(['?', '#']).next().unwrap_or_default();
        if path.len() <= most { Self::new(path) } else { Self::default() }
    }

    /// Returns the address of the sign-in page that comes back here.
    #[must_use]
    pub fn login(&self) -> String {
        if self.0 == "/" {
            return "/login".to_owned();
        }
        let query: String =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("return_to", &self.0).finish();
        format!("/login?{query}")
    }
}

impl Default for ReturnTo {
    fn default() -> Self {
        Self::new("/")
    }
}

impl From<String> for ReturnTo {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_paths_only() {
        for kept in ["/", "/numbers", "/numbers?account=a&q=%2B44", "/accounts/x/edit"] {
            assert_eq!(ReturnTo::new(kept).as_str(), kept);
        }
        let long = format!("/{}", "a".repeat(MAX));
        let refused = [
            "",
            "numbers",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example/",
            "/a\r\nSet-Cookie: x=1",
            "/a\tb",
            "/a\"b",
            "\\\\evil",
            "/login",
            "/login?return_to=/",
            "/auth/callback?x",
            "/logout",
            &long,
            "javascript:alert(1)",
            "/ü",
        ];
        for text in refused {
            assert_eq!(ReturnTo::new(text).as_str(), "/", "{text}");
        }
    }

    #[test]
    fn a_long_way_back_keeps_its_path() {
        let shortened = |text: &str| ReturnTo::new(text).shortened(20).as_str().to_owned();
        assert_eq!(shortened("/numbers?account=abc"), "/numbers?account=abc");
        assert_eq!(shortened("/numbers?account=abcd"), "/numbers");
        assert_eq!(shortened("/accounts/a-name-that-is-long"), "/");
    }

    #[test]
    fn the_way_back_is_escaped() {
        assert_eq!(ReturnTo::new("/numbers?a=b&c=d").login(), "/login?return_to=%2Fnumbers%3Fa%3Db%26c%3Dd");
        assert_eq!(ReturnTo::default().login(), "/login");
    }
}
