//! Which host a request is for. hyper accepts none, two, and an absolute address that differs.

use axum::http::{HeaderMap, Uri, Version, header};
use url::{Position, Url};

/// The values of `Host` a listener answers to.
#[derive(Clone, Debug)]
pub struct AllowedHosts {
    hosts: Vec<String>,
    setting: &'static str,
}

impl AllowedHosts {
    /// Accepts exactly the host of the public address and these, such as `portal.example.com` or `127.0.0.1:8080`, in any
    /// case. `setting` is the key under which more can be named.
    #[must_use]
    pub fn new(public_url: &Url, further: &[String], setting: &'static str) -> Self {
        // Host and, unless it is the usual one, port.
        let own = &public_url[Position::BeforeHost..Position::AfterPort];
        let hosts = std::iter::once(own).chain(further.iter().map(String::as_str));
        Self { hosts: hosts.map(str::to_ascii_lowercase).collect(), setting }
    }

    pub(in crate::http) fn setting(&self) -> &'static str {
        self.setting
    }

    /// Returns the host a request names, when there is exactly one and it is on the list.
    #[must_use]
    pub fn accepted<'a>(&self, version: Version, uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (named, repeated) = (hosts.next(), hosts.next());
        if repeated.is_some() || version < Version::HTTP_11 && named.is_none() {
            return None;
        }
        let named = named?.to_str().ok()?;
        if uri.authority().is_some_and(|authority| !authority.as_str().eq_ignore_ascii_case(named)) {
            return None;
        }
        self.hosts.iter().any(|host| host.eq_ignore_ascii_case(named)).then_some(named)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn accepted(uri: &str, hosts: &[&str]) -> bool {
        let allowed = AllowedHosts::new(
            &"https://portal.example.com/".parse().unwrap(),
            &["127.0.0.1:8080".to_owned()],
            "portal.allowed_hosts",
        );
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_str(host).unwrap());
        }
        allowed.accepted(Version::HTTP_11, &uri.parse().unwrap(), &headers).is_some()
    }

    #[test]
    fn exactly_one_host_on_the_list() {
        assert!(accepted("/", &["portal.example.com"]));
        assert!(accepted("/", &["PORTAL.example.com"]));
        assert!(accepted("/", &["127.0.0.1:8080"]));
        assert!(accepted("http://portal.example.com/x", &["portal.example.com"]));
        assert!(!accepted("/", &[]));
        assert!(!accepted("/", &["portal.example.com", "portal.example.com"]));
        assert!(!accepted("/", &["portal.example.com:8080"]));
        assert!(!accepted("/", &["evil.example"]));
        assert!(!accepted("http://evil.example/", &["portal.example.com"]));
        assert!(!accepted("http://evil.example/", &["evil.example"]));
    }
}
